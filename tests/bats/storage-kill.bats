# gpuaas-slice-storage-transition killed (SIGKILL) after each of its commands that change something: the next run says what was
# done, goes on, and ends in the state of a run that was not killed.
# script: gpuaas-slice-storage-transition

load helpers
load storage

CHANGING='cp mv sync systemctl umount wipefs blkdiscard rm'

setup_file() {
    storage_host
    storage_disks
    sysfs_identity "$ONE" EXAMPLE0000 "$ID_ONE"
}

teardown_file() {
    loop_clean
}

# before_run: one share, in fstab and mounted; no trace of earlier runs.
before_run() {
    storage_contents
    rm -rf /var/log/gpuaas /etc/fstab.gpuaas*
    storage_start
    printf 'UUID=%s /share1 ext4 defaults 0 2\n' "$UUID_ONE" >>/etc/fstab
    mount -o ro "${ONE}p1" /share1
}

# end_state: all that a finished run leaves, without its times.
end_state() {
    {
        sed 's/[0-9]\{14\}/TIME/' /etc/fstab
        find /etc -maxdepth 1 -name 'fstab*' | sort
        cat /etc/fstab.gpuaas-slice-storage-backup-*
        find /var/log/gpuaas | sort
        cat /var/log/gpuaas/*.txt | sort -u
        grep -c ' /share1 ' /proc/1/mountinfo
        wipefs -n "$ONE"
        ls -d "/sys/class/block/${ONE##*/}p"*
        hashes
    } 2>&1 | sed -e 's/[0-9]\{14\}/TIME/g' -e 's/^\(device .* \)[0-9]* \(6400\) /\1N \2 /'
}

# killers: the commands that change something, in a folder: each counts in /run/count, and the one of number /run/kill-at
# kills the script when it is done.
killers() {
    local name real
    mkdir -p /run/killers
    for name in $CHANGING; do
        real=$(type -P "$name")
        printf '#!/bin/sh\nreal=%s\n' "$real" >"/run/killers/$name"
        cat >>"/run/killers/$name" <<'KILLER'
case "$*" in *no-act*) exec "$real" "$@" ;; esac
"$real" "$@"
status=$?
read -r count </run/count
count=$((count + 1))
echo "$count" >/run/count
read -r at </run/kill-at
if [ "$count" -eq "$at" ]; then
    printf '%s\n' "${0##*/} $*" >/run/killed
    read -r script </run/script.pid
    pkill -KILL -s "$script"
fi
exit "$status"
KILLER
    done
    chmod 755 /run/killers/*
}

# killed_after N: runs the script and kills it right after the N-th changing command. Returns 1 when it ended before.
killed_after() {
    local path shell_words
    path=$(script_path "$SCRIPT")
    _shell_words
    rm -f /run/killed
    echo 0 >/run/count
    echo "$1" >/run/kill-at
    # shellcheck disable=SC2016
    PATH=/run/killers:$PATH setsid --wait "${shell_words[@]}" -c 'echo "$$" >/run/script.pid; exec "$@"' sh \
        "${shell_words[@]}" "$path" --apply --devices "$ID_ONE" >/run/output 2>&1 3>&- || true
    # what was killed last may hold the lock for a moment
    flock -w 10 /run/gpuaas-slice-storage-transition.lock true
    [ -e /run/killed ]
}

# rerun: the next run after one that was killed.
rerun() {
    local said
    said='no run was cut off'
    [ ! -e "$UNFINISHED" ] || said='the run of * was cut off and is continued; done were: *'
    if [ "$number" -eq 8 ]; then
        transition --devices "$ID_ONE"
        [ "$status" -eq 3 ] || fail "after $(cat /run/killed): $output"
    fi
    transition --apply --devices "$ID_ONE"
    [ "$status" -eq 0 ] || fail "after $(cat /run/killed): $output $stderr"
    [[ ${output//\\/} == *"check=earlier_run detail="$said* ]] || fail "after $(cat /run/killed): $output"
}

# goes_on_after FIRST LAST: killed after each of these commands, the next run goes on, and the end is that of a run that was
# not killed.
goes_on_after() {
    local wanted seen
    killers
    before_run
    transition --apply --devices "$ID_ONE"
    [ "$status" -eq 0 ] || fail "$output"
    wanted=$(end_state)
    number=$1
    while [ "$number" -le "$2" ] && before_run && killed_after "$number"; do
        if [ -e "$UNFINISHED" ] || ! ls /var/log/gpuaas/*.txt >/dev/null 2>&1; then
            rerun
        fi
        seen=$(end_state)
        [ "$seen" = "$wanted" ] || fail "after $(cat /run/killed): $(diff <(echo "$wanted") <(echo "$seen"))"
        cat /run/killed >&2
        number=$((number + 1))
    done
}

@test "killed after each of the first changes: the next run goes on, and the end is the same" {
    goes_on_after 1 6
    [ "$number" -eq 7 ] || fail "only $number commands"
}

@test "killed after each of the next changes: the next run goes on, and the end is the same" {
    goes_on_after 7 12
    [ "$number" -eq 13 ] || fail "only $number commands"
}

@test "killed after each of the last changes: the next run goes on, and the end is the same" {
    goes_on_after 13 40
    [ "$number" -le 40 ] || fail 'no end'
    [ "$number" -gt 13 ] || fail "only $number commands"
}
