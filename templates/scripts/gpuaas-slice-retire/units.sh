# Units, the files that slice mode installed, and the services that it masked.

# slice_units: prints the unit files of slice mode, what triggers others first.
slice_units() {
  find /etc/systemd/system -maxdepth 1 \( -name 'gpuaas-slice-*.timer' -o -name 'gpuaas-slice-*.path' \)
  find /etc/systemd/system -maxdepth 1 -name 'gpuaas-slice-*' ! -name '*.timer' ! -name '*.path'
}

# reread: systemd reads its files anew, where some were changed since it last did.
reread() {
  if [ "$unread" = yes ]; then
    step_try timeout 120 systemctl daemon-reload
    unread=no
  fi
}

units_step() {
  local found unit
  found=$(slice_units)
  if [ -n "$found" ]; then
    if step_dry units "stop, disable and put away: $(printf '%s\n' "$found" | one_line)"; then
      return 0
    fi
    for unit in $found; do
      step_try timeout 120 systemctl disable --no-reload --now "${unit##*/}"
      # drop-ins are folders; links of enabled units are gone with "disable"
      step_try put_away "$unit"
    done
    unread=yes
    reread
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
    unread=yes
    if [ -n "$others" ]; then
      reread
      step_try timeout 120 systemctl restart dnsmasq.service
    else
      step_try timeout 120 systemctl disable --no-reload --now dnsmasq.service
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
    unread=yes
    found=$(files_left | one_line)
  fi
  reread
  if [ -n "$found" ]; then
    step_fail files "still there: $found" 'is the file system read-only?'
  else
    step_pass files "no file of slice mode is left; they are in $RETIRED"
  fi
}

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
      step_try timeout 60 systemctl unmask --no-reload "$unit"
    done
    unread=yes
    reread
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
