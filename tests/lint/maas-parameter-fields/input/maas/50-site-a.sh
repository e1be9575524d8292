#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-a
# script_type: commissioning
# parameters:
#   disk: {type: banana}
#   size: {min: 1}
#   card: {type: interface, min: 1}
#   mode: {type: choice, argument_format: '--mode={input}'}
#   name: {type: string, argument_format: '--name={input}', choices: [a, b], required: 'yes'}
#   range: {type: string, argument_format: '--range={input}', min: 9, max: 3}
#   where: {type: url, tittle: Where}
#   list: {type: storage, allow_list: true}
# --- End MAAS 1.0 script metadata ---
exit 0
