# isolation: what slice guests may reach, as iptables rules in the very form that "iptables -S" prints them, so that what
# is asked for and what stands in the kernel are compared as text.
#
# Guests reach DHCP and DNS of the host, and the internet. They do not reach: the host's other ports (on any of its
# addresses), networks that are denied by configuration, each other, the host's other networks, private addresses.
# Nobody reaches guests from outside: packets towards the bridge take the same way through the chain.

# isolation_private: prints the networks that are not the internet (RFC 6890), but the documentation ranges.
isolation_private() {
  printf '%s\n' 0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16 \
    198.18.0.0/15 224.0.0.0/4 240.0.0.0/4
}

# isolation_routed BRIDGE: prints the networks that the host's own routes name (those of BRIDGE and routes of half the
# internet, as VPNs set them, apart), in order. Returns 1 when the routes cannot be read.
isolation_routed() {
  local routes
  routes=$(ip -4 -o route show table main) || return 1
  printf '%s\n' "$routes" | awk -v bridge="$1" '
    { at = 1
      if ($1 ~ /^[a-z]+$/ && $1 != "default") at = 2
      network = $at
      if (network == "default" || network == "") next
      for (i = at; i < NF; i++) if ($i == "dev" && $(i + 1) == bridge) next
      if (network !~ /\//) network = network "/32"
      split(network, part, "/")
      if (part[2] >= 8) print network }' | LC_ALL=C sort -u
}

# isolation_chain CHAIN BRIDGE_IP BRIDGE_NETWORK DENIED ALLOWED ROUTED: prints the chain. DENIED, ALLOWED and ROUTED are
# networks separated by blanks or newlines. What is denied by name wins over what is allowed; what is allowed wins over
# the host's routes and over private addresses.
isolation_chain() {
  local chain ip network reject private entry
  chain=$1
  ip=$2
  network=$3
  reject='-j REJECT --reject-with icmp-port-unreachable'
  private=$(isolation_private)
  printf '%s\n' \
    "-A $chain -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT" \
    "-A $chain -d 255.255.255.255/32 -p udp -m udp --sport 68 --dport 67 -j ACCEPT" \
    "-A $chain -d $ip/32 -p udp -m udp --sport 68 --dport 67 -j ACCEPT" \
    "-A $chain ! -s $network $reject" \
    "-A $chain -d $ip/32 -p udp -m udp --dport 53 -j ACCEPT" \
    "-A $chain -d $ip/32 -p tcp -m tcp --dport 53 -j ACCEPT" \
    "-A $chain -m addrtype --dst-type LOCAL $reject" \
    "-A $chain -d $network $reject"
  for entry in $4; do
    printf '%s\n' "-A $chain -d $entry $reject"
  done
  for entry in $5; do
    printf '%s\n' "-A $chain -d $entry -j ACCEPT"
  done
  for entry in $6 $private; do
    printf '%s\n' "-A $chain -d $entry $reject"
  done
  printf '%s\n' "-A $chain -j ACCEPT"
}

# isolation_jumps CHAIN BRIDGE: prints the rules that lead into the chain. Each must be there once, before all other rules of
# INPUT or FORWARD: an earlier rule that accepts would let guests past the chain.
isolation_jumps() {
  printf '%s\n' "-A INPUT -i $2 -j $1" "-A FORWARD -i $2 -j $1" "-A FORWARD -o $2 -j $1"
}

# isolation_lines RULES START: sets isolation_found to the lines of RULES that begin with START.
isolation_lines() {
  local line
  isolation_found=
  while IFS= read -r line; do
    case $line in
    "$2"*) isolation_found="$isolation_found${isolation_found:+
}$line" ;;
    *) ;;
    esac
  done <<RULES
$1
RULES
}

# isolation_leads RULES JUMPS CHAIN: returns 0 when each of JUMPS stands once in RULES (of "iptables -S"), before all others
# of its chain.
isolation_leads() {
  local chain line found
  found=
  while IFS= read -r line; do
    case $line in
    "-A INPUT "*"-j $3" | "-A FORWARD "*"-j $3") found="$found${found:+
}$line" ;;
    *) ;;
    esac
  done <<RULES
$1
RULES
  if [ "$found" != "$2" ]; then
    return 1
  fi
  for chain in INPUT FORWARD; do
    isolation_lines "$2" "-A $chain "
    found=$isolation_found
    isolation_lines "$1" "-A $chain "
    case $isolation_found in
    "$found" | "$found
"*) ;;
    *) return 1 ;;
    esac
  done
}

# isolation_transaction RULES CHAIN CHAIN_RULES JUMPS: prints what iptables-restore --noflush takes to bring the kernel, which
# has RULES, to CHAIN_RULES and JUMPS in one step: there is no moment without the chain.
isolation_transaction() {
  local line jump reversed
  printf '%s\n' '*filter' ":$2 - [0:0]"
  printf '%s\n' "$3"
  while IFS= read -r line; do
    case "
$4
" in
    *"
$line
"*) printf '%s\n' "-D ${line#-A }" ;;
    *) ;;
    esac
  done <<RULES
$1
RULES
  reversed=
  while IFS= read -r jump; do
    reversed="$jump
$reversed"
  done <<JUMPS
$4
JUMPS
  while IFS= read -r jump; do
    case $jump in
    '-A '*)
      jump=${jump#-A }
      printf '%s\n' "-I ${jump%% *} 1 ${jump#* }"
      ;;
    *) ;;
    esac
  done <<REVERSED
$reversed
REVERSED
  printf 'COMMIT\n'
}
