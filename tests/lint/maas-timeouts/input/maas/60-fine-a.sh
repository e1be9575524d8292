#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 60-fine-a
# script_type: commissioning
# timeout: 600
# --- End MAAS 1.0 script metadata ---
exit 0
