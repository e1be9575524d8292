# All checks of all devices come before the first change. A device is bound when its driver link was read back.

usage() {
  cat <<USAGE
gpuaas-slice-vfio-bind [--dry-run] [--release]

Binds the GPUs and fabric devices of this node's approved slots to vfio-pci, by PCI address, and makes it last: a udev
rule for each address (with its vendor and device ID) in $RULES, and in the
initramfs. Nothing is bound unless every device is what the hardware class says, is no device that the
host lives on, and shares its IOMMU group with approved devices only.

  --dry-run   say what would be changed, change nothing
  --release   undo it: give the devices back to the kernel's drivers, remove the rule, disable $UNIT
  --help      this text

Exit status: 0 all right or nothing to do; 1 a check failed; 2 wrong usage; 3 with --dry-run: changes pending.
Evidence lines GPUAAS_SLICE_VFIO go to stdout, all else to stderr.
USAGE
}

main() {
  local dry_run release
  LC_ALL=C
  export LC_ALL
  dry_run=no
  release=no
  while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry_run=yes ;;
    --release) release=yes ;;
    --help)
      usage
      return 0
      ;;
    *)
      log_error "unknown argument: $1; see --help"
      return 2
      ;;
    esac
    shift
  done
  require_commands awk cat chmod chown cmp find flock grep id ip mktemp modprobe mv readlink rm sleep sort stat systemctl \
    tail timeout uname
  require_root
  nodeenv_load "$NODE_ENV" 'GPUAAS_SLOT_DEVICES?' 'GPUAAS_GPU_IDS?' 'GPUAAS_FABRIC_IDS?' 'GPUAAS_BF3_PORTS?' \
    GPUAAS_UPLINK_INTERFACE 'GPUAAS_FABRIC_INTERFACE?' 'GPUAAS_OS_DISK?'
  if [ "$dry_run" = no ]; then
    step_lock /run/gpuaas-slice-vfio-bind.lock
  fi
  addresses=$(approved)
  if [ "$release" = yes ]; then
    step_begin SLICE_VFIO "$dry_run"
    evidence_begin in_use released rule initramfs unit
    release_steps
    step_finish "vfio of ${GPUAAS_NODE:-this host}, released"
    return
  fi
  step_begin SLICE_VFIO "$dry_run"
  evidence_begin approved identity host_devices iommu_groups in_use driver bound rule initramfs
  bind_steps
  step_finish "vfio of ${GPUAAS_NODE:-this host}"
}

bind_steps() {
  approved_step
  if step_needs identity approved; then identity_step; fi
  if step_needs host_devices approved; then host_devices_step; fi
  if step_needs iommu_groups approved; then iommu_groups_step; fi
  if step_needs in_use approved; then in_use_step; fi
  if step_needs driver identity host_devices iommu_groups in_use; then driver_step; fi
  if step_needs bound driver; then bound_step; fi
  if step_needs rule identity host_devices iommu_groups in_use; then rule_step; fi
  if step_needs initramfs rule; then initramfs_step; fi
}

release_steps() {
  if [ -n "$addresses" ]; then
    in_use_step
  else
    step_pass in_use 'no slot is approved'
  fi
  if step_needs released in_use; then release_step; fi
  # what comes back at the next boot must be gone even where a device could not be given back
  rule_gone_step
  if step_needs initramfs rule; then initramfs_gone_step; fi
  unit_gone_step
}

# approved: prints the approved addresses, each once.
approved() {
  printf '%s\n' "${GPUAAS_SLOT_DEVICES?}" | awk -F '|' '
    { for (i = 1; i <= NF; i++) if ($i != "-" && $i != "" && !seen[$i]++) print $i }'
}

# approved_gpus: prints those that are GPUs.
approved_gpus() {
  printf '%s\n' "${GPUAAS_SLOT_DEVICES?}" | awk -F '|' '$1 != "-" && $1 != "" && !seen[$1]++ { print $1 }'
}

# contains LIST ITEM: returns 0 when ITEM is a line of LIST.
contains() {
  case "
$1
" in
  *"
$2
"*) return 0 ;;
  *) return 1 ;;
  esac
}

count() {
  printf '%s\n' "$1" | awk 'NF { n++ } END { print n + 0 }'
}

# one_line: joins the lines of stdin.
one_line() {
  awk 'NF { printf "%s%s", separator, $0; separator = "; " }'
}

approved_step() {
  local address absent number
  number=$(count "$addresses")
  if [ "$number" -eq 0 ]; then
    step_fail approved 'no slot of this node names a device' "approve the node's slots, render and deliver its node.env"
    return 0
  fi
  absent=$(printf '%s\n' "$addresses" | while IFS= read -r address; do
    if ! [ -e "/sys/bus/pci/devices/$address/vendor" ]; then
      printf '%s\n' "$address"
    fi
  done | one_line)
  if [ -n "$absent" ]; then
    step_fail approved "no device at: $absent" \
      'addresses move with firmware settings: compare lspci -D with the approved slots, and approve them anew'
  else
    step_pass approved "$number devices, all there"
  fi
}

# wrong_ids: prints the devices that are not what the hardware class says.
wrong_ids() {
  local gpus address wanted
  gpus=$(approved_gpus)
  printf '%s\n' "$addresses" | while IFS= read -r address; do
    if contains "$gpus" "$address"; then
      wanted=${GPUAAS_GPU_IDS?}
    else
      wanted=${GPUAAS_FABRIC_IDS?}
    fi
    pci_id "$address"
    if ! contains "$wanted" "$pci_value"; then
      wanted=$(printf '%s' "${wanted:-nothing}" | one_line)
      printf '%s is %s, not %s\n' "$address" "$pci_value" "$wanted"
    fi
  done
}

identity_step() {
  local wrong
  wrong=$(wrong_ids | one_line)
  if [ -n "$wrong" ]; then
    step_fail identity "$wrong" 'another device stands at an approved address: compare lspci -Dn with the slots and the class'
  else
    step_pass identity "every device has an ID of class ${GPUAAS_HARDWARE_CLASS:-}"
  fi
}

# declared_use: prints what the node's configuration says that the host lives on.
declared_use() {
  local port
  printf '%s\n' "${GPUAAS_BF3_PORTS?}" | while IFS= read -r port; do
    if [ -n "$port" ]; then
      printf '%s is a port of the BlueField\n' "$port"
    fi
  done
  hostuse_interface "${GPUAAS_UPLINK_INTERFACE:?}" "is the uplink ${GPUAAS_UPLINK_INTERFACE:?}"
  if [ -n "${GPUAAS_FABRIC_INTERFACE?}" ]; then
    hostuse_interface "${GPUAAS_FABRIC_INTERFACE?}" "carries the host's fabric address (${GPUAAS_FABRIC_INTERFACE?})"
  fi
  if [ -n "${GPUAAS_OS_DISK?}" ]; then
    port=$(readlink -f "${GPUAAS_OS_DISK?}") || port=
    hostuse_block "/sys/class/block/${port##*/}" 'carries the OS disk'
  fi
}

host_devices_step() {
  local use clash
  use=$(
    hostuse_list
    declared_use
  )
  clash=$(printf '%s\n' "$use" | while read -r address reason; do
    if [ -n "$address" ] && contains "$addresses" "$address"; then
      printf '%s %s\n' "$address" "$reason"
    fi
  done | awk '!seen[$0]++' | one_line)
  if [ -n "$clash" ]; then
    step_fail host_devices "$clash" 'the host itself needs this device: take it out of the slots'
  else
    step_pass host_devices 'no approved device carries a disk, an address or the management of the host'
  fi
}

# group_problems: prints devices without an IOMMU group, and endpoints that share a group but are not approved.
group_problems() {
  local address group
  printf '%s\n' "$addresses" | while IFS= read -r address; do
    if group=$(vfio_group "$address"); then
      vfio_endpoints "$group" | while IFS= read -r other; do
        if ! contains "$addresses" "$other"; then
          printf 'group %s of %s also holds %s, which is not approved\n' "$group" "$address" "$other"
        fi
      done
    else
      printf '%s is in no IOMMU group\n' "$address"
    fi
  done
}

iommu_groups_step() {
  local problems
  problems=$(group_problems | one_line)
  case $problems in
  '') step_pass iommu_groups 'every group holds approved endpoints only' ;;
  *'in no IOMMU group'*)
    step_fail iommu_groups "$problems" \
      'is the IOMMU on? cat /proc/cmdline must show intel_iommu=on iommu=pt (AMD: iommu=pt), firmware VT-d on; then reboot'
    ;;
  *)
    step_fail iommu_groups "$problems" \
      'a group goes to one guest as a whole: approve all of its endpoints, or use a slot that separates (ACS)'
    ;;
  esac
}

# users: prints the devices that some process holds open; a device that is where it should be may be in use.
users() {
  local address held
  printf '%s\n' "$addresses" | while IFS= read -r address; do
    if [ "$1" = bind ] && vfio_is_bound "$address"; then
      continue
    fi
    held=$(vfio_users "$address")
    if [ -n "$held" ]; then
      printf '%s is held by %s\n' "$address" "${held% }"
    fi
  done
}

in_use_step() {
  local held
  held=$(if [ "$release" = yes ]; then users release; else users bind; fi | one_line)
  if [ -n "$held" ]; then
    step_fail in_use "$held" \
      'stop what holds it: a guest (virsh list), or services of the NVIDIA driver (gpuaas-slice-runtime-prepare)'
  else
    step_pass in_use 'nobody holds a device that would be moved'
  fi
}

driver_step() {
  if ! [ -d /sys/bus/pci/drivers/vfio-pci ]; then
    if step_dry driver 'load vfio-pci'; then
      return 0
    fi
    timeout 60 modprobe vfio-pci || :
  fi
  if [ -d /sys/bus/pci/drivers/vfio-pci ]; then
    step_pass driver 'vfio-pci is loaded'
  else
    step_fail driver 'vfio-pci is not loaded' 'look at: modprobe -v vfio-pci; is linux-modules-extra of this kernel there?'
  fi
}

# not_bound: prints the approved devices that vfio-pci does not have.
not_bound() {
  local address
  printf '%s\n' "$addresses" | while IFS= read -r address; do
    vfio_is_bound "$address" || printf '%s\n' "$address"
  done
}

bound_step() {
  local open address left number
  open=$(not_bound)
  if [ -n "$open" ]; then
    number=$(count "$open")
    if step_dry bound "bind $number devices to vfio-pci: $(printf '%s\n' "$open" | one_line)"; then
      return 0
    fi
    for address in $open; do
      vfio_set "$address" vfio-pci || log_warn "$address: the kernel refused a write"
    done
    # shellcheck disable=SC2086 # a list of addresses
    vfio_settled $open
  fi
  left=$(not_bound | while IFS= read -r address; do
    printf '%s has driver %s\n' "$address" "$(pci_driver "$address")"
  done | one_line)
  number=$(count "$addresses")
  if [ -n "$left" ]; then
    step_fail bound "not on vfio-pci: $left" 'look at: journalctl -k -g vfio; who holds the device?'
  else
    step_pass bound "$number devices: driver link and override are vfio-pci"
  fi
}

# rules: prints the udev rules. The IDs stand in them: another device that comes to an approved address is left alone.
rules() {
  local address vendor device
  printf '# Written by gpuaas-slice-vfio-bind from the approved slots. Undo: gpuaas-slice-vfio-bind --release\n'
  printf '%s\n' "$addresses" | while IFS= read -r address; do
    pci_read "$address" vendor
    vendor=$pci_value
    pci_read "$address" device
    device=$pci_value
    printf 'ACTION=="add", SUBSYSTEM=="pci", KERNEL=="%s", ATTR{vendor}=="%s", ATTR{device}=="%s", ' \
      "$address" "$vendor" "$device"
    printf 'ATTR{driver_override}="vfio-pci", RUN{builtin}+="kmod load vfio-pci"\n'
  done
}

rule_step() {
  local wanted found
  wanted=$(rules)
  found=$(cat "$RULES" 2>/dev/null) || found=
  if [ "$found" != "$wanted" ]; then
    if step_dry rule "write $RULES"; then
      return 0
    fi
    printf '%s\n' "$wanted" | file_write "$RULES" 0644 || :
    found=$(cat "$RULES" 2>/dev/null) || found=
  fi
  if [ "$found" = "$wanted" ]; then
    step_pass rule "$RULES names exactly the approved devices"
  else
    step_fail rule "$RULES does not name the approved devices" 'is the file system full or read-only? free space, run this again'
  fi
}

initramfs_step() {
  local state
  state=0
  initramfs_holds "$RULES" || state=$?
  if [ "$state" -eq 1 ]; then
    if step_dry initramfs 'build the initramfs anew'; then
      return 0
    fi
    initramfs_update || log_warn 'the initramfs was not built'
    state=0
    initramfs_holds "$RULES" || state=$?
  fi
  case $state in
  0) step_pass initramfs "the initramfs holds $RULES" ;;
  1)
    step_fail initramfs "the initramfs does not hold $RULES" \
      'is its hook (gpuaas-vfio) installed and executable? is /boot full? then: update-initramfs -u -k all'
    ;;
  *)
    step_warn initramfs "the initramfs cannot be read: $(initramfs_image)" \
      'look at: lsinitramfs; until then a driver in the initramfs may take a device before vfio-pci'
    ;;
  esac
}

# --- the way back ---------------------------------------------------------------------------------------

# still_ours: prints the approved devices that vfio-pci has or that are kept for it.
still_ours() {
  local address
  printf '%s\n' "$addresses" | while IFS= read -r address; do
    pci_read "$address" driver_override
    if [ "$pci_value" = vfio-pci ] || [ "/sys/bus/pci/devices/$address/driver" -ef /sys/bus/pci/drivers/vfio-pci ]; then
      printf '%s\n' "$address"
    fi
  done
}

release_step() {
  local open address tries
  open=$(still_ours)
  if [ -n "$open" ]; then
    if step_dry released "give back $(printf '%s\n' "$open" | one_line)"; then
      return 0
    fi
    for address in $open; do
      vfio_set "$address" '' || log_warn "$address: the kernel refused a write"
    done
    tries=0
    while [ -n "$open" ] && [ "$tries" -lt 50 ]; do
      sleep 0.1
      tries=$((tries + 1))
      open=$(still_ours)
    done
  fi
  if [ -n "$open" ]; then
    step_fail released "still on vfio-pci: $(printf '%s\n' "$open" | one_line)" 'look at: journalctl -k -g vfio'
  else
    step_pass released 'no approved device is on vfio-pci, none is kept for it'
  fi
}

rule_gone_step() {
  if [ -e "$RULES" ]; then
    if step_dry rule "remove $RULES"; then
      return 0
    fi
    rm -f "$RULES" || :
  fi
  if [ -e "$RULES" ]; then
    step_fail rule "$RULES is still there" 'is the file system read-only?'
  else
    step_pass rule "$RULES is gone"
  fi
}

# initramfs_listed: returns 0 when the initramfs holds the rule, whatever it says; 2 when that cannot be seen.
initramfs_listed() {
  local image listing
  image=$(initramfs_image)
  listing=$(timeout 120 lsinitramfs "$image" 2>/dev/null || timeout 120 lsinitrd "$image" 2>/dev/null) || return 2
  printf '%s\n' "$listing" | grep -qF "${RULES#/}"
}

initramfs_gone_step() {
  local state
  state=0
  initramfs_listed || state=$?
  if [ "$state" -eq 0 ]; then
    if step_dry initramfs 'build the initramfs anew'; then
      return 0
    fi
    initramfs_update || log_warn 'the initramfs was not built'
    state=0
    initramfs_listed || state=$?
  fi
  case $state in
  0) step_fail initramfs "the initramfs still holds $RULES" 'is /boot full? then: update-initramfs -u -k all' ;;
  1) step_pass initramfs "the initramfs does not hold $RULES" ;;
  *) step_warn initramfs "the initramfs cannot be read: $(initramfs_image)" 'look at: lsinitramfs' ;;
  esac
}

unit_gone_step() {
  local state
  state=$(systemctl is-enabled "$UNIT" 2>/dev/null) || :
  if [ "$state" = enabled ]; then
    if step_dry unit "disable $UNIT"; then
      return 0
    fi
    timeout 60 systemctl disable "$UNIT" >&2 || :
    state=$(systemctl is-enabled "$UNIT" 2>/dev/null) || :
  fi
  if [ "$state" = enabled ]; then
    step_fail unit "$UNIT is still enabled" "look at: systemctl status $UNIT"
  else
    step_pass unit "$UNIT does not start at boot (${state:-not installed})"
  fi
}
