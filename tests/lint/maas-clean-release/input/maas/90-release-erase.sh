#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 90-release-erase
# title: Erase disks
# script_type: release
# hardware_type: storage
# destructive: true
# timeout: "01:00:00"
# --- End MAAS 1.0 script metadata ---
set -eu

# Every namespace by its identity; kernel names change over restarts.
for disk in /dev/disk/by-id/nvme-eui.*; do
  case $disk in
    *-part*) continue ;;
    *) ;;
  esac
  echo "erasing $disk"
  wipefs --all --quiet "$disk"
  blkdiscard "$disk"
done
