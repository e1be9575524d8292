# net: interfaces and IPv4 addresses. An address is written with its prefix length: 10.100.0.1/24.

# net_link_exists INTERFACE
net_link_exists() {
  [ -e "/sys/class/net/$1" ]
}

# net_link_is_up INTERFACE: returns 0 when the interface is administratively up (IFF_UP).
net_link_is_up() {
  local flags
  { read -r flags <"/sys/class/net/$1/flags"; } 2>/dev/null || return 1
  [ "$((flags & 1))" -eq 1 ]
}

# net_addresses INTERFACE: prints the interface's IPv4 addresses with prefix, one a line.
# shellcheck disable=SC2329 # not every script prints them
net_addresses() {
  local address
  net_look "$1"
  for address in $net_found; do
    printf '%s\n' "$address"
  done
}

# net_look INTERFACE: sets net_found to the interface's IPv4 addresses with prefix, separated by blanks; empty when they
# cannot be read.
net_look() {
  local lines kind address
  net_found=
  lines=$(ip -4 -o address show dev "$1") || lines=
  while read -r _ _ kind address _; do
    if [ "$kind" = inet ]; then
      net_found="$net_found${net_found:+ }$address"
    fi
  done <<ADDRESSES
$lines
ADDRESSES
}

# net_has_address INTERFACE ADDRESS: looks, as net_look does.
net_has_address() {
  net_look "$1"
  case " $net_found " in
  *" $2 "*) return 0 ;;
  *) return 1 ;;
  esac
}

# net_default_interface: prints the interface of the IPv4 default route with the lowest metric; empty without one.
net_default_interface() {
  ip -4 -o route show default | awk '
    { metric = 0; device = ""
      for (i = 1; i < NF; i++) { if ($i == "dev") device = $(i + 1); if ($i == "metric") metric = $(i + 1) }
      if (best == "" || metric + 0 < lowest) { best = device; lowest = metric + 0 } }
    END { print best }'
}
