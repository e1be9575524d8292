#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 51-site-late
# script_type: testing
# recommission: true
# hardware_type: cpu
# --- End MAAS 1.0 script metadata ---
exit 0
