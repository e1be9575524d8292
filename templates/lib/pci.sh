# pci: devices as the kernel lists them, by PCI ID. Addresses are like 0000:1b:00.0, IDs like 10de:2335.
# Entries of /sys/bus/pci/devices are symlinks: a walk that asks for folders finds nothing.

# pci_read ADDRESS NAME: sets pci_value to a sysfs attribute; empty where it is absent or cannot be read.
# (A variable and no output: a walk over a hundred devices would start a thousand processes otherwise.)
pci_read() {
  pci_value=
  if [ -r "/sys/bus/pci/devices/$1/$2" ]; then
    IFS= read -r pci_value 2>/dev/null <"/sys/bus/pci/devices/$1/$2" || :
  fi
}

# pci_id ADDRESS: sets pci_value to vendor:device.
pci_id() {
  local vendor
  pci_read "$1" vendor
  vendor=${pci_value#0x}
  pci_read "$1" device
  pci_value=$vendor:${pci_value#0x}
}

# pci_find IDS: prints the addresses of all devices with one of IDS (separated by commas), in order. Virtual
# functions are left out: they have a physfn link.
pci_find() {
  local path address
  for path in /sys/bus/pci/devices/*; do
    if ! [ -e "$path/vendor" ] || [ -L "$path/physfn" ]; then
      continue
    fi
    address=${path##*/}
    pci_id "$address"
    case ",$1," in
    *",$pci_value,"*) printf '%s\n' "$address" ;;
    *) ;;
    esac
  done
}

# pci_scan: reads all devices once; pci_found then finds in what was read. For scripts that ask for many IDs. Sets
# pci_scanned, a word "address=vendor:device" for each, without virtual functions.
# shellcheck disable=SC2329 # not every script asks for many
pci_scan() {
  local path
  pci_scanned=
  for path in /sys/bus/pci/devices/*; do
    if ! [ -e "$path/vendor" ] || [ -L "$path/physfn" ]; then
      continue
    fi
    pci_id "${path##*/}"
    pci_scanned="$pci_scanned ${path##*/}=$pci_value"
  done
}

# pci_found IDS: sets pci_value to the addresses, separated by blanks, of the scanned devices with one of IDS, and pci_count
# to their number.
# shellcheck disable=SC2329 # goes with pci_scan
pci_found() {
  local entry
  pci_value=
  pci_count=0
  for entry in $pci_scanned; do
    case ",$1," in
    *",${entry#*=},"*)
      pci_value="$pci_value ${entry%%=*}"
      pci_count=$((pci_count + 1))
      ;;
    *) ;;
    esac
  done
  pci_value=${pci_value# }
}

# pci_drivers ADDRESS...: prints "path driver" of each device that has a driver; one process for all.
# shellcheck disable=SC2329 # not every script asks for many
pci_drivers() {
  local address
  for address; do
    shift
    set -- "$@" "/sys/bus/pci/devices/$address/driver"
  done
  find "$@" -maxdepth 0 -printf '%h %l\n' 2>/dev/null
}

# pci_driver ADDRESS: prints the driver that the device is bound to, or "none".
pci_driver() {
  local driver
  driver=$(readlink "/sys/bus/pci/devices/$1/driver") || driver=none
  printf '%s\n' "${driver##*/}"
}

# pci_link ADDRESS: sets pci_value to how the link is: "full", "narrow" (fewer lanes than the device has), "slow" (below its
# speed) or "unknown".
pci_link() {
  local width max_width speed max_speed
  pci_read "$1" current_link_width
  width=$pci_value
  pci_read "$1" max_link_width
  max_width=$pci_value
  pci_read "$1" current_link_speed
  speed=$pci_value
  pci_read "$1" max_link_speed
  max_speed=$pci_value
  case "$width/$max_width/$speed/$max_speed" in
  /* | *//* | */ | 0/* | */255/* | *Unknown*) pci_value=unknown ;;
  "$max_width/$max_width/$max_speed/$max_speed") pci_value=full ;;
  "$max_width/$max_width/"*) pci_value=slow ;;
  *) pci_value=narrow ;;
  esac
}
