#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-c
# script_type: commissioning
# tags: [nic]
# for_hardware: [xpci:10de:2335]
# --- End MAAS 1.0 script metadata ---
exit 0
