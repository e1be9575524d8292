#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-card
# script_type: commissioning
# tags: [noauto]
# --- End MAAS 1.0 script metadata ---
set -eu
sudo -n mstflint -d 01:00.0 -i fw.bin burn
