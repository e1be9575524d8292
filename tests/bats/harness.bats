# The harness tests itself: shells, evidence helpers, fixture host, stand-ins, loop disks.
# host: harness

# Code in quotes is for the script under test.
# shellcheck disable=SC2016,SC2154
load helpers

setup() {
    host_reset
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated GPUAAS_SITE=example
    mkdir -p "$GPUAAS_GENERATED/example/profiles/a" "$GPUAAS_GENERATED/example/profiles/b"
    cat >"$GPUAAS_GENERATED/example/profiles/a/demo" <<'SCRIPT'
#!/bin/sh
trap 'exit 70' EXIT
set -eu
demo_say() { printf '%s\n' "$1"; }
main() {
    if [ -n "${BASH_VERSION:-}" ]; then demo_say 'shell bash'; else demo_say "shell $(readlink /proc/$$/exe)"; fi
    demo_say "GPUAAS_DEMO status=PASS check=one detail='it'\\''s two words'"
    demo_say 'GPUAAS_DEMO status=FAIL check=two detail=escaped\ words remediation=render\ it'
    demo_say 'GPUAAS_DEMO status=PASS check=twice'
    demo_say 'GPUAAS_DEMO status=FAIL check=twice'
    demo_say 'log line' >&2
    demo_say "GPUAAS_DEMO status=FAIL failures=2 warnings=0 arguments=$#"
    return 3
}
{ trap - EXIT; main "$@"; exit; }
SCRIPT
    cp "$GPUAAS_GENERATED/example/profiles/a/demo" "$GPUAAS_GENERATED/example/profiles/b/demo"
}

teardown() {
    loop_clean
}

@test "run_script runs under the named shell" {
    run_script demo
    case $GPUAAS_TEST_SHELL in
        dash) [[ ${lines[0]} == */dash ]] ;;
        busybox) [[ ${lines[0]} == */busybox ]] ;;
        bash) [[ ${lines[0]} == "shell bash" ]] ;;
    esac
}

@test "run_script gives status, stdout and stderr apart" {
    run_script demo a 'b c'
    [ "$status" -eq 3 ]
    [ "$stderr" = "log line" ]
    [[ $output != *"log line"* ]]
    [[ $output == *"arguments=2" ]]
}

@test "run_script refuses an unknown script and differing ones" {
    run ! run_script no-such-script
    printf '# other\n' >>"$GPUAAS_GENERATED/example/profiles/b/demo"
    run ! run_script demo
    [[ $output == *"differ"* ]]
}

@test "evidence is read by check, and only when there is exactly one line" {
    run_script demo
    [ "$(evidence_status one)" = PASS ]
    [ "$(evidence_field one detail)" = "it's two words" ]
    [ "$(evidence_field two detail)" = "escaped words" ]
    [ "$(evidence_summary failures)" = 2 ]
    assert_evidence two FAIL 'escaped*'
    printed=$output
    output=$printed && run ! assert_evidence two PASS
    output=$printed && run ! assert_evidence two FAIL 'something else'
    output=$printed && run ! evidence_status twice
    output=$printed && run ! evidence_status absent
    output=$printed && run ! evidence_status tw
    output=$printed && run ! evidence_field two nothing
    output=$printed && run ! evidence_summary passes
}

@test "evidence lines are kept for the table of both colours" {
    run_script demo
    grep -q "^demo	$GPUAAS_TEST_SHELL	$BATS_TEST_NAME	GPUAAS_DEMO status=FAIL check=two" "$GPUAAS_EVIDENCE_LOG"
}

@test "run_functions calls a function without main" {
    run_functions demo 'demo_say "$1"; exit 5' hello
    [ "$status" -eq 5 ]
    [ "$output" = hello ]
}

@test "the fixture host is in place, writable, and reset" {
    [ "$(cat /proc/cmdline)" = "BOOT_IMAGE=/boot/vmlinuz root=/dev/nvme0n1p2 ro intel_iommu=on iommu=pt" ]
    [ "$(cat /sys/class/dmi/id/product_name)" = "PowerEdge Test" ]
    [ -L /sys/bus/pci/devices/0000:1b:00.0 ]
    [ "$(cat /sys/bus/pci/devices/0000:1b:00.0/vendor)" = 0x10de ]
    [ "$(readlink -f /sys/bus/pci/devices/0000:1b:00.0)" = /sys/devices/pci0000:16/0000:1b:00.0 ]
    [ "$(ls /sys/bus/pci/devices)" = 0000:1b:00.0 ]
    [ -z "$(ls /sys/module)" ]
    [ -d /sys/class/net/lo ]
    [ -c /dev/kvm ]
    rm /sys/bus/pci/devices/0000:1b:00.0
    printf 'quiet\n' >/proc/cmdline
    host_reset
    [ "$(cat /sys/bus/pci/devices/0000:1b:00.0/vendor)" = 0x10de ]
    grep -q intel_iommu /proc/cmdline
}

@test "files of the host's disk are plain files that a script can replace" {
    grep -q '^UUID=1111 /share1' /etc/fstab
    sed -i 's,share1,share9,' /etc/fstab
    grep -q share9 /etc/fstab
}

@test "a stand-in answers what was recorded, fails otherwise, and its calls are kept" {
    run racadm get BIOS.ProcSettings
    [ "$status" -eq 0 ]
    [[ $output == *"ProcVirtualization=Disabled"* ]]
    run racadm jobqueue view
    [ "$status" -eq 2 ]
    run racadm set everything
    [ "$status" -eq 125 ]
    [ "$(calls racadm | tail -n 1)" = "set everything" ]
    answer racadm "get BIOS.ProcSettings" "ProcVirtualization=Enabled"
    [ "$(racadm get BIOS.ProcSettings)" = "ProcVirtualization=Enabled" ]
    host_reset
    [[ $(racadm get BIOS.ProcSettings) == *"ProcVirtualization=Disabled"* ]]
    [ "$(dmesg --ctime | head -n 1)" = "[    0.000000] Linux version 6.8.0-test" ]
}

@test "a script that hangs ends with status 124" {
    printf '#!/bin/sh\nsleep 30\n' >"$GPUAAS_GENERATED/example/hang"
    GPUAAS_SCRIPT_TIMEOUT=1 run_script hang
    [ "$status" -eq 124 ]
}

@test "a loop disk takes partitions and a filesystem, and lsblk sees them at once" {
    disk=$(loop_disk first 64M S1 0001)
    printf 'label: gpt\n,32M,L\n,,L\n' | sfdisk --quiet "$disk"
    udev_settle
    mkfs.ext4 -q -L one -U 11111111-2222-3333-4444-555555555555 "${disk}p1"
    [ "$(lsblk -n -o FSTYPE "${disk}p1")" = ext4 ]
    [ "$(readlink -f /dev/disk/by-uuid/11111111-2222-3333-4444-555555555555)" = "${disk}p1" ]
    [ "$(readlink -f /dev/disk/by-label/one)" = "${disk}p1" ]
    [ "$(readlink -f /dev/disk/by-id/nvme-eui.0001-part1)" = "${disk}p1" ]
    mkdir -p /mnt/first
    mount "${disk}p1" /mnt/first
    [ "$(findmnt -n -o SOURCE /mnt/first)" = "${disk}p1" ]
    umount /mnt/first
    wipefs --quiet --all "${disk}p1"
    [ -z "$(lsblk -n -o FSTYPE "${disk}p1")" ]
    [ ! -e /dev/disk/by-uuid/11111111-2222-3333-4444-555555555555 ]
}

@test "a disk's identity can move to another disk" {
    first=$(loop_disk first 8M S1 0001)
    second=$(loop_disk second 8M S2 0002)
    [ "$(lsblk -d -n -o SERIAL "$first")" = S1 ]
    [ "$(readlink -f /dev/disk/by-id/nvme-eui.0002)" = "$second" ]
    disk_identity "$second" S1 0001
    disk_identity "$first" S2 0002
    [ "$(readlink -f /dev/disk/by-id/nvme-eui.0002)" = "$first" ]
    [ "$(lsblk -d -n -o SERIAL "$first")" = S2 ]
}

@test "loop_clean leaves no disk, not even a mounted one" {
    disk=$(loop_disk first 16M S1 0001)
    mkfs.ext4 -q "$disk"
    mkdir -p /mnt/first
    mount "$disk" /mnt/first
    # not only by its name: another container may have taken that device since
    behind=$(losetup --noheadings --output BACK-MAJ:MIN,BACK-INO "$disk")
    [ -n "$behind" ]
    loop_clean
    [ "$(losetup --noheadings --output BACK-MAJ:MIN,BACK-INO "$disk" 2>/dev/null)" != "$behind" ]
    run ! findmnt /mnt/first
    [ ! -e /dev/disk/by-id/nvme-eui.0001 ]
}

@test "the build machine is out of reach: its disks, its sysfs, its kernel settings" {
    rm -f /dev/foreign
    mknod /dev/foreign b 8 0
    run ! head -c 1 /dev/foreign
    while read -r major minor _ name; do
        case $name in loop* | name | '') continue ;; esac
        rm -f /dev/foreign
        mknod /dev/foreign b "$major" "$minor"
        run ! head -c 1 /dev/foreign
    done </proc/partitions
    # Only values that are there already: were a guard broken, nothing would change.
    run ! sh -c ': >/sys/kernel/mm/transparent_hugepage/enabled'
    run ! sysctl -q -w "vm.swappiness=$(cat /proc/sys/vm/swappiness)"
    run ! sysctl -q -w "kernel.printk=$(cat /proc/sys/kernel/printk)"
    run ! sh -c ': >/proc/sysrq-trigger'
    sysctl -q -w net.ipv4.ip_forward=1
}
