# racadmjob: changing BIOS settings with racadm: what is pending, jobs, staging. Every answer must be one that is known.
# Needs: racadm.

# racadmjob_pending COMMAND GROUPS: looks for staged values in GROUPS (BIOS groups, separated by blanks). Sets
# racadmjob_staged to rows "name|value", one a line, and racadmjob_looked to the groups that there are. A group that this
# BIOS does not have (RAC1018) is passed over. Returns 1 where an answer is not known; racadmjob_odd names its group.
racadmjob_pending() {
  local group answer line name status
  racadmjob_staged=
  racadmjob_looked=
  racadmjob_odd=
  for group in $2; do
    status=0
    answer=$(timeout 120 "$1" get "BIOS.$group" 2>&1 </dev/null) || status=$?
    case $status/$answer in
    *RAC1018*) continue ;;
    '0/[Key='* | 0/*'
[Key='*) ;;
    *)
      racadmjob_odd=$group
      return 1
      ;;
    esac
    racadmjob_looked="$racadmjob_looked $group"
    while IFS= read -r line; do
      line=${line%"$racadm_return"}
      case $line in
      *'(Pending Value='*)
        name=${line%%=*}
        line=${line##*'(Pending Value='}
        racadmjob_staged="$racadmjob_staged${name#\#}|${line%)}
"
        ;;
      *) ;;
      esac
    done <<ANSWER
$answer
ANSWER
  done
  [ -n "$racadmjob_looked" ]
}

# racadmjob_list COMMAND [JID]: reads the job queue, or one job. Sets racadmjob_rows, "id|name|status|message|percent" a
# line. Returns 1 where the answer is in no form that is known.
racadmjob_list() {
  local answer line id name status message percent
  racadmjob_rows=
  if [ $# -gt 1 ]; then
    answer=$(timeout 120 "$1" jobqueue view -i "$2" 2>&1 </dev/null) || return 1
  else
    answer=$(timeout 120 "$1" jobqueue view 2>&1 </dev/null) || return 1
  fi
  case $answer in
  *'JOB QUEUE---'*) ;;
  *) return 1 ;;
  esac
  id=
  while IFS= read -r line; do
    line=${line%"$racadm_return"}
    case $line in
    '[Job ID='*']')
      [ -z "$id" ] || return 1
      id=${line#'[Job ID='}
      id=${id%]}
      name=
      status=
      message=
      ;;
    'Job Name='*) name=${line#*=} ;;
    Status=*) status=${line#*=} ;;
    'Message=['*']')
      message=${line#'Message=['}
      message=${message%]}
      ;;
    'Percent Complete=['*']')
      percent=${line#'Percent Complete=['}
      case "$id|$name|$status|$message" in
      '|'* | *'||'* | *'|') return 1 ;;
      *) ;;
      esac
      racadmjob_rows="$racadmjob_rows$id|$name|$status|$message|${percent%]}
"
      id=
      ;;
    *) ;;
    esac
  done <<ANSWER
$answer
ANSWER
  [ -z "$id" ]
}

# racadmjob_state STATUS: sets racadmjob_kind to ended, failed or open. A status that is not known is open: nobody knows
# what such a job still does.
racadmjob_state() {
  case $1 in
  Completed | 'Reboot Completed') racadmjob_kind=ended ;;
  'Completed with Errors' | Failed | 'Reboot Failed') racadmjob_kind=failed ;;
  *) racadmjob_kind=open ;;
  esac
}

# racadmjob_queue: of racadmjob_rows: sets racadmjob_bios to the open job that changes the BIOS, racadmjob_other to any other
# open one ("id status"), and racadmjob_last to the newest BIOS job's row, ended or not.
racadmjob_queue() {
  local id name status message percent
  racadmjob_bios=
  racadmjob_other=
  racadmjob_last=
  while IFS='|' read -r id name status message percent; do
    if [ -z "$id" ]; then
      continue
    fi
    racadmjob_state "$status"
    case $name in
    *BIOS.Setup*)
      case ${racadmjob_last%%|*} in
      '') racadmjob_last="$id|$name|$status|$message|$percent" ;;
      *) racadmjob_newer "$id" "${racadmjob_last%%|*}" && racadmjob_last="$id|$name|$status|$message|$percent" ;;
      esac
      if [ "$racadmjob_kind" = open ]; then
        racadmjob_bios=$id
      fi
      ;;
    *)
      if [ "$racadmjob_kind" = open ]; then
        racadmjob_other="$id $name: $status"
      fi
      ;;
    esac
  done <<ROWS
$racadmjob_rows
ROWS
}

# racadmjob_newer ID OTHER: ids are JID_ and a number that grows.
racadmjob_newer() {
  case ${1#JID_}${2#JID_} in
  *[!0-9]*) return 1 ;;
  *) [ "${1#JID_}" -gt "${2#JID_}" ] ;;
  esac
}

# racadmjob_set COMMAND OBJECT VALUE: stages a value. Returns 1 unless racadm says that it did; racadmjob_said is its answer.
racadmjob_set() {
  racadmjob_said=$(timeout 120 "$1" set "$2" "$3" 2>&1 </dev/null) || return 1
  case $racadmjob_said in
  *RAC1017* | *'Object value modified successfully'*) return 0 ;;
  *) return 1 ;;
  esac
}

# racadmjob_clear COMMAND: takes staged values back. Returns 1 unless racadm says that it did, or that there were none.
racadmjob_clear() {
  racadmjob_said=$(timeout 120 "$1" clearpending BIOS.Setup.1-1 2>&1 </dev/null) || :
  case $racadmjob_said in
  *RAC1036* | *RAC1035*) return 0 ;;
  *) return 1 ;;
  esac
}

# racadmjob_create COMMAND [POWER-CYCLE-TYPE]: makes the configuration job; with a type, the server is reset at once. Sets
# racadmjob_id. Returns 1 unless racadm names the job; racadmjob_said is its answer.
racadmjob_create() {
  local line
  racadmjob_id=
  if [ $# -gt 1 ]; then
    racadmjob_said=$(timeout 120 "$1" jobqueue create BIOS.Setup.1-1 -r "$2" -s TIME_NOW 2>&1 </dev/null) || return 1
  else
    racadmjob_said=$(timeout 120 "$1" jobqueue create BIOS.Setup.1-1 -s TIME_NOW 2>&1 </dev/null) || return 1
  fi
  case $racadmjob_said in
  *RAC1024*) ;;
  *) return 1 ;;
  esac
  while IFS= read -r line; do
    line=${line%"$racadm_return"}
    case $line in
    'Commit JID = JID_'*) racadmjob_id=${line#'Commit JID = '} ;;
    *) ;;
    esac
  done <<SAID
$racadmjob_said
SAID
  case ${racadmjob_id#JID_} in
  '' | *[!0-9]*)
    racadmjob_id=
    return 1
    ;;
  *) ;;
  esac
}
