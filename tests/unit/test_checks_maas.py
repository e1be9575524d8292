"""The MAAS check of lint beyond the corpus: reading as MAAS does, tools that change things, sites, and limits."""

from __future__ import annotations

from pathlib import Path

import lint_support
import pytest

from gpuaas_scripts.checks import maas_metadata
from gpuaas_scripts.checks.base import Text, TextKind, Tree
from gpuaas_scripts.checks.maas_rules_block import Script, block_of
from gpuaas_scripts.checks.maas_rules_tools import Change, change_of, restarts
from gpuaas_scripts.checks.shell_calls import DYNAMIC, Call
from gpuaas_scripts.errors import Finding
from gpuaas_scripts.maas.metadata import ReadError, read

BLOCK = "# --- {} MAAS 1.0 script metadata ---"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def script(metadata: str, body: str = "exit 0\n", path: str = "maas/50-a.sh") -> Text:
    lines = "".join(f"# {line}\n" for line in metadata.strip().splitlines())
    content = f"#!/bin/sh\n{BLOCK.format('Start')}\n{lines}{BLOCK.format('End')}\n{body}"
    return Text(path, content, TextKind.MAAS_SCRIPT)


def told(*texts: Text) -> list[tuple[str, str]]:
    found = maas_metadata.check(Tree(texts))
    return [(one.code, one.message) for one in found if isinstance(one, Finding)]


def messages(metadata: str, body: str = "exit 0\n") -> str:
    return "\n".join(f"{code} {message}" for code, message in told(script(f"name: 50-a\n{metadata}", body)))


def corpus() -> list[Path]:
    return sorted(path for path in lint_support.CASES.glob("maas-*/input/**/*") if path.is_file())


@pytest.mark.parametrize("path", corpus(), ids=lambda path: f"{path.parents[1].name}/{path.name}")
def test_blocks_are_read_as_the_upload_reads_them(path: Path) -> None:
    """The two readers of this program, one strict and one that points at places, agree."""
    content = path.read_text("utf-8")
    text = Text("maas/a.sh", content, TextKind.MAAS_SCRIPT)
    try:
        expected = read(content)
    except (ReadError, ValueError):
        assert {code for code, _ in told(text)} & {"GS421", "GS425", "GS426"}
        return
    assert Script(text).data == (expected or {})


def test_the_block_is_where_maas_finds_it() -> None:
    lines = ["#!/bin/sh", "echo", "  #-- start maas 1.0 script METADATA -", "x # a: 1", "", "# b: 2 # c", "#End"]
    block = block_of("\n".join(lines))
    assert (block.start, block.end, block.bare) == (3, 0, 0)
    assert block.yaml == " a: 1\n b: 2 # c\nEnd\n"
    assert block.lines == (4, 6, 7)
    assert block.cut == (3, 1, 1)


def test_a_marker_on_the_first_line_is_none() -> None:
    content = f"{BLOCK.format('Start')}\n# name: a\n{BLOCK.format('End')}\n"
    assert ("GS425", True) in [
        (code, "refuses" in said) for code, said in told(Text("a", content, TextKind.MAAS_SCRIPT))
    ]


@pytest.mark.process
@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("type: commissioning", "GS423 MAAS ignores `type`, and the script becomes a testing script"),
        ("script_type: commissioning\nparameters: [a]", "every commission call answers 500, for any machine"),
        ("script_type: commissioning\nparameters: {a: {type: b}}", "the commissioning of every machine is refused"),
        ("script_type: testing\nparameters: {a: {type: b}}", "every run that selects the script is refused"),
        ("script_type: testing\ntitle:", "after an update it keeps its old value"),
        ("script_type: testing\ndestructive: 'no'", "MAAS reads destructive: 'no' as true"),
        ("script_type: testing\nfor_hardware: 'pci:10DE:2335'", "the script never runs"),
        ("script_type: testing\ntimeout: 86400\nparameters: {runtime: {type: runtime}}", "without its whole days"),
        ("script_type: testing\nparameters: {a: {type: interface, argument_format: '{mac}'}}", "did not know"),
    ],
)
def test_messages_say_what_maas_will_do(metadata: str, expected: str) -> None:
    assert expected.replace("did not know", "does not know {mac}") in messages(metadata)


@pytest.mark.process
@pytest.mark.parametrize(
    "metadata",
    [
        "script_type: test\ntimeout: '600'",
        "script_type: testing\ntimeout: 24:00:00",
        "script_type: 2\nhardware_type: GPU\nparallel: 1",
        "script_type: release\ndestructive: yes\nmay_reboot: no",
        "script_type: testing\ntags:\n- one\n- two-2",
        "script_type: testing\nresults: []\nparameters: {}\npackages: {}",
        "script_type: testing\nparameters: {a: {type: choice, choices: [[x, The X], [y, The Y]], default: y, "
        "argument_format: '--a={input}'}}",
        "script_type: testing\nparameters: {a: {type: interface, argument_format: '{name} {mac_address}'}}",
        "script_type: commissioning\nmay_reboot: true\ntags: noauto",
    ],
)
def test_other_ways_to_say_it_are_fine(metadata: str) -> None:
    assert messages(metadata) == ""


def test_what_cannot_be_stored() -> None:
    fine = script("name: 50-a\nscript_type: testing")
    large = Text(fine.path, fine.content + "#" * maas_metadata.LARGEST, fine.kind)
    assert [code for code, _ in told(large)] == ["GS426"]
    assert "413" in told(large)[0][1]
    lost = Text(fine.path, fine.content + "# caf\ufffd\n", fine.kind)
    assert [code for code, _ in told(lost)] == ["GS426"]
    assert told(Text("maas/a.sh", "", TextKind.MAAS_SCRIPT))[0][0] == "GS425"


@pytest.mark.process
def test_names_of_other_regions_are_no_matter() -> None:
    one = script("name: 50-a\nscript_type: testing", path="generated/x/maas/50-a.sh")
    same = script("name: 50-a\nscript_type: testing", path="generated/y/maas/50-a.sh")
    longer = script("name: 50-a-b\nscript_type: testing", path="generated/x/maas/50-a-b.sh")
    assert told(one, same) == []
    assert [code for code, _ in told(one, same, longer)] == ["GS430"]


@pytest.mark.process
def test_other_languages_are_not_judged_by_what_they_do() -> None:
    text = script("name: 50-a\nscript_type: commissioning", "import os\nos.system('wipefs -a /dev/sda')\n")
    python = Text(text.path, text.content.replace("#!/bin/sh", "#!/usr/bin/env python3"), text.kind)
    assert told(python) == []


def call(line: str) -> Call:
    return Call(tuple(word.replace("$", DYNAMIC) for word in line.split()), 1, 1)


@pytest.mark.parametrize(
    "line",
    [
        "racadm set BIOS.X.Y 1",
        "racadm -r host -u root -p $ jobqueue create BIOS.Setup.1-1",
        "/opt/dell/racadm7 update -f x.exe",
        "racadm storage createvd:RAID.1",
        "mstflint -d $ -i $ burn",
        "mlxconfig -y -d $ set SRIOV_EN=1",
        "mlxup -uy",
        "ilorest set X=Y --commit",
        "ilorest setBootMode=LegacyBios",
        "perccli64 /c0 add vd r1",
        "ssacli ctrl slot=0 create type=ld",
        "sum -c UpdateBios --file x",
        "ipmitool -I lan hpm upgrade x.hpm",
        "bfb-install --rshim rshim0 --bfb x",
        "fwupdmgr --assume-yes update",
        "flashrom -p internal -w x.rom",
        "nvme fw-commit /dev/nvme0 -a 1",
        "$/BIOS.BIN -qn",
    ],
)
def test_changes_of_firmware(line: str) -> None:
    assert change_of(call(line)) is Change.FIRMWARE


@pytest.mark.parametrize(
    "line",
    [
        "wipefs -a $",
        "/usr/sbin/wipefs -af /dev/sda",
        "wipefs --all --backup $",
        "blkdiscard $",
        "sgdisk -Z $",
        "sgdisk --zap-all $",
        "sfdisk $",
        "parted -s $ mklabel gpt",
        "mkfs.ext4 -F $",
        "mkfs -t xfs $",
        "mkswap $",
        "nvme format $ --ses=1",
        "nvme sanitize $",
        "dd if=/dev/zero of=/dev/sda bs=1M",
        "dd if=/dev/zero of=$",
        "shred -v /dev/sda",
        "hdparm --user-master u --security-erase p $",
        "mdadm --zero-superblock $",
        "cryptsetup -q luksFormat $",
        "zpool create tank $",
        "pvcreate $",
        "badblocks -wsv $",
    ],
)
def test_destruction_of_data(line: str) -> None:
    assert change_of(call(line)) is Change.DISKS


@pytest.mark.parametrize(
    "line",
    [
        "racadm get BIOS.X",
        "racadm jobqueue view",
        "racadm storage get vdisks",
        "racadm getsysinfo -s set",
        "mstflint -d $ query",
        "mlxconfig -d $ query",
        "mlxup --query",
        "ilorest get X",
        "perccli64 /c0 show",
        "ipmitool fru print",
        "fwupdmgr get-updates",
        "flashrom -r x.rom",
        "nvme list",
        "nvme id-ctrl $",
        "$/BIOS.BIN -qc",
        "wipefs $",
        "wipefs --json $",
        "sgdisk -p $",
        "sfdisk -d $",
        "parted -l",
        "dd if=$ of=/dev/null bs=1M count=1",
        "dd if=/dev/zero of=/tmp/x",
        "shred -u /tmp/secret",
        "hdparm -I $",
        "mdadm --detail $",
        "badblocks -sv $",
        "blkdiscard --help",
        "echo wipefs -a",
    ],
)
def test_what_only_reads(line: str) -> None:
    assert change_of(call(line)) is None


def test_restarts() -> None:
    assert restarts(call("reboot"))
    assert restarts(call("shutdown -r now"))
    assert restarts(call("systemctl --no-block reboot"))
    assert not restarts(call("shutdown -c"))
    assert not restarts(call("systemctl restart x"))
