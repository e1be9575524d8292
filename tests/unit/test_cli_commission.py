"""`commission` against the stand-in region: what is sent, what is refused, and what --watch comes to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from evidence_support import SCRIPT, Lab, good, inventory, line, machine, ran, summary, upload

from gpuaas_scripts.lab.maas_faults import Fault, FaultKind
from gpuaas_scripts.lab.maas_http import json_response
from gpuaas_scripts.lab.maas_machine import Ran, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.process
WATCH = ("--watch", "--interval", "0")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path) as made:
        yield made


def ran_scripts(lab: Lab) -> set[str]:
    """Names of the scripts of the newest commissioning, without MAAS's own."""
    return {result.script.name for result in lab.region.results.sets[-1].results if not result.script.default}


def test_a_dry_run_sends_nothing_and_is_exit_3(lab: Lab) -> None:
    done = lab.gen("commission", "--node", "n1", "--dry-run")
    assert (done.code, lab.standin.faults.writes) == (3, 0)
    assert f"{SCRIPT}: runs by itself" in done.out


def test_it_says_that_nothing_is_proven_yet(lab: Lab) -> None:
    done = lab.gen("commission", "--node", "n1")
    assert done.code == 0
    assert "nothing proven yet" in done.err
    assert ran_scripts(lab) == {SCRIPT}


def test_naming_a_script_adds_ours_back_and_says_so(lab: Lab) -> None:
    upload(lab.region, "60-more", tags=["noauto"])
    done = lab.gen("commission", "--node", "n1", "--script", "60-more")
    assert done.code == 0
    assert "60-more: asked for" in done.out
    assert f"{SCRIPT}: added" in done.out
    assert ran_scripts(lab) == {SCRIPT, "60-more"}


def test_a_parameter_reaches_the_script_and_a_wrong_one_reaches_nobody(lab: Lab) -> None:
    spec = {"mode": {"type": "choice", "choices": ["fast", "slow"], "argument_format": "--mode={input}"}}
    upload(lab.region, "60-more", tags=["noauto"], parameters=spec)
    words = ("commission", "--node", "n1", "--script", "60-more", "--param")
    wrong = lab.gen(*words, "60-more.mode=fsat", "--param", "60-more.modus=fast")
    assert (wrong.code, lab.standin.faults.writes) == (1, 0)
    assert "2 problems" in wrong.err
    assert "did you mean 'fast'?" in wrong.err
    assert lab.gen(*words, "60-more.mode=slow").code == 0
    [result] = [one for one in lab.region.results.sets[-1].results if one.script.name == "60-more"]
    assert result.parameters["mode"]["value"] == "slow"


def test_a_password_is_resolved_and_never_shown(lab: Lab) -> None:
    spec = {"login": {"type": "password", "argument_format": "--login={input}"}}
    upload(lab.region, "60-more", tags=["noauto"], parameters=spec)
    words = ("commission", "--node", "n1", "--script", "60-more", "--param", "60-more.login=env:BURN_IN")
    unset = lab.gen(*words, env={"BURN_IN": None})
    assert (unset.code, lab.standin.faults.writes) == (2, 0)
    blank = lab.gen(*words, env={"BURN_IN": "hunter2 correct"})
    assert (blank.code, lab.standin.faults.writes) == (1, 0)
    literal = lab.gen(*words[:-1], "60-more.login=hunter2-correct-horse")
    assert (literal.code, lab.standin.faults.writes) == (1, 0)
    assert "hunter2" not in unset.both + blank.both + literal.both
    done = lab.gen(*words, env={"BURN_IN": "hunter2-correct-horse"})
    assert done.code == 0
    assert "60-more.login = ***" in done.out
    assert "hunter2" not in done.both
    [result] = [one for one in lab.region.results.sets[-1].results if one.script.name == "60-more"]
    assert result.parameters["login"]["value"] == "hunter2-correct-horse"


def test_watch_judges_what_this_commissioning_brought(lab: Lab) -> None:
    done = lab.gen("commission", "--node", "n1", *WATCH)
    assert done.code == 0
    assert f"PASS n1 {SCRIPT}" in done.out
    bad = line("FAIL", "gpu_count", "1 of 2", remediation="look") + summary("FAIL", failures=1)
    lab.machine.runs[SCRIPT] = ran(inventory() + bad, "degraded", "FAIL")
    done = lab.gen("commission", "--node", "n1", *WATCH)
    assert done.code == 1
    assert "FAIL SLICE_GPU.gpu_count" in done.out


def test_watch_fails_with_the_machine(lab: Lab) -> None:
    lab.machine.runs[SCRIPT] = Ran(1, good(), "", "")
    done = lab.gen("commission", "--node", "n1", *WATCH)
    assert done.code == 1
    assert "n1: Failed commissioning" in done.err


def test_watch_waits_through_a_region_that_is_away_for_a_while(tmp_path: Path) -> None:
    with Lab(tmp_path, seconds=0.5) as lab:
        words = ("commission", "--node", "n1", "--watch", "--interval", "0.1")
        lab.standin.faults.add(Fault(FaultKind.NOT_JSON, "GET", "machines/", skip=1))
        done = lab.gen(*words)
        assert done.code == 0
        assert "instead of JSON; asking again" in done.err
        lab.standin.faults.add(Fault(FaultKind.UNAVAILABLE, "GET", "machines/", skip=1, times=5))
        assert lab.gen(*words).code == 0


def test_watch_ends_with_its_patience(tmp_path: Path) -> None:
    with Lab(tmp_path, seconds=60) as lab:
        done = lab.gen("commission", "--node", "n1", *WATCH, "--patience", "0")
        assert done.code == 4
        assert "still in state Commissioning" in done.err


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER])
def test_a_lost_request_is_not_sent_twice_and_says_what_the_machine_is_at(tmp_path: Path, kind: FaultKind) -> None:
    with Lab(tmp_path, seconds=60) as lab:
        lab.standin.faults.add(Fault(kind, "POST", "machines/"))
        done = lab.gen("commission", "--node", "n1")
        assert done.code == 4
        now = "Commissioning" if kind is FaultKind.DROP_AFTER else "Ready"
        assert f"n1 was Ready, now: {now}" in done.err
        assert lab.count("POST", "machines/lab001") == 1
        assert len(lab.region.results.sets) == (1 if kind is FaultKind.DROP_AFTER else 0)


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        ({"status": Status.DEPLOYED}, 1, "in state Deployed"),
        ({"hostname": "other"}, 2, "is that of other in MAAS, not of n1"),
        ({"system_id": "lab009"}, 2, "MAAS has no machine with the system id lab001 of n1"),
    ],
)
def test_another_machine_or_state_is_refused(tmp_path: Path, more: dict[str, object], code: int, says: str) -> None:
    with Lab(tmp_path, machine(**more)) as lab:
        done = lab.gen("commission", "--node", "n1")
        assert (done.code, lab.standin.faults.writes) == (code, 0)
        assert says in done.err


def test_a_refusal_of_maas_is_one_line_without_the_password(lab: Lab) -> None:
    spec = {"login": {"type": "password", "argument_format": "--login={input}"}}
    upload(lab.region, "60-more", tags=["noauto"], parameters=spec)
    answer = json_response({"60-more_login": ["hunter2-correct-horse is too weak"]}, 400)
    words = ("commission", "--node", "n1", "--script", "60-more", "--param", "60-more.login=env:BURN_IN")
    with patch.object(lab.region.machines, "_commission", return_value=answer):
        done = lab.gen(*words, env={"BURN_IN": "hunter2-correct-horse"})
    assert done.code == 4
    assert "60-more_login: *** is too weak" in done.err
    assert "hunter2" not in done.both


def test_a_script_that_was_changed_and_not_uploaded_is_told_before(lab: Lab) -> None:
    assert "warning" not in lab.gen("commission", "--node", "n1", "--dry-run").err
    lab.render()
    done = lab.gen("commission", "--node", "n1", "--dry-run", "--quiet")
    assert f"MAAS holds {SCRIPT} other than it is rendered" in done.err
