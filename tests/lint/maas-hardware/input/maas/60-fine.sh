#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 60-fine
# script_type: commissioning
# tags: [nic]
# for_hardware: ['pci:10de:2335', 'system_vendor:Dell Inc.', 'modalias:pci:v000010DEd*']
# --- End MAAS 1.0 script metadata ---
exit 0
