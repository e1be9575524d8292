# testport: a port on an OVS bridge that plays a guest: an internal port, moved into a network namespace. (No veth: with the
# userspace datapath the host's kernel would also see what the guest sends, and answer it past the bridge.)
# One at a time, under fixed names, so that the next run finds what a killed one has left.

# testport_open BRIDGE MAC: makes the port; what a killed run has left is removed first. Returns 1 where it cannot.
testport_open() {
  testport_close
  testport_made=yes
  ip netns add gpuaas-parity || return 1
  timeout 20 ovs-vsctl --timeout=15 add-port "$1" gpuparity0 -- set interface gpuparity0 type=internal || return 1
  ip link set dev gpuparity0 netns gpuaas-parity || return 1
  ip -n gpuaas-parity link set dev gpuparity0 address "$2" up
}

# testport_close: removes the port, whatever of it is there. Called by a trap too.
testport_close() {
  timeout 20 ovs-vsctl --timeout=15 --if-exists del-port gpuparity0 >/dev/null 2>&1 || :
  if [ -e /sys/class/net/gpuparity0 ]; then
    ip link delete gpuparity0 || :
  fi
  if [ -e /run/netns/gpuaas-parity ]; then
    ip netns delete gpuaas-parity || :
  fi
}

# testport_left: prints what is left of the port; nothing where it is gone.
testport_left() {
  local ports
  if [ -e /sys/class/net/gpuparity0 ]; then
    printf 'link gpuparity0\n'
  fi
  if [ -e /run/netns/gpuaas-parity ]; then
    printf 'network namespace gpuaas-parity\n'
  fi
  # a switch that does not answer has told nothing
  if ! ports=$(timeout 20 ovs-vsctl --timeout=15 --columns=name --bare find interface name=gpuparity0 2>/dev/null); then
    printf 'perhaps a port gpuparity0: Open vSwitch does not answer\n'
  elif [ -n "$ports" ]; then
    printf 'port gpuparity0 in Open vSwitch\n'
  fi
}

# testport_exec COMMAND...: runs a command as the guest.
testport_exec() {
  ip netns exec gpuaas-parity "$@"
}

# testport_offer SECONDS: prints the address, prefix length and router of the DHCP offer that a DISCOVER gets, separated by
# blanks. dhcpcd's test mode ends with the offer: nothing is requested, so no lease is taken. Returns 1 without an offer.
testport_offer() {
  local text
  text=$(timeout "$(($1 + 10))" ip netns exec gpuaas-parity dhcpcd -4 -T -1 --nodelay -f /dev/null -t "$1" gpuparity0 2>/dev/null) || return 1
  printf '%s\n' "$text" | awk '
    { at = index($0, "="); value = substr($0, at + 1); gsub(/\047/, "", value); field[substr($0, 1, at - 1)] = value }
    END {
      split(field["new_routers"], routers, " ")
      if (field["new_dhcp_message_type"] != 2 || field["new_ip_address"] == "") exit 1
      print field["new_ip_address"], field["new_subnet_cidr"], routers[1]
    }'
}

# testport_address ADDRESS ROUTER: the guest has the address (with its prefix) and leaves by the router.
testport_address() {
  ip -n gpuaas-parity address replace "$1" dev gpuparity0 && ip -n gpuaas-parity route replace default via "$2" dev gpuparity0
}

# testport_ping ADDRESS WAIT: one ICMP packet from the guest; returns 0 when the answer comes within WAIT seconds.
testport_ping() {
  timeout 20 ip netns exec gpuaas-parity ping -n -q -c 1 -W "$2" "$1" >/dev/null 2>&1
}

# testport_knows ADDRESS: returns 0 when the guest has resolved the address on the bridge, so the port carries frames.
testport_knows() {
  local entry
  entry=$(ip -n gpuaas-parity neighbour show to "$1" dev gpuparity0) || return 1
  case $entry in
  *lladdr*) return 0 ;;
  *) return 1 ;;
  esac
}
