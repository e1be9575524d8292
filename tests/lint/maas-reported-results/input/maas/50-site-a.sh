#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-a
# script_type: commissioning
# results:
#   throughput: {title: Throughput}
#   latency: {title: Latency}
# --- End MAAS 1.0 script metadata ---
set -eu
value=$(cat /proc/loadavg)
cat >"$RESULT_PATH" <<EOF
status: ok
results:
  througput: ${value%% *}
  latency: 1
EOF
