#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-g
# title: No type
# hardware_type: cpu
# --- End MAAS 1.0 script metadata ---
exit 0
