#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-erase
# script_type: release
# --- End MAAS 1.0 script metadata ---
set -eu
for disk in /dev/disk/by-id/nvme-*; do
  nice -n 10 blkdiscard "$disk"
done
