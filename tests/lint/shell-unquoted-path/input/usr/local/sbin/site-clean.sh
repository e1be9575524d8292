#!/bin/sh
set -eu
worldpath=$1
rm -rf $worldpath
mkdir -p "$worldpath"
