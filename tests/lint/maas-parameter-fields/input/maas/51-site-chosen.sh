#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 51-site-chosen
# script_type: commissioning
# tags: [noauto]
# parameters:
#   5: {type: storage}
#   time: {type: runtime, min: -1}
#   pick: {type: choice, argument_format: '--pick={input}', choices: [a, [b]]}
# --- End MAAS 1.0 script metadata ---
exit 0
