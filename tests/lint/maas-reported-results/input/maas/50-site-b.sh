#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-b
# script_type: commissioning
# results: [verdict]
# --- End MAAS 1.0 script metadata ---
set -eu
{
  printf 'result: passed\n'
  printf 'results:\n  verdict: %s\n' "$(id -un)"
} >"$RESULT_PATH"
