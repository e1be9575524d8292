#!/bin/sh
set -eu
function show {
  printf '%s\n' "$1"
}
show one
