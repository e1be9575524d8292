#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# script_type: testing
# --- End MAAS 1.0 script metadata ---
exit 0
