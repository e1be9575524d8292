# gpuaas-slice-parity-check on a slice host where everything is right: machine and kernel, fabric, libvirt and storage. Every check
# is seen PASS (whole runs: parity.bats), then with exactly its thing broken.
# host: j22u15-known-good
# script: gpuaas-slice-parity-check

load helpers
load parity

GPU=/sys/bus/pci/devices/0000:1b:00.0
PORT=/sys/bus/pci/devices/0000:bc:00.0

setup_file() {
    parity_host
}

setup() {
    host_reset
    right_host
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
    systemctl restart gpuaas-node-agent.service
    unit lab-other.service exec no '/bin/sleep infinity'
    systemctl restart lab-other.service
    with_setting AGENT_UNIT lab-other.service
    quick_fails node_agent
    check_is node_agent FAIL '*runs /usr/bin/sleep*'
    # active, but without a process
    unit lab-none.service oneshot yes /bin/true
    systemctl restart lab-none.service
    with_setting AGENT_UNIT lab-none.service
    quick_fails node_agent
    check_is node_agent FAIL 'lab-none.service is active'
    systemctl stop lab-other.service lab-none.service
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
    quick_fails gpu_services
    check_is gpu_services FAIL 'nvidia-dcgm.service is inactive and loaded'
    systemctl start nvidia-dcgm.service
    quick_fails gpu_services
    check_is gpu_services FAIL 'nvidia-dcgm.service is active and loaded'
    systemctl stop nvidia-dcgm.service
    rm "$UNITS/nvidia-dcgm.service" "$UNITS/multi-user.target.wants/nvidia-dcgm.service"
    node_env GPUAAS_NVSWITCH_MODE shared-nvswitch
    quick_fails gpu_services
    check_is gpu_services FAIL 'nvidia-fabricmanager.service is inactive, the partitions need it'
    rm "$UNITS/nvidia-fabricmanager.service"
    unit nvidia-fabricmanager.service oneshot yes /bin/true
    systemctl start nvidia-fabricmanager.service
    quick gpu_services
    check_is gpu_services PASS
    systemctl stop nvidia-fabricmanager.service
    rm "$UNITS/multi-user.target.wants/nvidia-fabricmanager.service"
    ln -sf /dev/null "$UNITS/nvidia-fabricmanager.service"
    # systemd that does not answer has told nothing
    shadow systemctl 'exit 1'
    quick_fails node_agent gpu_services
    check_is node_agent FAIL 'gpuaas-node-agent.service is unknown'
    check_is gpu_services FAIL '*nvidia-fabricmanager.service is unknown, the partitions need it'
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

@test "vfio_module, vfio: no driver, devices with another or none, a device that is gone, no approved slot" {
    ln -sfn ../../../bus/pci/drivers/nvidia "$GPU/driver"
    rm /sys/bus/pci/devices/0000:3a:00.0/driver /sys/bus/pci/devices/0000:ca:00.0
    quick_fails vfio
    check_is vfio FAIL 'not bound to vfio-pci: 0000:1b:00.0: nvidia; 0000:3a:00.0: none; 0000:ca:00.0: missing'
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

# --- fabric: the checks do not stand on each other, so that one run shows several of them broken ---

@test "ipoib_netplan, fabric_address, rdma, fabric_vfs: missing, no address, a port that is down, a missing function" {
    rm /etc/netplan/60-ipoib.yaml "$PORT/virtfn3"
    ip address delete 10.178.0.11/16 dev ibp15s0
    echo '2: INIT' >/sys/class/infiniband/mlx5_10/ports/1/state
    quick_fails ipoib_netplan fabric_address rdma fabric_vfs
    [[ $(evidence_field ipoib_netplan remediation) == *'/etc/netplan/60-ipoib.yaml'* ]]
    check_is ipoib_netplan FAIL '*: missing, *'
    check_is fabric_address FAIL 'ibp15s0 is down, or has not 10.178.0.11/16'
    check_is fabric_route SKIP 'stands on fabric_address, which is FAIL'
    check_is rdma FAIL '*mlx5_10/ports/1 is 2: INIT'
    check_is fabric_vfs FAIL '0000:bc:00.0 has 3 of 4*'
    check_is fabric_vf_map SKIP 'stands on fabric_vfs, which is FAIL'
}

@test "ipoib_netplan, fabric_address, rdma, fabric_vfs: readable, down, no port, a function that leads nowhere" {
    chmod 644 /etc/netplan/60-ipoib.yaml
    ip link set ibp15s0 down
    rm -r /sys/class/infiniband/mlx5_10
    ln -sfn ../0000:bc:99.9 "$PORT/virtfn3"
    quick_fails ipoib_netplan fabric_address rdma fabric_vfs
    ip link set ibp15s0 up
    check_is ipoib_netplan FAIL '*: 644, *'
    check_is fabric_vfs FAIL '0000:bc:00.0 has 3 of 4*'
}

@test "ipoib_netplan, fabric_address, fabric_vf_map: another address, no interface, a function that is not in the map" {
    sed -i 's/10.178.0.11/10.178.0.12/' /etc/netplan/60-ipoib.yaml
    ip link set ibp15s0 down
    ip link set ibp15s0 name away0
    sed -i /0000:bc:01.1/d "$MAP"
    quick_fails ipoib_netplan fabric_address fabric_vf_map
    ip link set away0 name ibp15s0
    ip link set ibp15s0 up
    check_is ipoib_netplan FAIL "netplan gives ibp15s0 *10.178.0.12*, not 10.178.0.11/16"
    check_is fabric_address FAIL 'no interface ibp15s0'
    check_is fabric_vf_map FAIL '*does not name 0000:bc:01.1'
}

@test "ipoib_netplan, fabric_route, fabric_vf_map: no YAML, another way, no map" {
    printf 'network: [\n' >/etc/netplan/60-ipoib.yaml
    ip route add 10.178.0.1/32 via 198.51.100.1 dev uplink0
    rm "$MAP"
    quick_fails ipoib_netplan fabric_route fabric_vf_map
    ip route delete 10.178.0.1/32
    check_is fabric_route FAIL 'a packet to 10.178.0.1 would not leave by ibp15s0: * dev uplink0 *'
    check_is fabric_vf_map FAIL '*does not name 0000:bc:00.3; *; 0000:bc:01.2'
}

@test "fabric: what the configuration leaves out is SKIP" {
    node_env GPUAAS_FABRIC_INTERFACE ''
    node_env GPUAAS_BF3_VFS ''
    with_setting FABRIC_NETWORK ''
    parity --area fabric
    for check in ipoib_netplan fabric_address fabric_route fabric_vfs fabric_vf_map; do check_is "$check" SKIP; done
    [[ ${lines[-1]} == *' failures=0 warnings='* ]]
}

# --- libvirt and storage ---

@test "libvirt, libvirt_folder: no answer, and a folder that cannot be passed through, are FAIL" {
    answer virsh '--quiet --connect qemu:///system list --all --name' '' 1
    chmod 700 /var/lib/libvirt
    quick_fails libvirt libvirt_folder
    chmod 755 /var/lib/libvirt
    check_is libvirt_folder FAIL '/var/lib/libvirt: 700, not 755'
}

@test "slot_disks: a partition, a signature, a holder, swap, unreadable, no disk, no link, the OS disk: each disk is told apart" {
    local -a ids names
    local id
    for id in 103331 10dcab 103489 10dc41 10dc98 10e101 10e115 103483; do
        ids+=("nvme-eui.000000000000000100a075244a$id")
        names+=("$(basename "$(readlink -f "/dev/disk/by-id/${ids[-1]}")")")
    done
    mkdir "/sys/block/${names[0]}/${names[0]}p1"
    echo 1 >"/sys/block/${names[0]}/${names[0]}p1/partition"
    printf 'LUKS\272\276\000\001' | dd of="/dev/${names[1]}" conv=notrunc status=none
    mkdir "/sys/block/${names[2]}/holders/md0"
    printf '/dev/%s partition 1 0 -2\n' "${names[3]}" >>/proc/swaps
    rm "/dev/${names[4]}" "/sys/block/${names[5]}" "/dev/disk/by-id/${ids[6]}"
    node_env GPUAAS_OS_DISK "/dev/disk/by-id/${ids[7]}"
    quick_fails slot_disks
    told="${ids[0]} has partitions: ${names[0]}p1; ${ids[1]} carries signatures: ${names[1]}:crypto_LUKS; ${ids[2]} is held: ${names[2]}:md0"
    told="$told; ${ids[3]} is in use by the host: ${names[3]}:swap; ${ids[4]} cannot be read; ${ids[5]} is not there"
    check_is slot_disks FAIL "$told; ${ids[6]} is not there; ${ids[7]} is the OS disk"
}

@test "slot_disks: a guest's disk may carry signatures; not where libvirt does not say whose it is; no slots are FAIL" {
    id=nvme-eui.000000000000000100a075244a103331
    name=$(basename "$(readlink -f "/dev/disk/by-id/$id")")
    printf 'LUKS\272\276\000\001' | dd of="/dev/$name" conv=notrunc status=none
    answer virsh '--quiet --connect qemu:///system list --all --name' gpuaas-slice-a
    answer virsh '--quiet --connect qemu:///system domblklist --details gpuaas-slice-a' " block disk vda /dev/disk/by-id/$id"
    quick slot_disks
    check_is slot_disks PASS "8 slot disks are there and unused by the host; $id belongs to gpuaas-slice-a"
    # libvirt that does not say whose disks these are proves nothing
    answer virsh '--quiet --connect qemu:///system list --all --name' $'gpuaas-slice-a\ngpuaas-slice-b'
    answer virsh '--quiet --connect qemu:///system domblklist --details gpuaas-slice-b' '' 1
    quick_fails slot_disks
    check_is slot_disks FAIL "$id carries signatures: $name:crypto_LUKS"
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
