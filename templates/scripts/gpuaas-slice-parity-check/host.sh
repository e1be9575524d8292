# What the machine and its kernel are: node agent, processor, IOMMU, devices for guests, memory.

host_checks() {
  # shellcheck disable=SC2086 # names, one word each
  units_ask "$AGENT_UNIT" $GPU_UNITS "$FABRIC_MANAGER"
  profile_tag
  node_agent
  if needs node_agent_version node_agent; then node_agent_version; fi
  gpu_services
  kvm_module
  if needs kvm kvm_module; then kvm_device; fi
  iommu_arguments
  if needs iommu iommu_arguments; then iommu_groups; fi
  vfio_module
  if needs vfio vfio_module iommu; then vfio_binding; fi
  hugepages
}

profile_tag() {
  if [ "${GPUAAS_PROFILE:?}" = "$PROFILE" ]; then
    pass profile_tag "node.env says $PROFILE (in MAAS the tag gpuaas-profile-$PROFILE)"
  else
    fail profile_tag "node.env says ${GPUAAS_PROFILE:?}, this script judges $PROFILE" \
      "correct the node's profile, render, and deploy with the tag gpuaas-profile-$PROFILE in MAAS"
  fi
}

# node_agent: the unit's main process runs the installed binary, not one that was replaced under it.
node_agent() {
  local pid program state
  unit_value "$AGENT_UNIT" ActiveState
  state=$unit_value
  unit_value "$AGENT_UNIT" MainPID
  pid=$unit_value
  if [ "$state" != active ] || [ "${pid:-0}" -eq 0 ]; then
    fail node_agent "$AGENT_UNIT is ${state:-unknown}" "look at: systemctl status $AGENT_UNIT; journalctl -u $AGENT_UNIT"
    return 0
  fi
  program=$(readlink "/proc/$pid/exe") || program=unknown
  case $program in
  *' (deleted)')
    fail node_agent "process $pid runs a binary that was replaced since" "restart it: systemctl restart $AGENT_UNIT"
    ;;
  *)
    if [ "$program" = "$(readlink -f "$AGENT_BINARY")" ] || runs_script "$pid"; then
      pass node_agent "$AGENT_UNIT is active, process $pid runs $AGENT_BINARY"
    else
      fail node_agent "process $pid runs $program, not $AGENT_BINARY" "look at: systemctl cat $AGENT_UNIT"
    fi
    ;;
  esac
}

# runs_script PID: returns 0 when the process is an interpreter that runs the agent.
runs_script() {
  tr '\000' '\n' <"/proc/$1/cmdline" | grep -qFx -- "$AGENT_BINARY"
}

node_agent_version() {
  local version
  if ! version=$(timeout 30 "$AGENT_BINARY" --version 2>&1) || [ -z "$version" ]; then
    fail node_agent_version "$AGENT_BINARY reports no version: ${version:-nothing}" "install the node agent anew"
    return 0
  fi
  version=${version%%"
"*}
  if [ -z "${GPUAAS_NODE_AGENT_VERSION?}" ]; then
    pass node_agent_version "$version; the configuration asks for none"
    return 0
  fi
  case " $version " in
  *[\ =]"${GPUAAS_NODE_AGENT_VERSION?}"\ *) pass node_agent_version "$version" ;;
  *)
    fail node_agent_version "reports '$version', not ${GPUAAS_NODE_AGENT_VERSION?}" \
      'install the version of node_agent.version, or correct it'
    ;;
  esac
}

# gpu_services: services that hold GPUs must not run, and must not come back at the next boot.
gpu_services() {
  local active load mode unit wrong
  mode=${GPUAAS_NVSWITCH_MODE?}
  wrong=
  for unit in $GPU_UNITS $FABRIC_MANAGER; do
    unit_value "$unit" LoadState
    load=$unit_value
    unit_value "$unit" ActiveState
    active=$unit_value
    case $mode/$unit/$active/$load in
    "shared-nvswitch/$FABRIC_MANAGER/active/"*) ;;
    "shared-nvswitch/$FABRIC_MANAGER/"*) wrong="$wrong${wrong:+; }$unit is $active, the partitions need it" ;;
    */inactive/masked | */inactive/not-found | */failed/masked) ;;
    *) wrong="$wrong${wrong:+; }$unit is $active and $load" ;;
    esac
  done
  if [ -z "$wrong" ]; then
    pass gpu_services "services that hold GPUs are away (nvswitch.mode: ${mode:-not set})"
  else
    fail gpu_services "$wrong" 'run gpuaas-slice-runtime-prepare'
  fi
}

kvm_module() {
  local module vendor
  vendor=$(cpu_vendor)
  module=kvm_$vendor
  if [ -d "/sys/module/$module" ]; then
    pass kvm_module "$module is loaded"
  else
    fail kvm_module "$module is not loaded" \
      'enable virtualization in the BIOS (Intel VT-x: ProcVirtualization=Enabled; AMD: SVM); look at: dmesg | grep -i kvm'
  fi
}

kvm_device() {
  local numbers
  numbers=$(stat -c '%F %t:%T' /dev/kvm 2>/dev/null) || numbers=missing
  if [ "$numbers" = 'character special file a:e8' ]; then
    pass kvm '/dev/kvm is the character device 10:232'
  else
    fail kvm "/dev/kvm is $numbers" 'look at: dmesg | grep -i kvm; systemctl restart systemd-udevd'
  fi
}

iommu_arguments() {
  local value vendor missing
  missing=
  vendor=$(cpu_vendor)
  if [ "$vendor" = intel ]; then
    value=$(cmdline_value intel_iommu) || :
    case ,$value, in
    *,on,*) ;;
    *) missing=" intel_iommu=on" ;;
    esac
  fi
  value=$(cmdline_value iommu) || :
  if [ "$value" != pt ]; then
    missing="$missing iommu=pt"
  fi
  if [ -z "$missing" ]; then
    pass iommu_arguments "/proc/cmdline asks for the IOMMU in passthrough mode ($vendor)"
  else
    fail iommu_arguments "/proc/cmdline lacks$missing" 'run update-grub and reboot; look at /etc/default/grub.d/90-gpuaas.cfg'
  fi
}

iommu_groups() {
  set -- /sys/kernel/iommu_groups/*
  if [ -e "$1" ]; then
    pass iommu "$# IOMMU groups"
  else
    fail iommu 'there are no IOMMU groups' 'enable VT-d (AMD: IOMMU) in the BIOS and power-cycle; look at: dmesg | grep -e DMAR -e AMD-Vi'
  fi
}

vfio_module() {
  if [ -d /sys/bus/pci/drivers/vfio-pci ]; then
    pass vfio_module 'the driver vfio-pci is there'
  else
    fail vfio_module 'the kernel has no driver vfio-pci' 'run: modprobe vfio-pci; look at /etc/modules-load.d/gpuaas-vfio.conf'
  fi
}

# vfio_binding: the driver link of every approved device.
vfio_binding() {
  local address addresses driver number wrong
  addresses=$(printf '%s\n' "${GPUAAS_SLOT_DEVICES?}" | awk -F '|' '
    { for (i = 1; i <= NF; i++) if ($i != "-" && $i != "" && !seen[$i]++) print $i }')
  number=0
  wrong=
  for address in $addresses; do
    number=$((number + 1))
    if ! [ -e "/sys/bus/pci/devices/$address/vendor" ]; then
      wrong="$wrong${wrong:+; }$address: missing"
    elif ! [ "/sys/bus/pci/devices/$address/driver" -ef /sys/bus/pci/drivers/vfio-pci ]; then
      driver=$(pci_driver "$address")
      wrong="$wrong${wrong:+; }$address: $driver"
    fi
  done
  if [ "$number" -eq 0 ]; then
    fail vfio 'no slot of this node names a device' "approve the node's slots, render and deliver its node.env"
  elif [ -n "$wrong" ]; then
    fail vfio "not bound to vfio-pci: $wrong" 'run gpuaas-slice-vfio-bind and look at what it says'
  else
    pass vfio "all $number approved devices are bound to vfio-pci"
  fi
}

hugepages() {
  local count line size
  if [ -z "$HUGEPAGE_COUNT" ]; then
    skip hugepages 'kernel.hugepages.count is not set'
    return 0
  fi
  size=1048576
  if [ "$HUGEPAGE_SIZE" = 2M ]; then
    size=2048
  fi
  first_line "/sys/kernel/mm/hugepages/hugepages-${size}kB/nr_hugepages"
  count=$line
  if [ "${count:-0}" -ge "$HUGEPAGE_COUNT" ]; then
    pass hugepages "$count pages of $HUGEPAGE_SIZE"
  else
    fail hugepages "${count:-no} pages of $HUGEPAGE_SIZE, $HUGEPAGE_COUNT are asked for" \
      'the kernel gives fewer where memory is short: look at /proc/cmdline and the reserve of kernel.hugepages, then reboot'
  fi
}
