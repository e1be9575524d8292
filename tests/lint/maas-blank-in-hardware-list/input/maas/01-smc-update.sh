#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 01-smc-update
# script_type: commissioning
# tags: update_firmware
# for_hardware: mainboard_product:X11DPFR-S, mainboard_product:X11DPFR-SN
# --- End MAAS 1.0 script metadata ---
set -eu
dmidecode -s baseboard-product-name
