#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 60-fine-e
# script_type: commissioning
# timeout: PT15M
# --- End MAAS 1.0 script metadata ---
exit 0
