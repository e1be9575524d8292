# gpuaas-slice-parity-check on hosts that are not slice hosts yet: partial convergence (a custom image with VFIO, Open vSwitch and
# node agent, but no IPoIB and no network baseline), and one of the firmware's defaults.
# host: j22u11-partial
# script: gpuaas-slice-parity-check

load helpers

SCRIPT=profiles/slice-vm/root/usr/local/sbin/gpuaas-slice-parity-check

setup_file() {
    install -m 755 /bin/sleep /usr/local/bin/gpuaas-node-agent
    printf '[Service]\nType=exec\nExecStart=/usr/local/bin/gpuaas-node-agent infinity\n' >/etc/systemd/system/gpuaas-node-agent.service
    ln -sf /dev/null /etc/systemd/system/nvidia-persistenced.service
    ln -sf /dev/null /etc/systemd/system/nvidia-fabricmanager.service
    systemctl start openvswitch-switch.service gpuaas-node-agent.service
    mkdir -p /var/lib/libvirt/images
    if [ ! -e /sys/class/net/uplink0 ]; then
        ip link add uplink0 type veth peer name router0
        ip address add 198.51.100.11/24 dev uplink0
        ip link set router0 up
        ip link set uplink0 up
        ip route add default via 198.51.100.1 dev uplink0
    fi
    install -D -m 600 "$GPUAAS_GENERATED/$GPUAAS_SITE/nodes/lab-slice-1/root/etc/gpuaas/node.env" /etc/gpuaas/node.env
}

setup() {
    host_reset
}

@test "partial convergence: what the image has is PASS, what the site's bootstrap lacks is FAIL, the rest stands on it" {
    run_script "$SCRIPT"
    [ "$status" -eq 1 ]
    for check in node_agent kvm iommu vfio rdma ovs uplink slot_disks libvirt; do assert_evidence "$check" PASS; done
    for check in ipoib_netplan fabric_address ovs_bridge nat isolation_rules tmfifo network_service fabric_vfs hugepages; do
        assert_evidence "$check" FAIL
        [ -n "$(evidence_field "$check" remediation)" ]
    done
    assert_evidence fabric_route SKIP 'stands on fabric_address, which is FAIL'
    assert_evidence bridge_address SKIP 'stands on ovs_bridge, which is FAIL'
    assert_evidence dhcp_offer SKIP
    assert_evidence egress SKIP
    [ "$(evidence_field summary status)" = FAIL ]
}

@test "programs that are not installed are FAIL, each at its check, and the run goes on" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    ln -s /usr/bin/* /usr/sbin/* /usr/local/bin/* "$BATS_TEST_TMPDIR/bin/" 2>/dev/null || true
    rm -f "$BATS_TEST_TMPDIR"/bin/{netplan,ovs-vsctl,virsh,dnsmasq,dhcpcd}
    PATH=$BATS_TEST_TMPDIR/bin
    run_script "$SCRIPT"
    [ "$status" -eq 1 ]
    for pair in ipoib_netplan:netplan ovs:ovs-vsctl libvirt:virsh dnsmasq_config:dnsmasq; do
        assert_evidence "${pair%:*}" FAIL "${pair#*:} is not installed"
        [[ $(evidence_field "${pair%:*}" remediation) == *packages* ]]
    done
}
