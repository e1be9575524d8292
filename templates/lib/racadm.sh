# racadm: Dell's command line tool of the BMC. Its exit codes are undocumented, so an answer counts only when the text is
# one that is known, and the exit status is 0.

# racadm_command: prints the racadm to run. Returns 1 when there is none.
racadm_command() {
  local name
  for name in racadm /opt/dell/srvadmin/bin/racadm /opt/dell/srvadmin/bin/idracadm7; do
    if command -v "$name" >/dev/null 2>&1; then
      printf '%s\n' "$name"
      return 0
    fi
  done
  return 1
}

# racadm_get COMMAND GROUP: prints what "racadm get GROUP" answers. Returns 1 when it fails, hangs, or answers
# without the header line of a group.
racadm_get() {
  local answer
  answer=$(timeout 120 "$1" get "$2" 2>&1 </dev/null) || return 1
  case $answer in
  '[Key='* | *'
[Key='*) printf '%s\n' "$answer" ;;
  *) return 1 ;;
  esac
}

# racadm_value ANSWER NAME: prints "current|pending" of NAME (pending empty when nothing is pending). Returns 1 when
# NAME is not there exactly once in a form that is known:
#   Name=Value    Name=Value (Pending Value=New)    #Name=Value (read-only)
racadm_value() {
  local line value pending found
  found=0
  while IFS= read -r line; do
    line=${line%"$racadm_return"}
    case ${line#\#} in
    "$2="*) found=$((found + 1)) ;;
    *) continue ;;
    esac
    value=${line#*=}
    pending=
    case $value in
    *' (Pending Value='*')')
      pending=${value#*' (Pending Value='}
      pending=${pending%)}
      value=${value%%' (Pending Value='*}
      case $pending in
      '' | *[!A-Za-z0-9_.:-]*) return 1 ;;
      *) ;;
      esac
      ;;
    *) ;;
    esac
    case $value in
    '' | *[!A-Za-z0-9_.:-]*) return 1 ;;
    *) ;;
    esac
  done <<ANSWER
$1
ANSWER
  if [ "$found" -ne 1 ]; then
    return 1
  fi
  printf '%s|%s\n' "$value" "$pending"
}

# racadm_begin: sets what the functions here share; called once.
racadm_begin() {
  racadm_return=$(printf '\r')
  racadm_read=
  racadm_rows=
  racadm_unread=
}

# racadm_group GROUPS NAME: sets racadm_grouped to the group of a BIOS attribute, by GROUPS ("Name=Group,..."). Returns
# 1 where GROUPS does not have it.
racadm_group() {
  local rest entry
  rest=$1,
  while [ -n "$rest" ]; do
    entry=${rest%%,*}
    rest=${rest#*,}
    case $entry in
    "$2="?*)
      racadm_grouped=BIOS.${entry#*=}
      return 0
      ;;
    *) ;;
    esac
  done
  return 1
}

# racadm_attributes COMMAND WANTED GROUPS: reads every attribute of WANTED ("Name=Value,..."), each group once. Sets
# racadm_rows, one line "name|group|wanted|current|pending" for each that was read, and racadm_unread, " name" for
# each that was not: its group is not known, or the answer is in no form that is known.
racadm_attributes() {
  local rest attribute name want value
  racadm_rows=
  racadm_unread=
  rest=$2,
  while [ -n "$rest" ]; do
    attribute=${rest%%,*}
    rest=${rest#*,}
    name=${attribute%%=*}
    want=${attribute#*=}
    if racadm_group "$3" "$name" && racadm_once "$1" "$racadm_grouped" &&
      value=$(racadm_value "$racadm_answer" "$name"); then
      racadm_rows="$racadm_rows$name|$racadm_grouped|$want|${value%%|*}|${value#*|}
"
    else
      racadm_unread="$racadm_unread $name"
    fi
  done
  racadm_read=
}

# racadm_once COMMAND GROUP: sets racadm_answer; the answer to the group before is kept, since each call lasts seconds.
racadm_once() {
  if [ "$racadm_read" = "$2" ]; then
    return 0
  fi
  racadm_read=
  racadm_answer=$(racadm_get "$1" "$2") || return 1
  racadm_read=$2
}

# racadm_lockdown COMMAND: prints the value of SystemLockdown. Returns 1 when no known answer came.
racadm_lockdown() {
  local answer value
  answer=$(racadm_get "$1" iDRAC.Lockdown) || return 1
  value=$(racadm_value "$answer" SystemLockdown) || return 1
  printf '%s\n' "${value%%|*}"
}

# racadm_libraries: racadm asks for libssl.so and libcrypto.so without a version (RAC1170 where they are absent): links
# them beside the newest ones. Returns 1 where there is nothing to link to.
# shellcheck disable=SC2329 # called where racadm gets installed
racadm_libraries() {
  local name target
  for name in libssl.so libcrypto.so; do
    target=$(ldconfig -p | awk -v name="$name" 'index($1, name ".") == 1 { print $NF; exit }')
    if [ -z "$target" ]; then
      return 1
    fi
    if ! [ -e "${target%/*}/$name" ]; then
      ln -s "${target##*/}" "${target%/*}/$name" || return 1
    fi
  done
}
