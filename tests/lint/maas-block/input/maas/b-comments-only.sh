#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: b-comments-only
# script_type: testing
