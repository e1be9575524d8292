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

# area_checks AREA: prints the checks of an area.
area_checks() {
  case $1 in
  host)
    printf '%s ' profile_tag node_agent node_agent_version gpu_services kvm_module kvm iommu_arguments iommu vfio_module vfio \
      hugepages
    ;;
  fabric) printf '%s ' ipoib_netplan fabric_address fabric_route rdma fabric_vfs fabric_vf_map ;;
  network)
    printf '%s ' ovs ovs_bridge bridge_address ip_forward uplink nat dnsmasq_config dnsmasq isolation_rules tmfifo tmfifo_peer \
      network_service network_repair historical_network_service
    ;;
  api) printf '%s ' api_topology ;;
  guest) printf '%s ' test_port dhcp_offer tenant_isolation egress test_port_removed ;;
  *) printf '%s ' libvirt libvirt_folder slot_disks image_cache ;;
  esac
}

# areas: prints the areas that were asked for. Returns 2 after naming an unknown one.
areas() {
  local area wanted
  wanted=${parity_area:-$AREAS}
  for area in $(printf '%s' "$wanted" | tr ',' ' '); do
    case ",$AREAS," in
    *",$area,"*) ;;
    *)
      log_error "--area $area: must be of $AREAS"
      return 2
      ;;
    esac
  done
  if parity_skips_api; then
    wanted=$(printf '%s' "$wanted" | tr ',' '\n' | awk '$0 != "api" { printf "%s%s", separator, $0; separator = "," }')
    if [ -z "$wanted" ]; then
      log_error '--area api with --no-api (or with --host: that is asked from here) leaves nothing to look at'
      return 2
    fi
  fi
  case ",$wanted," in
  *,network,*) ;;
  *,guest,*) wanted=network,$wanted ;;
  *) ;;
  esac
  printf '%s\n' "$wanted"
}

slice_checks() {
  local area chosen names
  chosen=$(areas)
  names=
  for area in $(printf '%s' "$chosen" | tr ',' ' '); do
    names=$names$(area_checks "$area")
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

# one_line: joins the lines of stdin by "; ".
one_line() {
  awk 'NF { printf "%s%s", separator, $0; separator = "; " }'
}

# first_line FILE: prints the first line; nothing where the file cannot be read.
first_line() {
  local line
  line=
  if [ -r "$1" ]; then
    read -r line 2>/dev/null <"$1" || :
  fi
  printf '%s\n' "$line"
}
