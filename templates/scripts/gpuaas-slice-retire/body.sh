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
  unread=no
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

# retired_name PATH: sets retired to the name that a file of that place has where retired ones are kept, without its time.
retired_name() {
  local rest
  rest=${1#/}
  retired=
  while [ "$rest" != "${rest#*/}" ]; do
    retired=$retired${rest%%/*}%
    rest=${rest#*/}
  done
  retired=$RETIRED/$retired$rest
}

# put_away FILE: moves a file to where retired ones are kept; its old place is in its name.
put_away() {
  [ -d "$RETIRED" ] || mkdir -p "$RETIRED" || return 1
  retired_name "$1"
  mv -f -- "$1" "$retired.$stamp"
}

# put_away_file PATH: prints where a file of slice mode is: in its place, or put away by a run that may not have ended.
put_away_file() {
  local file
  retired_name "$1"
  for file in "$1" "$retired".*; do
    if [ -f "$file" ]; then
      printf '%s\n' "$file"
      return 0
    fi
  done
}
