"""A whole deployment of site `example`: boot with the assembled user data, one reboot, and a slice host that stays one.

Real: cloud-init, apt (from the image's repository), GRUB's and the initramfs's tools, systemd, Open vSwitch, dnsmasq,
iptables, libvirt, the parity check's packets. Played by tests/containers/machine: PCI devices and their drivers, the
card, the kernel's command line.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from test_deployment import seed, status

from gpuaas_scripts import load_site, plan, user_data
from gpuaas_scripts.cli.secret_part import Sent, added
from gpuaas_scripts.lab import container as lab_container
from gpuaas_scripts.lab.container import Container
from gpuaas_scripts.lab.hosts import FixtureHost, load_host
from gpuaas_scripts.secret_files import NODE_AGENT_SECRET, secret_files

Boot = Callable[..., AbstractContextManager[Container]]

pytestmark = pytest.mark.container

HERE = Path(__file__).parent
REPO = HERE.parents[1]
NODE = "ex-slice-1"
BOOTSTRAP = "/usr/local/sbin/gpuaas-slice-host-bootstrap"
VARIABLE = "EXAMPLE_ENROLMENT"
SECRET = "enrolment: 'it' \\ $secret é"
UNITS = (
    "gpuaas-slice-host-bootstrap.service",
    "gpuaas-slice-vfio-bind.service",
    "gpuaas-slice-network-baseline.service",
    "gpuaas-slice-fabric-vfs.service",
    "gpuaas-slice-network-repair.timer",
    "libvirtd.service",
    "dnsmasq.service",
)


def the_host(folder: Path) -> FixtureHost:
    """The fixture host j22u05 with what makes a container boot as that machine."""
    shutil.copytree(REPO / "tests/hosts/j22u05-after-bios", folder, symlinks=True)
    root = folder / "root"
    (root / "proc/cmdline").write_text("BOOT_IMAGE=/boot/vmlinuz ro\n")
    units = root / "etc/systemd/system"
    (units / "sysinit.target.wants").mkdir(parents=True)
    shutil.copy(HERE / "machine/lab-machine.service", units)
    (units / "sysinit.target.wants/lab-machine.service").symlink_to("../lab-machine.service")
    for name in ("sbin/lab-machine", "bin/modprobe", "bin/modinfo", "bin/ip", "bin/mstconfig", "sbin/grub-probe"):
        place = root / "usr" / (name if name == "sbin/grub-probe" else f"local/{name}")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / "machine/lab-machine", place)
    shutil.rmtree(folder / "commands/modprobe", ignore_errors=True)
    port = root / "sys/class/infiniband/mlx5_9/ports/1"
    port.mkdir(parents=True)
    (port / "state").write_text("4: ACTIVE\n")
    by_id = root / "dev/disk/by-id"
    shutil.rmtree(by_id)
    by_id.mkdir()
    disks = ["nvme0n1", "nvme1n1", "nvme2n1", "nvme3n1", "nvme5n1", "nvme6n1", "nvme7n1", "nvme8n1"]
    for number, disk in enumerate(disks):  # as ex-slice-1 names them
        (by_id / f"nvme-eui.0000000000000000e80000010000000{number}").symlink_to(f"../../{disk}")
    (by_id / "nvme-eui.0000000000000000e8000001ffffffff").symlink_to("../../nvme4n1")
    return load_host(folder)


def site_for_a_container(folder: Path) -> Sent:
    """User data of the example's first node as `gpuaas-gen deploy` sends it, with the secret of the environment.

    Open vSwitch in user space, since this kernel lacks the module.
    """
    shutil.copytree(REPO / "site-configs", folder / "site-configs")
    path = folder / "site-configs/sites/example.yaml"
    text = path.read_text()
    for old, new in (
        ("      bridge:\n", "      bridge:\n        datapath: netdev\n"),
        ("    kernel:\n", "    kernel:\n      reboot_if_required: true\n"),
        ("    nvswitch:\n", f"    node_agent: {{enrolment: env:{VARIABLE}}}\n    nvswitch:\n"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    planned = plan(load_site("example", folder))
    return added(user_data(planned, NODE), secret_files(planned, NODE))


def snapshot(machine: Container) -> str:
    """All that the bootstrap makes, as text."""
    return machine.sh(
        f"""
        for unit in {" ".join(UNITS)}; do systemctl show -p Id,UnitFileState,ActiveState "$unit"; done
        for device in /sys/bus/pci/devices/*; do echo "$device $(basename "$(readlink "$device/driver")")"; done
        dpkg-query -W -f '${{Package}} ${{db:Status-Abbrev}}\\n'
        find /etc /usr/local /var/lib/gpuaas /boot -xdev -type f ! -path '/etc/ssh/*' \
            ! -name '*-' ! -name 'ld.so.cache' ! -path '/etc/openvswitch/*' ! -name 'initrd.img-*' \
            -exec sha256sum {{}} + | sort -k 2
        iptables -t nat -S POSTROUTING
        ip -4 -o address show | awk '{{ print $2, $4 }}' | sort
        ovs-vsctl list-br
        grep -c . /var/lib/lab-boots
        """,
        timeout=120,
    ).stdout


def bootstrap(machine: Container) -> str:
    """Run it by hand; its evidence."""
    done = machine.exec([BOOTSTRAP], check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def summary(evidence: str) -> str:
    return evidence.splitlines()[-1]


AGENT = """#!/bin/sh
[ "${1:-}" != --version ] || { echo "gpuaas-node-agent version=1.0 built_at=2026-04-17T11:21:12Z"; exit 0; }
exec /bin/sh -c 'while :; do sleep 3600; done' /usr/local/bin/gpuaas-node-agent
"""


def install_agent(machine: Container) -> None:
    """A node agent that does nothing, by the installer."""
    machine.write("/root/agent", AGENT, mode="0755")
    machine.sh(
        "/usr/local/sbin/gpuaas-node-agent-install --binary /root/agent --version 1.0 "
        '--sha256 "$(sha256sum /root/agent | cut -c 1-64)"',
        timeout=120,
    )


def assert_secret(machine: Container, sent: Sent) -> None:
    """cloud-init wrote the enrolment secret for root alone, and shows it to nobody else."""
    assert machine.read(NODE_AGENT_SECRET) == SECRET
    assert machine.exec(["stat", "-c", "%a %U:%G", NODE_AGENT_SECRET]).stdout.strip() == "600 root:root"
    logs = machine.sh("cat /var/log/cloud-init*.log; journalctl -b --no-pager -o cat", timeout=60).stdout
    assert "cloud-init" in logs
    assert len(sent.hidden) == 2, "the secret, and as user data holds it"
    assert not [text for text in sent.hidden if text in logs]
    machine.write("/root/hidden", "\n".join(sent.hidden), mode="0600")
    others = machine.sh(
        "find /etc /run /usr/local /var/lib/cloud -path /var/lib/cloud/seed -prune -o "
        "-type f -perm /077 -exec grep -l -F -f /root/hidden {} + || true"
    )
    assert others.stdout == "", "others can read the secret"


def assert_parity(machine: Container) -> None:
    """The parity check finds nothing wrong."""
    done = machine.exec(["/usr/local/sbin/gpuaas-slice-parity-check"], check=False, timeout=300)
    assert " failures=0 " in summary(done.stdout), done.stdout + done.stderr


def test_a_machine_becomes_a_slice_host_and_stays_one(
    lab: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab_container, "BOOT_TIMEOUT", 600.0)
    monkeypatch.setenv(VARIABLE, SECRET)
    sent = site_for_a_container(tmp_path / "site")
    host = the_host(tmp_path / "host")
    with lab(
        host=host, seed=seed(tmp_path / "seed", sent.user_data), name="slice-host", allow_degraded=True
    ) as machine:
        answer = status(machine)
        assert (answer["status"], answer["errors"]) == ("done", []), machine.read("/var/log/cloud-init-output.log")
        states = machine.sh(f"systemctl is-active {' '.join(UNITS)} || true").stdout.split()
        journal = machine.sh("journalctl -b --no-pager -o cat -u 'gpuaas-*'").stdout
        assert states == ["active"] * len(UNITS), journal
        assert machine.failed_units == (), journal
        assert machine.read("/var/lib/lab-boots").split() == ["boot"] * 2, "one reboot, no more"
        assert machine.read("/var/lib/gpuaas/bootstrap/rebooted")
        for address in ("0000:1b:00.0", "0000:da:00.0"):
            assert machine.sh(f"readlink /sys/bus/pci/devices/{address}/driver").stdout.strip().endswith("/vfio-pci")
        listed = machine.sh('lsinitramfs "/boot/initrd.img-$(uname -r)"', timeout=120).stdout
        assert "etc/udev/rules.d/70-gpuaas-vfio.rules" in listed.split()

        assert_secret(machine, sent)
        install_agent(machine)
        assert_parity(machine)

        before = snapshot(machine)
        assert " changes=0 " in summary(bootstrap(machine))
        assert snapshot(machine) == before, "a second run changed something"

        machine.restart()
        after = snapshot(machine)
        assert after.splitlines()[:-1] == before.splitlines()[:-1]
        assert machine.read("/var/lib/lab-boots").split() == ["boot"] * 3
        assert_secret(machine, sent)
        assert_parity(machine)

        killed_anywhere(machine, after)


def killed_anywhere(machine: Container, wanted: str) -> None:
    """Take some of it back, kill a run at a random point, run it again: the same end."""
    delays = random.Random(machine.name)  # noqa: S311 - the name is told when the test fails
    for _ in range(3):
        delay = delays.uniform(0.1, 6.0)
        machine.sh(
            f"""
            dpkg -r --force-all virtinst cloud-image-utils >/dev/null 2>&1
            rm -rf /var/lib/gpuaas/bootstrap/complete /boot/grub/grub.cfg /etc/udev/rules.d/70-gpuaas-vfio.rules
            systemctl stop gpuaas-slice-vfio-bind.service gpuaas-slice-network-baseline.service
            ovs-vsctl --if-exists del-br ovsbr0
            systemd-run --quiet --unit=victim {BOOTSTRAP}
            sleep {delay:.2f}
            systemctl kill --signal=KILL victim.service || true
            systemctl reset-failed victim.service 2>/dev/null || true
            """,
            timeout=120,
        )
        bootstrap(machine)
        seen = snapshot(machine)
        assert seen == wanted, f"after {delay:.2f} s"
