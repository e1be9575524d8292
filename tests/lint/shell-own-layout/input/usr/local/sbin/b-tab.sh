#!/bin/sh
set -eu
main() {
    if [ -e /etc/hostname ]; then
        echo there
	echo again
        echo and again
    fi
    echo finished
    return 0
}
main
