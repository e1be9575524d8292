#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 52-site-early
# script_type: commissioning
# hardware_type: gpu
# --- End MAAS 1.0 script metadata ---
exit 0
