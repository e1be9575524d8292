# racadm: reading what Dell's racadm prints. Its exit codes are undocumented, so an answer counts only when the text
# is one that is known.

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
  answer=$(timeout 120 "$1" get "$2" 2>&1) || return 1
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
    line=${line%"$(printf '\r')"}
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
