#!/bin/sh
# Prüft die Lüfter.
set -eu
