#!/bin/sh
set -eu
printf '%s\n' "$SITE_BRIDGE"
