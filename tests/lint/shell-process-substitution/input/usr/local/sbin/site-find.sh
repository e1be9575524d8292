#!/bin/sh
set -eu
while read -r name; do
  printf '%s\n' "$name"
done < <(ls /etc)
