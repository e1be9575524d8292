#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 20-maas-01-site-hints
# script_type: commissioning
# --- End MAAS 1.0 script metadata ---
exit 0
