"""The real parts that scripts are tested on work in the container: network, switch, disks, apt, netplan, cloud-init."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from gpuaas_scripts.lab.container import Container

Boot = Callable[..., AbstractContextManager[Container]]

pytestmark = pytest.mark.container

NAT = """
sysctl -q -w net.ipv4.ip_forward=1
for side in guest outside; do
    ip netns add $side
    ip link add to-$side type veth peer name eth0 netns $side
    ip -n $side link set eth0 up
    ip link set to-$side up
done
ip addr add 10.100.0.1/24 dev to-guest
ip addr add 192.0.2.1/24 dev to-outside
ip -n guest addr add 10.100.0.2/24 dev eth0
ip -n guest route add default via 10.100.0.1
ip -n outside addr add 192.0.2.2/24 dev eth0
"""


def test_nat_carries_a_packet_and_without_the_rule_it_does_not(lab: Boot) -> None:
    ping = ["ip", "netns", "exec", "guest", "ping", "-c", "1", "-W", "1", "192.0.2.2"]
    with lab() as machine:
        machine.sh(NAT)
        # 192.0.2.2 has no route back to 10.100.0.0/24: only a masqueraded packet gets an answer.
        assert machine.exec(ping, check=False).returncode == 1
        machine.exec(["iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "10.100.0.0/24", "-j", "MASQUERADE"])
        assert "-A POSTROUTING -s 10.100.0.0/24 -j MASQUERADE" in machine.exec(["iptables", "-t", "nat", "-S"]).stdout
        machine.exec(ping)


def test_open_vswitch_switches_between_ports_in_userspace(lab: Boot) -> None:
    with lab() as machine:
        machine.sh(
            "ovs-vsctl --timeout=5 add-br ovsbr0 -- set bridge ovsbr0 datapath_type=netdev\n"
            "ip addr add 10.100.0.1/24 dev ovsbr0 && ip link set ovsbr0 up\n"
            "ip netns add guest && ip link add vnet0 type veth peer name eth0 netns guest\n"
            "ip link set vnet0 up && ip -n guest addr add 10.100.0.2/24 dev eth0 && ip -n guest link set eth0 up\n"
            "ovs-vsctl --timeout=5 add-port ovsbr0 vnet0\n"
        )
        machine.exec(["ip", "netns", "exec", "guest", "ping", "-c", "1", "-W", "2", "10.100.0.1"])
        machine.restart()
        # As on a host: the bridge comes back from the database, its address does not.
        assert machine.exec(["ovs-vsctl", "--timeout=5", "list-br"]).stdout == "ovsbr0\n"
        assert "10.100.0.1" not in machine.exec(["ip", "-o", "addr"]).stdout


def test_a_loop_disk_takes_a_filesystem(machine: Container) -> None:
    machine.sh(
        "truncate -s 16M /root/disk && dev=$(losetup -f --show /root/disk)\n"
        "mkfs.ext4 -q $dev && mount $dev /mnt && echo text >/mnt/file && umount /mnt\n"
        "mount -o ro $dev /mnt && grep -q text /mnt/file && umount /mnt && losetup -d $dev"
    )


def test_apt_installs_dnsmasq_without_a_network(lab: Boot) -> None:
    with lab() as machine:
        assert machine.exec(["dpkg-query", "-W", "dnsmasq"], check=False).returncode == 1
        # Its first start clashes with systemd-resolved, as on a host, unless the configuration comes first.
        machine.write("/etc/dnsmasq.d/lab.conf", "interface=lo0\nbind-dynamic\nexcept-interface=lo\nport=0\n")
        machine.exec(["apt-get", "-q", "update"])
        env = {"DEBIAN_FRONTEND": "noninteractive"}
        machine.exec(["apt-get", "-q", "-y", "install", "dnsmasq"], env=env, timeout=120)
        assert machine.exec(["systemctl", "is-active", "dnsmasq"]).stdout == "active\n"


def test_the_local_repository_is_the_only_source_and_its_signature_is_checked(lab: Boot) -> None:
    with lab() as machine:
        assert "Err:" not in machine.exec(["apt-get", "update"]).stdout
        sources = machine.sh("cat /etc/apt/sources.list.d/* /etc/apt/sources.list 2>/dev/null || true").stdout
        assert [line.split()[2] for line in sources.splitlines()] == ["file:/srv/gpuaas-apt"]
        assert "trusted=yes" not in sources
        machine.sh("sed -i s/gpuaas-lab/gpuaas-bad/ /srv/gpuaas-apt/InRelease")
        machine.sh("rm -rf /var/lib/apt/lists/*")
        assert machine.exec(["apt-get", "-q", "update"], check=False).returncode != 0


def test_netplan_generates(lab: Boot) -> None:
    config = "network:\n  version: 2\n  ethernets:\n    ibp26s0:\n      addresses: [10.0.0.1/24]\n"
    with lab() as machine:
        machine.write("/etc/netplan/60-test.yaml", config, mode="0600")
        machine.exec(["netplan", "generate"])
        assert "Address=10.0.0.1/24" in machine.sh("cat /run/systemd/network/*ibp26s0*").stdout
        machine.write("/etc/netplan/60-test.yaml", config.replace("10.0.0.1/24", "10.0.0.1/240"), mode="0600")
        assert machine.exec(["netplan", "generate"], check=False).returncode != 0


USER_DATA = """\
Content-Type: multipart/mixed; boundary="==part=="
MIME-Version: 1.0

--==part==
Content-Type: text/cloud-config

#cloud-config
write_files:
  - path: /etc/gpuaas/profile.env
    permissions: '0600'
    content: |
      PROFILE='slice-vm'

--==part==
Content-Type: text/cloud-config

#cloud-config
merge_how: 'list(append)+dict(recurse_array)+str()'
write_files:
  - path: /etc/gpuaas/node.env
    permissions: '0600'
    content: |
      NODE='n1'

--==part==--
"""


def test_cloud_init_takes_a_multi_part_seed(lab: Boot, tmp_path: Path) -> None:
    (tmp_path / "meta-data").write_text("instance-id: i-1\nlocal-hostname: n1\n")
    (tmp_path / "user-data").write_text(USER_DATA)
    with lab(seed=tmp_path) as machine:
        assert "status: done" in machine.exec(["cloud-init", "status", "--wait"], timeout=60).stdout
        assert machine.read("/etc/gpuaas/profile.env") == "PROFILE='slice-vm'\n"
        assert machine.read("/etc/gpuaas/node.env") == "NODE='n1'\n"
        assert machine.exec(["stat", "-c", "%a %U", "/etc/gpuaas/node.env"]).stdout == "600 root\n"
        assert machine.exec(["hostname"]).stdout == "n1\n"


def test_without_a_seed_cloud_init_does_nothing(machine: Container) -> None:
    assert "disabled" in machine.exec(["cloud-init", "status"], check=False).stdout
