# Files that are rendered from templates/files, read by the programs that read them on a host.

load helpers

PROFILE=profiles/slice-vm/root

file() {
    printf '%s/%s/%s\n' "$GPUAAS_GENERATED" "$GPUAAS_SITE" "$1"
}

# grub VENDOR BEFORE: GRUB_CMDLINE_LINUX as grub-mkconfig has it after sourcing the file, on a machine of that vendor.
grub() {
    printf 'processor\t: 0\nvendor_id\t: %s\n' "$1" >"$BATS_TEST_TMPDIR/cpuinfo"
    run unshare -m --propagation private sh -c '
        mount --bind "$1" /proc/cpuinfo
        set -e
        [ "$3" = unset ] || GRUB_CMDLINE_LINUX=$3
        . "$2"
        printf "%s\n" "$GRUB_CMDLINE_LINUX"' sh "$BATS_TEST_TMPDIR/cpuinfo" "$(file $PROFILE/etc/default/grub.d/90-gpuaas.cfg)" "$2"
    [ "$status" -eq 0 ] || fail "$output"
}

@test "grub.d: Intel asks for its IOMMU, AMD only for passthrough; huge pages and further arguments follow" {
    local more='default_hugepagesz=1G hugepagesz=1G hugepages=512 nvme_core.multipath=Y'
    grub GenuineIntel unset
    [ "$output" = "intel_iommu=on iommu=pt $more" ]
    grub AuthenticAMD ''
    [ "$output" = "iommu=pt $more" ]
}

@test "grub.d: what is there is kept and not doubled" {
    grub GenuineIntel 'intel_iommu=on iommu=pt'
    [[ $output == 'intel_iommu=on iommu=pt default_hugepagesz='* ]]
    grub GenuineIntel 'console=ttyS0 xiommu=pt'
    [[ $output == 'console=ttyS0 xiommu=pt intel_iommu=on iommu=pt '* ]]
}

@test "modules-load.d: the three VFIO modules" {
    [ "$(grep -v '^#' "$(file $PROFILE/etc/modules-load.d/gpuaas-vfio.conf)" | tr '\n' ' ')" = 'vfio vfio_iommu_type1 vfio_pci ' ]
}

@test "sysctl.d: forwarding is applied by the program that reads it at boot; the tuning profile holds its pairs" {
    echo 0 >/proc/sys/net/ipv4/ip_forward
    /usr/lib/systemd/systemd-sysctl "$(file $PROFILE/etc/sysctl.d/60-gpuaas-slice.conf)"
    [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
    tuning=$(grep -v '^#' "$(file $PROFILE/etc/sysctl.d/61-gpuaas-tuning.conf)")
    [ "$tuning" = $'net.core.rmem_max=268435456\nnet.ipv4.tcp_rmem=4096 87380 268435456' ]
}

@test "netplan takes the IPoIB file, and makes a link that boot does not wait for" {
    mkdir -p "$BATS_TEST_TMPDIR/root/etc/netplan"
    install -m 600 "$(file nodes/lab-slice-1/root/etc/netplan/60-ipoib.yaml)" "$BATS_TEST_TMPDIR/root/etc/netplan/"
    run netplan generate --root-dir "$BATS_TEST_TMPDIR/root"
    [ "$status" -eq 0 ] || fail "$output"
    # with another root there is no networkd to tell
    ! grep -v 'Failed to send reload request' <<<"$output"
    network=$(cat "$BATS_TEST_TMPDIR"/root/run/systemd/network/*ibp15s0.network)
    grep -qx 'Address=10.178.0.11/16' <<<"$network"
    ! grep -r ibp15s0 "$BATS_TEST_TMPDIR"/root/run/systemd/system || fail 'the boot waits for it'
    grep -qx 'Mode=datagram' <<<"$network"
}
