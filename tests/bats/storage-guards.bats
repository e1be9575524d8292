# gpuaas-slice-storage-transition refuses: one hazard at a time, on disks that share a container. In each case --apply was given,
# the check is FAIL, and all disks are the same byte for byte afterwards.
# script: gpuaas-slice-storage-transition

load helpers
load storage

setup_file() {
    storage_host
    storage_disks
    # THREE is who udev says it is
    sysfs_identity "$ONE" EXAMPLE0000 "$ID_ONE"
    sysfs_identity "$TWO" EXAMPLE0001 "$ID_TWO"
}

teardown_file() {
    loop_clean
}

setup() {
    storage_start
}

# Each test takes its hazard away itself where it lasts; this takes away what a failed one left.
teardown() {
    [ -z "${holder:-}" ] || kill "$holder" 2>/dev/null || true
    unshadow
    rm -rf "${VIRSH:?}"/* /var/log/gpuaas /etc/crypttab /etc/systemd/system/mnt-else.mount /dev/alias
    swaps_to_nothing
    for place in $(loop_places); do umount -l "$place"; done
    sysfs_plain "$THREE"
    [ -z "$BATS_TEST_COMPLETED" ] || return 0
    blockdev --setrw "$OS" "$ONE" "$TWO" "$THREE"
    storage_contents
}

@test "nothing in the way: every check is PASS, and a dry run says what it would do and changes nothing" {
    before=$(hashes)
    transition --devices "$ID_ONE,$ID_TWO,$ID_THREE"
    [ "$status" -eq 3 ] || fail "$status $output $stderr"
    for check in $GUARDS; do assert_evidence "$check" PASS; done
    [ -z "$stderr" ] || fail "$stderr"
    assert_evidence present PASS "${ONE##*/} $BY_ID/$ID_ONE; ${TWO##*/} $BY_ID/$ID_TWO; ${THREE##*/} $BY_ID/$ID_THREE"
    # each disk with what is on it, and one digest of all that
    [ "$(sed -n 's/.* status=INFO check=disk detail=\(.*\) id=.*/\1/p' <<<"$output" | tr -d '\\')" = "\
${ONE##*/}:gpt; ${ONE##*/}:PMBR; ${ONE##*/}p1:ext4
${TWO##*/}:ext4
''" ] || fail "$output"
    [[ $(evidence_field plan detail) =~ ^[0-9a-f]{16}$ ]]
    assert_evidence shares_disabled WARN 'dry run: would disable in /etc/fstab: nothing'
    assert_evidence shares_unmounted WARN 'dry run: would unmount: nothing'
    assert_evidence wiped WARN "dry run: would WIPE ${ONE##*/} $BY_ID/$ID_ONE; ${TWO##*/} $BY_ID/$ID_TWO; ${THREE##*/} $BY_ID/$ID_THREE"
    assert_evidence signatures SKIP
    [ "$(evidence_summary failures)" -eq 0 ]
    [ "$(hashes)" = "$before" ]
    [ ! -e /var/log/gpuaas ]
}

# --- which disks ---------------------------------------------------------------------------------------

# refuses_to_start CHECK DETAIL ARGUMENT...: with these arguments (in place of the three disks) the check is FAIL, nothing changes.
refuses_to_start() {
    local check=$1 detail=$2 before
    shift 2
    before=$(hashes)
    transition "$@"
    [ "$status" -eq 1 ] || fail "$status: $output $stderr"
    assert_evidence "$check" FAIL "$detail" || return 1
    assert_evidence wiped SKIP 'stands on *' || return 1
    [ "$(hashes)" = "$before" ]
}

@test "approved: a kernel name, a disk that is not approved, one named twice, a path out of by-id: all at once" {
    refuses_to_start approved "'/dev/nvme0n1' is no stable identity; 'nvme0n1' is no stable identity; nvme-eui.99 is not approved*; \
$ID_ONE is named twice; '../loop1' is no stable identity; 'LABEL=x' is no stable identity" --apply \
        --devices "/dev/nvme0n1,nvme0n1,nvme-eui.99,$ID_ONE,$BY_ID/$ID_ONE,../loop1,LABEL=x"
    [ "$(failures)" = approved ]
    refuses_to_start approved '*-part1 is not approved*' --apply --devices "$ID_ONE-part1"
    assert_evidence mounts SKIP 'stands on approved*'
}

@test "approved: a node without approved disks" {
    sed -i -e "/^GPUAAS_SLICE_DISKS=/,/'\$/c GPUAAS_SLICE_DISKS=''" /etc/gpuaas/node.env
    refuses_to_start approved 'no slice disk is approved*'
    for check in $GUARDS; do
        case $check in approved | earlier_run) ;; *) [ "$(evidence_status "$check")" = SKIP ] || fail "$check: $output" ;; esac
    done
    assert_evidence present SKIP 'stands on approved*'
    assert_evidence plan SKIP 'stands on approved*'
    refuses_to_start approved "$ID_ONE is not approved*" --apply --devices "$ID_ONE"
}

@test "present: a link that leads nowhere, to a partition, to a file, to a device made of others, to a node under a false name" {
    rm "$BY_ID/$ID_THREE"
    refused present "$ID_THREE leads to no whole disk"
    ln -s "${ONE}p1" "$BY_ID/$ID_THREE"
    refused present "$ID_THREE leads to no whole disk"
    ln -sf /etc/passwd "$BY_ID/$ID_THREE"
    refused present "$ID_THREE leads to no whole disk"
    ln -sf "$THREE" "$BY_ID/$ID_THREE"
    folder=$(sysfs_disk "$THREE")
    mkdir "$folder/dm"
    refused present "$ID_THREE leads to no whole disk"
    mv "$folder/dm" "$folder/md"
    refused present "$ID_THREE leads to no whole disk"
    sysfs_plain "$THREE"
    # a node of a device that does not exist
    mknod /dev/alias b 259 1048575
    ln -sf /dev/alias "$BY_ID/$ID_THREE"
    refused present "$ID_THREE leads to no whole disk"
    rm /dev/alias
    # another node of the disk is the disk, but not where its own node is missing, or another device's
    mknod /dev/alias b $((0x$(stat -c %t "$THREE"))) $((0x$(stat -c %T "$THREE")))
    transition --devices "$ID_THREE"
    assert_evidence present PASS
    rm "$THREE"
    transition
    assert_evidence present FAIL "$ID_THREE leads to no whole disk; *"
    mknod "$THREE" b $((0x$(stat -c %t "$OTHER"))) $((0x$(stat -c %T "$OTHER")))
    transition
    udev_settle
    rm /dev/alias
    assert_evidence present FAIL "$ID_THREE leads to no whole disk; *"
}

@test "distinct: one disk by two approved names; two disks with the same serial" {
    ln -s "$THREE" "$BY_ID/wwn-0x0123456789abcdef"
    sed -i "s,^GPUAAS_SLICE_DISKS=',&$BY_ID/wwn-0x0123456789abcdef|EXAMPLE0002\n," /etc/gpuaas/node.env
    before=$(hashes)
    transition --apply --devices "$ID_THREE,wwn-0x0123456789abcdef"
    rm "$BY_ID/wwn-0x0123456789abcdef"
    [ "$(failures)" = distinct ]
    assert_evidence distinct FAIL "* are the same disk, ${THREE##*/}"
    [ "$(hashes)" = "$before" ]
    storage_start
    disk_identity "$THREE" EXAMPLE0001 "${ID_THREE#nvme-eui.}"
    sed -i 's/EXAMPLE0002/EXAMPLE0001/' /etc/gpuaas/node.env
    refused distinct "${THREE##*/} and ${TWO##*/} have the same serial EXAMPLE0001"
    disk_identity "$THREE" EXAMPLE0002 "${ID_THREE#nvme-eui.}"
}

@test "identity: another serial, none at all, and a link that was laid to another disk" {
    disk_identity "$THREE" EXCHANGED "${ID_THREE#nvme-eui.}"
    refused identity "$ID_THREE (${THREE##*/}) has serial 'EXCHANGED', approved is 'EXAMPLE0002'"
    disk_identity "$THREE" '' "${ID_THREE#nvme-eui.}"
    refused identity "* has serial '-', approved is 'EXAMPLE0002'"
    disk_identity "$THREE" EXAMPLE0002 "${ID_THREE#nvme-eui.}"
    ln -sf "$OTHER" "$BY_ID/$ID_THREE"
    refused identity "* has serial 'EXAMPLE0003', approved is 'EXAMPLE0002'; $ID_THREE leads to ${OTHER##*/}, which says it is 'eui.*dc41'"
    # also where no serial was approved
    sed -i 's/EXAMPLE0002/-/' /etc/gpuaas/node.env
    refused identity "$ID_THREE leads to ${OTHER##*/}, which says it is 'eui.*dc41'"
    ln -sf "$THREE" "$BY_ID/$ID_THREE"
    transition
    assert_evidence identity SKIP 'stands on present*'
    transition --devices "$ID_THREE"
    assert_evidence identity PASS
}

@test "identity: what the kernel says counts more than what udev says; a name without an identity needs a serial" {
    folder=$(sysfs_disk "$THREE")
    mkdir "$folder/device"
    echo '  EXCHANGED  ' >"$folder/device/serial"
    refused identity "* has serial 'EXCHANGED', approved is 'EXAMPLE0002'"
    # one from the kernel, the other from udev
    rm "$folder/device/serial"
    echo 'eui.0000000000000bad' >"$folder/wwid"
    refused identity "$ID_THREE leads to ${THREE##*/}, which says it is 'eui.0000000000000bad'"
    sysfs_plain "$THREE"
    ln -s "$THREE" "$BY_ID/wwn-0x0123456789abcdef"
    sed -i "s,^GPUAAS_SLICE_DISKS=',&$BY_ID/wwn-0x0123456789abcdef|-\n," /etc/gpuaas/node.env
    refuses_to_start identity 'wwn-0x0123456789abcdef (loop*): no serial is approved to compare with' --apply --devices wwn-0x0123456789abcdef
    sed -i "s,wwn-0x0123456789abcdef|-,wwn-0x0123456789abcdef|EXAMPLE0002," /etc/gpuaas/node.env
    transition --devices wwn-0x0123456789abcdef
    rm "$BY_ID/wwn-0x0123456789abcdef"
    assert_evidence identity PASS
}

@test "identity: all that must not change is asked of the kernel, each by itself" {
    folder=/sys/block/${ONE##*/}
    run_functions "$SCRIPT" 'nvme_value=x; disk_facts "$1"' "${ONE##*/}"
    [ "$output" = "${ONE##*/} $(cat "$folder/dev") $(cat "$folder/diskseq") $(cat "$folder/size") ${ID_ONE#nvme-} EXAMPLE0000" ]
}

@test "writable: a read-only disk, a read-only partition" {
    blockdev --setro "$THREE"
    refused writable "$ID_THREE (${THREE##*/}): ${THREE##*/} is read-only"
    blockdev --setrw "$THREE"
    blockdev --setro "${ONE}p1"
    refused writable "$ID_ONE (${ONE##*/}): ${ONE##*/}p1 is read-only"
    blockdev --setrw "${ONE}p1"
}

@test "os_disk: under its own name, under another alias; one that is not set or not there" {
    sed -i "s,^GPUAAS_SLICE_DISKS=',&$BY_ID/$ID_OS|-\n$BY_ID/wwn-0x0123456789abcdef|OSSERIAL\n," /etc/gpuaas/node.env
    refuses_to_start os_disk "*$ID_OS is the OS disk (${OS##*/})" --apply --devices "$ID_OS"
    [ "$(failures)" = os_disk ]
    ln -s "$OS" "$BY_ID/wwn-0x0123456789abcdef"
    refuses_to_start os_disk "*/wwn-0x0123456789abcdef is the OS disk (${OS##*/})" --apply --devices "$ID_THREE,wwn-0x0123456789abcdef"
    [ "$(failures)" = os_disk ]
    rm "$BY_ID/wwn-0x0123456789abcdef"
    storage_start
    rm "$BY_ID/$ID_OS"
    refused os_disk "the OS disk $BY_ID/$ID_OS leads to no disk, so it cannot be told apart"
    ln -s "$OS" "$BY_ID/$ID_OS"
    sed -i "s/^GPUAAS_OS_DISK=.*/GPUAAS_OS_DISK=''/" /etc/gpuaas/node.env
    refused os_disk "the node's OS disk is not set"
}

# --- what is mounted -------------------------------------------------------------------------------------

@test "mounts: a child that is mounted, which a question for the parent misses; the whole disk" {
    mount -o ro "${ONE}p1" /mnt/else
    refused mounts "$ID_ONE (${ONE##*/}): mounted at /mnt/else (seen by process 1)" claim
    umount /mnt/else
    mount -o ro "$TWO" /mnt/else
    refused mounts "$ID_TWO (${TWO##*/}): mounted at /mnt/else (seen by process 1)" claim
    umount /mnt/else
}

@test "mounts: a bind mount of a share, a folder of the disk at a share's place, a mount below a share" {
    mount "${ONE}p1" /share1
    mkdir /share1/below
    umount /share1
    mount -o ro "${ONE}p1" /share1
    mount --bind /share1 /mnt/else
    refused mounts "$ID_ONE (${ONE##*/}): mounted at /mnt/else (seen by process 1)"
    umount /share1
    mount --bind /mnt/else/below /share1
    umount /mnt/else
    refused mounts "$ID_ONE (${ONE##*/}): mounted at /share1 (seen by process 1)" claim
    umount /share1
    mount -o ro "${ONE}p1" /share1
    mount -t tmpfs below /share1/below
    refused mounts "$ID_ONE (${ONE##*/}): /share1/below is mounted below /share1"
    umount /share1/below
    umount /share1
    storage_contents
}

@test "mounts: in another process's view only" {
    unshare --mount --propagation private sh -c "mount -o ro ${TWO} /mnt/else; echo ready >/run/view; exec sleep 60" 3>&- &
    for _ in $(seq 50); do [ -s /run/view ] && break; sleep 0.05; done
    refused mounts "$ID_TWO (${TWO##*/}): mounted at /mnt/else (seen by process *)" claim
    kill "$!"
    wait || true
    rm /run/view
    # a share that process 1 unmounts, and a private view would keep
    mount -o ro "$TWO" /share2
    unshare --mount --propagation private sh -c "echo ready >/run/view; exec sleep 60" 3>&- &
    for _ in $(seq 50); do [ -s /run/view ] && break; sleep 0.05; done
    refused mounts "$ID_TWO (${TWO##*/}): mounted at /share2 (seen by process *)"
    kill "$!"
    wait || true
    rm /run/view
    umount /share2
}

@test "swap: a disk, by an alias; a file on a share; a signature of swap that nobody uses" {
    mknod /dev/alias b $((0x$(stat -c %t "$THREE"))) $((0x$(stat -c %T "$THREE")))
    swaps_to /dev/alias
    refused swap "$ID_THREE (${THREE##*/}): /dev/alias"
    mount "$TWO" /share2
    echo swap >'/share2/swap file'
    mount -o remount,ro /share2
    swaps_to '/share2/swap\040file'
    refused swap "$ID_TWO (${TWO##*/}): /share2/swap file"
    swaps_to_nothing
    umount /share2
    mkswap -q "$THREE"
    refused members "$ID_THREE (${THREE##*/}): ${THREE##*/}:swap: part of something larger, or unknown"
    storage_contents
}

@test "holders: device mapper on the disk, md on a partition" {
    folder=$(sysfs_disk "$THREE")
    rm "$folder/holders"
    mkdir -p "$folder/holders/dm-0"
    refused holders "$ID_THREE (${THREE##*/}): held by ${THREE##*/}:dm-0"
    sysfs_plain "$THREE"
    mkdir -p /run/holders/md127
    mount --bind /run/holders "/sys/block/${ONE##*/}/${ONE##*/}p1/holders"
    refused holders "$ID_ONE (${ONE##*/}): held by ${ONE##*/}p1:md127"
    umount "/sys/block/${ONE##*/}/${ONE##*/}p1/holders"
}

@test "members: LVM, md, LUKS and ZFS by their bytes, though nobody holds the disk" {
    python3 - "$THREE" lvm <<'BYTES'
import struct, sys, zlib
with open(sys.argv[1], "r+b") as disk:
    body = struct.pack("<I8s", 32, b"LVM2 001") + b"A" * 32 + struct.pack("<Q", 4 << 20)
    body = body.ljust(512 - 20, b"\0")
    crc = 0xF597A6CF
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0xEDB88320 if n & 1 else 0)
        table.append(n)
    for byte in body:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    disk.seek(512)
    disk.write(b"LABELONE" + struct.pack("<QI", 1, crc) + body)
BYTES
    refused members "$ID_THREE (${THREE##*/}): ${THREE##*/}:LVM2_member: part of something larger, or unknown"
    wipefs -q -a "$THREE"
    printf 'LUKS\272\276\0\1' | dd of="$THREE" conv=notrunc status=none
    refused members "*:crypto_LUKS: *"
    wipefs -q -a "$THREE"
    python3 - "${ONE}p1" <<'BYTES'
import struct, sys
sb = bytearray(256)
struct.pack_into("<IIII", sb, 0, 0xA92B4EFC, 1, 0, 0)
sb[16:32] = b"0123456789abcdef"
struct.pack_into("<Q", sb, 144, 8)
struct.pack_into("<I", sb, 220, 0)
total = sum(struct.unpack("<64I", sb))
struct.pack_into("<I", sb, 216, ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF)
with open(sys.argv[1], "r+b") as disk:
    disk.seek(4096)
    disk.write(sb)
BYTES
    refused members "$ID_ONE (${ONE##*/}): ${ONE##*/}p1:linux_raid_member: *"
    storage_contents
}

@test "members: ZFS by its bytes" {
    big=$(loop_disk big 72M EXAMPLE0005 000000000000000100a075244a10dc98)
    python3 - "$big" <<'BYTES'
import struct, sys
def text(word): return struct.pack(">I", len(word)) + word.ljust((len(word) + 3) // 4 * 4, b"\0")
def pair(name, kind, value):
    body = text(name) + struct.pack(">II", kind, 1) + value
    return struct.pack(">II", len(body) + 8, len(body) + 40) + body
def number(name, value): return pair(name, 8, struct.pack(">Q", value))
label = struct.pack(">BBBBII", 1, 1, 0, 0, 0, 1) + number(b"version", 5000) + pair(b"name", 9, text(b"tank"))
label += number(b"state", 0) + number(b"txg", 4) + number(b"pool_guid", 1234567890123) + number(b"top_guid", 99)
label += number(b"guid", 9876543210) + struct.pack(">II", 0, 0)
with open(sys.argv[1], "r+b") as disk:
    for start in (0, 256 << 10, (72 << 20) - (512 << 10), (72 << 20) - (256 << 10)):
        disk.seek(start + (16 << 10))
        disk.write(label)
        for slot in range(32):
            disk.seek(start + (128 << 10) + slot * 1024)
            disk.write(struct.pack("<QQQ", 0x00BAB10C, 5000, slot).ljust(1024, b"\0"))
BYTES
    before=$(b2sum "$big")
    transition --apply --devices "$ID_ONE,nvme-eui.000000000000000100a075244a10dc98"
    [ "$(failures)" = members ] || fail "$status $(failures) $output"
    [[ $(detail_of members) == *:zfs_member:* ]]
    [ "$(b2sum "$big")" = "$before" ]
    losetup --detach "$big"
    rm "/run/gpuaas-lab/loops/${big##*/}"
}

@test "members, references: signatures that cannot be read are no signatures that are absent" {
    shadow wipefs 'exit 1'
    refused members "$ID_ONE (${ONE##*/}): signatures cannot be read; *" references
    assert_evidence references FAIL "the names of what is on ${ONE##*/} ${TWO##*/} ${THREE##*/} cannot be read"
    # of one disk
    shadow wipefs 'case "$*" in *'"$THREE"') exit 1 ;; esac'
    refused members "$ID_THREE (${THREE##*/}): signatures cannot be read" references
    assert_evidence references FAIL "the names of what is on ${THREE##*/} cannot be read"
}

@test "vfio: a controller that is bound to vfio-pci, or will be at the next probe" {
    folder=$(sysfs_disk "$THREE")
    mkdir -p "$folder/device" /run/pci/0000:44:00.0 /run/pci/vfio-pci /run/pci/nvme
    ln -s /run/pci/0000:44:00.0 "$folder/device/device"
    ln -sfn ../vfio-pci /run/pci/0000:44:00.0/driver
    refused vfio "$ID_THREE (${THREE##*/}): its controller 0000:44:00.0 belongs to vfio-pci"
    ln -sfn ../nvme /run/pci/0000:44:00.0/driver
    echo vfio-pci >/run/pci/0000:44:00.0/driver_override
    refused vfio "$ID_THREE (${THREE##*/}): its controller 0000:44:00.0 belongs to vfio-pci"
    echo '(null)' >/run/pci/0000:44:00.0/driver_override
    transition --devices "$ID_THREE"
    assert_evidence vfio PASS
    # a namespace with several paths: the controllers stand below its subsystem
    mv "$folder/device/device" /run/pci/path
    mkdir "$folder/device/nvme3"
    ln -s /run/pci/0000:44:00.0 "$folder/device/nvme3/device"
    echo vfio-pci >/run/pci/0000:44:00.0/driver_override
    refused vfio "$ID_THREE (${THREE##*/}): its controller 0000:44:00.0 belongs to vfio-pci"
    rm -r /run/pci
}

# --- what is set up to use them ----------------------------------------------------------------------------

@test "references: fstab by UUID, LABEL, PARTUUID, PARTLABEL, path, alias, dead link; a bind and a file of the share; each by line" {
    mount -o noatime,noinit_itable "${ONE}p1" /share1
    mknod /dev/alias b $((0x$(stat -c %t "$TWO"))) $((0x$(stat -c %T "$TWO")))
    touch /share1/image
    mount -o remount,ro /share1
    cat >>/etc/fstab <<FSTAB
# UUID=$UUID_ONE /comment ext4 defaults 0 0
UUID=$UUID_ONE /by-uuid ext4 defaults 0 0
UUID="${UUID_TWO}" /by-quoted-uuid ext4 defaults 0 0
LABEL=share\\040one /by-label ext4 defaults 0 0
PARTUUID=aaaaaaaa-2222-3333-4444-555555555555 /by-partuuid ext4 defaults 0 0
PARTLABEL=the\\040first /by-partlabel ext4 defaults 0 0
$TWO /by-path ext4 defaults 0 0
/dev/alias none swap sw 0 0
/dev/disk/by-label/two /by-link ext4 defaults 0 0
$BY_ID/$ID_THREE-part1 /by-dead-link ext4 nofail 0 0
/share1 /bind none bind 0 0
/share1/image /image ext4 loop 0 0
UUID=99999999-2222-3333-4444-555555555555 /not-ours ext4 defaults 0 0
LABEL=share /not-ours-either ext4 defaults 0 0
UUID=$UUID_ONE /share1 ext4 defaults 0 0
FSTAB
    refused references "*"
    rm /dev/alias
    umount /share1
    found=$(detail_of references)
    for place in by-uuid by-quoted-uuid by-label by-partuuid by-partlabel by-path by-link by-dead-link bind image; do
        [[ "$found;" == *" /$place;"* ]] || fail "$place: $found"
    done
    [[ $found == *"/etc/fstab:"*" /dev/alias none"* ]]
    [ "$(grep -o /etc/fstab: <<<"$found" | wc -l)" -eq 11 ]
    run ! grep -E '/comment|/not-ours|/share1;|/share1$' <<<"$found"
}

@test "references: fstab of two signatures on one disk; crypttab; a mount unit; a share's place in another file" {
    printf '\125\252' | dd of="$TWO" bs=1 seek=510 conv=notrunc status=none
    printf '# <name> <device>\nsecret UUID=%s none luks\n' "$UUID_TWO" >/etc/crypttab
    printf '[Mount]\nWhat=/dev/disk/by-uuid/%s\nWhere=/share1\n' "$UUID_ONE" >/etc/systemd/system/mnt-else.mount
    refused references "*"
    head -c 2 /dev/zero | dd of="$TWO" bs=1 seek=510 conv=notrunc status=none
    [[ $(detail_of references) == *"/etc/crypttab:2 UUID=$UUID_TWO secret"* ]]
    [[ $(detail_of references) == *"/etc/systemd/system/mnt-else.mount:2 /dev/disk/by-uuid/$UUID_ONE"* ]]
    rm /etc/crypttab
    refused references "$ID_ONE (${ONE##*/}): /etc/systemd/system/mnt-else.mount:2 /dev/disk/by-uuid/$UUID_ONE -"
}

# domain STATE-NAME SOURCE...: a libvirt domain of these sources.
domain() {
    local file=$VIRSH/$1
    shift
    {
        printf '<domain type="kvm">\n  <devices>\n    <emulator>/usr/bin/qemu-system-x86_64</emulator>\n'
        printf "    <controller type='pci'><address type='pci' domain='0x0000' bus='0x44' slot='0x00' function='0x0'/></controller>\n"
        printf '    %s\n' "$@"
        printf '  </devices>\n</domain>\n'
    } >"$file"
}

@test "libvirt: domains running or shut off that name a disk by any alias, a file on a share, the controller; a pool" {
    mount -o noatime,noinit_itable "$TWO" /share2
    mkdir /share2/images
    touch "/share2/images/a & b's.img"
    mount -o remount,ro /share2
    folder=$(sysfs_disk "$THREE")
    mkdir -p "$folder/device"
    echo 0000:44:00.0 >"$folder/device/address"
    mkdir -p /dev/vm
    mknod /dev/vm/alias b $((0x$(stat -c %t "$THREE"))) $((0x$(stat -c %T "$THREE")))
    domain 'running-by path' "<source dev='$THREE'/>"
    domain off-by-id "<source dev='$BY_ID/$ID_ONE'/>"
    domain off-by-partition "<source dev=\"$BY_ID/$ID_ONE-part9\"/>"
    domain off-by-uuid "<source dev='/dev/disk/by-uuid/$UUID_ONE' index='1'/>"
    domain off-by-alias "<source dev='/dev/vm/alias'/>"
    domain off-by-file "<source file='/share2/images/a &amp; b&apos;s.img'/>"
    domain off-by-address "<hostdev><source><address domain='0x0000' bus='0x44' slot='0x00' function='0x0'/></source></hostdev>"
    domain running-next-start "<source dev='/dev/null'/>"
    domain off-next-start "<source dev='$TWO'/>"
    domain running-until-shutdown "<source dev='$TWO'/>"
    domain off-until-shutdown "<source dev='/dev/null'/>"
    domain off-other "<source dev='$OTHER'/>" "<source file='/var/lib/libvirt/images/x.img'/>"
    printf "<pool type='dir'><target><path>/share2/images</path></target></pool>\n" >"$VIRSH/pool-images"
    refused libvirt '*'
    rm -r /dev/vm
    umount /share2
    storage_contents
    found=$(detail_of libvirt)
    for name in 'by path' by-id by-partition by-uuid by-alias by-file by-address next-start until-shutdown; do
        [[ $found == *": domain $name "* ]] || fail "$name: $found"
    done
    [[ $found == *"$ID_TWO (${TWO##*/}): pool images /share2/images"* ]]
    [[ $found == *"$ID_THREE (${THREE##*/}): domain by-address pci:0000:44:00.0"* ]]
    [ "$(grep -o 'domain ' <<<"$found" | wc -l)" -eq 9 ] || fail "$found"
    run ! grep -F 'domain other' <<<"$found"
}

@test "libvirt: when it cannot be asked, or one of its answers is missing, nothing is wiped" {
    touch "$VIRSH/fail"
    refused libvirt 'libvirt cannot be asked*'
    rm "$VIRSH/fail"
    domain off-one "<source dev='/dev/null'/>"
    transition --devices "$ID_ONE"
    assert_evidence libvirt PASS
    for answer in system?list dumpxml --inactive pool-list; do
        sed -i "4i case \"\$*\" in *$answer*) exit 1 ;; esac" /usr/local/bin/virsh
        refused libvirt 'libvirt cannot be asked*'
        storage_start
    done
    printf '<pool/>\n' >"$VIRSH/pool-one"
    sed -i '4i case "$*" in *pool-dumpxml*) exit 1 ;; esac' /usr/local/bin/virsh
    refused libvirt 'libvirt cannot be asked*'
    printf '#!/bin/sh\nexit 127\n' >/usr/local/bin/virsh
    refused libvirt 'libvirt cannot be asked*'
}

# --- who uses them -------------------------------------------------------------------------------------------

# in_background CODE: runs Python code that prints a line when it holds what it shall hold; end_background ends it.
in_background() {
    rm -f /run/holding
    python3 -c "$1
open('/run/holding', 'w').write('yes')
import time; time.sleep(60)" 3>&- &
    holder=$!
    for _ in $(seq 100); do [ -s /run/holding ] && break; sleep 0.05; done
}

end_background() {
    kill "$holder"
    wait "$holder" || true
    holder=
}

@test "users: a process that has the disk or a partition open, also by another node" {
    in_background "disk = open('$THREE', 'rb')"
    refused users "$ID_THREE (${THREE##*/}): /proc/$holder/fd/*"
    end_background
    mknod /dev/alias b $((0x$(stat -c %t "${ONE}p1"))) $((0x$(stat -c %T "${ONE}p1")))
    in_background "disk = open('/dev/alias', 'rb')"
    refused users "$ID_ONE (${ONE##*/}): /proc/$holder/fd/*"
    end_background
    rm /dev/alias
}

@test "users: an open file on a share, a working folder, a mapped file, a file behind a loop device" {
    mount -o noatime,noinit_itable "$TWO" /share2
    echo text >/share2/file
    # of its own name: what other containers' loop devices stand on has a path of theirs
    image=image-$RANDOM$RANDOM
    head -c 64K /dev/zero >"/share2/$image"
    cp "$(ldconfig -p | sed -n 's/.*libz.so.1 .*=> //p' | head -n 1)" /share2/library
    mount -o remount,ro /share2
    in_background "file = open('/share2/file')"
    refused users "$ID_TWO (${TWO##*/}): /proc/$holder/fd/*"
    end_background
    in_background "import os; os.chdir('/share2')"
    refused users "$ID_TWO (${TWO##*/}): /proc/$holder/cwd"
    end_background
    in_background "import ctypes; ctypes.CDLL('/share2/library')"
    refused users "$ID_TWO (${TWO##*/}): /proc/$holder/maps"
    end_background
    loop=$(loop_locked losetup --read-only --find --show "/share2/$image")
    refused users "$ID_TWO (${TWO##*/}): /share2/$image"
    losetup --detach "$loop"
    umount /share2
    storage_contents
}

@test "mounts, swap: when the kernel's answer is missing, nothing is wiped" {
    shadow stat 'case "$*" in *ns/mnt*) exit 0 ;; esac'
    refused mounts 'the mounts of the processes cannot be read'
    rm /usr/local/bin/stat
    shadow awk 'case "$*" in *proc/swaps*) exit 2 ;; esac'
    refused swap '/proc/swaps cannot be read'
}

@test "users: when the processes cannot be looked at, nothing is wiped" {
    shadow find 'case "$*" in /proc*) exit 0 ;; esac'
    refused users 'the open files of the processes cannot be read'
}

@test "claim: somebody holds a disk for himself" {
    in_background "import os; disk = os.open('$THREE', os.O_RDONLY | os.O_EXCL)"
    refused claim "$ID_THREE (${THREE##*/}): cannot be claimed: somebody holds it" users
    end_background
}

# --- runs and plans --------------------------------------------------------------------------------------------

@test "several hazards at once: all of them are named in one run" {
    mount -o ro "$TWO" /mnt/else
    blockdev --setro "$THREE"
    echo "UUID=$UUID_ONE /elsewhere ext4 defaults 0 0" >>/etc/fstab
    touch "$VIRSH/fail"
    refused mounts '*' claim writable references libvirt
    [ "$(evidence_summary failures)" -eq 5 ]
    blockdev --setrw "$THREE"
    umount /mnt/else
}

@test "plan: another digest than the dry run's is refused, the same is taken" {
    transition --devices "$ID_ONE,$ID_TWO,$ID_THREE"
    digest=$(evidence_field plan detail)
    transition --devices "$ID_ONE,$ID_TWO,$ID_THREE" --plan "$digest"
    assert_evidence plan PASS "$digest"
    disk_identity "$THREE" EXAMPLE0003 "${ID_THREE#nvme-eui.}"
    disk_identity "$OTHER" EXAMPLE0002 "${ID_OTHER#nvme-eui.}"
    sed -i 's/EXAMPLE0002/EXAMPLE0009/; s/EXAMPLE0003/EXAMPLE0002/; s/EXAMPLE0009/EXAMPLE0003/' /etc/gpuaas/node.env
    before=$(hashes)
    apply_all --plan "$digest"
    disk_identity "$THREE" EXAMPLE0002 "${ID_THREE#nvme-eui.}"
    disk_identity "$OTHER" EXAMPLE0003 "${ID_OTHER#nvme-eui.}"
    [ "$(failures)" = plan ]
    assert_evidence plan FAIL "the host is not as it was planned for: plan $digest, now *"
    [ "$(hashes)" = "$before" ]
}

@test "earlier_run: one that was cut off with other disks is finished first; a damaged record is not guessed at" {
    mkdir -p /var/log/gpuaas
    printf 'started 20260101000000\ndevice %s/%s loop9\nplanned\ndone shares_disabled\n' "$BY_ID" "$ID_OTHER" >"$UNFINISHED"
    UNFINISHED_EXPECTED=yes refused earlier_run "the run of 20260101000000 was cut off and is not finished: $BY_ID/$ID_OTHER belongs to it"
    : >"$UNFINISHED"
    UNFINISHED_EXPECTED=yes refused earlier_run 'the run of an unknown time was cut off*'
    printf 'started 20260101000000\ndevice %s/%s loop9\nplanned\ndone shares_disabled\n' "$BY_ID" "$ID_THREE" >"$UNFINISHED"
    transition --devices "$ID_ONE,$ID_THREE"
    assert_evidence earlier_run PASS 'the run of 20260101000000 was cut off and is continued; done were: *shares_disabled'
    [[ $stderr == *'continuing the run of 20260101000000 that was cut off; done were: shares_disabled' ]]
}

# --- arguments and the host ------------------------------------------------------------------------------------

@test "arguments: help, unknown ones, --apply without disks, values that are missing" {
    transition --help
    [ "$status" -eq 0 ]
    [[ $output == *--apply*--devices* ]]
    before=$(hashes)
    for words in --aply --apply --devices --plan '--apply --devices' "--devices $ID_ONE --plan"; do
        # shellcheck disable=SC2086
        transition $words
        [ "$status" -eq 2 ] || fail "$words: $status"
        [ -z "$output" ]
    done
    transition --apply --devices ''
    [ "$status" -eq 2 ]
    [ "$(hashes)" = "$before" ]
}

@test "the host: not root, no node.env, missing commands (all named), another run under way" {
    before=$(hashes)
    path=$(script_path "$SCRIPT")
    run setpriv --reuid 65534 --clear-groups dash "$path"
    [ "$status" -eq 1 ]
    [[ $output == *'must run as root'* ]]
    mkdir /run/few
    for name in dash busybox bash awk cat cmp id mkdir mktemp rm stat tail grep timeout find sort sed; do ln -s "$(command -v "$name")" "/run/few/$name"; done
    PATH=/run/few transition --apply --devices "$ID_ONE"
    rm -r /run/few
    [ "$status" -eq 1 ]
    [[ $stderr == *'missing commands: blkdiscard '*' virsh wipefs xargs; install'* ]]
    rm /etc/gpuaas/node.env
    transition --apply --devices "$ID_ONE"
    [ "$status" -eq 1 ]
    [[ $stderr == *'/etc/gpuaas/node.env is missing'* ]]
    storage_start
    sed -i '/^GPUAAS_OS_DISK/d' /etc/gpuaas/node.env
    transition --apply --devices "$ID_ONE"
    [ "$status" -eq 1 ]
    [[ $stderr == *'does not set: GPUAAS_OS_DISK'* ]]
    storage_start
    rm -f /run/gpuaas-slice-storage-transition.lock
    mkdir /run/gpuaas-slice-storage-transition.lock
    transition --apply --devices "$ID_ONE"
    rmdir /run/gpuaas-slice-storage-transition.lock
    [ "$status" -eq 1 ]
    [[ $stderr == *'cannot write /run/gpuaas-slice-storage-transition.lock'* ]]
    [ -z "$output" ]
    exec 8>/run/gpuaas-slice-storage-transition.lock
    flock 8
    transition --apply --devices "$ID_ONE"
    exec 8>&-
    [ "$status" -eq 1 ]
    [[ $stderr == *'another run of this script is under way'* ]]
    [ -z "$output" ]
    [ "$(hashes)" = "$before" ]
}
