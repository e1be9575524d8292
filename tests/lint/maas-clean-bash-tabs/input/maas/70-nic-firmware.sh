#!/bin/bash
# --- Start MAAS 1.0 script metadata ---
# name: 70-nic-firmware
# title: Firmware of network cards
# script_type: commissioning
# tags: noauto, update_firmware
# for_hardware: [pci:15b3:1021, 'system_vendor:Dell Inc.']
# packages: {apt: [mstflint], url: ['https://firmware.example.com/fw-image.bin']}
# may_reboot: yes
# recommission: yes
# timeout: PT45M
# --- End MAAS 1.0 script metadata ---

set -o errexit -o nounset -o pipefail

declare -r image="${DOWNLOAD_PATH}/fw-image.bin"
declare -a cards=()

find_cards() {
	local line
	while IFS= read -r line; do
		cards+=("${line%% *}")
	done < <(lspci -D -d 15b3:)
}

update_card() {
	local card=$1
	case "$(mstflint -d "$card" query | awk '/^FW Version/ { print $3 }')" in
		28.39.*)
			echo "${card}: up to date"
			;;
		*)
			mstflint --yes -d "$card" -i "$image" burn
			;;
	esac
}

find_cards
for card in "${cards[@]}"; do
	update_card "$card"
done
if (( ${#cards[@]} > 0 )); then
	touch /run/firmware-updated
	reboot
fi
