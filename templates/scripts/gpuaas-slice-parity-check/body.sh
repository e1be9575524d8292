# Looks only; what it makes (a test port on the bridge) it removes. Each check looks at the thing itself, not at what
# another script left behind about it.

usage() {
  cat <<USAGE
gpuaas-slice-parity-check [--final] [--json] [--area AREA,...] [--profile $PROFILE|baremetal]
    [--host HOST [--user USER]] [--api-base URL --api-token-file FILE [--node-id ID]]

Says whether this host meets every condition of a slice host: one line a check, a summary with failures=N warnings=N
last. It changes nothing, and marks no slot schedulable: that is for the control plane, after an operator's approval.
A guest's view is taken from a test port on $BRIDGE_NAME, which is removed afterwards: a DHCP offer (nothing is
leased), a packet to ${EGRESS_TARGET:-network.uplink.probe}, packets to what guests must not reach.

  --final                warnings count like failures: for the decision about scheduling
  --json                 one JSON document instead of lines
  --area AREA,...        only a part: $AREAS (guest, which makes the test port, implies
                         network); the verdict is WARN at best
  --profile baremetal    the opposite: nothing of slices is here
  --host HOST            run this on another machine, over ssh (as root, or with sudo -n)
  --user USER            log in there as USER
  --api-base URL         control plane; its topology evidence of this node is judged too
  --api-token-file FILE  holds a platform admin's token; it stays on this machine
  --node-id ID           id of the node there; default: node.env's
  --no-api               without api_topology: whoever asks looks at it himself
  --help                 this text

Exit status: 0 no failures; 1 a check failed, or could not be judged with --final; 2 wrong usage; 4 HOST gave no answer.
USAGE
}

main() {
  LC_ALL=C
  export LC_ALL
  parity_options "$@"
  if [ "$parity_help" = yes ]; then
    usage
    return 0
  fi
  case ${parity_profile:=$PROFILE} in
  "$PROFILE" | baremetal) ;;
  *)
    log_error "--profile $parity_profile: must be one of $PROFILE, baremetal"
    return 2
    ;;
  esac
  if [ -n "$parity_host" ]; then
    require_commands awk cat ssh tail timeout
    if [ "$parity_profile" = baremetal ]; then
      parity_elsewhere "$0" ''
    else
      parity_elsewhere "$0" "$API_PATH"
    fi
    return
  fi
  require_commands awk cat find flock grep head id ip iptables ping readlink stat systemctl tail timeout tr wipefs
  require_root
  nodeenv_load "$NODE_ENV" GPUAAS_UPLINK_INTERFACE 'GPUAAS_FABRIC_INTERFACE?' 'GPUAAS_FABRIC_ADDRESS?' \
    'GPUAAS_NVSWITCH_MODE?' 'GPUAAS_BF3_MODE?' 'GPUAAS_BF3_PORTS?' 'GPUAAS_BF3_VFS?' 'GPUAAS_SLOT_DEVICES?' 'GPUAAS_SLOT_DISKS?' \
    'GPUAAS_OS_DISK?' 'GPUAAS_NODE_ID?' 'GPUAAS_NODE_AGENT_VERSION?'
  if [ "$parity_profile" = baremetal ]; then
    bare_metal_checks
    return
  fi
  take_lock
  slice_checks
}

# take_lock: one test port at a time. Freed when the script ends.
take_lock() {
  if ! : 2>/dev/null >>"$LOCK"; then
    log_error "cannot write $LOCK: is its file system full or read-only?"
    return 1
  fi
  exec 9>"$LOCK"
  if ! flock -w 120 9; then
    log_error 'another parity check has not ended for two minutes; look at it, then run this again'
    return 1
  fi
}

bare_metal_checks() {
  local checks
  checks=$(absent_begin)
  # shellcheck disable=SC2086 # names, one word each
  parity_begin $checks
  absent_look "${GPUAAS_PROFILE:-none}" "$BRIDGE_NAME" "$CHAIN" "$MASKED_UNITS"
  parity_finish "${GPUAAS_NODE:-this host} as bare metal"
}

# area_checks AREA: prints the checks of an area.
area_checks() {
  case $1 in
  host)
    printf '%s ' profile_tag node_agent node_agent_version gpu_services kvm_module kvm iommu_arguments iommu vfio_module vfio \
      hugepages
    ;;
  fabric) printf '%s ' ipoib_netplan fabric_address fabric_route rdma fabric_vfs fabric_vf_map ;;
  network)
    printf '%s ' ovs ovs_bridge bridge_address ip_forward uplink nat dnsmasq_config dnsmasq isolation_rules tmfifo tmfifo_peer \
      network_service network_repair historical_network_service
    ;;
  api) printf '%s ' api_topology ;;
  guest) printf '%s ' test_port dhcp_offer tenant_isolation egress test_port_removed ;;
  *) printf '%s ' libvirt libvirt_folder slot_disks image_cache ;;
  esac
}

# areas: prints the areas that were asked for. Returns 2 after naming an unknown one.
areas() {
  local area wanted
  wanted=${parity_area:-$AREAS}
  for area in $(printf '%s' "$wanted" | tr ',' ' '); do
    case ",$AREAS," in
    *",$area,"*) ;;
    *)
      log_error "--area $area: must be of $AREAS"
      return 2
      ;;
    esac
  done
  if parity_skips_api; then
    wanted=$(printf '%s' "$wanted" | tr ',' '\n' | awk '$0 != "api" { printf "%s%s", separator, $0; separator = "," }')
    if [ -z "$wanted" ]; then
      log_error '--area api with --no-api (or with --host: that is asked from here) leaves nothing to look at'
      return 2
    fi
  fi
  case ",$wanted," in
  *,network,*) ;;
  *,guest,*) wanted=network,$wanted ;;
  *) ;;
  esac
  printf '%s\n' "$wanted"
}

slice_checks() {
  local area chosen names
  chosen=$(areas)
  names=
  for area in $(printf '%s' "$chosen" | tr ',' ' '); do
    names=$names$(area_checks "$area")
  done
  # shellcheck disable=SC2086 # names, one word each
  parity_begin $names
  case ",$chosen," in *,host,*) host_checks ;; *) ;; esac
  case ",$chosen," in *,fabric,*) fabric_checks ;; *) ;; esac
  case ",$chosen," in *,network,*) network_checks ;; *) ;; esac
  case ",$chosen," in *,guest,*) guest_checks ;; *) ;; esac
  case ",$chosen," in *,storage,*) storage_checks ;; *) ;; esac
  case ",$chosen," in *,api,*) parity_topology "$API_PATH" "${parity_node_id:-${GPUAAS_NODE_ID?}}" ;; *) ;; esac
  parity_finish "slice host ${GPUAAS_NODE:?}${parity_area:+, only: $chosen}"
}

pass() {
  evidence_pass SLICE_PARITY "$1" "$2"
}

fail() {
  evidence_fail SLICE_PARITY "$1" "$2" "$3"
}

warn() {
  evidence_warn SLICE_PARITY "$1" "$2" "$3"
}

skip() {
  evidence_skip SLICE_PARITY "$1" "$2"
}

needs() {
  evidence_stands_on SLICE_PARITY "$@"
}

# has CHECK COMMAND: returns 1 after reporting CHECK as FAIL where the command is not installed.
has() {
  if ! command -v "$2" >/dev/null 2>&1; then
    fail "$1" "$2 is not installed" "install the profile's packages: run gpuaas-slice-host-bootstrap"
    return 1
  fi
}

# one_line: joins the lines of stdin by "; ".
one_line() {
  awk 'NF { printf "%s%s", separator, $0; separator = "; " }'
}

# first_line FILE: prints the first line; nothing where the file cannot be read.
first_line() {
  local line
  line=
  if [ -r "$1" ]; then
    read -r line 2>/dev/null <"$1" || :
  fi
  printf '%s\n' "$line"
}

# --- host ------------------------------------------------------------------------------------------------

host_checks() {
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
  state=$(timeout 30 systemctl show --property ActiveState --value "$AGENT_UNIT") || state=unknown
  pid=$(timeout 30 systemctl show --property MainPID --value "$AGENT_UNIT") || pid=0
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
  version=$(printf '%s\n' "$version" | head -n 1)
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
    load=$(timeout 30 systemctl show --property LoadState --value "$unit") || load=unknown
    active=$(timeout 30 systemctl show --property ActiveState --value "$unit") || active=unknown
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
  local count
  count=$(find /sys/kernel/iommu_groups -mindepth 1 -maxdepth 1 | awk 'END { print NR }')
  if [ "$count" -gt 0 ]; then
    pass iommu "$count IOMMU groups"
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
    driver=missing
    if [ -e "/sys/bus/pci/devices/$address/vendor" ]; then
      driver=$(pci_driver "$address")
    fi
    number=$((number + 1))
    if [ "$driver" != vfio-pci ]; then
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
  local count size
  if [ -z "$HUGEPAGE_COUNT" ]; then
    skip hugepages 'kernel.hugepages.count is not set'
    return 0
  fi
  size=1048576
  if [ "$HUGEPAGE_SIZE" = 2M ]; then
    size=2048
  fi
  count=$(first_line "/sys/kernel/mm/hugepages/hugepages-${size}kB/nr_hugepages")
  if [ "${count:-0}" -ge "$HUGEPAGE_COUNT" ]; then
    pass hugepages "$count pages of $HUGEPAGE_SIZE"
  else
    fail hugepages "${count:-no} pages of $HUGEPAGE_SIZE, $HUGEPAGE_COUNT are asked for" \
      'the kernel gives fewer where memory is short: look at /proc/cmdline and the reserve of kernel.hugepages, then reboot'
  fi
}

# --- fabric ----------------------------------------------------------------------------------------------

fabric_checks() {
  ipoib_netplan
  fabric_address
  if needs fabric_route fabric_address; then fabric_route; fi
  rdma
  fabric_vfs
  if needs fabric_vf_map fabric_vfs; then fabric_vf_map; fi
}

# ipoib_netplan: netplan itself reads the address from the file.
ipoib_netplan() {
  local addresses mode
  if [ -z "${GPUAAS_FABRIC_INTERFACE?}" ]; then
    skip ipoib_netplan 'network.fabric.interface is not set'
    return 0
  fi
  has ipoib_netplan netplan || return 0
  mode=$(stat -c %a "$NETPLAN_FILE" 2>/dev/null) || mode=missing
  if [ "$mode" != 600 ]; then
    fail ipoib_netplan "$NETPLAN_FILE: $mode, it must be there with mode 600" \
      "render the node's $NETPLAN_FILE from the site and deliver it"
  elif ! addresses=$(timeout 60 netplan get "ethernets.${GPUAAS_FABRIC_INTERFACE?}.addresses" 2>&1); then
    fail ipoib_netplan "$addresses" "render the node's $NETPLAN_FILE again and deliver it"
  else
    case $addresses in
    *"${GPUAAS_FABRIC_ADDRESS?}"*) pass ipoib_netplan "netplan gives ${GPUAAS_FABRIC_INTERFACE?} ${GPUAAS_FABRIC_ADDRESS?}" ;;
    *)
      fail ipoib_netplan "netplan gives ${GPUAAS_FABRIC_INTERFACE?} '$addresses', not ${GPUAAS_FABRIC_ADDRESS?}" \
        "render the node's $NETPLAN_FILE again and deliver it"
      ;;
    esac
  fi
}

fabric_address() {
  if [ -z "${GPUAAS_FABRIC_INTERFACE?}" ]; then
    skip fabric_address 'network.fabric.interface is not set'
  elif ! net_link_exists "${GPUAAS_FABRIC_INTERFACE?}"; then
    fail fabric_address "no interface ${GPUAAS_FABRIC_INTERFACE?}" \
      'look at: ip link; lsmod | grep ib_ipoib; is its adapter given to vfio-pci?'
  elif net_link_is_up "${GPUAAS_FABRIC_INTERFACE?}" &&
    net_has_address "${GPUAAS_FABRIC_INTERFACE?}" "${GPUAAS_FABRIC_ADDRESS?}"; then
    pass fabric_address "${GPUAAS_FABRIC_INTERFACE?} is up and has ${GPUAAS_FABRIC_ADDRESS?}"
  else
    fail fabric_address "${GPUAAS_FABRIC_INTERFACE?} is down, or has not ${GPUAAS_FABRIC_ADDRESS?}" \
      "run: networkctl reload; networkctl reconfigure ${GPUAAS_FABRIC_INTERFACE?} (never netplan apply on a live host)"
  fi
}

# fabric_route: which way the kernel would send a packet to the fabric network.
fabric_route() {
  local other way
  if [ -z "$FABRIC_NETWORK" ]; then
    skip fabric_route 'network.fabric.network is not set'
    return 0
  fi
  other=$(printf '%s %s\n' "$FABRIC_NETWORK" "${GPUAAS_FABRIC_ADDRESS?}" | awk '
    { split($1, network, "[./]"); own = $2; sub("/.*", "", own)
      for (host = 1; host < 3; host++) {
        address = network[1] "." network[2] "." network[3] "." network[4] + host
        if (address != own) { print address; exit } } }')
  way=$(timeout 20 ip -4 -o route get "$other" 2>&1) || :
  case "$way " in
  *" dev ${GPUAAS_FABRIC_INTERFACE?} "*) pass fabric_route "$other is reached by ${GPUAAS_FABRIC_INTERFACE?}" ;;
  *)
    fail fabric_route "a packet to $other would not leave by ${GPUAAS_FABRIC_INTERFACE?}: $way" \
      "look at: ip route show; $NETPLAN_FILE must hold the route to $FABRIC_NETWORK"
    ;;
  esac
}

# rdma: a port of an RDMA device that the subnet manager has brought up.
rdma() {
  local device path ports state
  ports=
  for path in /sys/class/infiniband/*/ports/*/state; do
    state=$(first_line "$path")
    device=${path#/sys/class/infiniband/}
    case $state in
    '4: ACTIVE')
      pass rdma "port ${device%/state} is ACTIVE"
      return 0
      ;;
    *) ports="$ports${ports:+; }${device%/state} is ${state:-unknown}" ;;
    esac
  done
  fail rdma "no RDMA port is ACTIVE: $ports" 'look at: rdma link; ibstat; is the subnet manager running, are all adapters given to vfio-pci?'
}

fabric_vfs() {
  local count link port wrong
  if [ "${GPUAAS_BF3_VFS:-0}" = 0 ] || [ -z "${GPUAAS_BF3_PORTS?}" ]; then
    skip fabric_vfs 'bf3.vfs or bf3.ports is not set: no virtual functions are asked for'
    return 0
  fi
  wrong=
  for port in ${GPUAAS_BF3_PORTS?}; do
    count=0
    for link in "/sys/bus/pci/devices/$port"/virtfn*; do
      if [ -e "$link/vendor" ]; then
        count=$((count + 1))
      fi
    done
    if [ "$count" -ne "${GPUAAS_BF3_VFS?}" ]; then
      wrong="$wrong${wrong:+; }$port has $count"
    fi
  done
  if [ -z "$wrong" ]; then
    pass fabric_vfs "each port has ${GPUAAS_BF3_VFS?} virtual functions"
  else
    fail fabric_vfs "$wrong of ${GPUAAS_BF3_VFS?} virtual functions" \
      'run gpuaas-slice-fabric-vfs; SriovGlobalEnable in the BIOS and SRIOV_EN in the firmware must be on'
  fi
}

# fabric_vf_map: what the control plane gets to know of them: every function stands in the map.
fabric_vf_map() {
  local address link missing port
  missing=
  for port in ${GPUAAS_BF3_PORTS?}; do
    for link in "/sys/bus/pci/devices/$port"/virtfn*; do
      address=$(readlink "$link") || address=unknown
      address=${address##*/}
      if ! grep -qsF -- "\"$address\"" "$VF_MAP"; then
        missing="$missing${missing:+; }$address"
      fi
    done
  done
  if [ -z "$missing" ]; then
    pass fabric_vf_map "$VF_MAP names every virtual function"
  else
    fail fabric_vf_map "$VF_MAP does not name $missing" 'run gpuaas-slice-fabric-vfs'
  fi
}

# --- the host's own network --------------------------------------------------------------------------------

network_checks() {
  ovs
  if needs ovs_bridge ovs; then ovs_bridge; fi
  if needs bridge_address ovs_bridge; then bridge_address; fi
  ip_forward
  uplink
  nat
  dnsmasq_config
  if needs dnsmasq dnsmasq_config; then dnsmasq_service; fi
  isolation_rules
  tmfifo
  if needs tmfifo_peer tmfifo; then tmfifo_peer; fi
  network_service
  network_repair
  historical_network_service
}

ovs() {
  has ovs ovs-vsctl || return 0
  if timeout 20 ovs-vsctl --timeout=15 list-br >/dev/null 2>&1; then
    pass ovs 'ovs-vsctl answers'
  else
    fail ovs 'ovs-vsctl does not answer' 'look at: systemctl status openvswitch-switch.service'
  fi
}

ovs_bridge() {
  if timeout 20 ovs-vsctl --timeout=15 br-exists "$BRIDGE_NAME" && net_link_exists "$BRIDGE_NAME"; then
    pass ovs_bridge "$BRIDGE_NAME is an OVS bridge and has its interface"
  else
    fail ovs_bridge "$BRIDGE_NAME is no OVS bridge with an interface" 'run gpuaas-slice-network-baseline; look at: ovs-vsctl show'
  fi
}

bridge_address() {
  local all
  all=$(net_addresses "$BRIDGE_NAME" | one_line)
  if [ "$all" = "$BRIDGE_ADDRESS" ] && net_link_is_up "$BRIDGE_NAME"; then
    pass bridge_address "$BRIDGE_NAME is up and has $all"
  else
    fail bridge_address "$BRIDGE_NAME is down, or has '$all', not $BRIDGE_ADDRESS alone" 'run gpuaas-slice-network-baseline'
  fi
}

ip_forward() {
  local value
  # with cat: the file gives a reader that takes byte by byte, as dash does, the first byte only
  value=$(cat /proc/sys/net/ipv4/ip_forward) || value=unreadable
  if [ "$value" = 1 ]; then
    pass ip_forward 'net.ipv4.ip_forward is 1'
  else
    fail ip_forward "net.ipv4.ip_forward is $value" 'run gpuaas-slice-network-baseline; look in /etc/sysctl.d for a file that turns it off'
  fi
}

uplink() {
  local interface
  interface=$(net_default_interface)
  if [ "$interface" = "${GPUAAS_UPLINK_INTERFACE:?}" ]; then
    pass uplink "the default route leaves by $interface"
  else
    fail uplink "the default route leaves by '${interface:-nothing}', not by ${GPUAAS_UPLINK_INTERFACE:?}" \
      'look at: ip route show default; correct network.uplink.interface of the node or its netplan file'
  fi
}

nat() {
  local rule rules
  rule="-A POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE"
  if [ "$BRIDGE_NAT" != true ]; then
    skip nat 'network.bridge.nat is off for this profile'
  elif ! rules=$(iptables -w 30 -t nat -S POSTROUTING 2>&1); then
    fail nat "the nat table cannot be read: $rules" 'look at: iptables -t nat -S; lsmod | grep nf_nat'
  elif printf '%s\n' "$rules" | grep -qFx -- "$rule"; then
    pass nat "$rule"
  else
    fail nat "no rule $rule" 'guests would leave with private addresses; run gpuaas-slice-network-baseline'
  fi
}

dnsmasq_config() {
  local answer
  has dnsmasq_config dnsmasq || return 0
  if ! grep -qsFx "interface=$BRIDGE_NAME" "$DNSMASQ_FILE" || ! grep -qs '^dhcp-range=' "$DNSMASQ_FILE"; then
    fail dnsmasq_config "$DNSMASQ_FILE does not serve addresses on $BRIDGE_NAME" "deliver the profile's files"
  elif ! answer=$(timeout 30 dnsmasq --test --conf-dir=/etc/dnsmasq.d,.dpkg-dist,.dpkg-old,.dpkg-new 2>&1); then
    fail dnsmasq_config "$answer" 'correct or remove the file that is named'
  else
    pass dnsmasq_config "$DNSMASQ_FILE serves $BRIDGE_NAME; all of /etc/dnsmasq.d is valid"
  fi
}

dnsmasq_service() {
  local state
  state=$(timeout 30 systemctl show --property ActiveState --value dnsmasq.service) || state=unknown
  if [ "$state" = active ]; then
    pass dnsmasq 'dnsmasq.service is active'
  else
    fail dnsmasq "dnsmasq.service is $state" 'look at: systemctl status dnsmasq.service; run gpuaas-slice-network-baseline'
  fi
}

# isolation_rules: guests' packets to the host and through it are led into the chain, and the chain denies something.
isolation_rules() {
  local missing rule rules
  if ! rules=$(iptables -w 30 -S 2>&1); then
    fail isolation_rules "the filter table cannot be read: $rules" 'look at: iptables -S'
    return 0
  fi
  missing=
  for rule in "-A INPUT -i $BRIDGE_NAME -j $CHAIN" "-A FORWARD -i $BRIDGE_NAME -j $CHAIN"; do
    if ! printf '%s\n' "$rules" | grep -qFx -- "$rule"; then
      missing="$missing${missing:+; }$rule"
    fi
  done
  if [ -n "$missing" ]; then
    fail isolation_rules "no rule $missing" "guests reach the host's networks; run gpuaas-slice-network-baseline"
  elif ! printf '%s\n' "$rules" | grep -qE -- "^-A $CHAIN .*-j (DROP|REJECT)"; then
    fail isolation_rules "$CHAIN denies nothing" "guests reach the host's networks; run gpuaas-slice-network-baseline"
  else
    pass isolation_rules "guests' packets are led into $CHAIN"
  fi
}

tmfifo() {
  if [ -z "$TMFIFO_ADDRESS" ]; then
    skip tmfifo 'network.tmfifo.address is not set'
  elif [ "${GPUAAS_BF3_MODE?}" = nic ]; then
    skip tmfifo 'in NIC mode the Arm cores are off: there is no RShim network'
  elif net_link_exists "$TMFIFO_INTERFACE" && net_link_is_up "$TMFIFO_INTERFACE" &&
    net_has_address "$TMFIFO_INTERFACE" "$TMFIFO_ADDRESS"; then
    pass tmfifo "$TMFIFO_INTERFACE is up and has $TMFIFO_ADDRESS"
  else
    fail tmfifo "$TMFIFO_INTERFACE is missing, down, or has not $TMFIFO_ADDRESS" \
      'look at: systemctl status rshim; then run gpuaas-slice-network-baseline'
  fi
}

tmfifo_peer() {
  if [ -z "$TMFIFO_PEER" ]; then
    skip tmfifo_peer 'network.tmfifo.peer is not set'
  elif timeout 20 ping -n -q -c 1 -W 2 -I "$TMFIFO_INTERFACE" "$TMFIFO_PEER" >/dev/null 2>&1; then
    pass tmfifo_peer "$TMFIFO_PEER answers on $TMFIFO_INTERFACE"
  else
    fail tmfifo_peer "$TMFIFO_PEER does not answer on $TMFIFO_INTERFACE" \
      'look at the DPU: has its Arm side booted? Or is the card in NIC mode (bf3.mode)?'
  fi
}

# unit_is UNIT PROPERTY=VALUE...: prints which properties of the unit have another value.
unit_is() {
  local property unit value
  unit=$1
  shift
  for property; do
    value=$(timeout 30 systemctl show --property "${property%=*}" --value "$unit") || value=unknown
    if [ "$value" != "${property#*=}" ]; then
      printf '%s is %s\n' "${property%=*}" "${value:-empty}"
    fi
  done
}

network_service() {
  local wrong
  wrong=$(unit_is "$UNIT" LoadState=loaded UnitFileState=enabled ActiveState=active Result=success | one_line)
  if [ -z "$wrong" ]; then
    pass network_service "$UNIT is enabled, and its last run succeeded"
  else
    fail network_service "$UNIT: $wrong" "look at: systemctl status $UNIT; then: systemctl enable --now $UNIT"
  fi
}

# network_repair: what brings the network back after a flush of the firewall or a restart of Open vSwitch.
network_repair() {
  local wrong
  wrong=$(unit_is "$REPAIR_TIMER" LoadState=loaded UnitFileState=enabled ActiveState=active | one_line)
  if [ -z "$wrong" ]; then
    pass network_repair "$REPAIR_TIMER runs"
  else
    fail network_repair "$REPAIR_TIMER: $wrong" "run gpuaas-slice-network-baseline by hand; look at: systemctl status $REPAIR_TIMER"
  fi
}

historical_network_service() {
  local found path
  found=
  for path in "/etc/systemd/system/$HISTORICAL.service" "/usr/local/sbin/$HISTORICAL" "/usr/local/sbin/$HISTORICAL.sh" \
    /usr/local/sbin/gpuaas-slice-network-baseline.sh; do
    if [ -e "$path" ] || [ -L "$path" ]; then
      found="$found${found:+; }$path"
    fi
  done
  if [ -z "$found" ]; then
    pass historical_network_service "nothing of $HISTORICAL is left"
  else
    warn historical_network_service "still there: $found" 'run gpuaas-slice-network-baseline by hand: it retires it'
  fi
}

# --- what a guest sees ---------------------------------------------------------------------------------------

guest_checks() {
  local offer
  offer=
  if needs test_port ovs_bridge; then test_port; fi
  if needs dhcp_offer test_port bridge_address dnsmasq; then dhcp_offer; fi
  if needs tenant_isolation dhcp_offer isolation_rules; then tenant_isolation; fi
  if needs egress dhcp_offer ip_forward uplink && { [ "$BRIDGE_NAT" != true ] || needs egress nat; }; then egress; fi
  test_port_removed
}

test_port() {
  has test_port dhcpcd || return 0
  # whatever ends this run, the port goes
  trap 'testport_close' EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  if testport_open "$BRIDGE_NAME" "$TEST_MAC"; then
    pass test_port "a port with $TEST_MAC is on $BRIDGE_NAME"
  else
    fail test_port "no port could be added to $BRIDGE_NAME" 'look at: ovs-vsctl show; ip netns; free memory'
  fi
}

dhcp_offer() {
  if ! offer=$(testport_offer "$DHCP_WAIT"); then
    fail dhcp_offer "no DHCP offer on $BRIDGE_NAME within $DHCP_WAIT seconds" \
      'look at: journalctl -u dnsmasq; is the range of network.bridge.dhcp used up? do rules drop UDP port 67?'
  elif [ "${offer#* }" != "${BRIDGE_ADDRESS#*/} $BRIDGE_IP" ]; then
    fail dhcp_offer "the offer (address, prefix length, router) is $offer, not one of $BRIDGE_ADDRESS" \
      "somebody else serves DHCP on $BRIDGE_NAME, or another file in /etc/dnsmasq.d changes the range"
  elif ! testport_address "${offer%% *}/${BRIDGE_ADDRESS#*/}" "$BRIDGE_IP"; then
    fail dhcp_offer "the test port does not take ${offer%% *}" 'look at: ip netns'
  else
    pass dhcp_offer "$BRIDGE_IP offers ${offer%% *}"
  fi
}

egress() {
  if [ -z "$EGRESS_TARGET" ]; then
    warn egress 'no address to reach is known' 'set network.uplink.probe: an address beyond the gateway that answers a ping'
  elif testport_ping "$EGRESS_TARGET" 2 || testport_ping "$EGRESS_TARGET" 2; then
    pass egress "a packet of a guest (${offer%% *}) reached $EGRESS_TARGET, and the answer came back"
  else
    fail egress "$EGRESS_TARGET does not answer a guest (${offer%% *})" \
      'compare: ping from the host; look for rules before ours: iptables -S FORWARD (Docker?), iptables -t nat -S, the way back'
  fi
}

# forbidden: prints addresses that no guest may reach: the host's own apart from the bridge's, and the DPU's.
forbidden() {
  ip -4 -o address show | awk -v bridge="$BRIDGE_NAME" '
    $2 != bridge && $2 != "lo" { for (i = 1; i < NF; i++) if ($i == "inet") { sub("/.*", "", $(i + 1)); print $(i + 1) } }'
  if [ -n "$TMFIFO_PEER" ]; then
    printf '%s\n' "$TMFIFO_PEER"
  fi
}

# tenant_isolation: packets, since rules that stand in the right place can be led around.
tenant_isolation() {
  local address addresses reached
  addresses=$(forbidden)
  reached=
  for address in $addresses; do
    if testport_ping "$address" 0.3; then
      reached="$reached${reached:+; }$address"
    fi
  done
  if [ -n "$reached" ]; then
    fail tenant_isolation "a guest reaches $reached" \
      "a rule before $CHAIN lets it pass: look at: iptables -S INPUT; iptables -S FORWARD; run gpuaas-slice-network-baseline"
  elif [ -z "$addresses" ] || ! testport_knows "$BRIDGE_IP"; then
    warn tenant_isolation 'nothing was proven: the test port did not get as far as the bridge' 'look at: ip netns; ovs-vsctl show'
  else
    pass tenant_isolation "a guest gets no answer from $(printf '%s\n' "$addresses" | one_line)"
  fi
}

test_port_removed() {
  local left
  if [ "${testport_made:-no}" = no ]; then
    skip test_port_removed 'none was made'
    return 0
  fi
  testport_close
  left=$(testport_left | one_line)
  if [ -z "$left" ]; then
    trap - EXIT HUP INT TERM
    pass test_port_removed 'nothing of the test port is left'
  else
    fail test_port_removed "left: $left" 'run this again; then: ovs-vsctl del-port gpuparity0; ip netns delete gpuaas-parity'
  fi
}

# --- libvirt and storage -----------------------------------------------------------------------------------

storage_checks() {
  libvirt
  libvirt_folder
  slot_disks
  image_cache
}

# libvirt: an answer, not a state: the daemon stops when it is idle and its socket starts it again.
libvirt() {
  has libvirt virsh || return 0
  if timeout 60 virsh --quiet --connect qemu:///system list --all --name >/dev/null 2>&1; then
    pass libvirt 'libvirt answers on qemu:///system'
  else
    fail libvirt 'libvirt does not answer on qemu:///system' 'look at: systemctl status libvirtd.socket libvirtd.service'
  fi
}

libvirt_folder() {
  local mode
  mode=$(stat -c %a /var/lib/libvirt 2>/dev/null) || mode=missing
  case $mode in
  755) pass libvirt_folder '/var/lib/libvirt can be passed through (0755)' ;;
  *)
    fail libvirt_folder "/var/lib/libvirt: $mode, not 755" \
      'guests cannot read their keys below it; run gpuaas-slice-runtime-prepare'
    ;;
  esac
}

# domain_disks: prints "device domain" for every disk of every domain, running or shut off. Returns 1 when libvirt does not say.
domain_disks() {
  local domain domains listing
  domains=$(timeout 60 virsh --quiet --connect qemu:///system list --all --name 2>/dev/null) || return 1
  for domain in $domains; do
    listing=$(timeout 60 virsh --quiet --connect qemu:///system domblklist --details "$domain" 2>/dev/null) || return 1
    printf '%s\n' "$listing" | awk -v domain="$domain" '$1 == "block" && $2 == "disk" { print $4, domain }' |
      while read -r source name; do
        source=$(readlink -f "$source") || continue
        printf '%s %s\n' "$source" "$name"
      done
  done
}

# slot_disks: every approved disk is raw, or a guest's.
slot_disks() {
  local disk found guests number used wrong
  number=0
  used=
  wrong=
  if ! guests=$(domain_disks); then
    guests=
  fi
  for disk in ${GPUAAS_SLOT_DISKS?}; do
    number=$((number + 1))
    found=$(disk_use "$disk" "$guests")
    case $found in
    '') ;;
    'guest '*) used="$used; ${disk##*/} belongs to ${found#guest }" ;;
    *) wrong="$wrong${wrong:+; }${disk##*/} $found" ;;
    esac
  done
  if [ "$number" -eq 0 ]; then
    fail slot_disks 'no slot of this node names a disk' "approve the node's slots, render and deliver its node.env"
  elif [ -n "$wrong" ]; then
    fail slot_disks "$wrong" 'run gpuaas-slice-storage-transition (a dry run first), or correct the approved slots'
  else
    pass slot_disks "$number slot disks are there and unused by the host$used"
  fi
}

# disk_use PATH GUESTS: prints what stands against the disk: nothing where it is raw.
disk_use() {
  local device domain name os text
  device=$(readlink -f "$1") || device=
  name=${device#/dev/}
  if [ -z "$device" ] || ! nvme_is_namespace "$name" || ! [ -e "/sys/block/$name" ]; then
    printf 'is not there\n'
    return 0
  fi
  if [ -n "${GPUAAS_OS_DISK?}" ]; then
    os=$(readlink -f "${GPUAAS_OS_DISK?}") || os=
    if [ "$os" = "$device" ]; then
      printf 'is the OS disk\n'
      return 0
    fi
  fi
  text=$(nvme_mounts "$name" | one_line)
  if [ -n "$text" ]; then
    printf 'is in use by the host: %s\n' "$text"
    return 0
  fi
  domain=$(printf '%s\n' "$2" | awk -v device="$device" '$1 == device { print $2; exit }')
  if [ -n "$domain" ]; then
    printf 'guest %s\n' "$domain"
    return 0
  fi
  disk_raw "$name"
}

# disk_raw NAME: prints partitions, holders and signatures of the disk.
disk_raw() {
  local text
  text=$(nvme_parts "$1" | awk 'NR > 1' | one_line)
  if [ -n "$text" ]; then
    printf 'has partitions: %s\n' "$text"
    return 0
  fi
  text=$(nvme_holders "$1" | one_line)
  if [ -n "$text" ]; then
    printf 'is held: %s\n' "$text"
  elif ! text=$(nvme_signatures "$1"); then
    printf 'cannot be read\n'
  elif [ -n "$text" ]; then
    printf 'carries signatures: %s\n' "$(printf '%s\n' "$text" | one_line)"
  fi
}

# image_cache: the images that guests are cloned from, by what they begin with.
image_cache() {
  local found path
  if ! [ -d "$IMAGE_CACHE" ]; then
    fail image_cache "$IMAGE_CACHE is missing" 'install libvirt, or run gpuaas-slice-runtime-prepare'
    return 0
  fi
  found=
  for path in "$IMAGE_CACHE"/*; do
    if [ -f "$path" ] && [ "$(head -c 3 "$path" | tr -d '\000')" = QFI ]; then
      found="$found${found:+; }${path##*/}"
    fi
  done
  case "; $found; " in
  '; ; ')
    if [ -n "$GUEST_IMAGE" ]; then
      fail image_cache "$IMAGE_CACHE holds no guest image" "fetch $GUEST_IMAGE"
    else
      warn image_cache "$IMAGE_CACHE holds no guest image" 'the first slice has to wait for one; name it in slice.guest.image'
    fi
    ;;
  *"; ${GUEST_IMAGE:-${found%%;*}}; "*) pass image_cache "$IMAGE_CACHE holds $found" ;;
  *) fail image_cache "$IMAGE_CACHE does not hold $GUEST_IMAGE, but $found" "fetch $GUEST_IMAGE" ;;
  esac
}
