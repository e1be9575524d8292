#!/bin/bash
# --- Start MAAS 1.0 script metadata ---
# name: wipe-all
# title: Wipe Disks
# script_type: commissioning
# hardware_type: storage
# destructive: True
# --- End MAAS 1.0 script metadata ---

# shellcheck disable=SC2016 # the inner shell expands it
find /dev -maxdepth 1 -type b -print0 | xargs -0 -rn1 -P1 bash -c '
[ -x /sbin/wipefs ] && { wipefs -af "$0"; }
[ -x /sbin/sgdisk ] && { sgdisk -Z "$0"; }
'
exit 0
