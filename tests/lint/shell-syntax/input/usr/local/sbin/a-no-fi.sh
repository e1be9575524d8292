#!/bin/sh
set -eu
main() {
  if [ -e /etc/hostname ]; then
    echo there
}
main
