#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-e
# script_type: commissioning
# packages: {snap: [{name: lxd, channel: latest}]}
# --- End MAAS 1.0 script metadata ---
exit 0
