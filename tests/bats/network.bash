# shellcheck shell=bash
# What the tests of gpuaas-slice-network-baseline share: a host with an uplink and a DPU, and ways to take its network away.
# shellcheck disable=SC2034,SC2154

# by its path: it is not looked for at each run
SCRIPT=profiles/slice-vm/root/usr/local/sbin/gpuaas-slice-network-baseline
INSTALLED=/usr/local/sbin/gpuaas-slice-network-baseline
UNIT=/etc/systemd/system/gpuaas-slice-network-baseline.service
CHAIN=GPUAAS-SLICE-ISOLATION
RULE='-A POSTROUTING -s 10.100.0.0/24 -j MASQUERADE'
TIMER_DROP_IN=/etc/systemd/system/gpuaas-slice-network-repair.timer.d/lab.conf

# install_files: what cloud-init would write, before the package dnsmasq is there.
install_files() {
    cp -R "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root/." /
    chmod 755 "$INSTALLED"
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
}

# install_script: the script alone, where another one is installed.
install_script() {
    local delivered=$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root$INSTALLED
    cmp -s "$delivered" "$INSTALLED" || install -m 755 "$delivered" "$INSTALLED"
}

# network_host: a host that cloud-init has prepared, with an uplink and a DPU.
network_host() {
    # the container has run this file before, for another shell
    if [ -e /sys/class/net/uplink0 ]; then
        install_script
        return 0
    fi
    install_files
    # systemd hears of it below, once
    SYSTEMD_OFFLINE=1 DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends dnsmasq >/var/log/apt-dnsmasq 2>&1
    # the world behind the uplink; it has no route back to the guests' network
    ip netns add world
    ip link add uplink0 type veth peer name router0 netns world
    ip -n world link set lo up
    ip -n world address add 198.51.100.1/24 dev router0
    ip -n world link set router0 up
    ip address add 198.51.100.11/24 dev uplink0
    ip link set uplink0 up
    ip route add default via 198.51.100.1 dev uplink0
    ip netns add dpu
    ip link add tmfifo_net0 type veth peer name dpu0 netns dpu
    ip -n dpu address add 192.168.100.2/30 dev dpu0
    ip -n dpu link set dpu0 up
    # the real timer has a test of its own; in all others it must not mend what is broken on purpose
    mkdir -p "${TIMER_DROP_IN%/*}"
    printf '[Timer]\nOnActiveSec=\nOnUnitInactiveSec=\nOnActiveSec=1d\n' >"$TIMER_DROP_IN"
    systemctl enable --quiet --no-reload gpuaas-slice-network-baseline.service gpuaas-slice-network-repair.timer
    systemctl daemon-reload
    installed >/run/installed
}

# nothing: takes everything away that the script makes.
nothing() {
    systemctl stop gpuaas-slice-network-baseline.service dnsmasq.service
    ovs-vsctl --if-exists del-br ovsbr0
    iptables -w -t nat -F POSTROUTING
    for command in iptables ip6tables; do
        "$command" -w -F INPUT
        "$command" -w -F FORWARD
        "$command" -w -F "$CHAIN"
        "$command" -w -X "$CHAIN"
    done
    echo 0 >/proc/sys/net/ipv4/ip_forward
    ip address flush dev tmfifo_net0
    ip link set tmfifo_net0 down
    systemctl disable --quiet --no-reload --now gpuaas-slice-network-baseline.service gpuaas-slice-network-repair.timer
}

# historical: a network baseline that somebody made by hand.
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
    systemctl enable --quiet --no-reload gpuaas-slice-host-net-baseline.service
    systemctl daemon-reload
    systemctl start gpuaas-slice-host-net-baseline.service
}

# installed: what the unit files and the delivered files are, as text.
installed() {
    ls -l --time-style=full-iso /etc/systemd/system /run/systemd/system/*.timer 2>/dev/null || true
    [ -e /run/wanted ] ||
        (cd "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root" && find . -type f -exec sha256sum {} +) >/run/wanted
    (cd / && sha256sum --check --quiet /run/wanted 2>/dev/null) || echo 'not as delivered'
    stat -c '%a %u' /etc/gpuaas/node.env
    sha256sum /etc/gpuaas/node.env
}

# network_right: a host on which all is right, as each test finds it; what the one before has made wrong is put right.
network_right() {
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

# network_clean: takes away what a test has added.
network_clean() {
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

# with_setting NAME VALUE: the script as it is rendered for another value of a setting.
with_setting() {
    local path
    path=$(GPUAAS_GENERATED=/gpuaas/generated script_path "$SCRIPT")
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
    mkdir -p "$GPUAAS_GENERATED/$GPUAAS_SITE/${SCRIPT%/*}"
    grep -q "^readonly $1=" "$path"
    sed "s#^readonly $1=.*#readonly $1='$2'#" "$path" >"$GPUAAS_GENERATED/$GPUAAS_SITE/$SCRIPT"
}

# stop_servers: ends what serve has started.
stop_servers() {
    local pid
    [ -e /run/servers ] || return 0
    while read -r pid; do kill "$pid" 2>/dev/null || true; done </run/servers
    rm -f /run/servers
}
