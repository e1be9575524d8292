# gpuaas-slice-storage-transition --apply: what it does and in which order, what it does when something changes or fails under way,
# and that in each case the disks that were not its turn are the same byte for byte.
# script: gpuaas-slice-storage-transition

load helpers
load storage

setup_file() {
    storage_host
    storage_disks
    sysfs_identity "$ONE" EXAMPLE0000 "$ID_ONE"
    sysfs_identity "$TWO" EXAMPLE0001 "$ID_TWO"
    sysfs_identity "$THREE" EXAMPLE0002 "$ID_THREE"
}

teardown_file() {
    loop_clean
}

setup() {
    storage_start
    rm -rf /var/log/gpuaas /run/order
    storage_contents
    cat >>/etc/fstab <<FSTAB
UUID=$UUID_ONE	/share1 ext4	defaults,nofail 0 2
LABEL=two /share2 ext4 defaults 0 2
tmpfs /tmp tmpfs defaults 0 0
FSTAB
    mount -o ro "${ONE}p1" /share1
    mount -o ro "$TWO" /share2
    at_start=$(hashes)
}

teardown() {
    [ -z "${holder:-}" ] || kill "$holder" 2>/dev/null || true
    unshadow
    for place in $(loop_places); do umount -l "$place"; done
    while read -r _ place _; do
        case $place in /var/log/gpuaas | /etc/fstab) umount -l "$place" ;; esac
    done </proc/mounts
    rm -rf "${VIRSH:?}"/* /etc/fstab.gpuaas*
}

# same DISK...: these disks are as they were when the test began, byte for byte (the shares are mounted read-only).
same() {
    local disk now
    now=$(hashes)
    for disk; do
        [[ $now$'\n' =~ [0-9a-f]+\ \ $disk$'\n' && $at_start$'\n' == *"${BASH_REMATCH[0]}"* ]] || fail "$disk has changed"
    done
}

# exchange DEVICE FILE: the loop device stands on another file.
exchange() {
    # shellcheck disable=SC2016
    loop_locked sh -c 'losetup -d "$1"; losetup "$1" "$2"' sh "$@"
}

is_raw() {
    local disk
    for disk; do
        [ -z "$(wipefs -n "$disk")" ] || fail "$disk has signatures"
        [ ! -e "/sys/block/${disk##*/}/${disk##*/}p1" ] || fail "$disk has partitions"
        cmp -n 1M "$disk" /dev/zero
    done
}

# stopped CHECK DETAIL: the run failed at this step, with a detail that fits; what stands on it is SKIP.
stopped() {
    local step after=no
    [ "$status" -eq 1 ] || fail "exit status $status: $output $stderr"
    [ "$(failures)" = "$1" ] || fail "FAIL: $(failures): $output"
    # shellcheck disable=SC2053
    [[ $(detail_of "$1") == $2 ]] || fail "$(detail_of "$1")"
    for step in $STEPS; do
        if [ "$after" = yes ]; then [[ $output == *" status=SKIP check=$step detail=stands\\ on\\ $1"* ]] || fail "$step: $output"; fi
        [ "$step" != "$1" ] || after=yes
    done
    [ -s "$UNFINISHED" ] || [ "$1" = shares_disabled ]
    [ -z "$(find /var/log/gpuaas -name '*.txt')" ]
}

@test "shares are disabled and unmounted, the disks wiped and read back; a manifest says so, and no more" {
    chmod 640 /etc/fstab
    transition --devices "$ID_ONE,$ID_TWO,$ID_THREE"
    first=$(grep -n /share1 /etc/fstab)
    assert_evidence shares_disabled WARN "dry run: would disable in /etc/fstab: $ID_ONE (${ONE##*/}): /etc/fstab:${first%%:*} UUID=$UUID_ONE /share1; \
$ID_TWO (${TWO##*/}): /etc/fstab:$((${first%%:*} + 1)) LABEL=two /share2"
    assert_evidence shares_unmounted WARN 'dry run: would unmount: /share1; /share2'
    apply_all
    [ "$status" -eq 0 ] || fail "$output $stderr"
    [[ $stderr != *warning:* ]] || fail "$stderr"
    [ "$(evidence_field wiped detail)" = "$ID_ONE, $ID_TWO, $ID_THREE" ]
    for check in $GUARDS $STEPS; do [[ $output == *" status=PASS check=$check detail="* ]] || fail "$check: $output"; done
    [[ $(evidence_field signatures detail) == 'signatures absent on all disks'*'not proven' ]]
    is_raw "$ONE" "$TWO" "$THREE"
    same "$OS" "$OTHER"
    [ -z "$(grep -E ' /share[12] ' /proc/1/mountinfo)" ]
    # fstab: two lines changed, the others as they were
    [ "$(sed 's/^#gpuaas-slice-storage-disabled //' /etc/fstab)" = "$(cat /etc/fstab.gpuaas-slice-storage-backup-*)" ]
    [ "$(grep -c '^#gpuaas-slice-storage-disabled .*/share[12]' /etc/fstab)" -eq 2 ]
    [ "$(stat -c %a /etc/fstab)" = 640 ]
    [ ! -e /etc/fstab.gpuaas-new ]
    manifest=$(evidence_field manifest detail)
    [ "$(find /var/log/gpuaas -name '*.txt')" = "$manifest" ]
    [ ! -e "$UNFINISHED" ]
    grep -q '^node lab-slice-1$' "$manifest"
    grep -q '^finished [0-9]\{14\}$' "$manifest"
    grep -q '^proven signatures absent, no partitions$' "$manifest"
    grep -q "^fstab_backup /etc/fstab.gpuaas-slice-storage-backup-[0-9]\{14\}$" "$manifest"
    for disk in "$ONE $ID_ONE EXAMPLE0000" "$TWO $ID_TWO EXAMPLE0001" "$THREE $ID_THREE EXAMPLE0002"; do
        read -r name id serial <<<"$disk"
        numbers=$(cd "/sys/block/${name##*/}" && cat dev diskseq size | tr '\n' ' ')
        grep -q "^device $BY_ID/$id ${name##*/} $numbers${id#nvme-} $serial$" "$manifest"
        grep -q "^done verified $BY_ID/$id$" "$manifest"
    done
    grep -q "^before ${ONE##*/}	${ONE##*/}p1:ext4$" "$manifest"
    grep -q '/share1$' "$manifest"
    # the saved signatures are the bytes that stood there
    folder=$(sed -n 's/^signature_backups //p' "$manifest")
    cmp <(printf 'EFI PART') "$folder/$ID_ONE/wipefs-${ONE##*/}-0x00000200.bak"
    cmp <(printf '\123\357') "$folder/$ID_TWO/wipefs-${TWO##*/}-0x00000438.bak"
    # again, on raw disks: nothing to disable, and it still wipes
    mv "$manifest" /run/first
    sleep 1
    apply_all
    [ "$status" -eq 0 ] || fail "$output $stderr"
    is_raw "$ONE" "$TWO" "$THREE"
    same "$OS" "$OTHER"
}

@test "order: record, backup, fstab, daemon-reload, unmount, wipe; on the disk before the next; signatures before blocks; never -f" {
    for name in cp sync mv systemctl umount wipefs blkdiscard blockdev rm; do
        shadow "$name" 'case "'"$name"' $*" in *no-act*) ;; *) printf "%s\n" "'"$name"' $*; $(grep -c "^#gpuaas" /etc/fstab) disabled" >>/run/order ;; esac'
    done
    apply_all
    [ "$status" -eq 0 ]
    [ "$(sed -e 's/ --backup//' -e "s,$ONE,ONE," -e "s,$TWO,TWO," -e "s,$THREE,THREE," -e 's/-[0-9]\{14\}/-TIME/g' \
        -e 's,/var/log/gpuaas/slice-storage-transition,LOG,g' -e 's,/etc/fstab\.gpuaas-slice-storage-backup,BACKUP,g' /run/order)" = 'sync LOG.unfinished.new; 0 disabled
mv -f LOG.unfinished.new LOG.unfinished; 0 disabled
cp -p /etc/fstab BACKUP-TIME.new; 0 disabled
sync BACKUP-TIME.new; 0 disabled
mv -f BACKUP-TIME.new BACKUP-TIME; 0 disabled
cp -p /etc/fstab /etc/fstab.gpuaas-new; 0 disabled
sync /etc/fstab.gpuaas-new; 0 disabled
mv -f /etc/fstab.gpuaas-new /etc/fstab; 0 disabled
systemctl daemon-reload; 2 disabled
umount -- /share1; 2 disabled
umount -- /share2; 2 disabled
wipefs --quiet --all ONEp1; 2 disabled
wipefs --quiet --all ONE; 2 disabled
blkdiscard ONE; 2 disabled
blockdev --flushbufs ONE; 2 disabled
wipefs --quiet --all TWO; 2 disabled
blkdiscard TWO; 2 disabled
blockdev --flushbufs TWO; 2 disabled
wipefs --quiet --all THREE; 2 disabled
blkdiscard THREE; 2 disabled
blockdev --flushbufs THREE; 2 disabled
blockdev --flushbufs ONE; 2 disabled
blockdev --flushbufs TWO; 2 disabled
blockdev --flushbufs THREE; 2 disabled
sync LOG-TIME.txt.new; 2 disabled
mv -f LOG-TIME.txt.new LOG-TIME.txt; 2 disabled
rm -f LOG.unfinished; 2 disabled' ] || fail "$(cat /run/order)"
}

@test "a share that services see in their own views goes with process 1's; a share named by nobody in fstab too" {
    storage_start
    mount --make-shared /
    unshare --mount --propagation slave sleep 60 3>&- &
    holder=$!
    sleep 0.2
    apply_all
    kill "$holder"
    [ "$status" -eq 0 ] || fail "$output"
    is_raw "$ONE" "$TWO" "$THREE"
}

@test "only what is named: an approved disk that is not named is not touched" {
    transition --apply --devices "$BY_ID/$ID_TWO"
    [ "$status" -eq 0 ] || fail "$output"
    is_raw "$TWO"
    same "$OS" "$OTHER" "$THREE"
    grep -q " /share1 " /proc/mounts
    [ "$(grep -c '^#gpuaas' /etc/fstab)" -eq 1 ]
    same "$ONE"
}

# --- what changes between plan and apply -------------------------------------------------------------------

@test "the by-id link moves between plan and apply" {
    shadow systemctl "ln -sfn $OTHER $BY_ID/$ID_THREE"
    apply_all
    stopped still_free "$ID_THREE is another device than the planned one (*)"
    same "$OS" "$ONE" "$TWO" "$THREE" "$OTHER"
}

@test "the device is exchanged for another of the same name, size and serial" {
    cp "$LAB_DISKS/three.img" "$LAB_DISKS/exchanged.img"
    shadow systemctl "flock $LAB_LOCK sh -c 'losetup -d $THREE; losetup $THREE $LAB_DISKS/exchanged.img'"
    apply_all
    exchange "$THREE" "$LAB_DISKS/three.img"
    stopped still_free "$ID_THREE is another device than the planned one (*)"
    same "$OS" "$ONE" "$TWO" "$THREE" "$OTHER"
}

@test "somebody mounts a disk again, or opens one, between plan and apply" {
    shadow systemctl "mount -o ro $TWO /mnt/else"
    apply_all
    umount /mnt/else
    stopped shares_unmounted "still mounted: $ID_TWO (${TWO##*/}): /mnt/else (process 1)"
    same "$OS" "$ONE" "$TWO" "$THREE" "$OTHER"
    rm /usr/local/bin/systemctl "$UNFINISHED"
    shadow systemctl "perl -MFcntl -e 'sysopen(F, q($THREE), O_RDONLY | O_EXCL); print STDERR 1; sleep 60' >/dev/null 2>/run/held 3>&- &
        echo \$! >/run/holder; while ! [ -s /run/held ]; do sleep 0.05; done"
    apply_all
    kill "$(cat /run/holder)"
    rm /run/held
    stopped still_free "$ID_THREE (${THREE##*/}) is used: *; $ID_THREE (${THREE##*/}) is held by somebody"
    rm /usr/local/bin/systemctl "$UNFINISHED"
    shadow systemctl "sleep 60 <$THREE >/dev/null 2>&1 3>&- & echo \$! >/run/holder"
    apply_all
    kill "$(cat /run/holder)"
    stopped still_free "$ID_THREE (${THREE##*/}) is used: ${THREE##*/}*/proc/*"
}

@test "a link moves while another disk is being wiped: the disks whose turn it was not are untouched" {
    shadow blkdiscard "ln -sfn $OTHER $BY_ID/$ID_TWO"
    apply_all
    stopped wiped "$ID_TWO is another device than the planned one (*); wiped before: $ID_ONE; the others were not touched"
    is_raw "$ONE"
    same "$OS" "$OTHER" "$THREE"
    same "$TWO"
}

# --- what fails ------------------------------------------------------------------------------------------------

@test "a log folder that is full: nothing is changed, not even fstab" {
    mkdir -p /var/log/gpuaas
    mount -t tmpfs -o size=8k,nr_inodes=4 gpuaas-full /var/log/gpuaas
    head -c 8k /dev/zero >/var/log/gpuaas/full
    before=$(cat /etc/fstab)
    apply_all
    stopped shares_disabled "cannot write $UNFINISHED; nothing was changed"
    [ "$(cat /etc/fstab)" = "$before" ]
    same "$OS" "$ONE" "$TWO" "$THREE" "$OTHER"
    grep -q ' /share1 ' /proc/mounts
}

@test "fstab that cannot be replaced stays as it is; one that somebody writes back is seen" {
    before=$(cat /etc/fstab)
    mount --bind /etc/fstab /etc/fstab
    apply_all
    stopped shares_disabled '/etc/fstab cannot be written; it is as it was'
    [ "$(cat /etc/fstab)" = "$before" ]
    [ ! -e /etc/fstab.gpuaas-new ]
    umount /etc/fstab
    rm "$UNFINISHED"
    shadow cp 'exit 1'
    apply_all
    rm /usr/local/bin/cp
    stopped shares_disabled '/etc/fstab cannot be written; it is as it was'
    [ "$(cat /etc/fstab)" = "$before" ]
    rm "$UNFINISHED"
    cp /etc/fstab /run/fstab.now
    shadow systemctl 'cat /run/fstab.now >/etc/fstab'
    apply_all
    stopped shares_disabled "still there: $ID_ONE (${ONE##*/}): /etc/fstab:*/share1; $ID_TWO (${TWO##*/}): /etc/fstab:*/share2"
    rm "$UNFINISHED"
    shadow systemctl 'exit 1'
    apply_all
    stopped shares_disabled 'systemctl daemon-reload failed*'
    same "$OS" "$ONE" "$TWO" "$THREE" "$OTHER"
}

@test "a share that cannot be unmounted, or is said to be and is not" {
    shadow umount 'exit 32'
    apply_all
    stopped shares_unmounted "still mounted: * (${ONE##*/}): /share1 (process 1); * (${TWO##*/}): /share2 (process 1)"
    [[ $stderr == *'warning: cannot unmount /share1'* ]]
    shadow umount 'exit 0'
    apply_all
    stopped shares_unmounted 'still mounted: *'
    [[ $(evidence_field earlier_run detail) == *'done were: shares_disabled' ]]
    same "$OS" "$ONE" "$TWO" "$THREE" "$OTHER"
}

@test "I/O errors: a disk that cannot discard, one that fails half-way, one whose signatures stay; then the run is finished" {
    # a file system in memory that cannot punch holes: its loop device cannot discard
    mkdir -p /run/ramfs
    mount -t ramfs ramfs /run/ramfs
    cp "$LAB_DISKS/two.img" /run/ramfs/two.img
    umount /share2
    exchange "$TWO" /run/ramfs/two.img
    apply_all
    stopped wiped "blkdiscard failed on $ID_TWO (${TWO##*/}): its signatures are gone, its data is not; wiped before: $ID_ONE; the others were not touched"
    is_raw "$ONE"
    same "$OS" "$OTHER" "$THREE"
    exchange "$TWO" "$LAB_DISKS/two.img"
    umount /run/ramfs
    # half-way, as a disk that dies reports it
    shadow blkdiscard 'case "$*" in *'"$TWO"') "$real" --length 524288 "$@"; echo "blkdiscard: BLKDISCARD ioctl failed: Input/output error" >&2; exit 1 ;; esac'
    apply_all
    stopped wiped "blkdiscard failed on $ID_TWO *"
    [[ $stderr == *"${ID_ONE} was wiped by the run that was cut off"* ]]
    [[ $(evidence_field earlier_run detail) == *"done were: shares_disabled; shares_unmounted; \
signatures_wiped $ID_ONE; discarded $ID_ONE; verified $ID_ONE; signatures_wiped $ID_TWO" ]]
    same "$OS" "$OTHER" "$THREE"
    rm /usr/local/bin/blkdiscard
    mkfs.ext4 -q -F -O ^has_journal "$TWO"
    shadow wipefs 'case "$*" in *--all*'"$TWO"') exit 0 ;; esac'
    shadow blkdiscard 'exit 0'
    apply_all
    stopped wiped "${TWO##*/} still has signatures: ${TWO##*/}:ext4; wiped before: $ID_ONE; *"
    shadow wipefs 'case "$*" in *--all*'"$TWO"') exit 1 ;; esac'
    apply_all
    stopped wiped "wipefs failed on ${TWO##*/} of $ID_TWO; *"
    same "$OS" "$OTHER" "$THREE"
    unshadow
    apply_all
    [ "$status" -eq 0 ] || fail "$output"
    is_raw "$ONE" "$TWO" "$THREE"
    same "$OS" "$OTHER"
}

@test "a partition that the kernel keeps though its table is gone is taken away, or seen" {
    # as after a run that was killed before the kernel was told: no table, and a partition of it
    shadow wipefs 'case "$*" in *--all*'"$ONE"')
        "$real" "$@"
        printf "label: gpt\nsize=2M\n" | sfdisk --quiet --no-reread '"$ONE"'
        partx --add '"$ONE"'
        dd if=/dev/zero of='"$ONE"' bs=512 count=34 conv=notrunc status=none
        dd if=/dev/zero of='"$ONE"' bs=512 seek=6308 count=92 conv=notrunc status=none
        exit 0 ;; esac'
    transition --apply --devices "$ID_ONE"
    [ "$status" -eq 0 ] || fail "$output"
    is_raw "$ONE"
    rm -r /var/log/gpuaas
    shadow partx 'case "$*" in *--delete*) exit 0 ;; esac'
    transition --apply --devices "$ID_ONE"
    stopped wiped "${ONE##*/} still has partitions: ${ONE##*/}p1; *wiped before: none; the others were not touched"
    rm /usr/local/bin/partx
    partx --delete "$ONE"
}

@test "somebody writes to a wiped disk before the end; a run that continues wipes it again" {
    shadow blkdiscard 'case "$*" in *'"$THREE"') mkfs.ext4 -q -F '"$ONE"' >/dev/null 2>&1 ;; esac'
    apply_all
    stopped signatures "${ONE##*/} still has signatures: ${ONE##*/}:ext4"
    unshadow
    apply_all
    [ "$status" -eq 0 ] || fail "$output"
    is_raw "$ONE" "$TWO" "$THREE"
}

@test "a disk that is gone at the end is not reported as wiped" {
    shadow blkdiscard 'case "$*" in *'"$THREE"') rm '"$BY_ID/$ID_ONE"' ;; esac'
    apply_all
    stopped signatures "$ID_ONE is gone"
}

@test "a manifest that cannot be written: not done, and the next run writes it without wiping again" {
    shadow mv 'case "$*" in *.txt) exit 1 ;; esac'
    apply_all
    stopped manifest '*.txt cannot be written'
    unshadow
    shadow blkdiscard 'echo wiped-again >>/run/order'
    apply_all
    [ "$status" -eq 0 ] || fail "$output"
    [ ! -e /run/order ]
    [ "$(find /var/log/gpuaas -name '*.txt' | wc -l)" -eq 1 ]
    grep -q '/share1$' "$(evidence_field manifest detail)"
    [ ! -e "$UNFINISHED" ]
    same "$OS" "$OTHER"
}
