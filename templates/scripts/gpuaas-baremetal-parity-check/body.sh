# The bare-metal host's gpuaas-slice-parity-check: the same command and flags, the opposite conditions. It reads no values
# of the node: what is not there needs none.

usage() {
  cat <<USAGE
gpuaas-slice-parity-check [--final] [--json] [--profile $PROFILE] [--host HOST [--user USER]]

Says whether this host carries nothing of slices: no unit gpuaas-slice-*, no bridge $BRIDGE_NAME, no chain
$CHAIN, no NAT and DHCP for guests, no device bound to vfio-pci, no virtual functions, no fabric and
RShim address of a slice host. It changes nothing.

  --final       warnings count like failures
  --json        one JSON document instead of lines
  --host HOST   run this on another machine, over ssh (as root, or with sudo -n)
  --user USER   log in there as USER
  --help        this text

The flags of the control plane (--api-base, --api-token-file, --node-id, --no-api) are taken and change nothing.
Exit status: 0 no failures; 1 a check failed, or could not be judged with --final; 2 wrong usage; 4 HOST gave no answer.
USAGE
}

main() {
  local checks intent
  LC_ALL=C
  export LC_ALL
  parity_options "$@"
  if [ "$parity_help" = yes ]; then
    usage
    return 0
  fi
  if [ -n "$parity_area" ]; then
    log_error '--area: a bare-metal host has no areas'
    return 2
  fi
  if [ "${parity_profile:-$PROFILE}" != "$PROFILE" ]; then
    log_error "--profile $parity_profile: this host's script knows $PROFILE only"
    return 2
  fi
  if [ -n "$parity_host" ]; then
    require_commands awk cat ssh tail timeout
    parity_elsewhere "$0" ''
    return
  fi
  require_commands awk cat find grep id ip readlink sed systemctl timeout tr
  require_root
  intent=none
  if [ -f "$NODE_ENV" ]; then
    intent=$(sed -n "s/^GPUAAS_PROFILE='\([a-z0-9-]*\)'\$/\1/p" "$NODE_ENV")
  fi
  checks=$(absent_begin)
  # shellcheck disable=SC2086 # names, one word each
  parity_begin $checks
  absent_look "${intent:-unknown}" "$BRIDGE_NAME" "$CHAIN" "$MASKED_UNITS" "$NETPLAN_FILE" "$TMFIFO_INTERFACE"
  parity_finish 'bare-metal host'
}
