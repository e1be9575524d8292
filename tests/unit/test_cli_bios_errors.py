"""What a user sees when a BMC refuses: for each row of its errors the message, how to go on, and the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from bios_cli_support import POLL, Lab, lab

from gpuaas_scripts.lab.idrac_errors import TABLE, Entry, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gpuaas_scripts.lab.idrac_bmc import Answer, Request

pytestmark = pytest.mark.process

GO = ("--yes", "--reset", "force", *POLL)

ROWS = [
    ("read-only", ("SYS410", "SYS444", "SYS443", "SYS024"), 1, "the attribute is read-only, or depends on another one"),
    (
        "bad value",
        ("SYS409", "SYS424", "SYS426", "SYS429", "BIOS013", "BIOS014"),
        1,
        "does not take this name or value",
    ),
    ("lockdown", ("SYS406", "SYS291", "BIOS031", "JCP041", "RAC1201"), 1, "turn System Lockdown Mode off on the BMC"),
    ("login", ("SYS415", "SYS416"), 4, "check user and password of the BMC"),
    ("privilege", ("SYS012", "RAC0506"), 4, "use an account that may configure the server"),
    (
        "job exists",
        ("SYS011", "BIOS006", "BIOS007", "RAC0679", "LC063"),
        1,
        "wait for the open job to end, or delete it",
    ),
    ("nothing pending", ("BIOS008", "SYS023"), 1, "what was staged is gone"),
]
CASES = [(meaning, id_, code, hint) for meaning, ids, code, hint in ROWS for id_ in ids]


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


def refuse(here: Lab, fits: Callable[[Request], bool], *ids: str) -> None:
    """Let the stand-in refuse what fits with these messages, without effect."""
    bmc = here.bmc()
    answer = bmc.answer

    def refusing(request: Request) -> Answer:
        if not fits(request):
            return answer(request)
        if {"SYS415", "SYS416"} & set(ids):
            bmc.drop_sessions()  # a BMC that answers 401 has no session of ours
        return bmc.refuse(*ids)

    here.farm.call(lambda: setattr(bmc, "answer", refusing))


@pytest.mark.parametrize(("meaning", "id_", "code", "hint"), CASES, ids=[case[1] for case in CASES])
def test_a_refusal_while_staging(
    one: Lab, meaning: str, id_: str, code: int, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLE, "JCP041", Entry(403, "Unable to run the job: the System Lockdown mode is enabled."))
    refuse(one, lambda request: request.method == "PATCH", id_)
    ran = one.gen("apply", "--apply", *GO)
    assert ran.code == code
    assert f"lab0001 (BMC {one.one_host()['IDRAC_HOST']})" in ran.err
    assert f"{meaning} ({id_}: " in ran.err
    assert hint in ran.err
    assert ran.out == ""
    assert one.bmc().seen.writes == 0
    assert one.bmc().queue.made == 0


@pytest.mark.parametrize(
    ("meaning", "id_", "hint"),
    [("session limit", "RAC0218", "close sessions of the BMC"), ("not ready", "SWC0700", "has finished starting")],
)
def test_what_passes_by_itself_is_waited_for_with_a_limit(one: Lab, meaning: str, id_: str, hint: str) -> None:
    refuse(one, lambda request: request.path.endswith("/Sessions") and request.method == "POST", id_)
    ran = one.gen("plan", "--wait", "1")
    assert ran.code == 4
    assert f"{meaning} ({id_}: " in ran.err
    assert hint in ran.err


def test_a_session_that_becomes_free_is_taken(one: Lab) -> None:
    one.direct(foreign_sessions=8)
    seen: list[int] = []

    def freed(request: Request) -> bool:
        if request.path.endswith("/Sessions") and request.method == "POST":
            seen.append(1)
            if len(seen) == 2:
                one.bmc().access.foreign = 0
        return False

    refuse(one, freed)
    assert one.gen("plan").code == 3
    assert len(seen) == 2


def test_two_messages_at_once(one: Lab) -> None:
    refuse(one, lambda request: request.method == "PATCH", "SYS444", "SYS410")
    ran = one.gen("apply", "--apply", *GO)
    assert ran.code == 1
    assert "SYS444: " in ran.err
    assert "SYS410: " in ran.err


def test_lockdown_is_told_before_anything_is_sent(one: Lab) -> None:
    one.direct(lockdown=True)
    ran = one.gen("apply", "--apply", *GO)
    assert ran.code == 1
    assert "lockdown; turn System Lockdown Mode off on the BMC" in ran.err
    assert one.bmc().seen.writes == 0


def test_a_viewer_may_plan_and_not_apply(one: Lab) -> None:
    site = one.root / "site-configs" / "sites" / "lab.yaml"
    site.write_text(site.read_text().replace("username: root", "username: viewer"))
    assert one.gen("plan").code == 3
    ran = one.gen("apply", "--apply", *GO)
    assert ran.code == 4
    assert "privilege (SYS012: " in ran.err


def test_a_foreign_job_is_told_in_the_plan(one: Lab) -> None:
    one.direct(other_job=True)
    ran = one.gen("plan")
    assert ran.code == 3
    assert "open job: " in ran.out
    ran = one.gen("apply", "--apply", *GO)
    assert ran.code == 1
    assert "a job is open: " in ran.err
    one.direct(other_job=False)
    assert one.gen("apply", "--apply", *GO).code == 0


def test_every_refusal_of_the_stand_in_is_known() -> None:
    """No row is made up: each id stands in the stand-in's own table, but for the job's message JCP041."""
    assert {id_ for _, id_, _, _ in CASES} - set(TABLE) == {"JCP041"}
    assert issubclass(Refusal, Exception)
