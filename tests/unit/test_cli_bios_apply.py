"""`bios apply`, `status`, `resume` and `rollback` as a user runs them: asked, refused, done, told and recorded."""

from __future__ import annotations

import json
import stat
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import click
import pytest
from bios_cli_support import POLL, Lab, lab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support import Ran

pytestmark = pytest.mark.process

WANTED = {"ProcVirtualization": "Enabled", "LogicalProc": "Enabled", "SriovGlobalEnable": "Enabled"}
GO = ("--yes", *POLL)
FORCE = ("--reset", "force", *GO)


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


def planned(here: Lab, *words: str) -> str:
    path = here.root / "plan.json"
    here.gen("plan", "-q", "-o", str(path), *words)
    return str(path)


def values(here: Lab, index: int = 0) -> dict[str, object]:
    here.farm.call(here.bmc(index).machine.settle)
    return {name: here.bmc(index).machine.current[name] for name in WANTED}


def only_record(here: Lab) -> Path:
    (record,) = (here.records / "lab").glob("*.jsonl")
    return record


@pytest.mark.parametrize("reset", ["graceful", "force"])
def test_the_whole_way(one: Lab, reset: str) -> None:
    ran = one.gen("apply", planned(one), "--reset", reset, *GO)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("lab0001  done: in force, as read back: LogicalProc=Enabled, ProcVirtualization=Enabled")
    assert "lab0001: stages LogicalProc, ProcVirtualization, SriovGlobalEnable" in ran.err
    assert f"record: {only_record(one)}" in ran.out
    assert values(one) == WANTED
    assert (one.bmc().queue.made, one.bmc().machine.resets) == (1, 1)
    assert one.gen("plan").code == 0
    again = one.gen("apply", "--apply", *FORCE)
    assert (again.code, again.out) == (0, "lab0001  nothing to do: all values are in force\n")
    assert one.bmc().machine.resets == 1


def test_without_apply_it_is_the_plan(one: Lab) -> None:
    ran = one.gen("apply")
    assert ran.code == 3
    assert "ProcVirtualization" in ran.out
    assert "nothing was changed: this is the plan; --apply applies it" in ran.err
    assert one.bmc().seen.writes == 0


def test_without_a_terminal_and_yes_nothing_is_done(one: Lab) -> None:
    ran = one.gen("apply", planned(one), "--reset", "force")
    assert ran.code == 2
    assert "nothing was done: there is no terminal to ask on" in ran.err
    assert one.bmc().seen.writes == 0
    assert not one.records.exists()


@pytest.mark.parametrize(
    ("words", "question"),
    [
        ((), "Stage 3 BIOS values on 1 host (lab0001) (no restart: they wait for the next one)?"),
        (("--reset", "graceful"), "Stage 3 BIOS values on 1 host (lab0001) and restart them gracefully?"),
        (("--reset", "force"), "Stage 3 BIOS values on 1 host (lab0001) and RESTART THEM BY FORCE?"),
        (("--at", "2099-01-01T00:00+00:00"), "Stage 3 BIOS values on 1 host (lab0001), to be applied at 2099-01-01"),
    ],
)
def test_on_a_terminal_it_asks(
    one: Lab, words: tuple[str, ...], question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def no(text: str, **_options: object) -> None:
        asked.append(text)
        raise click.Abort

    monkeypatch.setattr("gpuaas_scripts.cli.bios_change.on_terminal", lambda: True)
    monkeypatch.setattr("click.confirm", no)
    ran = one.gen("apply", planned(one), *words)
    assert ran.code == 2
    assert ran.err.endswith("stopped\n")
    assert asked[0].startswith(question)
    assert one.bmc().seen.writes == 0


def test_a_change_that_waits_for_a_restart(one: Lab) -> None:
    ran = one.gen("apply", planned(one), *GO)
    assert ran.code == 3
    assert "lab0001  waiting: staged; it comes into force with the next restart" in ran.out
    status = one.gen("status")
    assert status.code == 3
    assert "lab0001  waiting for a restart" in status.out
    assert "staged at the BMC: LogicalProc=Enabled" in status.out
    assert "JID_100000000001 Scheduled" in status.out
    refused = one.gen("apply", "--apply", *FORCE)
    assert refused.code == 1
    assert "gpuaas-gen bios resume --node lab0001 goes on with it" in refused.err
    assert one.gen("resume", *GO).code == 3, "nobody has restarted it"
    ran = one.gen("resume", *FORCE)
    assert ran.code == 0, ran.err
    assert values(one) == WANTED
    assert (one.bmc().queue.made, one.bmc().machine.resets) == (1, 1)
    assert one.gen("status").code == 0
    assert one.gen("status").err == "nothing to go on with: the last change of every host has ended well\n"
    assert "lab0001  done" in one.gen("status", "--all").out
    ran = one.gen("resume", *FORCE)
    assert (ran.code, ran.err) == (0, "nothing to go on with\n")


def test_status_without_records(one: Lab) -> None:
    ran = one.gen("status")
    assert (ran.code, ran.out, ran.err) == (0, "", "nothing to go on with: no change was ever begun\n")
    ran = one.gen("status", "--node", "lab0001")
    assert (ran.code, "there is no record of a change of lab0001" in ran.err) == (2, True)


def test_status_offline_and_with_a_dead_bmc(one: Lab) -> None:
    one.gen("apply", planned(one), *GO)
    one.direct(faults=[{"kind": "401", "count": -1}])
    ran = one.gen("status", "--offline")
    assert (ran.code, ran.out.splitlines()[0]) == (3, "lab0001  waiting")
    ran = one.gen("status")
    assert ran.code == 4
    assert "its job: JID_100000000001" in ran.out, "what the record says is told all the same"
    assert "SYS415" in ran.err
    one.direct(clear_faults=True)
    document = json.loads(one.gen("status", "--format", "json").out)
    assert [(c["node"], c["stand"], c["open"]) for c in document["changes"]] == [
        ("lab0001", "waiting for a restart", True)
    ]
    suite = ElementTree.fromstring(one.gen("status", "--format", "junit").out)[0]  # noqa: S314
    assert suite.get("failures") == "1"


def test_a_plan_whose_host_has_moved(one: Lab) -> None:
    path = planned(one)
    one.direct(current={"LogicalProc": "Enabled"})
    ran = one.gen("apply", path, *FORCE)
    assert ran.code == 1
    assert "the host has changed since the plan: LogicalProc: current was Disabled, is Enabled" in ran.err
    assert one.bmc().seen.writes == 0


def stage_for_others(here: Lab) -> None:
    here.farm.call(lambda: here.bmc().machine.pending.update({"NodeInterleave": "Enabled"}))


def test_values_of_others_are_kept_only_when_told_so(one: Lab) -> None:
    stage_for_others(one)
    path = planned(one)
    ran = one.gen("apply", path, *FORCE)
    assert ran.code == 1
    assert "values that are not of this plan are staged: NodeInterleave (--merge keeps them)" in ran.err
    assert one.bmc().seen.writes == 0
    ran = one.gen("apply", path, "--merge", *FORCE)
    assert ran.code == 0, ran.err
    assert values(one) == WANTED
    assert one.bmc().machine.current["NodeInterleave"] == "Enabled"


def test_a_blocked_plan_is_refused_whole(one: Lab) -> None:
    ran = one.gen("apply", planned(one, "--attr", "ProcTurboMode=Disabled"), *FORCE)
    assert ran.code == 1
    assert "ProcTurboMode: dependency; needs SysProfile = Custom" in ran.err
    assert one.bmc().seen.writes == 0


@pytest.mark.parametrize(("ending", "text"), [("with-errors", "PR31"), ("failed", "PR21"), ("stuck", "will never run")])
def test_a_job_that_does_not_succeed_is_no_success(one: Lab, ending: str, text: str) -> None:
    one.direct(ending=ending)
    ran = one.gen("apply", planned(one), *FORCE)
    assert ran.code == 4
    assert text in ran.err
    assert "done" not in ran.out
    assert only_record(one).name in ran.err, "what was done is named"
    status = one.gen("status")
    assert (status.code, status.out.splitlines()[0]) == (1, "lab0001  failed")
    assert text in status.out


def test_values_that_only_show_early_are_waited_for(one: Lab) -> None:
    """The stand-in shows new values while the job still runs: done is said after its end only."""
    one.direct(options={"early_values": True, "job_seconds": 60})
    assert one.gen("apply", planned(one), *FORCE).code == 0
    log = [path for _, path, _ in one.bmc().seen.log]
    last_job = max(number for number, path in enumerate(log) if "Jobs/JID_" in path)
    last_bios = max(number for number, path in enumerate(log) if path.endswith("/Bios"))
    assert last_bios > last_job


def test_a_maintenance_window(one: Lab) -> None:
    path = planned(one)
    at = ("--at", "2099-01-01T00:00+00:00")
    ran = one.gen("apply", path, *at, *GO)
    assert ran.code == 3, ran.err
    assert "the maintenance window at 2099-01-01" in ran.out
    assert one.bmc().machine.resets == 0


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--at", "yesterday"), "must be a time such as"),
        (("--at", "2001-01-01T00:00"), "is over"),
        (("--at", "2099-01-01T00:00", "--reset", "force"), "exclude each other"),
        (("--attr", "vt=Disabled"), "--attr does not go with a plan"),
        (("--node", "lab0002"), "holds no plan for lab0002"),
        (("--backend", "racadm"), "was made with --backend redfish"),
        (("--window", "10"), "301"),
    ],
)
def test_wrong_usage(one: Lab, words: tuple[str, ...], text: str) -> None:
    ran = one.gen("apply", planned(one), *words, "--yes")
    assert ran.code == 2
    assert text in ran.err
    assert one.bmc().seen.writes == 0


def test_a_window_where_none_is_offered_is_refused(tmp_path: Path) -> None:
    from gpuaas_scripts.lab.idrac_registry import GENERATIONS

    with lab(tmp_path, generation=GENERATIONS["14g"]) as one:
        path = planned(one)
        text = json.loads((one.root / "plan.json").read_text())
        offered = text["hosts"][0]["plan"]["apply_times"]
        text["hosts"][0]["plan"]["apply_times"] = [time for time in offered if "Window" not in time]
        (one.root / "plan.json").write_text(json.dumps(text))
        ran = one.gen("apply", path, "--at", "2099-01-01T00:00", *GO)
        assert ran.code == 1
        assert "the BMC offers no AtMaintenanceWindowStart (--at)" in ran.err
        assert one.bmc().seen.writes == 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d.update(format=2), "the file has format 2"),
        (lambda d: d.update(more=1), "it must hold backend, format, hosts, site"),
        (lambda d: d.update(backend="ipmi"), "backend is redfish or racadm"),
        (lambda d: d["hosts"].append(d["hosts"][0]), "two plans for lab0001"),
        (lambda d: d["hosts"][0].update(extra=1), "a host has address, plan"),
        (lambda d: d["hosts"][0]["plan"].update(extra=1), "unknown keys: extra"),
        (lambda d: d["hosts"][0].update(address="127.0.0.1:1"), "the plan is for the BMC at 127.0.0.1:1"),
        (lambda d: d.update(site="other"), "is a plan for site other"),
    ],
)
def test_a_plan_file_that_is_none(one: Lab, change: object, text: str) -> None:
    path = one.root / "plan.json"
    planned(one)
    document = json.loads(path.read_text())
    change(document)  # type: ignore[operator]
    path.write_text(json.dumps(document))
    ran = one.gen("apply", str(path), *FORCE)
    assert ran.code == 2
    assert text in ran.err
    assert one.bmc().seen.writes == 0


@pytest.mark.parametrize("text", ["", "{", "[]", "\xff"])
def test_what_is_no_plan_file(one: Lab, text: str) -> None:
    (one.root / "plan.json").write_bytes(text.encode("latin-1"))
    ran = one.gen("apply", str(one.root / "plan.json"), *GO)
    assert ran.code == 2
    assert "not a file of BIOS plans" in ran.err


def test_rollback(one: Lab) -> None:
    assert one.gen("apply", "--apply", *FORCE).code == 0
    record = str(only_record(one))
    ran = one.gen("rollback", record)
    assert ran.code == 3
    assert "nothing was changed: this is the plan back" in ran.err
    assert values(one) == WANTED
    ran = one.gen("rollback", record, "--apply", *FORCE)
    assert ran.code == 0, ran.err
    assert values(one) == dict.fromkeys(WANTED, "Disabled")
    assert len(list((one.records / "lab").glob("*.jsonl"))) == 2
    ran = one.gen("rollback", record, "--apply", *FORCE)
    assert (ran.code, "nothing to do" in ran.out) == (0, True)


def test_a_rollback_by_a_plan_file(one: Lab) -> None:
    one.gen("apply", "--apply", *FORCE)
    back = str(one.root / "back.json")
    assert one.gen("rollback", str(only_record(one)), "-o", back).code == 3
    assert one.gen("apply", back, *FORCE).code == 0
    assert values(one) == dict.fromkeys(WANTED, "Disabled")


@pytest.mark.parametrize("verb", ["rollback", "resume", "status"])
def test_what_is_no_record(one: Lab, verb: str) -> None:
    path = one.root / "lab" / "x.jsonl"
    path.parent.mkdir()
    path.write_text('{"step": "end"}\n')
    ran = one.gen(verb, str(path), *(() if verb == "status" else GO))
    assert ran.code == 2
    assert "not a journal of a BIOS change" in ran.err
    ran = one.gen(verb, str(path) + "x", *(() if verb == "status" else GO))
    assert ran.code == 2


def test_a_record_of_another_address_is_not_gone_on_with(one: Lab) -> None:
    one.gen("apply", planned(one), *GO)
    record = only_record(one)
    record.write_text(record.read_text().replace("127.0.0.1:", "127.0.0.9:"))
    for verb in ("status", "resume"):
        ran = one.gen(verb, *(GO if verb == "resume" else ()))
        assert ran.code == 2
        assert "the change was begun at the BMC 127.0.0.9" in ran.err


def test_files_are_for_their_owner_alone(one: Lab) -> None:
    one.gen("apply", planned(one), *FORCE)
    for path in (one.root / "plan.json", only_record(one)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((one.records / "lab").stat().st_mode) == 0o700


def test_one_host_of_the_environment(one: Lab) -> None:
    trust = ("--cacert", str(one.farm.certificate.certificate))
    env = one.one_host()
    ran = one.gen("apply", "--attr", "vt=Enabled", "--apply", *GO, *trust, site=False, env=env)
    assert ran.code == 3, ran.err
    assert len(list((one.records / "_host").glob("*.jsonl"))) == 1
    assert one.gen("status", *trust, site=False, env=env).code == 3
    assert one.gen("status", *trust, site=False).code == 2, "without IDRAC_HOST nobody knows the login"
    assert one.gen("resume", *trust, *FORCE, site=False, env=env).code == 0
    assert values(one)["ProcVirtualization"] == "Enabled"


def test_a_plan_of_one_host_of_the_environment(one: Lab) -> None:
    trust = ("--cacert", str(one.farm.certificate.certificate))
    path = str(one.root / "plan.json")
    assert one.gen("plan", "--attr", "vt=Enabled", "-o", path, *trust, site=False, env=one.one_host()).code == 3
    ran = one.gen("apply", path, *trust, *FORCE, site=False, env=one.one_host())
    assert ran.code == 0, ran.err
    assert values(one)["ProcVirtualization"] == "Enabled"
    other = {**one.one_host(), "IDRAC_HOST": "192.0.2.1"}
    assert one.gen("apply", path, *trust, *FORCE, site=False, env=other).code == 2


def test_json_and_junit(one: Lab) -> None:
    document = json.loads(one.gen("apply", planned(one), *FORCE, "--format", "json").out)
    (host,) = document["hosts"]
    assert (host["node"], host["end"], document["exit_code"]) == ("lab0001", "done", 0)
    one.direct(current={"LogicalProc": "Disabled"}, ending="failed")
    root = ElementTree.fromstring(one.gen("apply", "--apply", *FORCE, "--format", "junit").out)  # noqa: S314
    assert root.get("errors") == "1"


# Fleets


def fleet(folder: Path, count: int, *words: str, fail: tuple[int, ...] = ()) -> tuple[Ran, list[int]]:
    """An apply on so many hosts, some of whose jobs fail; and the resets of each."""
    with lab(folder, count) as here:
        for index in fail:
            here.direct(index, ending="failed")
        ran = here.gen("apply", "--apply", *FORCE, *words)
        return ran, [bmc.machine.resets for bmc in here.farm.bmcs]


def test_a_fleet_with_a_failure_does_the_rest(tmp_path: Path) -> None:
    ran, resets = fleet(tmp_path, 4, fail=(1,))
    assert ran.code == 4
    assert [line.split()[0] for line in ran.out.splitlines() if "done" in line] == ["lab0001", "lab0003", "lab0004"]
    assert "4 hosts: 3 done, 1 failed" in ran.err
    assert resets == [1, 1, 1, 1]


def test_after_too_many_failures_no_further_server_is_restarted(tmp_path: Path) -> None:
    ran, resets = fleet(tmp_path, 4, "--reset-batch", "1", "--max-failures", "1", fail=(0, 1, 2, 3))
    assert ran.code == 4
    assert sum(resets) == 1
    assert "3 held back" in ran.err
    assert "1 failed" in ran.err


def test_no_more_servers_than_the_batch_restart_at_a_time(tmp_path: Path) -> None:
    """Counted from the order of what was asked: a reset begins after the job of the one before has ended."""
    with lab(tmp_path, 4) as here:
        assert here.gen("apply", "--apply", "--reset-batch", "1", *FORCE).code == 0
        spans = []
        for bmc in here.farm.bmcs:
            (job,) = bmc.queue.jobs.values()
            assert job.ended is not None
            spans.append((job.started, job.ended))
        spans.sort()
        assert all(before[1] <= after[0] for before, after in pairwise(spans)), spans
