# A machine in lockdown: the BMC's System Lockdown Mode, and the kernel's. Racadm's answers are recorded ones.
# host: lockdown
# script: 50-gpuaas-slice-firmware-preflight
# script: 60-gpuaas-slice-firmware-apply

load helpers

setup() {
    host_reset
    export RESULT_PATH=$BATS_TEST_TMPDIR/result.yaml
}

@test "the preflight warns of both lockdowns, each with what to do, and of nothing else" {
    run_script 50-gpuaas-slice-firmware-preflight
    [ "$status" -eq 0 ]
    assert_evidence bmc_lockdown WARN 'SystemLockdown=Enabled'
    [ "$(evidence_field bmc_lockdown remediation)" = 'BIOS changes are refused in System Lockdown Mode; turn it off before changing any' ]
    assert_evidence kernel_lockdown WARN 'none [[]integrity[]] confidentiality'
    [[ $(evidence_field kernel_lockdown remediation) == 'Secure Boot is on: '* ]]
    assert_evidence bios_settings PASS
    [ "$(evidence_summary failures)" -eq 0 ]
    [ "$(evidence_summary warnings)" -eq 2 ]
    grep -qx 'status: degraded' "$RESULT_PATH"
    grep -qx '  firmware: "WARN"' "$RESULT_PATH"
    grep -qx '  gpu: "PASS"' "$RESULT_PATH"
}

@test "the apply refuses and says why: it asks, and sets nothing" {
    answer racadm 'get BIOS.ProcSettings' $'[Key=BIOS.Setup.1-1#ProcSettings]\nLogicalProc=Disabled\nProcVirtualization=Enabled'
    run_script 60-gpuaas-slice-firmware-apply --apply-bios=true --power-cycle=true
    [ "$status" -eq 1 ]
    assert_evidence bmc_lockdown FAIL 'SystemLockdown=Enabled: BIOS changes are refused'
    [ "$(evidence_field bmc_lockdown remediation)" = 'turn System Lockdown Mode off in the iDRAC, then run this again' ]
    assert_evidence bios_staged SKIP 'stands on bmc_lockdown, which is FAIL'
    assert_evidence bios_job SKIP 'stands on bios_staged, which is SKIP'
    assert_evidence power_cycle SKIP 'stands on bios_staged, which is SKIP'
    assert_evidence bios_settings FAIL 'not as class *: LogicalProc=Enabled (now Disabled); nothing was changed'
    grep -qx 'status: failed' "$RESULT_PATH"
    calls racadm >"$BATS_TEST_TMPDIR/calls"
    grep -qx 'get iDRAC.Lockdown' "$BATS_TEST_TMPDIR/calls"
    run ! grep -vE '^(get |jobqueue view)' "$BATS_TEST_TMPDIR/calls"
}
