# gpuaas-slice-network-baseline with real parts: Open vSwitch (userspace datapath), iptables, dnsmasq, systemd. What guests may reach:
# by packets of guests, and each check with exactly its thing broken.
# script: gpuaas-slice-network-baseline

load helpers
load network

setup_file() {
    network_host
}

setup() {
    network_right
}

teardown() {
    network_clean
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

# reach_from_host ADDRESS PORT: prints what is said there.
reach_from_host() {
    python3 -c 'import socket, sys
print(socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=3).recv(9).decode())' "$@"
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
    mkdir -p "$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE/${SCRIPT%/*}"
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
