# gpuaas-slice-network-baseline with real parts: Open vSwitch (userspace datapath), iptables, dnsmasq, systemd.
# Every check is seen PASS, then with exactly its thing broken.
# script: gpuaas-slice-network-baseline

load helpers
load network

RULE='-A POSTROUTING -s 10.100.0.0/24 -j MASQUERADE'
CHECKS='historical_service ovs bridge bridge_mac bridge_up bridge_address guest_flows isolation isolation_jumps isolation_ipv6
    ip_forward_file ip_forward nat uplink tmfifo_address tmfifo_peer dnsmasq_config dnsmasq service repair'

setup_file() {
    network_host
}

# installed: what the unit files and the delivered files are, as text.
installed() {
    ls -l --time-style=full-iso /etc/systemd/system /run/systemd/system/*.timer 2>/dev/null || true
    (cd "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root" && find . -type f -exec sha256sum {} +) >/run/wanted
    (cd / && sha256sum --check --quiet /run/wanted 2>/dev/null) || echo 'not as delivered'
    stat -c '%a %u' /etc/gpuaas/node.env
    sha256sum /etc/gpuaas/node.env
}

# Each test starts from a host on which all is right; one that has made this wrong is put right here.
setup() {
    install_script
    # a daemon-reload lasts longer than most tests
    if [ "$(installed)" != "$(cat /run/installed 2>/dev/null)" ]; then
        install_files
        systemctl daemon-reload
        installed >/run/installed
    fi
    systemctl reset-failed
    systemctl start openvswitch-switch.service gpuaas-slice-network-baseline.service dnsmasq.service
    "$INSTALLED" >"$BATS_TEST_TMPDIR/setup" 2>&1 || fail "setup: $(cat "$BATS_TEST_TMPDIR/setup")"
}

teardown() {
    rm -f /etc/dnsmasq.d/broken.conf /etc/systemd/system/gpuaas-slice-host-net-baseline.service
    rm -f /usr/local/sbin/gpuaas-slice-host-net-baseline /usr/local/sbin/gpuaas-slice-network-baseline.sh
    rm -rf /var/lib/gpuaas/retired
    if [ "$(systemctl is-active gpuaas-slice-host-net-baseline.service)" = active ]; then
        systemctl daemon-reload
        systemctl stop gpuaas-slice-host-net-baseline.service
    fi
    rm -f /usr/local/bin/{iptables,iptables-restore,ip6tables,ip6tables-restore,ovs-vsctl,ovs-ofctl,systemctl,ip,sysctl,sleep,ss,flock,mv}
    stop_servers
    for name in guest1 guest2; do
        [ ! -e "/sys/class/net/v$name" ] || ip link delete "v$name"
    done
    for name in guest1 guest2 dpu1; do [ ! -e "/run/netns/$name" ] || ip netns delete "$name"; done
    ovs-vsctl --if-exists del-port ovsbr0 vguest1 -- --if-exists del-port ovsbr0 vguest2
    printf '%s\n' '*filter' ':FORWARD ACCEPT' '-F FORWARD' '-F INPUT' COMMIT '*nat' '-F POSTROUTING' COMMIT | iptables-restore -w --noflush
    [ ! -e /sys/class/net/other0 ] || ip link delete other0
    [ ! -e /sys/class/net/away0 ] || ip link set away0 name tmfifo_net0
    ip -n dpu link set dpu0 up
    # what is not there needs no deleting
    printf '%s\n' 'address delete 10.9.9.1/24 dev ovsbr0' 'address delete 10.100.0.1/16 dev ovsbr0' 'route flush default' \
        'route add default via 198.51.100.1 dev uplink0' | ip -force -batch - 2>/dev/null || true
}

# state: all that the script may change, as text.
state() {
    ovs-vsctl show | grep -v -e '^[0-9a-f-]*$' -e ovs_version
    ip -o address show | grep -v ' lo ' | sed 's/valid_lft.*//; s/ tentative//'
    ip -o link show | sed 's/^[0-9]*: //; s/state [A-Z]*//'
    iptables -w -t nat -S
    iptables -w -S
    ip6tables -w -S
    ovs-ofctl --no-stats dump-flows ovsbr0 2>/dev/null || true
    cat /proc/sys/net/ipv4/ip_forward
    systemctl is-enabled gpuaas-slice-network-baseline.service || true
    systemctl show -p ActiveState dnsmasq.service
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

# with_setting NAME VALUE: the script as it is rendered for another value of a setting.
with_setting() {
    local path
    path=$(GPUAAS_GENERATED=/gpuaas/generated script_path "$SCRIPT")
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
    mkdir -p "$GPUAAS_GENERATED/$GPUAAS_SITE"
    grep -q "^readonly $1=" "$path"
    sed "s#^readonly $1=.*#readonly $1='$2'#" "$path" >"$GPUAAS_GENERATED/$GPUAAS_SITE/$SCRIPT"
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
    shadow sleep 'exit 0'
    baseline
    only_fails dnsmasq
    # who listens cannot be seen: not PASS
    systemctl start dnsmasq.service
    shadow ss 'exit 1'
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

@test "repair: no timer is WARN, one that cannot be enabled or does not run is FAIL" {
    systemctl disable --now gpuaas-slice-network-repair.timer 2>/dev/null
    shadow systemctl 'case "$*" in "enable --now gpuaas-slice-network-repair.timer") exit 0 ;; esac'
    baseline
    only_fails repair
    rm /usr/local/bin/systemctl
    systemctl enable gpuaas-slice-network-repair.timer 2>/dev/null
    shadow systemctl 'case "$*" in "enable --now gpuaas-slice-network-repair.timer") exit 0 ;; esac'
    baseline
    only_fails repair
    assert_evidence repair FAIL '*enabled, but inactive'
    rm /usr/local/bin/systemctl /etc/systemd/system/gpuaas-slice-network-repair.timer
    baseline
    only_warns repair
}

# --- what guests may reach ---

# stop_servers: ends what serve has started.
stop_servers() {
    local pid
    [ -e /run/servers ] || return 0
    while read -r pid; do kill "$pid" 2>/dev/null || true; done </run/servers
    rm -f /run/servers
}

# serve NAMESPACE|- PORT...: in the namespace (-: the host) says its name to everybody who connects to a TCP port.
serve() {
    local name=$1 run=(ip netns exec "$1")
    shift
    [ "$name" != - ] || run=()
    "${run[@]}" python3 -c 'import selectors, socket, sys
selector = selectors.DefaultSelector()
for port in sys.argv[2:]:
    server = socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True)
    selector.register(server, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in selector.select():
        client, _ = key.fileobj.accept()
        client.sendall(sys.argv[1].encode())
        client.close()' "$name" "$@" >"$BATS_TEST_TMPDIR/serve-$name" 3>&- &
    echo $! >>/run/servers
    until grep -q ready "$BATS_TEST_TMPDIR/serve-$name"; do sleep 0.02; done
}

# reach NAMESPACE ADDRESS:PORT...: prints each target that gave an answer, all tried at once.
reach() {
    local name=$1
    shift
    ip netns exec "$name" python3 -c 'import socket, sys, threading
def attempt(target):
    address, _, port = target.rpartition(":")
    try:
        with socket.create_connection((address, int(port)), timeout=1.5) as connection:
            if connection.recv(9):
                found.add(target)
    except OSError:
        pass
found = set()
threads = [threading.Thread(target=attempt, args=[target]) for target in sys.argv[1:]]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(" ".join(target for target in sys.argv[1:] if target in found))' "$@"
}

# guest NAME ADDRESS MAC: a guest on the bridge.
guest() {
    ip netns add "$1"
    ip link add "v$1" type veth peer name eth0 netns "$1" address "$3"
    # the userspace datapath reads a copy: the kernel must not answer on this interface itself, as it does not with its own
    echo 8 >"/proc/sys/net/ipv4/conf/v$1/arp_ignore"
    echo 1 >"/proc/sys/net/ipv6/conf/v$1/disable_ipv6"
    ovs-vsctl --may-exist add-port ovsbr0 "v$1"
    ip link set "v$1" up
    ip -n "$1" address add "$2/24" dev eth0
    ip -n "$1" link set eth0 up
    # and it passes on checksums that a virtual interface leaves to its hardware
    ip netns exec "$1" ethtool -K eth0 tx off >/dev/null
    ethtool -K ovsbr0 tx off >/dev/null
    ip -n "$1" route add default via 10.100.0.1
}

# neighbourhood: two guests, the DPU, and a world with the internet (192.0.2.80), the management network
# (203.0.113.5), denied ones (192.0.2.200; 10.55.0.1 and 100.64.0.9, which are private; 192.0.2.70, which only a
# route of the host names) and allowed ones (10.66.0.1; 192.0.2.100).
neighbourhood() {
    local address
    guest guest1 10.100.0.51 02:00:00:00:00:51
    guest guest2 10.100.0.52 02:00:00:00:00:52
    for address in 192.0.2.80 203.0.113.5 192.0.2.200 10.55.0.1 100.64.0.9 192.0.2.70 10.66.0.1 192.0.2.100; do
        ip -n world address replace "$address/32" dev lo
    done
    ip route replace 192.0.2.64/29 via 198.51.100.1
    serve world 80
    serve guest2 80
    serve dpu 80
    serve - 8080
}

INTERNET='192.0.2.80:80 10.66.0.1:80 192.0.2.100:80'
FORBIDDEN='10.100.0.1:8080 198.51.100.11:8080 192.168.100.1:8080 192.168.100.2:80 198.51.100.1:80 203.0.113.5:80
    192.0.2.200:80 192.0.2.70:80 10.55.0.1:80 100.64.0.9:80 10.100.0.52:80'

@test "isolation: packets of a guest reach the internet and what is allowed, and nothing else" {
    neighbourhood
    ip -n dpu route replace default via 192.168.100.1
    baseline
    [ "$status" -eq 0 ] || fail "$output $stderr"
    got=$(reach guest1 $INTERNET $FORBIDDEN)
    [ "$got" = "$INTERNET" ] || fail "reached: $got"
    # DNS of the host, by UDP and TCP; the host reaches its guests (the node agent's ssh)
    ip netns exec guest1 python3 -c 'import socket, struct
query = struct.pack(">6H", 7, 256, 1, 0, 0, 0) + b"\x07version\x04bind\x00" + struct.pack(">2H", 16, 3)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(3)
udp.sendto(query, ("10.100.0.1", 53))
assert udp.recv(512)[:2] == b"\x00\x07"
socket.create_connection(("10.100.0.1", 53), timeout=3).close()'
    [ "$(reach_from_host 10.100.0.52 80)" = guest2 ]
    # the other colour: without the chain and the flows all of it is open
    iptables -F "$CHAIN"
    ovs-ofctl --bundle replace-flows ovsbr0 - <<<'actions=NORMAL'
    got=$(reach guest1 $INTERNET $FORBIDDEN)
    [ "$got" = "$(echo $INTERNET $FORBIDDEN)" ] || fail "not reached without the rules: $got"
    baseline
    got=$(reach guest1 $INTERNET $FORBIDDEN)
    [ "$got" = "$INTERNET" ] || fail "reached: $got"
}

# reach_from_host ADDRESS PORT: prints what is said there.
reach_from_host() {
    python3 -c 'import socket, sys
print(socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).recv(9).decode())' "$@"
}

@test "isolation: another source address, IPv6 and the world do not get through either" {
    neighbourhood
    ip -n world route replace 10.100.0.0/24 via 198.51.100.11
    ip -n world route replace 10.77.0.0/24 via 198.51.100.11
    # a guest that takes an address outside of the guests' network
    ip -n guest1 address add 10.77.0.1/24 dev eth0
    ip -n guest1 route replace 192.0.2.80/32 via 10.100.0.1 src 10.77.0.1
    ip route replace 10.77.0.0/24 dev ovsbr0
    [ -z "$(reach guest1 192.0.2.80:80)" ]
    # the host's link-local address
    link_local=fe80::1
    ip -6 address replace "$link_local/64" dev ovsbr0 nodad
    ip -n guest1 -6 address replace fe80::51/64 dev eth0 nodad
    [ -z "$(reach guest1 "$link_local%eth0:8080")" ]
    # from outside to a guest
    [ -z "$(reach world 10.100.0.52:80)" ]
    # the other colour
    iptables -F "$CHAIN"
    ip6tables -F "$CHAIN"
    [ "$(reach guest1 192.0.2.80:80 "$link_local%eth0:8080")" = "192.0.2.80:80 $link_local%eth0:8080" ]
    [ "$(reach world 10.100.0.52:80)" = 10.100.0.52:80 ]
    ip -n world route delete 10.100.0.0/24
    ip -n world route delete 10.77.0.0/24
    ip route delete 10.77.0.0/24
}

@test "isolation: it also carries guests where the policy of FORWARD is DROP, as with Docker" {
    neighbourhood
    iptables -P FORWARD DROP
    [ "$(reach guest1 192.0.2.80:80)" = 192.0.2.80:80 ]
}

@test "isolation: a rule lost or added is put right; where that does not work it is FAIL" {
    iptables -D "$CHAIN" 7
    baseline
    assert_evidence isolation PASS
    [ "$(evidence_summary changes)" -eq 1 ]
    iptables -I "$CHAIN" 1 -j ACCEPT
    baseline --dry-run
    assert_evidence isolation WARN 'dry run: would set the rules *'
    [ "$(iptables -S "$CHAIN" | sed -n 2p)" = "-A $CHAIN -j ACCEPT" ]
    shadow iptables-restore 'cat >/dev/null; exit 0'
    baseline
    only_fails isolation
    rm /usr/local/bin/iptables-restore
    shadow iptables 'case "$*" in "-w 30 -S") exit 4 ;; esac'
    baseline
    only_fails isolation
    assert_evidence isolation_jumps SKIP 'stands on isolation, which is FAIL'
    rm /usr/local/bin/iptables
    shadow ip 'case "$*" in *"route show table main"*) exit 2 ;; esac'
    baseline
    only_fails isolation
}

@test "isolation: a route that comes later is denied with the next run" {
    ip route add 192.0.2.72/29 via 198.51.100.1
    baseline
    assert_evidence isolation PASS
    iptables -S "$CHAIN" | grep -Fx -- "-A $CHAIN -d 192.0.2.72/29 -j REJECT --reject-with icmp-port-unreachable"
    ip route delete 192.0.2.72/29 via 198.51.100.1
    # half of the internet is how a VPN takes the default route: guests may go there
    ip route add 128.0.0.0/1 via 198.51.100.1
    baseline
    run ! grep -F 128.0.0.0/1 <(iptables -S "$CHAIN")
    ip route delete 128.0.0.0/1
}

@test "isolation_jumps: missing, behind another rule, or doubled is put right; where that does not work it is FAIL" {
    iptables -I INPUT 1 -j ACCEPT
    baseline
    assert_evidence isolation_jumps PASS
    [ "$(iptables -S INPUT | sed -n 2p)" = "-A INPUT -i ovsbr0 -j $CHAIN" ]
    iptables -D INPUT -j ACCEPT
    iptables -I FORWARD 1 -j ACCEPT
    iptables -A FORWARD -i ovsbr0 -j "$CHAIN"
    baseline
    assert_evidence isolation_jumps PASS
    [ "$(iptables -S FORWARD | sed -n '2,$p')" = "-A FORWARD -i ovsbr0 -j $CHAIN
-A FORWARD -o ovsbr0 -j $CHAIN
-A FORWARD -j ACCEPT" ]
    [ "$(iptables -S INPUT | sed -n 2p)" = "-A INPUT -i ovsbr0 -j $CHAIN" ]
    iptables -D FORWARD -o ovsbr0 -j "$CHAIN"
    baseline --dry-run
    assert_evidence isolation_jumps WARN 'dry run: would lead *'
    shadow iptables-restore 'cat >/dev/null; exit 0'
    baseline
    only_fails isolation_jumps
}

@test "isolation_ipv6: put right; where that does not work or cannot be read it is FAIL" {
    ip6tables -D INPUT -i ovsbr0 -j "$CHAIN"
    baseline
    assert_evidence isolation_ipv6 PASS
    [ "$(ip6tables -S INPUT | sed -n 2p)" = "-A INPUT -i ovsbr0 -j $CHAIN" ]
    ip6tables -F "$CHAIN"
    shadow ip6tables-restore 'cat >/dev/null; exit 0'
    baseline
    only_fails isolation_ipv6
    # nor can the rules be read afterwards
    shadow ip6tables-restore 'cat >/dev/null; touch /run/restored; exit 1'
    shadow ip6tables 'if [ -e /run/restored ]; then rm /run/restored; exit 4; fi'
    baseline
    only_fails isolation_ipv6
    assert_evidence isolation_ipv6 FAIL '*is not dropped'
    shadow ip6tables 'exit 4'
    baseline
    only_fails isolation_ipv6
    assert_evidence isolation_ipv6 FAIL '*cannot be read'
}

@test "isolation_ipv6: a kernel without IPv6 needs no rules" {
    path=$(script_path "$SCRIPT")
    mkdir -p "$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE"
    sed 's#/proc/net/if_inet6#/run/none#' "$path" >"$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE/$SCRIPT"
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
    shadow ip6tables 'exit 3'
    baseline
    [ "$status" -eq 0 ] || fail "$output $stderr"
    assert_evidence isolation_ipv6 SKIP 'this kernel has no IPv6'
    [ "$(evidence_field summary status)" = PASS ]
}

@test "guest_flows: other flows are replaced; where that does not work it is FAIL" {
    ovs-ofctl add-flow ovsbr0 'priority=200,actions=NORMAL'
    baseline
    assert_evidence guest_flows PASS
    [ "$(ovs-ofctl --no-stats dump-flows ovsbr0 | wc -l)" -eq 4 ]
    ovs-ofctl del-flows ovsbr0
    shadow ovs-ofctl 'case "$*" in *replace-flows*) cat >/dev/null; exit 0 ;; esac'
    baseline
    only_fails guest_flows
}

@test "bridge_mac: kept when ports come; where it cannot be pinned it is FAIL, and the flows stand on it" {
    mac=$(cat /sys/class/net/ovsbr0/address)
    guest guest1 10.100.0.51 02:00:00:00:00:51
    ip link set vguest1 address 00:00:00:00:00:01
    baseline
    assert_evidence bridge_mac PASS "ovsbr0 keeps $mac"
    # one that somebody gave the interface by hand
    ip link set ovsbr0 address 02:00:00:00:00:99
    baseline
    assert_evidence bridge_mac PASS "ovsbr0 keeps $mac"
    [ "$(cat /sys/class/net/ovsbr0/address)" = "$mac" ]
    ovs-vsctl remove bridge ovsbr0 other_config hwaddr
    shadow ovs-vsctl 'case "$*" in *hwaddr=*) exit 0 ;; esac'
    baseline
    only_fails bridge_mac
    assert_evidence guest_flows SKIP 'stands on bridge_mac, which is FAIL'
}

# --- repair ---

# eventually CODE: waits for up to ten seconds until CODE succeeds.
eventually() {
    local try
    for try in $(seq 100); do
        ! bash -c "$1" >/dev/null 2>&1 || return 0
        sleep 0.1
    done
    fail "not so after ten seconds ($try): $1"
}

@test "the repair timer mends what a firewall flush took, and a tmfifo interface that comes late" {
    sed 's/=60$/=2/; s/=5$/=10ms/' "${TIMER_DROP_IN%.d/*}" >/run/systemd/system/gpuaas-slice-network-repair.timer
    mv "${TIMER_DROP_IN%.d/*}" "$TIMER_DROP_IN" "$BATS_TEST_TMPDIR"
    run ! grep -F gpuaas <(systemd-analyze verify gpuaas-slice-network-repair.service gpuaas-slice-network-repair.timer 2>&1)
    systemctl daemon-reload
    ip link set tmfifo_net0 down
    ip link set tmfifo_net0 name away0
    systemctl restart gpuaas-slice-network-repair.timer
    for table in filter nat; do iptables -t "$table" -F; done
    iptables -X
    ip6tables -F
    eventually "iptables -C INPUT -i ovsbr0 -j $CHAIN && ip6tables -C INPUT -i ovsbr0 -j $CHAIN"
    eventually 'iptables -t nat -C POSTROUTING -s 10.100.0.0/24 -j MASQUERADE'
    ip link set away0 name tmfifo_net0
    eventually "$INSTALLED --dry-run --no-systemd"
    [ "$(ip -4 -o address show dev tmfifo_net0 | awk '{print $4}')" = 192.168.100.1/30 ]
    systemctl stop gpuaas-slice-network-repair.timer
    rm /run/systemd/system/gpuaas-slice-network-repair.timer
    mv "$BATS_TEST_TMPDIR/lab.conf" "$TIMER_DROP_IN"
    # a run that finds nothing to do says nothing
    systemctl start gpuaas-slice-network-repair.service
    journalctl --sync
    run -0 systemctl show -p InvocationID --value gpuaas-slice-network-repair.service
    run journalctl --no-pager -q -o cat "_SYSTEMD_INVOCATION_ID=$output"
    [ -z "$output" ] || fail "$output"
}

@test "a restart, and a stop and start, of Open vSwitch bring the network back by themselves" {
    timeout 60 systemctl restart gpuaas-slice-network-baseline.service
    systemctl stop gpuaas-slice-network-repair.timer
    timeout 60 systemctl restart openvswitch-switch.service
    eventually 'ip -4 -o address show dev ovsbr0 | grep -F 10.100.0.1/24 && ovs-ofctl dump-flows ovsbr0 | grep -F actions=drop'
    eventually 'systemctl is-active --quiet gpuaas-slice-network-baseline.service'
    timeout 60 systemctl stop openvswitch-switch.service
    [ "$(systemctl is-active gpuaas-slice-network-baseline.service)" = inactive ]
    timeout 60 systemctl start openvswitch-switch.service
    eventually 'ip -4 -o address show dev ovsbr0 | grep -F 10.100.0.1/24 && ovs-ofctl dump-flows ovsbr0 | grep -F actions=drop'
    systemctl start gpuaas-slice-network-repair.timer
    eventually "$INSTALLED --dry-run"
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

# --- services ---

@test "historical_service: retired by hand, its files kept, one service left, and what its stop removed is repaired" {
    historical
    baseline --dry-run
    [ "$status" -eq 3 ]
    assert_evidence historical_service WARN \
        'dry run: would retire /etc/systemd/system/gpuaas-slice-host-net-baseline.service /usr/local/sbin/gpuaas-slice-host-net-baseline to *'
    [ "$(systemctl is-active gpuaas-slice-host-net-baseline.service)" = active ]
    baseline
    [ "$status" -eq 0 ] || fail "$output $stderr"
    assert_evidence historical_service PASS
    assert_evidence nat PASS
    [ "$(systemctl list-unit-files --no-legend 'gpuaas-slice-*net*baseline.service' | wc -l)" -eq 1 ]
    [ "$(systemctl is-active gpuaas-slice-host-net-baseline.service)" = inactive ]
    [ ! -L /etc/systemd/system/multi-user.target.wants/gpuaas-slice-host-net-baseline.service ]
    # a second one that is retired later does not take the place of these
    [ "$(find /var/lib/gpuaas/retired -type f -name 'gpuaas-slice-host-net-baseline*.20??????T??????Z' | wc -l)" -eq 2 ]
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
    # no service any more, but a script that cannot be moved away
    echo : >/usr/local/sbin/gpuaas-slice-network-baseline.sh
    shadow mv 'exit 1'
    baseline
    only_fails historical_service
    assert_evidence historical_service FAIL 'still there (state not-found): /usr/local/sbin/gpuaas-slice-network-baseline.sh'
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

@test "two runs at once add the rule once; one that does not end is named" {
    nothing
    # the other one is us; not waited for two minutes
    exec 8>/run/gpuaas-slice-network-baseline.lock
    flock 8
    shadow flock '[ "$*" = "-w 120 9" ] && set -- -n 9'
    baseline
    exec 8>&-
    rm /usr/local/bin/flock
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == 'error: another run of this script has not ended for two minutes'* ]]
    [ -z "$(iptables -t nat -S POSTROUTING | grep MASQUERADE)" ]
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
