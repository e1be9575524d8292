# The bare-metal parity check: nothing of slices is on the host. Each check is seen PASS, then with exactly its thing there. The
# slice host's own script says the same with --profile baremetal.
# host: j22u05-after-bios
# script: gpuaas-baremetal-parity-check

load helpers

SCRIPT=profiles/baremetal/root/usr/local/sbin/gpuaas-slice-parity-check
SLICE=profiles/slice-vm/root/usr/local/sbin/gpuaas-slice-parity-check
CHECKS='profile_tag no_slice_services no_slice_bridge no_isolation_chain no_slice_nat no_slice_dnsmasq no_vfio_binding
    no_slice_domains no_masked_units no_slice_functions no_slice_ipoib no_slice_tmfifo'
GPU=/sys/bus/pci/devices/0000:1b:00.0
PORT=/sys/bus/pci/devices/0000:bc:00.0
NETPLAN=/etc/netplan/60-ipoib.yaml
VIRSH=/usr/local/bin/virsh

setup_file() {
    mkdir -p /etc/gpuaas /var/lib/gpuaas /etc/dnsmasq.d
    systemctl start openvswitch-switch.service
}

setup() {
    host_reset
    install -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
    sed -i "s/^GPUAAS_PROFILE=.*/GPUAAS_PROFILE='baremetal'/" /etc/gpuaas/node.env
    virsh_says ''
}

virsh_says() {
    printf '#!/bin/sh\nprintf "%%s\\n" "%s"\n' "$1" >$VIRSH
    chmod 755 $VIRSH
}

teardown() {
    rm -f $NETPLAN /etc/netplan/70-other.yaml /etc/dnsmasq.d/gpuaas-slice.conf /var/lib/gpuaas/masked-units $VIRSH \
        /usr/local/bin/{ip,ovs-vsctl,iptables,systemctl,ssh} /etc/systemd/system/{gpuaas-slice-*,nvidia-persistenced}.service
    for name in tmfifo_net0 tmfifo_net1; do
        [ ! -e "/sys/class/net/$name" ] || ip link delete "$name"
    done
    ovs-vsctl --if-exists del-br ovsbr0
    printf '*filter\nCOMMIT\n*nat\nCOMMIT\n' | iptables-restore
}

only_fails() {
    [ "$status" -eq 1 ] || fail "exit status $status: $output $stderr"
    [ "$(grep -c ' status=FAIL check=' <<<"$output")" -eq 2 ] || fail "not only $1 is FAIL: $output"
    assert_evidence "$1" FAIL "${2:-*}"
    [ -n "$(evidence_field "$1" remediation)" ]
    [ "$(evidence_summary failures)" -eq 1 ]
}

# fails CHECK [DETAIL]: under both scripts
fails() {
    run_script "$SLICE" --profile baremetal
    only_fails "$@"
    run_script "$SCRIPT"
    only_fails "$@"
}

shadow() {
    printf '#!/bin/sh\n%s\n' "$2" >"/usr/local/bin/$1"
    chmod 755 "/usr/local/bin/$1"
}

@test "a bare-metal host: every check PASS, also with --final; nothing is changed" {
    for words in "$SCRIPT --final" "$SCRIPT --profile baremetal" "$SLICE --profile baremetal --final"; do
        # shellcheck disable=SC2086 # a name and its arguments
        run_script $words
        [ "$status" -eq 0 ] || fail "$words: $output $stderr"
        for check in $CHECKS; do assert_evidence "$check" PASS; done
        assert_evidence summary PASS
        [[ $(tail -n 1 <<<"$output") == *' failures=0 warnings=0' ]]
    done
}

@test "--json, --help, --host, and what it does not know" {
    run_script "$SCRIPT" --json
    [ "$(jq -r .summary.status <<<"$output")" = PASS ]
    run_script "$SCRIPT" --help
    [ "$status" -eq 0 ]
    [[ $output == *--final*--host*'Exit status'* ]]
    # another machine: this one, without the network between
    shadow ssh 'for word; do :; done; exec $word'
    run_script "$SCRIPT" --host other --user root
    [ "$status" -eq 0 ] || fail "$output $stderr"
    assert_evidence no_slice_tmfifo PASS
    assert_evidence summary PASS 'root@other*'
    shadow ssh 'exit 255'
    run_script "$SCRIPT" --host other
    [ "$status" -eq 4 ] && [ -z "$output" ] || fail "$status $output"
    for words in --bogus '--profile slice-vm' '--area host'; do
        # shellcheck disable=SC2086 # several words
        run_script "$SCRIPT" $words
        [ "$status" -eq 2 ] && [ -z "$output" ] || fail "$words: $status $output"
    done
}

@test "profile_tag: another profile is WARN, no node.env is SKIP" {
    sed -i "s/^GPUAAS_PROFILE=.*/GPUAAS_PROFILE='slice-vm'/" /etc/gpuaas/node.env
    for words in "$SCRIPT" "$SLICE --profile baremetal"; do
        # shellcheck disable=SC2086 # a name and its arguments
        run_script $words
        [ "$status" -eq 0 ]
        assert_evidence profile_tag WARN 'node.env says slice-vm'
    done
    run_script "$SCRIPT" --final
    [ "$status" -eq 1 ]
    rm /etc/gpuaas/node.env
    run_script "$SCRIPT" --final
    [ "$status" -eq 0 ]
    assert_evidence profile_tag SKIP
}

@test "no_slice_services: a unit, masked or not, is FAIL; one that another only names is not" {
    printf '[Service]\nExecStart=/bin/true\n' >/etc/systemd/system/gpuaas-slice-network-baseline.service
    fails no_slice_services gpuaas-slice-network-baseline.service
    rm /etc/systemd/system/gpuaas-slice-network-baseline.service
    printf '[Unit]\nAfter=gpuaas-slice-x.service\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n' \
        >/run/systemd/system/names.service
    systemctl start names.service
    [[ $(systemctl list-units --all --plain --no-legend 'gpuaas-slice-*') == *'gpuaas-slice-x.service not-found'* ]]
    run_script "$SCRIPT"
    systemctl stop names.service
    assert_evidence no_slice_services PASS
    # one that runs on without its file
    printf '[Service]\nExecStart=/bin/sleep infinity\n' >/etc/systemd/system/gpuaas-slice-runs.service
    systemctl start gpuaas-slice-runs.service
    rm /etc/systemd/system/gpuaas-slice-runs.service
    systemctl daemon-reload
    run_script "$SCRIPT"
    systemctl stop gpuaas-slice-runs.service
    only_fails no_slice_services gpuaas-slice-runs.service
    shadow systemctl 'case "$*" in *list-units*) exit 1 ;; esac; exec /usr/bin/systemctl "$@"'
    run_script "$SCRIPT"
    only_fails no_slice_services 'systemd does not answer'
}

@test "no_slice_bridge: the interface, and a bridge that only stands in the database, are FAIL; not to be asked is WARN" {
    ovs-vsctl add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev
    fails no_slice_bridge 'interface ovsbr0 is there'
    ovs-vsctl del-br ovsbr0
    ovs-vsctl --no-wait add-br ovsbr0 -- set bridge ovsbr0 datapath_type=no-such
    fails no_slice_bridge '*database*'
    ovs-vsctl del-br ovsbr0
    shadow ovs-vsctl 'exit 1'
    run_script "$SCRIPT"
    assert_evidence no_slice_bridge WARN
}

@test "no_isolation_chain: the chain, even an empty one, is FAIL; no answer is FAIL" {
    iptables -N GPUAAS-SLICE-ISOLATION
    fails no_isolation_chain
    iptables -X
    iptables -N GPUAAS-SLICE-ISOLATION-OTHER
    run_script "$SCRIPT"
    assert_evidence no_isolation_chain PASS
    shadow iptables 'case "$*" in *nat*) ;; *) exit 4 ;; esac'
    run_script "$SCRIPT"
    only_fails no_isolation_chain '*cannot be read'
}

@test "no_slice_nat: our rule is FAIL, Docker's is not; no answer is FAIL" {
    iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
    run_script "$SCRIPT"
    assert_evidence no_slice_nat PASS
    iptables -t nat -A POSTROUTING -s 10.100.0.0/24 -j MASQUERADE
    fails no_slice_nat '-A POSTROUTING -s 10.100.0.0/24 -j MASQUERADE'
    shadow iptables 'case "$*" in *nat*) exit 4 ;; esac'
    run_script "$SCRIPT"
    only_fails no_slice_nat '*cannot be read'
}

@test "no_slice_dnsmasq: a file of ours is FAIL" {
    : >/etc/dnsmasq.d/gpuaas-slice.conf
    fails no_slice_dnsmasq /etc/dnsmasq.d/gpuaas-slice.conf
}

@test "no_vfio_binding: a bound device, and one that is kept for vfio-pci, are FAIL" {
    ln -sfn ../../../bus/pci/drivers/vfio-pci "$GPU/driver"
    fails no_vfio_binding '0000:1b:00.0 is bound'
    rm "$GPU/driver"
    echo vfio-pci >"$GPU/driver_override"
    fails no_vfio_binding '0000:1b:00.0 is kept for vfio-pci'
}

@test "no_slice_domains: a slice guest is FAIL, another is not, no answer is WARN, no libvirt is SKIP" {
    virsh_says gpuaas-slice-a
    fails no_slice_domains gpuaas-slice-a
    virsh_says other
    run_script "$SCRIPT"
    assert_evidence no_slice_domains PASS
    printf '#!/bin/sh\nexit 1\n' >$VIRSH
    run_script "$SCRIPT"
    assert_evidence no_slice_domains WARN
    rm $VIRSH
    run_script "$SCRIPT"
    [ "$status" -eq 0 ]
    assert_evidence no_slice_domains SKIP
}

@test "no_masked_units: a recorded unit that is still masked is FAIL, one that was given back is not" {
    printf '\nnvidia-persistenced.service\n' >/var/lib/gpuaas/masked-units
    run_script "$SCRIPT"
    assert_evidence no_masked_units PASS
    ln -s /dev/null /etc/systemd/system/nvidia-persistenced.service
    fails no_masked_units 'nvidia-persistenced.service is masked'
}

@test "no_slice_functions: a port with virtual functions is FAIL; another maker's is not" {
    echo 4 >"$PORT/sriov_numvfs"
    fails no_slice_functions 'virtual functions: 0000:bc:00.0 has 4'
    echo 0x8086 >"$PORT/vendor"
    run_script "$SCRIPT"
    assert_evidence no_slice_functions PASS
}

@test "no_slice_ipoib: the netplan file of a slice profile is FAIL; that of bare metal, and somebody else's, are not" {
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root$NETPLAN" $NETPLAN
    fails no_slice_ipoib "$NETPLAN is of profile slice-vm"
    sed -i 's|profiles/slice-vm.yaml|profiles/baremetal.yaml|' $NETPLAN
    run_script "$SCRIPT"
    assert_evidence no_slice_ipoib PASS "$NETPLAN is that of profile baremetal"
    sed -i 1d $NETPLAN
    run_script "$SCRIPT"
    assert_evidence no_slice_ipoib PASS "$NETPLAN is not from gpuaas-gen"
}

@test "no_slice_tmfifo: an address that nothing on the host sets at a boot is FAIL; one that the host configures is not" {
    for number in 0 1; do
        ip link add "tmfifo_net$number" type veth peer name "xtmfifo$number"
    done
    run_script "$SCRIPT"
    assert_evidence no_slice_tmfifo PASS
    ip address add 192.168.100.1/30 dev tmfifo_net0
    ip address add 192.168.101.1/30 dev tmfifo_net1
    fails no_slice_tmfifo 'tmfifo_net0 has 192.168.100.1/30; tmfifo_net1 has 192.168.101.1/30'
    printf 'network: {ethernets: {tmfifo_net0: {addresses: [192.168.100.1/30]}}}\n' >/etc/netplan/70-other.yaml
    fails no_slice_tmfifo 'tmfifo_net1 has 192.168.101.1/30'
    ip address flush dev tmfifo_net1
    run_script "$SCRIPT"
    assert_evidence no_slice_tmfifo PASS
    rm /etc/netplan/70-other.yaml
    # no answer is no verdict
    shadow ip 'case "$*" in *"dev tmfifo_net0"*) exit 1 ;; esac; exec /usr/sbin/ip "$@"'
    run_script "$SCRIPT"
    only_fails no_slice_tmfifo 'tmfifo_net0 has unknown'
    rm /usr/local/bin/ip
}

@test "without virsh, iptables and Open vSwitch nothing of theirs can be there" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s /usr/local/bin/* /usr/sbin/* /usr/bin/* "$BATS_TEST_TMPDIR/bin/" 2>/dev/null || true
    rm -f "$BATS_TEST_TMPDIR"/bin/{virsh,iptables,ovs-vsctl}
    PATH=$BATS_TEST_TMPDIR/bin run_script "$SCRIPT" --final
    [ "$status" -eq 0 ] || fail "$output $stderr"
    assert_evidence no_slice_bridge PASS 'no interface ovsbr0; Open vSwitch is not installed'
    for check in no_isolation_chain no_slice_nat; do assert_evidence "$check" SKIP 'iptables is not installed'; done
    assert_evidence no_slice_domains SKIP 'virsh is not installed'
}

@test "not root, or a command missing, is refused, on both" {
    _shell_words
    for script in "$SCRIPT" "$SLICE"; do
        path=$(script_path "$script")
        run --separate-stderr setpriv --reuid 65534 --clear-groups "${shell_words[@]}" "$path" --profile baremetal
        [ "$status" -eq 1 ]
        [[ $stderr == *'must run as root'* ]]
    done
    mkdir "$BATS_TEST_TMPDIR/bin"
    for name in "${shell_words[0]}" sh; do ln -s "$(command -v "$name")" "$BATS_TEST_TMPDIR/bin/$name"; done
    for words in '' '--host other'; do
        # shellcheck disable=SC2086 # several words
        run --separate-stderr env PATH="$BATS_TEST_TMPDIR/bin" "${shell_words[@]}" "$(script_path "$SCRIPT")" $words
        [ "$status" -eq 1 ]
        [[ $stderr == *'missing commands:'*' timeout'* ]]
    done
}
