# gpuaas-slice-vfio-bind on the sysfs of a fixture host. The kernel's part is played: writes to a driver's unbind and to
# drivers_probe move the driver links. The initramfs is a tar file, filled by the real hook.
# host: j22u05-after-bios
# script: gpuaas-slice-vfio-bind

load helpers

SCRIPT=gpuaas-slice-vfio-bind
RULES=/etc/udev/rules.d/70-gpuaas-vfio.rules
PCI=/sys/bus/pci
GPUS='0000:1b:00.0 0000:3b:00.0 0000:4c:00.0 0000:5d:00.0 0000:9b:00.0 0000:bb:00.0 0000:cb:00.0 0000:db:00.0'
FABRIC='0000:1a:00.0 0000:3a:00.0 0000:4b:00.0 0000:5c:00.0 0000:9a:00.0 0000:ba:00.0 0000:ca:00.0 0000:da:00.0'
CHECKS='approved identity host_devices iommu_groups in_use driver bound rule initramfs'

# kernel: a message for a bound device takes it from its driver, one for a device without a driver probes it.
kernel() {
    local address driver
    while read -r address; do
        if [ -L "$PCI/devices/$address/driver" ]; then
            rm "$PCI/devices/$address/driver"
            continue
        fi
        grep -qsx "$address" /run/kernel-refuses && continue
        read -r driver <"$PCI/devices/$address/driver_override" || driver=
        case $driver:$address in
            :0000:?[abf]:00.0 | :0000:5c:00.0) driver=mlx5_core ;;
            :*) driver=nvidia ;;
        esac
        case " $GPUS " in *" $address "*) [ "$driver" != mlx5_core ] || driver=nvidia ;; esac
        [ ! -d "$PCI/drivers/$driver" ] || ln -s "../../../bus/pci/drivers/$driver" "$PCI/devices/$address/driver"
    done
}

initramfs_standins() {
    rm -f /usr/local/bin/modprobe # the fixture host has one
    mkdir -p /usr/share/initramfs-tools
    printf 'manual_add_modules() { :; }\n' >/usr/share/initramfs-tools/hook-functions
    cat >/usr/local/bin/update-initramfs <<'STANDIN'
#!/bin/sh
set -eu
printf '%s\n' "$*" >>/run/update-initramfs-calls
DESTDIR=$(mktemp -d)
export DESTDIR
mkdir -p "$DESTDIR/etc"
/etc/initramfs-tools/hooks/gpuaas-vfio
tar -C "$DESTDIR" -cf "/boot/initrd.img-$(uname -r)" etc
rm -rf "$DESTDIR"
STANDIN
    printf '#!/bin/sh\ntar -tf "$1"\n' >/usr/local/bin/lsinitramfs
    printf '#!/bin/sh\ntar -xf "$1" -C "$2"\n' >/usr/local/bin/unmkinitramfs
    printf '#!/bin/sh\nprintf "%%s\\n" "$*" >>/run/modprobe-calls\n[ -e /run/no-vfio ] || mkdir -p /sys/bus/pci/drivers/vfio-pci\n' \
        >/usr/local/bin/modprobe
    chmod 755 /usr/local/bin/update-initramfs /usr/local/bin/lsinitramfs /usr/local/bin/unmkinitramfs /usr/local/bin/modprobe
}

setup() {
    host_reset
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
    root=$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root
    install -D -m 755 "$root/etc/initramfs-tools/hooks/gpuaas-vfio" /etc/initramfs-tools/hooks/gpuaas-vfio
    initramfs_standins
    mkdir -p "$PCI/drivers/nvidia" "$PCI/drivers/mlx5_core" "$PCI/drivers/vfio-pci" /boot
    rm -f "$PCI/drivers_probe" "$RULES" /boot/initr* /run/update-initramfs-calls /run/modprobe-calls /run/kernel-refuses /run/no-vfio
    mkdir -p "${RULES%/*}"
    mkfifo "$PCI/drivers_probe"
    for driver in nvidia mlx5_core vfio-pci; do ln -s ../../drivers_probe "$PCI/drivers/$driver/unbind"; done
    group=10
    for address in $GPUS $FABRIC 0000:bc:00.0 0000:bc:00.1 0000:01:00.0; do
        : >"$PCI/devices/$address/driver_override"
        mkdir -p "/sys/kernel/iommu_groups/$group/devices"
        ln -s "../../../../bus/pci/devices/$address" "/sys/kernel/iommu_groups/$group/devices/$address"
        ln -s "../../../kernel/iommu_groups/$group" "$PCI/devices/$address/iommu_group"
        group=$((group + 1))
    done
    for address in $GPUS; do ln -sfn ../../../bus/pci/drivers/nvidia "$PCI/devices/$address/driver"; done
    for address in $FABRIC; do ln -sfn ../../../bus/pci/drivers/mlx5_core "$PCI/devices/$address/driver"; done
    exec 7<>"$PCI/drivers_probe"
    kernel <&7 3>&- &
    kernel_pid=$!
    update-initramfs -u -k all
}

teardown() {
    exec 7>&-
    kill "$kernel_pid" 2>/dev/null && wait "$kernel_pid" 2>/dev/null || true
    [ -z "${holder:-}" ] || kill "$holder" 2>/dev/null || true
    rm -rf /dev/vfio /dev/nvidia0
    for name in v4 local way; do ip link delete "lab-$name" 2>/dev/null || true; done
    rm -f /usr/local/bin/systemctl /usr/local/bin/flock /usr/local/bin/dracut /usr/local/bin/lsinitrd
    for path in /usr/bin/*.hidden /usr/sbin/*.hidden; do [ ! -e "$path" ] || mv "$path" "${path%.hidden}"; done
}

driver_of() {
    local path
    path=$(readlink "$PCI/devices/$1/driver") || path=none
    printf '%s\n' "${path##*/}"
}

# state: all that the script may change.
state() {
    for address in $GPUS $FABRIC 0000:bc:00.0 0000:01:00.0; do
        echo "$address $(driver_of "$address") $(cat "$PCI/devices/$address/driver_override")"
    done
    ls /etc/udev/rules.d
    cat "$RULES" 2>/dev/null || true
    md5sum /boot/initrd.img-*
    cat /run/modprobe-calls 2>/dev/null || true
}

bind() {
    run_script "$SCRIPT" "$@" 7>&-
}

# bind_where CODE: the same in a mount namespace of its own, after CODE.
bind_where() {
    local path shell_words
    path=$(script_path "$SCRIPT")
    _shell_words
    run --separate-stderr timeout 60 unshare --mount bash -c "set -e; $1; exec \"\$@\"" bash "${shell_words[@]}" "$path" 7>&-
    _keep_evidence "$SCRIPT"
}

# dracut_standins: a host of dracut in place of initramfs-tools. It reads what we install for it.
dracut_standins() {
    rm /usr/local/bin/update-initramfs /usr/local/bin/lsinitramfs /usr/local/bin/unmkinitramfs /boot/initrd.img-*
    for path in /usr/sbin/update-initramfs /usr/bin/lsinitramfs /usr/bin/unmkinitramfs; do
        [ ! -e "$path" ] || mv "$path" "$path.hidden"
    done
    cat >/usr/local/bin/dracut <<'STANDIN'
#!/bin/bash
set -eu
[ "$*" = '--force --regenerate-all' ]
source "$GPUAAS_CONF"
mapfile -t found < <(for file in $install_optional_items; do [ ! -e "$file" ] || echo "${file#/}"; done)
tar -C / -cf "/boot/initramfs-$(uname -r).img" --no-recursion etc "${found[@]}"
STANDIN
    cat >/usr/local/bin/lsinitrd <<'STANDIN'
#!/bin/sh
[ "$1" = -f ] || exec tar -tf "$1"
tar -tf "$3" >/dev/null || exit 1
tar -xOf "$3" "$2" 2>/dev/null || : # a file that is not there is no failure
STANDIN
    chmod 755 /usr/local/bin/dracut /usr/local/bin/lsinitrd
    export GPUAAS_CONF=$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root/etc/dracut.conf.d/90-gpuaas-vfio.conf
    dracut --force --regenerate-all
}

bound_ok() {
    bind
    [ "$status" -eq 0 ] || fail "$output $stderr"
}

# only_fails CHECK [BLOCKED...]: that check alone is FAIL; what stands on it is SKIP; nothing was changed.
only_fails() {
    local check=$1
    shift
    [ "$status" -eq 1 ] || fail "exit status $status: $output $stderr"
    [ "$(grep -c ' status=FAIL check=' <<<"$output")" -eq 2 ] || fail "not only $check is FAIL: $output"
    assert_evidence "$check" FAIL
    [ -n "$(evidence_field "$check" remediation)" ]
    for blocked; do assert_evidence "$blocked" SKIP 'stands on *'; done
}

@test "binds exactly the approved devices, and reads the driver link back" {
    bound_ok
    for check in $CHECKS; do assert_evidence "$check" PASS; done
    assert_evidence bound PASS '16 devices: *'
    [[ $stderr != *warning* ]] || fail "$stderr"
    for address in $GPUS $FABRIC; do
        [ "$(driver_of "$address")" = vfio-pci ] || fail "$address: $(driver_of "$address")"
        [ "$(cat "$PCI/devices/$address/driver_override")" = vfio-pci ]
    done
    [ "$(driver_of 0000:bc:00.0)" != vfio-pci ]
    [ -z "$(cat "$PCI/devices/0000:bc:00.0/driver_override" "$PCI/devices/0000:01:00.0/driver_override")" ]
    [ "$(grep -c '^ACTION' "$RULES")" -eq 16 ]
    grep -qF 'KERNEL=="0000:1b:00.0", ATTR{vendor}=="0x10de", ATTR{device}=="0x2335", ATTR{driver_override}="vfio-pci"' "$RULES"
    tar -tf /boot/initrd.img-* | grep -qx etc/udev/rules.d/70-gpuaas-vfio.rules
}

@test "again: nothing to do, nothing changes" {
    bound_ok
    before=$(state)
    # also while guests have the devices
    mkdir -p /dev/vfio "$BATS_TEST_TMPDIR/tmp"
    : >/dev/vfio/10
    sleep 60 3>&- 7>&- </dev/vfio/10 &
    holder=$!
    TMPDIR=$BATS_TEST_TMPDIR/tmp bind
    [ "$status" -eq 0 ]
    [[ $stderr == *'nothing to do'* ]]
    [ "$(evidence_summary changes)" -eq 0 ]
    [ "$(state)" = "$before" ]
    run ! ls -A1q "$BATS_TEST_TMPDIR/tmp/"* 2>/dev/null
}

@test "--dry-run names every change, makes none, exits 3; where all is right 0" {
    before=$(state)
    bind --dry-run
    [ "$status" -eq 3 ] || fail "$status $output $stderr"
    assert_evidence bound WARN 'dry run: would bind 16 devices*'
    assert_evidence rule WARN 'dry run: would write*'
    [ "$(state)" = "$before" ]
    bound_ok
    bind --dry-run
    [ "$status" -eq 0 ]
}

@test "while another run is under way only a dry run looks" {
    before=$(state)
    printf '#!/bin/sh\n[ "$1" = -w ]\nexec /usr/bin/flock -n "$3"\n' >/usr/local/bin/flock # impatient
    chmod 755 /usr/local/bin/flock
    exec 8>/run/gpuaas-slice-vfio-bind.lock
    flock -w 1 8
    bind 8>&-
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == *'another run of this script'* ]]
    bind --dry-run 8>&-
    [ "$status" -eq 3 ]
    exec 8>&-
    [ "$(state)" = "$before" ]
}

@test "--help; an unknown argument; not root; commands missing, all at once" {
    bind --help
    [ "$status" -eq 0 ]
    [[ $output == *--release* ]]
    bind --relase
    [ "$status" -eq 2 ]
    [[ $stderr == *'unknown argument: --relase'* ]]
    path=$(script_path "$SCRIPT")
    _shell_words
    run --separate-stderr setpriv --reuid 65534 --clear-groups "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *'must run as root'* ]]
    mkdir "$BATS_TEST_TMPDIR/bin"
    for name in "${shell_words[0]}" sh; do ln -s "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"; done
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *'missing commands:'*' modprobe '*' readlink '* ]]
}

@test "node.env missing: refused, nothing changed" {
    before=$(state)
    rm /etc/gpuaas/node.env
    bind
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == *'missing or no regular file'* ]]
    [ "$(state)" = "$before" ]
}

@test "approved: no slot, or an address where nothing is, is FAIL, and all else stands on it" {
    before=$(state)
    sed -i "/^GPUAAS_SLOT_DEVICES=/,/'\$/c GPUAAS_SLOT_DEVICES=''" /etc/gpuaas/node.env
    bind
    only_fails approved identity host_devices iommu_groups in_use driver bound rule initramfs
    [ "$(state)" = "$before" ]
    install -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
    sed -i 's/0000:db:00.0|0000:da:00.0/0000:e1:00.0|0000:e2:00.0/' /etc/gpuaas/node.env
    bind
    only_fails approved identity bound rule
    assert_evidence approved FAIL 'no device at: 0000:e1:00.0; 0000:e2:00.0'
    [ "$(state)" = "$before" ]
}

@test "identity: another device at an approved address is FAIL, and no other is bound either" {
    before=$(state)
    echo 0x51c3 >"$PCI/devices/0000:1b:00.0/device"
    bind
    only_fails identity driver bound rule initramfs
    assert_evidence identity FAIL '0000:1b:00.0 is 10de:51c3, not 10de:2335'
    [ "$(state)" = "$before" ]
    echo 0x2335 >"$PCI/devices/0000:1b:00.0/device"
    # a GPU where a fabric device should be
    sed -i 's/0000:1b:00.0|0000:1a:00.0/0000:1a:00.0|0000:1b:00.0/' /etc/gpuaas/node.env
    bind
    only_fails identity bound
}

@test "host_devices: a mounted disk's controller, the OS disk, swap: FAIL" {
    sed -i 's/0000:db:00.0|0000:da:00.0/0000:db:00.0|0000:01:00.0/' /etc/gpuaas/node.env
    sed -i "s/^GPUAAS_FABRIC_IDS=.*/GPUAAS_FABRIC_IDS='1b4b:2241/" /etc/gpuaas/node.env
    sed -i "s/^15b3:a2dc'/15b3:1021'/" /etc/gpuaas/node.env
    echo 0x020700 >"$PCI/devices/0000:01:00.0/class" # not by its kind
    printf '25 1 0:50 / / rw - overlay overlay rw\n26 25 259:7 / /srv rw - ext4 /dev/nvme4n1p2 rw\n' >"$BATS_TEST_TMPDIR/mountinfo"
    printf 'Filename\tType\tSize\tUsed\tPriority\n/dev/nvme4n1p1 partition 1 0 -2\n' >/proc/swaps
    bind_where "mount --bind $BATS_TEST_TMPDIR/mountinfo /proc/1/mountinfo
        mount -t tmpfs tmpfs /sys/dev/block && ln -s /sys/block/nvme4n1/nvme4n1p2 /sys/dev/block/259:7
        mount -t tmpfs tmpfs /sys/class/block && ln -s /sys/block/nvme4n1 /sys/block/nvme4n1/nvme4n1p1 /sys/class/block/"
    only_fails host_devices driver bound rule
    assert_evidence host_devices FAIL '0000:01:00.0 carries /srv; 0000:01:00.0 carries swap; 0000:01:00.0 carries the OS disk'
    printf 'Filename\tType\tSize\tUsed\tPriority\n' >/proc/swaps
    sed -i "s/^GPUAAS_OS_DISK=.*/GPUAAS_OS_DISK=''/" /etc/gpuaas/node.env
    bind
    assert_evidence host_devices PASS
}

@test "host_devices: by kind: a disk controller, a bridge, the BMC's display, RShim, a port with virtual functions" {
    approve() {
        sed -i "s/^0000:db:00.0|.*/0000:db:00.0|$1'/" /etc/gpuaas/node.env
    }
    echo 0x010802 >"$PCI/devices/0000:da:00.0/class"
    bind
    only_fails host_devices bound
    assert_evidence host_devices FAIL '0000:da:00.0 is a disk controller'
    echo 0x0604ff >"$PCI/devices/0000:da:00.0/class"
    bind
    assert_evidence host_devices FAIL '*is a PCI bridge'
    echo 0x0c0701 >"$PCI/devices/0000:da:00.0/class"
    bind
    assert_evidence host_devices FAIL '*management (BMC)*'
    echo 0x080100 >"$PCI/devices/0000:da:00.0/class"
    bind
    only_fails host_devices bound
    assert_evidence host_devices FAIL '*RShim*'
    echo 0x020700 >"$PCI/devices/0000:da:00.0/class"
    echo 4 >"$PCI/devices/0000:da:00.0/sriov_numvfs"
    bind
    only_fails host_devices bound
    assert_evidence host_devices FAIL '*carries 4 virtual functions'
    rm "$PCI/devices/0000:da:00.0/sriov_numvfs"
    approve 0000:bc:00.0
    bind
    only_fails host_devices bound
    assert_evidence host_devices FAIL '0000:bc:00.0 is a port of the BlueField'
    approve 0000:bc:00.2
    bind
    assert_evidence identity FAIL
    assert_evidence host_devices FAIL '*RShim*'
    run_functions "$SCRIPT" 'hostuse_functions'
    echo 0x030000 >"$PCI/devices/0000:bc:00.2/class"
    echo 0x102b >"$PCI/devices/0000:bc:00.2/vendor"
    run_functions "$SCRIPT" 'hostuse_functions'
    [[ $output == *'0000:bc:00.2 is the display of the BMC'* ]]
}

@test "host_devices: the function behind an interface with an address, behind a bridge, behind the uplink" {
    ip link add lab-v4 type veth peer name lab-v6
    ip link add lab-local type veth peer name lab-above
    ip link add lab-way type veth peer name lab-vf
    ip address add 10.178.0.99/16 dev lab-v4
    ip address add fd00::99/64 dev lab-v6 nodad
    ip address add 169.254.3.1/16 scope link dev lab-local
    ip address add 10.178.0.98/32 dev lab-above
    ip address add 10.178.0.97/32 dev lab-vf
    ip link set lab-way up
    ip route add default dev lab-way metric 4000
    device() {
        mkdir -p "/sys/class/net/$1"
        ln -s "../../../bus/pci/devices/$2" "/sys/class/net/$1/device"
    }
    mount -t tmpfs tmpfs /sys/class/net
    device lab-v4 0000:1a:00.0
    device lab-v6 0000:3a:00.0
    device lab-local 0000:4b:00.0
    # the address is on a bond or bridge above it
    mkdir -p /sys/class/net/lab-above/lower_ib0
    device ib0 0000:5c:00.0
    device lab-way 0000:9a:00.0
    # a virtual function: its physical one is needed
    mkdir "$PCI/devices/0000:ba:00.4"
    ln -s ../0000:ba:00.0 "$PCI/devices/0000:ba:00.4/physfn"
    device lab-vf 0000:ba:00.4
    bind
    umount /sys/class/net
    only_fails host_devices bound
    wanted="0000:5c:00.0 carries the host's addresses (lab-above); 0000:4b:00.0 carries the host's addresses (lab-local)"
    wanted="$wanted; 0000:1a:00.0 carries the host's addresses (lab-v4); 0000:3a:00.0 carries the host's addresses (lab-v6)"
    wanted="$wanted; 0000:ba:00.0 carries the host's addresses (lab-vf); 0000:9a:00.0 carries the default route (lab-way)"
    assert_evidence host_devices FAIL "$wanted"
    for name in v4 local way; do ip link delete "lab-$name"; done
    # the declared uplink and fabric interface, whether up or not
    mount -t tmpfs tmpfs /sys/class/net
    device uplink0 0000:3a:00.0
    device ibp15s0 0000:4b:00.0
    bind
    umount /sys/class/net
    only_fails host_devices bound
    assert_evidence host_devices FAIL '0000:3a:00.0 is the uplink*0000:4b:00.0 carries the host*'
}

@test "host_devices: md, LVM and the paths of an NVMe namespace are followed down to the disk" {
    mkdir -p "$BATS_TEST_TMPDIR/md0/slaves"
    ln -s /sys/block/nvme4n1 "$BATS_TEST_TMPDIR/md0/slaves/nvme4n1"
    run_functions "$SCRIPT" 'hostuse_block "$1" "carries /"' "$BATS_TEST_TMPDIR/md0"
    [[ $output == *'0000:01:00.0 carries /'* ]]
    # a namespace with several paths belongs to a subsystem, which has the controllers; and so does its partition
    mkdir -p "$BATS_TEST_TMPDIR/subsystem/nvme9n1/nvme9n1p1" "$PCI/devices/0000:18:00.0/nvme/nvme9"
    echo 0000:18:00.0 >"$PCI/devices/0000:18:00.0/nvme/nvme9/address"
    ln -s "$PCI/devices/0000:18:00.0/nvme/nvme9" "$BATS_TEST_TMPDIR/subsystem/nvme9"
    ln -s .. "$BATS_TEST_TMPDIR/subsystem/nvme9n1/device"
    for path in nvme9n1 nvme9n1/nvme9n1p1; do
        run_functions "$SCRIPT" 'hostuse_block "$1" "carries /"' "$BATS_TEST_TMPDIR/subsystem/$path"
        [[ $output == *'0000:18:00.0 carries /'* ]] || fail "$path: $output $stderr"
    done
}

@test "iommu_groups: a device without one is FAIL; an unapproved endpoint is FAIL; a bridge in it is left alone" {
    before=$(state)
    rm "$PCI/devices/0000:1b:00.0/iommu_group"
    bind
    only_fails iommu_groups driver bound rule
    assert_evidence iommu_groups FAIL '0000:1b:00.0 is in no IOMMU group'
    [[ $(evidence_field iommu_groups remediation) == *intel_iommu=on* ]]
    ln -s ../../../kernel/iommu_groups/10 "$PCI/devices/0000:1b:00.0/iommu_group"
    ln -s ../../../../bus/pci/devices/0000:61:00.0 /sys/kernel/iommu_groups/10/devices/0000:61:00.0
    bind
    only_fails iommu_groups driver bound rule
    assert_evidence iommu_groups FAIL 'group 10 of 0000:1b:00.0 also holds 0000:61:00.0*'
    [ "$(state)" = "$before" ]
    rm /sys/kernel/iommu_groups/10/devices/0000:61:00.0
    ln -s ../../../../bus/pci/devices/0000:00:01.0 /sys/kernel/iommu_groups/10/devices/0000:00:01.0
    # and another approved one
    ln -s ../../../../bus/pci/devices/0000:1a:00.0 /sys/kernel/iommu_groups/10/devices/0000:1a:00.0
    bind
    assert_evidence iommu_groups PASS
    assert_evidence bound PASS
}

@test "in_use: a GPU that the host's driver has open is FAIL and stays" {
    before=$(state)
    : >/dev/nvidia0
    sleep 60 3>&- 7>&- </dev/nvidia0 &
    holder=$!
    bind
    only_fails in_use driver bound rule
    assert_evidence in_use FAIL "0000:1b:00.0 is held by * (sleep)*"
    [ "$(state)" = "$before" ]
    kill "$holder"
    wait "$holder" || true
    bind
    assert_evidence in_use PASS
    [ "$status" -eq 0 ]
}

@test "driver: vfio-pci is loaded; where it does not come it is FAIL" {
    rm -rf "$PCI/drivers/vfio-pci"
    bind --dry-run
    assert_evidence driver WARN 'dry run: would load vfio-pci'
    [ ! -e /run/modprobe-calls ]
    : >/run/no-vfio
    bind
    only_fails driver bound
    assert_evidence rule PASS
    rm /run/no-vfio
    bind
    assert_evidence driver PASS
    [ "$(driver_of 0000:1b:00.0)" = vfio-pci ]
}

@test "bound: a device that the kernel does not give to vfio-pci is FAIL, though all writes succeeded" {
    echo 0000:4c:00.0 >/run/kernel-refuses
    # and writes that the kernel refuses: the override of one, the way out of another one's driver
    rm "$PCI/devices/0000:3b:00.0/driver_override"
    mkdir -p "$PCI/devices/0000:3b:00.0/driver_override" "$PCI/drivers/stubborn/unbind"
    ln -sfn ../../../bus/pci/drivers/stubborn "$PCI/devices/0000:5d:00.0/driver"
    bind
    only_fails bound
    assert_evidence bound FAIL \
        'not on vfio-pci: 0000:3b:00.0 has driver nvidia; 0000:4c:00.0 has driver none; 0000:5d:00.0 has driver stubborn'
    [[ $stderr == *'0000:3b:00.0: the kernel refused a write'*'0000:5d:00.0: the kernel refused a write'* ]]
    rm -r /run/kernel-refuses "$PCI/devices/0000:3b:00.0/driver_override"
    : >"$PCI/devices/0000:3b:00.0/driver_override"
    ln -sfn ../../../bus/pci/drivers/nvidia "$PCI/devices/0000:5d:00.0/driver"
    bind
    assert_evidence bound PASS '16 devices: *'
    # bound, but nothing keeps it there
    : >"$PCI/devices/0000:4c:00.0/driver_override"
    bind --dry-run
    assert_evidence bound WARN 'dry run: would bind 1 devices to vfio-pci: 0000:4c:00.0'
}

@test "rule: a file that cannot be written is FAIL, and the initramfs stands on it; one that was edited is put right" {
    mkdir -p "$BATS_TEST_TMPDIR/empty"
    mount -t tmpfs -o ro tmpfs /etc/udev/rules.d
    bind
    umount /etc/udev/rules.d
    only_fails rule initramfs
    assert_evidence bound PASS
    echo '# edited' >"$RULES"
    bind
    assert_evidence rule PASS
    [ "$(grep -c '^ACTION' "$RULES")" -eq 16 ]
}

@test "initramfs: an old one is built anew; one that does not take the rule is FAIL; an unreadable one is WARN" {
    bound_ok
    echo '# edited' >>"$RULES"
    update-initramfs -u
    bind
    assert_evidence initramfs PASS
    tar -xOf "/boot/initrd.img-$(uname -r)" "${RULES#/}" | cmp - "$RULES"
    # below main/ where the image begins with microcode
    printf '#!/bin/sh\nmkdir "$2/main"\ntar -xf "$1" -C "$2/main"\n' >/usr/local/bin/unmkinitramfs
    bind
    [[ $stderr == *'nothing to do'* ]]
    # no place to unpack it
    TMPDIR=/no/such bind
    assert_evidence initramfs WARN '*cannot be read*'
    chmod 644 /etc/initramfs-tools/hooks/gpuaas-vfio
    printf '#!/bin/sh\nexit 0\n' >/usr/local/bin/update-initramfs
    sed -i 's/0000:db:00.0|0000:da:00.0/0000:db:00.0|0000:18:00.0/' /etc/gpuaas/node.env
    ln -s ../../../kernel/iommu_groups/10 "$PCI/devices/0000:18:00.0/iommu_group"
    : >"$PCI/devices/0000:18:00.0/driver_override"
    bind
    only_fails initramfs
    [[ $(evidence_field initramfs remediation) == *hook* ]]
    echo garbage >"/boot/initrd.img-$(uname -r)"
    bind
    assert_evidence initramfs WARN "the initramfs cannot be read: /boot/initrd.img-$(uname -r)"
    [ "$(evidence_field summary status)" = WARN ]
    rm /boot/initrd.img-*
    bind
    assert_evidence initramfs WARN '*cannot be read*'
}

@test "initramfs: by dracut; without either builder it is said" {
    dracut_standins
    bound_ok
    assert_evidence initramfs PASS
    tar -xOf /boot/initramfs-* "${RULES#/}" | cmp - "$RULES"
    echo garbage >"/boot/initramfs-$(uname -r).img"
    bind
    assert_evidence initramfs WARN '*cannot be read*'
    dracut --force --regenerate-all
    mv /usr/local/bin/dracut /run/dracut
    bind
    assert_evidence initramfs WARN '*cannot be read*'
    bind --release
    only_fails initramfs
    [[ $stderr == *'neither update-initramfs nor dracut'*'the initramfs was not built'* ]]
    mv /run/dracut /usr/local/bin/dracut
    bind --release
    [ "$status" -eq 0 ] || fail "$output $stderr"
    run ! grep -q . < <(tar -tf /boot/initramfs-* | grep 70-gpuaas)
}

@test "--release: gives all back, removes the rule, from the initramfs too; again nothing to do" {
    bound_ok
    bind --release --dry-run
    [ "$status" -eq 3 ]
    assert_evidence released WARN 'dry run: would give back 0000:1b:00.0; 0000:1a:00.0; *'
    [ "$(driver_of 0000:1b:00.0)" = vfio-pci ]
    [ -e "$RULES" ]
    # one is kept for vfio-pci, but was not given to it
    ln -sfn ../../../bus/pci/drivers/nvidia "$PCI/devices/0000:3b:00.0/driver"
    bind --release
    [ "$status" -eq 0 ] || fail "$output $stderr"
    [[ $stderr != *warning* ]] || fail "$stderr"
    [ -z "$(cat "$PCI/devices/0000:3b:00.0/driver_override")" ]
    for check in in_use released rule initramfs unit; do assert_evidence "$check" PASS; done
    [ "$(driver_of 0000:1b:00.0)" = nvidia ]
    [ "$(driver_of 0000:1a:00.0)" = mlx5_core ]
    [ ! -e "$RULES" ]
    run ! grep -q . < <(tar -tf /boot/initrd.img-* | grep 70-gpuaas)
    # nor when the node has no slots any more; what cannot be seen is no success
    sed -i "/^GPUAAS_SLOT_DEVICES=/,/'\$/c GPUAAS_SLOT_DEVICES=''" /etc/gpuaas/node.env
    bind --release
    [ "$status" -eq 0 ]
    [[ $stderr == *'nothing to do'* ]]
    echo garbage >"/boot/initrd.img-$(uname -r)"
    bind --release
    assert_evidence initramfs WARN "the initramfs cannot be read: /boot/initrd.img-$(uname -r)"
}

@test "--release: a device that a guest holds is FAIL and stays, the rule goes" {
    bound_ok
    mkdir -p /dev/vfio
    : >/dev/vfio/10
    sleep 60 3>&- 7>&- </dev/vfio/10 &
    holder=$!
    bind --release
    only_fails in_use released
    assert_evidence in_use FAIL '0000:1b:00.0 is held by * (sleep)'
    [ "$(driver_of 0000:1b:00.0)" = vfio-pci ]
    [ "$(driver_of 0000:3b:00.0)" = vfio-pci ]
}

@test "--release: a device that stays on vfio-pci is FAIL" {
    bound_ok
    exec 7>&-
    kill "$kernel_pid"
    (while read -r _; do :; done) <>"$PCI/drivers_probe" 3>&- &
    kernel_pid=$!
    bind --release
    only_fails released
    assert_evidence released FAIL 'still on vfio-pci: 0000:1b:00.0; *'
}

@test "--release: what cannot be undone on disk is FAIL: rule, initramfs, unit" {
    bound_ok
    mount --bind /etc/udev/rules.d /etc/udev/rules.d
    mount -o remount,ro,bind /etc/udev/rules.d
    bind --release
    umount /etc/udev/rules.d
    only_fails rule initramfs
    printf '#!/bin/sh\nexit 0\n' >/usr/local/bin/update-initramfs
    bind --release
    only_fails initramfs
    initramfs_standins
    cp "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root/etc/systemd/system/gpuaas-slice-vfio-bind.service" /etc/systemd/system/
    systemctl enable gpuaas-slice-vfio-bind.service 2>/dev/null
    printf '#!/bin/sh\ncase $1 in disable) exit 0 ;; esac\nexec /usr/bin/systemctl "$@"\n' >/usr/local/bin/systemctl
    chmod 755 /usr/local/bin/systemctl
    bind --release
    only_fails unit
    rm /usr/local/bin/systemctl
    bind --release
    assert_evidence unit PASS
    [ "$(systemctl is-enabled gpuaas-slice-vfio-bind.service || true)" = disabled ]
    rm /etc/systemd/system/gpuaas-slice-vfio-bind.service
}
