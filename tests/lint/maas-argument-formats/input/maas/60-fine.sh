#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 60-fine
# script_type: testing
# parameters:
#   storage: {type: storage}
#   url: {type: url, default: 'https://example.com', argument_format: '{input}'}
#   string: {type: string}
# --- End MAAS 1.0 script metadata ---
exit 0
