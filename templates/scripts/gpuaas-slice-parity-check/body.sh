# Looks only; what it makes (a test port on the bridge) it removes. Each check looks at the thing itself, not at what
# another script left behind about it.

usage() {
  cat <<USAGE
gpuaas-slice-parity-check [--final] [--json] [--area AREA,...] [--profile $PROFILE|baremetal]
    [--host HOST [--user USER]] [--api-base URL --api-token-file FILE [--node-id ID]]

Says whether this host meets every condition of a slice host: one line a check, a summary with failures=N warnings=N
last. It changes nothing, and marks no slot schedulable: that is for the control plane, after an operator's approval.
A guest's view is taken from a test port on $BRIDGE_NAME, which is removed afterwards: a DHCP offer (nothing is
leased), a packet to ${EGRESS_TARGET:-network.uplink.probe}, packets to what guests must not reach.

  --final                warnings count like failures: for the decision about scheduling
  --json                 one JSON document instead of lines
  --area AREA,...        only a part: $AREAS (guest, which makes the test port, implies
                         network); the verdict is WARN at best
  --profile baremetal    the opposite: nothing of slices is here
  --host HOST            run this on another machine, over ssh (as root, or with sudo -n)
  --user USER            log in there as USER
  --api-base URL         control plane; its topology evidence of this node is judged too
  --api-token-file FILE  holds a platform admin's token; it stays on this machine
  --node-id ID           id of the node there; default: node.env's
  --no-api               without api_topology: whoever asks looks at it himself
  --help                 this text

Exit status: 0 no failures; 1 a check failed, or could not be judged with --final; 2 wrong usage; 4 HOST gave no answer.
USAGE
}

main() {
  LC_ALL=C
  export LC_ALL
  parity_options "$@"
  if [ "$parity_help" = yes ]; then
    usage
    return 0
  fi
  case ${parity_profile:=$PROFILE} in
  "$PROFILE" | baremetal) ;;
  *)
    log_error "--profile $parity_profile: must be one of $PROFILE, baremetal"
    return 2
    ;;
  esac
  if [ -n "$parity_host" ]; then
    require_commands awk cat ssh tail timeout
    if [ "$parity_profile" = baremetal ]; then
      parity_elsewhere "$0" ''
    else
      parity_elsewhere "$0" "$API_PATH"
    fi
    return
  fi
  require_commands awk cat find flock grep head id ip iptables ping readlink stat systemctl tail timeout tr wipefs
  require_root
  nodeenv_load "$NODE_ENV" GPUAAS_UPLINK_INTERFACE 'GPUAAS_FABRIC_INTERFACE?' 'GPUAAS_FABRIC_ADDRESS?' \
    'GPUAAS_NVSWITCH_MODE?' 'GPUAAS_BF3_MODE?' 'GPUAAS_BF3_PORTS?' 'GPUAAS_BF3_VFS?' 'GPUAAS_SLOT_DEVICES?' 'GPUAAS_SLOT_DISKS?' \
    'GPUAAS_OS_DISK?' 'GPUAAS_NODE_ID?' 'GPUAAS_NODE_AGENT_VERSION?'
  if [ "$parity_profile" = baremetal ]; then
    bare_metal_checks
    return
  fi
  take_lock
  slice_checks
}

# take_lock: one test port at a time. Freed when the script ends.
take_lock() {
  # not ":", a special builtin: where its redirection fails, dash and busybox ash end the whole script
  if ! true 2>/dev/null >>"$LOCK"; then
    log_error "cannot write $LOCK: is its file system full or read-only?"
    return 1
  fi
  exec 9>"$LOCK"
  if ! flock -w 120 9; then
    log_error 'another parity check has not ended for two minutes; look at it, then run this again'
    return 1
  fi
}

bare_metal_checks() {
  local checks
  checks=$(absent_begin)
  # shellcheck disable=SC2086 # names, one word each
  parity_begin $checks
  absent_look "${GPUAAS_PROFILE:-none}" "$BRIDGE_NAME" "$CHAIN" "$MASKED_UNITS" "$NETPLAN_FILE" "$TMFIFO_INTERFACE"
  parity_finish "${GPUAAS_NODE:-this host} as bare metal"
}

# choose_areas: sets chosen to the areas that were asked for, separated by commas. Returns 2 after naming an unknown one.
choose_areas() {
  local area rest
  chosen=
  rest=${parity_area:-$AREAS},
  while [ -n "$rest" ]; do
    area=${rest%%,*}
    rest=${rest#*,}
    case ",$AREAS,," in
    *",$area,"*) ;;
    *)
      log_error "--area $area: must be of $AREAS"
      return 2
      ;;
    esac
    if [ -n "$area" ] && { [ "$area" != api ] || ! parity_skips_api; }; then
      chosen=$chosen${chosen:+,}$area
    fi
  done
  if [ -z "$chosen" ]; then
    log_error '--area api with --no-api (or with --host: that is asked from here) leaves nothing to look at'
    return 2
  fi
  case ",$chosen," in
  *,network,*) ;;
  *,guest,*) chosen=network,$chosen ;;
  *) ;;
  esac
}

# area_checks AREA: sets checks to the checks of an area.
area_checks() {
  case $1 in
  host)
    checks='profile_tag node_agent node_agent_version gpu_services kvm_module kvm iommu_arguments iommu vfio_module vfio hugepages'
    ;;
  fabric) checks='ipoib_netplan fabric_address fabric_route rdma fabric_vfs fabric_vf_map' ;;
  network)
    checks='ovs ovs_bridge bridge_address ip_forward uplink nat dnsmasq_config dnsmasq isolation_rules tmfifo tmfifo_peer
      network_service network_repair historical_network_service'
    ;;
  api) checks=api_topology ;;
  guest) checks='test_port dhcp_offer tenant_isolation egress test_port_removed' ;;
  *) checks='libvirt libvirt_folder slot_disks image_cache' ;;
  esac
}

slice_checks() {
  local area checks chosen names
  choose_areas || return
  names=
  for area in host fabric network guest storage api; do
    case ",$chosen," in
    *",$area,"*)
      area_checks "$area"
      names="$names $checks"
      ;;
    *) ;;
    esac
  done
  # shellcheck disable=SC2086 # names, one word each
  parity_begin $names
  case ",$chosen," in *,host,*) host_checks ;; *) ;; esac
  case ",$chosen," in *,fabric,*) fabric_checks ;; *) ;; esac
  case ",$chosen," in *,network,*) network_checks ;; *) ;; esac
  case ",$chosen," in *,guest,*) guest_checks ;; *) ;; esac
  case ",$chosen," in *,storage,*) storage_checks ;; *) ;; esac
  case ",$chosen," in *,api,*) parity_topology "$API_PATH" "${parity_node_id:-${GPUAAS_NODE_ID?}}" ;; *) ;; esac
  parity_finish "slice host ${GPUAAS_NODE:?}${parity_area:+, only: $chosen}"
}

pass() {
  evidence_pass SLICE_PARITY "$1" "$2"
}

fail() {
  evidence_fail SLICE_PARITY "$1" "$2" "$3"
}

warn() {
  evidence_warn SLICE_PARITY "$1" "$2" "$3"
}

skip() {
  evidence_skip SLICE_PARITY "$1" "$2"
}

needs() {
  evidence_stands_on SLICE_PARITY "$@"
}

# has CHECK COMMAND: returns 1 after reporting CHECK as FAIL where the command is not installed.
has() {
  if ! command -v "$2" >/dev/null 2>&1; then
    fail "$1" "$2 is not installed" "install the profile's packages: run gpuaas-slice-host-bootstrap"
    return 1
  fi
}

# join LINES: sets joined to the lines, without the empty ones, joined by "; ".
join() {
  local line
  joined=
  while IFS= read -r line; do
    joined=$joined${line:+${joined:+; }$line}
  done <<LINES
$1
LINES
}

# first_line FILE: sets line to the first line; empty where the file cannot be read.
first_line() {
  line=
  if [ -r "$1" ]; then
    read -r line 2>/dev/null <"$1" || :
  fi
}

# has_line LINE TEXT: returns 0 when one of TEXT's lines is LINE.
has_line() {
  case "
$2
" in
  *"
$1
"*) return 0 ;;
  *) return 1 ;;
  esac
}

# units_ask UNIT...: asks systemd about all of them in one question; unit_value finds in what it said.
units_ask() {
  local said unit
  said=$(timeout 30 systemctl show --property LoadState,UnitFileState,ActiveState,Result,MainPID "$@") || said=
  units_said=
  # the answers come in the order of the units, with an empty line between them
  for unit; do
    units_said="$units_said
UNIT=$unit
${said%%

*}
"
    case $said in
    *"

"*) said=${said#*"

"} ;;
    *) said= ;;
    esac
  done
}

# unit_value UNIT PROPERTY: sets unit_value to what units_ask was told; unknown without an answer.
unit_value() {
  local said
  unit_value=unknown
  said=${units_said#*"
UNIT=$1
"}
  said="
${said%%"
UNIT="*}"
  case $said in
  *"
$2="*)
    unit_value=${said#*"
$2="}
    unit_value=${unit_value%%"
"*}
    ;;
  *) ;;
  esac
}
