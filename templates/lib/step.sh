# step: one evidence line a step: look, change what is missing, look again; in a dry run only look. Needs: log, evidence.

# step_begin AREA DRY_RUN: starts a run, before or after evidence_begin with its checks; DRY_RUN is yes or no. Sets step_changes,
# the number of changes, and step_again, what a dry run tells to do.
step_begin() {
  step_area=$1
  step_dry_run=$2
  step_changes=0
  step_planned=' '
  step_again='run this again without --dry-run'
}

# step_pass CHECK DETAIL: the thing was seen to be right.
step_pass() {
  evidence_pass "$step_area" "$1" "$2"
}

# step_fail CHECK DETAIL REMEDIATION: the thing was seen to be wrong.
step_fail() {
  evidence_fail "$step_area" "$1" "$2" "$3"
}

# step_warn CHECK DETAIL REMEDIATION: could not be judged, or should be looked at by a person.
# shellcheck disable=SC2329 # not every script warns
step_warn() {
  evidence_warn "$step_area" "$1" "$2" "$3"
}

# step_skip CHECK REASON: there is nothing to judge here.
# shellcheck disable=SC2329 # not every script skips
step_skip() {
  evidence_skip "$step_area" "$1" "$2"
}

# step_needs CHECK DEPENDENCY...: returns 0 when CHECK can be looked at. In a dry run that includes dependencies
# that a real run would put right.
step_needs() {
  local check dependency
  check=$1
  shift
  for dependency; do
    case $step_planned in
    *" $dependency "*) continue ;;
    *) ;;
    esac
    evidence_stands_on "$step_area" "$check" "$dependency" || return 1
  done
}

# step_dry CHECK WHAT: in a dry run reports what would be done and returns 0; otherwise says that it is being done,
# counts it, and returns 1. Several plans of one check are one line: call step_dry for the first and
# step_change for the others.
step_dry() {
  if [ "$step_dry_run" = yes ]; then
    step_changes=$((step_changes + 1))
    step_planned="$step_planned$1 "
    step_warn "$1" "dry run: would $2" "$step_again"
    return 0
  fi
  step_change "$2"
  return 1
}

# step_change WHAT: says that a change is being made and counts it.
step_change() {
  step_changes=$((step_changes + 1))
  log_info "$1"
}

# step_try COMMAND...: runs a command that changes something. Its output and its failure are told to people: what counts is what is
# seen afterwards.
# shellcheck disable=SC2329 # not every script tries
step_try() {
  "$@" >&2 || log_warn "failed, or took too long: $*"
}

# step_finish DETAIL: the summary. Returns 0 where all is right or nothing was to do, 1 after a failure, 3 with a
# dry run that has changes pending.
step_finish() {
  evidence_summary "$step_area" "$1" changes "$step_changes"
  if [ "$step_changes" -eq 0 ] && [ "$evidence_verdict" != FAIL ]; then
    log_info 'nothing to do'
  fi
  if [ "$evidence_verdict" = FAIL ]; then
    return 1
  fi
  if [ "$step_dry_run" = yes ] && [ "$step_changes" -gt 0 ]; then
    return 3
  fi
}

# step_lock FILE: two runs at once would do things twice. Waits two minutes; freed when the script ends. Returns 1
# when another run does not end, or FILE cannot be made.
step_lock() {
  # not ":", a special builtin: where its redirection fails, dash and busybox ash end the whole script
  if ! true 2>/dev/null >>"$1"; then
    log_error "cannot write $1: is its file system full or read-only?"
    return 1
  fi
  exec 9>"$1"
  if ! flock -w 120 9; then
    log_error 'another run of this script has not ended for two minutes; look at it, then run this again'
    return 1
  fi
}
