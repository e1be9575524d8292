# hostuse: which PCI functions the host itself lives on: mounted disks, swap, interfaces with an address, VF-carrying ports,
# management devices. Only looks. Lines are "ADDRESS reason". Needs: pci.

# hostuse_list: prints all of them.
hostuse_list() {
  hostuse_disks
  hostuse_interfaces
  hostuse_functions
}

# hostuse_chain PATH REASON: prints every PCI address in the real sysfs path of PATH: the function itself and the bridges
# above it; for a virtual function its physical one too.
hostuse_chain() {
  local path part address
  path=$(readlink -f "$1") || return 0
  address=
  while [ -n "$path" ]; do
    part=${path%%/*}
    path=${path#"$part"}
    path=${path#/}
    case $part in
    [0-9a-f][0-9a-f][0-9a-f][0-9a-f]:[0-9a-f][0-9a-f]:[0-9a-f][0-9a-f].[0-7])
      address=$part
      printf '%s %s\n' "$part" "$2"
      ;;
    *) ;;
    esac
  done
  if [ -n "$address" ] && [ -L "/sys/bus/pci/devices/$address/physfn" ]; then
    path=$(readlink "/sys/bus/pci/devices/$address/physfn")
    printf '%s %s\n' "${path##*/}" "$2"
  fi
}

# hostuse_disks: disks below anything mounted or swapped on, in the view of process 1, through md, LVM and dm-crypt.
hostuse_disks() {
  local number place name
  awk '$3 !~ /^0:/ { print $3, $5 }' /proc/1/mountinfo | while read -r number place; do
    hostuse_block "/sys/dev/block/$number" "carries $place"
  done
  awk 'NR > 1 { sub("/dev/", "", $1); print $1 }' /proc/swaps | while IFS= read -r name; do
    hostuse_block "/sys/class/block/$name" 'carries swap'
  done
}

# hostuse_block PATH REASON: a block device in sysfs, and what it is made of.
hostuse_block() {
  local path slave
  [ -e "$1" ] || return 0
  path=$(readlink -f "$1") || return 0
  hostuse_chain "$path" "$2"
  # the controllers of an NVMe namespace that has several paths stand below its subsystem
  for slave in "$path/device"/nvme[0-9]* "$path/../device"/nvme[0-9]*; do
    if [ -e "$slave/address" ]; then
      hostuse_chain "$slave" "$2"
    fi
  done
  for slave in "$path/slaves"/* "${path%/*}/slaves"/*; do
    if [ -e "$slave" ]; then
      hostuse_block "$slave" "$2"
    fi
  done
}

# hostuse_interfaces: every interface with an IPv4 or a global IPv6 address, the default route's, and what bonds, bridges and
# VLANs among them are made of.
hostuse_interfaces() {
  local name
  {
    ip -o address show scope global
    ip -o -4 address show
  } | awk '$2 != "lo" { sub("@.*", "", $2); print $2 }' | sort -u | while IFS= read -r name; do
    hostuse_interface "$name" "carries the host's addresses ($name)"
  done
  ip -o route show default | awk '{ for (i = 1; i < NF; i++) if ($i == "dev") print $(i + 1) }' | sort -u |
    while IFS= read -r name; do
      hostuse_interface "$name" "carries the default route ($name)"
    done
}

# hostuse_interface NAME REASON
hostuse_interface() {
  local lower
  if [ -e "/sys/class/net/$1/device" ]; then
    hostuse_chain "/sys/class/net/$1/device" "$2"
  fi
  for lower in "/sys/class/net/$1"/lower_*; do
    if [ -e "$lower" ]; then
      hostuse_interface "${lower##*/lower_}" "$2"
    fi
  done
}

# hostuse_functions: bridges, disks' controllers, management devices (BMC display and KCS, BlueField's RShim) and ports that
# have virtual functions.
hostuse_functions() {
  local path address
  for path in /sys/bus/pci/devices/*; do
    address=${path##*/}
    pci_read "$address" class
    case $pci_value in
    0x0604*) printf '%s is a PCI bridge\n' "$address" ;;
    0x01*) printf '%s is a disk controller\n' "$address" ;;
    0x0c07* | 0x0780*) printf '%s is a management (BMC) interface\n' "$address" ;;
    0x0300*)
      pci_read "$address" vendor
      case $pci_value in
      0x102b | 0x1a03) printf '%s is the display of the BMC\n' "$address" ;;
      *) ;;
      esac
      ;;
    0x0801*)
      pci_read "$address" vendor
      if [ "$pci_value" = 0x15b3 ]; then
        printf '%s is the management interface (RShim) of a BlueField\n' "$address"
      fi
      ;;
    *) ;;
    esac
    pci_read "$address" sriov_numvfs
    if [ "${pci_value:-0}" != 0 ]; then
      printf '%s carries %s virtual functions\n' "$address" "$pci_value"
    fi
  done
}
