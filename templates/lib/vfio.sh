# vfio: hands PCI functions to vfio-pci and back, one address at a time. Needs: log, pci.

# vfio_group ADDRESS: prints the number of the IOMMU group. Returns 1 without one.
vfio_group() {
  local group
  group=$(readlink "/sys/bus/pci/devices/$1/iommu_group") || return 1
  printf '%s\n' "${group##*/}"
}

# vfio_endpoints GROUP: prints the addresses of the group that are no bridges.
vfio_endpoints() {
  local path address
  for path in "/sys/kernel/iommu_groups/$1/devices"/*; do
    address=${path##*/}
    pci_read "$address" class
    case $pci_value in
    0x0604* | '') ;;
    *) printf '%s\n' "$address" ;;
    esac
  done
}

# vfio_is_bound ADDRESS: returns 0 when the driver link leads to vfio-pci and the override keeps it there.
vfio_is_bound() {
  pci_read "$1" driver_override
  [ "$pci_value" = vfio-pci ] && [ "/sys/bus/pci/devices/$1/driver" -ef /sys/bus/pci/drivers/vfio-pci ]
}

# vfio_users ADDRESS: prints the processes that hold the device open, through vfio or through the host's NVIDIA driver.
vfio_users() {
  local group driver
  driver=$(pci_driver "$1")
  if [ "$driver" = vfio-pci ]; then
    group=$(vfio_group "$1") || return 0
    vfio_open "/dev/vfio/$group"
  elif [ "$driver" = nvidia ]; then
    # which of /dev/nvidia* is whose cannot be told from outside of the driver: any one counts
    vfio_open '/dev/nvidia*'
  fi
}

# vfio_open PATTERN: prints "pid (name)" of each process that has a file of that name open, on one line.
vfio_open() {
  local pid name
  find /proc/[0-9]*/fd -lname "$1" 2>/dev/null | awk -F / '!seen[$3]++ { print $3 }' | while IFS= read -r pid; do
    name=
    read -r name <"/proc/$pid/comm" || :
    printf '%s (%s) ' "$pid" "$name"
  done
}

# vfio_write VALUE PATH: writes to a file of sysfs, which can hang in the kernel.
vfio_write() {
  # shellcheck disable=SC2016 # $1 and $2 are the inner shell's
  timeout 60 sh -c 'printf "%s\n" "$1" >"$2"' sh "$1" "$2"
}

# vfio_set ADDRESS DRIVER: sets the override (empty: none), takes the device from its driver, and lets the kernel probe it. Returns 1
# when a write was refused; says nothing about where the device is now.
vfio_set() {
  local path driver
  path=/sys/bus/pci/devices/$1
  vfio_write "$2" "$path/driver_override" || return 1
  driver=$(pci_driver "$1")
  if [ "$driver" != none ]; then
    vfio_write "$1" "$path/driver/unbind" || return 1
  fi
  vfio_write "$1" /sys/bus/pci/drivers_probe
}

# vfio_settled ADDRESS...: waits until all are bound to vfio-pci, five seconds at most.
vfio_settled() {
  local tries address
  tries=0
  for address; do
    while [ "$tries" -lt 50 ] && ! vfio_is_bound "$address"; do
      tries=$((tries + 1))
      sleep 0.1
    done
  done
}
