#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-b
# script_type: commissioning
# tags: {noauto: true}
# --- End MAAS 1.0 script metadata ---
exit 0
