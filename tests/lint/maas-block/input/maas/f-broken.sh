#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: [unclosed
# title: x
# --- End MAAS 1.0 script metadata ---
exit 0
