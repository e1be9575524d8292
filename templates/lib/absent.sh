# absent: that a host carries nothing of slices: what a bare-metal host must show, and a retired slice host.
# Needs: evidence, pci.

# absent_begin: prints the checks of absent_look, for evidence_begin.
absent_begin() {
  printf '%s\n' profile_tag no_slice_services no_slice_bridge no_isolation_chain no_slice_nat no_slice_dnsmasq \
    no_vfio_binding no_slice_domains no_masked_units no_slice_functions no_slice_ipoib no_slice_tmfifo
}

# absent_look PROFILE BRIDGE CHAIN MASKED_FILE NETPLAN_FILE TMFIFO_INTERFACE: looks at all of them. PROFILE is what node.env
# says, "none" without one.
absent_look() {
  absent_profile "$1"
  absent_services
  absent_bridge "$2"
  absent_chain "$3"
  absent_nat
  absent_dnsmasq "$2"
  absent_binding
  absent_domains
  absent_masked "$4"
  absent_functions
  absent_ipoib "$5"
  absent_tmfifo "$6"
}

absent_profile() {
  case $1 in
  baremetal) evidence_pass SLICE_PARITY profile_tag 'node.env says baremetal (in MAAS the tag gpuaas-profile-baremetal)' ;;
  none) evidence_skip SLICE_PARITY profile_tag 'no node.env: nothing on this host says what it is for' ;;
  *)
    evidence_warn SLICE_PARITY profile_tag "node.env says $1" \
      'change the profile in the node file, render, and deploy or deliver its files; MAAS must carry the tag gpuaas-profile-baremetal'
    ;;
  esac
}

# absent_one_line: joins the lines of stdin by "; ".
absent_one_line() {
  awk 'NF { printf "%s%s", separator, $0; separator = "; " }'
}

# absent_services: what systemd has loaded, and what it would load: files, masks, links of enabled units.
absent_services() {
  local found
  if ! found=$(timeout 30 systemctl list-units --all --plain --no-legend 'gpuaas-slice-*'); then
    evidence_fail SLICE_PARITY no_slice_services 'systemd does not answer' 'look at: systemctl status'
    return 0
  fi
  # a unit that others only name (After=) is listed as not-found, and so is one that runs though its file is gone; a mark may
  # stand before the name
  found=$(
    {
      printf '%s\n' "$found" | awk '{ sub(/^[^A-Za-z]+/, "") } $2 != "not-found" || $3 !~ /^(inactive|failed)$/ { print $1 }'
      find /etc/systemd/system /run/systemd/system /usr/lib/systemd/system -name 'gpuaas-slice-*' -printf '%f\n' 2>/dev/null
    } | awk 'NF && !seen[$1]++ { printf "%s%s", separator, $1; separator = "; " }'
  )
  if [ -z "$found" ]; then
    evidence_pass SLICE_PARITY no_slice_services 'systemd knows no unit gpuaas-slice-*'
  else
    evidence_fail SLICE_PARITY no_slice_services "$found" 'run gpuaas-slice-retire, or reimage the host'
  fi
}

absent_bridge() {
  local status
  if [ -e "/sys/class/net/$1" ]; then
    evidence_fail SLICE_PARITY no_slice_bridge "interface $1 is there" "run gpuaas-slice-retire, or: ovs-vsctl del-br $1"
  elif ! command -v ovs-vsctl >/dev/null 2>&1; then
    evidence_pass SLICE_PARITY no_slice_bridge "no interface $1; Open vSwitch is not installed"
  else
    # br-exists answers 2 where the bridge is not in the database
    status=0
    timeout 20 ovs-vsctl --timeout=15 br-exists "$1" 2>/dev/null || status=$?
    case $status in
    2) evidence_pass SLICE_PARITY no_slice_bridge "no interface $1, and none in the database of Open vSwitch" ;;
    0)
      evidence_fail SLICE_PARITY no_slice_bridge "$1 stands in the database of Open vSwitch: it comes back" \
        "run gpuaas-slice-retire, or: ovs-vsctl del-br $1"
      ;;
    *)
      evidence_warn SLICE_PARITY no_slice_bridge "no interface $1; the database of Open vSwitch cannot be asked" \
        'start openvswitch-switch.service and run this again, or remove the package'
      ;;
    esac
  fi
}

absent_chain() {
  local rules
  if ! command -v iptables >/dev/null 2>&1; then
    evidence_skip SLICE_PARITY no_isolation_chain 'iptables is not installed'
  elif ! rules=$(iptables -w 30 -S); then
    evidence_fail SLICE_PARITY no_isolation_chain 'the filter table cannot be read' 'look at: iptables -S'
  else
    case "$rules " in
    *" $1 "* | *" $1
"*)
      evidence_fail SLICE_PARITY no_isolation_chain "chain $1 is there" 'run gpuaas-slice-retire, or reboot the host'
      ;;
    *) evidence_pass SLICE_PARITY no_isolation_chain "no rule names $1" ;;
    esac
  fi
}

# absent_nat: a rule of the form that slice hosts have: a source network, masqueraded whatever the way out.
absent_nat() {
  local rules
  if ! command -v iptables >/dev/null 2>&1; then
    evidence_skip SLICE_PARITY no_slice_nat 'iptables is not installed'
  elif ! rules=$(iptables -w 30 -t nat -S POSTROUTING); then
    evidence_fail SLICE_PARITY no_slice_nat 'the nat table cannot be read' 'look at: iptables -t nat -S'
  else
    rules=$(printf '%s\n' "$rules" |
      awk 'NF == 6 && $3 == "-s" && $6 == "MASQUERADE" { printf "%s%s", separator, $0; separator = "; " }')
    if [ -z "$rules" ]; then
      evidence_pass SLICE_PARITY no_slice_nat 'no network is masqueraded as a slice host does'
    else
      evidence_fail SLICE_PARITY no_slice_nat "$rules" "run gpuaas-slice-retire, or: iptables -t nat -D ${rules#-A }"
    fi
  fi
}

absent_dnsmasq() {
  local found
  found=$(find /etc/dnsmasq.d /etc/systemd/system/dnsmasq.service.d -name 'gpuaas-*' 2>/dev/null | absent_one_line)
  if [ -z "$found" ]; then
    evidence_pass SLICE_PARITY no_slice_dnsmasq "nothing of gpuaas-* is in /etc/dnsmasq.d"
  else
    evidence_fail SLICE_PARITY no_slice_dnsmasq "$found" "run gpuaas-slice-retire; guests of $1 would still be served"
  fi
}

# absent_binding: no device at all belongs to vfio-pci, now or at the next probe.
absent_binding() {
  local path address bound found
  bound=$(find /sys/bus/pci/devices/*/driver -maxdepth 0 -lname '*/vfio-pci' -printf '%h\n' 2>/dev/null) || :
  found=
  for path in /sys/bus/pci/devices/*; do
    address=${path##*/}
    pci_read "$address" driver_override
    case "$bound
$pci_value" in
    *"$path
"*) found="$found${found:+; }$address is bound" ;;
    *"
vfio-pci") found="$found${found:+; }$address is kept for vfio-pci" ;;
    *) ;;
    esac
  done
  if [ -z "$found" ]; then
    evidence_pass SLICE_PARITY no_vfio_binding 'no device belongs to vfio-pci'
  else
    evidence_fail SLICE_PARITY no_vfio_binding "$found" 'run gpuaas-slice-vfio-bind --release, or gpuaas-slice-retire'
  fi
}

absent_domains() {
  local found
  if ! command -v virsh >/dev/null 2>&1; then
    evidence_skip SLICE_PARITY no_slice_domains 'virsh is not installed'
  elif ! found=$(timeout 30 virsh --quiet --connect qemu:///system list --all --name 2>/dev/null); then
    evidence_warn SLICE_PARITY no_slice_domains 'libvirt cannot be asked' \
      'start libvirtd and run this again: a shut-off guest keeps its disk in use; or remove the package'
  else
    found=$(printf '%s\n' "$found" | awk '/^gpuaas-slice-/ { printf "%s%s", separator, $0; separator = "; " }')
    if [ -z "$found" ]; then
      evidence_pass SLICE_PARITY no_slice_domains 'libvirt knows no domain gpuaas-slice-*'
    else
      evidence_fail SLICE_PARITY no_slice_domains "$found" 'release these slices, then run gpuaas-slice-retire'
    fi
  fi
}

# absent_masked: services that slice mode masked are not masked any more.
absent_masked() {
  local unit state found
  found=
  if [ -f "$1" ]; then
    while read -r unit _; do
      if [ -z "$unit" ]; then
        continue
      fi
      state=$(timeout 30 systemctl show --property LoadState --value "$unit") || state=unknown
      if [ "$state" = masked ] || [ "$state" = unknown ]; then
        found="$found${found:+; }$unit is $state"
      fi
    done <"$1"
  fi
  if [ -z "$found" ]; then
    evidence_pass SLICE_PARITY no_masked_units "nothing that $1 records is masked"
  else
    evidence_fail SLICE_PARITY no_masked_units "$found" 'run gpuaas-slice-retire, or: systemctl unmask UNIT'
  fi
}

# absent_ports: prints "ADDRESS COUNT" of each NVIDIA (Mellanox) port that has virtual functions.
absent_ports() {
  local path address
  for path in /sys/bus/pci/devices/*/sriov_numvfs; do
    path=${path%/sriov_numvfs}
    address=${path##*/}
    pci_read "$address" vendor
    if [ "$pci_value" = 0x15b3 ]; then
      pci_read "$address" sriov_numvfs
      case $pci_value in
      0 | '') ;;
      *) printf '%s %s\n' "$address" "$pci_value" ;;
      esac
    fi
  done
}

absent_functions() {
  local found
  found=$(absent_ports | awk '{ printf "%s%s has %s", separator, $1, $2; separator = "; " }')
  if [ -z "$found" ]; then
    evidence_pass SLICE_PARITY no_slice_functions 'no NVIDIA port has virtual functions'
  else
    evidence_fail SLICE_PARITY no_slice_functions "virtual functions: $found" \
      'run gpuaas-slice-retire; or, where nothing uses them: echo 0 >/sys/bus/pci/devices/ADDRESS/sriov_numvfs'
  fi
}

# absent_rendered_for FILE: prints the profile that FILE was rendered for, as its first lines say; empty for a file of
# somebody else, and without FILE.
absent_rendered_for() {
  [ -f "$1" ] || return 0
  awk '
    NR == 1 && !/^# Generated by gpuaas-gen / { exit }
    /^#   (.*[/])?profiles[/][^/]*[.]yaml$/ { sub(/.*profiles[/]/, ""); sub(/[.]yaml$/, ""); print; exit }
    !/^#/ { exit }' "$1"
}

# absent_ipoib FILE: the fabric address of a bare-metal host is bare metal's own: of its profile, or nobody's.
absent_ipoib() {
  local profile
  profile=$(absent_rendered_for "$1")
  if ! [ -e "$1" ]; then
    evidence_pass SLICE_PARITY no_slice_ipoib "there is no $1"
  elif [ -z "$profile" ]; then
    evidence_pass SLICE_PARITY no_slice_ipoib "$1 is not from gpuaas-gen"
  elif [ "$profile" = baremetal ]; then
    evidence_pass SLICE_PARITY no_slice_ipoib "$1 is that of profile baremetal"
  else
    evidence_fail SLICE_PARITY no_slice_ipoib "$1 is of profile $profile" 'run gpuaas-slice-retire, or reimage the host'
  fi
}

# absent_configured INTERFACE: prints the files of the host's own network configuration that name it.
absent_configured() {
  grep -r -l -s -F -w -e "$1" /etc/netplan /etc/systemd/network /run/systemd/network /etc/network | absent_one_line
}

# absent_tmfifo INTERFACE: an RShim address that nothing on the host would set at a boot is a slice host's.
absent_tmfifo() {
  local path name found addresses configured seen
  found=
  seen=' '
  for path in "/sys/class/net/$1" /sys/class/net/tmfifo_net*; do
    name=${path##*/}
    case $seen in
    *" $name "*) continue ;;
    *) seen="$seen$name " ;;
    esac
    [ -e "$path" ] || continue
    addresses=$(ip -4 -o address show dev "$name") || addresses='? ? ? unknown'
    configured=$(absent_configured "$name")
    if [ -n "$addresses" ] && [ -z "$configured" ]; then
      found="$found${found:+; }$name has $(printf '%s\n' "$addresses" | awk '{ print $4 }' | absent_one_line)"
    fi
  done
  if [ -z "$found" ]; then
    evidence_pass SLICE_PARITY no_slice_tmfifo 'no RShim interface has an address but what the host itself configures'
  else
    evidence_fail SLICE_PARITY no_slice_tmfifo "$found" 'run gpuaas-slice-retire, or: ip address del ADDRESS dev INTERFACE'
  fi
}
