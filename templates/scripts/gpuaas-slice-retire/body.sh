# First whether any slot is in use; only where none is, the way back, each step: look, change, look again. Then the host is
# looked at with the eyes of the bare-metal parity check.

usage() {
  cat <<USAGE
gpuaas-slice-retire [--apply] [--restore-fstab]

Takes a slice host back to bare metal: gives its devices back from vfio-pci, removes the units gpuaas-slice-*, the
chain $CHAIN, the guests' NAT, bridge $BRIDGE_NAME, virtual functions, the
fabric and RShim addresses and the files of slice mode (kept in $RETIRED), and unmasks what slice
mode masked. Without --apply it is a dry run. Refused while a slot is in use: a guest runs or is defined, or a process
holds a passed-through device. A virtual function or an address that is in use stays, and is named.
What stood on slice disks is gone; nothing of it is brought back.

  --apply          do it
  --restore-fstab  also take back the fstab entries that the storage transition disabled, where their file system
                   is there; an entry of a disk that was wiped would keep the host from booting and stays disabled
  --help           this text

Exit status: 0 all done or nothing to do; 1 refused or failed; 2 wrong usage; 3 a dry run with changes pending.
Evidence lines GPUAAS_SLICE_RETIRE and GPUAAS_SLICE_PARITY go to stdout, all else to stderr.
USAGE
}

main() {
  local dry_run checks
  LC_ALL=C
  export LC_ALL
  dry_run=yes
  restore_fstab=no
  while [ $# -gt 0 ]; do
    case $1 in
    --apply) dry_run=no ;;
    --dry-run) dry_run=yes ;;
    --restore-fstab) restore_fstab=yes ;;
    --help)
      usage
      return 0
      ;;
    *)
      log_error "unknown argument: $1; see --help"
      return 2
      ;;
    esac
    shift
  done
  require_commands awk basename cp date find flock grep id ip mkdir mv readlink rm sleep ss stat sync sysctl systemctl \
    timeout uname
  require_root
  if [ "$dry_run" = no ]; then
    step_lock /run/gpuaas-slice-retire.lock
  fi
  stamp=$(date -u +%Y%m%d%H%M%S)
  checks=
  if [ "$dry_run" = no ]; then
    # what the node is for is not this script's to change
    checks=$(absent_begin | grep -v -x profile_tag)
  fi
  step_begin SLICE_RETIRE "$dry_run"
  step_again='run this again with --apply'
  # shellcheck disable=SC2086 # a list of names
  evidence_begin slots bindings units dnsmasq files nat isolation isolation_ipv6 bridge functions ipoib tmfifo forwarding \
    boot initramfs masked fstab $checks
  run_steps
  step_finish 'way back to bare metal'
}

run_steps() {
  slots_step
  if step_needs bindings slots; then bindings_step; fi
  # units before what they would bring up again
  if step_needs units bindings; then units_step; fi
  if step_needs dnsmasq units; then dnsmasq_step; fi
  if step_needs files units; then files_step; fi
  if step_needs nat units; then nat_step; fi
  if step_needs isolation units; then chain_step isolation iptables; fi
  if step_needs isolation_ipv6 units; then chain_step isolation_ipv6 ip6tables; fi
  if step_needs bridge units; then bridge_step; fi
  if step_needs functions bindings units; then functions_step; fi
  if step_needs ipoib slots; then ipoib_step; fi
  if step_needs tmfifo units; then tmfifo_step; fi
  if step_needs forwarding files; then forwarding_step; fi
  if step_needs boot files; then boot_step; fi
  if step_needs initramfs files; then initramfs_step; fi
  if step_needs masked slots; then masked_step; fi
  if step_needs fstab slots; then fstab_step; fi
  if [ "$step_dry_run" = no ]; then
    bare_metal_checks
  fi
}

# bare_metal_checks: the host as the bare-metal parity check sees it.
bare_metal_checks() {
  local check state
  state=$(evidence_status slots)
  if [ "$state" != PASS ]; then
    for check in $checks; do
      step_needs "$check" slots || :
    done
    return 0
  fi
  absent_services
  absent_bridge "$BRIDGE_NAME"
  absent_chain "$CHAIN"
  absent_nat
  absent_dnsmasq "$BRIDGE_NAME"
  absent_binding
  absent_domains
  absent_masked "$MASKED"
  absent_functions
  absent_ipoib "$NETPLAN_FILE"
  absent_tmfifo "$TMFIFO_INTERFACE"
}

# one_line: joins the lines of stdin.
one_line() {
  awk 'NF { printf "%s%s", separator, $0; separator = "; " }'
}

# put_away FILE: moves a file to where retired ones are kept; its old place is in its name.
put_away() {
  mkdir -p "$RETIRED" || return 1
  mv -f -- "$1" "$RETIRED/$(printf '%s' "${1#/}" | awk '{ gsub("/", "%"); printf "%s", $0 }').$stamp"
}

# --- is a slot in use? ----------------------------------------------------------------------------------------

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

# --- devices ---------------------------------------------------------------------------------------------------

# bound: prints the PCI addresses that belong to vfio-pci, now or at the next probe.
bound() {
  local path address driver
  for path in /sys/bus/pci/devices/*; do
    address=${path##*/}
    driver=$(pci_driver "$address")
    pci_read "$address" driver_override
    if [ "$driver" = vfio-pci ] || [ "$pci_value" = vfio-pci ]; then
      printf '%s\n' "$address"
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

# --- units and files ----------------------------------------------------------------------------------------------

# slice_units: prints the unit files of slice mode, what triggers others first.
slice_units() {
  find /etc/systemd/system -maxdepth 1 \( -name 'gpuaas-slice-*.timer' -o -name 'gpuaas-slice-*.path' \)
  find /etc/systemd/system -maxdepth 1 -name 'gpuaas-slice-*' ! -name '*.timer' ! -name '*.path'
}

units_step() {
  local found unit
  found=$(slice_units)
  if [ -n "$found" ]; then
    if step_dry units "stop, disable and put away: $(printf '%s\n' "$found" | one_line)"; then
      return 0
    fi
    for unit in $found; do
      step_try timeout 120 systemctl disable --now "${unit##*/}"
      # drop-ins are folders; links of enabled units are gone with "disable"
      step_try put_away "$unit"
    done
    step_try timeout 120 systemctl daemon-reload
    found=$(slice_units)
  fi
  # one that others only name is not-found and inactive; one that was not stopped is not-found, too, once its file is gone
  found=$(
    printf '%s\n' "$found"
    timeout 30 systemctl list-units --all --plain --no-legend 'gpuaas-slice-*' |
      awk '{ sub(/^[^A-Za-z]+/, "") } $3 != "failed" && !($2 == "not-found" && $3 == "inactive") { print $1 }'
  ) || found='systemd does not answer'
  found=$(printf '%s\n' "$found" | one_line)
  if [ -n "$found" ]; then
    step_fail units "still there: $found" 'look at: systemctl status of the unit; is the file system read-only?'
  else
    timeout 30 systemctl reset-failed 'gpuaas-slice-*' >/dev/null 2>&1 || :
    step_pass units 'no unit gpuaas-slice-* is left'
  fi
}

dnsmasq_files() {
  find /etc/dnsmasq.d /etc/systemd/system/dnsmasq.service.d -maxdepth 1 -name 'gpuaas-*' 2>/dev/null || :
}

# dnsmasq_step: its files go; the service too, where nobody else has given it any.
dnsmasq_step() {
  local found file others
  found=$(dnsmasq_files)
  if [ -n "$found" ]; then
    if step_dry dnsmasq "put away $(printf '%s\n' "$found" | one_line); stop dnsmasq.service where no other files are left"; then
      return 0
    fi
    others=$(find /etc/dnsmasq.d -maxdepth 1 -type f ! -name 'gpuaas-*' ! -name README 2>/dev/null) || others=
    for file in $found; do
      step_try put_away "$file"
    done
    step_try timeout 120 systemctl daemon-reload
    if [ -n "$others" ]; then
      step_try timeout 120 systemctl restart dnsmasq.service
    else
      step_try timeout 120 systemctl disable --now dnsmasq.service
    fi
    found=$(dnsmasq_files)
  fi
  found=$(printf '%s\n' "$found" | one_line)
  if [ -n "$found" ]; then
    step_fail dnsmasq "still there: $found" 'is the file system read-only?'
  else
    step_pass dnsmasq 'dnsmasq has no file of slices'
  fi
}

files_left() {
  local file
  for file in $FILES; do
    if [ -e "$file" ] || [ -L "$file" ]; then
      printf '%s\n' "$file"
    fi
  done
}

files_step() {
  local found file
  found=$(files_left)
  if [ -n "$found" ]; then
    if step_dry files "put away $(printf '%s\n' "$found" | one_line)"; then
      return 0
    fi
    for file in $found; do
      step_try put_away "$file"
    done
    step_try timeout 120 systemctl daemon-reload
    found=$(files_left | one_line)
  fi
  if [ -n "$found" ]; then
    step_fail files "still there: $found" 'is the file system read-only?'
  else
    step_pass files "no file of slice mode is left; they are in $RETIRED"
  fi
}

# --- network -------------------------------------------------------------------------------------------------------

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

# --- virtual functions and addresses -------------------------------------------------------------------------------

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

# talks ADDRESS: prints the established connections of the host's ADDRESS (with its prefix length).
talks() {
  local found
  found=$(timeout 30 ss -H -n -t -u state established src "${1%/*}") || found='? ? ? ? unknown'
  printf '%s\n' "$found" | awk -v address="${1%/*}" 'NF { print address " talks with " $NF }'
}

# carried ADDRESSES: prints those of "INTERFACE ADDRESS" that the interface has.
carried() {
  local name address found
  printf '%s\n' "$1" | while read -r name address; do
    [ -n "$name" ] && [ -e "/sys/class/net/$name" ] || continue
    found=$(ip -4 -o address show dev "$name") || found="? ? ? $address"
    printf '%s\n' "$found" | awk -v name="$name" -v address="$address" '$4 == address { print address " on " name }'
  done
}

# take_away ADDRESSES: takes them from their interfaces; with the last one of an interface go its routes.
take_away() {
  local name address
  carried "$1" | while read -r address _ name; do
    step_try timeout 30 ip address del "$address" dev "$name"
  done
}

# ipoib_file: prints the netplan file of slice mode: in its place, or put away by a run that may not have ended.
ipoib_file() {
  local file
  file=$(printf '%s' "${NETPLAN_FILE#/}" | awk '{ gsub("/", "%"); printf "%s", $0 }')
  for file in "$NETPLAN_FILE" "$RETIRED/$file".*; do
    if [ -f "$file" ]; then
      printf '%s\n' "$file"
      return 0
    fi
  done
}

# ipoib_addresses FILE: prints "INTERFACE ADDRESS" of each address in FILE, which is gpuaas-gen's own; without those of
# interfaces that another netplan file names.
ipoib_addresses() {
  awk '
    /^    [^ ].*:$/ { name = $1; sub(/:$/, "", name) }
    /^        - / && listed { gsub(/"/, "", $2); print name, $2 }
    /^      [^ ]/ { listed = ($1 == "addresses:") }' "$1" | while read -r name address; do
    others=$(grep -l -s -F -w -e "$name" /etc/netplan/*.yaml | grep -v -F -x "$NETPLAN_FILE") || others=
    [ -n "$others" ] || printf '%s %s\n' "$name" "$address"
  done
}

# ipoib_left ADDRESSES: prints what is left of the fabric network: the file, the addresses, and what netplan made of them.
ipoib_left() {
  local name
  [ ! -e "$NETPLAN_FILE" ] || printf '%s\n' "$NETPLAN_FILE"
  carried "$1"
  printf '%s\n' "$1" | while read -r name _; do
    if [ -e "/run/systemd/network/10-netplan-$name.network" ]; then
      printf '%s\n' "/run/systemd/network/10-netplan-$name.network"
    fi
  done
}

# ipoib_busy ADDRESSES: prints why they cannot go.
ipoib_busy() {
  local name address routes
  routes=$(ip -o route show default) || printf 'the default route cannot be read\n'
  printf '%s\n' "$1" | while read -r name address; do
    [ -n "$name" ] || continue
    talks "$address"
    printf '%s\n' "$routes" | awk -v name="$name" '
      { for (i = 1; i < NF; i++) if ($i == "dev" && $(i + 1) == name) print "the default route leaves by " name }'
  done
}

# ipoib_remove ADDRESSES: not by "netplan apply", which would touch all other links.
ipoib_remove() {
  take_away "$1"
  if [ -e "$NETPLAN_FILE" ]; then
    put_away "$NETPLAN_FILE" || return 0
  fi
  step_try timeout 60 netplan generate
  step_try timeout 30 networkctl reload
}

# ipoib_step: the file goes where it was rendered for another profile than bare metal, and its addresses with it.
ipoib_step() {
  local profile file addresses left busy
  profile=$(absent_rendered_for "$NETPLAN_FILE")
  file=$(ipoib_file)
  if [ -z "$file" ]; then
    step_pass ipoib "there is no $NETPLAN_FILE"
    return 0
  elif [ -e "$NETPLAN_FILE" ] && { [ -z "$profile" ] || [ "$profile" = baremetal ]; }; then
    step_skip ipoib "$NETPLAN_FILE stays: it is ${profile:+that of profile }${profile:-not from gpuaas-gen}"
    return 0
  fi
  addresses=$(ipoib_addresses "$file")
  left=$(ipoib_left "$addresses" | one_line)
  if [ -n "$left" ]; then
    busy=$(ipoib_busy "$addresses" | one_line)
    if [ -n "$busy" ]; then
      step_fail ipoib "the fabric address is in use: $busy" 'end these connections (mounts, logins), or lead the route elsewhere'
      return 0
    fi
    if step_dry ipoib "put or take away: $left"; then
      return 0
    fi
    ipoib_remove "$addresses"
    left=$(ipoib_left "$addresses" | one_line)
  fi
  if [ -n "$left" ]; then
    step_fail ipoib "still there: $left" 'look at: networkctl status; is the file system read-only, or does something else set the address?'
  else
    step_pass ipoib "the fabric address of slice mode is gone; its netplan file is in $RETIRED"
  fi
}

# tmfifo_addresses: prints "INTERFACE ADDRESS" of every card.
tmfifo_addresses() {
  printf '%s|%s\n%s\n' "$TMFIFO_INTERFACE" "${TMFIFO_ADDRESS:--}" "$TMFIFO_MORE" |
    awk -F '|' '$2 != "-" && NF > 1 { print $1, $2 }'
}

# tmfifo_step: the addresses that the network baseline gave, unless the host's own configuration gives them too.
tmfifo_step() {
  local all ours left busy name address
  all=$(tmfifo_addresses)
  ours=$(printf '%s\n' "$all" | while read -r name address; do
    busy=$(absent_configured "${name:-none}")
    [ -n "$busy" ] || printf '%s %s\n' "$name" "$address"
  done)
  left=$(carried "$ours" | one_line)
  if [ -n "$left" ]; then
    busy=$(printf '%s\n' "$ours" | while read -r _ address; do
      talks "$address"
    done | one_line)
    if [ -n "$busy" ]; then
      step_fail tmfifo "the RShim address is in use: $busy" 'end these connections (logins to the DPU)'
      return 0
    fi
    if step_dry tmfifo "take away $left"; then
      return 0
    fi
    take_away "$ours"
    left=$(carried "$ours" | one_line)
  fi
  if [ -n "$left" ]; then
    step_fail tmfifo "still there: $left" 'look at: ip address show; what else sets the address?'
  elif [ "$ours" != "$all" ]; then
    step_skip tmfifo "the host's own network configuration sets the RShim addresses; they stay"
  else
    step_pass tmfifo 'the RShim interfaces have no address of slice mode'
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

# --- boot ---------------------------------------------------------------------------------------------------------------

# boot_file: prints the file with the boot arguments of slice mode, in its place or put away; empty without one.
boot_file() {
  local file
  file=$(printf '%s' "${GRUB_FILE#/}" | awk '{ gsub("/", "%"); printf "%s", $0 }')
  for file in "$GRUB_FILE" "$RETIRED/$file".*; do
    if [ -f "$file" ]; then
      printf '%s\n' "$file"
      return 0
    fi
  done
}

# boot_left FILE: prints the file's arguments that the boot menu passes and nothing on the host asks for.
boot_left() {
  local own unasked
  own=$(grubcfg_own "$1") || return 1
  unasked=$(grubcfg_absent "$(grubcfg_words)" "$own")
  printf '%s\n' "$unasked" | awk -v menu="$(grubcfg_menu | one_line)" 'NF && index("; " menu "; ", "; " $0 "; ")' | one_line
}

boot_step() {
  local file left asked
  file=$(boot_file)
  if [ -z "$file" ]; then
    step_pass boot 'no boot arguments of slice mode were set'
    return 0
  fi
  if [ "$file" = "$GRUB_FILE" ] && step_dry boot 'run update-grub'; then
    return 0
  fi
  left=$(boot_left "$file") || left=unknown
  if [ -n "$left" ]; then
    if step_dry boot "run update-grub: the boot menu still passes $left"; then
      return 0
    fi
    step_try timeout 300 update-grub
    left=$(boot_left "$file") || left=unknown
  fi
  asked=$(grubcfg_absent "$(grubcfg_absent "$(grubcfg_words)" "$(grubcfg_own "$file")")" "$(grubcfg_own "$file")" | one_line)
  if [ -n "$left" ]; then
    step_fail boot "the boot menu still passes: $left" 'look at the output of update-grub; is /boot full?'
  elif [ -n "$asked" ]; then
    step_warn boot "another file asks for arguments of slice mode: $asked" 'look in /etc/default/grub; take them out, then: update-grub'
  else
    step_pass boot 'the boot menu passes no arguments of slice mode; they go with the next reboot'
  fi
}

# initramfs_left: returns 0 when the image holds files of slice mode, 1 when not, 2 when that cannot be seen.
initramfs_left() {
  local image listing
  image=$(initramfs_image)
  listing=$(timeout 120 lsinitramfs "$image" 2>/dev/null || timeout 120 lsinitrd "$image" 2>/dev/null) || return 2
  printf '%s\n' "$listing" | grep -q gpuaas
}

initramfs_step() {
  local state
  state=0
  initramfs_left || state=$?
  if [ "$state" -eq 0 ]; then
    if step_dry initramfs 'build the initramfs anew, without the files of slice mode'; then
      return 0
    fi
    step_try initramfs_update
    state=0
    initramfs_left || state=$?
  fi
  case $state in
  1) step_pass initramfs 'the initramfs holds no file of slice mode' ;;
  0) step_fail initramfs 'the initramfs still holds files of slice mode: devices are bound again at the next boot' 'is /boot full?' ;;
  *) step_warn initramfs "the initramfs cannot be read: $(initramfs_image)" 'look at: lsinitramfs; update-initramfs -u' ;;
  esac
}

# --- services and fstab ----------------------------------------------------------------------------------------------------

# still_masked: prints the units that slice mode masked and that are masked.
still_masked() {
  local unit state
  [ -f "$MASKED" ] || return 0
  while read -r unit _; do
    state=$(timeout 30 systemctl show --property LoadState --value "$unit") || state=unknown
    case $state in
    masked | unknown) printf '%s\n' "$unit" ;;
    *) ;;
    esac
  done <"$MASKED"
}

masked_step() {
  local found unit
  found=$(still_masked)
  if [ -f "$MASKED" ]; then
    if step_dry masked "unmask what $MASKED records: $(printf '%s\n' "$found" | one_line)"; then
      return 0
    fi
    for unit in $found; do
      step_try timeout 60 systemctl unmask "$unit"
    done
    found=$(still_masked | one_line)
  fi
  if [ -n "$found" ]; then
    step_fail masked "still masked: $found" 'look at: systemctl status of the unit'
  elif [ -f "$MASKED" ] && ! put_away "$MASKED"; then
    step_fail masked "$MASKED cannot be put away" 'is the file system read-only?'
  else
    step_pass masked 'nothing that slice mode masked is masked; it starts with the next boot'
  fi
}

# disabled_entries: prints the fstab entries that were disabled, as "yes|no LINE": whether their file system is there.
disabled_entries() {
  local line spec there
  grep -F -e "$MARKER" /etc/fstab | while IFS= read -r line; do
    line=${line#"$MARKER"}
    spec=${line%%[[:space:]]*}
    there=no
    # the probe reads the device itself: a link or a cache may be older than the wipe
    case $spec in
    /*) ;;
    *) spec=$(timeout 30 findfs "$spec" 2>/dev/null) || spec=/dev/null/none ;;
    esac
    if timeout 30 blkid -p "$spec" >/dev/null 2>&1; then
      there=yes
    fi
    printf '%s %s\n' "$there" "$line"
  done
}

fstab_step() {
  local entries wanted gone
  entries=$(disabled_entries)
  wanted=$(printf '%s\n' "$entries" | awk '$1 == "yes" { print $2 " at " $3 }' | one_line)
  gone=$(printf '%s\n' "$entries" | awk '$1 == "no" { print $2 " at " $3 }' | one_line)
  if [ -z "$entries" ]; then
    step_pass fstab 'no entry is disabled'
    return 0
  elif [ "$restore_fstab" = no ]; then
    step_skip fstab "entries stay disabled, as --restore-fstab was not given: $wanted${wanted:+${gone:+; }}$gone"
    return 0
  fi
  if [ -n "$wanted" ]; then
    if step_dry fstab "take back the fstab entries of $wanted"; then
      return 0
    fi
    restore_entries "$entries" || log_warn '/etc/fstab was not written'
    wanted=$(disabled_entries | awk '$1 == "yes" { print $2 " at " $3 }' | one_line)
  fi
  if [ -n "$wanted" ]; then
    step_fail fstab "still disabled: $wanted" 'is / full or read-only?'
  elif [ -n "$gone" ]; then
    step_warn fstab "their file systems are not there, so they stay disabled: $gone" \
      'make the file systems anew and enter them by hand, or remove the lines'
  else
    step_pass fstab 'all entries are back; mount them with: mount -a'
  fi
}

# restore_entries ENTRIES: in one step, with a backup.
restore_entries() {
  cp -p /etc/fstab "/etc/fstab.gpuaas-slice-retire-backup-$stamp" || return 1
  cp -p /etc/fstab /etc/fstab.gpuaas-new || return 1
  if ENTRIES=$1 awk -v marker="$MARKER" '
    BEGIN {
      lines = split(ENVIRON["ENTRIES"], line, "\n")
      for (i = 1; i <= lines; i++) if (line[i] ~ /^yes /) back[marker substr(line[i], 5)] = 1
    }
    $0 in back { $0 = substr($0, length(marker) + 1) }
    { print }' /etc/fstab >/etc/fstab.gpuaas-new && sync /etc/fstab.gpuaas-new && mv -f /etc/fstab.gpuaas-new /etc/fstab; then
    timeout 120 systemctl daemon-reload
    return
  fi
  rm -f /etc/fstab.gpuaas-new
  return 1
}
