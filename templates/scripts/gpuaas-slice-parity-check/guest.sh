# What a guest sees, from a test port on the bridge.

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
  local address addresses joined reached
  addresses=$(forbidden)
  # all at once: each waits for an answer that must not come
  reached=$(
    for address in $addresses; do
      if testport_ping "$address" 0.3; then
        printf '%s\n' "$address"
      fi &
    done
    wait
  )
  if [ -n "$reached" ]; then
    join "$reached"
    fail tenant_isolation "a guest reaches $joined" \
      "a rule before $CHAIN lets it pass: look at: iptables -S INPUT; iptables -S FORWARD; run gpuaas-slice-network-baseline"
  elif [ -z "$addresses" ] || ! testport_knows "$BRIDGE_IP"; then
    warn tenant_isolation 'nothing was proven: the test port did not get as far as the bridge' 'look at: ip netns; ovs-vsctl show'
  else
    join "$addresses"
    pass tenant_isolation "a guest gets no answer from $joined"
  fi
}

test_port_removed() {
  local joined
  if [ "${testport_made:-no}" = no ]; then
    skip test_port_removed 'none was made'
    return 0
  fi
  testport_close
  join "$(testport_left)"
  if [ -z "$joined" ]; then
    trap - EXIT HUP INT TERM
    pass test_port_removed 'nothing of the test port is left'
  else
    fail test_port_removed "left: $joined" 'run this again; then: ovs-vsctl del-port gpuparity0; ip netns delete gpuaas-parity'
  fi
}
