#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 55-rack-position
# title: Rack position
# description: >
#     Reads the asset tag from the FRU, so that
#     a machine can be found in the hall.
# script_type: commissioning
# hardware_type: node
# parallel: disabled
# timeout: 120
# tags:
#     - rack
#     - inventory
# packages:
#     apt:
#         - ipmitool
# results:
#     asset_tag:
#         title: Asset tag
#         description: As the integrator wrote it
# --- End MAAS 1.0 script metadata ---

# Reads the asset tag that the integrator wrote into the BMC.
set -eu

fail()
{
    printf '%s\n' "$*" >&2
    exit 1
}

command -v ipmitool >/dev/null 2>&1 || fail "ipmitool is missing"

tag=$(ipmitool fru print 0 |
      awk -F: '/Asset Tag/ { gsub(/ /, "", $2); print $2; exit }')
if [ -z "$tag" ]
then
    fail "no asset tag"
fi

if [ -n "${RESULT_PATH:-}" ]
then
    {
        echo "status: passed"
        echo "results:"
        echo "  asset_tag: \"$tag\""
    } > "$RESULT_PATH"
fi
echo "asset tag $tag"
