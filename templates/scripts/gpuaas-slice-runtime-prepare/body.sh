# What guests need of the host beside devices and network. Looks, changes what is missing, looks again.

usage() {
  cat <<USAGE
gpuaas-slice-runtime-prepare [--dry-run]

Masks and stops the host's GPU services, which hold GPUs that guests are to get (a stop alone is undone at the next
boot), and records them in $MASKED; which ones depends on the NVSwitch mode. Gives
/var/lib/libvirt the modes that QEMU's own user needs. Reports slices' shut-off domains, and removes DHCP
reservations of slices that libvirt does not know any more.

  --dry-run  say what would be changed, change nothing
  --help     this text

Exit status: 0 all right or nothing to do; 1 a check failed; 2 wrong usage; 3 with --dry-run: changes pending.
Evidence lines GPUAAS_SLICE_RUNTIME go to stdout, all else to stderr.
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
  require_commands awk cat chmod chown cmp date find flock grep id install mktemp mv readlink rm sleep stat systemctl tail \
    timeout virsh
  require_root
  nodeenv_load "$NODE_ENV" 'GPUAAS_NVSWITCH_MODE?'
  if [ "$dry_run" = no ]; then
    step_lock /run/gpuaas-slice-runtime-prepare.lock
  fi
  step_begin SLICE_RUNTIME "$dry_run"
  evidence_begin gpu_services fabric_manager gpu_holders libvirt_folder image_folder libvirt memlock \
    domains reservations
  run_steps
  step_finish "slice runtime of ${GPUAAS_NODE:-this host}"
}

run_steps() {
  gpu_services_step
  fabric_manager_step
  if step_needs gpu_holders gpu_services; then gpu_holders_step; fi
  folder_step libvirt_folder /var/lib/libvirt 755
  if step_needs image_folder libvirt_folder; then folder_step image_folder /var/lib/libvirt/images 711; fi
  libvirt_step
  if step_needs memlock libvirt; then memlock_step; fi
  if step_needs domains libvirt; then domains_step; fi
  if step_needs reservations libvirt; then reservations_step; fi
}

# one_line: joins the lines of stdin.
one_line() {
  awk 'NF { printf "%s%s", separator, $0; separator = " " }'
}

# --- GPU services of the host ---------------------------------------------------------------------------

# unwanted_units: prints the units that must not run on this host. With shared NVSwitches, Fabric Manager must.
unwanted_units() {
  # shellcheck disable=SC2086 # a list of names
  printf '%s\n' $GPU_UNITS
  if [ "${GPUAAS_NVSWITCH_MODE?}" != shared-nvswitch ]; then
    printf '%s\n' "$FABRIC_MANAGER"
  fi
}

# unit_property UNIT PROPERTY: prints the value.
unit_property() {
  timeout 30 systemctl show --property "$2" --value "$1"
}

# still_running: prints the unwanted units that are not masked, or still run, as "UNIT(LOAD,ACTIVE)".
still_running() {
  local units said
  units=$(unwanted_units | one_line)
  # shellcheck disable=SC2086 # a list of names
  said=$(timeout 30 systemctl show --property LoadState --property ActiveState $units) || said=
  # a paragraph a unit, in the order asked; an alias would be shown by its other name
  printf '%s\n' "$said" | awk -v units="$units" '
    BEGIN { count = split(units, unit, " "); RS = "" }
    { for (i = 1; i <= NF; i++) { at = index($i, "="); state[NR, substr($i, 1, at - 1)] = substr($i, at + 1) } }
    END {
      for (i = 1; i <= count; i++) {
        load = state[i, "LoadState"] ? state[i, "LoadState"] : "unknown"
        active = state[i, "ActiveState"] ? state[i, "ActiveState"] : "unknown"
        if (load != "masked" || active !~ /^(inactive|failed)$/) print unit[i] "(" load "," active ")"
      }
    }'
}

gpu_services_step() {
  local open
  open=$(still_running | one_line)
  if [ -n "$open" ]; then
    if step_dry gpu_services "mask and stop $open"; then
      return 0
    fi
    # shellcheck disable=SC2086 # a list
    mask $open
    open=$(still_running | one_line)
  fi
  if [ -n "$open" ]; then
    step_fail gpu_services "not masked, or still running: $open" 'look at: systemctl status of the unit'
  else
    step_pass gpu_services "masked and not running: $(unwanted_units | one_line)"
  fi
}

# mask UNIT(LOAD,ACTIVE)...: records, masks, stops. What somebody else had masked before is not recorded: it is not ours to unmask.
mask() {
  local unit load ours masked
  ours=
  masked=
  for unit; do
    load=${unit#*\(}
    unit=${unit%%\(*}
    case $load in
    masked,*) masked="$masked $unit" ;;
    unknown,*) log_warn "$unit could not be masked" ;;
    *) ours="$ours $unit" ;;
    esac
  done
  # the record comes first: a run that is killed in between leaves a name too many, not one too few
  if ! record "$ours"; then
    log_warn "not recorded, so not masked:$ours"
    ours=
  fi
  for unit in $ours; do
    if timeout 60 systemctl mask --no-reload "$unit" >&2; then
      masked="$masked $unit"
    else
      log_warn "$unit could not be masked"
    fi
  done
  # stopped only when nothing can start them any more
  step_try timeout 60 systemctl daemon-reload
  if [ -n "$masked" ]; then
    # shellcheck disable=SC2086 # a list of names
    step_try timeout 120 systemctl stop $masked
  fi
}

# record UNITS: adds them to what slice mode masked.
record() {
  local known
  [ -n "$1" ] || return 0
  known=$(cat "$MASKED" 2>/dev/null) || known=
  # shellcheck disable=SC2086 # a list of names
  install -d -m 0755 "${MASKED%/*}" && printf '%s\n' "$known" $1 | awk 'NF && !seen[$0]++' | file_write "$MASKED" 0644
}

fabric_manager_step() {
  local active
  if [ "${GPUAAS_NVSWITCH_MODE?}" != shared-nvswitch ]; then
    step_skip fabric_manager 'NVSwitches are not shared: guests run with NVLink off, and no Fabric Manager runs'
    return 0
  fi
  active=$(unit_property "$FABRIC_MANAGER" ActiveState) || active=unknown
  if ! grep -qs '^[[:space:]]*FABRIC_MODE[[:space:]]*=[[:space:]]*1[[:space:]]*$' "$FABRIC_MANAGER_CONFIG"; then
    step_fail fabric_manager "FABRIC_MODE=1 does not stand in $FABRIC_MANAGER_CONFIG" \
      'shared NVSwitches need it; without it cuInit fails in guests with error 802'
  elif [ "$active" != active ]; then
    step_fail fabric_manager "$FABRIC_MANAGER is $active" \
      "look at: systemctl status $FABRIC_MANAGER; its version must be that of the driver"
  else
    step_pass fabric_manager "$FABRIC_MANAGER is active, with FABRIC_MODE=1"
  fi
}

gpu_holders_step() {
  local held
  held=$(vfio_open '/dev/nvidia[0-9]*')
  if [ -n "$held" ]; then
    step_fail gpu_holders "GPUs are held by: ${held% }" 'stop these processes: no guest can get a GPU that the host has open'
  else
    step_pass gpu_holders 'no process of the host holds a GPU'
  fi
}

# --- libvirt --------------------------------------------------------------------------------------------

# folder_step CHECK PATH MODE: a folder of root with that mode, which QEMU's own user can pass.
folder_step() {
  local facts
  facts=$(stat -c '%F %u %a' "$2" 2>/dev/null) || facts=missing
  if [ "$facts" != "directory 0 $3" ]; then
    if step_dry "$1" "give $2 mode 0$3 (it is: $facts)"; then
      return 0
    fi
    step_try install -d -o root -m "0$3" "$2"
    facts=$(stat -c '%F %u %a' "$2" 2>/dev/null) || facts=missing
  fi
  if [ "$facts" = "directory 0 $3" ]; then
    step_pass "$1" "$2 is root's, mode 0$3"
  else
    step_fail "$1" "$2 is: $facts" "look at: ls -ld $2; is the file system read-only?"
  fi
}

libvirt_step() {
  if libvirt_domains --all >/dev/null; then
    step_pass libvirt 'libvirt answers'
  else
    step_fail libvirt 'libvirt does not answer' 'look at: systemctl status libvirtd.service; virsh list --all'
  fi
}

# memlock_seen: prints the limit of the running daemon, or that of its unit where it is started on demand.
memlock_seen() {
  local pid
  pid=$(unit_property libvirtd.service MainPID) || pid=0
  if [ -r "/proc/$pid/limits" ]; then
    awk '/^Max locked memory/ { print ($5 == "unlimited") ? "infinity" : $5 }' "/proc/$pid/limits"
  else
    unit_property libvirtd.service LimitMEMLOCK
  fi
}

# limits_can_be_raised: returns 0 where process 1 may raise limits (CAP_SYS_RESOURCE); in some containers it may not.
limits_can_be_raised() {
  local capabilities
  capabilities=$(awk '$1 == "CapEff:" { print $2 }' /proc/1/status)
  # bit 24: the lowest bit of the seventh hexadecimal digit from the right
  case $capabilities in
  *[13579bdf]??????) return 0 ;;
  *) return 1 ;;
  esac
}

memlock_step() {
  local seen unit
  seen=$(memlock_seen) || seen=unknown
  unit=$(unit_property libvirtd.service LimitMEMLOCK) || unit=unknown
  if [ "$unit" = infinity ] && [ "$seen" != infinity ] && ! limits_can_be_raised; then
    step_warn memlock "the unit asks for no limit, libvirtd has $seen: process 1 may not raise limits here" \
      'on a machine of its own (no container) it may; there is nothing to do in a container'
    return 0
  fi
  if [ "$unit" != infinity ] || [ "$seen" != infinity ]; then
    if step_dry memlock 'restart libvirtd.service, so that it takes its drop-in (guests go on)'; then
      return 0
    fi
    step_try timeout 60 systemctl daemon-reload
    step_try timeout 120 systemctl try-restart libvirtd.service
    seen=$(memlock_seen) || seen=unknown
  fi
  if [ "$seen" = infinity ]; then
    step_pass memlock 'libvirtd may lock any amount of memory'
  else
    step_fail memlock "libvirtd may lock ${seen:-unknown} bytes of memory" \
      "guests with passed-through devices lock all of theirs; deliver the profile's files (LimitMEMLOCK=infinity)"
  fi
}

# --- what failed slices left ------------------------------------------------------------------------------

domains_step() {
  local off
  if ! off=$(libvirt_domains --inactive); then
    step_fail domains 'libvirt does not list its shut-off domains' 'look at: virsh list --inactive'
    return 0
  fi
  off=$(printf '%s\n' "$off" | awk '/^gpuaas-slice-/' | one_line)
  if [ -n "$off" ]; then
    step_warn domains "shut off: $off" \
      'each keeps its slot disk in use. If its slice is released: virsh undefine NAME --nvram'
  else
    step_pass domains 'no slice domain is shut off'
  fi
}

# stale_reservations: prints the reservation files of slices that libvirt does not know. The node agent writes a file before
# it defines the domain, so one that is younger than an hour is left alone. Returns 1 when libvirt cannot be asked.
stale_reservations() {
  local known path name
  known=$(libvirt_domains --all) || return 1
  # -mmin +59: sixty minutes and older
  find /etc/dnsmasq.d -maxdepth 1 -type f -name 'gpuaas-gpuaas-slice-*.conf' -mmin +59 | while IFS= read -r path; do
    name=${path##*/gpuaas-}
    name=${name%.conf}
    case "
$known
" in
    *"
$name
"*) ;;
    *) printf '%s\n' "$path" ;;
    esac
  done
}

reservations_step() {
  local stale path
  if ! [ -d /etc/dnsmasq.d ]; then
    step_skip reservations '/etc/dnsmasq.d is not there'
    return 0
  fi
  if ! stale=$(stale_reservations); then
    step_fail reservations 'libvirt does not answer' 'look at: virsh list --all'
    return 0
  fi
  if [ -n "$stale" ]; then
    if step_dry reservations "remove reservations of unknown slices: $(printf '%s\n' "$stale" | one_line)"; then
      return 0
    fi
    for path in $stale; do
      step_try rm -f "$path"
    done
    step_try timeout 120 systemctl try-restart dnsmasq.service
    stale=$(stale_reservations) || stale=unknown
  fi
  if [ -n "$stale" ]; then
    step_fail reservations "still there: $(printf '%s\n' "$stale" | one_line)" 'is the file system read-only?'
  else
    step_pass reservations 'every reservation older than an hour is of a defined domain'
  fi
}
