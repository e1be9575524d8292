#!/bin/sh
set -eu
rm -rf /usr /lib/site-driver/xorg
