# The preflight on an AMD machine whose BMC is no iDRAC.
# host: amd
# script: 50-gpuaas-slice-firmware-preflight

load helpers

setup() {
    host_reset
    export RESULT_PATH=$BATS_TEST_TMPDIR/result.yaml
}

@test "AMD: svm, kvm_amd, the IVRS table; what the class does not name is SKIP, and the verdict PASS" {
    run_script 50-gpuaas-slice-firmware-preflight
    [ "$status" -eq 0 ]
    assert_evidence cpu_vendor PASS amd
    assert_evidence cpu_virtualization PASS '*svm*'
    assert_evidence kvm_module PASS '*kvm_amd*'
    assert_evidence iommu_table PASS '*IVRS*'
    assert_evidence iommu_groups PASS '40 groups'
    assert_evidence racadm SKIP
    assert_evidence bios_settings SKIP
    assert_evidence bf3_count SKIP
    [ "$(evidence_field summary status)" = PASS ]
    grep -qx 'status: passed' "$RESULT_PATH"
}

@test "AMD: no groups are FAIL, because the IOMMU is on unless told otherwise" {
    rm -r /sys/kernel/iommu_groups/*
    run_script 50-gpuaas-slice-firmware-preflight
    assert_evidence iommu_groups FAIL
    for argument in amd_iommu=off iommu=off; do
        echo "ro $argument" >/proc/cmdline
        run_script 50-gpuaas-slice-firmware-preflight
        assert_evidence iommu_groups SKIP '*asks for no IOMMU: judged on the deployed host'
    done
}

@test "AMD: no svm is FAIL" {
    sed 's/ svm / /' /gpuaas/host/proc/cpuinfo >/proc/cpuinfo
    run_script 50-gpuaas-slice-firmware-preflight
    assert_evidence cpu_virtualization FAIL
}
