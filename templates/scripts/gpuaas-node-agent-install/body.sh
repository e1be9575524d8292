# The binary is replaced in one step. It counts as working when its unit is active, stays so, runs this very file, and the file
# reports the version that was asked for. The last binary that was seen to work is kept.

usage() {
  cat <<USAGE
gpuaas-node-agent-install --binary FILE [--sha256 DIGEST] [--version VERSION] [--dry-run]

Installs FILE as $BINARY if its SHA-256 digest is DIGEST, and restarts $UNIT. When
the new one does not become active, or does not report VERSION ("version=VERSION" in what --version prints), the
one before is put back and started. The enrolment secret must be in $SECRET already.

  --binary FILE      the node agent's program
  --sha256 DIGEST    default: node_agent.sha256 of the node's config
  --version VERSION  default: node_agent.version of the node's config
  --dry-run          say what would be changed, change nothing
  --help             this text

Exit status: 0 all right or nothing to do; 1 a check failed; 2 wrong usage; 3 with --dry-run: changes pending.
Evidence lines GPUAAS_NODE_AGENT go to stdout, all else to stderr.
USAGE
}

main() {
  local dry_run
  LC_ALL=C
  export LC_ALL
  dry_run=no
  supplied=
  digest=
  version=
  while [ $# -gt 0 ]; do
    case $1 in
    --dry-run) dry_run=yes ;;
    --binary | --sha256 | --version)
      if [ $# -lt 2 ] || [ -z "$2" ]; then
        log_error "$1 needs a value; see --help"
        return 2
      fi
      case $1 in
      --binary) supplied=$2 ;;
      --sha256) digest=$2 ;;
      *) version=$2 ;;
      esac
      shift
      ;;
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
  if [ -z "$supplied" ]; then
    log_error 'say which program: --binary FILE; see --help'
    return 2
  fi
  require_commands awk cat chmod chown cmp cp flock grep id install mktemp mv rm sha256sum sleep stat systemctl tail timeout tr
  require_root
  nodeenv_load "$NODE_ENV" 'GPUAAS_NODE_AGENT_SHA256?' 'GPUAAS_NODE_AGENT_VERSION?'
  digest=${digest:-${GPUAAS_NODE_AGENT_SHA256?}}
  version=${version:-${GPUAAS_NODE_AGENT_VERSION?}}
  if [ -z "$digest" ] || [ -z "$version" ]; then
    log_error 'neither arguments nor the node'\''s config give both digest and version; see --help'
    return 2
  fi
  if [ "$dry_run" = no ]; then
    step_lock /run/gpuaas-node-agent-install.lock
  fi
  step_begin NODE_AGENT "$dry_run"
  evidence_begin supplied secret unit installed enabled active reported rollback
  run_steps
  step_finish "node agent of ${GPUAAS_NODE:-this host}"
}

run_steps() {
  changed=no
  supplied_step
  secret_step
  unit_step
  if step_needs installed supplied secret unit; then installed_step; fi
  if step_needs enabled installed; then enabled_step; fi
  if step_needs active installed; then active_step; fi
  if step_needs reported active; then reported_step; fi
  rollback_step
}

# digest_of FILE: prints the SHA-256 digest, or "none".
digest_of() {
  local line
  line=$(sha256sum <"$1" 2>/dev/null) || line='none -'
  printf '%s\n' "${line%% *}"
}

supplied_step() {
  local seen
  if ! [ -f "$supplied" ] || ! [ -s "$supplied" ]; then
    step_fail supplied "$supplied is missing, empty, or no regular file" 'copy the program to this host first'
    return 0
  fi
  seen=$(digest_of "$supplied")
  if [ "$seen" = "$digest" ]; then
    step_pass supplied "its digest is $digest"
  else
    step_fail supplied "its digest is $seen, not $digest" 'was it copied whole? is it the release that was approved? nothing was installed'
  fi
}

# secret_step: the secret's place is judged, the secret is never read.
secret_step() {
  local facts
  facts=$(stat -c '%F %u %a' "$SECRET" 2>/dev/null) || facts=missing
  case $facts in
  'regular file 0 '[46]00) step_pass secret "$SECRET is there, for root alone" ;;
  'regular empty file'*)
    step_fail secret "$SECRET is empty" 'deliver the user data again: it carries the enrolment secret when it is sent'
    ;;
  'regular file'*) step_fail secret "$SECRET is: $facts" "others could read or change it: chown root:root $SECRET; chmod 0600 $SECRET" ;;
  *)
    step_fail secret "$SECRET is $facts" \
      'the enrolment secret is delivered when user data is sent, or by hand: install -m 0600 /dev/stdin there'
    ;;
  esac
}

unit_step() {
  if [ -f "/etc/systemd/system/$UNIT" ]; then
    step_pass unit "$UNIT is installed"
  else
    step_fail unit "$UNIT is not installed" "deliver the profile's files"
  fi
}

# keep_previous: keeps the present binary, unless it was never seen to work: then what is kept already is better.
keep_previous() {
  local present proven
  [ -e "$BINARY" ] || return 0
  present=$(digest_of "$BINARY")
  proven=$(cat "$KEPT/proven" 2>/dev/null) || proven=
  if [ -n "$proven" ] && [ "$present" != "$proven" ]; then
    log_info "the present binary was never seen to work; keeping what is in $KEPT"
    return 0
  fi
  cp -p "$BINARY" "$KEPT/previous.new" && mv -f "$KEPT/previous.new" "$KEPT/previous"
}

# put FILE: makes it the binary, in one step.
put() {
  install -m 0755 "$1" "$BINARY.new" && mv -f "$BINARY.new" "$BINARY"
}

installed_step() {
  local seen
  seen=$(digest_of "$BINARY")
  if [ "$seen" != "$digest" ]; then
    if step_dry installed "install $supplied as $BINARY"; then
      return 0
    fi
    if install -d -m 0755 "$KEPT" && keep_previous && put "$supplied"; then
      changed=yes
    else
      rm -f "$BINARY.new" "$KEPT/previous.new" || :
    fi
    seen=$(digest_of "$BINARY")
  fi
  if [ "$seen" = "$digest" ]; then
    step_pass installed "$BINARY has digest $digest"
  else
    step_fail installed "$BINARY has digest $seen" 'is the file system full or read-only?'
  fi
}

enabled_step() {
  local state
  state=$(systemctl is-enabled "$UNIT" 2>/dev/null) || :
  if [ "$state" != enabled ]; then
    if step_dry enabled "enable $UNIT"; then
      return 0
    fi
    timeout 60 systemctl enable "$UNIT" >&2 || :
    state=$(systemctl is-enabled "$UNIT" 2>/dev/null) || :
  fi
  if [ "$state" = enabled ]; then
    step_pass enabled "$UNIT starts at boot"
  else
    step_fail enabled "$UNIT is ${state:-unknown}" "look at: systemctl status $UNIT"
  fi
}

# main_pid: prints the unit's process; 0 unless it is active.
main_pid() {
  local state pid
  state=$(timeout 30 systemctl show --property ActiveState --value "$UNIT") || state=unknown
  pid=0
  if [ "$state" = active ]; then
    pid=$(timeout 30 systemctl show --property MainPID --value "$UNIT") || pid=0
  fi
  printf '%s\n' "${pid:-0}"
}

# is_running: returns 0 when the unit is active and its process is the present binary (of a script: an interpreter of it).
is_running() {
  local pid
  pid=$(main_pid)
  [ "$pid" -gt 0 ] || return 1
  [ "/proc/$pid/exe" -ef "$BINARY" ] || tr '\000' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qFx -- "$BINARY"
}

# stays: returns 0 when the unit runs the present binary with one and the same process for some seconds.
stays() {
  local first pid waited
  waited=0
  while ! is_running; do
    if [ "$waited" -ge "$STEADY" ]; then
      return 1
    fi
    sleep 0.5
    waited=$((waited + 1))
  done
  first=$(main_pid)
  waited=0
  while [ "$waited" -lt "$STEADY" ]; do
    sleep 0.5
    waited=$((waited + 1))
  done
  pid=$(main_pid)
  [ "$pid" = "$first" ] && is_running
}

# start_again: restarts the unit from a clean count of failures.
start_again() {
  timeout 30 systemctl reset-failed "$UNIT" 2>/dev/null || :
  timeout 120 systemctl restart "$UNIT" >&2 || :
}

# is_proven: this binary was seen to work by an earlier run.
is_proven() {
  local proven
  proven=$(cat "$KEPT/proven" 2>/dev/null) || proven=
  [ "$proven" = "$digest" ]
}

active_step() {
  if ! is_running || ! is_proven; then
    if step_dry active "restart $UNIT"; then
      return 0
    fi
    start_again
  fi
  # a process that an earlier run saw working is not watched again
  if { is_proven && is_running; } || stays; then
    step_pass active "$UNIT is active and runs $BINARY"
  else
    step_fail active "$UNIT does not stay active with $BINARY" "look at: journalctl -b -u $UNIT"
  fi
}

# version_of FILE: prints what it says its version is.
version_of() {
  local said
  said=$(timeout 10 "$1" --version 2>/dev/null) || said=
  printf '%s\n' "$said" | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^version=/) { sub("version=", "", $i); print $i; exit } }'
}

reported_step() {
  local seen program
  program=$BINARY
  if [ "$step_dry_run" = yes ]; then
    program=$supplied # what would be installed; its digest was seen
  fi
  seen=$(version_of "$program")
  if [ "$seen" != "$version" ]; then
    step_fail reported "it reports version '${seen:-none}', not $version" 'is the digest that of this version? correct node_agent in the config'
  elif ! is_proven && [ "$step_dry_run" = no ] && ! printf '%s\n' "$digest" | file_write "$KEPT/proven" 0644; then
    step_fail reported "$KEPT/proven cannot be written" 'is the file system full or read-only?'
  else
    step_pass reported "it reports version $version"
  fi
}

# rollback_step: what did not work goes, the one before comes back.
rollback_step() {
  local active reported
  if [ "$step_dry_run" = yes ]; then
    step_skip rollback 'dry run: nothing was changed'
    return 0
  fi
  active=$(evidence_status active)
  reported=$(evidence_status reported)
  case $active/$reported in
  FAIL/* | */FAIL) ;;
  *)
    step_skip rollback 'not needed'
    return 0
    ;;
  esac
  if [ "$changed" = no ] && is_proven; then
    step_skip rollback 'nothing was changed: this binary had worked before'
    return 0
  fi
  if ! [ -s "$KEPT/previous" ]; then
    timeout 120 systemctl disable --now "$UNIT" >&2 || :
    rm -f "$BINARY" || :
    if [ -e "$BINARY" ] || is_running; then
      step_fail rollback "there is none before, and $BINARY could not be removed" "stop it by hand: systemctl disable --now $UNIT"
    else
      step_pass rollback "there is none before: $BINARY is removed, $UNIT is stopped"
    fi
    return 0
  fi
  log_info 'going back to the binary before'
  if put "$KEPT/previous"; then
    start_again
  fi
  if [ "$(digest_of "$BINARY")" = "$(digest_of "$KEPT/previous")" ] && stays; then
    step_pass rollback "version $(version_of "$BINARY") is active again"
  else
    step_fail rollback 'the binary before does not become active either' "look at: journalctl -b -u $UNIT"
  fi
}
