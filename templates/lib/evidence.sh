# evidence: what a script saw, one line per check on stdout.
#
#   GPUAAS_<AREA> status=PASS|FAIL|WARN|SKIP|INFO check=NAME detail=TEXT remediation=TEXT
#
# PASS is for code that saw the thing itself. A check that could not look says WARN or SKIP with the reason.
# Needs: log.

# evidence_begin CHECK...: starts a run and declares every check it will report. A declared check
# that was not reported is a FAIL in the summary, so a check cannot get lost on the way.
evidence_begin() {
  evidence_declared=" $* "
  evidence_seen=
  evidence_lines=
  evidence_reported=0
  evidence_failures=0
  evidence_warnings=0
  evidence_skipped=0
  evidence_blocked=
  evidence_verdict=
}

# evidence_pass AREA CHECK DETAIL: the thing was seen to be right.
evidence_pass() {
  evidence_report "$1" PASS "$2" "$3" ''
}

# evidence_fail AREA CHECK DETAIL REMEDIATION: the thing was seen to be wrong.
evidence_fail() {
  evidence_report "$1" FAIL "$2" "$3" "$4"
}

# evidence_warn AREA CHECK DETAIL REMEDIATION: could not be judged, or should be looked at by a person.
evidence_warn() {
  evidence_report "$1" WARN "$2" "$3" "$4"
}

# evidence_skip AREA CHECK REASON: there is nothing to judge here, for REASON.
evidence_skip() {
  evidence_report "$1" SKIP "$2" "$3" ''
}

# evidence_fact AREA CHECK DETAIL [KEY VALUE]...: inventory; no verdict, and any number of lines for one name.
# shellcheck disable=SC2329 # not every script reports inventory
evidence_fact() {
  local area check detail
  area=$1
  check=$2
  detail=$3
  shift 3
  evidence_line "$area" status INFO check "$check" detail "$detail" "$@"
}

# evidence_stands_on AREA CHECK DEPENDENCY...: returns 0 when every dependency was PASS. Otherwise reports
# CHECK as SKIP, naming the first dependency that was not, and returns 1:
#   if evidence_stands_on SLICE_KVM kvm_device kvm_module; then ...look...; fi
# Such a SKIP keeps the summary from PASS, unless the dependency itself was a SKIP with nothing to judge.
evidence_stands_on() {
  local area check dependency
  area=$1
  check=$2
  shift 2
  for dependency; do
    evidence_look_up "$dependency"
    if [ "$evidence_found" = PASS ]; then
      continue
    fi
    case "$evidence_found $evidence_blocked " in
    SKIP*" $dependency "*) evidence_blocked="$evidence_blocked $check" ;;
    SKIP*) ;;
    *) evidence_blocked="$evidence_blocked $check" ;;
    esac
    evidence_skip "$area" "$check" "stands on $dependency, which is $evidence_found"
    return 1
  done
}

# evidence_status CHECK: prints the status that CHECK was reported with, or "not checked".
# shellcheck disable=SC2329 # not every script asks
evidence_status() {
  evidence_look_up "$1"
  printf '%s\n' "$evidence_found"
}

# evidence_look_up CHECK: sets evidence_found to the status that CHECK was reported with, or "not checked".
evidence_look_up() {
  case "$evidence_seen " in
  */"$1":*)
    evidence_found=${evidence_seen#*/"$1":}
    evidence_found=${evidence_found%% *}
    ;;
  *) evidence_found='not checked' ;;
  esac
}

# evidence_area_verdict AREA: prints the worst status of the area: FAIL, WARN, SKIP or PASS.
# shellcheck disable=SC2329 # for scripts with several areas
evidence_area_verdict() {
  local entry worst status
  worst=
  for entry in $evidence_seen; do
    case $entry in
    "$1"/*) status=${entry##*:} ;;
    *) continue ;;
    esac
    case $worst/$status in
    FAIL/* | */FAIL) worst=FAIL ;;
    WARN/* | */WARN) worst=WARN ;;
    SKIP/* | */SKIP) worst=SKIP ;;
    *) worst=$status ;;
    esac
  done
  printf '%s\n' "${worst:-SKIP}"
}

# evidence_summary AREA DETAIL [KEY VALUE]...: the last line, with the counts. Sets evidence_verdict: FAIL with
# any failure; WARN with a warning or a SKIP that stands on a check that was not PASS; PASS otherwise.
# A run in which nothing was checked is a FAIL.
evidence_summary() {
  local area detail check
  area=$1
  detail=$2
  shift 2
  for check in $evidence_declared; do
    case "$evidence_seen " in
    */"$check":*) ;;
    *) evidence_fail "$area" "$check" 'was not reported' 'this is a defect of the script: report it' ;;
    esac
  done
  if [ "$evidence_failures" -gt 0 ] || [ "$evidence_reported" -eq 0 ]; then
    evidence_verdict=FAIL
  elif [ "$evidence_warnings" -gt 0 ] || [ -n "$evidence_blocked" ]; then
    evidence_verdict=WARN
  else
    evidence_verdict=PASS
  fi
  evidence_line "$area" status "$evidence_verdict" check summary detail "$detail" "$@" \
    skipped "$evidence_skipped" failures "$evidence_failures" warnings "$evidence_warnings"
}

# evidence_adopt LINE: takes over a line that another run of the script printed, on another machine: prints it and counts
# it. The line of its summary is not printed; its verdict counts. Returns 1 for text that is no evidence line.
# shellcheck disable=SC2329 # for scripts that run themselves elsewhere
evidence_adopt() {
  local area status check rest
  area=${1%% *}
  rest=${1#* }
  status=${rest%% *}
  check=${rest#* }
  check=${check%% *}
  case $area/$status/$check in
  GPUAAS_*/status=WARN/check=summary)
    # nothing was WARN, so something stands on a check that was not PASS
    if [ "$evidence_warnings" -eq 0 ]; then
      evidence_blocked="$evidence_blocked adopted"
    fi
    return 0
    ;;
  GPUAAS_*/status=*/check=summary) return 0 ;;
  GPUAAS_*/status=PASS/check=?*) ;;
  GPUAAS_*/status=FAIL/check=?*) evidence_failures=$((evidence_failures + 1)) ;;
  GPUAAS_*/status=WARN/check=?*) evidence_warnings=$((evidence_warnings + 1)) ;;
  GPUAAS_*/status=SKIP/check=?*) evidence_skipped=$((evidence_skipped + 1)) ;;
  GPUAAS_*/status=INFO/check=?*) ;;
  *) return 1 ;;
  esac
  evidence_reported=$((evidence_reported + 1))
  printf '%s\n' "$1"
  evidence_lines="$evidence_lines$1
"
}

# evidence_report AREA STATUS CHECK DETAIL REMEDIATION: one check's line. An undeclared check or a second
# report of one is a defect of the script: returns 70.
evidence_report() {
  case $evidence_declared in
  *" $3 "*) ;;
  *)
    log_error "check $3 is reported but not declared"
    return 70
    ;;
  esac
  case "$evidence_seen " in
  */"$3":*)
    log_error "check $3 is reported twice"
    return 70
    ;;
  *) ;;
  esac
  evidence_seen="$evidence_seen $1/$3:$2"
  evidence_reported=$((evidence_reported + 1))
  case $2 in
  PASS) ;;
  FAIL) evidence_failures=$((evidence_failures + 1)) ;;
  WARN) evidence_warnings=$((evidence_warnings + 1)) ;;
  SKIP) evidence_skipped=$((evidence_skipped + 1)) ;;
  *)
    log_error "check $3: $2 is not a status"
    return 70
    ;;
  esac
  if [ -n "$5" ]; then
    evidence_line "$1" status "$2" check "$3" detail "$4" remediation "$5"
  else
    evidence_line "$1" status "$2" check "$3" detail "$4"
  fi
}

# evidence_line AREA [KEY VALUE]...: prints one line and keeps it in evidence_lines.
evidence_line() {
  local line
  line="GPUAAS_$1"
  shift
  while [ $# -ge 2 ]; do
    evidence_escape "$2"
    evidence_quote "$evidence_escaped"
    line="$line $1=$evidence_quoted"
    shift 2
  done
  printf '%s\n' "$line"
  evidence_lines="$evidence_lines$line
"
}

# evidence_escape TEXT: sets evidence_escaped to TEXT as printable ASCII on one line: newline is \n, tab is \t,
# every other control byte or byte above 126 is \xNN (so a name in UTF-8 stays readable byte by byte).
# Works on bytes: the script's main sets LC_ALL=C.
evidence_escape() {
  local rest safe byte code
  case $1 in
  *[!\ -~]*) ;;
  *)
    evidence_escaped=$1
    return 0
    ;;
  esac
  rest=$1
  evidence_escaped=
  while [ -n "$rest" ]; do
    safe=${rest%%[! -~]*}
    evidence_escaped=$evidence_escaped$safe
    rest=${rest#"$safe"}
    if [ -z "$rest" ]; then
      break
    fi
    byte=${rest%"${rest#?}"}
    rest=${rest#?}
    code=$(printf '%02x' "'$byte")
    case $code in
    0a) evidence_escaped="$evidence_escaped\\n" ;;
    09) evidence_escaped="$evidence_escaped\\t" ;;
    *) evidence_escaped="$evidence_escaped\\x$code" ;;
    esac
  done
}

# evidence_quote TEXT: sets evidence_quoted to TEXT as one shell word, quoted with backslashes.
evidence_quote() {
  local rest safe
  case $1 in
  '')
    evidence_quoted="''"
    return 0
    ;;
  *[!A-Za-z0-9_@%+=:,./-]*) ;;
  *)
    evidence_quoted=$1
    return 0
    ;;
  esac
  rest=$1
  evidence_quoted=
  while [ -n "$rest" ]; do
    safe=${rest%%[!A-Za-z0-9_@%+=:,./-]*}
    evidence_quoted=$evidence_quoted$safe
    rest=${rest#"$safe"}
    if [ -n "$rest" ]; then
      evidence_quoted="$evidence_quoted\\${rest%"${rest#?}"}"
      rest=${rest#?}
    fi
  done
}
