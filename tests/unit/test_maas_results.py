"""Results of MAAS as runs: the newest counts, both statuses are kept, what cannot be decoded is told."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from evidence_support import SCRIPT, commission, good, machine, ran, region, upload
from maas_support import ask
from test_maas_recorded import VARIABLE

from gpuaas_scripts.evidence.judge import Outcome
from gpuaas_scripts.maas.machine import parse_machine
from gpuaas_scripts.maas.results import newest, parse_results
from gpuaas_scripts.maas.state import StateError


def one(**more: object) -> dict[str, object]:
    base = {"name": "a", "status": 2, "exit_status": 0, "script_revision_id": 9, "ended": "today"}
    text = base64.b64encode(b"hi\n").decode()
    return {**base, "stdout": text, "stderr": "", "result": None, **more}


def sets(*results: object, id_: int = 1, kind: int = 0) -> dict[str, object]:
    return {"id": id_, "type": kind, "results": list(results)}


def test_the_answer_of_the_stand_in_is_read() -> None:
    box = machine()
    box.runs[SCRIPT] = ran(good())
    held = region(box)
    commission(held)
    answer = ask(held, "GET", f"nodes/lab001/results/?type=commissioning&include_output=true&filters={SCRIPT}").json()
    run = newest(parse_results(answer), SCRIPT)
    assert run is not None
    assert (run.outcome, run.exit_status, run.stdout) == (Outcome.PASSED, 0, good())
    assert run.stderr == "a message\n"
    assert run.ended
    assert run.revision == held.scripts.scripts[-1].history[0].id


def test_the_newest_commissioning_with_the_script_counts() -> None:
    found = parse_results(
        [sets(one(exit_status=1), id_=5), sets(id_=9), sets(one(), id_=7), sets(one(), id_=8, kind=1)]
    )
    assert [item.id for item in found] == [9, 7, 5]
    run = newest(found, "a")
    assert run is not None
    assert run.exit_status == 0
    assert newest(found, "b") is None
    assert [item.id for item in parse_results([sets(one(), id_=3, kind=2), sets(one(), id_=4, kind=3)])] == [3]


def test_another_script_s_commissioning_does_not_hide_an_earlier_run() -> None:
    box = machine()
    box.runs[SCRIPT] = ran(good())
    held = region(box)
    upload(held, "60-other", tags=["noauto"])
    commission(held)
    commission(held, commissioning_scripts="60-other")
    found = parse_results(ask(held, "GET", "nodes/lab001/results/?include_output=true").json())
    assert newest(found, SCRIPT) is not None


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0, "pending"),
        (1, "running"),
        (2, "passed"),
        (3, "failed"),
        (4, "timed out"),
        (5, "aborted"),
        (6, "degraded"),
        (7, "running"),
        (8, "failed"),
        (9, "skipped"),
        (10, "running"),
        (11, "failed"),
        (99, "other"),
    ],
)
def test_every_status_has_its_outcome(status: int, outcome: str) -> None:
    run = newest(parse_results([sets(one(status=status))]), "a")
    assert run is not None
    assert run.outcome == outcome


def test_output_that_cannot_be_decoded_is_told() -> None:
    run = newest(parse_results([sets(one(stdout="not base64"))]), "a")
    assert run is not None
    assert "stdout that cannot be decoded" in run.problem
    assert "hi" not in run.stdout
    other = newest(parse_results([sets(one(stdout=base64.b64encode(b"\xff\n").decode()))]), "a")
    assert other is not None
    assert (other.problem, other.stdout) == ("", "\ufffd\n")


@pytest.mark.parametrize("broken", [None, "x", {}, [{}], [{"id": 1, "type": 0}], [sets({"name": "a"})]])
def test_what_is_no_list_of_results_is_refused(broken: object) -> None:
    with pytest.raises(StateError):
        parse_results(broken)


def test_recorded_answers_are_read() -> None:
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} names no recorded exchanges")
    found: dict[str, int] = {}
    for path in sorted(Path(folder).glob("*.json")):
        exchange = json.loads(path.read_text())
        answer = exchange["response"].get("json")
        if exchange["response"]["status"] != 200:
            continue
        if isinstance(answer, dict) and "hostname" in answer:
            assert parse_machine(answer).system_id == answer["system_id"]
            found["machines"] = found.get("machines", 0) + 1
        elif "/results/" in exchange["request"]["url"] and answer:
            for one in parse_results(answer if isinstance(answer, list) else [answer]):
                assert all(not run.problem for run in one.runs)
                found["runs"] = found.get("runs", 0) + len(one.runs)
    assert min(found.get(name, 0) for name in ("machines", "runs")) > 0
