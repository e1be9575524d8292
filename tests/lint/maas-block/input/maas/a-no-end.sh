#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: a-no-end
# script_type: testing
exit 0
