"""Lint's checks with the programs they ask, real ones: those of the test image, reached through small wrappers.

Each program is shown a text that is right and one that is wrong with our own rules left out, and all cases of
tests/lint/ give the same findings with the programs as without them.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from gpuaas_scripts.checks import cloud_config, dnsmasq, netplan, tools, udev
from gpuaas_scripts.checks.base import Skip, Text
from gpuaas_scripts.checks.detect import kind_of
from gpuaas_scripts.checks.places import places
from gpuaas_scripts.lab.container import Container, Mount
from gpuaas_scripts.lab.engine import Engine

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import checks_support

Boot = Callable[..., AbstractContextManager[Container]]

pytestmark = pytest.mark.container

PROGRAMS = {
    "cloud-init": "/usr/bin/cloud-init",
    "netplan-generate": "/usr/libexec/netplan/generate",
    "dnsmasq": "/usr/sbin/dnsmasq",
    "udevadm": "/usr/bin/udevadm",
}
CHECKS = {
    "cloud": ("cloud_config", "user_data"),
    "netplan": ("netplan",),
    "dnsmasq": ("dnsmasq",),
    "udev": ("udev",),
}
CASES = [(prefix, case) for prefix in CHECKS for case in checks_support.cases(f"{prefix}-")]


@pytest.fixture(scope="module")
def programs(lab: Boot, engine: Engine) -> Iterator[Path]:
    """A folder of wrappers that run the image's programs; temporary files are in a folder that both sides see."""
    with tempfile.TemporaryDirectory(prefix="gpuaas-lint-tools-") as name:
        shared = Path(name)
        with lab(name="lint", mounts=[Mount(shared, name, writable=True)]) as container:
            container.sh("apt-get -q -y install --no-install-recommends dnsmasq-base >/dev/null 2>&1", timeout=120)
            for program, inside in PROGRAMS.items():
                container.exec(["test", "-x", inside])
                wrapper = shared / program
                words = " ".join(engine.argv("exec", "--interactive", container.name, inside))
                wrapper.write_text(f'#!/bin/sh\necho {program} >>{name}/asked\nexec {words} "$@"\n')
                wrapper.chmod(0o755)
            yield shared


@pytest.fixture
def asked(programs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], set[str]]:
    """The programs that the check of a test has asked, with nothing remembered from other tests."""
    log = programs / "asked"
    log.write_text("")
    monkeypatch.setattr(tempfile, "tempdir", str(programs))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tools, "find", lambda name: str(programs / name) if (programs / name).exists() else None)
    monkeypatch.setattr(netplan, "GENERATORS", (str(programs / "netplan-generate"),))
    return lambda: set(log.read_text().split())


def text(path: str, content: str) -> Text:
    kind, target = kind_of(path, content)
    return Text(path, content, kind, target)


CLOUD = "#cloud-config\nruncmd:\n- [echo]\nwrite_files:\n- path: /etc/x\n  permissions: {}\n"
NETPLAN = "network:\n  version: 2\n  ethernets:\n    eno1:\n      dhcp4: true\n      mtu: {}\n"
DNSMASQ = "interface=ovsbr0\ndhcp-range=10.0.0.10,10.0.0.{},12h\n"
UDEV = 'SUBSYSTEM=="net", {}\n'


@pytest.mark.parametrize(("value", "findings"), [('"0600"', 0), ("[1]", 1)])
def test_cloud_init_is_asked(asked: Callable[[], set[str]], programs: Path, value: str, findings: int) -> None:
    one = text("user-data", CLOUD.format(value))
    found = [*cloud_config._own_opinion(one, places(one.content), str(programs / "cloud-init"), set())]
    assert len(found) == findings
    assert all((finding.code, finding.location.line) == ("GS460", 6) for finding in found)
    assert asked() == {"cloud-init"}


@pytest.mark.parametrize(("value", "findings"), [("1500", 0), ("big", 1)])
def test_netplan_is_asked(asked: Callable[[], set[str]], programs: Path, value: str, findings: int) -> None:
    one = text("etc/netplan/60-x.yaml", NETPLAN.format(value))
    found = [*netplan._own_opinion(one, str(programs / "netplan-generate"), set())]
    assert len(found) == findings
    assert all(not isinstance(item, Skip) and item.location.line == 6 for item in found)
    assert asked() == {"netplan-generate"}


@pytest.mark.parametrize(("value", "findings"), [("20", 0), ("999", 1)])
def test_dnsmasq_is_asked(asked: Callable[[], set[str]], programs: Path, value: str, findings: int) -> None:
    one = text("etc/dnsmasq.d/x.conf", DNSMASQ.format(value))
    found = [*dnsmasq._own_opinion(one, str(programs / "dnsmasq"), set())]
    assert [finding.location.line for finding in found] == [2] * findings
    assert asked() == {"dnsmasq"}


@pytest.mark.parametrize(("value", "findings"), [('NAME="eth7"', 0), ('NAME~"eth7"', 1)])
def test_udev_is_asked(asked: Callable[[], set[str]], programs: Path, value: str, findings: int) -> None:
    one = text("etc/udev/rules.d/60-x.rules", UDEV.format(value))
    found = [*udev._own_opinion(one, str(programs / "udevadm"), set())]
    assert len([finding for finding in found if finding.severity == "error"]) == findings
    assert asked() == {"udevadm"}


@pytest.mark.parametrize(("prefix", "case"), CASES, ids=[case.name for _, case in CASES])
def test_cases_say_the_same_with_the_programs(asked: Callable[[], set[str]], prefix: str, case: Path) -> None:
    checks_support.judge(case, CHECKS[prefix], with_tools=True)
    assert asked() <= set(PROGRAMS)
