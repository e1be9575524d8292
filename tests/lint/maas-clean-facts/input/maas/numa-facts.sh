#!/bin/sh -e
#
# numa-facts - which processor belongs to which node
#
# Copyright: put your own here.
#
# A line with --- dashes --- that is no marker.

numa_nodes() {
	for node in /sys/devices/system/node/node[0-9]*; do
		printf '%s %s\n' "${node##*/}" "$(cat "$node/cpulist")"
	done
}

# --- Start MAAS 1.0 script metadata ---
# name: numa-facts
# script_type: commissioning
# hardware_type: cpu
# timeout: 30
# --- End MAAS 1.0 script metadata ---

numa_nodes | sort -V
