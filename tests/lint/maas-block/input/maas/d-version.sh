#!/bin/sh
# --- Start MAAS 2.0 script metadata ---
# name: d-version
# --- End MAAS 2.0 script metadata ---
exit 0
