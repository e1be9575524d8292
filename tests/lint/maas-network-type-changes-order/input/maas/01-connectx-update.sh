#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 01-connectx-update
# type: commissioning
# script_type: commissioning
# tags: commissioning
# hardware_type: network
# for_hardware: pci:15b3:1021
# may_reboot: True
# --- End MAAS 1.0 script metadata ---
set -eu
for device in /sys/class/infiniband/*; do
  mstconfig -y -d "${device##*/}" set LINK_TYPE_P1=2
done
