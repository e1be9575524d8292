# gpuaas-slice-storage-transition killed (SIGKILL) after each of its commands that change something: the next run says what was
# done, goes on, and ends in the state of a run that was not killed.
# script: gpuaas-slice-storage-transition
# alone: loop devices

load helpers
load storage

CHANGING='cp mv sync systemctl umount wipefs blkdiscard rm'

setup_file() {
    storage_host
    storage_disks
    cp /etc/fstab /run/fstab.start
}

teardown_file() {
    loop_clean
}

# before_run: one share, in fstab and mounted; no trace of earlier runs.
before_run() {
    storage_contents
    rm -rf /var/log/gpuaas /etc/fstab.gpuaas* /run/count
    cp /run/fstab.start /etc/fstab
    printf 'UUID=%s /share1 ext4 defaults 0 2\n' "$UUID_ONE" >>/etc/fstab
    mount -o ro "${ONE}p1" /share1
}

# end_state: all that a finished run leaves, without its times.
end_state() {
    {
        sed 's/[0-9]\{14\}/TIME/' /etc/fstab
        find /etc -maxdepth 1 -name 'fstab*' | sort
        for file in /etc/fstab.gpuaas-slice-storage-backup-*; do cat "$file"; done
        find /var/log/gpuaas | sort
        cat /var/log/gpuaas/*.txt | sort -u
        grep -c ' /share1 ' /proc/1/mountinfo
        wipefs -n "$ONE"
        ls -d "/sys/block/${ONE##*/}/${ONE##*/}p"*
        sha256sum "$ONE" "$OS" "$TWO" "$THREE" "$OTHER"
    } 2>&1 | sed -e 's/[0-9]\{14\}/TIME/g' -e 's/^\(device .* \)[0-9]* \(4096\|8192\) /\1N \2 /'
}

# killed_after N: runs the script and kills it right after the N-th changing command. Returns 1 when it ended before.
killed_after() {
    local path name shell_words
    path=$(script_path "$SCRIPT")
    _shell_words
    for name in $CHANGING; do
        shadow "$name" 'case "$*" in *no-act*) exec "$real" "$@" ;; esac
            "$real" "$@"; status=$?
            echo x >>/run/count
            if [ "$(grep -c x /run/count)" -eq '"$1"' ]; then printf "%s\n" "${0##*/} $*" >/run/killed; pkill -KILL -s "$(cat /run/script.pid)"; fi
            exit "$status"'
    done
    rm -f /run/count /run/killed
    setsid --wait "${shell_words[@]}" -c 'echo "$$" >/run/script.pid; exec "$@"' sh "${shell_words[@]}" "$path" --apply --devices "$ID_ONE" \
        >/run/output 2>&1 3>&- || true
    for name in $CHANGING; do rm -f "/usr/local/bin/$name"; done
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
    [[ $(sed 's/\\\(.\)/\1/g' <<<"$output") == *"check=earlier_run detail="$said* ]] || fail "after $(cat /run/killed): $output"
}

@test "killed after each change: the next run goes on, and the end is the same" {
    before_run
    transition --apply --devices "$ID_ONE"
    [ "$status" -eq 0 ] || fail "$output"
    wanted=$(end_state)
    number=1
    while before_run && killed_after "$number"; do
        [ "$number" -lt 40 ] || fail 'no end'
        if [ -e "$UNFINISHED" ] || ! ls /var/log/gpuaas/*.txt >/dev/null 2>&1; then
            rerun
        fi
        seen=$(end_state)
        [ "$seen" = "$wanted" ] || fail "after $(cat /run/killed): $(diff <(echo "$wanted") <(echo "$seen"))"
        cat /run/killed >>/run/kills
        number=$((number + 1))
    done
    [ "$number" -gt 10 ] || fail "only $number commands"
    cat /run/kills >&2
}
