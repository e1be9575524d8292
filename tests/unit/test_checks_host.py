"""Files of hosts: netplan, dnsmasq, grub, sysctl, modprobe, udev, data files, node.env."""

from __future__ import annotations

from pathlib import Path

import checks_support
import pytest

from gpuaas_scripts.checks import dnsmasq, grub, netplan, tools, udev
from gpuaas_scripts.checks.base import Text, TextKind

pytestmark = pytest.mark.process

PREFIXES = ("netplan-", "dnsmasq-", "grub-", "sysctl-", "modprobe-", "udev-", "data-", "env-")
CHECKS = ("netplan", "dnsmasq", "grub", "sysctl", "modprobe", "udev", "data_formats", "node_env")
NETPLAN = "nodes/n/root/etc/netplan/60-x.yaml"
DNSMASQ = "profiles/p/root/etc/dnsmasq.d/x.conf"
GRUB = "profiles/p/root/etc/default/grub.d/90-x.cfg"
UDEV = "profiles/p/root/etc/udev/rules.d/60-x.rules"
VALID = "network:\n  version: 2\n  ethernets:\n    eno1:\n      dhcp4: true\n"


@pytest.mark.parametrize("case", checks_support.cases(*PREFIXES), ids=lambda case: case.name)
def test_case_without_other_programs(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks_support.alone(monkeypatch)
    checks_support.judge(case, CHECKS)


@pytest.mark.parametrize(
    ("check", "path", "content", "package"),
    [
        ("netplan", NETPLAN, VALID, "netplan.io"),
        ("dnsmasq", DNSMASQ, "interface=br0\n", "dnsmasq-base"),
        ("udev", UDEV, 'KERNEL=="x", MODE="0660"\n', "udev"),
    ],
)
def test_a_missing_program_is_a_skip(
    check: str, path: str, content: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks_support.alone(monkeypatch)
    assert [skip.package for skip in checks_support.skips(check, {path: content})] == [package]
    assert checks_support.skips(check, {"other.json": "{}"}) == []


def _unremembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "remembered", lambda check, source, version, content, ask: ask())


def test_what_netplan_refuses_beyond_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "$2/etc/netplan/60-lint.yaml:4:5: Error in network definition: no such thing"
    program = checks_support.program(tmp_path, "generate", f'echo "{said}" >&2\nexit 1')
    monkeypatch.setattr(netplan, "GENERATORS", ("/nowhere", program))
    _unremembered(monkeypatch)
    (told,) = checks_support.found("netplan", {NETPLAN: VALID})
    assert (str(told.location), told.message) == (f"{NETPLAN}:4:5", "netplan refuses it: no such thing")
    other = checks_support.program(tmp_path, "other", f'echo "{said.replace("no such thing", "x is not defined")}" >&2')
    monkeypatch.setattr(netplan, "GENERATORS", (other,))
    assert checks_support.found("netplan", {NETPLAN: VALID}) == []
    assert len(checks_support.skips("netplan", {NETPLAN: VALID})) == 1


def test_netplans_command_is_never_started() -> None:
    """`netplan generate` would reload the systemd of the machine that lints."""
    assert all(path.endswith("/generate") for path in netplan.GENERATORS)


@pytest.mark.parametrize(
    ("old", "new", "fits"),
    [
        ("x", "x", True),
        ("10.0.0.2/24", "10.0.0.3/25", True),
        ("10.0.0.2/24", "10.0.0.300/24", False),
        ("10.0.0.2/24", "10.0.0.2/33", False),
        ("1500", "20", False),
        ("52:54:00:12:34:56", "52:54:00:99:99:99", True),
        ("fd00::2/64", "fd00::3/999", False),
    ],
)
def test_values_of_files_of_one_shape_are_looked_at(old: str, new: str, fits: bool) -> None:
    content = (
        "network:\n  # 10.0.0.999\n  a: [10.0.0.2/24, 'fd00::2/64']\n  mtu: 1500\n  macaddress: 52:54:00:12:34:56\n"
    )
    assert netplan._values_fit(Text("x", content.replace(old, new), TextKind.NETPLAN)) is fits


def test_what_dnsmasq_and_udevadm_say_beyond(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        '[ "$1" = --version ] && { echo 257; exit 0; }\n'
        'echo "dnsmasq: strange at line 2 of x" >&2\necho "$3:2 style: strange." >&2\nexit 1'
    )
    program = checks_support.program(tmp_path, "both", script)
    monkeypatch.setattr(tools, "find", lambda name: program)
    _unremembered(monkeypatch)
    (told,) = checks_support.found("dnsmasq", {DNSMASQ: "interface=br0\nno-hosts\n"})
    assert (told.location.line, told.message) == (2, "dnsmasq refuses it: strange")
    (told,) = checks_support.found("udev", {UDEV: '# x\nKERNEL=="x", MODE="0660"\n'})
    assert (told.location.line, told.message) == (2, "udevadm: strange")
    assert len(checks_support.found("dnsmasq", {DNSMASQ: "interface=br0\nno-hoosts\n"})) == 1, "told once"


def test_an_old_udevadm_is_a_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = checks_support.program(tmp_path, "udevadm", "echo 252")
    monkeypatch.setattr(tools, "find", lambda name: program)
    assert [skip.package for skip in checks_support.skips(udev.NAME, {UDEV: ""})] == ["udev"]


@pytest.mark.parametrize("case", checks_support.cases("dnsmasq-"), ids=lambda case: case.name)
@pytest.mark.skipif(tools.find("dnsmasq") is None, reason="dnsmasq is not installed")
def test_case_with_dnsmasq(case: Path) -> None:
    checks_support.judge(case, ("dnsmasq",))


@pytest.mark.parametrize("case", checks_support.cases("netplan-"), ids=lambda case: case.name)
@pytest.mark.skipif(netplan.generator() is None, reason="netplan is not installed")
def test_case_with_netplan(case: Path) -> None:
    checks_support.judge(case, ("netplan",))


def test_every_option_that_the_generator_writes_is_known() -> None:
    assert {"interface", "bind-dynamic", "except-interface", "dhcp-range"} <= set(dnsmasq._options())


@pytest.mark.parametrize(
    "line",
    [
        "touch {0}",
        "/usr/bin/touch {0}",
        ": >{0}",
        "x=$(touch {0})",
        "grep() {{ touch {0}; }}\ngrep x",
        "eval 'touch {0}'",
        "trap 'touch {0}' EXIT",
    ],
)
def test_a_grub_file_cannot_do_anything_here(line: str, tmp_path: Path) -> None:
    """A file is run only where its syntax tree holds nothing but harmless commands, and without a PATH."""
    marker = tmp_path / "marker"
    answers = [*checks_support.found("grub", {GRUB: line.format(marker) + "\n"})]
    answers += checks_support.skips("grub", {GRUB: line.format(marker) + "\n"})  # type: ignore[arg-type]
    assert answers
    assert not marker.exists()


def test_grub_files_are_sourced_with_both_answers_of_their_commands() -> None:
    good = 'if grep -q x /y; then\n  GRUB_CMDLINE_LINUX="${GRUB_CMDLINE_LINUX:-} a"\nfi\n'
    bad = 'if grep -q x /y; then\n  :\nelse\n  GRUB_CMDLINE_LINUX="a"\nfi\n'
    assert checks_support.found("grub", {GRUB: good}) == []
    (told,) = checks_support.found("grub", {GRUB: bad})
    assert told.location.line == 4


def test_without_dash_there_is_a_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grub.shutil, "which", lambda name: None)
    assert [skip.package for skip in checks_support.skips("grub", {GRUB: "GRUB_TIMEOUT=1\n"})] == ["dash"]


@pytest.mark.parametrize(
    ("line", "bad"),
    [
        ("net.ipv4.conf.all.rp_filter = 0", False),
        ("net.ipv4.conf.all.rp_filtr = 0", False),  # interfaces may have any name; leaves are not all known
        ("net.ipv4.tcp_fastopen = 0x3", False),
        ("vm.nr_hugepages = 1G", True),
        ("kernel.unknown_setting = some text", False),
        ("net.core.unknown = 4M", True),
        ("vm.swapiness = 1", True),
        ("-unknown.key = 1", True),
    ],
)
def test_sysctl_lines(line: str, bad: bool) -> None:
    assert bool(checks_support.found("sysctl", {"profiles/p/root/etc/sysctl.d/x.conf": f"{line}\n"})) is bad


@pytest.mark.parametrize("content", ['{"a": {"b": 1}, "b": [{"a": 1}, {"a": 2}]}', '{"a:b": 1, "a": ":"}', "[]", '"x"'])
def test_json_without_a_key_twice(content: str) -> None:
    assert checks_support.found("data_formats", {"x.json": content}) == []


def test_lists_of_options_and_keys_are_those_of_the_data_files() -> None:
    assert netplan._keys()["top"]
    assert "dhcp4" in netplan._keys()["ethernets"]
    assert Path(netplan.__file__).with_name("data").joinpath("README.md").is_file()
