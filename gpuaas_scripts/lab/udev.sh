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

# One device: kernel name $1, properties of its disk in $2, suffix $3 for its by-id links (-part1).
udev_device() {
    read -r numbers <"/sys/class/block/$1/dev"
    mknod -m 660 "/dev/$1" b "${numbers%:*}" "${numbers#*:}"
    said=$(blkid -p -o udev "/dev/$1" 2>/dev/null) || :
    {
        printf 'I:1\n'
        while IFS= read -r line; do printf 'E:%s\n' "$line"; done <"$2"
        [ -z "$said" ] || while IFS= read -r line; do printf 'E:%s\n' "$line"; done <<SAID
$said
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

udev_partitions() {
    for disk in "$loops"/*; do
        [ ! -e "/sys/block/${disk##*/}/loop" ] || partx --update "/dev/${disk##*/}" 2>/dev/null || :
    done
}

udev_refresh() {
    [ -d "$loops" ] || return 0
    mkdir -p /run/udev/data /dev/disk/by-id /dev/disk/by-uuid /dev/disk/by-label /dev/disk/by-partuuid
    wanted=' '
    old=
    set -- /dev/loop*p* /run/udev/data/b7:* /run/udev/data/b259:*
    for disk in "$loops"/*; do
        [ ! -e "/sys/block/${disk##*/}/loop/backing_file" ] || set -- "$@" "/dev/${disk##*/}"
    done
    rm -f "$@"
    for disk in "$loops"/*; do
        name=${disk##*/}
        [ -e "/sys/block/$name/loop/backing_file" ] || continue
        udev_device "$name" "$disk" ''
        for part in "/sys/block/$name/$name"p*; do
            [ ! -e "$part/dev" ] || udev_device "${part##*/}" "$disk" "-part${part##*p}"
        done
    done
    [ ! -f "$links" ] || read -r old <"$links" || :
    printf '%s\n' "$wanted" >"$links"
    set --
    for link in $old; do
        case $wanted in *" $link "*) ;; *) set -- "$@" "$link" ;; esac
    done
    [ $# -eq 0 ] || rm -f "$@"
}

case ${0##*/}:${1:-} in
    lsblk:*)
        udev_refresh
        exec /usr/bin/lsblk "$@" ;;
    udevadm:settle | udevadm:trigger | udev.sh:*)
        udev_partitions
        udev_refresh ;;
    udevadm:*) exec /usr/bin/udevadm "$@" ;;
esac
