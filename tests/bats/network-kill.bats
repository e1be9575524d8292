# gpuaas-slice-network-baseline killed (SIGKILL) at random points: the next run ends in the state of a run that was not killed, and
# what belongs to others is still there.
# script: gpuaas-slice-network-baseline

load helpers
load network

# the commands that look at or change the network and its services; killed are they and the script
COMMANDS='ip ip6tables ip6tables-restore iptables iptables-restore mv ovs-ofctl ovs-vsctl sysctl systemctl'
# another run draws the same points with this number in place of $RANDOM
SEED=$RANDOM

setup_file() {
    network_host
    /usr/local/sbin/gpuaas-slice-network-baseline >/run/first 2>&1 || fail "$(cat /run/first)"
}

# before_run: nothing of the baseline, its historical predecessor, and things of others that must stay.
before_run() {
    nothing
    systemctl start openvswitch-switch.service
    rm -rf /var/lib/gpuaas/retired
    historical
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
        for unit in gpuaas-slice-network-baseline.service gpuaas-slice-network-repair.timer gpuaas-slice-host-net-baseline.service \
            dnsmasq.service; do
            printf '%s %s %s\n' "$unit" "$(systemctl is-enabled "$unit" 2>&1)" "$(systemctl is-active "$unit")"
        done
    } | sed -e "s/$mac/MAC/g" -e 's/[0-9]\{8\}T[0-9]\{6\}Z/TIME/'
}

# run_until N [DELAY]: runs the script and kills it, with all that it has started, after its N-th command; with DELAY (seconds)
# that long after the start of that command. N is 0: never. Fails when it ended before.
run_until() {
    local path name shell_words
    path=$(script_path "$SCRIPT")
    _shell_words
    rm -f /run/count /run/killed
    for name in $COMMANDS; do
        printf '#!/bin/sh\nreal=%s\n' "$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v "$name")" >"/usr/local/bin/$name"
        cat >>"/usr/local/bin/$name" <<STANDIN
echo x >>/run/count
if [ "\$(grep -c x /run/count)" -ne $1 ]; then exec "\$real" "\$@"; fi
printf '%s\n' "\${0##*/} \$*" >/run/killed
if [ -n "${2:-}" ]; then
    exec 8<&0
    "\$real" "\$@" <&8 &
    sleep ${2:-0}
else
    "\$real" "\$@"
fi
pkill -KILL -s "\$(cat /run/script.pid)"
STANDIN
        chmod 755 "/usr/local/bin/$name"
    done
    setsid --wait "${shell_words[@]}" -c 'echo "$$" >/run/script.pid; exec "$@"' sh "${shell_words[@]}" "$path" >/run/output 2>&1 3>&- || true
    for name in $COMMANDS; do rm -f "/usr/local/bin/$name"; done
    [ "$1" -eq 0 ] || [ -e /run/killed ]
}

@test "killed at random points and run again: the same end, nothing of others lost" {
    local point delay
    before_run
    run_until 0
    total=$(grep -c x /run/count)
    [ "$total" -gt 25 ] || fail "only $total commands: $(cat /run/output)"
    wanted=$(end_state)
    RANDOM=$SEED
    for number in 1 2 3 4 5 6 7; do
        # one point of each seventh of the run
        point=$((1 + (number - 1) * total / 7 + RANDOM % (total / 7)))
        delay=
        [ $((RANDOM % 2)) -eq 0 ] || delay=0.0$((RANDOM % 10))
        what="seed $SEED, point $point of $total${delay:+, $delay s after its start}"
        before_run
        run_until "$point" $delay || fail "$what: it ended before: $(cat /run/output)"
        run_script "$SCRIPT"
        [ "$status" -eq 0 ] || fail "$what, $(cat /run/killed): $output $stderr"
        seen=$(end_state)
        [ "$seen" = "$wanted" ] || fail "$what, $(cat /run/killed): $(diff <(echo "$wanted") <(echo "$seen"))"
    done
}
