# The BlueField decides what a host can do and prove. NIC mode: the host owns the switch, all is made and read back here. DPU
# mode: the host makes the functions only; the switch is the DPU's, and what stands there is never PASS here.

usage() {
  cat <<USAGE
gpuaas-slice-fabric-vfs [--dry-run]

Makes the virtual functions that the slots of this node use (bf3.vfs a port), waits for them, gives them their MAC
addresses (InfiniBand: GUIDs), and writes the map of slots, functions and ports to
$VF_MAP. Virtual function N of a slot is function N modulo bf3.vfs of the
port N divided by bf3.vfs.

  NIC mode  also: the host's switch in switchdev mode, representors in $BRIDGE_NAME, rate limits
  DPU mode  those belong on the DPU: its owner runs $DPU_PLAN there, and nothing here proves it

Firmware settings are asked for and compared, never changed.

  --dry-run  say what would be changed, change nothing
  --help     this text

Exit status: 0 all right or nothing to do; 1 a check failed; 2 wrong usage; 3 with --dry-run: changes pending.
Evidence lines GPUAAS_SLICE_FABRIC go to stdout, all else to stderr.
USAGE
}

main() {
  local dry_run
  LC_ALL=C
  export LC_ALL
  dry_run=no
  while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry_run=yes ;;
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
  require_commands awk cat chmod chown cmp devlink flock grep id install ip mktemp mv ovs-vsctl ping readlink rm sleep sort \
    stat tail timeout
  require_root
  nodeenv_load "$NODE_ENV" 'GPUAAS_BF3_MODE?' 'GPUAAS_BF3_PORTS?' 'GPUAAS_BF3_VFS?' 'GPUAAS_BF3_QOS_MBIT?' 'GPUAAS_SLOT_VFS?'
  mode=${GPUAAS_BF3_MODE?}
  vfs=${GPUAAS_BF3_VFS?}
  if [ "$dry_run" = no ]; then
    step_lock /run/gpuaas-slice-fabric-vfs.lock
  fi
  step_begin SLICE_FABRIC "$dry_run"
  evidence_begin configured assignment ports firmware tmfifo_peer switchdev functions identity \
    subnet_manager representors qos map
  run_steps
  step_finish "fabric functions of ${GPUAAS_NODE:-this host}"
}

run_steps() {
  configured_step
  if step_needs assignment configured; then assignment_step; fi
  if step_needs ports configured; then ports_step; fi
  if step_needs firmware ports; then firmware_step; fi
  if step_needs tmfifo_peer configured; then tmfifo_peer_step; fi
  if step_needs switchdev ports; then switchdev_step; fi
  case $mode in
  nic) if step_needs functions ports assignment switchdev; then functions_step; fi ;;
  *) if step_needs functions ports assignment; then functions_step; fi ;;
  esac
  if step_needs identity functions; then identity_step; fi
  if step_needs subnet_manager identity; then subnet_manager_step; fi
  if step_needs representors functions; then representors_step; fi
  if step_needs qos functions; then qos_step; fi
  if step_needs map functions identity; then map_step; fi
}

# one_line: joins the lines of stdin.
one_line() {
  awk 'NF { printf "%s%s", separator, $0; separator = "; " }'
}

# slots: prints "SLOT PORT PORTINDEX INDEX MAC GPU" of each slot with a virtual function.
slots() {
  printf '%s\n' "${GPUAAS_SLOT_VFS?}" | awk -F '|' -v ports="${GPUAAS_BF3_PORTS?}" -v vfs="$vfs" '
    BEGIN { n = split(ports, port, "\n") }
    $1 != "-" && $1 != "" {
      p = int($1 / vfs)
      print NR - 1, (p < n) ? port[p + 1] : "none", p, $1 % vfs, $2, $3
    }'
}

configured_step() {
  local absent
  if [ -z "$mode" ] && [ -z "${GPUAAS_BF3_PORTS?}" ]; then
    step_skip configured 'bf3.mode and bf3.ports are not set: this host uses no BlueField'
    return 0
  fi
  absent=
  case $mode in
  nic | dpu) ;;
  *) absent='bf3.mode' ;;
  esac
  [ -n "${GPUAAS_BF3_PORTS?}" ] || absent="$absent bf3.ports"
  case $vfs in
  '' | 0 | *[!0-9]*) absent="$absent bf3.vfs" ;;
  *) ;;
  esac
  if [ -n "$absent" ]; then
    step_fail configured "not set: ${absent# }" "add the values to the node's config, render and deliver it"
  else
    step_pass configured "BlueField in $mode mode, $vfs functions a port"
  fi
}

assignment_step() {
  local wrong
  wrong=$(slots | awk '
    $2 == "none" { print "slot " $1 ": no port has so many functions" }
    $5 == "-" { print "slot " $1 ": no MAC address" }
    seen[$3 "/" $4]++ { print "slot " $1 ": its function is that of another slot" }
    $5 != "-" && macs[tolower($5)]++ { print "slot " $1 ": its MAC address is that of another slot" }' | one_line)
  if [ -n "$wrong" ]; then
    step_fail assignment "$wrong" 'correct slots.vf and slots.mac, or bf3.vfs; render and deliver node.env'
  else
    step_pass assignment "$(slots | awk 'END { print NR }') slots, each with its own function and MAC address"
  fi
}

ports_step() {
  local port wrong driver
  wrong=$(for port in ${GPUAAS_BF3_PORTS?}; do
    pci_read "$port" vendor
    driver=$(pci_driver "$port")
    if [ "$pci_value" != 0x15b3 ]; then
      printf '%s is no NVIDIA (Mellanox) function: %s\n' "$port" "${pci_value:-nothing is there}"
    elif [ "$driver" != mlx5_core ]; then
      printf '%s has driver %s\n' "$port" "$driver"
    elif ! fabricvf_interface "$port" >/dev/null; then
      printf '%s has no network interface\n' "$port"
    fi
  done | one_line)
  if [ -n "$wrong" ]; then
    step_fail ports "$wrong" 'compare lspci -D with bf3.ports; look at: dmesg of mlx5_core'
  else
    step_pass ports "on mlx5_core: $(printf '%s\n' "${GPUAAS_BF3_PORTS?}" | one_line)"
  fi
}

# --- firmware: asked, never changed ---------------------------------------------------------------------

# firmware_tool: prints the tool that reads firmware settings. Returns 1 without one.
firmware_tool() {
  command -v mstconfig || command -v mlxconfig
}

# firmware_problems TEXT PORT: prints what differs from what the mode needs, and "pending ..." for settings that wait for a power cycle.
# The table of "query -e" has the columns: name, default, current, next boot.
firmware_problems() {
  printf '%s\n' "$1" | awk -v port="$2" -v mode="$mode" -v vfs="$vfs" '
    function number(text) { sub(/^[*]/, "", text); if (text ~ /\(/) { sub(/.*\(/, "", text); sub(/\).*/, "", text) } return text + 0 }
    { sub(/^[* \t]+/, "") }
    $1 ~ /^(INTERNAL_CPU_OFFLOAD_ENGINE|SRIOV_EN|NUM_OF_VFS)$/ && NF >= 4 {
      seen[$1] = 1; now = number($3); later = number($4)
      want = ($1 == "SRIOV_EN") ? 1 : ($1 == "NUM_OF_VFS") ? vfs : (mode == "nic") ? 1 : 0
      good = ($1 == "NUM_OF_VFS") ? now >= want : now == want
      if (!good) print port ": " $1 " is " $3 ", " want " is needed"
      if (now != later) print "pending " port ": " $1 " becomes " $4 " with a power cycle"
    }
    END {
      n = split("INTERNAL_CPU_OFFLOAD_ENGINE SRIOV_EN NUM_OF_VFS", names, " ")
      for (i = 1; i <= n; i++) if (!(names[i] in seen)) print "unknown " port ": " names[i] " is not shown"
    }'
}

firmware_step() {
  local tool port text found lockdown
  lockdown=
  IFS= read -r lockdown 2>/dev/null </sys/kernel/security/lockdown || lockdown=
  if ! tool=$(firmware_tool); then
    step_warn firmware 'neither mstconfig nor mlxconfig is there: firmware settings are not known' 'install mstflint'
    return 0
  fi
  found=$(for port in ${GPUAAS_BF3_PORTS?}; do
    if text=$(timeout 120 "$tool" -d "$port" -e query 2>&1); then
      firmware_problems "$text" "$port"
    else
      printf 'unknown %s: %s does not answer\n' "$port" "${tool##*/}"
    fi
  done)
  case "
$found" in
  '
') step_pass firmware 'mode, SR-IOV and number of functions are as needed, now and at the next boot' ;;
  *'
0'*)
    step_fail firmware "$(printf '%s\n' "$found" | one_line)" \
      'infra changes firmware settings with mstconfig on the card, and power-cycles the host; this script never does'
    ;;
  *)
    step_warn firmware "$(printf '%s\n' "$found" | one_line)" \
      "what is unknown could not be seen (lockdown: ${lockdown:-unknown}); what is pending takes a power cycle"
    ;;
  esac
}

tmfifo_peer_step() {
  local waited
  if [ "$mode" = nic ]; then
    step_skip tmfifo_peer 'in NIC mode the Arm cores are off: nobody answers'
    return 0
  fi
  if [ -z "$TMFIFO_PEER" ]; then
    step_fail tmfifo_peer 'network.tmfifo.peer is not set' 'in DPU mode the DPU must answer: set its address'
    return 0
  fi
  waited=0
  while ! timeout 10 ping -n -q -c 1 -w 2 -I "$TMFIFO_INTERFACE" "$TMFIFO_PEER" >/dev/null 2>&1; do
    if [ "$step_dry_run" = yes ] || [ "$waited" -ge "$PEER_WAIT" ]; then
      step_fail tmfifo_peer "$TMFIFO_PEER does not answer on $TMFIFO_INTERFACE" \
        'in DPU mode it must: has the Arm side booted? look at: systemctl status rshim; is the card really in DPU mode?'
      return 0
    fi
    sleep 2
    waited=$((waited + 2))
  done
  step_pass tmfifo_peer "$TMFIFO_PEER answers on $TMFIFO_INTERFACE"
}

# --- the switch and the functions -------------------------------------------------------------------------

# not_switchdev: prints the ports whose switch is in another mode.
not_switchdev() {
  local port shown
  for port in ${GPUAAS_BF3_PORTS?}; do
    shown=$(timeout 30 devlink dev eswitch show "pci/$port" 2>/dev/null) || shown=unknown
    case "$shown " in
    *' mode switchdev '*) ;;
    *) printf '%s\n' "$port" ;;
    esac
  done
}

switchdev_step() {
  local open port
  if [ "$mode" != nic ]; then
    step_skip switchdev 'in DPU mode the switch is the DPU'\''s'
    return 0
  fi
  open=$(not_switchdev)
  if [ -n "$open" ]; then
    if step_dry switchdev "put into switchdev mode: $(printf '%s\n' "$open" | one_line)"; then
      return 0
    fi
    for port in $open; do
      step_try timeout 120 devlink dev eswitch set "pci/$port" mode switchdev
    done
    open=$(not_switchdev)
  fi
  if [ -n "$open" ]; then
    step_fail switchdev "not in switchdev mode: $(printf '%s\n' "$open" | one_line)" \
      'is the card in NIC mode? are functions of it in use? look at: devlink dev eswitch show'
  else
    step_pass switchdev 'all ports are in switchdev mode'
  fi
}

# functions_wrong: prints the ports with another number of functions than asked for.
functions_wrong() {
  local port count
  for port in ${GPUAAS_BF3_PORTS?}; do
    pci_read "$port" sriov_numvfs
    count=$(fabricvf_count "$port")
    if [ "${pci_value:-0}" != "$vfs" ] || [ "$count" -ne "$vfs" ]; then
      printf '%s %s %s\n' "$port" "${pci_value:-0}" "$count"
    fi
  done
}

# functions_refused: prints why the number of functions of a port cannot be set.
functions_refused() {
  local port now
  functions_wrong | while read -r port now _; do
    pci_read "$port" sriov_totalvfs
    if [ "${pci_value:-0}" -lt "$vfs" ]; then
      printf '%s has at most %s functions, %s are asked for\n' "$port" "${pci_value:-0}" "$vfs"
    elif [ "$now" != 0 ] && [ "$now" != "$vfs" ]; then
      printf '%s has %s functions, not %s: to change that all must go, and with them what uses them\n' "$port" "$now" "$vfs"
    fi
  done
}

functions_step() {
  local wrong refused port tries
  wrong=$(functions_wrong)
  refused=$(functions_refused | one_line)
  if [ -n "$refused" ]; then
    step_fail functions "$refused" \
      'at most: SriovGlobalEnable in the BIOS, NUM_OF_VFS in the firmware. Another number: stop all slices, echo 0 to sriov_numvfs, run this again'
    return 0
  fi
  if [ -n "$wrong" ]; then
    if step_dry functions "make $vfs functions of $(printf '%s\n' "$wrong" | awk '{ print $1 }' | one_line)"; then
      return 0
    fi
    printf '%s\n' "$wrong" | while read -r port now _; do
      if [ "$now" = 0 ]; then
        vfio_write "$vfs" "/sys/bus/pci/devices/$port/sriov_numvfs" || log_warn "$port: the kernel refused $vfs functions"
      fi
    done
    tries=0
    # they come one by one, after the write has returned
    while [ -n "$wrong" ] && [ "$tries" -lt "$VF_WAIT" ]; do
      sleep 0.5
      tries=$((tries + 1))
      wrong=$(functions_wrong)
    done
  fi
  if [ -n "$wrong" ]; then
    step_fail functions "asked for $vfs: $(printf '%s\n' "$wrong" | awk '{ print $1 " shows " $3 }' | one_line)" \
      'look at: dmesg of mlx5_core; is there room for their memory (pci=realloc)?'
  else
    step_pass functions "$vfs functions a port, all there"
  fi
}

# address_of PORT INDEX: prints the PCI address of a function.
address_of() {
  fabricvf_links "$1" | awk -v vf="$2" '$1 == vf { print $2 }'
}

# --- who a function is --------------------------------------------------------------------------------------

# unnamed: prints the slots ("SLOT PORT PORTINDEX INDEX MAC GPU") whose function does not have its MAC address or GUIDs.
unnamed() {
  slots | while read -r slot port number vf mac gpu; do
    interface=$(fabricvf_interface "$port") || interface=none
    shown=$(fabricvf_shown "$interface" "$vf")
    mac=$(printf '%s' "$mac" | awk '{ print tolower($0) }')
    if fabricvf_is_ib "$port"; then
      guid=$(fabricvf_guid "$mac")
      case "$shown " in
      *"node_guid $guid"*"port_guid $guid"*) continue ;;
      *) ;;
      esac
    else
      case "$shown" in
      *"link/ether $mac "* | *"mac $mac"*) continue ;;
      *) ;;
      esac
    fi
    printf '%s %s %s %s %s %s\n' "$slot" "$port" "$number" "$vf" "$mac" "$gpu"
  done
}

# name_function PORT INDEX MAC: sets MAC address or GUIDs through the port. A function takes GUIDs when its driver starts: so it is
# bound again after that.
name_function() {
  local interface guid address driver
  interface=$(fabricvf_interface "$1") || return 1
  if ! fabricvf_is_ib "$1"; then
    timeout 30 ip link set dev "$interface" vf "$2" mac "$3"
    return
  fi
  guid=$(fabricvf_guid "$3")
  timeout 30 ip link set dev "$interface" vf "$2" node_guid "$guid" || return 1
  timeout 30 ip link set dev "$interface" vf "$2" port_guid "$guid" || return 1
  timeout 30 ip link set dev "$interface" vf "$2" state auto || return 1
  address=$(address_of "$1" "$2")
  driver=$(pci_driver "$address")
  if [ "$driver" = mlx5_core ]; then
    vfio_write "$address" "/sys/bus/pci/drivers/mlx5_core/unbind" || return 1
    vfio_write "$address" "/sys/bus/pci/drivers/mlx5_core/bind"
  fi
}

# taken: prints the functions that must be named, but are in the hands of a guest.
taken() {
  unnamed | while read -r _ port _ vf _; do
    address=$(address_of "$port" "$vf")
    if [ -n "$address" ]; then
      held=$(vfio_users "$address")
      if [ -n "$held" ]; then
        printf '%s is held by %s\n' "$address" "${held% }"
      fi
    fi
  done
}

identity_step() {
  local open left
  open=$(unnamed)
  if [ -n "$open" ]; then
    left=$(taken | one_line)
    if [ -n "$left" ]; then
      step_fail identity "$left" 'a guest has this function: release its slice first'
      return 0
    fi
    if step_dry identity "set MAC addresses or GUIDs of slots $(printf '%s\n' "$open" | awk '{ printf "%s ", $1 }')"; then
      return 0
    fi
    printf '%s\n' "$open" | while read -r _ port _ vf mac _; do
      name_function "$port" "$vf" "$mac" || log_warn "$port, function $vf: not all was set"
    done
    open=$(unnamed)
  fi
  if [ -n "$open" ]; then
    step_fail identity "not as approved: $(printf '%s\n' "$open" | awk '{ print "slot " $1 " (" $2 " vf " $4 ")" }' | one_line)" \
      'look at: ip link show of the port. In DPU mode the DPU may forbid it (host privilege)'
  else
    step_pass identity "every slot's function has its MAC address or GUIDs, read back from the port"
  fi
}

# down_ports: prints the InfiniBand functions of slots whose port is Down.
down_ports() {
  slots | while read -r _ port _ vf _; do
    fabricvf_is_ib "$port" || continue
    address=$(address_of "$port" "$vf")
    for path in "/sys/bus/pci/devices/$address"/infiniband/*/ports/1/state; do
      state=
      IFS= read -r state 2>/dev/null <"$path" || state=
      case $state in
      *DOWN* | *Down*) printf '%s is %s\n' "$address" "${state#*: }" ;;
      *) ;;
      esac
    done
  done
}

subnet_manager_step() {
  local down port any
  any=no
  for port in ${GPUAAS_BF3_PORTS?}; do
    if fabricvf_is_ib "$port"; then
      any=yes
    fi
  done
  if [ "$any" = no ]; then
    step_skip subnet_manager 'no port is InfiniBand'
    return 0
  fi
  down=$(down_ports | one_line)
  if [ -n "$down" ]; then
    step_fail subnet_manager "functions stay Down: $down" \
      'the subnet manager must have virtualization on (virt_enabled 2 in opensm.conf); ask who runs it'
  else
    step_pass subnet_manager 'no function of a slot is Down'
  fi
}

# --- NIC mode: representors and rates ---------------------------------------------------------------------

# representor PORT INDEX: prints the interface that stands for the function in the host's switch. Empty where there is none.
representor() {
  timeout 30 devlink port show 2>/dev/null | awk -v port="pci/$1/" -v vf="$2" '
    index($1, port) == 1 && / flavour pcivf / {
      name = ""; number = ""
      for (i = 1; i < NF; i++) { if ($i == "netdev") name = $(i + 1); if ($i == "vfnum") number = $(i + 1) }
      if (number == vf) print name
    }'
}

# unattached: prints "SLOT REPRESENTOR" of slots whose representor is not in the bridge, is down, or is missing (none).
unattached() {
  slots | while read -r slot port _ vf _; do
    name=$(representor "$port" "$vf")
    if [ -z "$name" ]; then
      printf '%s none\n' "$slot"
      continue
    fi
    bridge=$(timeout 20 ovs-vsctl --timeout=15 port-to-br "$name" 2>/dev/null) || bridge=none
    flags=0x0
    read -r flags 2>/dev/null <"/sys/class/net/$name/flags" || flags=0x0
    if [ "$bridge" != "$BRIDGE_NAME" ] || [ "$((flags & 1))" -eq 0 ]; then
      printf '%s %s\n' "$slot" "$name"
    fi
  done
}

representors_step() {
  local open name
  if [ "$mode" != nic ]; then
    not_proven representors 'representors in its bridge'
    return 0
  fi
  open=$(unattached)
  if [ -n "$open" ]; then
    if step_dry representors "add to $BRIDGE_NAME: $(printf '%s\n' "$open" | awk '{ print $2 " (slot " $1 ")" }' | one_line)"; then
      return 0
    fi
    printf '%s\n' "$open" | while read -r _ name; do
      if [ "$name" != none ]; then
        step_try timeout 60 ovs-vsctl --timeout=50 --may-exist add-port "$BRIDGE_NAME" "$name"
        step_try timeout 30 ip link set dev "$name" up
      fi
    done
    open=$(unattached)
  fi
  if [ -n "$open" ]; then
    step_fail representors "not in $BRIDGE_NAME and up: $(printf '%s\n' "$open" | awk '{ print "slot " $1 ": " $2 }' | one_line)" \
      "look at: devlink port show; ovs-vsctl show. Is $BRIDGE_NAME there (gpuaas-slice-network-baseline)?"
  else
    step_pass representors "the representor of every slot is up, in $BRIDGE_NAME"
  fi
}

# unlimited: prints "SLOT REPRESENTOR" of slots whose representor has another rate than asked for.
unlimited() {
  local rate
  rate=$((${GPUAAS_BF3_QOS_MBIT?} * 1000))
  slots | while read -r slot port _ vf _; do
    name=$(representor "$port" "$vf")
    seen=$(timeout 20 ovs-vsctl --timeout=15 get interface "${name:-none}" ingress_policing_rate 2>/dev/null) || seen=unknown
    if [ "$seen" != "$rate" ]; then
      printf '%s %s\n' "$slot" "${name:-none}"
    fi
  done
}

qos_step() {
  local open rate name
  if [ -z "${GPUAAS_BF3_QOS_MBIT?}" ]; then
    step_skip qos 'bf3.qos_mbit is not set: no rate limit'
    return 0
  fi
  if [ "$mode" != nic ]; then
    not_proven qos 'rate limits'
    return 0
  fi
  step_needs qos representors || return 0
  rate=$((${GPUAAS_BF3_QOS_MBIT?} * 1000))
  open=$(unlimited)
  if [ -n "$open" ]; then
    if step_dry qos "limit $(printf '%s\n' "$open" | awk '{ print $2 }' | one_line) to ${GPUAAS_BF3_QOS_MBIT?} Mbit/s"; then
      return 0
    fi
    printf '%s\n' "$open" | while read -r _ name; do
      step_try timeout 30 ovs-vsctl --timeout=20 set interface "$name" "ingress_policing_rate=$rate" \
        "ingress_policing_burst=$((rate / 10))"
    done
    open=$(unlimited)
  fi
  if [ -n "$open" ]; then
    step_fail qos "not limited: $(printf '%s\n' "$open" | awk '{ print "slot " $1 ": " $2 }' | one_line)" 'look at: ovs-vsctl list interface'
  else
    step_pass qos "every slot is limited to ${GPUAAS_BF3_QOS_MBIT?} Mbit/s"
  fi
}

# --- DPU mode: the DPU's own part -----------------------------------------------------------------------------

# not_proven CHECK WHAT: what the DPU really does cannot be seen from here; its owner has the plan.
not_proven() {
  if [ -f "$DPU_PLAN" ]; then
    step_warn "$1" "not proven from the host: $2 are the DPU's" "the DPU's owner reviews $DPU_PLAN and runs it on the DPU"
  else
    step_warn "$1" "not proven from the host: $2 are the DPU's; $DPU_PLAN is not here" \
      "render the node and deliver its files; the DPU's owner runs $DPU_PLAN on the DPU"
  fi
}

# --- the map --------------------------------------------------------------------------------------------------

# vf_map: prints the map as JSON: for each slot what /resource-slots takes as capacity_metadata, and every function there is.
vf_map() {
  local port proven
  proven=false
  [ "$mode" != nic ] || proven=true
  {
    slots | while read -r slot port _ vf mac gpu; do
      name=$(if [ "$mode" = nic ]; then representor "$port" "$vf"; else printf 'pf%svf%s\n' "${port##*.}" "$vf"; fi)
      printf 'slot %s %s %s %s %s %s %s\n' "$slot" "$port" "$vf" "$(address_of "$port" "$vf")" "$mac" "$gpu" "${name:-none}"
    done
    for port in ${GPUAAS_BF3_PORTS?}; do
      fabricvf_links "$port" | awk -v port="$port" '{ print "function", port, $1, $2 }'
    done
  } | awk -v node="${GPUAAS_NODE:-}" -v mode="$mode" -v bridge="$BRIDGE_NAME" -v proven="$proven" '
    function q(text) { return "\"" text "\"" }
    $1 == "slot" {
      slots = slots separator "\n    {\"slot_index\": " $2 ", \"gpu\": " q($7) ", \"capacity_metadata\": {" \
        "\"vf_pci_address\": " q($5) ", \"vf_port\": " q($3) ", \"vf_index\": " $4 ", \"mac\": " q($6) \
        ", \"ovs_bridge\": " q(bridge) ", \"ovs_port\": " q($8) ", \"ovs_port_proven\": " proven "}}"
      separator = ","
    }
    $1 == "function" { all = all comma "\n    {\"port\": " q($2) ", \"index\": " $3 ", \"address\": " q($4) "}"; comma = "," }
    END {
      print "{\n  \"node\": " q(node) ",\n  \"bf3_mode\": " q(mode) ",\n  \"resource_slots\": [" slots "\n  ],"
      print "  \"virtual_functions\": [" all "\n  ]\n}"
    }'
}

map_step() {
  local wanted found
  wanted=$(vf_map)
  found=$(cat "$VF_MAP" 2>/dev/null) || found=
  if [ "$found" != "$wanted" ]; then
    if step_dry map "write $VF_MAP"; then
      return 0
    fi
    step_try install -d -m 0755 "${VF_MAP%/*}"
    printf '%s\n' "$wanted" | file_write "$VF_MAP" 0644 || :
    found=$(cat "$VF_MAP" 2>/dev/null) || found=
  fi
  if [ "$found" = "$wanted" ]; then
    step_pass map "$VF_MAP holds slots and functions as they are"
  else
    step_fail map "$VF_MAP could not be written" 'is the file system full or read-only?'
  fi
}
