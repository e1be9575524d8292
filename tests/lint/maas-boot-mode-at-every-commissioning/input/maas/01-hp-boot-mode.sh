#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 01-hp-boot-mode
# type: commissioning
# script_type: commissioning
# tags: commissioning
# destructive: False
# hardware_type: node
# may_reboot: True
# recommission: True
# --- End MAAS 1.0 script metadata ---
set -u
command -v ilorest >/dev/null || exit 1
ilorest setBootMode=LegacyBios --selector=Bios. --commit
