#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 60-fine-reads
# script_type: commissioning
# --- End MAAS 1.0 script metadata ---
set -eu
racadm get BIOS.ProcSettings
nvme list
wipefs /dev/disk/by-id/nvme-eui.1
sgdisk -p /dev/disk/by-id/nvme-eui.1
mstconfig -d 01:00.0 query
dd if=/dev/disk/by-id/nvme-eui.1 of=/dev/null bs=1M count=1
