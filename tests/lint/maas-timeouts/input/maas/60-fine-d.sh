#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 60-fine-d
# script_type: commissioning
# timeout: "2 00:00:00"
# --- End MAAS 1.0 script metadata ---
exit 0
