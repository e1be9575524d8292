#!/bin/bash
set -eu
show() {
    local name
    for name in "$@"; do
    printf '%s\n' "$name"
    done
    printf 'end\n'
    printf 'of list\n'
}
show one two
