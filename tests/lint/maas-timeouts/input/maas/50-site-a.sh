#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-a
# script_type: commissioning
# timeout: 10m
# --- End MAAS 1.0 script metadata ---
exit 0
