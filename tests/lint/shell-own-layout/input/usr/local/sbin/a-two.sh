#!/bin/sh
set -eu
main() {
  local name
  for name in one two three; do
    if [ -e "/etc/$name" ]; then
       echo "$name"
    fi
    echo "$name seen"
  done
  echo finished
  return 0
}
main
