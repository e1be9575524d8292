# A slice host one of whose eight GPUs has gone: each script says which, and judges nothing that stands on it.
# host: missing-gpu
# script: 50-gpuaas-slice-firmware-preflight
# script: gpuaas-slice-parity-check
# script: gpuaas-slice-vfio-bind

load helpers

setup() {
    host_reset
    export RESULT_PATH=$BATS_TEST_TMPDIR/result.yaml
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
}

@test "the preflight: 7 of 8, their links and NUMA nodes are not judged, the other areas are" {
    run_script 50-gpuaas-slice-firmware-preflight
    [ "$status" -eq 0 ]
    assert_evidence gpu_count FAIL '7 of 8 GPUs with ID 10de:2335: *'
    [[ $(evidence_field gpu_count detail) != *0000:db:00.0* ]]
    [[ $(evidence_field gpu_count remediation) == *'reseat or replace it'* ]]
    for check in gpu_link gpu_numa; do assert_evidence "$check" SKIP 'stands on gpu_count, which is FAIL'; done
    for check in nvswitch_count bf3_count fabric_count fabric_link fabric_numa nvme_count; do assert_evidence "$check" PASS; done
    [ "$(evidence_summary failures)" -eq 1 ]
    grep -qx '  gpu: "FAIL"' "$RESULT_PATH"
    grep -qx '  fabric: "PASS"' "$RESULT_PATH"
}

@test "the parity check: the address that is not there" {
    run_script profiles/slice-vm/root/usr/local/sbin/gpuaas-slice-parity-check --area host
    [ "$status" -eq 1 ]
    assert_evidence vfio FAIL 'not bound to vfio-pci: 0000:db:00.0: missing'
    [ "$(evidence_field vfio remediation)" = 'run gpuaas-slice-vfio-bind and look at what it says' ]
}

@test "vfio-bind: refused by its name, nothing is bound or released, and nothing is kept for the next boot" {
    run_script gpuaas-slice-vfio-bind
    [ "$status" -eq 1 ]
    assert_evidence approved FAIL 'no device at: 0000:db:00.0'
    [[ $(evidence_field approved remediation) == *'compare lspci -D with the approved slots'* ]]
    for check in identity host_devices iommu_groups in_use; do assert_evidence "$check" SKIP 'stands on approved, which is FAIL'; done
    for check in driver bound rule initramfs; do assert_evidence "$check" SKIP; done
    [ ! -e /etc/udev/rules.d/70-gpuaas-vfio.rules ]
    [ ! -s /sys/bus/pci/drivers/vfio-pci/unbind ]
}

@test "fail_unfit: only the exact text true fails an unfit machine" {
    for words in '' --fail-unfit=false --fail-unfit=True --fail-unfit=; do
        run_script 50-gpuaas-slice-firmware-preflight $words
        [ "$status" -eq 0 ] || fail "$words"
    done
    [ "$(evidence_field summary status)" = FAIL ]
    run_script 50-gpuaas-slice-firmware-preflight --fail-unfit=true
    [ "$status" -eq 1 ]
    [[ $stderr == *'not fit for slices'* ]]
    grep -qx '  verdict: "FAIL"' "$RESULT_PATH"
}
