# gpuaas-slice-parity-check on a slice host where everything is right: every check is seen PASS, then with exactly its thing
# broken. Real: systemd, Open vSwitch, iptables, dnsmasq, netplan, packets. Stand-ins: hardware, libvirt.
# host: j22u15-known-good
# script: gpuaas-slice-parity-check

load helpers

SCRIPT=profiles/slice-vm/root/usr/local/sbin/gpuaas-slice-parity-check
CHECKS='profile_tag node_agent node_agent_version gpu_services kvm_module kvm iommu_arguments iommu vfio_module vfio
    ipoib_netplan fabric_address fabric_route rdma fabric_vfs fabric_vf_map ovs ovs_bridge bridge_address ip_forward uplink nat
    dnsmasq_config dnsmasq isolation_rules test_port dhcp_offer egress tenant_isolation test_port_removed tmfifo tmfifo_peer
    network_service network_repair historical_network_service libvirt libvirt_folder slot_disks hugepages image_cache'
GPU=/sys/bus/pci/devices/0000:1b:00.0
PORT=/sys/bus/pci/devices/0000:bc:00.0
MAP=/var/lib/gpuaas/fabric-vfs.json

unit() {
    # tests start a unit again more often than systemd lets services that crash
    printf '[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=%s\nRemainAfterExit=%s\nExecStart=%s\n[Install]\nWantedBy=multi-user.target\n' \
        "$2" "$3" "$4" >"/etc/systemd/system/$1"
}

# what a deployment leaves: files, services, bridge, rules
setup_file() {
    cp -R "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root/." /
    DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends dnsmasq >/var/log/apt-dnsmasq 2>&1
    install -m 755 /bin/sleep /usr/local/bin/gpuaas-node-agent
    unit gpuaas-node-agent.service exec no '/usr/local/bin/gpuaas-node-agent infinity'
    unit gpuaas-slice-network-baseline.service oneshot yes /bin/true
    # another shell may have run this file before
    [ -e /run/netns/router ] || network
    # a timer that does not come due here: what it would run is tested elsewhere
    printf '[Timer]\nOnCalendar=2090-01-01\n[Install]\nWantedBy=timers.target\n' >/etc/systemd/system/gpuaas-slice-network-repair.timer
    systemctl daemon-reload
    systemctl mask --quiet nvidia-persistenced.service nvidia-fabricmanager.service
    systemctl enable --quiet --now gpuaas-node-agent.service gpuaas-slice-network-baseline.service gpuaas-slice-network-repair.timer
    systemctl restart gpuaas-node-agent.service
    mkdir -p /var/lib/libvirt/images /var/lib/gpuaas
    chmod 755 /var/lib/libvirt
    printf 'QFI\373image\n' >/var/lib/libvirt/images/noble-server-cloudimg-amd64.img
    right
    dnsmasq_up
}

network() {
    # the router: it answers for the internet, and knows no way back to the guests' network
    ip netns add router
    ip link add uplink0 type veth peer name router0 netns router
    ip -n router link set lo up
    ip -n router address add 192.0.2.9/32 dev lo
    ip -n router address add 198.51.100.1/24 dev router0
    ip -n router link set router0 up
    ip address add 198.51.100.11/24 dev uplink0
    ip link set uplink0 up
    ip netns add dpu
    ip link add tmfifo_net0 type veth peer name dpu0 netns dpu
    ip -n dpu address add 192.168.100.2/30 dev dpu0
    ip -n dpu link set dpu0 up
    ip link set tmfifo_net0 up
    ip netns add fabric
    ip link add ibp15s0 type veth peer name fabric0 netns fabric
    ip -n fabric link set fabric0 up
    ip link set ibp15s0 up
}

# a dnsmasq that has just started looks for three seconds whether an address is free before it offers it
dnsmasq_up() {
    systemctl reset-failed dnsmasq.service
    systemctl restart dnsmasq.service
}

shadowed='ovs-vsctl ip curl ssh iptables ping flock'

# shadow COMMAND CODE: puts shell code before the real command ($real), as a fault would act.
shadow() {
    local real
    real=$(PATH=/usr/sbin:/usr/bin:/sbin:/bin command -v "$1")
    printf '#!/bin/sh\nreal=%s\n%s\nexec "$real" "$@"\n' "$real" "$2" >"/usr/local/bin/$1"
    chmod 755 "/usr/local/bin/$1"
}

# right: everything that tests break, as it must be
right() {
    host_reset
    for name in $shadowed; do rm -f "/usr/local/bin/$name"; done
    [ ! -e /dev/kvm.away ] || mv /dev/kvm.away /dev/kvm
    if [ ! -e /sys/class/net/ovsbr0 ]; then
        ovs-vsctl add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev
        ip link set ovsbr0 up
    fi
    ip address flush dev ovsbr0
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
    install -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/netplan/60-ipoib.yaml" /etc/netplan/60-ipoib.yaml
    ip address replace 10.100.0.1/24 dev ovsbr0
    ip address replace 192.168.100.1/30 dev tmfifo_net0
    ip address replace 10.178.0.11/16 dev ibp15s0
    ip route replace default via 198.51.100.1 dev uplink0
    echo 1 >/proc/sys/net/ipv4/ip_forward
    isolation
    printf '"%s"\n' 0000:bc:00.3 0000:bc:00.4 0000:bc:00.5 0000:bc:00.6 0000:bc:00.7 0000:bc:01.0 0000:bc:01.1 0000:bc:01.2 >$MAP
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

setup() {
    right
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

# only_fails CHECK: nothing else is FAIL, and the verdict says so.
only_fails() {
    local line name= count=0
    [ "$status" -eq 1 ] || fail "exit status $status: $output $stderr"
    for line in "${lines[@]}"; do
        [[ $line == *' status=FAIL check='* && $line != *' check=summary '* ]] || continue
        count=$((count + 1)) name=${line#* check=}
    done
    [ "$count ${name%% *}" = "1 $1" ] || fail "not only $1 is FAIL: $output"
    check_is "$1" FAIL
    check_is summary FAIL
    [[ ${lines[-1]} == *' failures=1 warnings='* ]] || fail "${lines[-1]}"
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

# quick CHECK...: the check's area only: a whole run takes a second
quick() {
    parity --area "$(area_of "$1")"
}

# quick_fails CHECK: the same, and nothing but CHECK is FAIL
quick_fails() {
    quick "$1"
    only_fails "$1"
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

# switch: what the switch and the kernel hold of test ports
switch() {
    ovs-vsctl list-ports ovsbr0
    ip netns list | grep parity || true
    ls /sys/class/net | grep parity || true
    cat /var/lib/misc/dnsmasq.leases
}

@test "a known good host: every check PASS, api_topology WARN; no lease is taken, nothing is left of the test port" {
    before=$(switch)
    parity
    [ "$status" -eq 0 ] || fail "$output $stderr"
    for check in $CHECKS; do check_is "$check" PASS; done
    check_is api_topology WARN 'not asked*'
    check_is tenant_isolation PASS 'a guest gets no answer from 198.51.100.11; *; 192.168.100.2'
    [ "$(evidence_field summary status)" = WARN ]
    [[ $(tail -n 1 <<<"$output") == *' failures=0 warnings=1' ]]
    [ "$(switch)" = "$before" ] || fail "$(switch)"
    # the same, seen with other eyes: it was a DISCOVER, and nothing else
    journalctl --sync
    said=$(journalctl --no-pager -o cat -u dnsmasq.service)
    [[ $said == *'DHCPDISCOVER(ovsbr0) 0a:67:70:75:00:01'* ]]
    [[ $said != *DHCPREQUEST* ]]
}

@test "it changes nothing: the rules, addresses, units and files are as before" {
    state() {
        iptables-save | grep -v '^[#:]'
        ip -o address show | sed 's/valid_lft.*//'
        ip route
        systemctl list-units --no-legend --plain --type service | grep -e gpuaas -e dnsmasq
        find /etc /var/lib/gpuaas -newer /run/before -type f
    }
    touch /run/before
    before=$(state)
    parity
    [ "$(state)" = "$before" ] || fail "$(diff <(echo "$before") <(state))"
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

# --- host ---

@test "profile_tag: another profile is FAIL" {
    node_env GPUAAS_PROFILE baremetal
    quick_fails profile_tag
}

@test "node_agent: stopped, replaced under way, and another program are FAIL" {
    systemctl stop gpuaas-node-agent.service
    quick_fails node_agent
    check_is node_agent FAIL '*is inactive'
    check_is node_agent_version SKIP 'stands on node_agent, which is FAIL'
    systemctl start gpuaas-node-agent.service
    install -m 755 /bin/sleep /usr/local/bin/gpuaas-node-agent.new
    mv /usr/local/bin/gpuaas-node-agent.new /usr/local/bin/gpuaas-node-agent
    quick_fails node_agent
    check_is node_agent FAIL '*replaced*'
    unit gpuaas-node-agent.service exec no '/bin/sleep infinity'
    systemctl daemon-reload
    systemctl restart gpuaas-node-agent.service
    quick_fails node_agent
    check_is node_agent FAIL '*runs /usr/bin/sleep*'
    unit gpuaas-node-agent.service oneshot yes /bin/true
    systemctl daemon-reload
    systemctl reset-failed gpuaas-node-agent.service
    systemctl restart gpuaas-node-agent.service
    quick_fails node_agent
    check_is node_agent FAIL 'gpuaas-node-agent.service is active'
    unit gpuaas-node-agent.service exec no '/usr/local/bin/gpuaas-node-agent infinity'
    systemctl daemon-reload
    systemctl restart gpuaas-node-agent.service
}

@test "node_agent_version: the wanted one is PASS, another and none at all are FAIL" {
    version=$(sleep --version | sed -n '1s/.* //p')
    node_env GPUAAS_NODE_AGENT_VERSION "$version"
    quick node_agent_version
    check_is node_agent_version PASS "*$version"
    node_env GPUAAS_NODE_AGENT_VERSION "${version}1"
    quick_fails node_agent_version
    # an agent that is a script, and says nothing of itself
    printf '#!/bin/sh\n[ "$1" != --version ] || exit 3\nwhile :; do sleep 9; done\n' >/usr/local/bin/agent.new
    chmod 755 /usr/local/bin/agent.new
    mv /usr/local/bin/agent.new /usr/local/bin/gpuaas-node-agent
    systemctl restart gpuaas-node-agent.service
    quick_fails node_agent_version
    check_is node_agent_version FAIL '*reports no version: nothing'
    check_is node_agent PASS
    sed -i 's/exit 3/exit 0/' /usr/local/bin/gpuaas-node-agent
    quick_fails node_agent_version
    check_is node_agent_version FAIL '*reports no version: nothing'
    install -m 755 /bin/sleep /usr/local/bin/gpuaas-node-agent
    systemctl restart gpuaas-node-agent.service
}

@test "gpu_services: one that runs, and one that would come back, are FAIL; shared NVSwitches need fabricmanager" {
    unit nvidia-dcgm.service oneshot yes /bin/true
    systemctl daemon-reload
    quick_fails gpu_services
    check_is gpu_services FAIL 'nvidia-dcgm.service is inactive and loaded'
    systemctl start nvidia-dcgm.service
    quick_fails gpu_services
    systemctl stop nvidia-dcgm.service
    rm /etc/systemd/system/nvidia-dcgm.service
    systemctl daemon-reload
    node_env GPUAAS_NVSWITCH_MODE shared-nvswitch
    quick_fails gpu_services
    check_is gpu_services FAIL 'nvidia-fabricmanager.service is inactive, the partitions need it'
    rm /etc/systemd/system/nvidia-fabricmanager.service
    unit nvidia-fabricmanager.service oneshot yes /bin/true
    systemctl daemon-reload
    systemctl start nvidia-fabricmanager.service
    quick gpu_services
    check_is gpu_services PASS
    systemctl stop nvidia-fabricmanager.service
    rm /etc/systemd/system/nvidia-fabricmanager.service
    systemctl mask --quiet nvidia-fabricmanager.service
}

@test "kvm_module, kvm: a missing module, a missing device, and a plain file in its place are FAIL" {
    mv /dev/kvm /dev/kvm.away
    quick_fails kvm
    : >/dev/kvm
    quick_fails kvm
    rm /dev/kvm
    mv /dev/kvm.away /dev/kvm
    rm -r /sys/module/kvm_intel
    quick_fails kvm_module
    check_is kvm SKIP 'stands on kvm_module, which is FAIL'
}

@test "iommu_arguments, iommu: each argument is needed, AMD needs one only, no groups is FAIL" {
    line=$(cat /proc/cmdline)
    printf '%s\n' "${line/intel_iommu=on /}" >/proc/cmdline
    quick_fails iommu_arguments
    check_is iommu_arguments FAIL '*lacks intel_iommu=on'
    check_is iommu SKIP
    check_is vfio SKIP 'stands on iommu, which is SKIP'
    printf '%s\n' "${line/iommu=pt/iommu=soft}" >/proc/cmdline
    quick_fails iommu_arguments
    check_is iommu_arguments FAIL '*lacks iommu=pt'
    printf '%s\n' "${line/intel_iommu=on /}" >/proc/cmdline
    sed -i 's/GenuineIntel/AuthenticAMD/' /proc/cpuinfo || { sed 's/GenuineIntel/AuthenticAMD/' /proc/cpuinfo >/run/cpuinfo; cat /run/cpuinfo >/proc/cpuinfo; }
    mkdir /sys/module/kvm_amd
    quick iommu_arguments
    check_is iommu_arguments PASS
    host_reset
    rm -r /sys/kernel/iommu_groups/*
    quick_fails iommu
}

@test "vfio_module, vfio: no driver, one device with another or none, a device that is gone, no approved slot" {
    ln -sfn ../../../bus/pci/drivers/nvidia "$GPU/driver"
    quick_fails vfio
    check_is vfio FAIL 'not bound to vfio-pci: 0000:1b:00.0: nvidia'
    rm "$GPU/driver"
    quick_fails vfio
    check_is vfio FAIL '*0000:1b:00.0: none'
    host_reset
    rm /sys/bus/pci/devices/0000:ca:00.0
    quick_fails vfio
    check_is vfio FAIL '*0000:ca:00.0: missing'
    rm -r /sys/bus/pci/drivers/vfio-pci
    quick_fails vfio_module
    check_is vfio SKIP
    host_reset
    sed -i "/^GPUAAS_SLOT_DEVICES=/,/'\$/d" /etc/gpuaas/node.env
    sed -i "1i GPUAAS_SLOT_DEVICES=''" /etc/gpuaas/node.env
    quick_fails vfio
    check_is vfio FAIL 'no slot*'
}

@test "hugepages: fewer than asked for is FAIL; none asked for is SKIP" {
    echo 511 >/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages
    quick_fails hugepages
    with_setting HUGEPAGE_COUNT ''
    quick hugepages
    check_is hugepages SKIP
    with_setting HUGEPAGE_SIZE 2M
    quick_fails hugepages
}

# --- fabric ---

@test "ipoib_netplan: missing, readable, another address, no YAML are FAIL" {
    rm /etc/netplan/60-ipoib.yaml
    quick_fails ipoib_netplan
    [[ $(evidence_field ipoib_netplan remediation) == *'/etc/netplan/60-ipoib.yaml'* ]]
    right
    chmod 644 /etc/netplan/60-ipoib.yaml
    quick_fails ipoib_netplan
    chmod 600 /etc/netplan/60-ipoib.yaml
    sed -i 's/10.178.0.11/10.178.0.12/' /etc/netplan/60-ipoib.yaml
    quick_fails ipoib_netplan
    printf 'network: [\n' >/etc/netplan/60-ipoib.yaml
    quick_fails ipoib_netplan
}

@test "fabric_address, fabric_route: no address, down, no interface, another way" {
    ip address delete 10.178.0.11/16 dev ibp15s0
    quick_fails fabric_address
    check_is fabric_address FAIL 'ibp15s0 is down, or has not 10.178.0.11/16'
    check_is fabric_route SKIP 'stands on fabric_address, which is FAIL'
    right
    ip link set ibp15s0 down
    quick_fails fabric_address
    ip link set ibp15s0 name away0
    quick_fails fabric_address
    check_is fabric_address FAIL 'no interface ibp15s0'
    ip link set away0 name ibp15s0
    ip link set ibp15s0 up
    right
    ip route add 10.178.0.1/32 via 198.51.100.1 dev uplink0
    quick_fails fabric_route
    ip route delete 10.178.0.1/32
}

@test "fabric: what the configuration leaves out is SKIP" {
    node_env GPUAAS_FABRIC_INTERFACE ''
    node_env GPUAAS_BF3_VFS ''
    with_setting FABRIC_NETWORK ''
    parity --area fabric
    for check in ipoib_netplan fabric_address fabric_route fabric_vfs fabric_vf_map; do check_is "$check" SKIP; done
    [[ ${lines[-1]} == *' failures=0 warnings='* ]]
}

@test "rdma: a port that is down, and none at all, are FAIL" {
    echo '2: INIT' >/sys/class/infiniband/mlx5_10/ports/1/state
    quick_fails rdma
    check_is rdma FAIL '*mlx5_10/ports/1 is 2: INIT'
    rm -r /sys/class/infiniband/mlx5_10
    quick_fails rdma
}

@test "fabric_vfs, fabric_vf_map: a missing function, one that leads nowhere, one that is not in the map, no map" {
    rm "$PORT/virtfn3"
    quick_fails fabric_vfs
    check_is fabric_vfs FAIL '0000:bc:00.0 has 3 of 4*'
    check_is fabric_vf_map SKIP
    ln -s ../0000:bc:99.9 "$PORT/virtfn3"
    quick_fails fabric_vfs
    host_reset
    sed -i /0000:bc:01.1/d "$MAP"
    quick_fails fabric_vf_map
    check_is fabric_vf_map FAIL '*does not name 0000:bc:01.1'
    rm "$MAP"
    quick_fails fabric_vf_map
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
    shadow ovs-vsctl 'case "$*" in *br-exists*) exit 0 ;; esac'
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
    right
    ip address add 10.9.9.1/24 dev ovsbr0
    quick_fails bridge_address
    right
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
    cp "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root/etc/dnsmasq.d/gpuaas-slice.conf" /etc/dnsmasq.d/
    sed -i /^dhcp-range/d /etc/dnsmasq.d/gpuaas-slice.conf
    quick_fails dnsmasq_config
    cp "$GPUAAS_GENERATED/$GPUAAS_SITE/profiles/slice-vm/root/etc/dnsmasq.d/gpuaas-slice.conf" /etc/dnsmasq.d/
    echo no-such-option >/etc/dnsmasq.d/broken.conf
    quick dnsmasq_config
    rm /etc/dnsmasq.d/broken.conf
    only_fails dnsmasq_config
    check_is dnsmasq_config FAIL '*broken.conf*'
}

@test "dnsmasq: stopped is FAIL, the offer stands on it" {
    systemctl stop dnsmasq.service
    parity --area guest
    dnsmasq_up
    only_fails dnsmasq
    check_is dhcp_offer SKIP 'stands on dnsmasq, which is FAIL'
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
    right
    ip link set tmfifo_net0 down
    quick_fails tmfifo
    node_env GPUAAS_BF3_MODE nic
    quick tmfifo
    ip link set tmfifo_net0 up
    check_is tmfifo SKIP '*NIC mode*'
    check_is tmfifo_peer SKIP
    [[ ${lines[-1]} == *' failures=0 warnings='* ]]
    right
    with_setting TMFIFO_PEER ''
    quick tmfifo
    check_is tmfifo_peer SKIP '*not set'
    with_setting TMFIFO_ADDRESS ''
    quick tmfifo
    check_is tmfifo SKIP '*not set'
}

@test "network_service: not enabled, not started, failed, not there are FAIL" {
    name=gpuaas-slice-network-baseline.service
    systemctl disable --quiet "$name"
    quick_fails network_service
    systemctl enable --quiet "$name"
    systemctl stop "$name"
    quick_fails network_service
    unit "$name" oneshot yes /bin/false
    systemctl daemon-reload
    systemctl start "$name" || true
    quick_fails network_service
    check_is network_service FAIL '*Result is exit-code*'
    systemctl reset-failed "$name"
    unit "$name" oneshot yes /bin/true
    systemctl daemon-reload
    systemctl start "$name"
}

@test "network_repair: a timer that does not run, or does not come back after a boot, is FAIL" {
    systemctl stop gpuaas-slice-network-repair.timer
    quick_fails network_repair
    systemctl start gpuaas-slice-network-repair.timer
    systemctl disable --quiet gpuaas-slice-network-repair.timer
    quick_fails network_repair
    systemctl enable --quiet gpuaas-slice-network-repair.timer
}

@test "historical_network_service: its unit or script is WARN" {
    for path in /etc/systemd/system/gpuaas-slice-host-net-baseline.service /usr/local/sbin/gpuaas-slice-host-net-baseline.sh \
        /usr/local/sbin/gpuaas-slice-network-baseline.sh; do
        : >"$path"
        quick historical_network_service
        rm "$path"
        check_is historical_network_service WARN "*$path"
        [ -n "$(evidence_field historical_network_service remediation)" ]
        [[ ${lines[-1]} == *' failures=0 warnings='* ]]
    done
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
        env --default-signal=INT "${shell_words[@]}" "$path" >/dev/null 2>&1 3>&- &
        pid=$!
        for _ in $(seq 100); do ! pgrep -x dhcpcd >/dev/null || break; sleep 0.05; done
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

# --- libvirt and storage ---

@test "libvirt: no answer is FAIL" {
    answer virsh '--quiet --connect qemu:///system list --all --name' '' 1
    quick_fails libvirt
}

@test "libvirt_folder: one that cannot be passed through is FAIL" {
    chmod 700 /var/lib/libvirt
    quick libvirt_folder
    chmod 755 /var/lib/libvirt
    only_fails libvirt_folder
}

@test "slot_disks: a partition, a signature, swap, no such disk, the OS disk, no slots are FAIL; a guest's disk is not" {
    id=nvme-eui.000000000000000100a075244a103331
    name=$(readlink -f "/dev/disk/by-id/$id")
    name=${name##*/}
    mkdir "/sys/block/$name/${name}p1"
    echo 1 >"/sys/block/$name/${name}p1/partition"
    quick_fails slot_disks
    check_is slot_disks FAIL "$id has partitions: ${name}p1"
    host_reset
    printf 'LUKS\272\276\000\001' | dd of="/dev/$name" conv=notrunc 2>/dev/null
    quick_fails slot_disks
    check_is slot_disks FAIL "$id carries signatures: $name:crypto_LUKS*"
    answer virsh '--quiet --connect qemu:///system list --all --name' gpuaas-slice-a
    answer virsh '--quiet --connect qemu:///system domblklist --details gpuaas-slice-a' " block disk vda /dev/disk/by-id/$id"
    quick slot_disks
    check_is slot_disks PASS "*$id belongs to gpuaas-slice-a"
    # libvirt that does not say whose disks these are proves nothing
    answer virsh '--quiet --connect qemu:///system list --all --name' $'gpuaas-slice-a\ngpuaas-slice-b'
    answer virsh '--quiet --connect qemu:///system domblklist --details gpuaas-slice-b' '' 1
    quick_fails slot_disks
    check_is slot_disks FAIL "$id carries signatures: $name:crypto_LUKS*"
    rm "/dev/$name"
    quick_fails slot_disks
    check_is slot_disks FAIL "$id cannot be read"
    cp "/gpuaas/host/dev/$name" "/dev/$name"
    host_reset
    mkdir "/sys/block/$name/holders/md0"
    quick_fails slot_disks
    check_is slot_disks FAIL "$id is held: $name:md0"
    host_reset
    rm "/sys/block/$name"
    quick_fails slot_disks
    check_is slot_disks FAIL "$id is not there"
    host_reset
    printf '/dev/%s partition 1 0 -2\n' "$name" >>/proc/swaps
    quick_fails slot_disks
    check_is slot_disks FAIL "$id is in use by the host: $name:swap"
    host_reset
    rm "/dev/disk/by-id/$id"
    quick_fails slot_disks
    host_reset
    node_env GPUAAS_OS_DISK "/dev/disk/by-id/$id"
    quick_fails slot_disks
    check_is slot_disks FAIL "$id is the OS disk"
    sed -i "/^GPUAAS_SLOT_DISKS=/,/'\$/d" /etc/gpuaas/node.env
    sed -i "1i GPUAAS_SLOT_DISKS=''" /etc/gpuaas/node.env
    quick_fails slot_disks
    check_is slot_disks FAIL 'no slot of this node names a disk'
}

@test "image_cache: none is WARN, a folder that is gone or a named image that is not there is FAIL" {
    with_setting GUEST_IMAGE noble-server-cloudimg-amd64.img
    quick image_cache
    check_is image_cache PASS
    with_setting GUEST_IMAGE other.img
    quick_fails image_cache
    check_is image_cache FAIL '* does not hold other.img, but noble-server-cloudimg-amd64.img'
    mv /var/lib/libvirt/images/noble-server-cloudimg-amd64.img "$BATS_TEST_TMPDIR/away"
    quick image_cache
    mv "$BATS_TEST_TMPDIR/away" /var/lib/libvirt/images/noble-server-cloudimg-amd64.img
    only_fails image_cache
    check_is image_cache FAIL '* holds no guest image'
    with_setting IMAGE_CACHE /var/lib/nowhere
    quick_fails image_cache
    with_setting IMAGE_CACHE "$BATS_TEST_TMPDIR"
    : >"$BATS_TEST_TMPDIR/empty.img"
    mkdir "$BATS_TEST_TMPDIR/folder"
    quick image_cache
    check_is image_cache WARN '* holds no guest image'
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
    mkdir -p /run/sshd /root/.ssh
    ssh-keygen -A >/dev/null
    [ -e /root/.ssh/id_ed25519 ] || ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519
    id hpcadmin >/dev/null 2>&1 || useradd --create-home --shell /bin/bash hpcadmin
    install -d -o hpcadmin -m 700 /home/hpcadmin/.ssh
    install -m 600 /root/.ssh/id_ed25519.pub /root/.ssh/authorized_keys
    install -m 600 -o hpcadmin /root/.ssh/id_ed25519.pub /home/hpcadmin/.ssh/authorized_keys
    echo 'hpcadmin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/hpcadmin
    [ -e /run/sshd-test.pid ] || /usr/sbin/sshd -o ListenAddress=127.0.0.1 -o PidFile=/run/sshd-test.pid
    ssh-keyscan 127.0.0.1 >/root/.ssh/known_hosts 2>/dev/null
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
