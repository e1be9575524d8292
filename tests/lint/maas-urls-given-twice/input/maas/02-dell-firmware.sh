#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 02-dell-firmware
# title: Firmware of a server
# script_type: commissioning
# tags: update_firmware update_firmware_bios
# packages:
#  url: https://downloads.example.com/BIOS_1.6.12.BIN
#  url: https://downloads.example.com/iDRAC_3.21.BIN
#  url: https://downloads.example.com/CPLD_1.0.6.BIN
# for_hardware: mainboard_product:00WGD1
# may_reboot: True
# recommission: True
# --- End MAAS 1.0 script metadata ---
set -u
for package in "$DOWNLOAD_PATH"/*.BIN; do
  chmod +x "$package"
  if "$package" -qc; then
    "$package" -qn
  fi
done
