# The host's own network: bridge, addresses, forwarding, NAT, DHCP, isolation, RShim, and what keeps them up.

network_checks() {
  local bridges
  units_ask dnsmasq.service "$UNIT" "$REPAIR_TIMER"
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
  if bridges=$(timeout 20 ovs-vsctl --timeout=15 list-br 2>/dev/null); then
    pass ovs 'ovs-vsctl answers'
  else
    fail ovs 'ovs-vsctl does not answer' 'look at: systemctl status openvswitch-switch.service'
  fi
}

ovs_bridge() {
  if has_line "$BRIDGE_NAME" "$bridges" && net_link_exists "$BRIDGE_NAME"; then
    pass ovs_bridge "$BRIDGE_NAME is an OVS bridge and has its interface"
  else
    fail ovs_bridge "$BRIDGE_NAME is no OVS bridge with an interface" 'run gpuaas-slice-network-baseline; look at: ovs-vsctl show'
  fi
}

bridge_address() {
  net_look "$BRIDGE_NAME"
  if [ "$net_found" = "$BRIDGE_ADDRESS" ] && net_link_is_up "$BRIDGE_NAME"; then
    pass bridge_address "$BRIDGE_NAME is up and has $net_found"
  else
    fail bridge_address "$BRIDGE_NAME is down, or has '$net_found', not $BRIDGE_ADDRESS alone" 'run gpuaas-slice-network-baseline'
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
  elif has_line "$rule" "$rules"; then
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
  unit_value dnsmasq.service ActiveState
  if [ "$unit_value" = active ]; then
    pass dnsmasq 'dnsmasq.service is active'
  else
    fail dnsmasq "dnsmasq.service is $unit_value" 'look at: systemctl status dnsmasq.service; run gpuaas-slice-network-baseline'
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
    if ! has_line "$rule" "$rules"; then
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
  elif net_link_is_up "$TMFIFO_INTERFACE" && net_has_address "$TMFIFO_INTERFACE" "$TMFIFO_ADDRESS"; then
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

# unit_is UNIT PROPERTY=VALUE...: sets wrong to which properties of the unit have another value.
unit_is() {
  local property unit
  unit=$1
  shift
  wrong=
  for property; do
    unit_value "$unit" "${property%=*}"
    if [ "$unit_value" != "${property#*=}" ]; then
      wrong="$wrong${wrong:+; }${property%=*} is ${unit_value:-empty}"
    fi
  done
}

network_service() {
  local wrong
  unit_is "$UNIT" LoadState=loaded UnitFileState=enabled ActiveState=active Result=success
  if [ -z "$wrong" ]; then
    pass network_service "$UNIT is enabled, and its last run succeeded"
  else
    fail network_service "$UNIT: $wrong" "look at: systemctl status $UNIT; then: systemctl enable --now $UNIT"
  fi
}

# network_repair: what brings the network back after a flush of the firewall or a restart of Open vSwitch.
network_repair() {
  local wrong
  unit_is "$REPAIR_TIMER" LoadState=loaded UnitFileState=enabled ActiveState=active
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
