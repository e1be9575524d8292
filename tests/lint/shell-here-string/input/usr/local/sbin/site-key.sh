#!/bin/sh
set -eu
output=$(grep -i '^from:' "$1")
head -n 1 <<<"$output"
