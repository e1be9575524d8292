#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-site-a
# script_type: testing
# parameters:
#   card: {type: interface, argument_format: '--mac={mac}'}
#   port: {type: interface, argument_format: '--mac={mac_address}'}
#   disk: {type: storage, argument_format: --disk}
#   mode: {type: string, argument_format: '--mode={value}'}
#   name: {type: string, argument_format: '--name="{input}"'}
#   level: {type: string, argument_format: '--level={input'}
#   size: {type: string}
#   both: {type: interface, argument_format: '--card={name} --mac={mac_address}'}
# --- End MAAS 1.0 script metadata ---
exit 0
