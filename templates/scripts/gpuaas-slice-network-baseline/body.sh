# Each step looks first, changes what is missing, and reads back what it changed. One evidence line a step.

usage() {
  cat <<USAGE
gpuaas-slice-network-baseline [--dry-run] [--no-systemd]

Brings up and repairs this slice host's own network: OVS bridge $BRIDGE_NAME with $BRIDGE_ADDRESS, IPv4
forwarding, NAT for $BRIDGE_NETWORK, the RShim address. Run by hand it also starts Open vSwitch, restarts
dnsmasq where it does not serve the bridge, enables $UNIT, and retires the
historical service $HISTORICAL. What is right already is left alone.

  --dry-run     say what would be changed, change nothing
  --no-systemd  leave all services alone; for $UNIT itself
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
  changes=0
  planned=' '
  while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry_run=yes ;;
    --no-systemd) systemd=no ;;
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
  require_commands awk date dnsmasq flock grep id ip iptables mkdir mv ovs-vsctl ping sleep ss stat sysctl systemctl \
    tail timeout
  require_root
  nodeenv_load "$NODE_ENV" GPUAAS_UPLINK_INTERFACE 'GPUAAS_BF3_MODE?'
  if [ "$dry_run" = no ]; then
    take_lock
  fi
  evidence_begin historical_service ovs bridge bridge_up bridge_address ip_forward_file ip_forward nat uplink \
    tmfifo_address tmfifo_peer dnsmasq_config dnsmasq service
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
  if needs bridge_up bridge; then bridge_up_step; fi
  if needs bridge_address bridge; then bridge_address_step; fi
  ip_forward_file_step
  if needs ip_forward ip_forward_file; then ip_forward_step; fi
  nat_step
  uplink_step
  tmfifo_address_step
  tmfifo_peer_step
  dnsmasq_config_step
  if needs dnsmasq bridge_address dnsmasq_config; then dnsmasq_step; fi
  service_step
}

finish() {
  evidence_summary SLICE_NETWORK "slice network of ${GPUAAS_NODE:-this host}" changes "$changes"
  if [ "$changes" -eq 0 ]; then
    log_info 'nothing to do'
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

# needs CHECK DEPENDENCY...: returns 0 when CHECK can be looked at. In a dry run that includes dependencies that
# a real run would put right.
needs() {
  local check dependency open
  check=$1
  shift
  open=no
  for dependency; do
    case $planned in
    *" $dependency "*) open=yes ;;
    *) ;;
    esac
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

ovs_answers() {
  timeout 20 ovs-vsctl --timeout=15 list-br >/dev/null 2>&1
}

ovs_step() {
  if ! ovs_answers && [ "$systemd" = yes ]; then
    if dry ovs 'start openvswitch-switch.service'; then
      return 0
    fi
    timeout 120 systemctl start openvswitch-switch.service || :
  fi
  if ovs_answers; then
    pass ovs 'ovs-vsctl answers'
  else
    fail ovs 'ovs-vsctl does not answer' 'look at: systemctl status openvswitch-switch.service'
  fi
}

# bridge_datapath: prints the bridge's datapath type ("system" is stored as the empty text).
bridge_datapath() {
  local type
  type=$(timeout 20 ovs-vsctl --timeout=15 get bridge "$BRIDGE_NAME" datapath_type) || return 1
  type=${type#\"}
  type=${type%\"}
  printf '%s\n' "${type:-system}"
}

bridge_in_database() {
  timeout 20 ovs-vsctl --timeout=15 br-exists "$BRIDGE_NAME"
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
  local type
  if ! bridge_in_database; then
    if net_link_exists "$BRIDGE_NAME"; then
      fail bridge "$BRIDGE_NAME exists, but is no OVS bridge" \
        'something else made it (netplan, another script): a bridge has one owner; remove the other one'
      return 0
    fi
    if dry bridge "add OVS bridge $BRIDGE_NAME with datapath type $BRIDGE_DATAPATH"; then
      return 0
    fi
    timeout 60 ovs-vsctl --timeout=50 add-br "$BRIDGE_NAME" \
      -- set bridge "$BRIDGE_NAME" "datapath_type=$BRIDGE_DATAPATH" || :
  fi
  if ! bridge_in_database; then
    fail bridge "$BRIDGE_NAME was not added" 'look at: ovs-vsctl show; journalctl -u ovsdb-server'
  elif ! type=$(bridge_datapath) || [ "$type" != "$BRIDGE_DATAPATH" ]; then
    fail bridge "$BRIDGE_NAME has datapath type '${type:-unknown}', not $BRIDGE_DATAPATH" \
      'somebody else made the bridge; move its ports away and remove it, or change network.bridge.datapath'
  elif ! bridge_wait; then
    fail bridge "$BRIDGE_NAME stands in the database, but has no interface" \
      'look at: ovs-vsctl show; journalctl -u ovs-vswitchd; is the kernel module openvswitch there?'
  else
    pass bridge "$BRIDGE_NAME is an OVS bridge with datapath type $type"
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
  local all
  if ! net_has_address "$2" "$3"; then
    if dry "$1" "add $3 to $2"; then
      return 0
    fi
    ip address add "$3" dev "$2" || :
  fi
  all=$(net_addresses "$2" | awk '{ printf "%s%s", separator, $0; separator = " " }')
  if ! net_has_address "$2" "$3"; then
    fail "$1" "$2 has '$all', not $3" "look at: ip address show dev $2"
  elif [ "$all" = "$3" ]; then
    pass "$1" "$2 has $all"
  else
    warn "$1" "$2 has more than its own address: $all" "find out who added the others; remove: ip address del ADDRESS dev $2"
  fi
}

# --- forwarding, NAT, the way out ---------------------------------------------------------------------

ip_forward_file_step() {
  if [ -f "$SYSCTL_FILE" ] && grep -Eq '^[[:space:]]*net[.]ipv4[.]ip_forward[[:space:]]*=[[:space:]]*1[[:space:]]*$' "$SYSCTL_FILE"; then
    pass ip_forward_file "$SYSCTL_FILE turns forwarding on at every boot"
  else
    fail ip_forward_file "$SYSCTL_FILE does not turn net.ipv4.ip_forward on" "deliver the profile's files"
  fi
}

# forwarding: prints the kernel's value.
forwarding() {
  local value
  value=unknown
  read -r value </proc/sys/net/ipv4/ip_forward || :
  printf '%s\n' "$value"
}

ip_forward_step() {
  local value
  value=$(forwarding)
  if [ "$value" != 1 ]; then
    if dry ip_forward "apply $SYSCTL_FILE"; then
      return 0
    fi
    timeout 30 sysctl -q -p "$SYSCTL_FILE" || :
    value=$(forwarding)
  fi
  if [ "$value" = 1 ]; then
    pass ip_forward 'net.ipv4.ip_forward is 1'
  else
    fail ip_forward "net.ipv4.ip_forward is $value" 'look in /etc/sysctl.d for a file that turns it off again'
  fi
}

# nat_rules: prints how often the rule stands in the kernel, in the very form that node agent and runbook look for.
nat_rules() {
  local rules
  rules=$(iptables -w 30 -t nat -S POSTROUTING) || return 1
  printf '%s\n' "$rules" |
    awk -v rule="-A POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE" '$0 == rule { n++ } END { print n + 0 }'
}

nat_step() {
  local count
  if ! count=$(nat_rules); then
    fail nat 'the nat table cannot be read' 'look at: iptables -t nat -S; lsmod | grep -e nf_nat -e ip_tables'
    return 0
  fi
  if [ "$BRIDGE_NAT" != true ]; then
    if [ "$count" -eq 0 ]; then
      skip nat 'network.bridge.nat is off for this profile'
    else
      warn nat "network.bridge.nat is off, but $BRIDGE_NETWORK is masqueraded" \
        "remove it: iptables -t nat -D POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE"
    fi
    return 0
  fi
  if ! iptables -w 30 -t nat -C POSTROUTING -s "$BRIDGE_NETWORK" -j MASQUERADE 2>/dev/null; then
    if dry nat "add the rule -A POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE"; then
      return 0
    fi
    iptables -w 30 -t nat -A POSTROUTING -s "$BRIDGE_NETWORK" -j MASQUERADE || :
    count=$(nat_rules) || count=0
  fi
  case $count in
  0)
    fail nat "no rule -A POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE" \
      'guests would leave with private addresses; look at: iptables -t nat -S POSTROUTING'
    ;;
  1) pass nat "-A POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE" ;;
  *)
    warn nat "the rule stands $count times" \
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

tmfifo_address_step() {
  if [ -z "$TMFIFO_ADDRESS" ]; then
    skip tmfifo_address 'network.tmfifo.address is not set'
  elif net_link_exists "$TMFIFO_INTERFACE"; then
    tmfifo_up_step
  elif [ "${GPUAAS_BF3_MODE:-}" = nic ]; then
    skip tmfifo_address "no $TMFIFO_INTERFACE: in NIC mode the Arm cores are off"
  else
    warn tmfifo_address "no interface $TMFIFO_INTERFACE" 'look at: systemctl status rshim; is the BlueField in DPU mode?'
  fi
}

# tmfifo_up_step: the interface is there; it must be up and have its address.
tmfifo_up_step() {
  if ! net_link_is_up "$TMFIFO_INTERFACE"; then
    if dry tmfifo_address "set $TMFIFO_INTERFACE up, with $TMFIFO_ADDRESS"; then
      return 0
    fi
    ip link set dev "$TMFIFO_INTERFACE" up || :
    if ! net_link_is_up "$TMFIFO_INTERFACE"; then
      fail tmfifo_address "$TMFIFO_INTERFACE is down" "look at: ip link show dev $TMFIFO_INTERFACE"
      return 0
    fi
  fi
  address_step tmfifo_address "$TMFIFO_INTERFACE" "$TMFIFO_ADDRESS"
}

tmfifo_peer_step() {
  if [ -z "$TMFIFO_PEER" ]; then
    skip tmfifo_peer 'network.tmfifo.peer is not set'
  elif [ "${GPUAAS_BF3_MODE:-}" = nic ]; then
    skip tmfifo_peer 'in NIC mode the Arm cores are off: nobody answers'
  elif needs tmfifo_peer tmfifo_address; then
    if timeout 20 ping -n -q -c 1 -w 4 -I "$TMFIFO_INTERFACE" "$TMFIFO_PEER" >/dev/null 2>&1; then
      pass tmfifo_peer "$TMFIFO_PEER answers on $TMFIFO_INTERFACE"
    else
      warn tmfifo_peer "$TMFIFO_PEER does not answer on $TMFIFO_INTERFACE" 'look at the DPU: has its Arm side booted?'
    fi
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
  local sockets
  sockets=$(ss -H -l -u -n) || return 1
  printf '%s\n' "$sockets" | awk -v dns="$BRIDGE_IP:53" -v bridge="$BRIDGE_NAME" '
    $4 == dns || $4 == substr(dns, 1, length(dns) - 3) "%" bridge ":53" { has_dns = 1 }
    $4 == "0.0.0.0:67" || $4 == "*:67" || $4 == "0.0.0.0%" bridge ":67" { has_dhcp = 1 }
    END { exit !(has_dns && has_dhcp) }'
}

dnsmasq_step() {
  local tries
  if [ "$systemd" = no ]; then
    skip dnsmasq "services are left alone: $UNIT restarts dnsmasq after this"
    return 0
  fi
  if ! dnsmasq_serves; then
    if dry dnsmasq 'restart dnsmasq.service'; then
      return 0
    fi
    timeout 120 systemctl restart dnsmasq.service || :
    tries=0
    while [ "$tries" -lt 20 ] && ! dnsmasq_serves; do
      sleep 0.5
      tries=$((tries + 1))
    done
  fi
  if dnsmasq_serves; then
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
    timeout 120 systemctl disable --now "$HISTORICAL.service"
  fi
  printf '%s\n' "$files" | while IFS= read -r path; do
    mv "$path" "$RETIRED/${path##*/}.$stamp"
  done
  timeout 60 systemctl daemon-reload
}

service_step() {
  local state
  if [ "$systemd" = no ]; then
    skip service 'services are left alone'
    return 0
  fi
  if ! [ -f "/etc/systemd/system/$UNIT" ]; then
    warn service "$UNIT is not installed: nothing repairs the network after a reboot" "deliver the profile's files"
    return 0
  fi
  state=$(systemctl is-enabled "$UNIT" 2>/dev/null) || :
  if [ "$state" != enabled ]; then
    if dry service "enable $UNIT"; then
      return 0
    fi
    timeout 60 systemctl enable "$UNIT" || :
    state=$(systemctl is-enabled "$UNIT" 2>/dev/null) || :
  fi
  if [ "$state" = enabled ]; then
    pass service "$UNIT is enabled"
  else
    fail service "$UNIT is '${state:-unknown}'" "look at: systemctl status $UNIT"
  fi
}
