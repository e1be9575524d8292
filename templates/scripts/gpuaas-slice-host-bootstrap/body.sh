# A run that was killed anywhere is run again: each step looks at the machine, not at what an earlier run noted. Only the one
# reboot is noted, since a machine does not show that it was rebooted for this.

usage() {
  cat <<USAGE
gpuaas-slice-host-bootstrap [--dry-run]

Makes this machine a slice host: installs packages, brings kernel arguments into GRUB, loads the VFIO modules,
starts libvirt, prepares the runtime and enables the slice services. Where kernel arguments take effect only after a
reboot it reboots, at most once, and only if the profile allows it (kernel.reboot_if_required; here: $REBOOT_IF_REQUIRED).
It goes on at the next boot, by gpuaas-slice-host-bootstrap.service. Does not make any slot schedulable.

  --dry-run  say what would be changed, change nothing
  --help     this text

Exit status: 0 all right or nothing to do; 1 a check failed; 2 wrong usage; 3 with --dry-run: changes pending.
Evidence lines GPUAAS_SLICE_BOOTSTRAP go to stdout, all else to stderr.
USAGE
}

main() {
  local dry_run status
  LC_ALL=C
  export LC_ALL
  dry_run=no
  reboot=no
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
  require_commands apt-cache apt-get awk cat chmod chown cmp df dpkg dpkg-query flock grep grub-mkconfig id install mktemp \
    modinfo modprobe mv rm sleep stat sync sysctl systemctl tail timeout touch uname update-grub
  require_root
  nodeenv_load "$NODE_ENV"
  if [ "$dry_run" = no ]; then
    step_lock /run/gpuaas-slice-host-bootstrap.lock
  fi
  step_begin SLICE_BOOTSTRAP "$dry_run"
  evidence_begin disk packages kernel_packages kernel_arguments_file grub_config kernel_arguments \
    modules hugepages tuning ovmf libvirt runtime unit_vfio unit_network unit_repair unit_fabric unit_node_agent complete
  run_steps
  status=0
  step_finish 'bootstrap of this host' || status=$?
  if [ "$reboot" = yes ]; then
    reboot_now || status=$?
  fi
  return "$status"
}

run_steps() {
  disk_step
  if step_needs packages disk; then packages_step; fi
  if step_needs kernel_packages packages; then kernel_packages_step; fi
  if step_needs kernel_arguments_file disk; then kernel_arguments_file_step; fi
  if step_needs grub_config kernel_arguments_file; then grub_config_step; fi
  if step_needs kernel_arguments grub_config; then kernel_arguments_step; fi
  if step_needs modules kernel_packages; then modules_step; fi
  if step_needs hugepages kernel_arguments; then hugepages_step; fi
  tuning_step
  if step_needs ovmf packages; then ovmf_step; fi
  if step_needs libvirt packages; then libvirt_step; fi
  if step_needs runtime libvirt; then runtime_step; fi
  if step_needs unit_vfio kernel_arguments modules runtime; then
    unit_step unit_vfio gpuaas-slice-vfio-bind.service
  fi
  if step_needs unit_network packages; then unit_step unit_network gpuaas-slice-network-baseline.service; fi
  if step_needs unit_repair unit_network; then unit_step unit_repair gpuaas-slice-network-repair.timer; fi
  if step_needs unit_fabric unit_network; then unit_step unit_fabric gpuaas-slice-fabric-vfs.service; fi
  node_agent_step
  if step_needs complete packages kernel_packages kernel_arguments modules libvirt runtime unit_vfio unit_network \
    unit_repair unit_fabric; then
    complete_step
  fi
}

# one_line TEXT: prints its lines as one, separated by blanks.
one_line() {
  local line joined
  joined=
  while IFS= read -r line; do
    if [ -n "$line" ]; then
      joined="$joined${joined:+ }$line"
    fi
  done <<TEXT
$1
TEXT
  printf '%s\n' "$joined"
}

# --- room, packages ---------------------------------------------------------------------------------------

# full: prints the folders that have less room than they need (PATH MIB pairs), or cannot be written.
full() {
  local table free probe
  while [ $# -ge 2 ]; do
    table=$(df -P -m "$1" 2>/dev/null) || table=
    read -r _ _ _ free _ <<ROW
${table#*
}
ROW
    if ! probe=$(mktemp "$1/.gpuaas.XXXXXX" 2>/dev/null); then
      printf '%s cannot be written;\n' "$1"
    else
      rm -f "$probe"
      if [ "${free:-0}" -lt "$2" ]; then
        printf '%s has %s MiB free, %s are needed;\n' "$1" "${free:-0}" "$2"
      fi
    fi
    shift 2
  done
}

disk_step() {
  local problem
  # what a finished host has installed needs no room again
  # shellcheck disable=SC2086 # lists of words
  if [ -e "$STATE/complete" ]; then
    problem=$(full /var 100 /boot 1)
  else
    problem=$(full $FREE_MIB)
  fi
  if [ -n "$problem" ]; then
    problem=$(one_line "$problem")
    step_fail disk "${problem%;}" 'free space, or find out why the file system is read-only (dmesg), then run this again'
  else
    step_pass disk '/var and /boot can be written and have room'
  fi
}

packages_step() {
  # shellcheck disable=SC2086 # a list of names
  install_step packages $PACKAGES
}

# install_step CHECK NAME...: the packages are there and configured.
install_step() {
  local check missing
  check=$1
  shift
  missing=$(aptget_missing "$@")
  if [ -n "$missing" ] || aptget_is_interrupted; then
    if step_dry "$check" "install $(one_line "${missing:-what was interrupted}")"; then
      return 0
    fi
    # shellcheck disable=SC2086 # a list of names
    aptget_install "$LOCK_SECONDS" $missing || log_warn 'apt-get failed; see above'
    missing=$(aptget_missing "$@")
  fi
  if [ -n "$missing" ]; then
    step_fail "$check" "not installed: $(one_line "$missing")" \
      'look at the output of apt-get: another apt that holds the lock, no network, a name that no repository offers?'
  else
    step_pass "$check" "$# packages are installed"
  fi
}

# kernel_names RELEASE: prints the packages of this kernel that are there, or that some repository offers.
kernel_names() {
  local name
  for name in $KERNEL_PACKAGES; do
    if aptget_offers "$name-$1"; then
      printf '%s\n' "$name-$1"
    fi
  done
}

# absent_modules: prints the modules that the running kernel does not have.
absent_modules() {
  local name
  for name in $KERNEL_MODULES; do
    timeout 30 modinfo "$name" >/dev/null 2>&1 || printf '%s\n' "$name"
  done
}

kernel_packages_step() {
  local release names absent
  release=$(uname -r)
  names=$(kernel_names "$release")
  if [ -n "$names" ]; then
    # shellcheck disable=SC2086 # a list of names
    install_step kernel_packages $names
    return 0
  fi
  absent=$(absent_modules)
  if [ -n "$absent" ]; then
    step_fail kernel_packages "kernel $release has no module $(one_line "$absent"), and no repository offers its extra modules" \
      'is this kernel still supported? install a current one and reboot'
  else
    step_pass kernel_packages "no package of kernel $release is needed: its modules are there"
  fi
}

# --- kernel arguments -------------------------------------------------------------------------------------

kernel_arguments_file_step() {
  local words conflicts hand note
  if ! [ -f "$GRUB_FILE" ]; then
    step_fail kernel_arguments_file "$GRUB_FILE is missing" "deliver the profile's files"
    return 0
  fi
  if ! wanted=$(grubcfg_own "$GRUB_FILE") || ! words=$(grubcfg_words); then
    step_fail kernel_arguments_file 'the files of /etc/default/grub cannot be read as shell' \
      'look at each: sh -e /etc/default/grub, and those of /etc/default/grub.d'
    return 0
  fi
  if [ -z "$wanted" ]; then
    step_fail kernel_arguments_file "$GRUB_FILE asks for no kernel argument" "deliver the profile's files"
    return 0
  fi
  conflicts=$(grubcfg_conflicts "$words" "$wanted")
  hand=$(grubcfg_hand_edits "$wanted")
  note=$(grubcfg_absent "$words" "$wanted")
  if [ -n "$conflicts" ]; then
    step_fail kernel_arguments_file "other values stand there too: $(one_line "$conflicts")" \
      "remove them from /etc/default/grub or its grub.d; $GRUB_FILE asks for: $(one_line "$wanted")"
  elif [ -n "$note" ]; then
    step_fail kernel_arguments_file "GRUB would not pass: $(one_line "$note")" \
      "a file after $GRUB_FILE in /etc/default/grub.d replaces GRUB_CMDLINE_LINUX: make it append"
  elif [ -n "$hand" ]; then
    step_pass kernel_arguments_file "in place; earlier hand edits in /etc/default/grub say the same: $(one_line "$hand")"
  else
    step_pass kernel_arguments_file "GRUB passes: $(one_line "$wanted")"
  fi
}

grub_config_step() {
  local absent
  absent=$(grubcfg_absent "$(grubcfg_menu)" "$wanted")
  if [ -n "$absent" ]; then
    if step_dry grub_config "run update-grub, for $(one_line "$absent")"; then
      return 0
    fi
    step_try timeout 300 update-grub
    absent=$(grubcfg_absent "$(grubcfg_menu)" "$wanted")
  fi
  if [ -n "$absent" ]; then
    step_fail grub_config "/boot/grub/grub.cfg does not pass: $(one_line "$absent")" 'look at the output of update-grub; is /boot full?'
  else
    step_pass grub_config '/boot/grub/grub.cfg passes the arguments'
  fi
}

# running_words: prints the running kernel's arguments, one a line.
running_words() {
  awk '{ for (i = 1; i <= NF; i++) print $i }' /proc/cmdline
}

kernel_arguments_step() {
  local absent
  absent=$(grubcfg_absent "$(running_words)" "$wanted")
  if [ -z "$absent" ]; then
    step_pass kernel_arguments 'the running kernel has them'
    return 0
  fi
  absent=$(one_line "$absent")
  if [ -e "$STATE/rebooted" ]; then
    step_fail kernel_arguments "after the one reboot the kernel still lacks: $absent" \
      "did it boot from this GRUB? look at /proc/cmdline and /boot/grub/grub.cfg; after mending: rm $STATE/rebooted"
  elif [ "$REBOOT_IF_REQUIRED" != true ]; then
    step_fail kernel_arguments "the kernel runs without $absent" \
      'reboot this host: the bootstrap goes on by itself (kernel.reboot_if_required lets it reboot once on its own)'
  elif step_dry kernel_arguments "reboot once, for $absent"; then
    :
  else
    reboot=yes
    step_warn kernel_arguments "the kernel runs without $absent: rebooting, once" 'nothing: the bootstrap goes on after the reboot'
  fi
}

# reboot_now: notes the reboot, then asks for it. Without the note there is no reboot.
reboot_now() {
  if ! install -d -m 0755 "$STATE" || ! uname -r | file_write "$STATE/rebooted" 0644; then
    log_error "not rebooting: $STATE/rebooted cannot be written"
    return 1
  fi
  sync
  log_info 'rebooting'
  timeout 60 systemctl --no-block reboot
}

# not_loaded: prints the modules of the file that are not loaded.
not_loaded() {
  local name folder
  while IFS= read -r name; do
    case $name in
    '' | '#'*) continue ;;
    # the kernel writes names with underscores
    *-*) folder=$(printf '%s' "$name" | awk '{ gsub("-", "_"); print }') ;;
    *) folder=$name ;;
    esac
    [ -d "/sys/module/$folder" ] || printf '%s\n' "$name"
  done <"$MODULES_FILE"
}

modules_step() {
  local absent name
  if ! [ -f "$MODULES_FILE" ]; then
    step_fail modules "$MODULES_FILE is missing" "deliver the profile's files"
    return 0
  fi
  absent=$(not_loaded)
  if [ -n "$absent" ]; then
    if step_dry modules "load $(one_line "$absent")"; then
      return 0
    fi
    for name in $absent; do
      step_try timeout 60 modprobe "$name"
    done
    absent=$(not_loaded)
  fi
  if [ -n "$absent" ]; then
    step_fail modules "not loaded: $(one_line "$absent")" 'look at: modprobe -v NAME; is linux-modules-extra of this kernel there?'
  else
    step_pass modules "all of $MODULES_FILE are loaded"
  fi
}

# --- capabilities -------------------------------------------------------------------------------------------

hugepages_step() {
  local kib path total node text
  capability_hugepages=null
  if [ -z "$HUGEPAGE_COUNT" ]; then
    step_skip hugepages 'kernel.hugepages.count is not set: no huge pages'
    return 0
  fi
  case $HUGEPAGE_SIZE in
  1G) kib=1048576 ;;
  *) kib=2048 ;;
  esac
  read -r total 2>/dev/null <"/sys/kernel/mm/hugepages/hugepages-${kib}kB/nr_hugepages" || total=0
  text=
  for path in /sys/devices/system/node/node*/hugepages/"hugepages-${kib}kB"/nr_hugepages; do
    if read -r node 2>/dev/null <"$path"; then
      path=${path#/sys/devices/system/node/}
      text="$text ${path%%/*}=$node"
    fi
  done
  evidence_fact SLICE_BOOTSTRAP capability "huge pages of $HUGEPAGE_SIZE:$text" size "$HUGEPAGE_SIZE" count "$total"
  if [ "$total" -lt "$HUGEPAGE_COUNT" ]; then
    step_fail hugepages "$total pages of $HUGEPAGE_SIZE, not $HUGEPAGE_COUNT:$text" \
      'the kernel gave fewer than asked: is there enough memory in each NUMA node? lower kernel.hugepages.count, or add memory'
  else
    capability_hugepages="{\"size\": \"$HUGEPAGE_SIZE\", \"count\": $total}"
    step_pass hugepages "$total pages of $HUGEPAGE_SIZE:$text"
  fi
}

# untuned: prints the settings of the tuning profile that the kernel does not have (key=value is:value).
untuned() {
  local pair key value seen
  printf '%s\n' "$TUNING_SYSCTL" | while IFS= read -r pair; do
    key=${pair%%=*}
    value=${pair#*=}
    seen=$(timeout 10 sysctl -n "$key" 2>/dev/null) || seen=absent
    case $seen in
    # the kernel prints tabs between several values
    *[[:space:]]*) seen=$(printf '%s' "$seen" | awk '{ $1 = $1; print }') ;;
    *) ;;
    esac
    if [ "$seen" != "$value" ]; then
      printf '%s(is:%s)\n' "$pair" "$seen" | awk '{ gsub(" ", ","); print }'
    fi
  done
}

tuning_step() {
  local open
  capability_tuning=null
  if [ -z "$TUNING_NAME" ]; then
    step_skip tuning 'network.tuning.name is not set: no tuning profile'
    return 0
  fi
  open=$(untuned)
  open=$(one_line "$open")
  case $open in
  '' | *'(is:absent)'*) ;;
  *)
    if step_dry tuning "apply $TUNING_FILE"; then
      return 0
    fi
    step_try timeout 30 sysctl -q -p "$TUNING_FILE"
    open=$(untuned)
    open=$(one_line "$open")
    ;;
  esac
  evidence_fact SLICE_BOOTSTRAP capability "tuning profile $TUNING_NAME" applied "${open:-all}"
  case $open in
  '')
    capability_tuning="\"$TUNING_NAME\""
    step_pass tuning "tuning profile $TUNING_NAME is in effect"
    ;;
  *'(is:absent)'*)
    step_warn tuning "this kernel lacks settings of profile $TUNING_NAME: $open" 'look at network.tuning.sysctl: is the name right?'
    ;;
  *) step_fail tuning "not in effect of profile $TUNING_NAME: $open" "look at: sysctl -p $TUNING_FILE" ;;
  esac
}

# --- libvirt, runtime, services -----------------------------------------------------------------------------

ovmf_step() {
  if [ -s /usr/share/OVMF/OVMF_CODE_4M.fd ]; then
    step_pass ovmf '/usr/share/OVMF/OVMF_CODE_4M.fd is there'
  else
    step_fail ovmf '/usr/share/OVMF/OVMF_CODE_4M.fd is missing' 'guests boot from it; reinstall: apt-get install --reinstall ovmf'
  fi
}

# unit_look UNIT: sets unit_state to its enabled state and active state, as in enabled/active.
unit_look() {
  local shown key value enabled active
  shown=$(timeout 30 systemctl show --property UnitFileState --property ActiveState "$1") || shown=
  enabled=
  active=
  while IFS='=' read -r key value; do
    case $key in
    UnitFileState) enabled=$value ;;
    ActiveState) active=$value ;;
    *) ;;
    esac
  done <<SHOWN
$shown
SHOWN
  unit_state=${enabled:-unknown}/${active:-unknown}
}

# libvirt_is_right: the daemon is enabled and runs (or waits at its socket), and answers.
libvirt_is_right() {
  unit_look libvirtd.service
  case $unit_state in
  enabled/*) ;;
  *) return 1 ;;
  esac
  timeout 60 virsh --connect qemu:///system list >/dev/null 2>&1
}

libvirt_step() {
  if ! libvirt_is_right; then
    if step_dry libvirt 'enable and start libvirtd.service'; then
      return 0
    fi
    step_try timeout 120 systemctl enable --now libvirtd.service
    if ! libvirt_is_right; then
      step_fail libvirt "libvirtd is $unit_state, or does not answer" 'look at: systemctl status libvirtd.service'
      return 0
    fi
  fi
  step_pass libvirt 'libvirtd is enabled and answers'
}

# runtime_step: what runtime-prepare saw counts, not that it ended.
runtime_step() {
  local lines status last option
  option=
  if [ "$step_dry_run" = yes ]; then
    option=--dry-run
  fi
  status=0
  # shellcheck disable=SC2248 # no option, or one
  lines=$(timeout 1800 "$RUNTIME_PREPARE" $option) || status=$?
  printf '%s\n' "$lines" >&2
  last=$(printf '%s\n' "$lines" | tail -n 1)
  case $step_dry_run/$status/$last in
  yes/3/*) step_dry runtime "run $RUNTIME_PREPARE" ;;
  */0/*' status=PASS check=summary '* | */0/*' status=WARN check=summary '*)
    step_pass runtime "$RUNTIME_PREPARE: skipped=${last##* skipped=}"
    case $last in
    *' changes=0 '*) ;;
    *) step_changes=$((step_changes + 1)) ;;
    esac
    ;;
  *) step_fail runtime "$RUNTIME_PREPARE ended with status $status" "run it by hand: $RUNTIME_PREPARE" ;;
  esac
}

# unit_step CHECK UNIT: starts at boot, and has done its work now.
unit_step() {
  if ! [ -f "/etc/systemd/system/$2" ]; then
    step_fail "$1" "$2 is not installed" "deliver the profile's files"
    return 0
  fi
  unit_look "$2"
  if [ "$unit_state" != enabled/active ]; then
    if step_dry "$1" "enable and start $2"; then
      return 0
    fi
    # enabling reloads systemd's view of the unit files, also where it was enabled
    step_try timeout 60 systemctl enable "$2"
    step_try timeout 2400 systemctl restart "$2"
    unit_look "$2"
  fi
  if [ "$unit_state" = enabled/active ]; then
    step_pass "$1" "$2 is enabled and has done its work"
  else
    step_fail "$1" "$2 is $unit_state" "look at: journalctl -b -u $2"
  fi
}

node_agent_step() {
  if [ -x "$NODE_AGENT" ]; then
    if step_needs unit_node_agent unit_network; then
      unit_step unit_node_agent gpuaas-node-agent.service
    fi
  else
    step_skip unit_node_agent "$NODE_AGENT is not there yet: gpuaas-node-agent-install brings it"
  fi
}

# noted: prints what the capabilities file should hold.
noted() {
  printf '{"hugepages": %s, "tuning": %s}\n' "$capability_hugepages" "$capability_tuning"
}

# is_noted: returns 0 when both files say so.
is_noted() {
  local wanted found
  wanted=$(noted)
  found=$(cat "$CAPABILITIES" 2>/dev/null) || found=
  [ "$found" = "$wanted" ] && [ -s "$STATE/complete" ]
}

# write_notes: returns 1 where a file could not be written.
write_notes() {
  install -d -m 0755 "$STATE" && noted | file_write "$CAPABILITIES" 0644 && printf 'complete\n' | file_write "$STATE/complete" 0644
}

complete_step() {
  if [ "$step_dry_run" = yes ] && [ "$step_changes" -gt 0 ]; then
    step_dry complete "note it in $STATE/complete"
    return 0
  fi
  if ! is_noted; then
    if step_dry complete "note it in $STATE/complete"; then
      return 0
    fi
    write_notes || log_warn 'the end of the bootstrap could not be noted'
    if ! is_noted; then
      step_fail complete "$STATE cannot be written" 'is the file system full or read-only?'
      return 0
    fi
  fi
  step_pass complete "capabilities are in $CAPABILITIES"
}
