#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: c-bare-line
script_type: testing
# --- End MAAS 1.0 script metadata ---
exit 0
