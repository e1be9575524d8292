# Is a slot in use, and the devices: what vfio-pci has, and the virtual functions.

# slots_step: running guests of any name, defined ones of slices, and processes that hold devices.
slots_step() {
  local names problems held
  problems=
  if command -v virsh >/dev/null 2>&1; then
    if ! names=$(libvirt_domains --state-running) || ! problems=$(libvirt_domains --all); then
      step_fail slots 'libvirt cannot be asked whether guests run' 'look at: systemctl status libvirtd; virsh list --all'
      return 0
    fi
    problems=$(printf '%s\n' "$problems" | awk '/^gpuaas-slice-/ { print "domain " $0 " is defined" }')
    problems="$problems
$(printf '%s\n' "$names" | awk 'NF { print "domain " $0 " runs" }')"
  fi
  held=$(vfio_open '/dev/vfio/[0-9]*')
  if [ -n "$held" ]; then
    problems="$problems
passed-through devices are held by ${held% }"
  fi
  problems=$(printf '%s\n' "$problems" | one_line)
  if [ -n "$problems" ]; then
    step_fail slots "$problems" 'release the slices first, in the control plane; then: virsh undefine NAME --nvram'
  else
    step_pass slots 'no guest runs or is defined, and nobody holds a device'
  fi
}

# bound: prints the PCI addresses that belong to vfio-pci, now or at the next probe.
bound() {
  local path
  for path in /sys/bus/pci/devices/*; do
    pci_read "${path##*/}" driver_override
    if [ "$pci_value" = vfio-pci ] || [ "$path/driver" -ef /sys/bus/pci/drivers/vfio-pci ]; then
      printf '%s\n' "${path##*/}"
    fi
  done
}

bindings_step() {
  local found
  found=$(bound | one_line)
  if [ -n "$found" ] && [ -x "$VFIO_BIND" ]; then
    if step_dry bindings "give back from vfio-pci: $found"; then
      return 0
    fi
    step_try timeout 600 "$VFIO_BIND" --release
    found=$(bound | one_line)
  fi
  if [ -n "$found" ]; then
    step_fail bindings "still with vfio-pci: $found" "look at the output of $VFIO_BIND --release; is it installed?"
  else
    step_pass bindings 'no device belongs to vfio-pci'
  fi
}

# in_use ADDRESS: prints why a virtual function cannot go, one line a reason.
in_use() {
  local driver path name addresses held
  driver=$(pci_driver "$1")
  case $driver in
  none | mlx5_core) ;;
  *) printf '%s belongs to %s\n' "$1" "$driver" ;;
  esac
  name=
  for path in "/sys/bus/pci/devices/$1"/net/*; do
    [ -e "$path" ] || continue
    name=${path##*/}
    addresses=$(ip -o address show dev "$name" scope global) || addresses='? ? ? unknown'
    printf '%s\n' "$addresses" | awk -v who="$1 ($name)" 'NF { print who " has " $4 }'
    path=$(readlink "/sys/class/net/$name/master") || path=
    [ -z "$path" ] || printf '%s (%s) belongs to %s\n' "$1" "$name" "${path##*/}"
  done
  pci_read "$1" class
  case $driver/$pci_value/$name in
  mlx5_core/0x0200*/) printf '%s has its interface in a network namespace of its own\n' "$1" ;;
  *) ;;
  esac
  for path in "/sys/bus/pci/devices/$1"/infiniband_verbs/*; do
    [ -e "$path" ] || continue
    held=$(vfio_open "/dev/infiniband/${path##*/}")
    [ -z "$held" ] || printf '%s is held by %s\n' "$1" "${held% }"
  done
}

# functions_in_use: prints in_use of each virtual function of the ports that have some.
functions_in_use() {
  local port address
  absent_ports | while read -r port _; do
    fabricvf_links "$port" | while read -r _ address; do
      in_use "$address"
    done
  done
}

# functions_left PORT...: prints those that are to have virtual functions, or still show some.
functions_left() {
  local port count
  for port; do
    pci_read "$port" sriov_numvfs
    count=$(fabricvf_count "$port")
    if [ "${pci_value:-0}" != 0 ] || [ "$count" -ne 0 ]; then
      printf '%s has %s, %s are there\n' "$port" "${pci_value:-0}" "$count"
    fi
  done
}

# functions_step: a port has a number of them, or none: so one that is in use keeps all.
functions_step() {
  local ports found used port tries
  ports=$(absent_ports | awk '{ print $1 }')
  # shellcheck disable=SC2086 # a list of addresses
  found=$(functions_left $ports | one_line)
  if [ -n "$found" ]; then
    used=$(functions_in_use | one_line)
    if [ -n "$used" ]; then
      step_fail functions "virtual functions are in use: $used" \
        'free them, then run this again: take addresses and bridges away, end the processes, bind them to mlx5_core'
      return 0
    fi
    if step_dry functions "remove the virtual functions of $(printf '%s\n' "$ports" | one_line)"; then
      return 0
    fi
    for port in $ports; do
      step_try vfio_write 0 "/sys/bus/pci/devices/$port/sriov_numvfs"
    done
    tries=0
    while [ -n "$found" ] && [ "$tries" -lt "$VF_WAIT" ]; do
      sleep 0.5
      tries=$((tries + 1))
      # shellcheck disable=SC2086 # a list of addresses
      found=$(functions_left $ports | one_line)
    done
  fi
  if [ -n "$found" ]; then
    step_fail functions "virtual functions are still there: $found" 'look at: dmesg of mlx5_core; they go with a reboot'
  else
    step_pass functions 'no NVIDIA port has virtual functions'
  fi
}
