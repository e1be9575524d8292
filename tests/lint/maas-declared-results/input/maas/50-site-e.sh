#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-e
# script_type: commissioning
# results: {verdict: Verdict}
# --- End MAAS 1.0 script metadata ---
exit 0
