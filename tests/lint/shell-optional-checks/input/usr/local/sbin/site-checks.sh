#!/bin/sh
set -eu
count=3
case ${1:-} in
  -v) echo verbose ;;
esac
if [ "$(id -u)" ]; then
  cat /etc/hostname | tr '[:lower:]' '[:upper:]'
fi
[ ! "$count" -eq 3 ] || which lspci
exit $count
