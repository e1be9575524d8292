#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 51-site-flags-plain
# script_type: commissioning
# destructive: no
# may_reboot: off
# recommission: No
# --- End MAAS 1.0 script metadata ---
exit 0
