#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# - name
# - script_type
# --- End MAAS 1.0 script metadata ---
exit 0
