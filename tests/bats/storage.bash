# shellcheck shell=bash
# What the tests of gpuaas-slice-storage-transition share: disks on loop devices that say they are the NVMe disks of
# lab-slice-1, and a virsh that answers from files.
#
#   OS     the OS disk          OTHER  approved, never named
#   ONE    gpt, ext4 (/share1)  TWO    ext4 on the whole disk (/share2)   THREE  no signature, but data
# shellcheck disable=SC2034,SC2154

SCRIPT=gpuaas-slice-storage-transition
BY_ID=/dev/disk/by-id
ID_OS=nvme-eui.00000000000000010000000000b055f1
ID_ONE=nvme-eui.000000000000000100a075244a103331
ID_TWO=nvme-eui.000000000000000100a075244a10dcab
ID_THREE=nvme-eui.000000000000000100a075244a103489
ID_OTHER=nvme-eui.000000000000000100a075244a10dc41
UUID_ONE=11111111-2222-3333-4444-555555555555
UUID_TWO=22222222-2222-3333-4444-555555555555
UNFINISHED=/var/log/gpuaas/slice-storage-transition.unfinished
GUARDS='approved present distinct identity writable os_disk mounts swap holders members vfio references libvirt users
    claim earlier_run plan'
STEPS='shares_disabled shares_unmounted still_free wiped signatures manifest'
VIRSH=/run/gpuaas-lab/virsh

storage_host() {
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
    mkdir -p /share1 /share2 /mnt/else "$VIRSH"
    cat >/usr/local/bin/virsh <<'STANDIN'
#!/bin/sh
# virsh -q -c qemu:///system COMMAND...: domains and pools are files of XML in a folder
cd /run/gpuaas-lab/virsh || exit 1
shift 3
[ ! -e fail ] || { echo 'error: failed to connect to the hypervisor' >&2; exit 1; }
case "$*" in
    'list --name --all') ls | sed -n 's/^\(running\|off\)-//p' ;;
    'list --name '*) ls | sed -n 's/^running-//p' ;;
    "dumpxml --domain $3 --inactive") cat "off-$3" 2>/dev/null || cat "running-$3" ;;
    "dumpxml --domain $3") cat "running-$3" 2>/dev/null || cat "off-$3" ;;
    'pool-list --all --name') for pool in pool-*; do [ ! -e "$pool" ] || printf ' %s  \n' "${pool#pool-}"; done ;;
    "pool-dumpxml $2") cat "pool-$2" ;;
    *) echo "error: unknown command: $*" >&2; exit 1 ;;
esac
STANDIN
    chmod 755 /usr/local/bin/virsh
}

storage_disks() {
    OS=$(loop_disk os 1M OSSERIAL "${ID_OS#nvme-eui.}")
    ONE=$(loop_disk one 4M EXAMPLE0000 "${ID_ONE#nvme-eui.}")
    TWO=$(loop_disk two 2M EXAMPLE0001 "${ID_TWO#nvme-eui.}")
    THREE=$(loop_disk three 2M EXAMPLE0002 "${ID_THREE#nvme-eui.}")
    OTHER=$(loop_disk other 1M EXAMPLE0003 "${ID_OTHER#nvme-eui.}")
    export OS ONE TWO THREE OTHER
    rm -rf /run/contents
    storage_contents
}

# storage_contents: all disks as they are at the start, whatever was on them; the same bytes each time.
storage_contents() {
    local disk
    if [ ! -d /run/contents ]; then
        mkdir /run/contents
        for disk in "$OS" "$OTHER" "$THREE"; do
            head -c 1M /dev/urandom >"$disk"
        done
        mkfs.ext4 -q -F -O ^has_journal -L two -U "$UUID_TWO" "$TWO"
        printf 'label: gpt\n%s\n' 'size=2M, type=L, name="the first", uuid=AAAAAAAA-2222-3333-4444-555555555555' |
            sfdisk --quiet --no-reread "$ONE"
        udev_settle
        storage_partition
        mkfs.ext4 -q -F -O ^has_journal -L 'share one' -U "$UUID_ONE" "${ONE}p1"
        for disk in "$OS" "$ONE" "$TWO" "$THREE" "$OTHER"; do
            blockdev --flushbufs "$disk"
            cp --sparse=never "$disk" "/run/contents/${disk##*/}"
        done
    fi
    for disk in "$OS" "$ONE" "$TWO" "$THREE" "$OTHER"; do
        dd if="/run/contents/${disk##*/}" of="$disk" bs=1M conv=notrunc status=none
    done
    udev_settle
    storage_partition
}

# storage_partition: makes sure that the partition can be opened. Partitions of all containers take the lowest free minor, and
# one that another container had when this one was made is not let in here: a spare disk's partition takes it instead.
storage_partition() {
    local tries=0 spare
    until head -c 1 "${ONE}p1" >/dev/null 2>&1; do
        [ "$tries" -lt 8 ] || { fail "${ONE}p1 cannot be opened"; return 1; }
        spare=$(loop_disk "spare$tries" 1M)
        printf 'label: dos\n,,L\n' | sfdisk --quiet --no-reread "$spare"
        partx --delete "$ONE"
        partx --add "$spare"
        udev_settle
        tries=$((tries + 1))
    done
}

# hashes: what stands on each disk, one a line.
hashes() {
    local place
    for place in $(awk '$1 ~ /^.dev.loop/ { print $2 }' /proc/mounts); do sync -f "$place"; done
    sha256sum "$OS" "$ONE" "$TWO" "$THREE" "$OTHER"
}

transition() {
    run_script "$SCRIPT" "$@"
}

# apply_all [argument...]: the three disks.
apply_all() {
    transition --apply --devices "$ID_ONE,$ID_TWO,$ID_THREE" "$@"
}

# failures: the checks that are FAIL, one a line.
failures() {
    sed -n 's/^GPUAAS_SLICE_STORAGE status=FAIL check=\([a-z_]*\) .*/\1/p' <<<"$output" | grep -vx summary
}

# detail_of CHECK: the detail of a check that is FAIL, unquoted.
detail_of() {
    sed -n -e "s/^GPUAAS_SLICE_STORAGE status=FAIL check=$1 detail=\(.*\) remediation=.*/\1/" -e T -e 's/\\\(.\)/\1/gp' <<<"$output"
}

# refused CHECK DETAIL: --apply on the three disks is refused for CHECK (and what the 3rd and later arguments name besides),
# with a detail that fits the glob; nothing was changed, on the disks or elsewhere.
refused() {
    local before_disks before_fstab before_mounts seen
    before_disks=$(hashes)
    before_fstab=$(cat /etc/fstab)
    before_mounts=$(cat /proc/1/mountinfo)
    apply_all
    [ "$status" -eq 1 ] || fail "exit status $status: $output $stderr"
    seen=$(detail_of "$1")
    # shellcheck disable=SC2053 # the second argument is a glob
    [[ $seen == $2 ]] || { fail "check $1: '$seen' does not fit '$2'"; return 1; }
    [[ $output == *" check=$1 detail="*" remediation="* ]]
    seen=$(failures | sort | tr '\n' ' ')
    [ "$seen" = "$({ echo "$1"; shift 2; printf '%s\n' "$@"; } | grep . | sort | tr '\n' ' ')" ] || fail "FAIL: $seen: $output"
    [[ $output == *'status=SKIP check=shares_disabled detail=stands\ on'* ]] || fail "$output"
    [[ $output == *'status=SKIP check=wiped detail=stands\ on'* ]]
    [ "$(hashes)" = "$before_disks" ] || fail 'a disk has changed'
    [ "$(cat /etc/fstab)" = "$before_fstab" ]
    [ "$(cat /proc/1/mountinfo)" = "$before_mounts" ]
    [ ! -e "$UNFINISHED" ] || [ -n "${UNFINISHED_EXPECTED:-}" ]
    [ -z "$(find /var/log/gpuaas -name '*.txt*' 2>/dev/null)" ]
}

# swaps_to PATH: the kernel's list of swap areas names PATH. No real swap area: the machine that runs this would swap to it.
swaps_to() {
    printf 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n%s\tpartition\t1020\t\t0\t\t-2\n' "$1" >/run/swaps
    grep -q ' /proc/swaps ' /proc/self/mountinfo || mount --bind /run/swaps /proc/swaps
}

swaps_to_nothing() {
    ! grep -q ' /proc/swaps ' /proc/self/mountinfo || umount /proc/swaps
}

# shadow COMMAND CODE: puts shell code before the real command ($real), as a fault or another process would act.
shadow() {
    local real
    real=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v "$1")
    printf '#!/bin/sh\nreal=%s\n%s\nexec "$real" "$@"\n' "$real" "$2" >"/usr/local/bin/$1.new"
    chmod 755 "/usr/local/bin/$1.new"
    mv "/usr/local/bin/$1.new" "/usr/local/bin/$1"
}

unshadow() {
    local name
    for name in wipefs blkdiscard blockdev umount systemctl cp mv rm partx sync find stat awk; do
        rm -f "/usr/local/bin/$name"
    done
}

# sysfs_writable: /sys/block as a folder in memory that shows the kernel's entries, so that a disk can be given what a
# real one has: a controller, an identity, holders.
sysfs_writable() {
    [ ! -e /run/gpuaas-lab/sys-block ] || return 0
    mkdir -p /run/gpuaas-lab/sys-block
    mount --rbind /sys/block /run/gpuaas-lab/sys-block
    mount -t tmpfs -o mode=755 gpuaas-lab /sys/block
    cp -RP /run/gpuaas-lab/sys-block/. /sys/block/
}

# sysfs_disk DEVICE: prints the folder of the disk in /sys/block, made writable; sysfs_plain DEVICE undoes it.
sysfs_disk() {
    local name=${1##*/} entry
    sysfs_writable
    if [ -L "/sys/block/$name" ]; then
        rm "/sys/block/$name"
        mkdir "/sys/block/$name"
        for entry in "/sys/devices/virtual/block/$name"/*; do
            ln -s "$entry" "/sys/block/$name/${entry##*/}"
        done
    fi
    printf '%s\n' "/sys/block/$name"
}

sysfs_plain() {
    local name=${1##*/}
    [ ! -d "/sys/block/$name" ] || [ -L "/sys/block/$name" ] || rm -rf "/sys/block/$name"
    [ -e "/sys/block/$name" ] || ln -s "../devices/virtual/block/$name" "/sys/block/$name"
}
