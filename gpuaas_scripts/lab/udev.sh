#!/bin/sh
# Plays udev for the lab's loop disks: /sys is read-only in the container, so udevd does not run.
# Called as lsblk: bring nodes, links and udev's database up to date, then run the real lsblk.
# Called as udevadm: the same for settle and trigger; anything else is the real udevadm's.
# Only then partition tables are read again, by partx: some kernels know no table formats.
# /run/gpuaas-lab/loops/<loopN> marks a disk of the lab and holds its udev properties, KEY=value.
set -eu

loops=/run/gpuaas-lab/loops
links=/run/gpuaas-lab/links

# Wants link $1 to lead to device $2. One that does is left as it is: this runs before each lsblk, and each ln is a process.
udev_link() {
    wanted="$wanted$1 "
    [ "$1" -ef "$2" ] || ln -sfn "$2" "$1"
}

# Brings the nodes of devices $@ (kernel names) up to date. One that is right is left as it is.
udev_nodes() {
    nodes=' '
    for name; do set -- "$@" "/dev/$name"; shift; done
    while read -r node major minor; do
        nodes="$nodes$node=$((0x${major:-0})):$((0x${minor:-0})) "
    done <<NODES
$(stat -c '%n %t %T' "$@" 2>/dev/null)
NODES
    for node; do
        read -r numbers <"/sys/class/block/${node##*/}/dev"
        case $nodes in
            *" $node=$numbers "*) [ ! -b "$node" ] || continue ;;
        esac
        rm -f "$node"
        mknod -m 660 "$node" b "${numbers%:*}" "${numbers#*:}"
    done
}

# One device: kernel name $1, properties of its disk in $2, suffix $3 for its by-id links (-part1), what blkid said of it in $4.
udev_device() {
    read -r numbers <"/sys/class/block/$1/dev"
    kept="$kept/run/udev/data/b$numbers "
    {
        printf 'I:1\n'
        while IFS= read -r line; do printf 'E:%s\n' "$line"; done <"$2"
        [ -z "$4" ] || while IFS= read -r line; do printf 'E:%s\n' "$line"; done <<SAID
$4
SAID
    } >"/run/udev/data/b$numbers"
    while IFS='=' read -r key value; do
        case $key in
            E:ID_WWN) udev_link "/dev/disk/by-id/nvme-$value$3" "/dev/$1" ;;
            E:ID_SERIAL) udev_link "/dev/disk/by-id/nvme-$value$3" "/dev/$1" ;;
            E:ID_FS_UUID_ENC) udev_link "/dev/disk/by-uuid/$value" "/dev/$1" ;;
            E:ID_FS_LABEL_ENC) udev_link "/dev/disk/by-label/$value" "/dev/$1" ;;
            E:ID_PART_ENTRY_UUID) udev_link "/dev/disk/by-partuuid/$value" "/dev/$1" ;;
        esac
    done <"/run/udev/data/b$numbers"
}

# Reads the partition table of disk $1 again, where blkid (status $2, answer $3) saw one, was not sure, or there are partitions.
udev_partitions() {
    set -- "$@" "/sys/block/$1/$1"p*/partition
    case $2/$3 in
        0/*ID_PART_TABLE_TYPE=* | [!02]*) ;;
        *) [ -e "$4" ] || return 0 ;;
    esac
    partx --update "/dev/$1" 2>/dev/null || :
}

# $1 is "yes" where partition tables are read again.
udev_refresh() {
    reread=$1
    [ -d "$loops" ] || return 0
    [ -d /run/udev/data ] && [ -d /dev/disk/by-partuuid ] ||
        mkdir -p /run/udev/data /dev/disk/by-id /dev/disk/by-uuid /dev/disk/by-label /dev/disk/by-partuuid
    wanted=' '
    kept=' '
    old=
    set --
    for disk in "$loops"/*; do
        [ ! -e "/sys/block/${disk##*/}/loop/backing_file" ] || set -- "$@" "${disk##*/}"
    done
    [ $# -eq 0 ] || udev_nodes "$@"
    disks=$*
    parts=
    for disk in $disks; do
        status=0
        said=$(blkid -p -o udev "/dev/$disk" 2>/dev/null) || status=$?
        [ "$reread" = no ] || udev_partitions "$disk" "$status" "$said"
        udev_device "$disk" "$loops/$disk" '' "$said"
        for part in "/sys/block/$disk/$disk"p*; do
            [ ! -e "$part/dev" ] || parts="$parts $disk:${part##*/}"
        done
    done
    # shellcheck disable=SC2086 # kernel names
    set -- $parts
    if [ $# -gt 0 ]; then
        for part; do set -- "$@" "${part#*:}"; shift; done
        udev_nodes "$@"
    fi
    for part in $parts; do
        disk=${part%:*}
        part=${part#*:}
        kept="$kept/dev/$part "
        said=$(blkid -p -o udev "/dev/$part" 2>/dev/null) || :
        udev_device "$part" "$loops/$disk" "-part${part##*p}" "$said"
    done
    [ ! -f "$links" ] || read -r old <"$links" || :
    printf '%s\n' "$wanted" >"$links"
    set --
    for link in $old; do
        case $wanted in *" $link "*) ;; *) set -- "$@" "$link" ;; esac
    done
    for file in /dev/loop*p* /run/udev/data/b7:* /run/udev/data/b259:*; do
        case $kept in *" $file "*) ;; *) [ ! -e "$file" ] || set -- "$@" "$file" ;; esac
    done
    [ $# -eq 0 ] || rm -f "$@"
}

case ${0##*/}:${1:-} in
    lsblk:*)
        udev_refresh no
        exec /usr/bin/lsblk "$@" ;;
    udevadm:settle | udevadm:trigger | udev.sh:*)
        udev_refresh yes ;;
    udevadm:*) exec /usr/bin/udevadm "$@" ;;
esac
