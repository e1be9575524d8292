# 60-gpuaas-slice-firmware-apply with a racadm that has a memory (the lab's stand-in, in Dell's words): it stages only what
# differs, one job, no reset unless asked, and refuses where it must.
# host: j22u05-before-bios
# script: 60-gpuaas-slice-firmware-apply

load helpers

SCRIPT=60-gpuaas-slice-firmware-apply
STATE=/run/gpuaas-lab/racadm.json
CALLS=/run/gpuaas-lab/racadm.calls

setup_file() {
    # quick: few groups, no waiting
    local path folder=$BATS_FILE_TMPDIR/generated/$GPUAAS_SITE/maas
    path=$(script_path "$SCRIPT")
    mkdir -p "$folder"
    sed "s/^readonly WAIT=.*/readonly WAIT='2'/; s/^readonly POLL=.*/readonly POLL='1'/
        s/^readonly BIOS_GROUPS=.*/readonly BIOS_GROUPS='ProcSettings IntegratedDevices NotThere MiscSettings'/" \
        "$path" >"$folder/$SCRIPT.sh"
    [ "$(diff "$path" "$folder/$SCRIPT.sh" | grep -c '^>')" -eq 3 ]
    serve
    cat >"$BATS_FILE_TMPDIR/racadm" <<RACADM
#!/bin/sh
printf '%s\\n' "\$*" >>$CALLS
printf '%s\\n' "\$@" >$BATS_FILE_TMPDIR/ask
{ read -r status; cat; } <$BATS_FILE_TMPDIR/answer
exit "\$status"
RACADM
    chmod 755 "$BATS_FILE_TMPDIR/racadm"
}

teardown_file() {
    kill "$(<"$BATS_FILE_TMPDIR/pid")"
}

# serve: the stand-in as one process that answers all calls: hundreds, each of which would start Python.
serve() {
    mkfifo "$BATS_FILE_TMPDIR/ask" "$BATS_FILE_TMPDIR/answer"
    GPUAAS_RACADM_STATE=$STATE python3 -I -S -c 'import io, sys
sys.path.insert(0, "/gpuaas/lab")
import racadm_program
ask, answer = sys.argv[1:]
while True:
    with open(ask) as file:
        sys.argv[1:] = file.read().splitlines()
    sys.stdout = io.StringIO()
    try:
        status = racadm_program.main()
    except Exception as error:
        status = 70
        print("the stand-in failed:", repr(error))
    with open(answer, "w") as file:
        file.write(f"{status}\n{sys.stdout.getvalue()}")' "$BATS_FILE_TMPDIR/ask" "$BATS_FILE_TMPDIR/answer" >/dev/null 2>&1 3>&- &
    echo $! >"$BATS_FILE_TMPDIR/pid"
}

setup() {
    host_reset
    export GPUAAS_GENERATED=$BATS_FILE_TMPDIR/generated
    export RESULT_PATH=$BATS_TEST_TMPDIR/result.yaml
    unset HAS_STARTED
    # waiting takes no time
    ln -sf /bin/true /usr/local/bin/sleep
    # a shadow of the recorded answers: this one remembers
    ln -sf "$BATS_FILE_TMPDIR/racadm" /usr/local/bin/racadm
    cat >"$STATE" <<'JSON'
{"groups": {
  "ProcSettings": {"LogicalProc": {"value": "Disabled", "values": ["Enabled", "Disabled"]},
    "ProcVirtualization": {"value": "Disabled", "values": ["Enabled", "Disabled"]},
    "ControlledTurbo": {"value": "Disabled"}},
  "IntegratedDevices": {"SriovGlobalEnable": {"value": "Enabled", "values": ["Enabled", "Disabled"]}},
  "MiscSettings": {"AssetTag": {"value": "none"}},
  "Lockdown": {"SystemLockdown": {"value": "Disabled"}}},
 "jobs": {}, "made": 0, "lockdown": false, "power": "ON", "prompts": "", "ending": "PR19", "fault": "",
 "trusted": false, "refusal_status": 1, "success_status": 0, "calls": [], "given": []}
JSON
    cp "$STATE" "$BATS_TEST_TMPDIR/before"
    : >"$CALLS"
}

teardown() {
    ln -sf /gpuaas/lab/standin.sh /usr/local/bin/racadm
    rm -f /usr/local/bin/sleep
}

# change CODE: changes the state `s` of the stand-in, as Python.
change() {
    python3 -S -c 'import json, sys
path = sys.argv[1]
s = json.load(open(path))
exec(sys.argv[2])
json.dump(s, open(path, "w"))' "$STATE" "$1"
}

# afresh: the stand-in forgets all that was done.
afresh() {
    cp "$BATS_TEST_TMPDIR/before" "$STATE"
    : >"$CALLS"
}

# writes: every call that is no mere look, one a line.
writes() {
    grep -vE '^(get|help|getversion|jobqueue view)( |$)' "$CALLS" || true
}

# odd CODE: a racadm that does what the shell code says before the real one is asked.
odd() {
    printf '#!/bin/sh\n%s\nexec %s "$@"\n' "$1" "$BATS_FILE_TMPDIR/racadm" >"$BATS_TEST_TMPDIR/odd"
    chmod 755 "$BATS_TEST_TMPDIR/odd"
    ln -sf "$BATS_TEST_TMPDIR/odd" /usr/local/bin/racadm
}

apply() {
    rm -f "$RESULT_PATH"
    run_script "$SCRIPT" --apply-bios=true "$@"
}

# refused CHECK [DETAIL]: that check is FAIL, what stands on it is SKIP, nothing was written, exit status 1.
refused() {
    [ "$status" -eq 1 ] || fail "exit status $status: $output $stderr"
    assert_evidence "$1" FAIL "${2:-*}"
    [ -n "$(evidence_field "$1" remediation)" ]
    [ -z "$(writes)" ] || fail "written: $(writes)"
    [ "$(evidence_field summary status)" = FAIL ]
    grep -qx 'status: failed' "$RESULT_PATH"
}

STAGING='set BIOS.ProcSettings.ProcVirtualization Enabled
set BIOS.ProcSettings.LogicalProc Enabled'
JOB='jobqueue create BIOS.Setup.1-1 -s TIME_NOW'

@test "only the exact text true applies: anything else only looks, and says what it would do" {
    for words in '' --apply-bios=True --apply-bios=1 --apply-bios=truee --power-cycle=true; do
        run_script "$SCRIPT" $words
        [ "$status" -eq 0 ] || fail "$words: $output $stderr"
        assert_evidence bios_settings WARN 'would set: ProcVirtualization=Enabled (now Disabled), LogicalProc=Enabled (now Disabled)'
        assert_evidence bios_staged SKIP
        [ -z "$(writes)" ] || fail "$words: $(writes)"
        grep -qx 'status: degraded' "$RESULT_PATH"
    done
    run_script "$SCRIPT" '--apply-bios=true '
    [ -z "$(writes)" ]
    [[ $stderr == *'not the exact text true'* ]]
}

@test "--help, and an unknown argument" {
    run_script "$SCRIPT" --help
    [ "$status" -eq 0 ]
    [[ $output == *--apply-bios=true* ]]
    run_script "$SCRIPT" --apply
    [ "$status" -eq 2 ]
    [[ $stderr == *'unknown argument: --apply'* ]]
    [ -z "$output" ]
}

@test "apply: stages what differs, makes one job without a reset, reads both back" {
    apply
    [ "$status" -eq 0 ] || fail "$output $stderr"
    [ "$(writes)" = "$STAGING
$JOB" ] || fail "$(writes)"
    for check in racadm bmc_lockdown bios_read job_queue foreign_pending bios_staged bios_job; do
        assert_evidence "$check" PASS
    done
    assert_evidence bios_settings WARN 'staged in job JID_700000000001: *'
    assert_evidence power_cycle SKIP '*next power cycle'
    assert_evidence bios_job PASS 'job JID_700000000001: Scheduled: JCP001*'
    [ "$(sed -n 1,7p "$RESULT_PATH")" = 'status: degraded
results:
  verdict: "WARN"
  hardware_class: "'"$(sed -n "s/.*readonly HARDWARE_CLASSES='//; s/|Dell Inc[.]|.*//p" "$(script_path "$SCRIPT")")"'"
  job: "JID_700000000001"
  failures: "0"
  warnings: "1"' ] || fail "$(cat "$RESULT_PATH")"
    # again: our own job is in the queue, so it is only verified
    : >"$CALLS"
    apply --power-cycle=true
    [ "$status" -eq 0 ] || fail "$output $stderr"
    [ -z "$(writes)" ]
    assert_evidence bios_job WARN '*has not ended: Scheduled*'
    assert_evidence bios_settings WARN 'staged: *'
    assert_evidence power_cycle SKIP 'only verified: job JID_700000000001 is there already'
}

@test "apply: with power_cycle it asks once and blocks; no power cycle is FAIL; after it, only verified" {
    apply --power-cycle=true
    [ "$(writes)" = "$STAGING
jobqueue create BIOS.Setup.1-1 -r pwrcycle -s TIME_NOW" ] || fail "$(writes)"
    [ "$status" -eq 1 ]
    assert_evidence power_cycle FAIL 'no power cycle came within 2 seconds'
    [[ $stderr == *'waiting for the power cycle'* ]]
    # MAAS sends it again after the restart: the job goes on to its end while it is looked at
    export HAS_STARTED=True
    : >"$CALLS"
    apply --power-cycle=true
    [ "$status" -eq 0 ] || fail "$output $stderr"
    [ -z "$(writes)" ]
    assert_evidence bios_job PASS '*PR19*'
    assert_evidence bios_settings PASS
    assert_evidence power_cycle SKIP '*HAS_STARTED=True*'
    [ "$(evidence_field summary status)" = PASS ]
    grep -qx 'status: passed' "$RESULT_PATH"
}

@test "HAS_STARTED=True: never stages and never resets, whatever differs" {
    export HAS_STARTED=True
    apply --power-cycle=true
    [ -z "$(writes)" ]
    [ "$status" -eq 1 ]
    assert_evidence bios_settings FAIL 'wrong: ProcVirtualization=Disabled LogicalProc=Disabled; *'
    assert_evidence bios_job SKIP
}

@test "after the restart: a job that failed, ended with errors, never runs, or does not end" {
    for ending in PR21 PR31 PR30; do
        afresh
        unset HAS_STARTED
        change "s['ending'] = '$ending'"
        apply --power-cycle=true
        export HAS_STARTED=True
        apply --power-cycle=true
        [ "$status" -eq 1 ] || fail "$ending: $output"
        assert_evidence bios_job FAIL "*$ending*"
        assert_evidence bios_settings FAIL
    done
    afresh
    unset HAS_STARTED
    apply
    export HAS_STARTED=True
    apply
    assert_evidence bios_job WARN '*has not ended: Scheduled*'
    assert_evidence bios_settings FAIL
    # values that are right while one is still pending are not yet right
    afresh
    change 'for name in ("LogicalProc", "ProcVirtualization"): s["groups"]["ProcSettings"][name].update(value="Enabled")
s["groups"]["ProcSettings"]["LogicalProc"]["pending"] = "Disabled"'
    apply
    assert_evidence bios_settings FAIL 'wrong: none; still staged: LogicalProc=Disabled'
    assert_evidence foreign_pending FAIL
}

# queue ROW...: what racadm shows of jobs "id|name|status|message".
queue() {
    local id name status message
    printf '%s\n' '-------------------------JOB QUEUE------------------------'
    while IFS='|' read -r id name status message; do
        printf '[Job ID=%s]\nJob Name=%s\nStatus=%s\nMessage=[%s]\nPercent Complete=[9]\n' "$id" "$name" "$status" "$message"
    done < <(printf '%s\n' "$@")
}

@test "after the restart: the newest BIOS job counts, a message or an answer that is not known is WARN" {
    export HAS_STARTED=True
    change 'for name in ("LogicalProc", "ProcVirtualization"): s["groups"]["ProcSettings"][name]["value"] = "Enabled"'
    odd "case \"\$*\" in 'jobqueue view') cat '$BATS_TEST_TMPDIR/queue'; exit 0 ;; esac"
    old='JID_9|Configure: BIOS.Setup.1-1|Failed|PR21: Job failed.'
    new='JID_10|Configure: BIOS.Setup.1-1|Completed|PR19: Job completed successfully.'
    for order in "$old;$new" "$new;$old"; do
        queue "${order%;*}" "${order#*;}" 'JID_99|Firmware Update: x|Completed|RED: y' >"$BATS_TEST_TMPDIR/queue"
        apply
        [ "$status" -eq 0 ] || fail "$output"
        assert_evidence bios_job PASS 'job JID_10: Completed: PR19*'
        [ "$(evidence_field summary status)" = PASS ]
    done
    queue "${new/PR19/XY7}" >"$BATS_TEST_TMPDIR/queue"
    apply
    assert_evidence bios_job WARN '*not known: XY7*'
    # what another job came to says nothing of this one
    queue "${new/Completed/Failed}" 'JID_99|Firmware Update: x|Completed|RED: y' >"$BATS_TEST_TMPDIR/queue"
    apply
    assert_evidence bios_job FAIL 'job JID_10: Failed: *'
    # a queue that cannot be read while the job is awaited
    queue "${new/Completed/Running}" >"$BATS_TEST_TMPDIR/queue"
    odd "case \"\$*\" in 'jobqueue view') cat '$BATS_TEST_TMPDIR/queue'; echo oops >'$BATS_TEST_TMPDIR/queue'; exit 0 ;; esac"
    apply
    assert_evidence bios_job WARN 'racadm gives no known answer about job JID_10'
    assert_evidence bios_settings PASS
}

@test "after the restart: settings that can no longer be read are FAIL, never taken for right" {
    export HAS_STARTED=True
    change 'for name in ("LogicalProc", "ProcVirtualization"): s["groups"]["ProcSettings"][name]["value"] = "Enabled"'
    odd "case \"\$*\" in 'jobqueue view') touch $BATS_TEST_TMPDIR/late ;; *ProcSettings) [ ! -e $BATS_TEST_TMPDIR/late ] || exit 3 ;; esac"
    apply
    [ "$status" -eq 1 ]
    assert_evidence foreign_pending FAIL
    odd "case \"\$*\" in 'jobqueue view') touch $BATS_TEST_TMPDIR/late ;; 'get BIOS.MiscSettings') touch $BATS_TEST_TMPDIR/later ;;
        *ProcSettings) [ ! -e $BATS_TEST_TMPDIR/later ] || exit 3 ;; esac"
    apply
    [ "$status" -eq 1 ]
    assert_evidence foreign_pending PASS
    assert_evidence bios_settings FAIL 'not read: ProcVirtualization LogicalProc'
    [ -z "$(writes)" ]
}

@test "every setting right: PASS, nothing written" {
    change 'for name in ("LogicalProc", "ProcVirtualization"): s["groups"]["ProcSettings"][name]["value"] = "Enabled"'
    apply
    [ "$status" -eq 0 ]
    [ -z "$(writes)" ]
    assert_evidence bios_settings PASS
    [ "$(evidence_field summary status)" = PASS ]
    grep -qx 'status: passed' "$RESULT_PATH"
    [ "$(grep -c ' status=INFO check=bios_attribute ' <<<"$output")" -eq 3 ] || fail "$output"
}

@test "one setting staged already, without a job: only the other is staged, and the job is made" {
    change 's["groups"]["ProcSettings"]["ProcVirtualization"]["pending"] = "Enabled"'
    apply
    [ "$status" -eq 0 ] || fail "$output $stderr"
    [ "$(writes)" = "set BIOS.ProcSettings.LogicalProc Enabled
$JOB" ]
}

@test "refuses under lockdown" {
    change 's["lockdown"] = True; s["groups"]["Lockdown"]["SystemLockdown"]["value"] = "Enabled"'
    apply
    refused bmc_lockdown 'SystemLockdown=Enabled*'
    assert_evidence bios_staged SKIP 'stands on bmc_lockdown, which is FAIL'
    assert_evidence bios_job SKIP 'stands on bios_staged, which is SKIP'
    assert_evidence bios_settings FAIL '*nothing was changed'
    # only looking, it is a warning
    run_script "$SCRIPT"
    [ "$status" -eq 0 ]
    assert_evidence bmc_lockdown WARN
}

@test "refuses on values that somebody else has staged, in our groups and in others" {
    change 's["groups"]["MiscSettings"]["AssetTag"]["pending"] = "rack 7"'
    apply
    refused foreign_pending 'staged by somebody else: AssetTag=rack 7'
    assert_evidence bios_staged SKIP 'stands on foreign_pending, which is FAIL'
    afresh
    change 's["groups"]["IntegratedDevices"]["SriovGlobalEnable"]["pending"] = "Disabled"'
    apply
    refused foreign_pending 'staged by somebody else: SriovGlobalEnable=Disabled'
}

@test "refuses on a job that has not ended" {
    odd 'case "$*" in "jobqueue view") printf "%s\n" "-------------------------JOB QUEUE------------------------" \
        "[Job ID=JID_5]" "Job Name=Firmware Update: iDRAC" "Status=Downloading" "Message=[RED001: Job in progress.]" \
        "Percent Complete=[7]" "----"; exit 0 ;; esac'
    apply
    refused job_queue 'another job has not ended: JID_5 Firmware Update: iDRAC: Downloading'
    assert_evidence foreign_pending SKIP 'stands on job_queue, which is FAIL'
    # a state that is not known may be a job that runs; one that has ended does not matter
    sed -i 's/Downloading/Contemplating/' "$BATS_TEST_TMPDIR/odd"
    apply
    refused job_queue '*Contemplating'
    sed -i 's/Contemplating/Completed/' "$BATS_TEST_TMPDIR/odd"
    run_script "$SCRIPT"
    assert_evidence job_queue PASS 'no job is open'
}

@test "an answer of racadm that is not known is never PASS, and stops an apply" {
    header='[Key=BIOS.Setup.1-1#ProcSettings]' seen=
    while IFS='|' read -r check call text status_of; do
        odd "case \"\$*\" in '$call') printf -- '$text\\n'; exit $status_of ;; esac"
        afresh
        apply
        refused "$check" || fail "for: $call: $text"
        # only looked at, each check is a warning: seen once
        [[ " $seen " != *" $check "* ]] || continue
        seen="$seen $check"
        run_script "$SCRIPT"
        [ "$status" -eq 0 ]
        assert_evidence "$check" WARN || fail "for: $call: $text"
    done <<CASES
bmc_lockdown|get iDRAC.Lockdown|Segmentation fault|0
bmc_lockdown|get iDRAC.Lockdown|[Key=iDRAC.Embedded.1#Lockdown.1]\nSystemLockdown=Disabled|3
bmc_lockdown|get iDRAC.Lockdown|[Key=iDRAC.Embedded.1#Lockdown.1]\nLockdown=Disabled|0
bios_read|get BIOS.ProcSettings|RAC1170|0
bios_read|get BIOS.ProcSettings|$header\nLogicalProc=Disabled|0
bios_read|get BIOS.ProcSettings|$header\nLogicalProc=Disabled\nProcVirtualization=(unknown)|0
foreign_pending|get BIOS.MiscSettings|something new|0
foreign_pending|get BIOS.MiscSettings|[Key=BIOS.Setup.1-1#MiscSettings]\nAssetTag=none|9
job_queue|jobqueue view|no jobs here|0
job_queue|jobqueue view|-----JOB QUEUE-----\n[Job ID=JID_1]\nJob Name=x\nPercent Complete=[1]|0
job_queue|jobqueue view|-----JOB QUEUE-----\n[Job ID=JID_1]\nJob Name=x|0
job_queue|jobqueue view|-----JOB QUEUE-----|4
CASES
}

@test "a set that is refused, or that claims success: cleared again, no job" {
    change 's["groups"]["ProcSettings"]["LogicalProc"]["read_only"] = True'
    apply
    [ "$status" -eq 1 ]
    assert_evidence bios_staged FAIL 'LogicalProc was not staged: RAC1025*cleared again'
    assert_evidence bios_job SKIP 'stands on bios_staged, which is FAIL'
    [ "$(writes | tail -n 1)" = 'clearpending BIOS.Setup.1-1' ]
    run ! grep -F '"pending"' "$STATE"
    afresh
    odd 'case "$*" in set*LogicalProc*) echo "RAC1017: Successfully modified the object value"; exit 0 ;; esac'
    apply
    assert_evidence bios_staged FAIL 'racadm said that LogicalProc=Enabled is staged, but shows it otherwise*'
    run ! grep -F '"pending"' "$STATE"
    for text in 'done' ''; do
        afresh
        odd "case \"\$*\" in set*) echo '$text'; exit 0 ;; esac"
        apply
        assert_evidence bios_staged FAIL 'ProcVirtualization was not staged: *'
    done
    odd 'case "$*" in set*) exit 0 ;; clearpending*) echo RAC1038; exit 1 ;; esac'
    apply
    assert_evidence bios_staged FAIL '*could not be cleared: RAC1038*'
}

@test "a job that is not made, is not named, or is not there" {
    while IFS='|' read -r call text detail; do
        afresh
        odd "case \"\$*\" in '$call') printf -- '$text\\n'; exit 0 ;; esac"
        apply
        [ "$status" -eq 1 ] || fail "for: $text: $output"
        assert_evidence bios_job FAIL "$detail" || fail "for: $text"
        assert_evidence power_cycle SKIP 'stands on bios_job, which is FAIL'
        assert_evidence bios_settings FAIL 'not as class *: ProcVirtualization=Enabled (now Disabled), LogicalProc=*'
    done <<CASES
$JOB|RAC1023: Unable to create the configuration job.|no job was made: RAC1023*
$JOB|RAC1024: Successfully scheduled a job.|no job was made: *
$JOB|Commit JID = JID_9|no job was made: *
$JOB|RAC1024: Successfully scheduled a job.\nCommit JID = JID_x|no job was made: *
jobqueue view -i JID_700000000001|what job|job JID_700000000001 was made, but racadm gives no known answer about it
jobqueue view -i JID_700000000001|-----JOB QUEUE-----\n[Job ID=JID_3]\nJob Name=Configure: BIOS.Setup.1-1\nStatus=Scheduled\nMessage=[JCP001: x]\nPercent Complete=[0]|racadm shows another job than JID_700000000001
CASES
    afresh
    odd ''
    change 's["ending"] = "PR30"'
    apply
    assert_evidence bios_job FAIL '*PR30*'
}

# skipped REASON CLASS: one line says why, MAAS hears of it, and racadm was asked nothing.
skipped() {
    [ "$status" -eq 0 ] || fail "$output $stderr"
    [ "${#lines[@]}" -eq 1 ]
    assert_evidence hardware_class INFO "$1"
    [ "$(sed -n 1,4p "$RESULT_PATH")" = "status: skipped
results:
  verdict: \"SKIP\"
  hardware_class: \"$2\"" ] || fail "$(cat "$RESULT_PATH")"
    [ ! -s "$CALLS" ]
}

@test "a machine of no class, another BMC, a class without attributes: skipped, nothing asked" {
    echo 'PowerEdge X' >/sys/devices/virtual/dmi/id/product_name
    apply
    skipped 'no hardware class for this DMI vendor and product' none
    host_reset
    ln -sf "$BATS_FILE_TMPDIR/racadm" /usr/local/bin/racadm
    path=$(script_path "$SCRIPT")
    class=$(sed -n "s/.*readonly HARDWARE_CLASSES='//; s/|Dell Inc[.]|.*//p" "$path")
    while IFS=/ read -r old new reason; do
        export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
        mkdir -p "$GPUAAS_GENERATED/$GPUAAS_SITE/maas"
        sed "/Dell Inc[.]|/s/$old/$new/" "$path" >"$GPUAAS_GENERATED/$GPUAAS_SITE/maas/$SCRIPT.sh"
        apply
        skipped "$reason" "$class"
    done <<CASES
|idrac9|/|redfish|/the BMC of class $class is redfish: racadm is for iDRACs
|ProcVirtualization=Enabled,[^|]*|/|-|/class $class names no BIOS attributes
CASES
}

@test "an attribute whose group the class does not give is not read: never applied" {
    path=$(script_path "$SCRIPT")
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
    mkdir -p "$GPUAAS_GENERATED/$GPUAAS_SITE/maas"
    sed '/Dell Inc[.]|/s/SriovGlobalEnable=Enabled|/AssetTag=slice|/' "$path" >"$GPUAAS_GENERATED/$GPUAAS_SITE/maas/$SCRIPT.sh"
    apply
    refused bios_read 'not read: AssetTag'
    sed '/Dell Inc[.]|/s/SriovGlobalEnable=Enabled|/AssetTag=slice|AssetTag=MiscSettings,/' "$path" \
        >"$GPUAAS_GENERATED/$GPUAAS_SITE/maas/$SCRIPT.sh"
    apply
    [ "$status" -eq 0 ] || fail "$output $stderr"
    writes | grep -Fx 'set BIOS.MiscSettings.AssetTag slice'
}

@test "no racadm and no way to get it: refused, what needs it is SKIP" {
    rm /usr/local/bin/racadm
    apply
    [ "$status" -eq 1 ]
    assert_evidence racadm FAIL 'racadm absent, and not installed: *'
    for check in bmc_lockdown bios_read job_queue; do assert_evidence "$check" SKIP 'stands on racadm, which is FAIL'; done
    assert_evidence bios_settings SKIP 'stands on bios_read, which is SKIP'
    for check in bios_staged bios_job power_cycle; do assert_evidence "$check" SKIP; done
    run_script "$SCRIPT"
    [ "$status" -eq 0 ]
    assert_evidence racadm WARN
}

@test "not root, a missing command: refused" {
    path=$(GPUAAS_GENERATED=/gpuaas/generated script_path "$SCRIPT")
    _shell_words
    run --separate-stderr setpriv --reuid 65534 --clear-groups env -u RESULT_PATH "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *'must run as root'* ]]
    mkdir "$BATS_TEST_TMPDIR/bin"
    for name in dash bash busybox awk mktemp sleep id; do ln -s "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"; done
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    # busybox ash has it built in
    [[ $stderr == *'missing commands: timeout;'* || $GPUAAS_TEST_SHELL == busybox ]]
}
