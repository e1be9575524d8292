# shellcheck shell=bash
# What the tests of gpuaas-slice-storage-transition share: disks on loop devices that say they are the NVMe disks of
# lab-slice-1, and a virsh that answers from files.
#
#   OS     the OS disk          OTHER  approved, never named
#   ONE    gpt, ext4 (/share1)  TWO    ext4 on the whole disk (/share2)   THREE  no signature, but data
# shellcheck disable=SC2034,SC2154

SCRIPT=${SCRIPT:-gpuaas-slice-storage-transition}
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
START=/run/start
CONTENTS=/run/contents

# storage_host: the host without its disks. What of it tests change is kept in $START, for storage_start.
storage_host() {
    local kept=/etc/gpuaas/node.env
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root$kept" "$kept"
    mkdir -p /share1 /share2 /mnt/else "$VIRSH" "$START"
    cat >/usr/local/bin/virsh <<'STANDIN'
#!/bin/sh
# virsh -q -c qemu:///system COMMAND...: domains and pools are files of XML in a folder
cd /run/gpuaas-lab/virsh || exit 1
shift 3
[ ! -e fail ] || { echo 'error: failed to connect to the hypervisor' >&2; exit 1; }
files() { for file in $1; do [ ! -e "$file" ] || printf "$2" "${file#*-}"; done; }
case "$*" in
    'list --name --all') files 'off-* running-*' '%s\n' ;;
    "dumpxml --domain $3 --inactive") cat "off-$3" 2>/dev/null || cat "running-$3" ;;
    "dumpxml --domain $3") cat "running-$3" 2>/dev/null || cat "off-$3" ;;
    'pool-list --all --name') files 'pool-*' ' %s  \n' ;;
    "pool-dumpxml $2") cat "pool-$2" ;;
    *) echo "error: unknown command: $*" >&2; exit 1 ;;
esac
STANDIN
    chmod 755 /usr/local/bin/virsh
    cp -p --parents "$kept" /usr/local/bin/virsh /etc/fstab "$START"
    # looked for once
    SCRIPT=$(script_path "$SCRIPT")
    export SCRIPT=${SCRIPT#"$GPUAAS_GENERATED/$GPUAAS_SITE/"}
}

# storage_start: the host as storage_host left it.
storage_start() {
    cp -Rp "$START/." /
}

# storage_disks: attaches the disks; what stands on each at the start is made once, in files.
storage_disks() {
    local name
    mkdir -p "$CONTENTS" "$LAB_DISKS"
    for name in os other; do head -c 256K /dev/urandom >"$CONTENTS/$name.img"; done
    head -c 512K /dev/urandom >"$CONTENTS/three.img"
    truncate -s 2M "$CONTENTS/three.img"
    # libblkid looks for LVM, md and the like only on what is larger than a floppy disk
    truncate -s 2M "$CONTENTS/share"
    truncate -s 1M "$CONTENTS/two.img"
    truncate -s 3200K "$CONTENTS/one.img"
    mkfs.ext4 -q -F -O ^has_journal -L two -U "$UUID_TWO" "$CONTENTS/two.img"
    mkfs.ext4 -q -F -O ^has_journal -L 'share one' -U "$UUID_ONE" "$CONTENTS/share"
    printf 'label: gpt\n%s\n' 'start=2048, size=2M, type=L, name="the first", uuid=AAAAAAAA-2222-3333-4444-555555555555' |
        sfdisk --quiet --no-reread "$CONTENTS/one.img"
    dd if="$CONTENTS/share" of="$CONTENTS/one.img" bs=1M seek=1 conv=notrunc status=none
    cp --sparse=never "$CONTENTS"/*.img "$LAB_DISKS"
    loop_attach "$LAB_DISKS/os.img" OSSERIAL "${ID_OS#nvme-eui.}"
    OS=$device
    loop_attach "$LAB_DISKS/one.img" EXAMPLE0000 "${ID_ONE#nvme-eui.}"
    ONE=$device
    loop_attach "$LAB_DISKS/two.img" EXAMPLE0001 "${ID_TWO#nvme-eui.}"
    TWO=$device
    loop_attach "$LAB_DISKS/three.img" EXAMPLE0002 "${ID_THREE#nvme-eui.}"
    THREE=$device
    loop_attach "$LAB_DISKS/other.img" EXAMPLE0003 "${ID_OTHER#nvme-eui.}"
    OTHER=$device
    udev_settle
    HASHES=$(hashes)
    export OS ONE TWO THREE OTHER HASHES
}

# storage_contents: all disks as they are at the start, whatever was on them; the same bytes each time.
storage_contents() {
    local line now names=(os one two three other)
    now=$(hashes)
    while read -r line; do
        [[ $now == *"$line"* ]] || dd if="$CONTENTS/${names[0]}.img" of="${line##* }" bs=1M conv=notrunc status=none
        names=("${names[@]:1}")
    done <<<"$HASHES"
    udev_settle
}

# loop_places: where loop devices are mounted, one a line.
loop_places() {
    awk '$1 ~ /^.dev.loop/ { print $2 }' /proc/mounts
}

# hashes: what stands on each disk, one a line.
hashes() {
    local place
    for place in $(loop_places); do sync -f "$place"; done
    b2sum "$OS" "$ONE" "$TWO" "$THREE" "$OTHER"
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
    sed -n -e '/ check=summary /d' -e 's/^GPUAAS_SLICE_STORAGE status=FAIL check=\([a-z_]*\) .*/\1/p' <<<"$output"
}

# detail_of CHECK: the detail of a check that is FAIL, unquoted.
detail_of() {
    sed -n -e "s/^GPUAAS_SLICE_STORAGE status=FAIL check=$1 detail=\(.*\) remediation=.*/\1/" -e T -e 's/\\\(.\)/\1/gp' <<<"$output"
}

# refused CHECK DETAIL: --apply on the three disks is refused for CHECK (and what the 3rd and later arguments name besides),
# with a detail that fits the glob; nothing was changed, on the disks or elsewhere.
refused() {
    local before_disks before_fstab before_mounts seen check wanted words
    before_disks=$(hashes)
    before_fstab=$(</etc/fstab)
    before_mounts=$(</proc/1/mountinfo)
    apply_all
    [ "$status" -eq 1 ] || fail "exit status $status: $output $stderr"
    seen=$(detail_of "$1")
    # shellcheck disable=SC2053 # the second argument is a glob
    [[ $seen == $2 ]] || { fail "check $1: '$seen' does not fit '$2'"; return 1; }
    [[ $output == *" check=$1 detail="*" remediation="* ]]
    wanted=("$1" "${@:3}")
    seen=" $(failures) "
    seen=${seen//$'\n'/ }
    for check in "${wanted[@]}"; do [[ $seen == *" $check "* ]] || fail "not FAIL: $check: $output"; done
    read -ra words <<<"$seen"
    [ "${#words[@]}" -eq "${#wanted[@]}" ] || fail "FAIL: $seen: $output"
    [[ $output == *'status=SKIP check=shares_disabled detail=stands\ on'* ]] || fail "$output"
    [[ $output == *'status=SKIP check=wiped detail=stands\ on'* ]]
    [ "$(hashes)" = "$before_disks" ] || fail 'a disk has changed'
    [ "$(</etc/fstab)" = "$before_fstab" ]
    [ "$(</proc/1/mountinfo)" = "$before_mounts" ]
    [ ! -e "$UNFINISHED" ] || [ -n "${UNFINISHED_EXPECTED:-}" ]
    [ ! -e /var/log/gpuaas ] || [ -z "$(find /var/log/gpuaas -name '*.txt*')" ]
}

# swaps_to PATH: the kernel's list of swap areas names PATH. No real swap area: the machine that runs this would swap to it.
swaps_to() {
    printf 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n%s\tpartition\t1020\t\t0\t\t-2\n' "$1" >/run/swaps
    [[ $(</proc/self/mountinfo) == *' /proc/swaps '* ]] || mount --bind /run/swaps /proc/swaps
}

swaps_to_nothing() {
    [[ $(</proc/self/mountinfo) != *' /proc/swaps '* ]] || umount /proc/swaps
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
    rm -f /usr/local/bin/{wipefs,blkdiscard,blockdev,umount,systemctl,cp,mv,rm,partx,sync,find,stat,awk}
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

# sysfs_identity DEVICE SERIAL ID: the kernel says who the disk is, as it does of an NVMe disk; udev is not asked then.
sysfs_identity() {
    local folder
    folder=$(sysfs_disk "$1")
    mkdir -p "$folder/device"
    echo "$2" >"$folder/device/serial"
    echo "${3#nvme-}" >"$folder/wwid"
}

# sysfs_disk DEVICE: prints the folder of the disk in /sys/block, made writable; sysfs_plain DEVICE undoes it.
sysfs_disk() {
    local name=${1##*/}
    sysfs_writable
    if [ -L "/sys/block/$name" ]; then
        rm "/sys/block/$name"
        mkdir "/sys/block/$name"
        ln -s "/sys/devices/virtual/block/$name"/* "/sys/block/$name/"
    fi
    printf '%s\n' "/sys/block/$name"
}

sysfs_plain() {
    local name=${1##*/}
    [ ! -d "/sys/block/$name" ] || [ -L "/sys/block/$name" ] || rm -rf "/sys/block/$name"
    [ -e "/sys/block/$name" ] || ln -s "../devices/virtual/block/$name" "/sys/block/$name"
}
