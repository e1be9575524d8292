#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-f
# script_type: commissioning
# parallel: Any
# --- End MAAS 1.0 script metadata ---
exit 0
