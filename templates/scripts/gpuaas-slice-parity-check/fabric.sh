# The fabric: the host's address and route, RDMA ports, virtual functions of the BlueField.

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
  local device line path ports
  ports=
  for path in /sys/class/infiniband/*/ports/*/state; do
    first_line "$path"
    device=${path#/sys/class/infiniband/}
    case $line in
    '4: ACTIVE')
      pass rdma "port ${device%/state} is ACTIVE"
      return 0
      ;;
    *) ports="$ports${ports:+; }${device%/state} is ${line:-unknown}" ;;
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
  local address map missing port
  for port in ${GPUAAS_BF3_PORTS?}; do
    set -- "$@" "/sys/bus/pci/devices/$port"/virtfn*
  done
  map=$(cat "$VF_MAP" 2>/dev/null) || map=
  missing=
  for address in $(readlink -- "$@" || printf 'unknown\n'); do
    address=${address##*/}
    case $map in
    *"\"$address\""*) ;;
    *) missing="$missing${missing:+; }$address" ;;
    esac
  done
  if [ -z "$missing" ]; then
    pass fabric_vf_map "$VF_MAP names every virtual function"
  else
    fail fabric_vf_map "$VF_MAP does not name $missing" 'run gpuaas-slice-fabric-vfs'
  fi
}
