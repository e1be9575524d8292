#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 60-fine
# script_type: commissioning
# results: {verdict: {title: Verdict}}
# --- End MAAS 1.0 script metadata ---
set -eu
report() {
  printf 'status: %s\nresults:\n' "$1"
  printf '  verdict: %s\n' "$1"
}
report passed >"$RESULT_PATH"
