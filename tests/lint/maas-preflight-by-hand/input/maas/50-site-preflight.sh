#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-preflight
# script_type: commissioning
# tags: [site, noauto]
# --- End MAAS 1.0 script metadata ---
set -eu
lspci -nn
