# A slice host after its storage transition and a restart that moved kernel names: nvme4n1 was the OS disk, now nvme7n1 is.
# host: j22u05-after-storage
# script: 50-gpuaas-slice-firmware-preflight
# script: gpuaas-slice-parity-check

load helpers

setup() {
    host_reset
    export RESULT_PATH=$BATS_TEST_TMPDIR/result.yaml
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
}

@test "the preflight finds the OS disk by its model, and the eight others raw, each under its own identity" {
    run_script 50-gpuaas-slice-firmware-preflight
    [ "$status" -eq 0 ]
    assert_evidence os_disk PASS 'nvme7n1 is *'
    assert_evidence nvme_identity PASS
    assert_evidence nvme_raw PASS
    grep -F ' detail=/dev/disk/by-id/nvme-eui.000000000000000100a075244a10e115 ' <<<"$output" | grep -qF ' kernel_name=nvme4n1 '
    grep -F ' detail=/dev/disk/by-id/nvme-eui.00000000000000010000000000b055f1 ' <<<"$output" |
        grep -F ' kernel_name=nvme7n1 ' | grep -qF ' partitions=nvme7n1p1,nvme7n1p2 '
}

@test "the parity check follows identities: all slot disks are raw, and a slot with the OS disk's identity is refused" {
    run_script profiles/slice-vm/root/usr/local/sbin/gpuaas-slice-parity-check --area storage
    assert_evidence slot_disks PASS '8 slot disks are there and unused by the host'
    sed -i 's/000000000000000100a075244a10e115/00000000000000010000000000b055f1/' /etc/gpuaas/node.env
    run_script profiles/slice-vm/root/usr/local/sbin/gpuaas-slice-parity-check --area storage
    assert_evidence slot_disks FAIL 'nvme-eui.00000000000000010000000000b055f1 is the OS disk'
}
