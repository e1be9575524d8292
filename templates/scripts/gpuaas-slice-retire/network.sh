# The guests' network: NAT, chains, bridge, forwarding.

# nat_rules: prints how often the guests' network is masqueraded.
nat_rules() {
  local rules
  rules=$(iptables -w 30 -t nat -S POSTROUTING) || return 1
  printf '%s\n' "$rules" |
    awk -v rule="-A POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE" '$0 == rule { n++ } END { print n + 0 }'
}

nat_step() {
  local count
  if ! command -v iptables >/dev/null 2>&1; then
    step_skip nat 'iptables is not installed'
    return 0
  fi
  if ! count=$(nat_rules); then
    step_fail nat 'the nat table cannot be read' 'look at: iptables -t nat -S'
    return 0
  fi
  if [ "$count" -gt 0 ]; then
    if step_dry nat "remove -A POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE"; then
      return 0
    fi
    while [ "$count" -gt 0 ]; do
      step_try iptables -w 30 -t nat -D POSTROUTING -s "$BRIDGE_NETWORK" -j MASQUERADE
      count=$((count - 1))
    done
    count=$(nat_rules) || count=unknown
  fi
  if [ "$count" = 0 ]; then
    step_pass nat "$BRIDGE_NETWORK is not masqueraded"
  else
    step_fail nat "-A POSTROUTING -s $BRIDGE_NETWORK -j MASQUERADE stands $count times" 'look at: iptables -t nat -S POSTROUTING'
  fi
}

# chain_rules COMMAND: prints the rules that make, fill or lead into the chain.
chain_rules() {
  local rules
  rules=$("$1" -w 30 -S) || return 1
  printf '%s\n' "$rules" | awk -v chain="$CHAIN" '$2 == chain || $NF == chain'
}

# chain_step CHECK COMMAND: jumps first, then the chain.
chain_step() {
  local rules rule
  if ! command -v "$2" >/dev/null 2>&1; then
    step_skip "$1" "$2 is not installed"
    return 0
  fi
  if [ "$2" = ip6tables ] && ! [ -e /proc/net/if_inet6 ]; then
    step_skip "$1" 'this kernel has no IPv6'
    return 0
  fi
  if ! rules=$(chain_rules "$2"); then
    step_fail "$1" "$2 -S cannot be read" "look at: $2 -S"
    return 0
  fi
  if [ -n "$rules" ]; then
    if step_dry "$1" "remove chain $CHAIN of $2 and what leads into it"; then
      return 0
    fi
    while IFS= read -r rule; do
      case $rule in
      "-A $CHAIN "* | "-N $CHAIN") ;;
      '-A '*)
        # shellcheck disable=SC2086 # the words of a rule
        step_try "$2" -w 30 -D ${rule#-A }
        ;;
      *) ;;
      esac
    done <<RULES
$rules
RULES
    step_try "$2" -w 30 -F "$CHAIN"
    step_try "$2" -w 30 -X "$CHAIN"
    rules=$(chain_rules "$2") || rules=unknown
  fi
  if [ -n "$rules" ]; then
    step_fail "$1" "still there: $(printf '%s\n' "$rules" | one_line)" "look at: $2 -S; who else adds rules?"
  else
    step_pass "$1" "no rule of $2 names $CHAIN"
  fi
}

# bridge_known: prints yes or no. Returns 1 when the database cannot be asked.
bridge_known() {
  local status
  status=0
  timeout 20 ovs-vsctl --timeout=15 br-exists "$BRIDGE_NAME" 2>/dev/null || status=$?
  case $status in
  0) printf 'yes\n' ;;
  2) printf 'no\n' ;;
  *) return 1 ;;
  esac
}

bridge_step() {
  local known
  if ! command -v ovs-vsctl >/dev/null 2>&1; then
    known=no
  elif ! known=$(bridge_known); then
    step_fail bridge "Open vSwitch cannot be asked about $BRIDGE_NAME" 'start it: systemctl start openvswitch-switch.service'
    return 0
  fi
  if [ "$known" = yes ]; then
    if step_dry bridge "remove bridge $BRIDGE_NAME"; then
      return 0
    fi
    step_try timeout 60 ovs-vsctl --timeout=50 --if-exists del-br "$BRIDGE_NAME"
    known=$(bridge_known) || known=unknown
  fi
  if [ "$known" = no ] && ! [ -e "/sys/class/net/$BRIDGE_NAME" ]; then
    step_pass bridge "there is no $BRIDGE_NAME"
  else
    step_fail bridge "$BRIDGE_NAME is still there (in the database: $known)" "look at: ovs-vsctl show; ip link show dev $BRIDGE_NAME"
  fi
}

# forwarding: prints the kernel's value.
forwarding() {
  local value
  value=unknown
  # dash reads byte by byte, and /proc/sys ends after the first: the value is there, the status 1
  read -r value </proc/sys/net/ipv4/ip_forward || :
  printf '%s\n' "$value"
}

# forwarding_step: off, unless another file of the host turns it on.
forwarding_step() {
  local others value
  others=$(grep -l -s '^[[:space:]]*net[./]ipv4[./]ip_forward[[:space:]]*=[[:space:]]*1' /etc/sysctl.conf /etc/sysctl.d/*.conf \
    /run/sysctl.d/*.conf /usr/lib/sysctl.d/*.conf | grep -v -F -x "$FORWARDING_FILE" | one_line)
  if [ -n "$others" ]; then
    step_skip forwarding "the host forwards for another reason: $others"
    return 0
  fi
  value=$(forwarding)
  if [ "$value" != 0 ]; then
    if step_dry forwarding 'set net.ipv4.ip_forward to 0'; then
      return 0
    fi
    step_try timeout 30 sysctl -q -w net.ipv4.ip_forward=0
    value=$(forwarding)
  fi
  if [ "$value" = 0 ]; then
    step_pass forwarding 'net.ipv4.ip_forward is 0'
  else
    step_fail forwarding "net.ipv4.ip_forward is $value" 'who turns it on? look at: sysctl --system'
  fi
}
