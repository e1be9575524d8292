#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-c
# script_type: commissioning
# timeout: 0
# --- End MAAS 1.0 script metadata ---
exit 0
