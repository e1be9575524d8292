#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-c
# script_type: commissioning
# packages: {apt: jq curl}
# --- End MAAS 1.0 script metadata ---
exit 0
