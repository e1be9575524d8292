#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 60-fine
# script_type: commissioning
# tags: noauto, rack-1
# --- End MAAS 1.0 script metadata ---
exit 0
