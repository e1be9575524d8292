#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 60-site-format
# script_type: commissioning
# noauto: true
# destructive: true
# --- End MAAS 1.0 script metadata ---
set -eu
for disk in /dev/disk/by-id/nvme-eui.*; do
  nvme format --ses=1 --force "$disk"
done
