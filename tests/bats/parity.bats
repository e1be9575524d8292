# gpuaas-slice-parity-check on a slice host where everything is right: whole runs, the network, what a guest sees, the control
# plane, another machine. Every check of the network is seen PASS, then with exactly its thing broken.
# host: j22u15-known-good
# script: gpuaas-slice-parity-check

load helpers
load parity

setup_file() {
    parity_host
    parity_network
    right_network
    # it looks for three seconds whether an address is free before it offers it
    systemctl restart dnsmasq.service
}

setup() {
    right_network
}

# switch: what the switch and the kernel hold of test ports
switch() {
    ovs-vsctl list-ports ovsbr0
    ip netns list | grep parity || true
    ls /sys/class/net | grep parity || true
    cat /var/lib/misc/dnsmasq.leases
}

@test "a known good host: every check PASS, api_topology WARN; nothing is changed, no lease is taken, nothing is left of the test port" {
    state() {
        switch
        iptables-save | grep -v '^[#:]'
        ip -o address show | sed 's/valid_lft.*//; s/ tentative//'
        ip route
        systemctl list-units --no-legend --plain --type service | grep -e gpuaas -e dnsmasq
        find /etc /var/lib/gpuaas -newer /run/before -type f
    }
    touch /run/before
    before=$(state)
    parity
    [ "$status" -eq 0 ] || fail "$output $stderr"
    for check in $CHECKS; do check_is "$check" PASS; done
    check_is api_topology WARN 'not asked*'
    check_is tenant_isolation PASS 'a guest gets no answer from 198.51.100.11; *; 192.168.100.2'
    [ "$(evidence_field summary status)" = WARN ]
    [[ $(tail -n 1 <<<"$output") == *' failures=0 warnings=1' ]]
    [ "$(state)" = "$before" ] || fail "$(diff <(echo "$before") <(state))"
    # the same, seen with other eyes: it was a DISCOVER, and nothing else
    journalctl --sync
    said=$(journalctl --no-pager -o cat -u dnsmasq.service)
    [[ $said == *'DHCPDISCOVER(ovsbr0) 0a:67:70:75:00:01'* ]]
    [[ $said != *DHCPREQUEST* ]]
}

@test "--final: a warning is not enough; --area judges a part, which is never PASS; both together are refused" {
    parity --area guest
    [ "$status" -eq 0 ]
    check_is egress PASS
    check_is nat PASS
    check_is summary WARN 'slice host lab-slice-1, only: network,guest *'
    [[ $output != *' check=kvm '* && $output != *api_topology* ]]
    parity --final
    [ "$status" -eq 1 ]
    [[ ${lines[-1]} == *' failures=0 warnings=1' ]]
    parity --final --area host
    [ "$status" -eq 2 ] && [ -z "$output" ] && [[ $stderr == *'give one of the two'* ]]
    parity --area host,other
    [ "$status" -eq 2 ] && [ -z "$output" ] && [[ $stderr == *'--area other: must be of host,fabric,network,guest,storage,api'* ]]
}

@test "--json: the same as one document" {
    parity --area network --json
    [ "$status" -eq 0 ]
    [ "$(jq -r .summary.status <<<"$output")" = WARN ]
    [ "$(jq -r .summary.failures <<<"$output")" = 0 ]
    [ "$(jq -r '.checks[] | select(.check == "nat") | .detail' <<<"$output")" = '-A POSTROUTING -s 10.100.0.0/24 -j MASQUERADE' ]
    [ "$(jq '.checks | length' <<<"$output")" -eq 14 ]
    iptables -t nat -F
    parity --area network --json
    [ "$status" -eq 1 ]
    [ "$(jq -r '.checks[] | select(.status == "FAIL") | .check' <<<"$output")" = nat ]
}

@test "--help; wrong usage is refused before anything happens" {
    parity --help
    [ "$status" -eq 0 ]
    [[ $output == *--final*--api-token-file*--node-id* ]]
    for words in --bogus --host '--host -oProxyCommand=x' '--host a;b' '--user hpcadmin' '--api-base http://api.example' \
        '--api-token-file /x' '--profile other' '--node-id a$b'; do
        # shellcheck disable=SC2086 # several words
        parity $words
        [ "$status" -eq 2 ] && [ -z "$output" ] && [ -n "$stderr" ] || fail "$words: $status $output $stderr"
    done
}

@test "not root, a missing command, a node.env that is cut off: one clear line" {
    path=$(script_path "$SCRIPT")
    _shell_words
    run --separate-stderr setpriv --reuid 65534 --clear-groups "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *'must run as root'* ]]
    mkdir "$BATS_TEST_TMPDIR/bin"
    for name in sh dash bash busybox awk cat find flock grep head id ip ping readlink stat systemctl tail timeout tr; do
        ln -s "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"
    done
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    # busybox ash has some of them built in
    [[ $stderr == *'missing commands:'*'iptables'* ]]
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path" --host 127.0.0.1
    [ "$status" -eq 1 ]
    [[ $stderr == *'missing commands: ssh;'* ]]
    sed -i '$d' /etc/gpuaas/node.env
    parity
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [[ $stderr == *'is incomplete'* ]]
}

@test "one run at a time: a lock that cannot be taken or written ends it before anything is looked at" {
    shadow flock 'exit 1'
    parity
    [ "$status" -eq 1 ] && [ -z "$output" ] && [[ $stderr == *'another parity check has not ended'* ]]
    with_setting LOCK /proc/nowhere/lock
    parity
    [ "$status" -eq 1 ] && [ -z "$output" ] && [[ $stderr == *'cannot write /proc/nowhere/lock'* ]]
}

# --- network ---

@test "ovs: one that does not answer is FAIL, and all that needs the bridge stands on it" {
    shadow ovs-vsctl 'exit 1'
    parity --area guest
    only_fails ovs
    for check in ovs_bridge bridge_address test_port dhcp_offer egress tenant_isolation; do check_is "$check" SKIP; done
    check_is test_port_removed SKIP 'none was made'
    check_is nat PASS
}

@test "ovs_bridge: gone, or another interface of that name, is FAIL" {
    ovs-vsctl del-br ovsbr0
    parity --area guest
    only_fails ovs_bridge
    check_is bridge_address SKIP
    check_is test_port SKIP 'stands on ovs_bridge, which is FAIL'
    shadow ovs-vsctl 'case "$*" in *list-br*) echo ovsbr0; exit 0 ;; esac'
    quick_fails ovs_bridge
    rm /usr/local/bin/ovs-vsctl
    ip link add ovsbr0 type veth peer name other0
    quick ovs_bridge
    ip link delete ovsbr0
    only_fails ovs_bridge
}

@test "bridge_address: lost, another prefix, a second one, down" {
    ip address flush dev ovsbr0
    parity --area guest
    only_fails bridge_address
    check_is dhcp_offer SKIP 'stands on bridge_address, which is FAIL'
    ip address add 10.100.0.1/16 dev ovsbr0
    quick_fails bridge_address
    right_network
    ip address add 10.9.9.1/24 dev ovsbr0
    quick_fails bridge_address
    right_network
    ip link set ovsbr0 down
    quick_fails bridge_address
    ip link set ovsbr0 up
}

@test "ip_forward: off is FAIL, and egress stands on it" {
    echo 0 >/proc/sys/net/ipv4/ip_forward
    parity --area guest
    only_fails ip_forward
    check_is egress SKIP 'stands on ip_forward, which is FAIL'
}

@test "uplink: no default route, and another way out, are FAIL" {
    ip route delete default
    quick_fails uplink
    ip route add default via 192.168.100.2 dev tmfifo_net0
    quick_fails uplink
    ip route delete default
}

@test "nat: no rule, and one of another form, is FAIL, egress stands on it; turned off in the configuration it is SKIP" {
    iptables -t nat -F
    parity --area guest
    only_fails nat
    check_is egress SKIP 'stands on nat, which is FAIL'
    iptables -t nat -A POSTROUTING -s 10.100.0.0/24 -o uplink0 -j MASQUERADE
    quick_fails nat
    shadow iptables 'case "$*" in *"nat -S"*) echo no such table; exit 3 ;; esac'
    quick_fails nat
    check_is nat FAIL 'the nat table cannot be read: no such table'
    rm /usr/local/bin/iptables
    with_setting BRIDGE_NAT false
    parity --area guest
    check_is nat SKIP
    check_is egress PASS
}

@test "dnsmasq_config: no interface, no range, a broken file beside it" {
    sed -i /^interface/d /etc/dnsmasq.d/gpuaas-slice.conf
    quick_fails dnsmasq_config
    check_is dnsmasq SKIP
    cp -a /run/right/. /
    sed -i /^dhcp-range/d /etc/dnsmasq.d/gpuaas-slice.conf
    quick_fails dnsmasq_config
    cp -a /run/right/. /
    echo no-such-option >/etc/dnsmasq.d/broken.conf
    quick dnsmasq_config
    rm /etc/dnsmasq.d/broken.conf
    only_fails dnsmasq_config
    check_is dnsmasq_config FAIL '*broken.conf*'
}

@test "isolation_rules: no jump, an empty chain, an unreadable table are FAIL; the packets stand on them" {
    for chain in INPUT FORWARD; do
        iptables -D "$chain" -i ovsbr0 -j GPUAAS-SLICE-ISOLATION
        quick_fails isolation_rules
        isolation
    done
    iptables -F GPUAAS-SLICE-ISOLATION
    parity --area guest
    only_fails isolation_rules
    check_is isolation_rules FAIL 'GPUAAS-SLICE-ISOLATION denies nothing'
    check_is tenant_isolation SKIP 'stands on isolation_rules, which is FAIL'
    check_is egress PASS
    shadow iptables 'case "$*" in "-w 30 -S") echo no such table; exit 3 ;; esac'
    quick_fails isolation_rules
    check_is isolation_rules FAIL 'the filter table cannot be read: no such table'
}

@test "tmfifo, tmfifo_peer: no address, down, no answer; in NIC mode and unset SKIP" {
    ip -n dpu link set dpu0 down
    quick_fails tmfifo_peer
    ip -n dpu link set dpu0 up
    ip address flush dev tmfifo_net0
    quick_fails tmfifo
    check_is tmfifo_peer SKIP 'stands on tmfifo, which is FAIL'
    right_network
    ip link set tmfifo_net0 down
    quick_fails tmfifo
    node_env GPUAAS_BF3_MODE nic
    quick tmfifo
    ip link set tmfifo_net0 up
    check_is tmfifo SKIP '*NIC mode*'
    check_is tmfifo_peer SKIP
    [[ ${lines[-1]} == *' failures=0 warnings='* ]]
    right_network
    with_setting TMFIFO_PEER ''
    quick tmfifo
    check_is tmfifo_peer SKIP '*not set'
    with_setting TMFIFO_ADDRESS ''
    quick tmfifo
    check_is tmfifo SKIP '*not set'
}

@test "network_service, network_repair: not enabled, not started, failed are FAIL" {
    name=gpuaas-slice-network-baseline.service
    timer=gpuaas-slice-network-repair.timer
    rm "$UNITS/multi-user.target.wants/$name" "$UNITS/timers.target.wants/$timer"
    systemctl daemon-reload
    quick_fails network_service network_repair
    check_is network_service FAIL "$name: UnitFileState is disabled"
    check_is network_repair FAIL "$timer: UnitFileState is disabled"
    ln -s "$UNITS/$name" "$UNITS/multi-user.target.wants/$name"
    ln -s "$UNITS/$timer" "$UNITS/timers.target.wants/$timer"
    systemctl daemon-reload
    systemctl stop "$name" "$timer"
    quick_fails network_service network_repair
    check_is network_service FAIL "$name: ActiveState is inactive"
    check_is network_repair FAIL "$timer: ActiveState is inactive"
    systemctl start "$timer"
    ln -sf /bin/false /run/baseline
    systemctl start "$name" || true
    quick_fails network_service
    check_is network_service FAIL '*Result is exit-code*'
    ln -sf /bin/true /run/baseline
    systemctl start "$name"
}

@test "network_service, network_repair: a unit that is not there, and no answer of systemd, are FAIL" {
    with_setting UNIT no-such.service
    quick_fails network_service
    check_is network_service FAIL 'no-such.service: LoadState is not-found; UnitFileState is empty; ActiveState is inactive'
    with_setting REPAIR_TIMER no-such.timer
    quick_fails network_repair
    check_is network_repair FAIL 'no-such.timer: LoadState is not-found; UnitFileState is empty; ActiveState is inactive'
    export GPUAAS_GENERATED=/gpuaas/generated
    shadow systemctl 'exit 1'
    quick_fails dnsmasq network_service network_repair
    check_is dnsmasq FAIL 'dnsmasq.service is unknown'
    check_is network_repair FAIL '*LoadState is unknown*'
}

@test "historical_network_service: its unit or script is WARN" {
    paths=("$UNITS/gpuaas-slice-host-net-baseline.service" /usr/local/sbin/gpuaas-slice-host-net-baseline{,.sh}
        /usr/local/sbin/gpuaas-slice-network-baseline.sh)
    : | tee "${paths[@]}"
    quick historical_network_service
    rm "${paths[@]}"
    check_is historical_network_service WARN "still there: ${paths[0]}; ${paths[1]}; ${paths[2]}; ${paths[3]}"
    [ -n "$(evidence_field historical_network_service remediation)" ]
    [[ ${lines[-1]} == *' failures=0 warnings='* ]]
}

# --- what a guest sees ---

@test "test_port: one that cannot be made is FAIL, what a guest sees stands on it" {
    shadow ip 'case "$*" in "netns add"*) exit 1 ;; esac'
    parity --area guest
    only_fails test_port
    check_is dhcp_offer SKIP 'stands on test_port, which is FAIL'
    [ -z "$(switch | grep parity)" ]
    rm /usr/local/bin/ip
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s /usr/bin/* /usr/sbin/* "$BATS_TEST_TMPDIR/bin/" 2>/dev/null || true
    rm "$BATS_TEST_TMPDIR/bin/dhcpcd"
    PATH=/usr/local/sbin:/usr/local/bin:$BATS_TEST_TMPDIR/bin parity --area guest
    only_fails test_port
    check_is test_port FAIL 'dhcpcd is not installed'
}

@test "dhcp_offer: none, and one with another router, are FAIL" {
    with_setting DHCP_WAIT 1
    iptables -I INPUT 1 -i ovsbr0 -p udp --dport 67 -j DROP
    parity --area guest
    iptables -D INPUT 1
    only_fails dhcp_offer
    check_is dhcp_offer FAIL 'no DHCP offer*'
    check_is egress SKIP 'stands on dhcp_offer, which is FAIL'
    check_is tenant_isolation SKIP
    with_setting BRIDGE_IP 10.100.0.9
    parity --area guest
    only_fails dhcp_offer
    check_is dhcp_offer FAIL '*is 10.100.0.* 24 10.100.0.1, not one of*'
    export GPUAAS_GENERATED=/gpuaas/generated
    shadow ip 'case "$*" in *"route replace default"*) exit 2 ;; esac'
    parity --area guest
    only_fails dhcp_offer
    check_is dhcp_offer FAIL 'the test port does not take 10.100.0.*'
}

@test "egress: a rule that drops guests' packets is FAIL, as Docker's is; no address to reach is WARN" {
    iptables -I FORWARD 1 -d 192.0.2.9 -j REJECT
    parity --area guest
    only_fails egress
    iptables -D FORWARD 1
    # one packet may get lost
    rm -f /run/pinged
    shadow ping 'case "$*" in *192.0.2.9) [ -e /run/pinged ] || { : >/run/pinged; exit 1; } ;; esac'
    parity --area guest
    [ -e /run/pinged ]
    check_is egress PASS
    with_setting EGRESS_TARGET ''
    parity --area guest
    check_is egress WARN
    [[ ${lines[-1]} == *' failures=0 warnings='* ]]
}

@test "tenant_isolation: a rule before the chain that lets guests pass is FAIL; a port that reaches nothing proves nothing" {
    iptables -I INPUT 1 -i ovsbr0 -j ACCEPT
    parity --area guest
    only_fails tenant_isolation
    check_is tenant_isolation FAIL 'a guest reaches*198.51.100.11*'
    isolation
    iptables -I FORWARD 1 -d 192.168.100.2 -j ACCEPT
    parity --area guest
    only_fails tenant_isolation
    check_is tenant_isolation FAIL 'a guest reaches 192.168.100.2'
    isolation
    shadow ip 'case "$*" in *neighbour*) exit 1 ;; esac'
    parity --area guest
    check_is tenant_isolation WARN 'nothing was proven*'
}

@test "test_port_removed: one that does not go is FAIL, and the next run removes it" {
    shadow ovs-vsctl 'case "$*" in *del-port*) exit 0 ;; esac'
    parity --area guest
    only_fails test_port_removed
    rm /usr/local/bin/ovs-vsctl
    parity --area guest
    check_is test_port_removed PASS
    [ -z "$(switch | grep parity)" ]
}

@test "ended in the middle: the test port goes with it; killed: the next run removes it" {
    path=$(script_path "$SCRIPT")
    _shell_words
    systemctl kill --signal STOP dnsmasq.service
    for signal in TERM HUP INT KILL; do
        # what a shell starts in the background ignores SIGINT
        env --default-signal=INT "${shell_words[@]}" "$path" --area guest >/dev/null 2>&1 3>&- &
        pid=$!
        for _ in $(seq 200); do ! { [ -e /run/netns/gpuaas-parity ] && pgrep -x dhcpcd >/dev/null; } || break; sleep 0.05; done
        [ -e /run/netns/gpuaas-parity ]
        kill -s "$signal" "$pid"
        pkill -x dhcpcd || true
        wait "$pid" || true
        [ "$signal" = KILL ] || [ -z "$(switch | grep parity)" ] || fail "after $signal: $(switch)"
    done
    systemctl kill --signal CONT dnsmasq.service
    [ -n "$(switch | grep parity)" ]
    parity --area guest
    check_is test_port_removed PASS
    [ -z "$(switch | grep parity)" ]
}

@test "dnsmasq: stopped is FAIL, the offer stands on it" {
    systemctl stop dnsmasq.service
    parity --area guest
    systemctl start dnsmasq.service
    only_fails dnsmasq
    check_is dhcp_offer SKIP 'stands on dnsmasq, which is FAIL'
}

# --- the control plane ---

# control_plane STATUS BODY: what the stand-in answers from now on; it listens on 127.0.0.1:8080, and takes one token
control_plane() {
    printf '%s' "$1" >/run/api-status
    printf '%s' "$2" >/run/api-body
    [ ! -e /run/api-pid ] || ! kill -0 "$(cat /run/api-pid)" 2>/dev/null || return 0
    cat >/run/api.py <<'SERVER'
import http.server, pathlib
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers["Authorization"] == "Bearer s3cret-token" and self.path == "/admin/nodes/node-1/topology"
        self.send_response(int(pathlib.Path("/run/api-status").read_text()) if known else 401)
        self.end_headers()
        self.wfile.write(pathlib.Path("/run/api-body").read_bytes())
    def log_message(self, *words):
        pass
http.server.HTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
SERVER
    python3 /run/api.py >/dev/null 2>&1 3>&- &
    echo "$!" >/run/api-pid
    for _ in $(seq 50); do ! curl -s -o /dev/null http://127.0.0.1:8080/ || break; sleep 0.1; done
}

asked() {
    printf 's3cret-token\n' >/run/token
    parity --api-base http://127.0.0.1:8080/ --api-token-file /run/token --node-id node-1 "$@"
}

GOOD='{"data": {"topology": {"status": "completed", "candidate_summary": {"slots": 8, "blockers": []}}}}'

@test "api_topology: completed without blockers is PASS, and with it the whole run; --final exits 0" {
    control_plane 200 "$GOOD"
    shadow curl 'printf "%s\n" "$*" >>/run/curl-calls'
    asked --final
    [ "$status" -eq 0 ] || fail "$output $stderr"
    check_is api_topology PASS
    check_is summary PASS
    [[ ${lines[-1]} == *' skipped=0 failures=0 warnings=0' ]]
    # the token was in no argument, and in no output
    [ -s /run/curl-calls ]
    ! grep -q s3cret /run/curl-calls || fail "$(cat /run/curl-calls)"
    [[ $output$stderr != *s3cret* ]]
    # it only reads: no slot is marked schedulable
    ! grep -qE -- '(^| )(-X|--request|-d|--data[a-z-]*|--json|-T|--upload-file)' /run/curl-calls || fail "$(cat /run/curl-calls)"
    # the node's own id, where none is given
    node_env GPUAAS_NODE_ID node-1
    parity --area api --api-base http://127.0.0.1:8080 --api-token-file /run/token
    check_is api_topology PASS
}

@test "api_topology: blockers, and a discovery that is not completed, are FAIL" {
    control_plane 200 '{"status": "completed", "candidate_summary": {"blockers": ["nat_missing", {"code": "x y"}]}}'
    asked --area api
    only_fails api_topology
    check_is api_topology FAIL 'blockers: nat_missing; *x y*'
    control_plane 200 '{"status": "running", "candidate_summary": {"blockers": []}}'
    asked --area api
    only_fails api_topology
    check_is api_topology FAIL "*'running', not completed"
}

@test "api_topology: what could not be asked is WARN: a refused token, another form, no list, no file, no token in it" {
    warned() {
        [ "$status" -eq 0 ] || fail "$output $stderr"
        check_is api_topology WARN "$1"
        [[ ${lines[-1]} == *' failures=0 warnings=1' ]]
        [[ $output$stderr != *s3cret* ]]
    }
    control_plane 200 '{"status": "completed", "candidate_summary": {"blockers": null}}'
    asked --area api
    warned 'the answer holds no topology evidence*'
    control_plane 200 '<html>completed</html>'
    asked --area api
    warned 'the answer holds no topology evidence*'
    control_plane 503 "$GOOD"
    asked --area api
    warned '*503*'
    printf 'other-token\n' >/run/token
    parity --area api --api-base http://127.0.0.1:8080 --api-token-file /run/token --node-id node-1
    warned '*401*'
    parity --area api --api-base http://127.0.0.1:8080 --api-token-file /run/no-such-file --node-id node-1
    warned 'the token file cannot be read'
    printf 's3cret "token\n' >/run/token
    parity --area api --api-base http://127.0.0.1:8080 --api-token-file /run/token --node-id node-1
    warned 'the token file does not hold*'
    parity --area api --api-base http://127.0.0.1:8080
    warned '*for want of --api-token-file --node-id'
}

# --- from another machine ---

ssh_up() {
    # a test takes it away
    echo 'hpcadmin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/hpcadmin
    [ ! -e /root/.ssh/id_ed25519 ] || return 0
    mkdir -p /root/.ssh
    ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
    useradd --create-home --shell /bin/bash hpcadmin
    install -d -o hpcadmin -m 700 /home/hpcadmin/.ssh
    install -m 600 /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
    install -m 600 -o hpcadmin /root/.ssh/id_ed25519.pub /home/hpcadmin/.ssh/authorized_keys
    ssh-keygen -A >/dev/null
    systemctl start ssh.service
    printf '127.0.0.1 %s\n' "$(cat /etc/ssh/ssh_host_ed25519_key.pub)" >/root/.ssh/known_hosts
}

@test "--host: runs itself over ssh, as root or with sudo; the token stays here; the verdict covers both" {
    ssh_up
    control_plane 200 "$GOOD"
    shadow ssh 'printf "%s\n" "$*" >>/run/ssh-calls'
    for user in root hpcadmin; do
        asked --host 127.0.0.1 --user "$user" --final
        [ "$status" -eq 0 ] || fail "$output $stderr"
        for check in $CHECKS api_topology; do check_is "$check" PASS; done
        check_is summary PASS "$user@127.0.0.1*"
        [[ ${lines[-1]} == *' skipped=0 failures=0 warnings=0' ]]
    done
    ! grep -q -e s3cret -e 8080 /run/ssh-calls || fail "$(cat /run/ssh-calls)"
    iptables -t nat -F
    parity --host 127.0.0.1 --user root --area guest --json
    [ "$status" -eq 1 ]
    [ "$(jq -r '.checks[] | select(.status == "FAIL") | .check' <<<"$output")" = nat ]
    [ "$(jq -r .summary.skipped <<<"$output")" = 1 ]
}

@test "--host: areas: the control plane is asked from here, and only where it was asked for" {
    ssh_up
    control_plane 200 "$GOOD"
    asked --host 127.0.0.1 --user root --area storage,api
    [ "$status" -eq 0 ] || fail "$output $stderr"
    check_is api_topology PASS
    check_is libvirt PASS
    [[ ${lines[-1]} == *' checks=5 skipped=0 failures=0 warnings=0' ]]
    asked --host 127.0.0.1 --user root --area storage
    [[ $output != *api_topology* ]]
    parity --area api --no-api
    [ "$status" -eq 2 ] && [ -z "$output" ]
}

@test "--host: no login, no sudo, an answer that is cut off: exit status 4 and no verdict" {
    ssh_up
    none() {
        [ "$status" -eq 4 ] || fail "exit status $status: $output $stderr"
        [[ $output != *check=summary* ]]
        [[ $stderr == *"$1"* ]] || fail "$stderr"
    }
    parity --host 127.0.0.1 --user nobody --area host
    none 'nobody@127.0.0.1 gave no complete answer'
    rm /etc/sudoers.d/hpcadmin
    parity --host 127.0.0.1 --user hpcadmin --area host
    none 'run sudo -n?'
    shadow ssh '"$real" "$@" | sed \$d; exit 0'
    parity --host 127.0.0.1 --user root --area host
    none 'gave no complete answer'
    shadow ssh '"$real" "$@" | sed 2d; exit 0'
    parity --host 127.0.0.1 --user root --area host
    none 'lines were lost'
}
