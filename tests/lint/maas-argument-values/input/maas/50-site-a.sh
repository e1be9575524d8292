#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-a
# script_type: testing
# parameters:
#   title: {type: string, argument_format: '--title={input}', default: two words}
#   level: {type: choice, argument_format: '--level={input}', choices: [low, very high]}
#   disk: {type: storage, argument_format: '--model={model}'}
#   force: {type: boolean, argument_format: '--force {input}'}
#   quick: {type: boolean, argument_format: --quick}
#   secret: {type: password, argument_format: '--secret={input}'}
# --- End MAAS 1.0 script metadata ---
exit 0
