# The preflight on j22u05 as it was found: virtualization, logical processors and SR-IOV off in the BIOS.
# host: j22u05-before-bios
# script: 50-gpuaas-slice-firmware-preflight

load helpers

setup() {
    host_reset
    export RESULT_PATH=$BATS_TEST_TMPDIR/result.yaml
}

@test "every effect of the firmware is FAIL, what stands on it is SKIP, and the commissioning does not fail" {
    run_script 50-gpuaas-slice-firmware-preflight
    [ "$status" -eq 0 ]
    assert_evidence smt FAIL
    assert_evidence kernel_log FAIL '*VMX (outside TXT) disabled by BIOS*VMX not enabled (by BIOS)*'
    assert_evidence bios_settings FAIL 'wrong: ProcVirtualization=Disabled LogicalProc=Disabled SriovGlobalEnable=Disabled'
    assert_evidence bios_pending PASS
    assert_evidence cpu_virtualization FAIL
    assert_evidence kvm_module SKIP 'stands on cpu_virtualization, which is FAIL'
    assert_evidence kvm_device SKIP 'stands on kvm_module, which is SKIP'
    assert_evidence iommu_table FAIL
    assert_evidence iommu_groups SKIP 'stands on iommu_table, which is FAIL'
    assert_evidence bf3_sriov FAIL
    # the inventory is there all the same
    assert_evidence gpu_count PASS
    assert_evidence fabric_count PASS
    assert_evidence nvme_count PASS
    [ "$(evidence_summary failures)" -eq 6 ]
    grep -qx 'status: degraded' "$RESULT_PATH"
    grep -qx '  verdict: "FAIL"' "$RESULT_PATH"
}
