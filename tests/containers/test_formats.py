"""Rendered formats as their own programs read them: systemd, netplan, dnsmasq, sysctl."""

from __future__ import annotations

import sys
from base64 import b64decode
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from gpuaas_scripts.lab.container import Container

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from test_quote_shells import systemd_roundtrip_cases

Boot = Callable[..., AbstractContextManager[Container]]

pytestmark = pytest.mark.container

VALUES = 1000


def test_systemd_hands_over_every_value_exactly(machine: Container) -> None:
    """A running systemd reads arguments and environment of rendered units as they were meant."""
    for number, case in enumerate(systemd_roundtrip_cases("/run/seen", count=VALUES)):
        machine.write(f"/run/systemd/system/roundtrip-{number}.service", case.unit)
        machine.sh(f": >/run/seen && systemctl daemon-reload && systemctl start roundtrip-{number}.service")
        shown = machine.exec(
            ["systemctl", "show", "-p", "Description", "--value", f"roundtrip-{number}.service"]
        ).stdout
        assert shown.rstrip("\n") == case.description
        seen = b64decode(machine.exec(["base64", "-w0", "/run/seen"]).stdout).decode().split("\0")[:-1]
        assert seen[: len(case.arguments)] == case.arguments
        environment = dict(entry.split("=", 1) for entry in seen[len(case.arguments) :])
        assert {name: environment.get(name) for name in case.environment} == case.environment


def test_netplan_makes_of_the_ipoib_file_what_it_says(machine: Container, generated: Path) -> None:
    file = generated / "example/nodes/ex-slice-1/root/etc/netplan/60-ipoib.yaml"
    machine.sh("ip link add ibp15s0 type veth peer name ibp-peer")
    waits = "/run/systemd/system/systemd-networkd-wait-online.service.d/10-netplan.conf"
    machine.write("/etc/netplan/60-ipoib.yaml", file.read_text())
    machine.sh("chmod 0600 /etc/netplan/60-ipoib.yaml && netplan generate")
    text = machine.read("/run/systemd/network/10-netplan-ibp15s0.network")
    for line in ("Address=10.178.0.11/16", "MTUBytes=2044", "Mode=datagram", "LinkLocalAddressing=no"):
        assert f"{line}\n" in text
    assert "ibp15s0" not in machine.read(waits)  # optional: the boot does not wait for the fabric
    machine.write("/etc/netplan/60-ipoib.yaml", file.read_text().replace("optional: true", "optional: false"))
    machine.sh("netplan generate")
    assert "ibp15s0" in machine.read(waits)


def test_netplan_refuses_a_file_that_is_wrong(machine: Container, generated: Path) -> None:
    file = generated / "lab/nodes/lab-slice-1/root/etc/netplan/60-ipoib.yaml"
    machine.write("/etc/netplan/60-ipoib.yaml", file.read_text().replace("datagram", "datagrams"))
    assert machine.exec(["netplan", "generate"], check=False).returncode != 0
    machine.exec(["rm", "/etc/netplan/60-ipoib.yaml"])


def test_systemd_finds_nothing_wrong_with_the_rendered_units(machine: Container, generated: Path) -> None:
    root = generated / "example/profiles/slice-vm/root"
    unit = "gpuaas-slice-network-baseline.service"
    machine.write(f"/etc/systemd/system/{unit}", (root / f"etc/systemd/system/{unit}").read_text())
    missing = machine.exec(["systemd-analyze", "verify", f"/etc/systemd/system/{unit}"], check=False)
    assert "is not executable" in missing.stderr  # the other colour: its script is not there yet
    machine.write("/usr/local/sbin/gpuaas-slice-network-baseline", "#!/bin/sh\n")
    machine.exec(["chmod", "0755", "/usr/local/sbin/gpuaas-slice-network-baseline"])
    done = machine.exec(["systemd-analyze", "verify", f"/etc/systemd/system/{unit}"], check=False)
    assert (done.returncode, done.stderr) == (0, "")
