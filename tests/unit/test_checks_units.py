"""systemd units: every case without and with systemd-analyze, and what is taken from its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import checks_support
import pytest

from gpuaas_scripts.checks import tools, unit
from gpuaas_scripts.checks.base import Text, TextKind
from gpuaas_scripts.checks.unit_file import read

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

PLACE = "profiles/p/root/etc/systemd/system"
MINIMAL = "[Service]\nExecStart=/usr/bin/true\n"
needs_systemd = pytest.mark.skipif(tools.find("systemd-analyze") is None, reason="systemd-analyze is not installed")


@pytest.mark.parametrize("case", checks_support.cases("unit-"), ids=lambda case: case.name)
def test_case_without_systemd(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks_support.alone(monkeypatch)
    checks_support.judge(case, ("unit",))


@needs_systemd
@pytest.mark.parametrize("case", checks_support.cases("unit-"), ids=lambda case: case.name)
def test_case_with_systemd(case: Path) -> None:
    checks_support.judge(case, ("unit",), with_tools=True)


def test_without_systemd_there_is_a_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    checks_support.alone(monkeypatch)
    assert [skip.package for skip in checks_support.skips("unit", {f"{PLACE}/a.service": MINIMAL})] == ["systemd"]
    assert checks_support.skips("unit", {"etc/sysctl.d/a.conf": "a.b=1\n"}) == []


@needs_systemd
def test_systemd_sees_the_units_of_the_tree_and_none_of_this_machine() -> None:
    wants = "[Unit]\nRequires=other.service systemd-networkd.service\n" + MINIMAL
    alone = checks_support.found("unit", {f"{PLACE}/a.service": wants})
    assert "GS470" in {one.code for one in alone}
    both = checks_support.found("unit", {f"{PLACE}/a.service": wants, f"{PLACE}/other.service": MINIMAL})
    assert {one.code for one in both} == {"GS473"}


@needs_systemd
def test_a_drop_in_changes_the_unit_of_the_distribution() -> None:
    files = {f"{PLACE}/dnsmasq.service.d/a.conf": "[Service]\nTypo=1\n"}
    (told,) = checks_support.found("unit", files)
    assert (told.code, str(told.location)) == ("GS470", f"{PLACE}/dnsmasq.service.d/a.conf:2:1")


@needs_systemd
def test_exposure_is_told_from_the_limit_on(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{PLACE}/a.service": MINIMAL}
    assert [one.code for one in checks_support.found("unit", files)] == ["GS473"]
    monkeypatch.setattr(unit, "EXPOSURE_LIMIT", 10.1)
    assert checks_support.found("unit", files) == []


def test_continued_lines_and_places() -> None:
    content = "[Service]\nExecStart = /bin/a \\\n  # between\n  --two\nEnvironment=\n"
    one = read(Text(f"{PLACE}/a.service", content, TextKind.UNIT, "/etc/systemd/system/a.service"))
    command = one.commands[0]
    assert (command.value, command.line, command.column) == ("/bin/a --two", 2, 13)
    assert [setting.key for setting in one.settings] == ["ExecStart", "Environment"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ExecStart=-/opt/x/y", None),
        ("ExecStart=/opt/x/y", "GS471"),
        ("ExecStart=!/opt/x/y", "GS471"),
        ("ExecStart=/bin/systemctl start x", None),
        ("ExecStart=/sbin/systemctl link", "GS471"),
        ("ExecStart=/usr/bin/some-program-of-a-package", None),
        ('ExecStart=/bin/sh -c "a | b > c && d"', None),
        ("ExecStart=/bin/sh -c true | tee", "GS474"),
        ("ExecStart=/usr/bin/env A=b python3 -m x --flag=<x>", None),
        ("ExecStart=/usr/bin/env X=$(hostname) true", "GS474"),
        ("Description=a # b", None),
        ("Environment=A=b # c", "GS474"),
        ("Environment='A=b # c'", None),
    ],
)
def test_lines(line: str, code: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    checks_support.alone(monkeypatch)
    section = "[Unit]" if line.startswith("Description") else "[Service]"
    content = f"{section}\n{line}\n" + ("[Service]\nExecStart=/usr/bin/true\n" if section == "[Unit]" else "")
    assert {one.code for one in checks_support.found("unit", {f"{PLACE}/a.service": content})} == ({code} - {None})


def test_an_executable_of_the_same_tree_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    checks_support.alone(monkeypatch)
    files = {f"{PLACE}/a.service": "[Service]\nExecStart=/usr/local/sbin/mine\n"}
    assert [one.code for one in checks_support.found("unit", files)] == ["GS471"]
    assert checks_support.found("unit", {**files, "profiles/p/root/usr/local/sbin/mine": "#!/bin/sh\n"}) == []
    data = "#cloud-config\nwrite_files:\n  - path: /usr/local/sbin/mine\n    content: x\n"
    assert checks_support.found("unit", {**files, "profiles/p/user-data.yaml": data}) == []
