#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-b
# script_type: commissioning
# may_reboot: true
# --- End MAAS 1.0 script metadata ---
set -eu
[ "$HAS_STARTED" = True ] || shutdown -r now
