#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 60-fine-b
# script_type: commissioning
# timeout: 00:10:00
# --- End MAAS 1.0 script metadata ---
exit 0
