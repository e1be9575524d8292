# fabricvf: virtual functions of a port, as its driver shows them. A port is a PCI address. Needs: pci.

# fabricvf_links PORT: prints "INDEX ADDRESS" of each virtual function that is there.
fabricvf_links() {
  local link address
  for link in "/sys/bus/pci/devices/$1"/virtfn*; do
    address=$(readlink "$link") || address=
    address=${address##*/}
    if [ -e "/sys/bus/pci/devices/$address/vendor" ]; then
      printf '%s %s\n' "${link##*/virtfn}" "$address"
    fi
  done | sort -n
}

# fabricvf_count PORT: prints how many are there.
fabricvf_count() {
  fabricvf_links "$1" | awk 'END { print NR }'
}

# fabricvf_interface PORT: prints the port's own network interface. With representors there are several: the port's own has the
# port's type and no number of a virtual function. Returns 1 without one.
fabricvf_interface() {
  local path name
  for path in "/sys/bus/pci/devices/$1"/net/*; do
    name=
    if [ -e "$path" ]; then
      IFS= read -r name 2>/dev/null <"$path/phys_port_name" || name=
      case $name in
      *vf* | *sf*) continue ;;
      *) ;;
      esac
      printf '%s\n' "${path##*/}"
      return 0
    fi
  done
  return 1
}

# fabricvf_is_ib PORT: returns 0 when the port's link layer is InfiniBand.
fabricvf_is_ib() {
  local path layer
  for path in "/sys/bus/pci/devices/$1"/infiniband/*/ports/*/link_layer; do
    layer=
    IFS= read -r layer 2>/dev/null <"$path" || layer=
    if [ "$layer" = InfiniBand ]; then
      return 0
    fi
  done
  return 1
}

# fabricvf_guid MAC: prints the EUI-64 of a MAC address, as eight bytes with colons.
fabricvf_guid() {
  printf '%s\n' "$1" | awk -F : '{ print $1 ":" $2 ":" $3 ":ff:fe:" $4 ":" $5 ":" $6 }'
}

# fabricvf_shown INTERFACE INDEX: prints what the port's driver says of a virtual function, in lower case.
fabricvf_shown() {
  timeout 30 ip link show dev "$1" | awk -v vf="$2" '$1 == "vf" && $2 == vf { print tolower($0) }'
}
