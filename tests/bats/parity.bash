# shellcheck shell=bash
# What the tests of gpuaas-slice-parity-check share: a slice host on which everything is right, and ways to break it.
# Real: systemd, Open vSwitch, iptables, dnsmasq, netplan, packets. Stand-ins: hardware, libvirt.
# shellcheck disable=SC2034,SC2154

SCRIPT=profiles/slice-vm/root/usr/local/sbin/gpuaas-slice-parity-check
CHECKS='profile_tag node_agent node_agent_version gpu_services kvm_module kvm iommu_arguments iommu vfio_module vfio
    ipoib_netplan fabric_address fabric_route rdma fabric_vfs fabric_vf_map ovs ovs_bridge bridge_address ip_forward uplink nat
    dnsmasq_config dnsmasq isolation_rules test_port dhcp_offer egress tenant_isolation test_port_removed tmfifo tmfifo_peer
    network_service network_repair historical_network_service libvirt libvirt_folder slot_disks hugepages image_cache'
NODE=$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root
PROFILE=$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root
UNITS=/etc/systemd/system
MAP=/var/lib/gpuaas/fabric-vfs.json

# unit NAME TYPE REMAIN COMMAND: a service that is enabled. systemd reads one that it has not loaded from its file: without a reload.
unit() {
    # tests start a unit again more often than systemd lets services that crash
    printf '[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=%s\nRemainAfterExit=%s\nExecStart=%s\n[Install]\nWantedBy=multi-user.target\n' \
        "$2" "$3" "$4" >"$UNITS/$1"
    ln -sf "$UNITS/$1" "$UNITS/multi-user.target.wants/$1"
}

# parity_host: what a deployment leaves, but for the network: the profile's files, node agent, masks, folders, and both interfaces
# that the fabric's checks are about.
parity_host() {
    cp -R "$PROFILE/." /
    install -m 755 /bin/sleep /usr/local/bin/gpuaas-node-agent
    unit gpuaas-node-agent.service exec no '/usr/local/bin/gpuaas-node-agent infinity'
    ln -sf /dev/null "$UNITS/nvidia-persistenced.service"
    ln -sf /dev/null "$UNITS/nvidia-fabricmanager.service"
    systemctl start gpuaas-node-agent.service
    mkdir -p /var/lib/libvirt/images /var/lib/gpuaas
    chmod 755 /var/lib/libvirt
    printf 'QFI\373image\n' >/var/lib/libvirt/images/noble-server-cloudimg-amd64.img
    # another shell may have run this file before
    [ ! -e /sys/class/net/uplink0 ] || return 0
    # the router: it answers for the internet, and knows no way back to the guests' network
    ip netns add router
    ip -batch - <<'LINKS'
link add uplink0 type veth peer name router0 netns router
address add 198.51.100.11/24 dev uplink0
link set uplink0 up
link add ibp15s0 type veth peer name fabric0
link set fabric0 up
link set ibp15s0 up
LINKS
    ip -n router -batch - <<'LINKS'
link set lo up
address add 192.0.2.9/32 dev lo
address add 198.51.100.1/24 dev router0
link set router0 up
LINKS
}

# parity_network: the rest: the DPU's end of its interface, switch, DHCP, the units of the network.
parity_network() {
    [ -e /usr/lib/systemd/system/dnsmasq.service ] || dnsmasq_package
    ln -sf /bin/true /run/baseline
    unit gpuaas-slice-network-baseline.service oneshot yes /run/baseline
    # a timer that does not come due here: what it would run is tested elsewhere
    printf '[Timer]\nOnCalendar=2090-01-01\n[Install]\nWantedBy=timers.target\n' >"$UNITS/gpuaas-slice-network-repair.timer"
    mkdir -p "$UNITS/timers.target.wants"
    ln -sf "$UNITS/gpuaas-slice-network-repair.timer" "$UNITS/timers.target.wants/"
    systemctl start gpuaas-slice-network-baseline.service gpuaas-slice-network-repair.timer
    [ ! -e /run/netns/dpu ] || return 0
    ip netns add dpu
    ip link add tmfifo_net0 type veth peer name dpu0 netns dpu
    ip -n dpu address add 192.168.100.2/30 dev dpu0
    ip -n dpu link set dpu0 up
    ip link set tmfifo_net0 up
}

# dnsmasq_package: the files of the package and of what it needs, without dpkg's records and scripts, which take a second.
dnsmasq_package() {
    local file
    # an address has %2b for a plus
    for file in $(apt-get --print-uris -y -q install --no-install-recommends dnsmasq | sed -n "s/^'file:\([^']*\)'.*/\1/p"); do
        dpkg-deb --fsys-tarfile "$(printf '%b' "${file//%/\\x}")" | tar -x --keep-directory-symlink -C /
    done
    id dnsmasq >/dev/null 2>&1 || useradd --system --no-create-home dnsmasq
    mkdir -p /var/lib/misc
}

# parity_files: the files that tests break, as they must be, below /run/right.
parity_files() {
    install -D -m 600 "$NODE/etc/gpuaas/node.env" /run/right/etc/gpuaas/node.env
    install -D -m 600 "$NODE/etc/netplan/60-ipoib.yaml" /run/right/etc/netplan/60-ipoib.yaml
    install -D -m 644 "$PROFILE/etc/dnsmasq.d/gpuaas-slice.conf" /run/right/etc/dnsmasq.d/gpuaas-slice.conf
    mkdir -p "/run/right${MAP%/*}"
    printf '"%s"\n' 0000:bc:00.3 0000:bc:00.4 0000:bc:00.5 0000:bc:00.6 0000:bc:00.7 0000:bc:01.0 0000:bc:01.1 0000:bc:01.2 >"/run/right$MAP"
}

# right_host: what tests break on the host, as it must be.
right_host() {
    [ -d /run/right ] || parity_files
    rm -f "${SHADOWED[@]}"
    [ ! -e /dev/kvm.away ] || mv /dev/kvm.away /dev/kvm
    cp -a /run/right/. /
    ip -batch - <<'ADDRESSES'
address replace 10.178.0.11/16 dev ibp15s0
route replace default via 198.51.100.1 dev uplink0
ADDRESSES
}

# right_network: the same of the host and its network.
right_network() {
    if [ ! -e /sys/class/net/ovsbr0 ]; then
        ovs-vsctl add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev
        ip link set ovsbr0 up
    fi
    right_host
    ip -batch - <<'ADDRESSES'
address flush dev ovsbr0
address replace 10.100.0.1/24 dev ovsbr0
address replace 192.168.100.1/30 dev tmfifo_net0
ADDRESSES
    echo 1 >/proc/sys/net/ipv4/ip_forward
    isolation
}

isolation() {
    iptables-restore <<'RULES'
*nat
-A POSTROUTING -s 10.100.0.0/24 -j MASQUERADE
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:GPUAAS-SLICE-ISOLATION -
-A INPUT -i ovsbr0 -j GPUAAS-SLICE-ISOLATION
-A FORWARD -i ovsbr0 -j GPUAAS-SLICE-ISOLATION
-A GPUAAS-SLICE-ISOLATION -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A GPUAAS-SLICE-ISOLATION -p udp --dport 67 -j ACCEPT
-A GPUAAS-SLICE-ISOLATION -m addrtype --dst-type LOCAL -j REJECT
-A GPUAAS-SLICE-ISOLATION -d 192.168.0.0/16 -j REJECT
-A GPUAAS-SLICE-ISOLATION -j ACCEPT
COMMIT
RULES
}

SHADOWED=(/usr/local/bin/{ovs-vsctl,ip,curl,ssh,iptables,ping,flock,systemctl})

# shadow COMMAND CODE: puts shell code before the real command ($real), as a fault would act.
shadow() {
    local real
    real=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v "$1")
    printf '#!/bin/sh\nreal=%s\n%s\nexec "$real" "$@"\n' "$real" "$2" >"/usr/local/bin/$1"
    chmod 755 "/usr/local/bin/$1"
}

parity() {
    run_script "$SCRIPT" "$@"
}

# check_is CHECK STATUS [DETAIL]: like assert_evidence, without a process for each word
check_is() {
    local line found= detail
    for line in "${lines[@]}"; do
        [[ $line != "GPUAAS_SLICE_PARITY status="*" check=$1 "* ]] || found=$found$line$'\n'
    done
    [[ $found == *$'\n' && $found != *$'\n'*$'\n' ]] || fail "check $1: not one line in: $output"
    [[ $found == "GPUAAS_SLICE_PARITY status=$2 check=$1 "* ]] || fail "check $1: $2 was expected: $found"
    case $2 in
        FAIL | WARN) [[ $1 == summary || $found == *' remediation='?* ]] || fail "no remediation: $found" ;;
    esac
    [ -n "${3:-}" ] || return 0
    detail=${found#* detail=}
    detail=${detail%%' remediation='*}
    detail=${detail%$'\n'}
    detail=${detail//\\/}
    [[ $detail == $3 ]] || fail "check $1: detail '$detail' does not fit '$3'"
}

# only_fails CHECK...: nothing else is FAIL, each of these is, and the verdict says so.
only_fails() {
    local line
    [ "$status" -eq 1 ] || fail "exit status $status: $output $stderr"
    for line in "${lines[@]}"; do
        [[ $line == *' status=FAIL check='* && $line != *' check=summary '* ]] || continue
        line=${line#* check=}
        [[ " $* " == *" ${line%% *} "* ]] || fail "not only $* is FAIL: $output"
    done
    for line; do check_is "$line" FAIL; done
    check_is summary FAIL
    [[ ${lines[-1]} == *" failures=$# warnings="* ]] || fail "${lines[-1]}"
}

# area_of CHECK: which area judges it
area_of() {
    case $1 in
        ipoib* | fabric* | rdma) echo fabric ;;
        ovs* | bridge* | ip_forward | uplink | nat | dnsmasq* | isolation_rules | tmfifo* | *network_service | network_repair) echo network ;;
        libvirt* | slot_disks | image_cache) echo storage ;;
        *) echo host ;;
    esac
}

# quick CHECK: the check's area only
quick() {
    parity --area "$(area_of "$1")"
}

# quick_fails CHECK...: the area of the first, and nothing but these is FAIL
quick_fails() {
    quick "$1"
    only_fails "$@"
}

node_env() {
    sed -i "s|^$1=.*|$1='$2'|" /etc/gpuaas/node.env
}

# with_setting NAME VALUE: the script as it is rendered for another value of a setting.
with_setting() {
    local path
    path=$(GPUAAS_GENERATED=/gpuaas/generated script_path "$SCRIPT")
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
    mkdir -p "$GPUAAS_GENERATED/$GPUAAS_SITE/${SCRIPT%/*}"
    grep -q "^readonly $1=" "$path"
    sed "s|^readonly $1=.*|readonly $1='$2'|" "$path" >"$GPUAAS_GENERATED/$GPUAAS_SITE/$SCRIPT"
}
