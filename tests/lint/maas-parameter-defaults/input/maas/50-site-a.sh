#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-a
# script_type: testing
# tags: [commissioning]
# parameters:
#   count: {type: string, argument_format: '--count={input}', default: 5}
#   force: {type: boolean, argument_format: '--force={input}', default: false}
#   runtime: {type: runtime, default: 60}
#   runtime2: {type: runtime, default: '60'}
#   mode: {type: choice, argument_format: '--mode={input}', choices: [fast, slow], default: medium}
#   token: {type: string, argument_format: '--token={input}', required: true}
#   deep: {type: boolean, argument_format: '--deep={input}', default: 'yes'}
# --- End MAAS 1.0 script metadata ---
exit 0
