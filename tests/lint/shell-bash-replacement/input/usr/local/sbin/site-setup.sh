#!/bin/sh
set -eu
missing="one two"
printf 'missing: %s\n' "${missing// /, }"
