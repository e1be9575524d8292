#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-a
# script_type: commissioning
# tags:
# timeout:
# packages: null
# title: yes
# description: 1.10
# --- End MAAS 1.0 script metadata ---
exit 0
