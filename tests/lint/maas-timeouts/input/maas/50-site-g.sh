#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-g
# script_type: commissioning
# timeout: soon
# --- End MAAS 1.0 script metadata ---
exit 0
