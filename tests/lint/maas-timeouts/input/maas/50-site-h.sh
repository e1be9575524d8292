#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-h
# script_type: commissioning
# timeout: 0:45
# --- End MAAS 1.0 script metadata ---
exit 0
