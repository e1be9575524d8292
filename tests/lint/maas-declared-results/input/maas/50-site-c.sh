#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-c
# script_type: commissioning
# results: [verdict, 5]
# --- End MAAS 1.0 script metadata ---
exit 0
