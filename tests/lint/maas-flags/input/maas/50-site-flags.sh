#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-flags
# script_type: commissioning
# tags: [noauto]
# destructive: 'no'
# may_reboot: '0'
# recommission: 'true'
# apply_configured_networking: 1
# --- End MAAS 1.0 script metadata ---
exit 0
