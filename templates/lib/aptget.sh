# aptget: packages of the distribution, on a machine where other things use apt too. Needs: log.

# aptget_missing NAME...: prints those that are not installed and configured.
aptget_missing() {
  local name states
  # fails where one is unknown, and tells of the others all the same
  states=$(dpkg-query -W -f '${Package} ${db:Status-Abbrev}\n' "$@" 2>/dev/null) || :
  for name; do
    case "
$states" in
    *"
$name ii"*) ;;
    *) printf '%s\n' "$name" ;;
    esac
  done
}

# aptget_offers NAME: returns 0 when a repository offers the package.
aptget_offers() {
  local policy
  policy=$(apt-cache policy "$1" 2>/dev/null) || policy=
  case $policy in
  '' | *'Candidate: (none)'*) return 1 ;;
  *) return 0 ;;
  esac
}

# aptget_install SECONDS NAME...: ends what an earlier run that was killed left half-done, then installs. Waits SECONDS for
# the lock of another apt. All output goes to stderr. Returns apt's status.
aptget_install() {
  local seconds tries
  seconds=$1
  shift
  DEBIAN_FRONTEND=noninteractive
  NEEDRESTART_MODE=a
  export DEBIAN_FRONTEND NEEDRESTART_MODE
  aptget_resume "$seconds" || return 1
  tries=0
  until timeout 600 apt-get -q -o "DPkg::Lock::Timeout=$seconds" update >&2; do
    tries=$((tries + 1))
    if [ "$tries" -ge 3 ]; then
      log_warn 'the package lists could not be updated; going on with those that are there'
      break
    fi
    sleep 5
  done
  timeout 3000 apt-get -q -y -o "DPkg::Lock::Timeout=$seconds" -o Dpkg::Options::=--force-confdef \
    -o Dpkg::Options::=--force-confold install --no-install-recommends "$@" >&2
}

# aptget_resume SECONDS: configures what was unpacked by a run that was killed. Returns 1 where that fails.
aptget_resume() {
  local audit
  audit=$(dpkg --audit 2>/dev/null) || audit=unknown
  if [ -z "$audit" ] && ! aptget_is_interrupted; then
    return 0
  fi
  log_info 'an earlier installation was interrupted; ending it'
  timeout 1800 dpkg --configure -a --force-confdef --force-confold >&2 || log_warn 'dpkg --configure -a failed'
  timeout 1800 apt-get -q -y -o "DPkg::Lock::Timeout=$1" -o Dpkg::Options::=--force-confdef \
    -o Dpkg::Options::=--force-confold --no-install-recommends -f install >&2
}

# aptget_is_interrupted: returns 0 when dpkg has records of a run that did not end.
aptget_is_interrupted() {
  local path
  for path in /var/lib/dpkg/updates/[0-9]*; do
    if [ -e "$path" ]; then
      return 0
    fi
  done
  return 1
}
