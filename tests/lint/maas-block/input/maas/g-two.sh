#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: g-two
# script_type: commissioning
# --- End MAAS 1.0 script metadata ---
exit 0
# --- Start MAAS 1.0 script metadata ---
# title: Second
# --- End MAAS 1.0 script metadata ---
