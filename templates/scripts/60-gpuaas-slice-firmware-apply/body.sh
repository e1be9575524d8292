# First it looks at everything, then it refuses or stages, then it reads back. A job that is there already, and a run
# after the power cycle (HAS_STARTED=True), only verify: at most one power cycle per commissioning.

usage() {
  cat <<USAGE
60-gpuaas-slice-firmware-apply [--apply-bios=true] [--power-cycle=true]

Compares the BIOS settings of this machine with its hardware class, through racadm. Only the exact text true applies;
without it nothing is changed and the output says what would be.

  --apply-bios=true   stage what differs, in one configuration job; it runs with the next power cycle
  --power-cycle=true  with --apply-bios=true: ask for that power cycle, once, and wait for it
  --help              this text

Exit status: 0 done, nothing to do, or only looked; 1 refused or failed; 2 wrong usage.
Evidence lines GPUAAS_SLICE_BIOS go to stdout, all else to stderr.
USAGE
}

main() {
  local row
  LC_ALL=C
  export LC_ALL
  apply=no
  cycle=no
  arguments "$@" || return $?
  if [ "$apply" = help ]; then
    usage
    return 0
  fi
  evidence_begin racadm bmc_lockdown bios_read job_queue foreign_pending bios_settings bios_staged bios_job power_cycle
  bios_job=none
  if ! row=$(dmi_class "$HARDWARE_CLASSES"); then
    skip_machine 'no hardware class for this DMI vendor and product' none
    return 0
  fi
  class_read "$row"
  case $class_bmc in
  idrac*) ;;
  *)
    skip_machine "the BMC of class $class_name is $class_bmc: racadm is for iDRACs" "$class_name"
    return 0
    ;;
  esac
  if [ "$class_bios" = - ]; then
    skip_machine "class $class_name names no BIOS attributes" "$class_name"
    return 0
  fi
  require_commands awk mktemp sleep timeout
  require_root
  look
  act
  finish
}

# arguments WORD...: sets apply and cycle. MAAS gives each parameter as one word.
arguments() {
  while [ $# -gt 0 ]; do
    case $1 in
    --apply-bios=true) apply=yes ;;
    --power-cycle=true) cycle=yes ;;
    --apply-bios= | --apply-bios=false | --power-cycle= | --power-cycle=false) ;;
    --apply-bios=* | --power-cycle=*) log_warn "$1 is not the exact text true: taken as false" ;;
    --help) apply=help ;;
    *)
      log_error "unknown argument: $1; see --help"
      return 2
      ;;
    esac
    shift
  done
}

# skip_machine REASON CLASS: none of this script's business.
skip_machine() {
  evidence_fact SLICE_SUMMARY hardware_class "$1"
  result_value verdict SKIP
  result_value hardware_class "$2"
  write_result skipped
}

class_read() {
  IFS='|' read -r class_name _ _ class_bmc class_bios class_bios_groups \
    class_repository class_suite class_package class_key_url class_fingerprint <<ROW
$1
ROW
}

# write_result STATUS: the YAML, where MAAS asks for it.
write_result() {
  if [ -n "${RESULT_PATH:-}" ]; then
    result_write "$RESULT_PATH" "$1"
  fi
}

finish() {
  evidence_summary SLICE_SUMMARY "hardware class $class_name" apply "$apply" job "$bios_job"
  result_value verdict "$evidence_verdict"
  result_value hardware_class "$class_name"
  result_value job "$bios_job"
  result_value failures "$evidence_failures"
  result_value warnings "$evidence_warnings"
  case $evidence_verdict/$apply in
  PASS/*) write_result passed ;;
  FAIL/yes)
    write_result failed
    return 1
    ;;
  *) write_result degraded ;;
  esac
}

pass() {
  evidence_pass SLICE_BIOS "$1" "$2"
}

fail() {
  evidence_fail SLICE_BIOS "$1" "$2" "$3"
}

warn() {
  evidence_warn SLICE_BIOS "$1" "$2" "$3"
}

skip() {
  evidence_skip SLICE_BIOS "$1" "$2"
}

needs() {
  evidence_stands_on SLICE_BIOS "$@"
}

# wrong CHECK DETAIL REMEDIATION: what keeps an apply from going on; without an apply only something to look at.
wrong() {
  if [ "$apply" = yes ]; then
    fail "$@"
  else
    warn "$@"
  fi
}

# --- looking ------------------------------------------------------------------------------------------

look() {
  if racadmget_find "$class_name" "$class_repository" "$class_suite" "$class_package" "$class_key_url" \
    "$class_fingerprint"; then
    pass racadm "$racadmget_said"
  else
    wrong racadm "$racadmget_said" 'see that the machine reaches the repository and that hardware.racadm is right'
  fi
  if needs bmc_lockdown racadm; then lockdown_check; fi
  if needs bios_read racadm; then bios_read_check; fi
  if needs job_queue racadm; then job_queue_check; fi
  if needs foreign_pending bios_read job_queue; then foreign_pending_check; fi
}

lockdown_check() {
  local value
  value=$(racadm_lockdown "$racadmget_command") || value=unknown
  case $value in
  Disabled) pass bmc_lockdown 'SystemLockdown=Disabled' ;;
  unknown)
    wrong bmc_lockdown 'racadm gave no answer that is known for iDRAC.Lockdown' 'look at System Lockdown Mode in the iDRAC'
    ;;
  *)
    wrong bmc_lockdown "SystemLockdown=$value: BIOS changes are refused" \
      'turn System Lockdown Mode off in the iDRAC, then run this again'
    ;;
  esac
}

# bios_read_check: sets differing, rows of attributes whose value is not what the class wants.
bios_read_check() {
  local name group want current pending
  racadm_attributes "$racadmget_command" "$class_bios" "$class_bios_groups"
  differing=
  while IFS='|' read -r name group want current pending; do
    if [ -z "$name" ]; then
      continue
    fi
    evidence_fact SLICE_BIOS bios_attribute "$name" current "$current" pending "$pending" wanted "$want"
    if [ "$current" != "$want" ]; then
      differing="$differing$name|$group|$want|$current|$pending
"
    fi
  done <<ROWS
$racadm_rows
ROWS
  if [ -n "$racadm_unread" ]; then
    wrong bios_read "not read:$racadm_unread" \
      'racadm gave no known answer, or the class does not give their group (hardware.bios.groups); look in the iDRAC'
  else
    pass bios_read "read: $class_bios"
  fi
}

job_queue_check() {
  if ! racadmjob_list "$racadmget_command"; then
    wrong job_queue 'racadm gave no answer that is known for the job queue' 'look at the job queue in the iDRAC'
    return 0
  fi
  racadmjob_queue
  if [ -n "$racadmjob_other" ]; then
    wrong job_queue "another job has not ended: $racadmjob_other" 'wait until it has ended, then run this again'
  elif [ -n "$racadmjob_bios" ]; then
    bios_job=$racadmjob_bios
    pass job_queue "one BIOS job has not ended: $bios_job"
  else
    pass job_queue 'no job is open'
  fi
}

# foreign_pending_check: staged values that are not what the class wants are somebody else's; a job would commit them too.
foreign_pending_check() {
  local name value foreign
  if ! racadmjob_pending "$racadmget_command" "$BIOS_GROUPS"; then
    wrong foreign_pending "racadm gave no answer that is known for ${racadmjob_odd:-any BIOS group}" \
      'look in the iDRAC for pending BIOS values'
    return 0
  fi
  foreign=
  while IFS='|' read -r name value; do
    case ",$class_bios," in
    *",$name=$value,"* | ,,) ;;
    *) foreign="$foreign${name:+ $name=$value}" ;;
    esac
  done <<STAGED
$racadmjob_staged
STAGED
  if [ -n "$foreign" ]; then
    wrong foreign_pending "staged by somebody else:$foreign" \
      'find out who staged them; commit them or clear them (racadm clearpending BIOS.Setup.1-1), then run this again'
  else
    pass foreign_pending "nothing else is staged in:$racadmjob_looked"
  fi
}

# --- acting -------------------------------------------------------------------------------------------

# act: a job that is on its way, or a run after the power cycle, is only verified; else what differs is staged.
act() {
  local check
  if ! needs bios_settings bios_read; then
    for check in bios_staged bios_job power_cycle; do
      needs "$check" bios_settings || :
    done
  elif [ "${HAS_STARTED:-False}" = True ]; then
    verify 'this is the run after a restart (HAS_STARTED=True)'
  elif [ "$bios_job" != none ]; then
    verify "job $bios_job is there already"
  elif [ -z "$differing" ]; then
    pass bios_settings "$class_bios"
    for check in bios_staged bios_job power_cycle; do
      skip "$check" 'every setting is right already'
    done
  else
    change
  fi
}

# lines_differing: sets lined to what differs, on one line.
lines_differing() {
  local name want current
  lined=
  while IFS='|' read -r name _ want current _; do
    lined="$lined${name:+${lined:+, }$name=$want (now $current)}"
  done <<ROWS
$differing
ROWS
}

# change: stages what differs and makes one job. Anything that is not as expected takes back what was staged here.
change() {
  lines_differing
  if [ "$apply" = no ]; then
    warn bios_settings "would set: $lined" 'run this with apply_bios=true'
    skip bios_staged 'apply_bios is not true'
    skip bios_job 'apply_bios is not true'
    skip power_cycle 'apply_bios is not true'
    return 0
  fi
  if ! needs bios_staged bmc_lockdown job_queue foreign_pending || ! stage; then
    fail bios_settings "not as class $class_name wants: $lined; nothing was changed" 'mend what failed above, then run this again'
    needs bios_job bios_staged || :
    needs power_cycle bios_staged || :
    return 0
  fi
  if ! job; then
    fail bios_settings "not as class $class_name wants: $lined" 'mend what failed above, then run this again'
    needs power_cycle bios_job || :
    return 0
  fi
  warn bios_settings "staged in job $bios_job: $lined" 'they take effect with the next power cycle: then commission again'
  if [ "$cycle" = no ]; then
    skip power_cycle "power_cycle is not true: job $bios_job runs with the next power cycle"
  else
    await_power_cycle
  fi
}

# stage: every setting that differs, those that are staged already apart; then reads back.
stage() {
  local name group want pending rows
  rows=$differing
  while IFS='|' read -r name group want _ pending; do
    if [ -z "$name" ] || [ "$pending" = "$want" ]; then
      continue
    fi
    log_info "staging $name=$want"
    if ! racadmjob_set "$racadmget_command" "$group.$name" "$want"; then
      unstage "$name was not staged: ${racadmjob_said:-no answer}"
      return 1
    fi
  done <<ROWS
$rows
ROWS
  racadm_attributes "$racadmget_command" "$class_bios" "$class_bios_groups"
  while IFS='|' read -r name _ want _ _; do
    case "$name|
$racadm_rows" in
    '|'* | *"
$name|"*"|$want|"*"|$want
"*) ;;
    *)
      unstage "racadm said that $name=$want is staged, but shows it otherwise"
      return 1
      ;;
    esac
  done <<ROWS
$rows
ROWS
  pass bios_staged "staged, and read back: $lined"
}

# unstage WHY: reports bios_staged, after clearing. Nothing of somebody else can be among what is cleared: foreign_pending
# was PASS.
unstage() {
  local why
  why=$1
  if racadmjob_clear "$racadmget_command"; then
    fail bios_staged "$why; what was staged is cleared again" 'look at the attribute in the iDRAC; is it read-only, or has it another name?'
  else
    fail bios_staged "$why; what was staged could not be cleared: ${racadmjob_said:-no answer}" \
      'clear it: racadm clearpending BIOS.Setup.1-1'
  fi
}

# job: makes the configuration job, and looks for it in the queue.
job() {
  local row status message
  if [ "$cycle" = yes ]; then
    log_info 'making the configuration job, with a power cycle'
    racadmjob_create "$racadmget_command" pwrcycle || :
  else
    log_info 'making the configuration job'
    racadmjob_create "$racadmget_command" || :
  fi
  if [ -z "$racadmjob_id" ]; then
    fail bios_job "no job was made: ${racadmjob_said:-no answer}" \
      'look at the job queue in the iDRAC; the settings are staged: clear them (racadm clearpending BIOS.Setup.1-1) or make a job'
    return 1
  fi
  bios_job=$racadmjob_id
  if ! racadmjob_list "$racadmget_command" "$bios_job"; then
    fail bios_job "job $bios_job was made, but racadm gives no known answer about it" "look at: racadm jobqueue view -i $bios_job"
    return 1
  fi
  row=${racadmjob_rows%%
*}
  IFS='|' read -r _ _ status message _ <<ROW
$row
ROW
  racadmjob_state "$status"
  case ${row%%|*}/$racadmjob_kind/$message in
  "$bios_job"/failed/* | "$bios_job"/*/PR30*)
    fail bios_job "job $bios_job: $status: $message" "look at: racadm jobqueue view -i $bios_job; delete it, then run this again"
    return 1
    ;;
  "$bios_job"/*) pass bios_job "job $bios_job: $status: $message" ;;
  *)
    fail bios_job "racadm shows another job than $bios_job" "look at: racadm jobqueue view -i $bios_job"
    return 1
    ;;
  esac
}

# await_power_cycle: it was asked for with the job. MAAS sends this script again after it, with HAS_STARTED=True.
await_power_cycle() {
  local waited
  waited=0
  while [ "$waited" -lt "$WAIT" ]; do
    log_info "waiting for the power cycle that job $bios_job asked for ($waited of $WAIT s)"
    sleep "$POLL"
    waited=$((waited + POLL))
  done
  fail power_cycle "no power cycle came within $WAIT seconds" "look at: racadm jobqueue view; the job $bios_job stays in the queue"
}

# --- verifying ----------------------------------------------------------------------------------------

# verify WHY: nothing is staged and nothing is reset here.
verify() {
  local check
  for check in bios_staged power_cycle; do
    skip "$check" "only verified: $1"
  done
  verify_job
  racadm_attributes "$racadmget_command" "$class_bios" "$class_bios_groups"
  verify_settings
}

# verify_job: after the restart, waits for the job's end; the values are there before it.
verify_job() {
  local row status message waited
  waited=0
  while :; do
    row=$racadmjob_last
    if [ -z "$row" ]; then
      skip bios_job 'the queue has no BIOS job'
      return 0
    fi
    IFS='|' read -r bios_job _ status message _ <<ROW
$row
ROW
    racadmjob_state "$status"
    case $racadmjob_kind/$message in
    failed/* | */PR30*)
      fail bios_job "job $bios_job: $status: $message" 'look at the lifecycle log in the iDRAC; delete the job, then apply again'
      return 0
      ;;
    ended/PR19*)
      pass bios_job "job $bios_job: $status: $message"
      return 0
      ;;
    ended/*)
      warn bios_job "job $bios_job: $status, with a message that is not known: $message" 'look at the job in the iDRAC'
      return 0
      ;;
    *) ;;
    esac
    if [ "${HAS_STARTED:-False}" != True ] || [ "$waited" -ge "$WAIT" ]; then
      warn bios_job "job $bios_job has not ended: $status: $message" 'it runs with the next power cycle: then commission again'
      return 0
    fi
    log_info "job $bios_job: $status ($waited of $WAIT s)"
    sleep "$POLL"
    waited=$((waited + POLL))
    if ! racadmjob_list "$racadmget_command"; then
      warn bios_job "racadm gives no known answer about job $bios_job" "look at: racadm jobqueue view -i $bios_job"
      return 0
    fi
    racadmjob_queue
  done
}

# verify_settings: current values, and nothing of them pending any more.
verify_settings() {
  local name want current pending wrongs waits
  wrongs=
  waits=
  while IFS='|' read -r name _ want current pending; do
    if [ -z "$name" ]; then
      continue
    fi
    if [ "$current" != "$want" ]; then
      wrongs="$wrongs $name=$current"
    fi
    if [ -n "$pending" ]; then
      waits="$waits $name=$pending"
    fi
  done <<ROWS
$racadm_rows
ROWS
  if [ -n "$racadm_unread" ]; then
    fail bios_settings "not read:$racadm_unread" 'look in the iDRAC'
  elif [ -n "$waits" ] && [ "${HAS_STARTED:-False}" != True ]; then
    warn bios_settings "staged:$waits${wrongs:+; now:$wrongs}" 'they take effect with the next power cycle: then commission again'
  elif [ -n "$wrongs$waits" ]; then
    fail bios_settings "wrong:${wrongs:- none}; still staged:${waits:- none}" \
      'the power cycle did not bring them: look at the job in the iDRAC, then apply again in a new commissioning'
  else
    pass bios_settings "$class_bios"
  fi
}
