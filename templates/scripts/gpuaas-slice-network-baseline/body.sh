# Each step looks first, changes what is missing, and reads back what it changed. One evidence line a step.

usage() {
  cat <<USAGE
gpuaas-slice-network-baseline [--dry-run] [--no-systemd] [--quiet]

Brings up and repairs this slice host's own network: OVS bridge $BRIDGE_NAME with $BRIDGE_ADDRESS, what
guests may reach (chain $CHAIN; flows of the bridge), IPv4 forwarding, NAT for
$BRIDGE_NETWORK, the RShim addresses. Run by hand it also starts Open vSwitch, restarts dnsmasq where it does not
serve the bridge, enables $UNIT and
$REPAIR_TIMER, and retires the historical service
$HISTORICAL. What is right already is left alone.

  --dry-run     say what would be changed, change nothing
  --no-systemd  leave all services alone; for the units themselves
  --quiet       print evidence only where something was changed or a check failed
  --help        this text

Exit status: 0 all right or nothing to do; 1 a check failed; 2 wrong usage; 3 with --dry-run: changes pending.
Evidence lines GPUAAS_SLICE_NETWORK go to stdout, all else to stderr.
USAGE
}

main() {
  LC_ALL=C
  export LC_ALL
  dry_run=no
  systemd=yes
  quiet=no
  changes=0
  planned=' '
  while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry_run=yes ;;
    --no-systemd) systemd=no ;;
    --quiet) quiet=yes ;;
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
  require_commands awk cat date dnsmasq flock grep id ip ip6tables ip6tables-restore iptables iptables-restore mkdir mv \
    ovs-ofctl ovs-vsctl ping sleep sort ss stat sysctl systemctl timeout
  require_root
  nodeenv_load "$NODE_ENV" GPUAAS_UPLINK_INTERFACE 'GPUAAS_BF3_MODE?'
  if [ "$dry_run" = no ]; then
    take_lock
  fi
  evidence_begin historical_service ovs bridge bridge_mac bridge_up bridge_address guest_flows isolation isolation_jumps \
    isolation_ipv6 ip_forward_file ip_forward nat uplink tmfifo_address tmfifo_peer dnsmasq_config dnsmasq service repair
  if [ "$quiet" = yes ]; then
    exec 3>&1 >/dev/null
  fi
  run_steps
  finish
}

# take_lock: two runs at once (by hand and by the unit) would add a rule twice. Freed when the script ends.
take_lock() {
  exec 9>/run/gpuaas-slice-network-baseline.lock
  if ! flock -w 120 9; then
    log_error 'another run of this script has not ended for two minutes; look at it, then run this again'
    return 1
  fi
}

run_steps() {
  # first: what the historical service does when it stops is repaired by the steps below
  historical_step
  ovs_step
  if needs bridge ovs; then bridge_step; fi
  if needs bridge_mac bridge; then bridge_mac_step; fi
  # before the guests get an address and a way out
  if needs guest_flows bridge_mac; then guest_flows_step; fi
  # the RShim networks are among the host's routes, which guests must not reach
  tmfifo_address_step
  isolation_step
  isolation_ipv6_step
  if needs bridge_up bridge; then bridge_up_step; fi
  if needs bridge_address bridge; then bridge_address_step; fi
  ip_forward_file_step
  if needs ip_forward ip_forward_file; then ip_forward_step; fi
  nat_step
  uplink_step
  tmfifo_peer_step
  dnsmasq_config_step
  if needs dnsmasq bridge_address dnsmasq_config; then dnsmasq_step; fi
  unit_step service "$UNIT" 'nothing brings the network up after a reboot'
  unit_step repair "$REPAIR_TIMER" 'nothing repairs the network after a firewall flush'
}

finish() {
  evidence_summary SLICE_NETWORK "slice network of ${GPUAAS_NODE:-this host}" changes "$changes"
  if [ "$quiet" = no ]; then
    [ "$changes" -gt 0 ] || log_info 'nothing to do'
  elif [ "$changes" -gt 0 ] || [ "$evidence_verdict" = FAIL ]; then
    printf '%s' "$evidence_lines" >&3
  fi
  if [ "$evidence_verdict" = FAIL ]; then
    return 1
  fi
  if [ "$dry_run" = yes ] && [ "$changes" -gt 0 ]; then
    return 3
  fi
}

pass() {
  evidence_pass SLICE_NETWORK "$1" "$2"
}

fail() {
  evidence_fail SLICE_NETWORK "$1" "$2" "$3"
}

warn() {
  evidence_warn SLICE_NETWORK "$1" "$2" "$3"
}

skip() {
  evidence_skip SLICE_NETWORK "$1" "$2"
}

# is_planned CHECK: returns 0 when a dry run has said what would be done for CHECK.
is_planned() {
  case $planned in
  *" $1 "*) return 0 ;;
  *) return 1 ;;
  esac
}

# needs CHECK DEPENDENCY...: returns 0 when CHECK can be looked at. In a dry run that includes dependencies that
# a real run would put right.
needs() {
  local check dependency open
  check=$1
  shift
  open=no
  for dependency; do
    if is_planned "$dependency"; then
      open=yes
    fi
  done
  if [ "$open" = yes ]; then
    return 0
  fi
  evidence_stands_on SLICE_NETWORK "$check" "$@"
}

# dry CHECK WHAT: in a dry run reports what would be done and returns 0; otherwise says that it is being done,
# counts it, and returns 1.
dry() {
  changes=$((changes + 1))
  if [ "$dry_run" = no ]; then
    log_info "$2"
    return 1
  fi
  planned="$planned$1 "
  warn "$1" "dry run: would $2" 'run this again without --dry-run'
}

# --- Open vSwitch and the bridge ----------------------------------------------------------------------

# ovs_look: sets ovs_answers to yes or no, and of the bridge (empty where the database has none): bridge_type (datapath
# type; the kernel's is stored as the empty text) and bridge_pinned (the MAC address it is told to keep).
ovs_look() {
  local answer
  ovs_answers=no
  bridge_type=
  bridge_pinned=
  answer=$(ovs-vsctl --timeout=15 --if-exists get bridge "$BRIDGE_NAME" name datapath_type other_config 2>/dev/null) ||
    return 0
  ovs_answers=yes
  [ -n "$answer" ] || return 0
  bridge_type=${answer#*
}
  bridge_type=${bridge_type%%
*}
  bridge_type=${bridge_type#\"}
  bridge_type=${bridge_type%\"}
  bridge_type=${bridge_type:-system}
  case $answer in
  *hwaddr=*)
    bridge_pinned=${answer##*hwaddr=}
    bridge_pinned=${bridge_pinned%%[,\}]*}
    bridge_pinned=${bridge_pinned#\"}
    bridge_pinned=${bridge_pinned%\"}
    ;;
  *) ;;
  esac
}

ovs_step() {
  ovs_look
  if [ "$ovs_answers" = no ] && [ "$systemd" = yes ]; then
    if dry ovs 'start openvswitch-switch.service'; then
      return 0
    fi
    timeout 120 systemctl start openvswitch-switch.service || :
    ovs_look
  fi
  if [ "$ovs_answers" = yes ]; then
    pass ovs 'ovs-vsctl answers'
  else
    fail ovs 'ovs-vsctl does not answer' 'look at: systemctl status openvswitch-switch.service'
  fi
}

# bridge_wait: gives ovs-vswitchd some seconds to make the interface of a bridge that stands in the database, as after
# a boot. Returns 1 when it does not come.
bridge_wait() {
  local tries
  tries=0
  while ! net_link_exists "$BRIDGE_NAME"; do
    if [ "$tries" -ge 10 ]; then
      return 1
    fi
    sleep 0.5
    tries=$((tries + 1))
  done
}

bridge_step() {
  if [ -z "$bridge_type" ]; then
    if net_link_exists "$BRIDGE_NAME"; then
      fail bridge "$BRIDGE_NAME is there, but is no OVS bridge" \
        'something else made it (netplan, another script): a bridge has one owner; remove the other one'
      return 0
    fi
    if dry bridge "add OVS bridge $BRIDGE_NAME with datapath type $BRIDGE_DATAPATH"; then
      return 0
    fi
    ovs-vsctl --timeout=50 add-br "$BRIDGE_NAME" -- set bridge "$BRIDGE_NAME" "datapath_type=$BRIDGE_DATAPATH" || :
    ovs_look
  fi
  if [ -z "$bridge_type" ]; then
    fail bridge "$BRIDGE_NAME was not added" 'look at: ovs-vsctl show; journalctl -u ovsdb-server'
  elif [ "$bridge_type" != "$BRIDGE_DATAPATH" ]; then
    fail bridge "$BRIDGE_NAME has datapath type '$bridge_type', not $BRIDGE_DATAPATH" \
      'somebody else made the bridge; move its ports away and remove it, or change network.bridge.datapath'
  elif ! bridge_wait; then
    fail bridge "$BRIDGE_NAME stands in the database, but has no interface" \
      'look at: ovs-vsctl show; journalctl -u ovs-vswitchd; is the kernel module openvswitch there?'
  else
    pass bridge "$BRIDGE_NAME is an OVS bridge with datapath type $bridge_type"
  fi
}

# mac_look INTERFACE: sets mac to its MAC address; empty without the interface.
mac_look() {
  mac=
  { read -r mac <"/sys/class/net/$1/address"; } 2>/dev/null || :
}

# bridge_mac_step: a bridge takes the lowest MAC address of its ports unless it is told to keep one. The flows below, and
# what guests have learned, go by it.
bridge_mac_step() {
  local mac
  mac_look "$BRIDGE_NAME"
  if [ -z "$mac" ] || [ "$bridge_pinned" != "$mac" ]; then
    if dry bridge_mac "make $BRIDGE_NAME keep the MAC address ${bridge_pinned:-$mac}"; then
      return 0
    fi
    ovs-vsctl --timeout=15 set bridge "$BRIDGE_NAME" "other-config:hwaddr=\"${bridge_pinned:-$mac}\"" || :
    ovs_look
    mac_look "$BRIDGE_NAME"
  fi
  if [ -n "$mac" ] && [ "$bridge_pinned" = "$mac" ]; then
    pass bridge_mac "$BRIDGE_NAME keeps $mac"
  else
    fail bridge_mac "$BRIDGE_NAME has '$mac', and is told to keep '${bridge_pinned:-none}'" \
      "look at: ovs-vsctl get bridge $BRIDGE_NAME other_config; journalctl -u ovs-vswitchd"
  fi
}

# guest_flows_wanted: prints the bridge's flows, as ovs-ofctl shows them. Guests talk to the host and to nobody else: between
# ports of one bridge no packet passes iptables. A flow cannot be lost on a port that comes later.
guest_flows_wanted() {
  printf '%s\n' ' priority=100,in_port=LOCAL actions=NORMAL' " priority=90,dl_dst=$bridge_pinned actions=NORMAL" \
    ' priority=80,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=LOCAL' ' priority=0 actions=drop'
}

guest_flows() {
  ovs-ofctl --timeout=15 --no-stats --no-names dump-flows "$BRIDGE_NAME"
}

guest_flows_step() {
  local wanted found
  wanted=$(guest_flows_wanted)
  found=$(guest_flows) || found=unknown
  if [ "$found" != "$wanted" ]; then
    if dry guest_flows "replace the flows of $BRIDGE_NAME: guests reach the host only, not each other"; then
      return 0
    fi
    printf '%s\n' "$wanted" | awk '{ sub(/ actions=/, ",actions="); print }' |
      ovs-ofctl --timeout=15 --bundle replace-flows "$BRIDGE_NAME" - || :
    found=$(guest_flows) || found=unknown
  fi
  if [ "$found" = "$wanted" ]; then
    pass guest_flows "on $BRIDGE_NAME guests reach the host only, not each other"
  else
    fail guest_flows "$BRIDGE_NAME has other flows: $found" "look at: ovs-ofctl dump-flows $BRIDGE_NAME; who else sets flows?"
  fi
}

# --- what guests may reach --------------------------------------------------------------------------------

# isolation_look COMMAND WANTED JUMPS: sets isolation_rules (all rules of the kernel), isolation_right (is the chain as
# WANTED?) and isolation_led (do JUMPS lead into it?) to yes or no. Returns 1 where the rules cannot be read.
isolation_look() {
  isolation_right=no
  isolation_led=no
  isolation_rules=$("$1" -w 30 -S) || return 1
  isolation_lines "$isolation_rules" "-A $CHAIN "
  if [ "$isolation_found" = "$2" ]; then
    isolation_right=yes
  fi
  if isolation_leads "$isolation_rules" "$3" "$CHAIN"; then
    isolation_led=yes
  fi
}

# isolation_apply COMMAND WANTED JUMPS: chain and jumps in one step; then looks again.
isolation_apply() {
  isolation_transaction "$isolation_rules" "$CHAIN" "$2" "$3" | "$1-restore" -w 30 --noflush || :
  isolation_look "$@" || :
}

isolation_step() {
  local routed wanted jumps
  jumps=$(isolation_jumps "$CHAIN" "$BRIDGE_NAME")
  if ! routed=$(isolation_routed "$BRIDGE_NAME"); then
    fail isolation "the host's routes cannot be read" 'look at: ip route show'
    needs isolation_jumps isolation || return 0
  fi
  wanted=$(isolation_chain "$CHAIN" "$BRIDGE_IP" "$BRIDGE_NETWORK" "$DENY_MANAGEMENT $DENY" "$ALLOW" "$routed")
  if ! isolation_look iptables "$wanted" "$jumps"; then
    fail isolation 'the firewall rules cannot be read' 'look at: iptables -S; lsmod | grep -e nf_tables -e ip_tables'
    needs isolation_jumps isolation || return 0
  fi
  if [ "$isolation_right" = no ]; then
    dry isolation "set the rules of chain $CHAIN" || :
  fi
  if [ "$isolation_led" = no ]; then
    dry isolation_jumps "lead what comes from and goes to $BRIDGE_NAME through $CHAIN first" || :
  fi
  if [ "$dry_run" = no ] && [ "$isolation_right$isolation_led" != yesyes ]; then
    isolation_apply iptables "$wanted" "$jumps"
  fi
  if [ "$isolation_right" = yes ]; then
    pass isolation "$CHAIN: guests reach DHCP, DNS and the internet only"
  elif ! is_planned isolation; then
    fail isolation "chain $CHAIN is not as it should be" "look at: iptables -S $CHAIN; who else changes it?"
  fi
  if [ "$isolation_led" = yes ]; then
    pass isolation_jumps "INPUT and FORWARD lead through $CHAIN before all other rules"
  elif ! is_planned isolation_jumps; then
    fail isolation_jumps "INPUT or FORWARD do not lead through $CHAIN first: guests could reach the host and its networks" \
      'look at: iptables -S INPUT; iptables -S FORWARD; what else inserts rules there?'
  fi
}

# isolation_ipv6_step: guests get no IPv6, but could talk to the host's link-local address.
isolation_ipv6_step() {
  local wanted jumps
  if ! [ -e /proc/net/if_inet6 ]; then
    skip isolation_ipv6 'this kernel has no IPv6'
    return 0
  fi
  wanted="-A $CHAIN -j DROP"
  jumps=$(isolation_jumps "$CHAIN" "$BRIDGE_NAME")
  if ! isolation_look ip6tables "$wanted" "$jumps"; then
    fail isolation_ipv6 'the IPv6 firewall rules cannot be read' 'look at: ip6tables -S'
    return 0
  fi
  if [ "$isolation_right$isolation_led" != yesyes ]; then
    if dry isolation_ipv6 "drop all IPv6 from and to $BRIDGE_NAME"; then
      return 0
    fi
    isolation_apply ip6tables "$wanted" "$jumps"
  fi
  if [ "$isolation_right$isolation_led" = yesyes ]; then
    pass isolation_ipv6 "all IPv6 from and to $BRIDGE_NAME is dropped"
  else
    fail isolation_ipv6 "IPv6 from and to $BRIDGE_NAME is not dropped" "look at: ip6tables -S; who else changes it?"
  fi
}

bridge_up_step() {
  if ! net_link_is_up "$BRIDGE_NAME"; then
    if dry bridge_up "set $BRIDGE_NAME up"; then
      return 0
    fi
    ip link set dev "$BRIDGE_NAME" up || :
  fi
  if net_link_is_up "$BRIDGE_NAME"; then
    pass bridge_up "$BRIDGE_NAME is up"
  else
    fail bridge_up "$BRIDGE_NAME is down" "look at: ip link show dev $BRIDGE_NAME"
  fi
}

bridge_address_step() {
  address_step bridge_address "$BRIDGE_NAME" "$BRIDGE_ADDRESS"
}

# address_step CHECK INTERFACE ADDRESS: the interface has the address, with this prefix and no other.
address_step() {
  if ! net_has_address "$2" "$3"; then
    if dry "$1" "add $3 to $2"; then
      return 0
    fi
    ip address add "$3" dev "$2" || :
    net_look "$2"
  fi
  case " $net_found " in
  " $3 ") pass "$1" "$2 has $net_found" ;;
  *" $3 "*)
    warn "$1" "$2 has more than its own address: $net_found" "find out who added the others; remove: ip address del ADDRESS dev $2"
    ;;
  *) fail "$1" "$2 has '$net_found', not $3" "look at: ip address show dev $2" ;;
  esac
}

# --- forwarding, NAT, the way out ---------------------------------------------------------------------

ip_forward_file_step() {
  if [ -f "$SYSCTL_FILE" ] && grep -Eq '^[[:space:]]*net[.]ipv4[.]ip_forward[[:space:]]*=[[:space:]]*1[[:space:]]*$' "$SYSCTL_FILE"; then
    pass ip_forward_file "$SYSCTL_FILE turns forwarding on at every boot"
  else
    fail ip_forward_file "$SYSCTL_FILE does not turn net.ipv4.ip_forward on" "deliver the profile's files"
  fi
}

# forwarding_look: sets forwarding to the kernel's value.
forwarding_look() {
  forwarding=unknown
  # dash reads byte by byte, and /proc/sys gives one only: the end of the line never comes
  read -r forwarding </proc/sys/net/ipv4/ip_forward || :
}

ip_forward_step() {
  forwarding_look
  if [ "$forwarding" != 1 ]; then
    if dry ip_forward "apply $SYSCTL_FILE"; then
      return 0
    fi
    timeout 30 sysctl -q -p "$SYSCTL_FILE" || :
    forwarding_look
  fi
  if [ "$forwarding" = 1 ]; then
    pass ip_forward 'net.ipv4.ip_forward is 1'
  else
    fail ip_forward "net.ipv4.ip_forward is $forwarding" 'look in /etc/sysctl.d for a file that turns it off again'
  fi
}

# nat_look: sets nat_count, how often the rule stands in the kernel, in the very form that node agent and runbook look for.
nat_look() {
  local rules line
  nat_count=0
  rules=$(iptables -w 30 -t nat -S POSTROUTING) || return 1
  while IFS= read -r line; do
    if [ "$line" = "-A POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE" ]; then
      nat_count=$((nat_count + 1))
    fi
  done <<RULES
$rules
RULES
}

nat_step() {
  if ! nat_look; then
    fail nat 'the nat table cannot be read' 'look at: iptables -t nat -S; lsmod | grep -e nf_nat -e ip_tables'
    return 0
  fi
  if [ "$BRIDGE_NAT" != true ]; then
    if [ "$nat_count" -eq 0 ]; then
      skip nat 'network.bridge.nat is off for this profile'
    else
      warn nat "network.bridge.nat is off, but $BRIDGE_NETWORK is masqueraded" \
        "remove it: iptables -t nat -D POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE"
    fi
    return 0
  fi
  if [ "$nat_count" -eq 0 ]; then
    if dry nat "add the rule -A POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE"; then
      return 0
    fi
    iptables -w 30 -t nat -A POSTROUTING -s "$BRIDGE_NETWORK" -j MASQUERADE || :
    nat_look || :
  fi
  case $nat_count in
  0)
    fail nat "no rule -A POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE" \
      'guests would leave with private addresses; look at: iptables -t nat -S POSTROUTING'
    ;;
  1) pass nat "-A POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE" ;;
  *)
    warn nat "the rule stands $nat_count times" \
      "remove the surplus: iptables -t nat -D POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE"
    ;;
  esac
}

uplink_step() {
  local interface
  interface=$(net_default_interface)
  if [ "$interface" = "${GPUAAS_UPLINK_INTERFACE:?}" ]; then
    pass uplink "the default route leaves by $interface"
  else
    warn uplink "the default route leaves by '${interface:-nothing}', not by ${GPUAAS_UPLINK_INTERFACE:?}" \
      'look at: ip route show default; correct network.uplink.interface of the node or its netplan file'
  fi
}

# --- RShim ----------------------------------------------------------------------------------------------

# tmfifo_cards: prints one row a card, "interface|address|peer|mac": the first card, then the others.
tmfifo_cards() {
  printf '%s|%s|%s|%s\n' "$TMFIFO_INTERFACE" "${TMFIFO_ADDRESS:--}" "${TMFIFO_PEER:--}" "${TMFIFO_MAC:--}"
  if [ -n "$TMFIFO_MORE" ]; then
    printf '%s\n' "$TMFIFO_MORE"
  fi
}

# tmfifo_each WHAT: does WHAT (look or mend) for every card.
tmfifo_each() {
  local interface address mac cards
  cards=$(tmfifo_cards)
  while IFS='|' read -r interface address _ mac; do
    case $1 in
    look) tmfifo_look_at "$interface" "$address" "$mac" ;;
    *) tmfifo_mend "$interface" "$address" "$mac" ;;
    esac
  done <<CARDS
$cards
CARDS
}

# tmfifo_look: looks at all cards. Sets tmfifo_missing (what this script mends), tmfifo_odd (what it leaves to a person)
# and tmfifo_absent (interfaces that are not there).
tmfifo_look() {
  local path
  tmfifo_missing=
  tmfifo_odd=
  tmfifo_absent=
  tmfifo_known=' '
  tmfifo_macs=' '
  tmfifo_each look
  for path in /sys/class/net/tmfifo_net*; do
    case "$tmfifo_known" in
    *" ${path##*/} "*) ;;
    *) ! [ -e "$path" ] || tmfifo_odd="$tmfifo_odd${tmfifo_odd:+; }${path##*/} is in no network.tmfifo of the configuration" ;;
    esac
  done
}

# tmfifo_look_at INTERFACE ADDRESS MAC
tmfifo_look_at() {
  local mac
  tmfifo_known="$tmfifo_known$1 "
  if ! net_link_exists "$1"; then
    tmfifo_absent="$tmfifo_absent $1"
    return 0
  fi
  mac_look "$1"
  if [ "$3" != - ] && [ "$mac" != "$3" ]; then
    tmfifo_missing="$tmfifo_missing${tmfifo_missing:+; }$1 has the MAC address $mac, not $3"
  else
    case $tmfifo_macs in
    *" $mac "*) tmfifo_odd="$tmfifo_odd${tmfifo_odd:+; }$1 has the MAC address $mac of another card" ;;
    *) ;;
    esac
  fi
  tmfifo_macs="$tmfifo_macs$mac "
  if ! net_link_is_up "$1"; then
    tmfifo_missing="$tmfifo_missing${tmfifo_missing:+; }$1 is down"
  fi
  net_look "$1"
  case " $net_found " in
  " $2 ") ;;
  *" $2 "*) tmfifo_odd="$tmfifo_odd${tmfifo_odd:+; }$1 has more than its own address: $net_found" ;;
  *) tmfifo_missing="$tmfifo_missing${tmfifo_missing:+; }$1 lacks $2" ;;
  esac
}

# tmfifo_mend INTERFACE ADDRESS MAC: what is right already is left alone.
tmfifo_mend() {
  local mac
  if ! net_link_exists "$1"; then
    return 0
  fi
  mac_look "$1"
  if [ "$3" != - ] && [ "$mac" != "$3" ]; then
    ip link set dev "$1" address "$3" || :
  fi
  if ! net_link_is_up "$1"; then
    ip link set dev "$1" up || :
  fi
  if ! net_has_address "$1" "$2"; then
    ip address add "$2" dev "$1" || :
  fi
}

# tmfifo_address_step: every card's interface is up and has its address and a MAC address of its own. The interfaces come
# with the rshim driver, at times long after this service: the next repair finds them.
tmfifo_address_step() {
  if [ -z "$TMFIFO_ADDRESS" ]; then
    skip tmfifo_address 'network.tmfifo.address is not set'
    return 0
  fi
  tmfifo_look
  if [ -n "$tmfifo_missing" ]; then
    if dry tmfifo_address "mend: $tmfifo_missing"; then
      return 0
    fi
    tmfifo_each mend
    tmfifo_look
  fi
  if [ -n "$tmfifo_missing" ]; then
    fail tmfifo_address "$tmfifo_missing" 'look at: ip address show; ip link show'
  elif [ -n "$tmfifo_absent" ] && [ "${GPUAAS_BF3_MODE:-}" = nic ]; then
    skip tmfifo_address "no interface$tmfifo_absent: in NIC mode the Arm cores are off"
  elif [ -n "$tmfifo_absent" ]; then
    warn tmfifo_address "no interface$tmfifo_absent" 'look at: systemctl status rshim; is the BlueField in DPU mode?'
  elif [ -n "$tmfifo_odd" ]; then
    warn tmfifo_address "$tmfifo_odd" \
      'give each card its row in network.tmfifo.more, with address and MAC address; remove foreign addresses: ip address del'
  else
    pass tmfifo_address "up, with their own addresses:${tmfifo_known% }"
  fi
}

# tmfifo_peer_step: the Arm side of every card answers. One packet each.
tmfifo_peer_step() {
  local cards interface peer silent asked
  if [ "${GPUAAS_BF3_MODE:-}" = nic ]; then
    skip tmfifo_peer 'in NIC mode the Arm cores are off: nobody answers'
    return 0
  fi
  needs tmfifo_peer tmfifo_address || return 0
  silent=
  asked=
  cards=$(tmfifo_cards)
  while IFS='|' read -r interface _ peer _; do
    if [ "$peer" = - ]; then
      continue
    fi
    asked="$asked $peer on $interface"
    if ! timeout 10 ping -n -q -c 1 -W 2 -I "$interface" "$peer" >/dev/null 2>&1 </dev/null; then
      silent="$silent $peer on $interface"
    fi
  done <<CARDS
$cards
CARDS
  if [ -n "$silent" ]; then
    warn tmfifo_peer "no answer from:$silent" 'look at the DPU: has its Arm side booted?'
  elif [ -z "$asked" ]; then
    skip tmfifo_peer 'network.tmfifo.peer is not set'
  else
    pass tmfifo_peer "answer:$asked"
  fi
}

# --- dnsmasq ----------------------------------------------------------------------------------------------

dnsmasq_config_step() {
  local answer
  if ! [ -f "$DNSMASQ_FILE" ]; then
    fail dnsmasq_config "$DNSMASQ_FILE is missing" "deliver the profile's files"
  elif ! grep -qFx "interface=$BRIDGE_NAME" "$DNSMASQ_FILE"; then
    fail dnsmasq_config "$DNSMASQ_FILE does not serve $BRIDGE_NAME" "deliver the profile's files again"
  # the folder as the distribution's unit passes it, with the node agent's reservations in it
  elif ! answer=$(timeout 30 dnsmasq --test --conf-dir=/etc/dnsmasq.d,.dpkg-dist,.dpkg-old,.dpkg-new 2>&1); then
    fail dnsmasq_config "$answer" 'correct or remove the file that is named'
  else
    pass dnsmasq_config "$DNSMASQ_FILE and all of /etc/dnsmasq.d are valid"
  fi
}

# dnsmasq_serves: somebody listens for DNS on the bridge's address and for DHCP on the bridge.
dnsmasq_serves() {
  local sockets address dns dhcp
  sockets=$(ss -H -l -u -n) || return 1
  dns=no
  dhcp=no
  while read -r _ _ _ address _; do
    case $address in
    "$BRIDGE_IP:53" | "$BRIDGE_IP%$BRIDGE_NAME:53") dns=yes ;;
    0.0.0.0:67 | '*:67' | "0.0.0.0%$BRIDGE_NAME:67") dhcp=yes ;;
    *) ;;
    esac
  done <<SOCKETS
$sockets
SOCKETS
  [ "$dns$dhcp" = yesyes ]
}

dnsmasq_step() {
  local tries serves
  if [ "$systemd" = no ]; then
    skip dnsmasq "services are left alone: $UNIT restarts dnsmasq after this"
    return 0
  fi
  serves=yes
  dnsmasq_serves || serves=no
  if [ "$serves" = no ]; then
    if dry dnsmasq 'restart dnsmasq.service'; then
      return 0
    fi
    timeout 120 systemctl restart dnsmasq.service || :
    tries=0
    while [ "$serves" = no ] && [ "$tries" -lt 50 ]; do
      sleep 0.2
      tries=$((tries + 1))
      if dnsmasq_serves; then
        serves=yes
      fi
    done
  fi
  if [ "$serves" = yes ]; then
    pass dnsmasq "DNS on $BRIDGE_IP and DHCP on $BRIDGE_NAME are listened for"
  else
    fail dnsmasq "nobody listens for DNS on $BRIDGE_IP and DHCP on $BRIDGE_NAME" 'look at: systemctl status dnsmasq.service'
  fi
}

# --- services ---------------------------------------------------------------------------------------------

# historical_files: prints what earlier hand-made baselines left.
historical_files() {
  local path
  for path in "/etc/systemd/system/$HISTORICAL.service" "/usr/local/sbin/$HISTORICAL" "/usr/local/sbin/$HISTORICAL.sh" \
    /usr/local/sbin/gpuaas-slice-network-baseline.sh; do
    if [ -e "$path" ] || [ -L "$path" ]; then
      printf '%s\n' "$path"
    fi
  done
}

historical_step() {
  local files state
  files=$(historical_files)
  if [ -z "$files" ]; then
    pass historical_service "nothing of $HISTORICAL is left"
    return 0
  fi
  files=$(printf '%s' "$files" | awk '{ printf "%s%s", separator, $0; separator = " " }')
  if [ "$systemd" = no ]; then
    warn historical_service "still there: $files" 'run gpuaas-slice-network-baseline once by hand'
    return 0
  fi
  if ! [ -f "/etc/systemd/system/$UNIT" ]; then
    warn historical_service "still there: $files; kept, since $UNIT is not installed" "deliver the profile's files"
    return 0
  fi
  if dry historical_service "retire $files to $RETIRED"; then
    return 0
  fi
  retire || :
  files=$(historical_files)
  state=$(timeout 30 systemctl show --property LoadState --value "$HISTORICAL.service") || state=unknown
  if [ -z "$files" ] && [ "$state" = not-found ]; then
    pass historical_service "$HISTORICAL is retired; its files are in $RETIRED"
  else
    fail historical_service "still there (state $state): $files" "look at: systemctl status $HISTORICAL.service"
  fi
}

# retire: stops and disables the historical service and moves its files away; they are not ours, so they are kept.
retire() {
  local files path stamp
  files=$(historical_files)
  stamp=$(date -u +%Y%m%dT%H%M%SZ)
  mkdir -p "$RETIRED"
  if [ -e "/etc/systemd/system/$HISTORICAL.service" ]; then
    timeout 120 systemctl stop "$HISTORICAL.service"
    # systemd is told below, when the files are gone
    timeout 60 systemctl disable --no-reload "$HISTORICAL.service"
  fi
  printf '%s\n' "$files" | while IFS= read -r path; do
    mv "$path" "$RETIRED/${path##*/}.$stamp"
  done
  timeout 60 systemctl daemon-reload
}

# unit_step CHECK UNIT WHAT: the unit is installed and enabled, and a timer runs; without it, WHAT.
unit_step() {
  local check unit state
  check=$1
  unit=$2
  if [ "$systemd" = no ]; then
    skip "$check" 'services are left alone'
    return 0
  fi
  if ! [ -f "/etc/systemd/system/$unit" ]; then
    warn "$check" "$unit is not installed: $3" "deliver the profile's files"
    return 0
  fi
  state=$(unit_state "$unit")
  if [ "$state" != enabled ]; then
    if dry "$check" "enable $unit"; then
      return 0
    fi
    case $state in
    'enabled, '*) ;;
    *) unit_enable "$unit" || : ;;
    esac
    case $unit in
    *.timer) timeout 60 systemctl start "$unit" || : ;;
    *) ;;
    esac
    state=$(unit_state "$unit")
  fi
  if [ "$state" = enabled ]; then
    pass "$check" "$unit is enabled"
  else
    fail "$check" "$unit is $state" "look at: systemctl status $unit"
  fi
}

# unit_enable UNIT: both units at once, where both are there: at each enabling systemd reads all its units again.
unit_enable() {
  if [ -f "/etc/systemd/system/$UNIT" ] && [ -f "/etc/systemd/system/$REPAIR_TIMER" ] &&
    timeout 60 systemctl enable "$UNIT" "$REPAIR_TIMER"; then
    return 0
  fi
  timeout 60 systemctl enable "$1"
}

# unit_state UNIT: prints "enabled"; of a timer that is enabled but does not run, "enabled, but inactive".
unit_state() {
  local state active
  state=$(systemctl is-enabled "$1" 2>/dev/null) || :
  case $state/$1 in
  enabled/*.timer)
    active=$(systemctl is-active "$1" 2>/dev/null) || :
    if [ "$active" != active ]; then
      state="enabled, but ${active:-not running}"
    fi
    ;;
  *) ;;
  esac
  printf '%s\n' "${state:-unknown}"
}
