# gpuaas-slice-network-baseline with real parts: Open vSwitch (userspace datapath), iptables, dnsmasq, systemd. dnsmasq, the services,
# repair, and the historical service: each check with exactly its thing broken.
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
    systemctl disable --quiet --no-reload gpuaas-slice-network-baseline.service
    shadow systemctl 'case "$*" in enable\ *) exit 0 ;; esac'
    baseline
    only_fails service
    # another unit that cannot be enabled does not keep this one from it
    shadow systemctl 'case "$*" in "enable gpuaas-slice-network-baseline.service gpuaas-slice-network-repair.timer") exit 1 ;; esac'
    baseline
    [ "$status" -eq 0 ] || fail "$output $stderr"
    assert_evidence service PASS
    rm /usr/local/bin/systemctl "$UNIT"
    baseline
    only_warns service
}

@test "repair: no timer is WARN, one that cannot be enabled or does not run is FAIL" {
    systemctl disable --quiet --no-reload --now gpuaas-slice-network-repair.timer
    shadow systemctl 'case "$*" in enable\ *) exit 0 ;; esac'
    baseline
    only_fails repair
    rm /usr/local/bin/systemctl
    systemctl stop gpuaas-slice-network-repair.timer
    systemctl enable --quiet --no-reload gpuaas-slice-network-repair.timer
    shadow systemctl 'case "$*" in "start gpuaas-slice-network-repair.timer") exit 0 ;; esac'
    baseline
    only_fails repair
    assert_evidence repair FAIL '*enabled, but inactive'
    rm /usr/local/bin/systemctl /etc/systemd/system/gpuaas-slice-network-repair.timer
    baseline
    only_warns repair
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
    systemctl enable --quiet --no-reload gpuaas-slice-network-baseline.service dnsmasq.service
    # both start jobs in one transaction, as at boot
    timeout 90 systemctl start gpuaas-slice-network-baseline.service dnsmasq.service
    [ "$(systemctl is-active gpuaas-slice-network-baseline.service)" = active ]
    [ "$(systemctl is-active dnsmasq.service)" = active ]
    ! journalctl --no-pager -b -o cat | grep -i 'ordering cycle'
    ! systemd-analyze verify default.target 2>&1 | grep -i 'ordering cycle'
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
