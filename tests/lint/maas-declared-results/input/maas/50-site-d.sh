#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-d
# script_type: commissioning
# results: {verdict: {title: 5}}
# --- End MAAS 1.0 script metadata ---
exit 0
