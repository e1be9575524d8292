# net: interfaces and IPv4 addresses. An address is written with its prefix length: 10.100.0.1/24.

# net_link_exists INTERFACE
net_link_exists() {
  [ -e "/sys/class/net/$1" ]
}

# net_link_is_up INTERFACE: returns 0 when the interface is administratively up (IFF_UP).
net_link_is_up() {
  local flags
  flags=0x0
  if [ -r "/sys/class/net/$1/flags" ]; then
    read -r flags <"/sys/class/net/$1/flags" || :
  fi
  [ "$((flags & 1))" -eq 1 ]
}

# net_addresses INTERFACE: prints the interface's IPv4 addresses with prefix, one a line.
net_addresses() {
  ip -4 -o address show dev "$1" | awk '{ for (i = 1; i < NF; i++) if ($i == "inet") print $(i + 1) }'
}

# net_has_address INTERFACE ADDRESS
net_has_address() {
  local addresses
  addresses=$(net_addresses "$1") || return 1
  case "
$addresses
" in
  *"
$2
"*) return 0 ;;
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
