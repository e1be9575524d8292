#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-d
# script_type: commissioning
# parallel: true
# --- End MAAS 1.0 script metadata ---
exit 0
