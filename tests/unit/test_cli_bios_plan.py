"""`bios plan`, `assert` and `export`: what is shown, exit codes, files, and which hosts are asked."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
import yaml
from bios_cli_support import Lab, lab

from gpuaas_scripts.bios.plan_file import plan_file
from gpuaas_scripts.lab.idrac_attributes import PLANTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.process

WANTED = {"ProcVirtualization": "Enabled", "LogicalProc": "Enabled", "SriovGlobalEnable": "Enabled"}


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path, 3) as made:
        yield made


def test_a_plan_shows_each_attribute_and_changes_nothing(one: Lab) -> None:
    ran = one.gen("plan")
    assert ran.code == 3
    lines = ran.out.splitlines()
    assert lines[0] == "lab0001: PowerEdge XE9680L, BIOS 2.4.4, lockdown off"
    assert lines[1].split() == ["attribute", "current", "pending", "desired", "verdict"]
    assert lines[2].split() == ["smt", "(LogicalProc)", "Disabled", "-", "Enabled", "change"]
    assert lines[-1] == "  3 to change, needs a reset"
    assert ran.err == ""
    assert one.bmc().seen.writes == 0


def test_nothing_to_do(one: Lab) -> None:
    one.direct(current=WANTED)
    ran = one.gen("plan")
    assert (ran.code, ran.out.splitlines()[-1]) == (0, "  3 ok")


def test_what_is_blocked_and_what_unblocks_it(one: Lab) -> None:
    words = ("ProcTurboMode=Disabled", "Perhaps=1", "MemTest=Sometimes", "SetupPassword=planted-x")
    ran = one.gen("plan", *(word for text in words for word in ("--attr", text)))
    assert ran.code == 1
    assert "needs SysProfile = Custom (in the same change)" in ran.out
    assert "must be one of Enabled, Disabled; not Sometimes" in ran.out
    assert "use a name of its registry" in ran.out
    assert "blocked: secret" in ran.out
    assert "planted-x" not in ran.both
    assert "3 to change, 4 blocked" in ran.out


def test_a_prerequisite_in_the_same_change_and_what_follows(one: Lab) -> None:
    ran = one.gen("plan", "--attr", "SysProfile=Custom", "--attr", "ProcTurboMode=Disabled")
    assert ran.code == 3
    assert "becomes writable with SysProfile in the same change" in ran.out


def test_pending_values_jobs_and_those_of_others(one: Lab) -> None:
    one.farm.call(
        lambda: one.bmc().machine.pending.update({"ProcVirtualization": "Enabled", "NodeInterleave": "Enabled"})
    )
    ran = one.gen("plan")
    assert "pending already" in ran.out
    assert "staged by others: NodeInterleave" in ran.out
    assert ran.code == 3


def test_many_hosts_have_a_line_each_and_a_summary(three: Lab) -> None:
    three.direct(1, current=WANTED)
    ran = three.gen("plan")
    assert ran.code == 3
    assert [line.split()[0] for line in ran.out.splitlines()] == ["lab0001", "lab0002", "lab0003"]
    assert "LogicalProc Disabled→Enabled" in ran.out.splitlines()[0]
    assert ran.out.splitlines()[1] == "lab0002  3 ok"
    assert ran.err.splitlines()[-1] == "3 hosts: 1 as wanted, 2 with changes, 0 blocked, 0 failed"
    assert len(three.gen("plan", "--verbose").out.splitlines()) > 10


def test_a_dead_bmc_is_listed_and_the_rest_is_done(three: Lab) -> None:
    three.direct(0, faults=[{"kind": "drop-before", "count": -1}])
    three.direct(2, faults=[{"kind": "garbage", "count": -1}])
    ran = three.gen("plan", "-o", str(three.root / "plan.json"), "--timeout", "5")
    three.direct(0, clear_faults=True)
    three.direct(2, clear_faults=True, drop_sessions=True)
    assert ran.code == 4
    assert ran.out.startswith("lab0002  3 to change")
    assert "lab0001 (BMC 127.0.0.1:" in ran.err
    assert "lab0003 (BMC 127.0.0.1:" in ran.err
    assert "3 hosts: 0 as wanted, 1 with changes, 0 blocked, 2 failed" in ran.err
    assert [host.plan.node for host in plan_file((three.root / "plan.json").read_bytes()).hosts] == ["lab0002"]


def test_the_plan_file_is_for_its_owner_alone(one: Lab) -> None:
    path = one.root / "plan.json"
    path.write_text("old")
    path.chmod(0o644)
    assert one.gen("plan", "-o", str(path)).code == 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    file = plan_file(path.read_bytes())
    assert (file.site, file.backend, file.hosts[0].plan.changes) == ("lab", "redfish", WANTED)
    assert [entry.name for entry in one.root.iterdir() if entry.name.startswith(".")] == []


def test_a_plan_file_that_cannot_be_written(one: Lab) -> None:
    ran = one.gen("plan", "-o", str(one.root / "no" / "plan.json"))
    assert ran.code == 2
    assert "No such file or directory" in ran.err


def test_json(one: Lab) -> None:
    document = one.data("plan")
    assert document["exit_code"] == 3
    (host,) = document["hosts"]
    assert (host["node"], host["reset_needed"], len(host["items"])) == ("lab0001", True, 3)
    one.direct(faults=[{"kind": "401", "count": -1}])
    assert "login" in one.data("plan")["hosts"][0]["error"]
    one.direct(clear_faults=True)


def test_junit(three: Lab) -> None:
    three.direct(1, current=WANTED)
    three.direct(2, faults=[{"kind": "garbage", "count": -1}])
    root = ElementTree.fromstring(three.gen("plan", "--format", "junit").out)  # noqa: S314
    three.direct(2, clear_faults=True, drop_sessions=True)
    assert [suite.get("name") for suite in root] == ["lab0001", "lab0002", "lab0003"]
    assert [(s.get("failures"), s.get("errors")) for s in root] == [("3", "0"), ("0", "0"), ("0", "1")]
    assert root[0][0].find("failure").get("message") == "LogicalProc is Disabled, wanted is Enabled"  # type: ignore[union-attr]


def test_assert(one: Lab) -> None:
    assert one.gen("assert").code == 3
    one.farm.call(lambda: one.bmc().machine.pending.update(WANTED))
    assert one.gen("assert").code == 3, "a staged value is not in force"
    one.direct(current=WANTED)
    one.farm.call(lambda: one.bmc().machine.pending.clear())
    assert one.gen("assert").code == 0
    one.direct(lockdown=True)
    assert one.gen("assert").code == 0, "what is as wanted needs no write"
    one.direct(current={"LogicalProc": "Disabled"})
    assert one.gen("assert").code == 3, "drift that cannot be mended is drift"
    assert one.gen("plan").code == 1
    assert one.gen("assert", "--attr", "Perhaps=1").code == 1
    one.direct(faults=[{"kind": "401", "count": -1}])
    assert one.gen("assert").code == 4
    one.direct(clear_faults=True)


def test_export_writes_the_allow_list_only(one: Lab) -> None:
    ran = one.gen("export", "--attr", "SysMemSize=x", "--attr", "SHA256SetupPassword=x")
    assert ran.code == 1  # what is not shown is said
    assert yaml.safe_load(ran.out) == {
        "lab0001": {
            "vendor": "dell",
            "model": "PowerEdge XE9680L",
            "bios_version": "2.4.4",
            "attributes": {**dict.fromkeys(WANTED, "Disabled"), "SysMemSize": "2 TB"},
        }
    }
    assert "SHA256SetupPassword, or does not show it" in ran.err
    assert PLANTED not in ran.both
    assert one.gen("export").code == 0
    assert one.data("export")["hosts"][0]["attributes"]["LogicalProc"] == "Disabled"


def test_one_host_of_the_environment(one: Lab) -> None:
    words = ("plan", "--attr", "vt=Enabled")
    trust = ("--cacert", str(one.farm.certificate.certificate))
    ran = one.gen(*words, *trust, site=False, env=one.one_host())
    assert ran.code == 3
    assert ran.out.startswith(f"{one.one_host()['IDRAC_HOST']}: PowerEdge XE9680L")
    ran = one.gen(*words, *trust, site=False)
    assert ran.code == 2
    assert "IDRAC_HOST, IDRAC_USER, IDRAC_PASSWORD are not set" in ran.err
    ran = one.gen("plan", site=False, env=one.one_host())
    assert (ran.code, "--attr NAME=VALUE" in ran.err) == (2, True)
    ran = one.gen(*words, "--node", "x", site=False)
    assert (ran.code, "--node needs --site" in ran.err) == (2, True)


def test_a_certificate_is_verified_unless_told_otherwise(one: Lab) -> None:
    words = ("plan", "--attr", "vt=Enabled")
    ran = one.gen(*words, site=False, env=one.one_host())
    assert ran.code == 4
    assert "certificate" in ran.err
    for quiet in ((), ("--quiet",)):
        ran = one.gen(*words, "--insecure", *quiet, site=False, env=one.one_host())
        assert ran.code == 3
        assert ran.err == "warning: certificates are not verified (--insecure)\n"
    one.farm.change_certificate(0)
    ran = one.gen("plan")
    assert ran.code == 4
    assert "the certificate is not the pinned one" in ran.err


def edit(one: Lab, path: str, old: str, new: str) -> None:
    file = one.root / "site-configs" / path
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_what_the_site_leaves_open_is_named_with_its_place(three: Lab) -> None:
    edit(three, "nodes/lab/lab0002.yaml", "address: 127.0.0.1", "address: to-be-approved")
    ran = three.gen("plan")
    assert ran.code == 1, "not all nodes were asked"
    place = "site-configs/nodes/lab/lab0002.yaml:2:"
    assert f"warning: not asked: {place}" in ran.err
    assert "lab0002: bmc.address is to be approved" in ran.err
    assert len(ran.out.splitlines()) == 2
    document = json.loads(three.gen("assert", "--format", "json").out)
    assert [(one["node"], one["place"].startswith(place)) for one in document["not_asked"]] == [("lab0002", True)]
    ran = three.gen("plan", "--node", "lab0001", "--node", "lab0002")
    assert (ran.code, ran.out) == (2, "")
    assert f"{place}" in ran.err
    ran = three.gen("plan", "--node", "lab0002", env=three.one_host(1))
    assert ran.code == 3, "IDRAC_* stand in for one node"


def test_secrets_by_reference(one: Lab) -> None:
    password = (one.root / "password").resolve()
    edit(one, "sites/lab.yaml", f"file:{password}", "env:LAB_BMC_PASSWORD")
    ran = one.gen("plan")
    assert ran.code == 2
    assert "the environment variable LAB_BMC_PASSWORD is not set" in ran.err
    assert one.gen("plan", env={"LAB_BMC_PASSWORD": one.one_host()["IDRAC_PASSWORD"]}).code == 3
    ran = one.gen("plan", env={"LAB_BMC_PASSWORD": "planted-wrong"})
    assert ran.code == 4
    assert "planted-wrong" not in ran.both
    assert "SYS415" in ran.err


@pytest.mark.parametrize("kind", ["ipmi", "none"])
def test_a_bmc_that_speaks_no_redfish(one: Lab, kind: str) -> None:
    edit(one, "hardware/lab-xe9680l.yaml", "bmc_kind: idrac9", f"bmc_kind: {kind}")
    ran = one.gen("plan")
    assert ran.code == 2
    assert f"its BMC is {kind}, which does not speak redfish" in ran.err


def test_nothing_is_wanted(one: Lab) -> None:
    text = (one.root / "site-configs" / "hardware" / "lab-xe9680l.yaml").read_text().split("  bios:")[0]
    (one.root / "site-configs" / "hardware" / "lab-xe9680l.yaml").write_text(text)
    ran = one.gen("plan")
    assert ran.code == 2
    assert "hardware.bios.attributes is empty" in ran.err
    assert one.gen("plan", "--attr", "vt=Enabled").code == 3


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--node", "lab001"), "did you mean 'lab0001'?"),
        (("--attr", "vt"), "vt: must be NAME=VALUE"),
        (("--attr", "vt=1", "--attr", "vt=2"), "vt is given two values"),
        (("--attr", "=1"), "must be NAME=VALUE"),
    ],
)
def test_wrong_usage(one: Lab, words: tuple[str, ...], text: str) -> None:
    ran = one.gen("plan", *words)
    assert ran.code == 2
    assert text in ran.err


def test_two_bmcs_may_share_an_address_on_two_ports(three: Lab) -> None:
    assert three.gen("plan").code == 3
    text = (three.root / "site-configs" / "nodes" / "lab" / "lab0001.yaml").read_text()
    (three.root / "site-configs" / "nodes" / "lab" / "lab0002.yaml").write_text(text)
    ran = three.gen("plan")
    assert ran.code == 2
    assert "is that of several nodes: lab0001, lab0002" in ran.err


def test_a_bar_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from pathlib import Path as Folder

    from gpuaas_scripts.cli.console import Console

    console = Console(Folder())
    console.tick(1, 10, "hosts read")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    console.tick(5, 10, "hosts read")
    console.tick(10, 10, "hosts read")
    Console(Folder(), quiet=True).tick(5, 10, "hosts read")
    console.tick(1, 3, "hosts read")
    assert capsys.readouterr().err == f"\r[{'#' * 15:<30}] 5 of 10 hosts read\r\x1b[K"
