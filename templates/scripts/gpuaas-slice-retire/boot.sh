# What the next boot reads: the boot menu, the initramfs, fstab.

# boot_left FILE: prints the file's arguments that the boot menu passes and nothing on the host asks for.
boot_left() {
  local own unasked
  own=$(grubcfg_own "$1") || return 1
  unasked=$(grubcfg_absent "$(grubcfg_words)" "$own")
  printf '%s\n' "$unasked" | awk -v menu="$(grubcfg_menu | one_line)" 'NF && index("; " menu "; ", "; " $0 "; ")' | one_line
}

boot_step() {
  local file left asked
  file=$(put_away_file "$GRUB_FILE")
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
