#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-bios
# script_type: commissioning
# --- End MAAS 1.0 script metadata ---
set -eu
run() {
  timeout 120 racadm "$@"
}
run get BIOS.ProcSettings
run set BIOS.ProcSettings.ProcVirtualization Enabled
run jobqueue create BIOS.Setup.1-1
