# nodeenv: the values of this one node, from a file of quoted assignments. Needs: log.

# nodeenv_load FILE KEY...: checks FILE and sources it. Returns 1 after saying what is wrong and what to do: a
# file that is no regular file, that somebody but root can read or write, that was cut off, that is no
# valid shell, or that lacks a KEY (all named at once). A KEY with a trailing "?" may be empty.
nodeenv_load() {
  local file text
  file=$1
  shift
  nodeenv_is_safe "$file" || return 1
  text=$(cat "$file")
  if [ "${text##*
}" != "GPUAAS_NODE_ENV_COMPLETE='yes'" ]; then
    log_error "$file is incomplete: its last line is not GPUAAS_NODE_ENV_COMPLETE='yes'; deliver it again"
    return 1
  fi
  if ! sh -n "$file"; then
    log_error "$file is not valid shell; deliver it again, do not edit it"
    return 1
  fi
  nodeenv_has_keys "$file" "$text" "$@" || return 1
  # shellcheck source=/dev/null # written on the node; checked above
  . "$file"
}

# nodeenv_is_safe FILE: returns 1 unless FILE is a regular file of root that nobody else can read or write.
nodeenv_is_safe() {
  local file facts
  file=$1
  if [ -L "$file" ] || ! [ -f "$file" ]; then
    log_error "$file is missing or no regular file; render the node and deliver its files"
    return 1
  fi
  facts=$(stat -c '%u %a' "$file")
  case $facts in
  '0 '[0-7]00) ;;
  '0 '*)
    log_error "$file has mode ${facts#* }: others could read or change it; chmod 0600 $file"
    return 1
    ;;
  *)
    log_error "$file belongs to user id ${facts%% *}, not to root; look who wrote it, then chown root:root $file"
    return 1
    ;;
  esac
}

# nodeenv_has_keys FILE TEXT KEY...: returns 1 after naming every KEY that TEXT, what FILE holds, does not set.
nodeenv_has_keys() {
  local file text key missing
  file=$1
  text="
$2
"
  shift 2
  missing=
  for key; do
    case $text in
    *"
${key%\?}=''
"*)
      if [ "${key%\?}" = "$key" ]; then
        missing="$missing $key(empty)"
      fi
      ;;
    *"
${key%\?}='"*) ;;
    *) missing="$missing ${key%\?}" ;;
    esac
  done
  if [ -n "$missing" ]; then
    log_error "$file does not set:$missing; add the values to the node's config, render and deliver it"
    return 1
  fi
}
