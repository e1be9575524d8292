#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-f
# script_type: testing
# timeout: 24:00:00
# parameters: {runtime: {type: runtime}}
# --- End MAAS 1.0 script metadata ---
exit 0
