# First all checks of all disks, all problems at once; then, only where every check is PASS and --apply was given, the changes:
# fstab, unmount, look again, wipe, read back. What was done is kept in $UNFINISHED until the manifest is written.

usage() {
  cat <<USAGE
gpuaas-slice-storage-transition [--devices ID,...] [--plan DIGEST]
gpuaas-slice-storage-transition --apply --devices ID,... [--plan DIGEST]

Turns disks that carried host shares into raw slice disks. Without --apply it is a dry run: it decides everything and
writes nothing. ALL DATA on the named disks is lost with --apply.

  --devices ID,...  stable identities such as nvme-eui.0123456789abcdef, each approved for this node; kernel names
                    move from boot to boot and are refused. In a dry run all approved disks where left out
  --apply           disable the shares' fstab entries, unmount, wipe signatures, discard, read back
  --plan DIGEST     go on only where the host still is as the dry run that printed this digest saw it
  --help            this text

A run that was cut off is continued by the next one with the same --devices.
Exit status: 0 done; 1 refused or failed; 2 wrong usage; 3 a dry run that found nothing in the way.
Evidence lines GPUAAS_SLICE_STORAGE go to stdout, all else to stderr; the manifest to $LOGS.
USAGE
}

main() {
  LC_ALL=C
  export LC_ALL
  apply=no
  asked=
  digest_wanted=
  while [ $# -gt 0 ]; do
    case $1 in
    --help)
      usage
      return 0
      ;;
    --apply) apply=yes ;;
    --dry-run) ;;
    --devices | --plan)
      if [ $# -lt 2 ] || [ -z "$2" ]; then
        log_error "$1 needs a value; see --help"
        return 2
      fi
      case $1 in
      --devices) asked=$2 ;;
      *) digest_wanted=$2 ;;
      esac
      shift
      ;;
    *)
      log_error "unknown argument: $1; see --help"
      return 2
      ;;
    esac
    shift
  done
  if [ "$apply" = yes ] && [ -z "$asked" ]; then
    log_error '--apply needs --devices: name each disk that is to be wiped'
    return 2
  fi
  require_commands awk blkdiscard blockdev cat cp date find flock grep id mkdir mv partx perl readlink rm sha256sum sort \
    stat sync systemctl timeout udevadm umount virsh wipefs xargs
  require_root
  nodeenv_load "$NODE_ENV" 'GPUAAS_SLICE_DISKS?' 'GPUAAS_OS_DISK?' 'GPUAAS_FORMER_SHARES?'
  if [ "$apply" = yes ]; then
    take_lock
  fi
  guards='approved present distinct identity writable os_disk mounts swap holders members vfio references libvirt users
    claim earlier_run plan'
  # shellcheck disable=SC2086 # a list of names
  evidence_begin $guards shares_disabled shares_unmounted still_free wiped signatures manifest
  steps_done=
  tab=$(printf '\t')
  check_all
  run_changes
  finish
}

take_lock() {
  # not ":", a special builtin: where its redirection fails, dash and busybox ash end the whole script
  if ! true 2>/dev/null >>/run/gpuaas-slice-storage-transition.lock; then
    log_error 'cannot write /run/gpuaas-slice-storage-transition.lock: is /run full or read-only?'
    return 1
  fi
  exec 9>/run/gpuaas-slice-storage-transition.lock
  if ! flock -n 9; then
    log_error 'another run of this script is under way; wait for its end'
    return 1
  fi
}

finish() {
  evidence_summary SLICE_STORAGE "slice storage of ${GPUAAS_NODE:-this host}"
  if [ "$evidence_verdict" = FAIL ]; then
    return 1
  fi
  if [ "$apply" = no ]; then
    return 3
  fi
}

pass() {
  evidence_pass SLICE_STORAGE "$1" "$2"
}

fail() {
  evidence_fail SLICE_STORAGE "$1" "$2" "$3"
}

needs() {
  evidence_stands_on SLICE_STORAGE "$@"
}

# judge CHECK PROBLEMS DETAIL REMEDIATION: FAIL with all problems (one a line), else PASS; SKIP where a disk could not be found.
judge() {
  if [ -n "$2" ]; then
    fail "$1" "$(joined "$2")" "$4"
  elif needs "$1" approved present; then
    pass "$1" "$3"
  fi
}

# joined LINES: prints them on one line.
joined() {
  local line separator
  separator=
  while IFS= read -r line; do
    case $line in
    *[!\ "$tab"]*)
      printf '%s%s' "$separator" "$line"
      separator='; '
      ;;
    *) ;;
    esac
  done <<LINES
$1
LINES
}

# about LINES: prints answers of the library ("DISK<tab>FIELD<tab>...") as text for people, each once, by the disk's identity.
about() {
  [ -n "$1" ] || return 0
  printf '%s\n' "$1" | DISKS=$disks awk -F '\t' '
    BEGIN {
      lines = split(ENVIRON["DISKS"], line, "\n")
      for (i = 1; i <= lines; i++) { at = index(line[i], " "); id[substr(line[i], 1, at - 1)] = substr(line[i], at + 1) }
    }
    $1 == "" { next }
    {
      text = ($1 in id ? id[$1] " (" $1 ")" : $1) ":"
      sub(/^\/dev\/disk\/by-id\//, "", text)
      for (i = 2; i <= NF; i++) text = text " " $i
      if (!(text in seen)) { seen[text] = 1; print text }
    }'
}

# --- the checks: before the first change, all of them ---------------------------------------------------

check_all() {
  approved_check
  present_check
  distinct_check
  identity_check
  writable_check
  os_disk_check
  mounts_check
  swap_check
  holders_check
  members_check
  vfio_check
  references_check
  libvirt_check
  users_check
  claim_check
  earlier_run_check
  plan_check
}

# approved_check: sets ids, the asked disks that are approved for this node, one by-id path a line.
approved_check() {
  local id problems word words
  problems=
  ids=
  words=$asked
  if [ -z "$words" ]; then
    words=$(printf '%s\n' "${GPUAAS_SLICE_DISKS:-}" | awk -F '|' '$1 != "" && $1 != "-" { printf "%s%s", separator, $1; separator = "," }')
  fi
  words=${words:+$words,}
  while [ -n "$words" ]; do
    word=${words%%,*}
    words=${words#*,}
    id=/dev/disk/by-id/${word#/dev/disk/by-id/}
    case ${id#/dev/disk/by-id/} in
    *[!A-Za-z0-9._:-]*) id= ;;
    nvme-?* | wwn-?*) ;;
    *) id= ;;
    esac
    if [ -z "$id" ]; then
      problems="$problems
'$word' is no stable identity"
      continue
    fi
    case "
$ids" in
    *"
$id
"*)
      problems="$problems
${id##*/} is named twice"
      continue
      ;;
    *) ;;
    esac
    if approved_row "$id"; then
      ids="$ids$id
"
    else
      problems="$problems
${id##*/} is not approved for node ${GPUAAS_NODE:-}"
    fi
  done
  if [ -n "$problems" ]; then
    fail approved "$(joined "$problems")" "name disks of the node's approved slots, as nvme-eui... of /dev/disk/by-id; see $NODE_ENV"
  elif [ -z "$ids" ]; then
    fail approved "no slice disk is approved for node ${GPUAAS_NODE:-}" "approve slots in the node's configuration, render and deliver it"
  else
    pass approved "each disk is approved for node ${GPUAAS_NODE:-}"
  fi
}

# approved_row ID: sets approved_serial ("-": none). Returns 1 where the disk is not approved.
approved_row() {
  local id
  while IFS='|' read -r id approved_serial _; do
    if [ "$id" = "$1" ]; then
      return 0
    fi
  done <<ROWS
${GPUAAS_SLICE_DISKS:-}
ROWS
  approved_serial=
  return 1
}

# present_check: sets disks ("NAME ID", one a line), names, table, and plan: "ID" and what disk_facts prints, one a line.
present_check() {
  local id name problems
  problems=
  disks=
  names=
  plan=
  for id in $ids; do
    if disk_name "$id"; then
      name=$disk_found
      disks="$disks$name $id
"
      plan="$plan$id $(disk_facts "$name")
"
      case " $names " in
      *" $name "*) ;;
      *) names="$names $name" ;;
      esac
    else
      problems="$problems
${id##*/} leads to no whole disk"
    fi
  done
  # shellcheck disable=SC2086 # a list of names
  table=$(disk_table $names)
  if [ -n "$problems" ]; then
    fail present "$(joined "$problems")" "look at: ls -l /dev/disk/by-id; a disk bound to vfio-pci has no device: lspci -nnk"
  elif needs present approved; then
    pass present "$(joined "$disks")"
  fi
}

distinct_check() {
  local problems
  problems=$(printf '%s' "$plan" | awk '
    $2 in first { print $1 " and " first[$2] " are the same disk, " $2; next }
    { first[$2] = $1; name = $2; $1 = $2 = $3 = $4 = $5 = $6 = ""; sub(/^ +/, "") }
    $0 == "-" { next }
    $0 in serial { print name " and " serial[$0] " have the same serial " $0; next }
    { serial[$0] = name }')
  judge distinct "$problems" 'all disks differ, and so do their serials' \
    'one disk by two names, or two disks that say they are the same: find out which is which before anything is wiped'
}

identity_check() {
  local problems name id serial wwid
  problems=
  while read -r id name _ _ _ wwid serial; do
    [ -n "$name" ] || continue
    if approved_row "$id" && [ "${approved_serial:--}" != - ] && [ "$serial" != "$approved_serial" ]; then
      problems="$problems
${id##*/} ($name) has serial '$serial', approved is '$approved_serial'"
    fi
    case ${id##*/} in
    nvme-eui.* | nvme-uuid.*)
      if [ "nvme-$wwid" != "${id##*/}" ]; then
        problems="$problems
${id##*/} leads to $name, which says it is '$wwid'"
      fi
      ;;
    *)
      if [ "${approved_serial:--}" = - ]; then
        problems="$problems
${id##*/} ($name): no serial is approved to compare with"
      fi
      ;;
    esac
  done <<PLAN
$plan
PLAN
  judge identity "$problems" 'serials and identities are the approved ones' \
    "the link or the node's configuration is wrong: compare lsblk -o NAME,SERIAL,WWN with the approved slots"
}

writable_check() {
  local problems part name value
  problems=
  while read -r name part _; do
    [ -n "$name" ] || continue
    if ! read -r value <"/sys/class/block/$part/ro" || [ "$value" != 0 ]; then
      problems="$problems
$name${tab}$part is read-only"
    fi
  done <<TABLE
$table
TABLE
  judge writable "$(about "$problems")" 'no disk is read-only' 'look at: blockdev --report; smartctl -a; a worn-out disk turns read-only'
}

os_disk_check() {
  local problems name id
  problems=
  if [ -z "${GPUAAS_OS_DISK:-}" ]; then
    problems="the node's OS disk is not set"
  elif ! disk_name "$GPUAAS_OS_DISK"; then
    problems="the OS disk $GPUAAS_OS_DISK leads to no disk, so it cannot be told apart"
  else
    while read -r name id; do
      if [ "$name" = "$disk_found" ]; then
        problems="$problems
$id is the OS disk ($name)"
      fi
    done <<DISKS
$disks
DISKS
  fi
  judge os_disk "$problems" 'the OS disk is not among them' "set storage.os_disk to the disk of / and /boot; take the OS disk out of the slots"
}

# shares: prints the mount points that may be taken out of use, one a line.
shares() {
  printf '%s\n' "${GPUAAS_FORMER_SHARES:-}"
}

# mounts_check: sets mounted, the shares to unmount, as disk_mounts prints them.
mounts_check() {
  local found problems below name kind place view
  mounted=
  problems=
  below=
  if ! found=$(disk_mounts "$table" "$(shares)"); then
    fail mounts 'the mounts of the processes cannot be read' 'look at: cat /proc/1/mountinfo'
    return 0
  fi
  while IFS=$tab read -r name kind place view; do
    case $kind/$view in
    share/1)
      mounted="$mounted$name$tab$kind$tab$place$tab$view
"
      ;;
    other/*)
      problems="$problems
$name${tab}mounted at $place$tab(seen by process $view)"
      ;;
    below/*)
      below="$below
$name$tab$place is mounted below $view"
      ;;
    *) ;;
    esac
  done <<FOUND
$found
FOUND
  mounted=${mounted%?}
  judge mounts "$(about "$problems$below")" 'nothing but former shares is mounted from them' \
    'find out whose it is and unmount it; a former host share is declared in storage.former_shares'
}

swap_check() {
  local found
  if ! found=$(disk_swaps "$table"); then
    fail swap '/proc/swaps cannot be read' 'look at: cat /proc/swaps'
    return 0
  fi
  judge swap "$(about "$found")" 'nothing swaps on them' 'swapoff it, and take it out of /etc/fstab'
}

holders_check() {
  local name holder problems
  problems=
  for name in $names; do
    for holder in $(nvme_holders "$name"); do
      problems="$problems
$name${tab}held by $holder"
    done
  done
  judge holders "$(about "$problems")" 'no md, LVM, dm-crypt or multipath stands on them' 'take apart what holds the disk: lsblk shows it'
}

# members_check: sets before, the signatures found, as "NAME<tab>PART:TYPE"; tags, what disk_tags prints; and unread, the disks
# whose signatures could not be read.
members_check() {
  local name found part type problems
  before=
  tags=
  unread=
  problems=
  for name in $names; do
    if ! found=$(disk_signatures "$name"); then
      unread="$unread $name"
      problems="$problems
$name${tab}signatures cannot be read"
    fi
    while IFS=, read -r part type _; do
      [ -n "$part" ] || continue
      before="$before$name$tab$part:$type
"
      case $PLAIN in
      *" $type "*) ;;
      *)
        problems="$problems
$name$tab$part:$type: part of something larger, or unknown"
        ;;
      esac
    done <<SIGNATURES
$found
SIGNATURES
    tags="$tags$(disk_tags "$name" "$found")
"
  done
  judge members "$(about "$problems")" "plain file systems and partition tables at most" \
    'LVM, md, LUKS, ZFS, swap and the like are taken apart by whoever made them (vgremove, mdadm --zero-superblock, zpool destroy)'
}

vfio_check() {
  local name address problems
  problems=
  for name in $names; do
    address=$(disk_on_vfio "$name")
    if [ -n "$address" ]; then
      problems="$problems
$name${tab}its controller $address belongs to vfio-pci"
    fi
  done
  judge vfio "$(about "$problems")" 'no controller belongs to vfio-pci' 'a guest may have it; release it: gpuaas-slice-vfio-bind --release'
}

# references_check: sets entries, the lines of fstab to disable, as disk_named prints them, and aliases.
references_check() {
  local name id found problems
  aliases=$tags
  entries=
  if [ -n "$unread" ]; then
    fail references "the names of what is on${unread} cannot be read" 'look at: wipefs --no-act DISK'
    return 0
  fi
  while read -r name id; do
    aliases="$aliases$name$tab$id
"
  done <<DISKS
$disks
DISKS
  found=$(disk_named "$table" "$aliases" "$(disk_entries)")
  entries=$(of_shares yes "$found")
  problems=$(of_shares no "$found")
  judge references "$(about "$problems")" 'nothing but former shares is set up to use them' \
    'remove the line that is named; a former host share is declared in storage.former_shares'
}

# of_shares yes|no FOUND: prints those of FOUND that are fstab entries of former shares, or those that are not.
of_shares() {
  [ -n "$2" ] || return 0
  printf '%s\n' "$2" | DISK_SHARES=$(shares) awk -F '\t' -v wanted="$1" '
    BEGIN { lines = split(ENVIRON["DISK_SHARES"], line, "\n"); for (i = 1; i <= lines; i++) share[line[i]] = 1 }
    NF { is = ($2 ~ /^\/etc\/fstab:/ && $4 in share) ? "yes" : "no" }
    NF && is == wanted'
}

libvirt_check() {
  local uses found
  if ! uses=$(libvirt_uses); then
    fail libvirt 'libvirt cannot be asked which disks its domains use' 'look at: systemctl status libvirtd; virsh list --all'
    return 0
  fi
  found=$(disk_named "$table" "$aliases" "$uses")
  judge libvirt "$(about "$found")" 'no domain, running or shut off, and no pool names them' \
    'release the slot first: the disk is that guest'\''s, also while it is shut off'
}

users_check() {
  local found
  if ! found=$(disk_users "$table"); then
    fail users 'the open files of the processes cannot be read' 'run this on the host itself, as root'
    return 0
  fi
  judge users "$(about "$found")" 'no process uses them' 'end the process that is named (ps -p PID), then run this again'
}

# claim_check: what is a mounted share cannot be claimed before it is unmounted; still_free looks then.
claim_check() {
  local name problems held
  problems=
  for name in $names; do
    case "
$mounted" in
    *"
$name${tab}"*) ;;
    *) set -- "$@" "$name" ;;
    esac
  done
  if [ $# -gt 0 ]; then
    held=$(disk_claim "$@") || held=$*
    for name in $held; do
      problems="$problems
$name${tab}cannot be claimed: somebody holds it"
    done
  fi
  judge claim "$(about "$problems")" 'each can be claimed' 'find out who holds it: lsblk; fuser -v; zpool list; cat /proc/mdstat'
}

# earlier_run_check: sets stamp, that of the run which is continued, else now.
earlier_run_check() {
  local missing
  if ! [ -e "$UNFINISHED" ]; then
    stamp=$(date -u +%Y%m%d%H%M%S)
    pass earlier_run 'no run was cut off'
    return 0
  fi
  stamp=$(awk '$1 == "started" { print $2 }' "$UNFINISHED")
  missing=$(awk '$1 == "device" { print $2 }' "$UNFINISHED" | IDS=$ids awk '
    BEGIN { lines = split(ENVIRON["IDS"], line, "\n"); for (i = 1; i <= lines; i++) named[line[i]] = 1 }
    !($0 in named) { print $0 " belongs to it" }')
  if [ -n "$missing" ] || [ -z "$stamp" ]; then
    fail earlier_run "the run of ${stamp:-an unknown time} was cut off and is not finished: $(joined "$missing")" \
      "name its disks too, to finish it; to give it up, look at them by hand and move $UNFINISHED away"
  else
    pass earlier_run "the run of $stamp was cut off and is continued; done were: $(earlier_steps)"
    log_info "continuing the run of $stamp that was cut off; done were: $(earlier_steps)"
  fi
}

# earlier_steps: prints what a run that was cut off had done.
earlier_steps() {
  joined "$(awk '$1 == "done" { sub("/dev/disk/by-id/", ""); sub("done ", ""); print; n++ } END { if (!n) print "nothing" }' "$UNFINISHED")"
}

# plan_check: prints what is planned, and its digest.
plan_check() {
  local name id serial digest
  while read -r id name _ _ _ _ serial; do
    [ -n "$name" ] || continue
    evidence_fact SLICE_STORAGE disk "$(joined "$(before_of "$name")")" id "${id##*/}" kernel "$name" serial "$serial"
  done <<PLAN
$plan
PLAN
  digest=$(printf '%s\n' "$plan" "$mounted" "$entries" "$before" | sha256sum)
  digest=${digest%"${digest#????????????????}"}
  if ! needs plan approved present; then
    return 0
  elif [ -n "$digest_wanted" ] && [ "$digest_wanted" != "$digest" ]; then
    fail plan "the host is not as it was planned for: plan $digest_wanted, now $digest" 'make a new plan: run this without --apply, and look at it'
  else
    pass plan "$digest"
  fi
}

# before_of NAME: prints the signatures found on the disk, each once.
before_of() {
  local name entry seen
  seen=
  while IFS=$tab read -r name entry; do
    case "$name/$seen" in
    "$1/"*"
$entry
"*) ;;
    "$1/"*)
      printf '%s\n' "$entry"
      seen="$seen
$entry
"
      ;;
    *) ;;
    esac
  done <<BEFORE
$before
BEFORE
}

# --- the changes ----------------------------------------------------------------------------------------

run_changes() {
  local step
  for step in shares_disabled shares_unmounted still_free wiped signatures manifest; do
    # shellcheck disable=SC2086 # a list of names
    if ! needs "$step" $guards $steps_done; then
      continue
    fi
    if [ "$apply" = no ]; then
      would "$step"
      continue
    fi
    case $step in
    shares_disabled) shares_disabled_step ;;
    shares_unmounted) shares_unmounted_step ;;
    still_free) still_free_step ;;
    wiped) wiped_step ;;
    signatures) signatures_step ;;
    *) manifest_step ;;
    esac
    steps_done="$steps_done $step"
  done
}

# would STEP: a dry run's line.
would() {
  local what
  case $1 in
  shares_disabled)
    what=$(about "$entries")
    what="disable in /etc/fstab: $(joined "${what:-nothing}")"
    ;;
  shares_unmounted)
    what=$(printf '%s\n' "$mounted" | awk -F '\t' '{ print $3 }')
    what="unmount: $(joined "${what:-nothing}")"
    ;;
  wiped) what="WIPE $(joined "$disks")" ;;
  *)
    evidence_skip SLICE_STORAGE "$1" 'a dry run changes nothing'
    return 0
    ;;
  esac
  evidence_warn SLICE_STORAGE "$1" "dry run: would $what" 'run this with --apply and --devices'
}

# note_done STEP [ID]: one line, in one write. Without it a run that continues does the step again.
note_done() {
  printf '%s\n' "done $*" >>"$UNFINISHED" || log_warn "cannot write $UNFINISHED"
}

# begin: what the run is about to do, in one step, before anything is changed. Kept as it is by a run that continues.
begin() {
  if [ -e "$UNFINISHED" ]; then
    return 0
  fi
  mkdir -p "$LOGS" && {
    printf '%s\n' "started $stamp"
    printf '%s' "$plan" | awk '{ print "device " $0 }'
    printf '%s' "$before" | awk 'NF { print "before " $0 }'
    printf '%s\n' "$entries" | awk 'NF { print "entry " $0 }'
    printf '%s\n' 'planned'
  } >"$UNFINISHED.new" && sync "$UNFINISHED.new" && mv -f "$UNFINISHED.new" "$UNFINISHED"
}

# shares_disabled_step: fstab, then daemon-reload: a mount unit made from the old fstab would mount the share again.
shares_disabled_step() {
  local backup left
  backup=/etc/fstab.gpuaas-slice-storage-backup-$stamp
  if ! begin; then
    fail shares_disabled "cannot write $UNFINISHED; nothing was changed" 'is /var/log full or read-only?'
    return 0
  fi
  if [ -n "$entries" ] && ! disable_entries "$backup"; then
    fail shares_disabled '/etc/fstab cannot be written; it is as it was' 'is / full or read-only?'
    return 0
  fi
  if ! timeout 120 systemctl daemon-reload; then
    fail shares_disabled 'systemctl daemon-reload failed: units made from the old fstab may mount the shares again' 'look at: journalctl -b'
    return 0
  fi
  left=$(disk_named "$table" "$aliases" "$(disk_entries)")
  if [ -n "$left" ]; then
    fail shares_disabled "still there: $(joined "$(about "$left")")" 'look at: cat /etc/fstab; who else writes it?'
  else
    note_done shares_disabled
    pass shares_disabled 'nothing is set up to use the disks'
  fi
}

# disable_entries BACKUP: comments the entries out. A backup that is there is the older one, before any change: it is kept.
disable_entries() {
  local lines
  lines=$(printf '%s\n' "$entries" | awk -F '\t' '{ sub("/etc/fstab:", "", $2); print $2 }')
  if ! [ -e "$1" ]; then
    cp -p /etc/fstab "$1.new" && sync "$1.new" && mv -f "$1.new" "$1" || return 1
  fi
  if cp -p /etc/fstab /etc/fstab.gpuaas-new && LINES_OUT=$lines awk -v marker="$MARKER" '
    BEGIN { count = split(ENVIRON["LINES_OUT"], line, "\n"); for (i = 1; i <= count; i++) out[line[i]] = 1 }
    NR in out { $0 = marker $0 }
    { print }' /etc/fstab >/etc/fstab.gpuaas-new && sync /etc/fstab.gpuaas-new && mv -f /etc/fstab.gpuaas-new /etc/fstab; then
    return 0
  fi
  rm -f /etc/fstab.gpuaas-new
  return 1
}

shares_unmounted_step() {
  local place left
  while IFS=$tab read -r _ _ place _; do
    if [ -n "$place" ]; then
      log_info "unmounting $place"
      timeout 120 umount -- "$place" || log_warn "cannot unmount $place"
    fi
  done <<MOUNTED
$mounted
MOUNTED
  if left=$(disk_mounts "$table" ''); then
    left=$(about "$(printf '%s\n' "$left" | awk -F '\t' '$2 == "other" { print $1 "\t" $3 "\t(process " $4 ")" }')")
  else
    left='the mounts of the processes cannot be read'
  fi
  if [ -n "$left" ]; then
    fail shares_unmounted "still mounted: $(joined "$left")" 'nothing was wiped; find out who uses it (fuser -vm PLACE), then run this again'
  else
    note_done shares_unmounted
    pass shares_unmounted 'nothing is mounted from the disks'
  fi
}

# changed ID...: prints why these disks may not be wiped now, though they could be when the checks were made. Empty: they may.
changed() {
  local id name planned same users known held
  same=
  for id; do
    planned=${plan#*"$id "}
    planned=${planned%%
*}
    if disk_name "$id" && [ "$(disk_facts "$disk_found")" = "$planned" ]; then
      same="$same $disk_found"
    else
      printf '%s\n' "${id##*/} is another device than the planned one ($planned)"
    fi
  done
  # shellcheck disable=SC2086 # a list of names
  set -- $same
  [ $# -gt 0 ] || return 0
  known=yes
  users=$(disk_users "$(disk_table "$@")") || known=no
  held=$(disk_claim "$@") || held=$(printf '%s\n' "$@")
  for name; do
    id=${plan%%" $name "*}
    id=${id##*/}
    case "$known
$users" in
    no* | *"
$name$tab"*)
      printf '%s\n' "$id ($name) is used: $(joined "$(printf '%s\n' "$users" | awk -F '\t' -v name="$name" '$1 == name')")"
      ;;
    *) ;;
    esac
    case "
$held
" in
    *"
$name
"*) printf '%s\n' "$id ($name) is held by somebody" ;;
    *) ;;
    esac
  done
}

still_free_step() {
  local problems
  # shellcheck disable=SC2086 # a list of ids
  problems=$(changed $ids)
  if [ -n "$problems" ]; then
    fail still_free "$(joined "$problems")" 'nothing was wiped; make a new plan: run this without --apply'
  else
    pass still_free 'the disks are the planned ones, and nobody holds them'
  fi
}

# wiped_step: one disk after the other; the first that cannot be wiped ends it.
wiped_step() {
  local id name why finished
  finished=
  for id in $ids; do
    # what the link leads to now is asked by changed; wiped is what was planned
    name=${plan#*"$id "}
    name=${name%% *}
    if grep -q -F -x "done verified $id" "$UNFINISHED" && why=$(raw "$name") && [ -z "$why" ]; then
      log_info "${id##*/} was wiped by the run that was cut off"
    else
      why=$(changed "$id")
      if [ -z "$why" ]; then
        why=$(wipe "$id" "$name")
      fi
      if [ -n "$why" ]; then
        fail wiped "$(joined "$why"); wiped before: ${finished:-none}; the others were not touched" \
          'mend or replace the disk; then run this again with the same --devices'
        return 0
      fi
      note_done verified "$id"
    fi
    finished="$finished${finished:+, }${id##*/}"
  done
  pass wiped "$finished"
}

# wipe ID NAME: signatures of the partitions, then of the disk, then all blocks. Prints why it failed.
wipe() {
  local part folder
  folder=$LOGS/slice-storage-transition-$stamp.signatures/${1##*/}
  if ! mkdir -p "$folder"; then
    printf '%s\n' "$folder cannot be made"
    return 0
  fi
  log_info "wiping ${1##*/} ($2)"
  # the disk itself last: while its table is there, a run that continues still sees the partitions
  for part in $(nvme_parts "$2" | sort -r); do
    if ! HOME=$folder timeout 120 wipefs --quiet --all --backup "/dev/$part" >&2; then
      printf '%s\n' "wipefs failed on $part of ${1##*/}"
      return 0
    fi
  done
  note_done signatures_wiped "$1"
  if [ "$(nvme_parts "$2")" != "$2" ]; then
    timeout 60 partx --delete "/dev/$2" || log_warn "cannot take the partitions of $2 away"
  fi
  if ! timeout 1800 blkdiscard "/dev/$2" >&2; then
    printf '%s\n' "blkdiscard failed on ${1##*/} ($2): its signatures are gone, its data is not"
    return 0
  fi
  note_done discarded "$1"
  raw "$2"
}

# raw NAME: prints what keeps the disk from being raw: partitions and signatures, read from the device. Empty: it is.
raw() {
  local found
  timeout 60 blockdev --flushbufs "/dev/$1" || log_warn "cannot drop what is cached of $1"
  found=$(nvme_parts "$1")
  found=${found#"$1"}
  if [ -n "$found" ]; then
    printf '%s\n' "$1 still has partitions: $(joined "$found")"
  fi
  if ! found=$(nvme_signatures "$1"); then
    printf '%s\n' "the signatures of $1 cannot be read back"
  elif [ -n "$found" ]; then
    printf '%s\n' "$1 still has signatures: $(joined "$found")"
  fi
}

# signatures_step: after the last disk, all of them again, from the device.
signatures_step() {
  local id problems
  problems=
  for id in $ids; do
    if disk_name "$id"; then
      problems="$problems
$(raw "$disk_found")"
    else
      problems="$problems
${id##*/} is gone"
    fi
  done
  problems=$(joined "$problems")
  if [ -n "$problems" ]; then
    fail signatures "$problems" 'somebody else writes to the disks: find out who'
  else
    pass signatures 'signatures absent on all disks, and no partitions; that the data is unreadable is not proven'
  fi
}

# manifest_step: the record for slot inventory; only then the notes of the run go.
manifest_step() {
  local manifest
  manifest=$LOGS/slice-storage-transition-$stamp.txt
  if {
    printf '%s\n' "node ${GPUAAS_NODE:-}" "finished $(date -u +%Y%m%d%H%M%S)" 'proven signatures absent, no partitions' \
      "fstab_backup $(find /etc -maxdepth 1 -name "fstab.gpuaas-slice-storage-backup-$stamp")" \
      "signature_backups $LOGS/slice-storage-transition-$stamp.signatures"
    cat "$UNFINISHED"
  } >"$manifest.new" && sync "$manifest.new" && mv -f "$manifest.new" "$manifest" && rm -f "$UNFINISHED"; then
    pass manifest "$manifest"
  else
    fail manifest "$manifest cannot be written" 'is /var/log full or read-only? run this again with the same --devices'
  fi
}
