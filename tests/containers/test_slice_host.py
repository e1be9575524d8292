"""A whole deployment of site `example`: boot with the assembled user data, one reboot, and a slice host that stays one.

Real: cloud-init, apt (from the image's repository), GRUB's and the initramfs's tools, systemd, Open vSwitch, dnsmasq,
iptables, libvirt. Played by tests/containers/machine: PCI devices and their drivers, the card, the kernel's command line.
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
from gpuaas_scripts.lab import container as lab_container
from gpuaas_scripts.lab.container import Container
from gpuaas_scripts.lab.hosts import FixtureHost, load_host

Boot = Callable[..., AbstractContextManager[Container]]

pytestmark = pytest.mark.container

HERE = Path(__file__).parent
REPO = HERE.parents[1]
NODE = "ex-slice-1"
BOOTSTRAP = "/usr/local/sbin/gpuaas-slice-host-bootstrap"
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
    return load_host(folder)


def site_for_a_container(folder: Path) -> bytes:
    """User data of the example's first node; Open vSwitch in user space, since this kernel lacks the module."""
    shutil.copytree(REPO / "site-configs", folder / "site-configs")
    path = folder / "site-configs/sites/example.yaml"
    text = path.read_text()
    for old, new in (
        ("      bridge:\n", "      bridge:\n        datapath: netdev\n"),
        ("    kernel:\n", "    kernel:\n      reboot_if_required: true\n"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    path.write_text(text)
    return user_data(plan(load_site("example", folder)), NODE)


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


def test_a_machine_becomes_a_slice_host_and_stays_one(
    lab: Boot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab_container, "BOOT_TIMEOUT", 600.0)
    content = site_for_a_container(tmp_path / "site")
    host = the_host(tmp_path / "host")
    with lab(host=host, seed=seed(tmp_path / "seed", content), name="slice-host", allow_degraded=True) as machine:
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

        before = snapshot(machine)
        assert " changes=0 " in summary(bootstrap(machine))
        assert snapshot(machine) == before, "a second run changed something"

        machine.restart()
        after = snapshot(machine)
        assert after.splitlines()[:-1] == before.splitlines()[:-1]
        assert machine.read("/var/lib/lab-boots").split() == ["boot"] * 3

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
