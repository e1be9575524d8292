#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-disk
# script_type: testing
# --- End MAAS 1.0 script metadata ---
set -eu
for disk in /dev/disk/by-id/nvme-*; do
  nvme format "$disk" --force
done
