# gpuaas-slice-network-baseline with real parts: Open vSwitch (userspace datapath), iptables, dnsmasq, systemd.
# Every check is seen PASS, then with exactly its thing broken.

load helpers

SCRIPT=gpuaas-slice-network-baseline
RULE='-A POSTROUTING -s 10.100.0.0/24 -j MASQUERADE'
UNIT=/etc/systemd/system/gpuaas-slice-network-baseline.service
CHECKS='historical_service ovs bridge bridge_up bridge_address ip_forward_file ip_forward nat uplink tmfifo_address
    tmfifo_peer dnsmasq_config dnsmasq service'

# install_files: what cloud-init would write, before the package dnsmasq is there.
install_files() {
    cp -R "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root/." /
    chmod 755 /usr/local/sbin/gpuaas-slice-network-baseline
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
}

setup_file() {
    install_files
    DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends dnsmasq >/var/log/apt-dnsmasq 2>&1
    # the container may have run this file before, for another shell
    if [ ! -e /sys/class/net/uplink0 ]; then
        ip link add uplink0 type veth peer name router0
        ip link set router0 up
        ip address add 198.51.100.11/24 dev uplink0
        ip link set uplink0 up
        ip route add default via 198.51.100.1 dev uplink0
        ip netns add dpu
        ip link add tmfifo_net0 type veth peer name dpu0 netns dpu
        ip -n dpu address add 192.168.100.2/30 dev dpu0
        ip -n dpu link set dpu0 up
    fi
    systemctl daemon-reload
}

# Each test starts from a host on which all is right; one that has made this wrong is put right here.
setup() {
    install_files
    systemctl start openvswitch-switch.service
    systemctl reset-failed dnsmasq.service 2>/dev/null || true
    "$INSTALLED" >"$BATS_TEST_TMPDIR/setup" 2>&1 || fail "setup: $(cat "$BATS_TEST_TMPDIR/setup")"
}

INSTALLED=/usr/local/sbin/gpuaas-slice-network-baseline

teardown() {
    rm -f /etc/dnsmasq.d/broken.conf /etc/systemd/system/gpuaas-slice-host-net-baseline.service
    rm -f /usr/local/sbin/gpuaas-slice-host-net-baseline
    rm -rf /var/lib/gpuaas/retired
    for name in iptables ovs-vsctl systemctl ip sysctl; do rm -f "/usr/local/bin/$name"; done
    systemctl daemon-reload
    [ ! -e /sys/class/net/other0 ] || ip link delete other0
    [ ! -e /sys/class/net/away0 ] || ip link set away0 name tmfifo_net0
    ip -n dpu link set dpu0 up
    ip address delete 10.9.9.1/24 dev ovsbr0 2>/dev/null || true
    ip address delete 10.100.0.1/16 dev ovsbr0 2>/dev/null || true
    ip route flush default
    ip route add default via 198.51.100.1 dev uplink0
    iptables -w -t nat -F POSTROUTING
}

# nothing: takes everything away that the script makes.
nothing() {
    systemctl stop gpuaas-slice-network-baseline.service dnsmasq.service
    ovs-vsctl --if-exists del-br ovsbr0
    iptables -w -t nat -F POSTROUTING
    echo 0 >/proc/sys/net/ipv4/ip_forward
    ip address flush dev tmfifo_net0
    ip link set tmfifo_net0 down
    systemctl disable gpuaas-slice-network-baseline.service 2>/dev/null
}

# state: all that the script may change, as text.
state() {
    ovs-vsctl show | grep -v -e '^[0-9a-f-]*$' -e ovs_version
    ip -o address show | grep -v ' lo ' | sed 's/valid_lft.*//; s/ tentative//'
    ip -o link show | sed 's/^[0-9]*: //; s/state [A-Z]*//'
    iptables -w -t nat -S
    cat /proc/sys/net/ipv4/ip_forward
    systemctl is-enabled gpuaas-slice-network-baseline.service || true
    systemctl show -p ActiveState,MainPID dnsmasq.service
    ls /etc/systemd/system /usr/local/sbin
}

baseline() {
    run_script "$SCRIPT" "$@"
}

only_fails() {
    [ "$status" -eq 1 ] || fail "exit status $status: $output $stderr"
    [ "$(grep -c ' status=FAIL check=' <<<"$output")" -eq 2 ] || fail "not only $1 is FAIL: $output"
    assert_evidence "$1" FAIL
    [ -n "$(evidence_field "$1" remediation)" ]
    [ "$(evidence_field summary status)" = FAIL ]
}

only_warns() {
    [ "$status" -eq 0 ] || fail "exit status $status: $output $stderr"
    [ "$(grep -c -E ' status=(WARN|FAIL) check=' <<<"$output")" -eq 2 ] || fail "not only $1 is WARN: $output"
    assert_evidence "$1" WARN
    [ -n "$(evidence_field "$1" remediation)" ]
    [ "$(evidence_field summary status)" = WARN ]
}

# shadow COMMAND CODE: puts shell code before the real command ($real), as a fault would act.
shadow() {
    local real
    real=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v "$1")
    printf '#!/bin/sh\nreal=%s\n%s\nexec "$real" "$@"\n' "$real" "$2" >"/usr/local/bin/$1"
    chmod 755 "/usr/local/bin/$1"
}

@test "from nothing: everything is made, every check PASS" {
    nothing
    baseline
    [ "$status" -eq 0 ] || fail "$output $stderr"
    for check in $CHECKS; do assert_evidence "$check" PASS; done
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
    after=$(state)
    [ "$after" = "$before" ] || fail "$(diff <(echo "$before") <(echo "$after"))"
}

@test "--dry-run from nothing: names every change, makes none, exits 3" {
    nothing
    rm -f /run/gpuaas-slice-network-baseline.lock
    before=$(state)
    baseline --dry-run
    [ "$status" -eq 3 ] || fail "exit status $status: $output $stderr"
    for check in bridge bridge_up bridge_address ip_forward nat tmfifo_address dnsmasq service; do
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
    [ "$(state)" = "$before" ]
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
    for name in sh dash bash busybox awk date flock grep id ip mkdir mv ping sleep ss stat sysctl systemctl tail timeout; do
        ln -s "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"
    done
    path=$(script_path "$SCRIPT")
    _shell_words
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *'missing commands: dnsmasq iptables ovs-vsctl;'* ]]
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
    ovs-vsctl --no-wait add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev
    baseline --no-systemd
    pkill -CONT ovs-vswitchd
    only_fails bridge
    assert_evidence bridge FAIL '*has no interface'
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
    shadow iptables 'exit 4'
    baseline
    only_fails nat
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

# with_setting NAME VALUE: the script as it is rendered for another value of a setting.
with_setting() {
    local path
    path=$(GPUAAS_GENERATED=/gpuaas/generated script_path "$SCRIPT")
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
    mkdir -p "$GPUAAS_GENERATED/$GPUAAS_SITE"
    grep -q "^readonly $1=" "$path"
    sed "s|^readonly $1=.*|readonly $1='$2'|" "$path" >"$GPUAAS_GENERATED/$GPUAAS_SITE/$SCRIPT"
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
    shadow ip 'case "$*" in *"address add"*tmfifo_net0*) exit 0 ;; esac'
    baseline
    only_fails tmfifo_address
    assert_evidence tmfifo_peer SKIP 'stands on tmfifo_address, which is FAIL'
}

@test "tmfifo_address: an interface that stays down is FAIL, also where it has its address" {
    ip link set tmfifo_net0 down
    baseline --dry-run
    assert_evidence tmfifo_address WARN 'dry run: would set tmfifo_net0 up*'
    shadow ip 'case "$*" in *"link set"*tmfifo_net0*) exit 0 ;; esac'
    baseline
    only_fails tmfifo_address
}

@test "tmfifo_peer: a DPU that does not answer is WARN" {
    ip -n dpu link set dpu0 down
    baseline
    only_warns tmfifo_peer
}

@test "dnsmasq_config: missing, for another bridge, or any broken file beside it is FAIL, and dnsmasq stands on it" {
    echo 'no-such-option' >/etc/dnsmasq.d/broken.conf
    baseline
    only_fails dnsmasq_config
    assert_evidence dnsmasq SKIP 'stands on dnsmasq_config, which is FAIL'
    assert_evidence dnsmasq_config FAIL '*broken.conf*'
    rm /etc/dnsmasq.d/broken.conf
    sed -i 's/^interface=.*/interface=ovsbr1/' /etc/dnsmasq.d/gpuaas-slice.conf
    baseline
    only_fails dnsmasq_config
    rm /etc/dnsmasq.d/gpuaas-slice.conf
    baseline
    only_fails dnsmasq_config
}

@test "dnsmasq: stopped is started by hand; where it does not serve the bridge it is FAIL" {
    systemctl stop dnsmasq.service
    baseline
    assert_evidence dnsmasq PASS
    [ "$status" -eq 0 ]
    systemctl stop dnsmasq.service
    shadow systemctl 'case "$*" in "restart dnsmasq.service") exit 0 ;; esac'
    baseline
    only_fails dnsmasq
}

@test "service: no unit is WARN, one that cannot be enabled is FAIL" {
    systemctl disable gpuaas-slice-network-baseline.service 2>/dev/null
    shadow systemctl 'case "$*" in "enable gpuaas-slice-network-baseline.service") exit 0 ;; esac'
    baseline
    only_fails service
    rm /usr/local/bin/systemctl "$UNIT"
    baseline
    only_warns service
}

# --- services ---

historical() {
    cat >/etc/systemd/system/gpuaas-slice-host-net-baseline.service <<'HISTORICAL'
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/sbin/gpuaas-slice-host-net-baseline
ExecStop=/usr/sbin/iptables -w -t nat -F POSTROUTING
[Install]
WantedBy=multi-user.target
HISTORICAL
    printf '#!/bin/sh\nexit 0\n' >/usr/local/sbin/gpuaas-slice-host-net-baseline
    chmod 755 /usr/local/sbin/gpuaas-slice-host-net-baseline
    systemctl daemon-reload
    systemctl enable --now gpuaas-slice-host-net-baseline.service 2>/dev/null
}

@test "historical_service: retired by hand, its files kept, one service left, and what its stop removed is repaired" {
    historical
    baseline --dry-run
    [ "$status" -eq 3 ]
    assert_evidence historical_service WARN 'dry run: would retire *'
    [ "$(systemctl is-active gpuaas-slice-host-net-baseline.service)" = active ]
    baseline
    [ "$status" -eq 0 ] || fail "$output $stderr"
    assert_evidence historical_service PASS
    assert_evidence nat PASS
    [ "$(systemctl list-unit-files --no-legend 'gpuaas-slice-*net*baseline.service' | wc -l)" -eq 1 ]
    [ "$(find /var/lib/gpuaas/retired -type f | wc -l)" -eq 2 ]
    baseline
    [[ $stderr == *"nothing to do"* ]]
}

@test "historical_service: kept with --no-systemd, and where our unit is missing" {
    historical
    baseline --no-systemd
    only_warns historical_service
    rm "$UNIT"
    baseline
    assert_evidence historical_service WARN '*kept*'
    [ -e /etc/systemd/system/gpuaas-slice-host-net-baseline.service ]
}

@test "historical_service: one that cannot be retired is FAIL" {
    historical
    shadow systemctl 'case "$*" in daemon-reload) exit 0 ;; esac'
    baseline
    only_fails historical_service
    rm /usr/local/bin/systemctl
    systemctl daemon-reload
}

@test "--no-systemd touches no service" {
    shadow systemctl 'printf "%s\n" "$*" >>/run/systemctl-calls'
    systemctl stop dnsmasq.service
    rm -f /run/systemctl-calls
    baseline --no-systemd
    [ "$status" -eq 0 ] || fail "$output $stderr"
    assert_evidence dnsmasq SKIP
    assert_evidence service SKIP
    [ "$(evidence_field summary status)" = PASS ]
    [ ! -e /run/systemctl-calls ]
    rm /usr/local/bin/systemctl
    [ "$(systemctl is-active dnsmasq.service)" = inactive ]
}

@test "the unit: makes the network, restarts dnsmasq, ends without waiting for itself, and is hardened" {
    nothing
    ! systemd-analyze verify "$UNIT" 2>&1 | grep -F gpuaas
    timeout 60 systemctl start gpuaas-slice-network-baseline.service
    [ "$(systemctl is-active gpuaas-slice-network-baseline.service)" = active ]
    journalctl --no-pager -o cat -u gpuaas-slice-network-baseline.service | grep -q 'GPUAAS_SLICE_NETWORK status=PASS check=summary'
    for _ in $(seq 40); do [ "$(systemctl is-active dnsmasq.service)" = active ] && break; sleep 0.25; done
    [ "$(systemctl is-active dnsmasq.service)" = active ]
    first=$(systemctl show -p MainPID --value dnsmasq.service)
    timeout 60 systemctl restart gpuaas-slice-network-baseline.service
    for _ in $(seq 40); do [ "$(systemctl show -p MainPID --value dnsmasq.service)" != "$first" ] && break; sleep 0.25; done
    [ "$(systemctl show -p MainPID --value dnsmasq.service)" != "$first" ]
    baseline --dry-run
    [ "$(evidence_field nat status)" = PASS ]
    exposure=$(systemd-analyze security --no-pager gpuaas-slice-network-baseline.service | sed -n 's/.*Overall exposure level.*: \([0-9]*\)\..*/\1/p')
    [ "$exposure" -lt 5 ] || fail "exposure $exposure"
}

@test "a boot brings all of it up, without an ordering cycle" {
    nothing
    systemctl enable gpuaas-slice-network-baseline.service dnsmasq.service 2>/dev/null
    # both start jobs in one transaction, as at boot
    timeout 90 systemctl start gpuaas-slice-network-baseline.service dnsmasq.service
    [ "$(systemctl is-active gpuaas-slice-network-baseline.service)" = active ]
    [ "$(systemctl is-active dnsmasq.service)" = active ]
    ! journalctl --no-pager -b -o cat | grep -i 'ordering cycle'
    ! systemd-analyze verify default.target 2>&1 | grep -i 'ordering cycle'
}

@test "a guest gets an address, and a reservation of the node agent takes effect after a restart" {
    baseline
    [ "$status" -eq 0 ]
    printf 'dhcp-host=02:00:00:00:00:05,10.100.0.50\n' >/etc/dnsmasq.d/gpuaas-gpuaas-slice-x.conf
    systemctl restart dnsmasq.service
    ip netns add guest
    ip link add vguest type veth peer name eth0 netns guest address 02:00:00:00:00:05
    ovs-vsctl add-port ovsbr0 vguest
    ip link set vguest up
    ip -n guest link set eth0 up
    run --separate-stderr ip netns exec guest udhcpc -i eth0 -n -q -f -s /bin/true -t 10 -T 1
    ip link delete vguest
    ip netns delete guest
    rm /etc/dnsmasq.d/gpuaas-gpuaas-slice-x.conf
    [[ $stderr == *'lease of 10.100.0.50 obtained'* ]] || fail "$output $stderr"
}

@test "dnsmasq drop-in: a broken file keeps dnsmasq from starting, and says which" {
    echo 'no-such-option' >/etc/dnsmasq.d/broken.conf
    run systemctl restart dnsmasq.service
    [ "$status" -ne 0 ]
    journalctl --sync
    # of the whole journal: of a process that has gone already the unit is not always known
    journalctl --no-pager -o cat -b -n 60 | grep -F broken.conf
    systemctl show -p ExecStartPre --value dnsmasq.service | grep -F -- '--test --conf-dir=/etc/dnsmasq.d'
}

@test "dnsmasq serves the bridge only, and is not made the host's resolver" {
    before=$(cat /etc/resolv.conf)
    baseline
    ! ss -H -lun | awk '{print $4}' | grep -E '^(127\.|\[::1\]|198\.51)' | grep ':53$' | grep -v '127.0.0.5[34]'
    [ "$(cat /etc/resolv.conf)" = "$before" ]
    systemctl show -p Environment --value dnsmasq.service | grep -q DNSMASQ_EXCEPT=lo
}

@test "two runs at once add the rule once" {
    nothing
    path=$(script_path "$SCRIPT")
    _shell_words
    "${shell_words[@]}" "$path" >/dev/null 2>&1 3>&- &
    one=$!
    "${shell_words[@]}" "$path" >/dev/null 2>&1 3>&- &
    two=$!
    wait "$one"
    wait "$two"
    [ "$(iptables -t nat -S POSTROUTING | grep -cFx -- "$RULE")" -eq 1 ]
}
