#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-a
# script_type: commissioning
# tags: [nic]
# for_hardware: [pci:10DE:2335, gpu:nvidia]
# --- End MAAS 1.0 script metadata ---
exit 0
