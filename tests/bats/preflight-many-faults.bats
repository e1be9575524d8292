# The preflight on a machine with several faults at once: a GPU missing, no RACADM, lockdown, and block devices
# with odd names.
# host: many-faults
# script: 50-gpuaas-slice-firmware-preflight

load helpers

setup() {
    host_reset
    export RESULT_PATH=$BATS_TEST_TMPDIR/result.yaml
}

@test "each fault is reported for itself" {
    run_script 50-gpuaas-slice-firmware-preflight
    [ "$status" -eq 0 ]
    assert_evidence gpu_count FAIL '7 of 8 GPUs*'
    assert_evidence racadm WARN '*racadm absent*'
    assert_evidence bios_settings SKIP 'stands on racadm, which is WARN'
    assert_evidence kernel_lockdown WARN '*[[]integrity]*'
    [ "$(evidence_summary failures)" -eq 1 ]
    [ "$(evidence_summary warnings)" -eq 2 ]
}

@test "names such as nvme4c4n1 are no disks, and a hidden path device is none either" {
    run_script 50-gpuaas-slice-firmware-preflight
    assert_evidence nvme_count PASS '9 whole devices'
    grep -F 'check=ignored detail=nvme4c4n1' <<<"$output"
    grep -F 'check=ignored detail=nvme-fabrics' <<<"$output"
    echo 1 >/sys/block/nvme0n1/hidden
    run_script 50-gpuaas-slice-firmware-preflight
    assert_evidence nvme_count FAIL '8 of 9 *'
}
