#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-inventory
# script-type: commissioning
# hardwaretype: cpu
# Reboot: false
# --- End MAAS 1.0 script metadata ---
set -eu
lscpu
