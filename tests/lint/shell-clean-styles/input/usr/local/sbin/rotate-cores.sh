#!/usr/bin/env bash

set -euo pipefail
shopt -s nullglob

readonly keep=5

function rotate {
  local -a cores=(/var/crash/*.core)
  local -i extra=$(( ${#cores[@]} - keep ))

  if (( extra <= 0 )); then
    return
  fi
  rm -f -- "${cores[@]:0:extra}"
}

rotate "$@"
