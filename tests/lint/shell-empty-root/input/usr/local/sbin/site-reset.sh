#!/bin/sh
set -e
root=$(cd "${0%/*}" && pwd)
rm -rf "$root/"*
