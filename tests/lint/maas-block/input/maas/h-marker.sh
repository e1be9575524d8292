#!/bin/sh
# Start MAAS 1.0 script metadata
# name: h-marker
exit 0
