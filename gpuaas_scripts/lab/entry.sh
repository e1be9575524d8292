#!/bin/sh
# PID 1 of a lab container until it becomes systemd: guards the build machine, puts the fixture host
# in place (so that the first unit of the boot already sees it), then runs init.
# The plan, /gpuaas/lab/plan, has one step a line: see hosts.py. Paths hold no blanks.
set -eu

run=/run/gpuaas-lab
fixture=/gpuaas/host

lab_fail() {
    printf 'gpuaas-lab: %s\n' "$*" >&2
    exit 1
}

# What the kernel shares with the build machine is read-only; of /proc/sys only net is a namespace's own.
lab_guard_sysctls() {
    for tree in /proc/sys/*; do
        [ "$tree" != /proc/sys/net ] || continue
        mount --bind "$tree" "$tree"
        mount -o remount,bind,ro "$tree"
    done
}

# Each boot has its own boot ID, as on a machine: for journalctl -b and for "has it rebooted?".
lab_boot_id() {
    cat /proc/sys/kernel/random/uuid >"$run/boot_id"
    mount --bind "$run/boot_id" /proc/sys/kernel/random/boot_id
}

# The engine mounts these from the build machine; on a host they are plain files that tools replace.
lab_plain_files() {
    for file in /etc/hostname /etc/hosts /etc/resolv.conf; do
        if grep -q " $file " /proc/self/mountinfo; then
            text=$(cat "$file")
            umount "$file"
            [ -s "$file" ] || printf '%s\n' "$text" >"$file"
        fi
    done
}

lab_nodes() {
    mkdir -p /dev/net
    [ -e /dev/net/tun ] || mknod -m 666 /dev/net/tun c 10 200
    [ -e /dev/loop-control ] || mknod -m 660 /dev/loop-control c 10 237
    number=0
    while [ "$number" -lt 64 ]; do
        [ -e "/dev/loop$number" ] || mknod -m 660 "/dev/loop$number" b 7 "$number"
        number=$((number + 1))
    done
}

# What systemd would do for other machines at each boot and daemon-reload: look for encrypted disks, hibernation, serial consoles,
# and bring caches up to date that the image already has so.
lab_short_boot() {
    touch /etc/.updated /var/.updated
    mkdir -p /etc/systemd/system-generators
    for kind in debug getty gpt-auto hibernate-resume rc-local run ssh system-update sysv tpm2; do
        ln -sf /dev/null "/etc/systemd/system-generators/systemd-$kind-generator"
    done
}

# Make folder $1 of a kernel file system able to hold new entries: a tmpfs that shows all it showed before.
lab_graft() {
    ! grep -qx "$1" "$run/grafted" || return 0
    printf '%s\n' "$1" >>"$run/grafted"
    real="$run/real$1"
    mkdir -p "$real"
    mount --rbind "$1" "$real"
    mount -t tmpfs -o mode=755 gpuaas-lab "$1"
    for entry in "$real"/*; do
        name=${entry##*/}
        if [ -L "$entry" ]; then
            cp -P "$entry" "$1/$name"
        elif [ -d "$entry" ]; then
            mkdir "$1/$name"
            mount --rbind "$entry" "$1/$name"
        elif [ -e "$entry" ]; then
            : >"$1/$name"
            mount --bind "$entry" "$1/$name"
        fi
    done
}

# Make sure that something can be mounted at $1 (kind $2: dir or file), grafting a parent where needed.
lab_point() {
    [ ! -e "$1" ] || return 0
    case $1 in
        /proc/*) return 1 ;;
    esac
    parent=${1%/*}
    if [ ! -d "$parent" ]; then
        lab_point "$parent" dir || return 1
    fi
    if [ "$2" = dir ]; then
        mkdir "$1" 2>/dev/null || { lab_graft "$parent" && mkdir "$1"; }
    else
        { : >"$1"; } 2>/dev/null || { lab_graft "$parent" && : >"$1"; }
    fi
}

# A writable copy in memory, fresh at each boot as the kernel's own files are.
lab_dir() {
    lab_point "$1" dir || lab_fail "cannot make the folder $1"
    mount -t tmpfs -o mode=755 gpuaas-lab "$1"
    [ ! -d "$fixture$1" ] || cp -RP "$fixture$1/." "$1/"
}

lab_file() {
    mkdir -p "$run/files${1%/*}"
    cp "$fixture$1" "$run/files$1"
    mount --bind "$run/files$1" "$1"
}

lab_step() {
    step=$1
    shift
    case $step in
        dir) lab_dir "$1" ;;
        file) lab_point "$1" file || lab_fail "this kernel has no $1 to mount over; mark it '?$1' in mounts"
            lab_file "$1" ;;
        maybe)
            if lab_point "$1" file; then lab_file "$1"; else printf '%s\n' "$1" >>"$run/missing"; fi ;;
        # Files of a disk are copied once and stay as the host leaves them; those in memory at each boot.
        copy)
            [ -e /var/lib/gpuaas-lab/copied ] || { mkdir -p "$1"; cp -RP "$fixture$1/." "$1/"; } ;;
        volatile) mkdir -p "$1"; cp -RP "$fixture$1/." "$1/" ;;
        node) mkdir -p "${1%/*}"; rm -f "$1"; mknod -m 660 "$1" "$2" "$3" "$4" ;;
        command) ln -sf /gpuaas/lab/standin.sh "/usr/local/bin/$1" ;;
        *) lab_fail "unknown step: $step" ;;
    esac
}

main() {
    mkdir -p "$run"
    : >"$run/grafted"
    : >"$run/missing"
    lab_guard_sysctls
    lab_boot_id
    lab_plain_files
    lab_nodes
    lab_short_boot
    for tool in lsblk udevadm; do ln -sf /gpuaas/lab/udev.sh "/usr/local/bin/$tool"; done
    while read -r line; do
        # The words of a step are separated by blanks on purpose.
        # shellcheck disable=SC2086
        lab_step $line || lab_fail "step failed: $line"
    done </gpuaas/lab/plan
    mkdir -p /var/lib/gpuaas-lab
    : >/var/lib/gpuaas-lab/copied
    exec /sbin/init
}

main
