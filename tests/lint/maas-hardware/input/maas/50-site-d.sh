#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-d
# script_type: commissioning
# tags: [nic]
# for_hardware: system_vendor:Dell, Inc.
# --- End MAAS 1.0 script metadata ---
exit 0
