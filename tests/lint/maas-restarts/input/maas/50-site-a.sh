#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-a
# script_type: commissioning
# tags: [noauto]
# --- End MAAS 1.0 script metadata ---
set -eu
systemctl reboot
