#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 02-dell-firmware
# script_type: commissioning
# tags: [noauto]
# --- End MAAS 1.0 script metadata ---
exit 0
