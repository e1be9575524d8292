# gpuaas-slice-network-baseline killed (SIGKILL) at random points: the next run ends in the state of a run that was not killed, and
# what belongs to others is still there.
# script: gpuaas-slice-network-baseline

load helpers
load network

# the commands that look at or change the network and its services; killed are they and the script
COMMANDS='ip ip6tables ip6tables-restore iptables iptables-restore mv ovs-ofctl ovs-vsctl sysctl systemctl'
# another run draws the same point with this number in place of $RANDOM
SEED=$RANDOM

# one run that is not killed: how many commands it starts (/run/total), and what it leaves (/run/end)
setup_file() {
    network_host
    standins
    /usr/local/sbin/gpuaas-slice-network-baseline >/run/first 2>&1 || fail "$(cat /run/first)"
    before_run
    run_until 0
    cp /run/count /run/total
    end_state >/run/end
}

# before_run: nothing of the baseline, its historical predecessor, and things of others that must stay.
before_run() {
    nothing
    # so many starts in a short time are no fault here
    systemctl reset-failed
    rm -rf /var/lib/gpuaas/retired
    historical
    systemctl start openvswitch-switch.service
    ovs-vsctl --may-exist add-br other0 -- set bridge other0 datapath_type=netdev
    for command in iptables ip6tables; do "$command" -w -A INPUT -p tcp --dport 7 -j REJECT; done
    iptables -w -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
    printf 'dhcp-host=02:00:00:00:00:05,10.100.0.50\n' >/etc/dnsmasq.d/gpuaas-gpuaas-slice-x.conf
}

# end_state: all that a finished run leaves. A bridge that is made anew has a MAC address of its own.
end_state() {
    local mac
    mac=$(cat /sys/class/net/ovsbr0/address)
    {
        for columns in 'name,datapath_type,other_config list bridge' 'name,tag,trunks list port' 'name,type,options list interface'; do
            # shellcheck disable=SC2086 # columns and a table
            ovs-vsctl --format=csv --no-headings --columns=$columns | sort
        done
        ovs-ofctl --no-stats dump-flows ovsbr0
        ip -o address show | sed 's/^[0-9]*: //; s/valid_lft.*//; s/ tentative//' | grep -v inet6 | sort
        ip -o link show up | awk -F ': ' '{ print $2 }' | sort
        ip route show | sort
        for command in iptables-save ip6tables-save; do "$command" | sed -e '/^#/d' -e 's/\[[0-9:]*\]//'; done
        cat /proc/sys/net/ipv4/ip_forward
        find /etc/dnsmasq.d /etc/sysctl.d /etc/systemd/system /usr/local/sbin /var/lib/gpuaas -type f -exec sha256sum {} + | sort -k 2
        find /etc/systemd/system -type l | sort
        for asked in is-enabled is-active; do
            systemctl "$asked" gpuaas-slice-network-baseline.service gpuaas-slice-network-repair.timer \
                gpuaas-slice-host-net-baseline.service dnsmasq.service 2>&1 || true
        done
    } | sed -e "s/$mac/MAC/g" -e 's/[0-9]\{8\}T[0-9]\{6\}Z/TIME/'
}

# standins: commands in /run/standins that count their calls in /run/count, and kill the script at the point that stands in
# /run/point (N and DELAY of run_until).
standins() {
    local name
    mkdir -p /run/standins
    for name in $COMMANDS; do
        printf '#!/bin/sh\nreal=%s\n' "$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v "$name")" >"/run/standins/$name"
        cat >>"/run/standins/$name" <<'STANDIN'
read -r count </run/count
count=$((count + 1))
echo "$count" >/run/count
read -r point delay </run/point
if [ "$count" -ne "$point" ]; then exec "$real" "$@"; fi
printf '%s\n' "${0##*/} $*" >/run/killed
if [ -n "$delay" ]; then
    exec 8<&0
    "$real" "$@" <&8 &
    sleep "$delay"
else
    "$real" "$@"
fi
pkill -KILL -s "$(cat /run/script.pid)"
STANDIN
        chmod 755 "/run/standins/$name"
    done
}

# run_until N [DELAY]: runs the script and kills it, with all that it has started, after its N-th command; with DELAY (seconds)
# that long after the start of that command. N is 0: never. Fails when it ended before.
run_until() {
    local path shell_words
    path=$(script_path "$SCRIPT")
    _shell_words
    rm -f /run/killed
    echo 0 >/run/count
    echo "$*" >/run/point
    # shellcheck disable=SC2016 # for the shell that is started
    PATH=/run/standins:$PATH setsid --wait "${shell_words[@]}" -c 'echo "$$" >/run/script.pid; exec "$@"' sh \
        "${shell_words[@]}" "$path" >/run/output 2>&1 3>&- || true
    [ "$1" -eq 0 ] || [ -e /run/killed ]
}

# killed_in PART: killed at a random point of that seventh of its run, and run again.
killed_in() {
    local total point delay what seen
    total=$(cat /run/total)
    [ "$total" -gt 25 ] || fail "only $total commands: $(cat /run/output)"
    RANDOM=$SEED
    point=$((1 + ($1 - 1) * total / 7 + RANDOM % (total / 7)))
    delay=
    [ $((RANDOM % 2)) -eq 0 ] || delay=0.0$((RANDOM % 10))
    what="seed $SEED, point $point of $total${delay:+, $delay s after its start}"
    before_run
    run_until "$point" $delay || fail "$what: it ended before: $(cat /run/output)"
    run_script "$SCRIPT"
    [ "$status" -eq 0 ] || fail "$what, $(cat /run/killed): $output $stderr"
    seen=$(end_state)
    [ "$seen" = "$(cat /run/end)" ] || fail "$what, $(cat /run/killed): $(diff /run/end <(echo "$seen"))"
}

# What all of these say: the same end, nothing of others lost.

@test "killed in the first seventh of its run, and run again" {
    killed_in 1
}

@test "killed in the second seventh of its run, and run again" {
    killed_in 2
}

@test "killed in the third seventh of its run, and run again" {
    killed_in 3
}

@test "killed in the fourth seventh of its run, and run again" {
    killed_in 4
}

@test "killed in the fifth seventh of its run, and run again" {
    killed_in 5
}

@test "killed in the sixth seventh of its run, and run again" {
    killed_in 6
}

@test "killed in the last seventh of its run, and run again" {
    killed_in 7
}
