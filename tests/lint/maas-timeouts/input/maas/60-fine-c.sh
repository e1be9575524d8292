#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 60-fine-c
# script_type: commissioning
# timeout: 1:30:00
# --- End MAAS 1.0 script metadata ---
exit 0
