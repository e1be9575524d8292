# Block devices with odd names: a path device of native multipath (nvme4c4n1), a device that is no namespace (nvme-fabrics).
# host: odd-names
# script: 50-gpuaas-slice-firmware-preflight
# script: gpuaas-slice-parity-check

load helpers

setup() {
    host_reset
    export RESULT_PATH=$BATS_TEST_TMPDIR/result.yaml
}

@test "the preflight's inventory: nine disks, the odd ones ignored by name, and everything is right" {
    run_script 50-gpuaas-slice-firmware-preflight
    [ "$status" -eq 0 ]
    assert_evidence nvme_count PASS '9 whole devices'
    assert_evidence nvme_identity PASS
    assert_evidence os_disk PASS 'nvme4n1 is *'
    [ "$(grep -c '^GPUAAS_SLICE_NVME status=INFO check=device ' <<<"$output")" -eq 9 ]
    [ "$(grep -c ' kernel_name=nvme[0-8]n1 ' <<<"$output")" -eq 9 ]
    grep -qF 'check=ignored detail=nvme4c4n1' <<<"$output"
    grep -qF 'check=ignored detail=nvme-fabrics' <<<"$output"
    [ "$(grep -c ' check=ignored ' <<<"$output")" -eq 2 ]
    [ "$(evidence_field summary status)" = PASS ]
}

@test "a disk that the kernel hides is none" {
    echo 1 >/sys/block/nvme0n1/hidden
    run_script 50-gpuaas-slice-firmware-preflight
    assert_evidence nvme_count FAIL '8 of 9 *'
    # whatever it says itself, a path device is no disk
    host_reset
    echo 0 >/sys/block/nvme4c4n1/hidden
    run_script 50-gpuaas-slice-firmware-preflight
    assert_evidence nvme_count PASS '9 whole devices'
}

@test "the parity check takes no path device for an approved disk" {
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
    run_script profiles/slice-vm/root/usr/local/sbin/gpuaas-slice-parity-check --area storage
    assert_evidence slot_disks PASS '8 slot disks *'
    cp /dev/nvme0n1 /dev/nvme4c4n1
    ln -sf ../../nvme4c4n1 /dev/disk/by-id/nvme-eui.000000000000000100a075244a103331
    run_script profiles/slice-vm/root/usr/local/sbin/gpuaas-slice-parity-check --area storage
    assert_evidence slot_disks FAIL 'nvme-eui.000000000000000100a075244a103331 is not there'
    rm /dev/nvme4c4n1
}
