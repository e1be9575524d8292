# What the committed site maas280 sends to MAAS, on the machine that it was written for: j22u05 after its BIOS was set.
# host: j22u05-after-bios
# site: maas280
# script: 50-gpuaas-slice-firmware-preflight
# script: 60-gpuaas-slice-firmware-apply

load helpers

setup() {
    host_reset
}

@test "the preflight knows the machine's class and finds nothing wrong" {
    run_script 50-gpuaas-slice-firmware-preflight
    [ "$status" -eq 0 ]
    [ "$(evidence_summary failures)" -eq 0 ]
    assert_evidence gpu_count PASS
    assert_evidence nvme_count PASS
    assert_evidence bios_settings PASS
}

@test "a missing GPU is found" {
    rm -r /sys/bus/pci/devices/0000:1b:00.0
    run_script 50-gpuaas-slice-firmware-preflight
    assert_evidence gpu_count FAIL '*7*8*'
}

@test "without apply_bios nothing is staged" {
    run_script 60-gpuaas-slice-firmware-apply
    [ "$status" -eq 0 ]
    assert_evidence bios_settings PASS
    run ! grep -E 'set|jobqueue create' <<<"$(calls racadm)"
}
