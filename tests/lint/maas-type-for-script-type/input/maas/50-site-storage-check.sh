#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-storage-check
# title: Storage health check
# description: Says which disks there are
# type: commissioning
# timeout: 00:10:00
# tags: [storage]
# hardware_type: storage
# --- End MAAS 1.0 script metadata ---
set -eu
lsblk --nodeps --noheadings --output NAME,MODEL
