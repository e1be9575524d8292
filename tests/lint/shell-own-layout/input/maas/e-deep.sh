#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: e-deep
# script_type: commissioning
# --- End MAAS 1.0 script metadata ---
set -eu
main() {
  echo one
    echo two
  echo three
  echo four
  echo five
}
main
