#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 60-fine
# script_type: commissioning
# packages: {apt: jq, snap: {name: lxd, mode: classic}, url: [https://example.com/a.tar.gz]}
# --- End MAAS 1.0 script metadata ---
exit 0
