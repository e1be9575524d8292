# gpuaas-slice-network-baseline with real parts: Open vSwitch (userspace datapath), iptables, dnsmasq, systemd. The whole run, bad input,
# and each check of the bridge and the way out, seen PASS, then with exactly its thing broken.
# script: gpuaas-slice-network-baseline

load helpers
load network

CHECKS='historical_service ovs bridge bridge_mac bridge_up bridge_address guest_flows isolation isolation_jumps isolation_ipv6
    ip_forward_file ip_forward nat uplink tmfifo_address tmfifo_peer dnsmasq_config dnsmasq service repair'

setup_file() {
    network_host
}

setup() {
    network_right
}

teardown() {
    network_clean
}

@test "from nothing: everything is made, every check PASS" {
    nothing
    # else it warns of unit files that have changed
    systemctl daemon-reload
    baseline
    [ "$status" -eq 0 ] || fail "$output $stderr"
    for check in $CHECKS; do assert_evidence "$check" PASS; done
    # what is done is said, and nothing failed on the way
    noise=$(grep -v -e '^info: ' -e '^Created symlink' <<<"$stderr" || true)
    [ -z "$noise" ] || fail "$noise"
    [ "$(tail -n 1 <<<"$output" | grep -o 'status=[A-Z]*')" = status=PASS ]
    [ "$(evidence_summary failures)" -eq 0 ]
    [ "$(evidence_summary warnings)" -eq 0 ]
    # the same, seen with other eyes
    ovs-vsctl br-exists ovsbr0
    [ "$(ip -4 -o address show dev ovsbr0 | awk '{print $4}')" = 10.100.0.1/24 ]
    [ "$(iptables -t nat -S POSTROUTING | grep -cFx -- "$RULE")" -eq 1 ]
    [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
    [ "$(ip -4 -o address show dev tmfifo_net0 | awk '{print $4}')" = 192.168.100.1/30 ]
    [ "$(systemctl is-active dnsmasq.service)" = active ]
    [ "$(systemctl is-enabled gpuaas-slice-network-baseline.service)" = enabled ]
}

@test "again: says that there is nothing to do, and changes nothing" {
    before=$(state)
    baseline
    [ "$status" -eq 0 ]
    [[ $stderr == *"nothing to do"* ]]
    [ "$(evidence_summary changes)" -eq 0 ]
    # as the repair timer runs it
    baseline --quiet
    [ "$status" -eq 0 ]
    [ -z "$output$stderr" ] || fail "$output $stderr"
    after=$(state)
    [ "$after" = "$before" ] || fail "$(diff <(echo "$before") <(echo "$after"))"
}

@test "--quiet: evidence is printed where something was changed, or a check failed" {
    iptables -t nat -F POSTROUTING
    baseline --quiet
    [ "$status" -eq 0 ]
    assert_evidence nat PASS
    [ "$(evidence_summary changes)" -eq 1 ]
    rm /etc/dnsmasq.d/gpuaas-slice.conf
    baseline --quiet
    only_fails dnsmasq_config
    [ "$(evidence_summary changes)" -eq 0 ]
}

@test "--dry-run from nothing: names every change, makes none, exits 3" {
    nothing
    rm -f /run/gpuaas-slice-network-baseline.lock
    before=$(state)
    baseline --dry-run
    [ "$status" -eq 3 ] || fail "exit status $status: $output $stderr"
    for check in bridge bridge_mac bridge_up bridge_address guest_flows isolation isolation_jumps isolation_ipv6 ip_forward \
        nat tmfifo_address dnsmasq service repair; do
        assert_evidence "$check" WARN 'dry run: would *'
    done
    [ "$(evidence_field summary status)" = WARN ]
    [ "$(state)" = "$before" ]
    [ ! -e /run/gpuaas-slice-network-baseline.lock ]
}

@test "--dry-run where all is right: exits 0" {
    baseline --dry-run
    [ "$status" -eq 0 ]
    [ "$(evidence_field summary status)" = PASS ]
}

@test "--help says what it does; an unknown argument is refused before anything happens" {
    baseline --help
    [ "$status" -eq 0 ]
    [[ $output == *--dry-run*--no-systemd* ]]
    before=$(state)
    baseline --dryrun
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    [[ $stderr == *'unknown argument: --dryrun'* ]]
    diff <(printf '%s\n' "$before") <(state)
}

# --- bad input ---

@test "not root: refused" {
    path=$(script_path "$SCRIPT")
    _shell_words
    run --separate-stderr setpriv --reuid 65534 --clear-groups "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *'must run as root'* ]]
}

@test "missing commands are named all at once" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    for name in sh dash bash busybox awk cat date flock grep id ip ip6tables-restore iptables-restore mkdir mv ping sleep sort \
        ss stat sysctl systemctl timeout; do
        ln -s "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"
    done
    path=$(script_path "$SCRIPT")
    _shell_words
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *'missing commands: dnsmasq ip6tables iptables ovs-ofctl ovs-vsctl;'* ]]
}

@test "node.env: missing, not root's, open to others, cut off, broken, lacking a key: each refused with what to do" {
    before=$(state)
    refused() {
        baseline
        [ "$status" -eq 1 ] && [ -z "$output" ] && [[ $stderr == *"$1"* ]] || fail "$1: $status $output $stderr"
        install -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
    }
    rm /etc/gpuaas/node.env
    refused 'missing or no regular file'
    mv /etc/gpuaas/node.env /etc/gpuaas/real.env
    ln -s real.env /etc/gpuaas/node.env
    refused 'missing or no regular file'
    rm /etc/gpuaas/node.env
    install -m 600 /etc/gpuaas/real.env /etc/gpuaas/node.env
    rm /etc/gpuaas/real.env
    chown 1000 /etc/gpuaas/node.env
    refused 'belongs to user id 1000'
    rm /etc/gpuaas/node.env
    install -m 640 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
    refused 'has mode 640'
    chmod 602 /etc/gpuaas/node.env
    refused 'has mode 602'
    sed -i '$d' /etc/gpuaas/node.env
    refused 'is incomplete'
    sed -i "1i GPUAAS_X='" /etc/gpuaas/node.env
    sed -i "2,\$s/'//; \$s/.*/GPUAAS_NODE_ENV_COMPLETE='yes'/" /etc/gpuaas/node.env
    sed -i "\$i (" /etc/gpuaas/node.env
    refused 'is not valid shell'
    sed -i '/GPUAAS_UPLINK_INTERFACE/d; /GPUAAS_BF3_MODE/d' /etc/gpuaas/node.env
    refused 'does not set: GPUAAS_UPLINK_INTERFACE GPUAAS_BF3_MODE;'
    sed -i "s/GPUAAS_UPLINK_INTERFACE=.*/GPUAAS_UPLINK_INTERFACE=''/" /etc/gpuaas/node.env
    refused 'GPUAAS_UPLINK_INTERFACE(empty)'
    [ "$(state)" = "$before" ]
}

@test "node.env: an optional value may be empty" {
    sed -i "s/GPUAAS_BF3_MODE=.*/GPUAAS_BF3_MODE=''/" /etc/gpuaas/node.env
    baseline
    [ "$status" -eq 0 ]
}

# --- each check with its thing broken ---

@test "ovs: stopped is started by hand; with --no-systemd it is FAIL, and the bridge stands on it" {
    iptables -t nat -F POSTROUTING
    systemctl stop openvswitch-switch.service ovs-vswitchd.service ovsdb-server.service
    baseline --no-systemd
    only_fails ovs
    assert_evidence bridge SKIP 'stands on ovs, which is FAIL'
    assert_evidence bridge_address SKIP 'stands on bridge, which is SKIP'
    # what does not stand on it is done all the same
    assert_evidence nat PASS
    baseline
    assert_evidence ovs PASS
    [ "$status" -eq 0 ]
}

@test "bridge: a link of that name that is no OVS bridge is FAIL and is left alone" {
    ovs-vsctl del-br ovsbr0
    ip link add ovsbr0 type veth peer name other0
    baseline
    only_fails bridge
    assert_evidence bridge FAIL '*no OVS bridge*'
    assert_evidence bridge_up SKIP
    ip -d link show ovsbr0 | grep -qw veth
}

@test "bridge: one that is not added is FAIL" {
    ovs-vsctl del-br ovsbr0
    shadow ovs-vsctl 'case "$*" in *add-br*) exit 0 ;; esac'
    baseline
    only_fails bridge
    assert_evidence bridge FAIL '*not added'
}

@test "bridge: another datapath type is FAIL and is left alone" {
    ovs-vsctl --no-wait set bridge ovsbr0 datapath_type=other
    baseline
    [ "$(ovs-vsctl get bridge ovsbr0 datapath_type)" = other ]
    ovs-vsctl set bridge ovsbr0 datapath_type=netdev
    only_fails bridge
    assert_evidence bridge FAIL "*datapath type 'other', not netdev"
}

@test "bridge: in the database but without an interface is FAIL" {
    ovs-vsctl del-br ovsbr0
    # stopped in mid-air: the database takes the bridge, nobody makes it
    pkill -STOP ovs-vswitchd
    shadow sleep 'exit 0'
    ovs-vsctl --no-wait add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev
    baseline --no-systemd
    only_fails bridge
    assert_evidence bridge FAIL '*has no interface'
    # it comes while it is waited for, as after a boot
    shadow sleep 'pkill -CONT ovs-vswitchd'
    baseline --no-systemd
    pkill -CONT ovs-vswitchd
    assert_evidence bridge PASS
    [ "$status" -eq 0 ] || fail "$output $stderr"
}

@test "bridge_up: down is set up; where that does not work it is FAIL" {
    ip link set ovsbr0 down
    baseline
    assert_evidence bridge_up PASS
    ip link set ovsbr0 down
    shadow ip 'case "$*" in *"link set"*) exit 0 ;; esac'
    baseline
    assert_evidence bridge_up FAIL
    [ "$status" -eq 1 ]
}

@test "bridge_address: lost is added, a second one is WARN, one that does not stay is FAIL" {
    ip address flush dev ovsbr0
    baseline
    assert_evidence bridge_address PASS
    [ "$status" -eq 0 ]
    ip address add 10.9.9.1/24 dev ovsbr0
    baseline
    only_warns bridge_address
    ip address flush dev ovsbr0
    shadow ip 'case "$*" in *"address add"*) exit 0 ;; esac'
    baseline
    assert_evidence bridge_address FAIL
    assert_evidence dnsmasq SKIP 'stands on bridge_address, which is FAIL'
}

@test "bridge_address: the right address with another prefix is not it" {
    ip address flush dev ovsbr0
    ip address add 10.100.0.1/16 dev ovsbr0
    baseline --dry-run
    assert_evidence bridge_address WARN 'dry run: would add 10.100.0.1/24*'
}

@test "ip_forward_file: missing or turned off is FAIL, and forwarding stands on it" {
    echo 0 >/proc/sys/net/ipv4/ip_forward
    rm /etc/sysctl.d/60-gpuaas-slice.conf
    baseline
    only_fails ip_forward_file
    assert_evidence ip_forward SKIP 'stands on ip_forward_file, which is FAIL'
    echo '# net.ipv4.ip_forward = 1' >/etc/sysctl.d/60-gpuaas-slice.conf
    baseline
    only_fails ip_forward_file
    echo 'net.ipv4.ip_forward = 0' >/etc/sysctl.d/60-gpuaas-slice.conf
    baseline
    only_fails ip_forward_file
}

@test "ip_forward: a value that does not stay is FAIL" {
    echo 0 >/proc/sys/net/ipv4/ip_forward
    shadow sysctl 'exit 0'
    baseline
    only_fails ip_forward
}

@test "nat: lost after a flush is added again; where that does not work it is FAIL" {
    iptables -t nat -F POSTROUTING
    baseline
    assert_evidence nat PASS
    iptables -t nat -F POSTROUTING
    shadow iptables 'case "$*" in *" -A "*) exit 0 ;; esac'
    baseline
    only_fails nat
    assert_evidence nat FAIL '*no rule*'
}

@test "nat: a table that cannot be read is FAIL; a rule of another form does not count; a double one is WARN" {
    shadow iptables 'case "$*" in *"-t nat"*) exit 4 ;; esac'
    baseline
    only_fails nat
    assert_evidence nat FAIL 'the nat table cannot be read'
    rm /usr/local/bin/iptables
    iptables -t nat -F POSTROUTING
    iptables -t nat -A POSTROUTING -s 10.100.0.0/24 -o uplink0 -j MASQUERADE
    baseline
    assert_evidence nat PASS
    [ "$(iptables -t nat -S POSTROUTING | grep -cFx -- "$RULE")" -eq 1 ]
    iptables -t nat -A POSTROUTING -s 10.100.0.0/24 -j MASQUERADE
    baseline
    only_warns nat
}

@test "nat: turned off in the configuration it is SKIP, a rule that is there all the same is WARN" {
    with_setting BRIDGE_NAT false
    baseline
    only_warns nat
    assert_evidence nat WARN 'network.bridge.nat is off*'
    iptables -t nat -F POSTROUTING
    baseline
    assert_evidence nat SKIP
    [ -z "$(iptables -t nat -S POSTROUTING | grep MASQUERADE)" ]
    [[ $stderr == *"nothing to do"* ]]
}

@test "tmfifo: an address or peer that is not set is SKIP" {
    with_setting TMFIFO_PEER ''
    baseline
    assert_evidence tmfifo_peer SKIP '*not set'
    with_setting TMFIFO_ADDRESS ''
    baseline
    assert_evidence tmfifo_address SKIP '*not set'
    assert_evidence tmfifo_peer SKIP 'stands on tmfifo_address, which is SKIP'
    [ "$(evidence_field summary status)" = PASS ]
}

@test "uplink: another or no default route is WARN" {
    ip route delete default
    baseline
    only_warns uplink
    ip route add default dev tmfifo_net0 metric 10
    ip route add default via 198.51.100.1 dev uplink0 metric 50
    baseline
    only_warns uplink
}

@test "tmfifo: without the interface WARN, and the peer stands on it" {
    ip link set tmfifo_net0 down
    ip link set tmfifo_net0 name away0
    baseline
    only_warns tmfifo_address
    assert_evidence tmfifo_peer SKIP 'stands on tmfifo_address, which is WARN'
    sed -i "s/GPUAAS_BF3_MODE=.*/GPUAAS_BF3_MODE='nic'/" /etc/gpuaas/node.env
    baseline
    assert_evidence tmfifo_address SKIP '*NIC mode*'
    assert_evidence tmfifo_peer SKIP '*NIC mode*'
    [ "$(evidence_field summary status)" = PASS ]
}

@test "tmfifo_address: an address that does not stay is FAIL" {
    ip address flush dev tmfifo_net0
    shadow ip 'case "$*" in *"address add"*tmfifo_net0*) exit 2 ;; esac'
    baseline
    only_fails tmfifo_address
    assert_evidence tmfifo_peer SKIP 'stands on tmfifo_address, which is FAIL'
}

@test "tmfifo_address: an interface that stays down is FAIL, also where it has its address" {
    ip link set tmfifo_net0 down
    baseline --dry-run
    assert_evidence tmfifo_address WARN 'dry run: would mend: tmfifo_net0 is down'
    shadow ip 'case "$*" in *"link set"*tmfifo_net0*) exit 0 ;; esac'
    baseline
    only_fails tmfifo_address
}

@test "tmfifo_peer: a DPU that does not answer is WARN" {
    ip -n dpu link set dpu0 down
    baseline
    only_warns tmfifo_peer
}

@test "tmfifo: a second BlueField gets its own address and MAC address" {
    ip netns add dpu1
    ip link add tmfifo_net1 type veth peer name dpu0 netns dpu1
    ip -n dpu1 address add 192.168.101.2/30 dev dpu0
    ip -n dpu1 link set dpu0 up
    baseline
    only_warns tmfifo_address
    assert_evidence tmfifo_address WARN 'tmfifo_net1 is in no network.tmfifo *'
    with_setting TMFIFO_MORE 'tmfifo_net1|192.168.101.1/30|192.168.101.2|02:00:00:00:01:01'
    baseline
    [ "$status" -eq 0 ] || fail "$output $stderr"
    assert_evidence tmfifo_address PASS '*tmfifo_net0 tmfifo_net1'
    assert_evidence tmfifo_peer PASS '*192.168.100.2 on tmfifo_net0 192.168.101.2 on tmfifo_net1'
    [ "$(cat /sys/class/net/tmfifo_net1/address)" = 02:00:00:00:01:01 ]
    [ "$(ip -4 -o address show dev tmfifo_net1 | awk '{print $4}')" = 192.168.101.1/30 ]
    baseline
    [ "$(evidence_summary changes)" -eq 0 ]
    # two cards with one MAC address, as they come
    ip link set tmfifo_net1 address "$(cat /sys/class/net/tmfifo_net0/address)"
    with_setting TMFIFO_MORE 'tmfifo_net1|192.168.101.1/30|192.168.101.2|-'
    baseline
    only_warns tmfifo_address
    assert_evidence tmfifo_address WARN 'tmfifo_net1 has the MAC address * of another card'
    # one that does not take it
    shadow ip 'case "$*" in *"link set"*address*) exit 0 ;; esac'
    with_setting TMFIFO_MORE 'tmfifo_net1|192.168.101.1/30|192.168.101.2|02:00:00:00:01:01'
    baseline
    only_fails tmfifo_address
    # one that is not there, while the other is mended
    rm /usr/local/bin/ip
    ip link delete tmfifo_net1
    ip link set tmfifo_net0 down
    baseline
    only_warns tmfifo_address
    assert_evidence tmfifo_address WARN 'no interface tmfifo_net1'
    [[ $(ip link show tmfifo_net0) == *,UP* ]]
    [[ $stderr != *'Cannot find device'* ]] || fail "$stderr"
}
