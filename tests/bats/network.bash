# shellcheck shell=bash
# What the tests of gpuaas-slice-network-baseline share: a host with an uplink and a DPU, and ways to take its network away.
# shellcheck disable=SC2034,SC2154

SCRIPT=gpuaas-slice-network-baseline
INSTALLED=/usr/local/sbin/gpuaas-slice-network-baseline
UNIT=/etc/systemd/system/gpuaas-slice-network-baseline.service
CHAIN=GPUAAS-SLICE-ISOLATION
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
    DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends dnsmasq >/var/log/apt-dnsmasq 2>&1
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
    systemctl daemon-reload
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
    systemctl disable --now gpuaas-slice-network-baseline.service gpuaas-slice-network-repair.timer 2>/dev/null
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
    systemctl daemon-reload
    systemctl enable --now gpuaas-slice-host-net-baseline.service 2>/dev/null
}
