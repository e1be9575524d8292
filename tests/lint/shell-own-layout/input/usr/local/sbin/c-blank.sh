#!/bin/sh
set -eu
main() {
	echo one
	echo two 
	echo three
	echo four
	echo five
}
main
