# gpuaas-slice-fabric-vfs: real Open vSwitch, real tmfifo network (veth). The card is played: functions come some time after the
# write to sriov_numvfs, `ip link ... vf`, devlink and mstconfig are stand-ins with a memory.
# host: j22u05-after-bios
# script: gpuaas-slice-fabric-vfs

load helpers

SCRIPT=gpuaas-slice-fabric-vfs
PCI=/sys/bus/pci
P0=0000:bc:00.0
P1=0000:bc:00.1
MAP=/var/lib/gpuaas/fabric-vfs.json
PLAN=/etc/gpuaas/dpu-plan.sh
REPRESENTORS='pf0vf0 pf0vf1 pf0vf2 pf0vf3 pf1vf0 pf1vf1 pf1vf2 pf1vf3'
VF=/sys/bus/pci/vf

program() {
    rm -f "$1"
    cat >"$1"
    chmod 755 "$1"
}

# card: makes functions when sriov_numvfs changes, one by one.
card() {
    local port bus count index address
    while :; do
        for port in $P0 $P1; do
            [ ! -e /run/card-stuck ] || continue
            read -r count <"$PCI/devices/$port/sriov_numvfs" || continue
            case $port in *.0) bus=be ;; *) bus=bf ;; esac
            for index in $(seq 0 $((count - 1))); do
                address=0000:$bus:00.$index
                [ ! -L "$PCI/devices/$port/virtfn$index" ] || continue
                mkdir -p "$VF/$address"
                echo 0x15b3 >"$VF/$address/vendor"
                echo 0x101e >"$VF/$address/device"
                echo 0x020000 >"$VF/$address/class"
                ln -sfn ../../drivers/mlx5_core "$VF/$address/driver"
                ln -sfn "../vf/$address" "$PCI/devices/$address"
                ln -sfn "../$address" "$PCI/devices/$port/virtfn$index"
            done
        done
        sleep 0.05
    done
}

standins() {
    program /usr/local/bin/ip <<'STANDIN'
#!/bin/bash
memory=/run/card/vf
mkdir -p $memory
case "$*" in
"link set dev "*" vf "*)
    [ ! -e /run/card/deaf ] || exit 0
    [ ! -e "/run/card/refuses-$7" ] || exit 2
    printf '%s\n' "$8" >"$memory/$4.$6.$7"
    printf '%s\n' "$*" >>/run/card/calls ;;
"link show dev p"[01])
    for f in $memory/"$4".*.*; do [ -e "$f" ] && echo "${f##*/}"; done | cut -d. -f2 | sort -un | while read -r n; do
        m=$(cat "$memory/$4.$n.mac" 2>/dev/null || echo 00:00:00:00:00:00)
        printf '    vf %s     link/ether %s brd ff:ff:ff:ff:ff:ff, spoof checking off, NODE_GUID %s, PORT_GUID %s, link-state auto\n' "$n" "$m" \
            "$(cat "$memory/$4.$n.node_guid" 2>/dev/null || echo 00:00:00:00:00:00:00:00)" \
            "$(cat "$memory/$4.$n.port_guid" 2>/dev/null || echo 00:00:00:00:00:00:00:00)"
    done ;;
*) exec /usr/sbin/ip "$@" ;;
esac
STANDIN
    program /usr/local/bin/devlink <<'STANDIN'
#!/bin/sh
case "$*" in
"dev eswitch show "*) echo "$4: mode $(cat "/run/card/eswitch-${4##*/}" 2>/dev/null || echo legacy) inline-mode none" ;;
"dev eswitch set "*) [ -e /run/card/no-switchdev ] || echo "$6" >"/run/card/eswitch-${4##*/}" ;;
"port show")
    for vf in 0 1 2 3; do
        [ -e "/run/card/no-rep-$vf" ] || echo "pci/0000:bc:00.0/3276$vf: type eth netdev rep0v$vf flavour pcivf controller 0 pfnum 0 vfnum $vf external false"
        echo "pci/0000:bc:00.1/3276$vf: type eth netdev rep1v$vf flavour pcivf controller 0 pfnum 1 vfnum $vf external false"
    done ;;
esac
STANDIN
    program /usr/local/bin/mstconfig <<'STANDIN'
#!/bin/sh
[ ! -e /run/card/firmware-silent ] || { echo '-E- Failed to open the device'; exit 1; }
cat <<TABLE
Device #1:
Configurations:                                          Default         Current         Next Boot
        NUM_OF_VFS                                  16              $(cat /run/card/fw-vfs)              $(cat /run/card/fw-vfs)
        SRIOV_EN                                    False(0)        $(cat /run/card/fw-sriov)         True(1)
*       INTERNAL_CPU_OFFLOAD_ENGINE                 ENABLED(0)      $(cat /run/card/fw-engine)      $(cat /run/card/fw-next)
TABLE
STANDIN
}

setup() {
    host_reset
    rm -rf /run/card /run/card-stuck /var/lib/gpuaas
    mkdir -p /run/card
    echo 16 >/run/card/fw-vfs
    echo 'True(1)' >/run/card/fw-sriov
    echo 'ENABLED(0)' | tee /run/card/fw-engine >/run/card/fw-next
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
    install -m 644 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root$PLAN" "$PLAN"
    standins
    rm -rf "$VF"
    mkdir -p "$PCI/drivers/mlx5_core"
    for port in $P0 $P1; do
        ln -sfn ../../../bus/pci/drivers/mlx5_core "$PCI/devices/$port/driver"
        mkdir -p "$PCI/devices/$port/net/p${port##*.}"
        echo 0 >"$PCI/devices/$port/sriov_numvfs"
        echo 16 >"$PCI/devices/$port/sriov_totalvfs"
    done
    systemctl start openvswitch-switch.service
    ovs-vsctl --may-exist add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev
    if [ ! -e /sys/class/net/tmfifo_net0 ]; then
        ip netns add dpu
        ip link add tmfifo_net0 type veth peer name dpu0 netns dpu
        ip address add 192.168.100.1/30 dev tmfifo_net0
        ip link set tmfifo_net0 up
        ip -n dpu address add 192.168.100.2/30 dev dpu0
    fi
    ip -n dpu link set dpu0 up
    card 3>&- &
    card_pid=$!
}

# card_gone: ends the card, with what it is at: it must not make functions of a host that is reset.
card_gone() {
    kill "$card_pid" 2>/dev/null || true
    wait "$card_pid" 2>/dev/null || true
}

teardown() {
    card_gone
    [ -z "${holder:-}" ] || kill "$holder" 2>/dev/null || true
    rm -rf /dev/vfio
    for rep in rep0v0 rep0v1 rep0v2 rep0v3 rep1v0 rep1v1 rep1v2 rep1v3 $REPRESENTORS; do
        ovs-vsctl --if-exists del-port ovsbr0 "$rep"
        [ ! -e "/sys/class/net/$rep" ] || ip link delete "$rep"
    done
    ! mountpoint -q /var/lib/gpuaas || umount /var/lib/gpuaas
    rm -f /usr/local/bin/ip /usr/local/bin/devlink /usr/local/bin/mstconfig /usr/local/bin/ovs-vsctl /usr/local/bin/flock
}

# value NAME VALUE: another value in node.env.
value() {
    awk -v name="$1" -v value="$2" '
        index($0, name "=") == 1 { print name "=\047" value "\047"; skip = ($0 !~ /\047$/); next }
        skip { skip = ($0 !~ /\047$/); next }
        { print }' /etc/gpuaas/node.env >"$BATS_TEST_TMPDIR/node.env"
    cat "$BATS_TEST_TMPDIR/node.env" >/etc/gpuaas/node.env
}

nic() {
    value GPUAAS_BF3_MODE nic
    echo 'DISABLED(1)' | tee /run/card/fw-engine >/run/card/fw-next
    for rep in rep0v0 rep0v1 rep0v2 rep0v3 rep1v0 rep1v1 rep1v2 rep1v3; do
        ip link add "$rep" type veth peer name "x$rep"
    done
    # the port's representors stand beside its own interface
    mkdir -p "$PCI/devices/$P0/net/a0"
    echo pf0vf0 >"$PCI/devices/$P0/net/a0/phys_port_name"
    echo p0 >"$PCI/devices/$P0/net/p0/phys_port_name"
}

infiniband() {
    for port in $P0 $P1; do
        mkdir -p "$PCI/devices/$port/infiniband/mlx5_${port##*.}/ports/1"
        echo InfiniBand >"$PCI/devices/$port/infiniband/mlx5_${port##*.}/ports/1/link_layer"
    done
    : >"$PCI/drivers/mlx5_core/unbind"
    : >"$PCI/drivers/mlx5_core/bind"
}

# with_setting NAME VALUE: the script as it is rendered for another value of a setting.
with_setting() {
    local path
    path=$(script_path "$SCRIPT")
    mkdir -p "$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE"
    sed "s|^readonly $1=.*|readonly $1='$2'|" "$path" >"$BATS_TEST_TMPDIR/new"
    mv "$BATS_TEST_TMPDIR/new" "$BATS_TEST_TMPDIR/generated/$GPUAAS_SITE/$SCRIPT"
    export GPUAAS_GENERATED=$BATS_TEST_TMPDIR/generated
}

vfs() {
    run_script "$SCRIPT" "$@"
}

only_fails() {
    local check=$1
    shift
    [ "$status" -eq 1 ] || fail "exit status $status: $output $stderr"
    [ "$(grep -c ' status=FAIL check=' <<<"$output")" -eq 2 ] || fail "not only $check is FAIL: $output"
    assert_evidence "$check" FAIL
    [ -n "$(evidence_field "$check" remediation)" ]
    for blocked; do assert_evidence "$blocked" SKIP 'stands on *'; done
}

state() {
    cat "$PCI/devices/$P0/sriov_numvfs" "$PCI/devices/$P1/sriov_numvfs"
    cat /run/card/calls 2>/dev/null || true
    ls /run/card
    ovs-vsctl show | grep -v -e '^[0-9a-f-]*$'
    cat "$MAP" 2>/dev/null || true
}

@test "DPU mode: makes the functions, their addresses and the map; the DPU's part is never PASS" {
    vfs
    [ "$status" -eq 0 ] || fail "$output $stderr"
    for check in configured assignment ports firmware tmfifo_peer functions identity map; do assert_evidence "$check" PASS; done
    for check in switchdev subnet_manager qos; do assert_evidence "$check" SKIP; done
    [[ $stderr != *warning:* ]] || fail "$stderr"
    assert_evidence assignment PASS '8 slots, each with its own function and MAC address'
    assert_evidence ports PASS "on mlx5_core: $P0; $P1"
    assert_evidence functions PASS '4 functions a port, all there'
    assert_evidence representors WARN "not proven from the host: representors in its bridge are the DPU's"
    [[ $(evidence_field representors remediation) == *"reviews $PLAN and runs it on the DPU"* ]]
    [ "$(evidence_field summary status)" = WARN ]
    [ "$(readlink "$PCI/devices/$P1/virtfn3")" = ../0000:bf:00.3 ]
    [ "$(cat /run/card/vf/p0.0.mac)" = 02:00:00:00:00:10 ]
    [ "$(cat /run/card/vf/p1.3.mac)" = 02:00:00:00:00:17 ]
    jq -e '.bf3_mode == "dpu" and (.resource_slots | length) == 8 and (.virtual_functions | length) == 8' "$MAP"
    jq -e '.resource_slots[5] | .gpu == "0000:bb:00.0" and .capacity_metadata.vf_pci_address == "0000:bf:00.1"
        and .capacity_metadata.mac == "02:00:00:00:00:15" and .capacity_metadata.ovs_port_proven == false' "$MAP"
    [ "$(jq -r '.resource_slots[].capacity_metadata.ovs_port' "$MAP" | tr '\n' ' ')" = "$REPRESENTORS " ]
    [ -z "$(ovs-vsctl list-ports ovsbr0)" ]
    run ! grep -qi schedulable "$MAP"
}

@test "again: nothing to do, nothing changes" {
    vfs
    before=$(state)
    vfs
    [ "$status" -eq 0 ]
    [[ $stderr == *'nothing to do'* ]]
    [ "$(evidence_summary changes)" -eq 0 ]
    [ "$(state)" = "$before" ]
}

@test "--dry-run names every change, makes none, exits 3" {
    before=$(state)
    vfs --dry-run
    [ "$status" -eq 3 ] || fail "$status $output $stderr"
    assert_evidence functions WARN "dry run: would make 4 functions of $P0; $P1"
    assert_evidence identity WARN 'dry run: would set MAC addresses or GUIDs of slots 0 1 2 3 4 5 6 7*'
    assert_evidence map WARN "dry run: would write $MAP"
    assert_evidence representors WARN 'not proven from the host*'
    [ "$(state)" = "$before" ]
}

# dpu: this container plays the DPU, whose representors are there.
dpu() {
    for rep in $REPRESENTORS; do ip link add "$rep" type veth peer name "x$rep"; done
}

# run_plan: as the DPU's owner does.
run_plan() {
    _shell_words
    run --separate-stderr timeout 60 "${shell_words[@]}" -s <"$PLAN"
}

@test "the plan, run on the DPU: each representor is up and in the bridge, read back; again, the same" {
    dpu
    for _ in 1 2; do
        run_plan
        [ "$status" -eq 0 ] || fail "$stderr"
        [ "$(ovs-vsctl list-ports ovsbr0 | sort | tr '\n' ' ')" = "$REPRESENTORS " ]
        for rep in $REPRESENTORS; do
            [ $(($(cat "/sys/class/net/$rep/flags") & 1)) -eq 1 ] || fail "$rep is down"
        done
    done
}

@test "the plan stops where a representor is missing, stands in another bridge, or is not added" {
    dpu
    ip link delete pf1vf2
    run_plan
    [ "$status" -ne 0 ]
    [[ $(tail -n 3 <<<"$stderr") == *pf1vf2* ]]
    [ "$(ovs-vsctl list-ports ovsbr0 | wc -l)" -eq 6 ]
    ip link add pf1vf2 type veth peer name xpf1vf2
    ovs-vsctl add-br other0 -- set bridge other0 datapath_type=netdev -- add-port other0 pf1vf2
    run_plan
    ovs-vsctl del-br other0
    [ "$status" -ne 0 ]
    [[ $stderr == *'attached to bridge other0'* ]]
    printf '#!/bin/sh\ncase "$*" in *add-port*pf1vf2*) exit 0 ;; esac\nexec /usr/bin/ovs-vsctl "$@"\n' | program /usr/local/bin/ovs-vsctl
    run_plan
    [ "$status" -ne 0 ]
    [[ $(tail -n 3 <<<"$stderr") == *'port-to-br pf1vf2'* ]]
}

@test "--help; unknown argument; not root; missing commands; another run; missing node.env" {
    vfs --help
    [ "$status" -eq 0 ]
    [[ $output == *--dry-run*'Exit status'* ]]
    vfs --flash
    [ "$status" -eq 2 ]
    [[ $stderr == *'unknown argument: --flash'* ]]
    path=$(script_path "$SCRIPT")
    _shell_words
    run --separate-stderr setpriv --reuid 65534 --clear-groups "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *'must run as root'* ]]
    mkdir "$BATS_TEST_TMPDIR/bin"
    for name in "${shell_words[0]}" sh; do ln -s "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"; done
    run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$path"
    [ "$status" -eq 1 ]
    [[ $stderr == *'missing commands:'*' devlink '*' ovs-vsctl '* ]]
    # the other run is this test; not waited for two minutes. A dry run need not wait
    program /usr/local/bin/flock <<<$'#!/bin/sh\nshift 2\nexec /usr/bin/flock -n "$@"'
    exec 8>/run/gpuaas-slice-fabric-vfs.lock
    /usr/bin/flock 8
    before=$(state)
    vfs
    [ "$status" -eq 1 ] && [ -z "$output" ]
    [[ $stderr == *'another run of this script has not ended'* ]]
    [ "$(state)" = "$before" ]
    vfs --dry-run
    exec 8>&-
    [ "$status" -eq 3 ] || fail "$output $stderr"
    rm /etc/gpuaas/node.env
    vfs
    [ "$status" -eq 1 ]
    [ -z "$output" ]
    [ "$(state)" = "$before" ]
}

@test "configured: no BlueField at all is SKIP; a value missing is FAIL" {
    value GPUAAS_BF3_MODE ''
    value GPUAAS_BF3_PORTS ''
    vfs
    [ "$status" -eq 0 ]
    assert_evidence configured SKIP
    [ "$(evidence_field summary status)" = PASS ]
    value GPUAAS_BF3_MODE dpu
    value GPUAAS_BF3_VFS ''
    vfs
    only_fails configured assignment ports firmware tmfifo_peer switchdev functions identity subnet_manager representors qos map
    assert_evidence configured FAIL 'not set: bf3.ports bf3.vfs'
}

@test "assignment: a function or MAC address twice, or one that no port has: FAIL, nothing is made" {
    before=$(state)
    sed -i "s/^1|02:00:00:00:00:11/0|02:00:00:00:00:10/; s/^4|[^|]*/4|-/; s/^7|/9|/" /etc/gpuaas/node.env
    vfs
    only_fails assignment functions identity subnet_manager representors qos map
    assert_evidence assignment FAIL '*slot 1: its function is that*slot 1: its MAC*slot 4: no MAC*slot 7: no port*'
    [ "$(state)" = "$before" ]
}

@test "ports: another vendor, another driver, no interface: FAIL" {
    echo 0x8086 >"$PCI/devices/$P1/vendor"
    vfs
    only_fails ports firmware switchdev functions identity subnet_manager representors qos map
    assert_evidence ports FAIL "$P1 is no NVIDIA (Mellanox) function: 0x8086"
    echo 0x15b3 >"$PCI/devices/$P1/vendor"
    rm "$PCI/devices/$P1/driver"
    vfs
    only_fails ports functions
    assert_evidence ports FAIL "$P1 has driver none"
    ln -s ../../../bus/pci/drivers/mlx5_core "$PCI/devices/$P1/driver"
    rm -r "$PCI/devices/$P1/net"
    vfs
    only_fails ports functions
    assert_evidence ports FAIL "$P1 has no network interface"
}

@test "firmware: another mode, SR-IOV off, too few functions: FAIL; pending or unknown: WARN; never written" {
    echo 'DISABLED(1)' >/run/card/fw-engine
    vfs
    only_fails firmware
    assert_evidence firmware FAIL '*INTERNAL_CPU_OFFLOAD_ENGINE is DISABLED(1), 0 is needed*'
    [[ $(evidence_field firmware remediation) == *'never does'* ]]
    echo 'ENABLED(0)' >/run/card/fw-engine
    echo 'False(0)' >/run/card/fw-sriov
    vfs
    only_fails firmware
    assert_evidence firmware FAIL '*SRIOV_EN is False(0), 1 is needed*'
    echo 'True(1)' >/run/card/fw-sriov
    echo 2 >/run/card/fw-vfs
    vfs
    only_fails firmware
    assert_evidence firmware FAIL '*NUM_OF_VFS is 2, 4 is needed*'
    echo 16 >/run/card/fw-vfs
    echo 'DISABLED(1)' >/run/card/fw-next
    vfs
    [ "$status" -eq 0 ]
    assert_evidence firmware WARN '*pending*becomes DISABLED(1)*'
    : >/run/card/firmware-silent
    vfs
    assert_evidence firmware WARN '*unknown*does not answer*'
    [[ $(evidence_field firmware remediation) == *'(lockdown: [none] integrity confidentiality)'* ]]
    rm /usr/local/bin/mstconfig
    vfs
    assert_evidence firmware WARN '*neither mstconfig*'
    run ! grep -E '(config|tool").* set |burn|reset' "$(script_path "$SCRIPT")"
}

@test "tmfifo_peer: a DPU that does not answer is FAIL; in NIC mode nobody is asked" {
    with_setting PEER_WAIT 0
    ip -n dpu link set dpu0 down
    vfs
    only_fails tmfifo_peer
    assert_evidence functions PASS
    with_setting TMFIFO_PEER ''
    vfs
    only_fails tmfifo_peer
    value GPUAAS_BF3_MODE nic
    vfs
    assert_evidence tmfifo_peer SKIP '*NIC mode*'
}

@test "functions: more than the card has, another number that is there, functions that do not come: FAIL" {
    echo 2 >"$PCI/devices/$P0/sriov_totalvfs"
    vfs
    only_fails functions identity subnet_manager representors qos map
    assert_evidence functions FAIL "$P0 has at most 2 functions, 4 are asked for"
    [ "$(cat "$PCI/devices/$P1/sriov_numvfs")" = 0 ]
    echo 16 >"$PCI/devices/$P0/sriov_totalvfs"
    echo 8 >"$PCI/devices/$P0/sriov_numvfs"
    vfs
    only_fails functions
    assert_evidence functions FAIL "$P0 has 8 functions, not 4*"
    [ "$(cat "$PCI/devices/$P0/sriov_numvfs")" = 8 ]
    card_gone
    rm -f "$PCI/devices/$P0"/virtfn*
    echo 0 >"$PCI/devices/$P0/sriov_numvfs"
    with_setting VF_WAIT 2
    vfs
    only_fails functions
    assert_evidence functions FAIL "asked for 4: $P0 shows 0; $P1 shows 0"
}

@test "identity: a MAC address that the card does not take is FAIL" {
    : >/run/card/deaf
    vfs
    only_fails identity subnet_manager map
    assert_evidence identity FAIL '*slot 0 (0000:bc:00.0 vf 0); slot 1*'
}

@test "identity: a function that a guest holds is not renamed" {
    vfs
    echo 02:00:00:00:00:99 >/run/card/vf/p0.0.mac
    rm "$PCI/devices/0000:be:00.0/driver"
    mkdir -p "$PCI/drivers/vfio-pci" /dev/vfio /sys/kernel/iommu_groups/90
    ln -s ../../../bus/pci/drivers/vfio-pci "$PCI/devices/0000:be:00.0/driver"
    ln -s ../../../kernel/iommu_groups/90 "$PCI/devices/0000:be:00.0/iommu_group"
    : >/dev/vfio/90
    sleep 60 3>&- </dev/vfio/90 &
    holder=$!
    vfs
    only_fails identity map
    assert_evidence identity FAIL '0000:be:00.0 is held by * (sleep)'
    [ "$(cat /run/card/vf/p0.0.mac)" = 02:00:00:00:00:99 ]
}

@test "InfiniBand: unique GUIDs through the port, then bound again; all zero is FAIL; Down names the subnet manager" {
    infiniband
    vfs
    assert_evidence identity PASS
    [ "$(cat /run/card/vf/p0.1.node_guid)" = 02:00:00:ff:fe:00:00:11 ]
    [ "$(cat /run/card/vf/p1.0.port_guid)" = 02:00:00:ff:fe:00:00:14 ]
    [ "$(sort -u /run/card/vf/*.node_guid | wc -l)" -eq 8 ]
    [ "$(cat "$PCI/drivers/mlx5_core/unbind")" = 0000:bf:00.3 ]
    [ "$(cat "$PCI/drivers/mlx5_core/bind")" = 0000:bf:00.3 ]
    grep -q -x 'link set dev p1 vf 3 state auto' /run/card/calls
    assert_evidence subnet_manager PASS
    mkdir -p "$PCI/devices/0000:be:00.2/infiniband/mlx5_9/ports/1"
    echo '1: DOWN' >"$PCI/devices/0000:be:00.2/infiniband/mlx5_9/ports/1/state"
    vfs
    only_fails subnet_manager
    assert_evidence subnet_manager FAIL 'functions stay Down: 0000:be:00.2 is DOWN'
    [[ $(evidence_field subnet_manager remediation) == *'virt_enabled 2'* ]]
    # what the card refuses is told, and nothing is made of it
    for word in node_guid port_guid state; do
        : >"/run/card/refuses-$word"
        run_functions "$SCRIPT" "name_function $P0 0 02:00:00:00:00:10"
        [ "$status" -eq 1 ] || fail "$word"
        rm "/run/card/refuses-$word"
    done
    rm "$PCI/drivers/mlx5_core/unbind"
    mkdir "$PCI/drivers/mlx5_core/unbind"
    run_functions "$SCRIPT" "name_function $P0 0 02:00:00:00:00:10"
    rmdir "$PCI/drivers/mlx5_core/unbind"
    [ "$status" -eq 1 ]
    rm -r /run/card/vf
    : >/run/card/deaf
    vfs
    only_fails identity subnet_manager map
    # an Ethernet port beside it has no subnet manager
    rm -r "$PCI/devices/$P0/infiniband" /run/card/deaf
    vfs
    assert_evidence subnet_manager PASS
}

@test "NIC mode: switchdev, representors in the bridge, rates; all read back" {
    nic
    value GPUAAS_BF3_QOS_MBIT 25000
    before=$(state)
    vfs --dry-run
    [ "$status" -eq 3 ] || fail "$output $stderr"
    assert_evidence switchdev WARN "dry run: would put into switchdev mode: $P0; $P1"
    assert_evidence representors WARN 'dry run: would add to ovsbr0: rep0v0 (slot 0); *rep1v3 (slot 7)'
    assert_evidence qos WARN 'dry run: would limit rep0v0; *; rep1v3 to 25000 Mbit/s'
    [ "$(state)" = "$before" ]
    vfs
    [ "$status" -eq 0 ] || fail "$output $stderr"
    [[ $stderr != *warning:* ]] || fail "$stderr"
    for check in configured assignment ports firmware switchdev functions identity representors qos map; do
        assert_evidence "$check" PASS
    done
    [ "$(evidence_field summary status)" = PASS ]
    [ "$(ovs-vsctl list-ports ovsbr0 | wc -l)" -eq 8 ]
    [ "$(ovs-vsctl get interface rep1v3 ingress_policing_rate)" = 25000000 ]
    jq -e '.resource_slots[5].capacity_metadata | .ovs_port == "rep1v1" and .ovs_port_proven == true' "$MAP"
    vfs
    [[ $stderr == *'nothing to do'* ]]
}

@test "switchdev: a port that stays in legacy mode is FAIL, and no function is made" {
    nic
    : >/run/card/no-switchdev
    vfs
    only_fails switchdev functions identity subnet_manager representors qos map
    assert_evidence switchdev FAIL "not in switchdev mode: $P0; $P1"
    [ "$(cat "$PCI/devices/$P0/sriov_numvfs")" = 0 ]
}

@test "representors: one that is missing, or cannot be added, is FAIL, and the rate stands on it" {
    nic
    value GPUAAS_BF3_QOS_MBIT 1000
    : >/run/card/no-rep-2
    vfs
    only_fails representors qos
    assert_evidence representors FAIL 'not in ovsbr0 and up: slot 2: none'
    rm /run/card/no-rep-2
    printf '#!/bin/sh\ncase "$*" in *add-port*rep0v2*) exit 0 ;; esac\nexec /usr/bin/ovs-vsctl "$@"\n' | program /usr/local/bin/ovs-vsctl
    vfs
    only_fails representors qos
    assert_evidence representors FAIL 'not in ovsbr0 and up: slot 2: rep0v2'
}

@test "qos: a rate that does not stay is FAIL; in DPU mode it is never PASS" {
    nic
    value GPUAAS_BF3_QOS_MBIT 1000
    printf '#!/bin/sh\ncase "$*" in *"set interface rep0v1"*) exit 0 ;; esac\nexec /usr/bin/ovs-vsctl "$@"\n' | program /usr/local/bin/ovs-vsctl
    vfs
    only_fails qos
    assert_evidence qos FAIL 'not limited: slot 1: rep0v1'
    value GPUAAS_BF3_MODE dpu
    vfs
    assert_evidence qos WARN "not proven from the host: rate limits are the DPU's"
    [[ $(evidence_field qos remediation) == *"reviews $PLAN "* ]]
    rm "$PLAN"
    vfs
    for check in qos representors; do
        assert_evidence "$check" WARN "not proven from the host: * are the DPU's; $PLAN is not here"
        [[ $(evidence_field "$check" remediation) == 'render the node and deliver its files'* ]]
    done
}

@test "map: one that cannot be written is FAIL" {
    mkdir -p /var/lib/gpuaas
    mount -t tmpfs -o ro tmpfs /var/lib/gpuaas
    vfs
    only_fails map
    assert_evidence map FAIL '*could not be written'
}
