"""Applying a plan to a stand-in iDRAC: what it refuses, how it waits, what it believes, and the way back."""

from __future__ import annotations

import asyncio
import stat
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redfish_support import NAMES, PACE, Lab, lab

from gpuaas_scripts.bios.plan import Verdict
from gpuaas_scripts.bios.state import ApplyTime
from gpuaas_scripts.errors import ExitCode, GpuaasError
from gpuaas_scripts.lab.idrac_machine import Machine, stamp
from gpuaas_scripts.sinks.bios_apply import apply, resume, status
from gpuaas_scripts.sinks.bios_journal import Entry, Journal, JournalError, ResetWish, Step, Wishes
from gpuaas_scripts.sinks.bios_record import Phase
from gpuaas_scripts.sinks.bios_restart import RestartError
from gpuaas_scripts.sinks.bios_rollback import rollback_plan, rollback_values
from gpuaas_scripts.sinks.bios_run import ChangeError, End, Refusal
from gpuaas_scripts.sinks.bmc import BmcError, Schedule, Trouble
from gpuaas_scripts.sinks.redfish_bmc import RedfishBmc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from gpuaas_scripts.bios.plan import Plan
    from gpuaas_scripts.bios.registry import Value
    from gpuaas_scripts.sinks.bios_apply import Status


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


async def status_of(one: Lab) -> Status:
    async with RedfishBmc(one.target()) as bmc:
        return await status(one.record, bmc)


async def stage(one: Lab, **values: str) -> None:
    """Somebody else stages values."""
    async with RedfishBmc(one.target()) as bmc:
        await bmc.stage(values, None, "")


def untouched(one: Lab) -> None:
    """Nothing was written, and no session is open."""
    assert (one.standin.seen.writes, one.standin.queue.made, one.open_sessions) == (0, 0, 0)


@pytest.mark.parametrize("generation", ["14g", "15g", "16g"])
@pytest.mark.parametrize("wish", [ResetWish.FORCE, ResetWish.GRACEFUL])
def test_a_change(tmp_path: Path, generation: str, wish: ResetWish) -> None:
    with lab(tmp_path, generation) as one:
        result = asyncio.run(one.apply(reset=wish))
        assert (result.end, result.exit_code, result.notes) == (End.DONE, ExitCode.OK, ())
        assert result.text == "in force, as read back: ProcVirtualization=Enabled, SriovGlobalEnable=Enabled"
        assert one.in_force()
        assert (one.standin.queue.made, one.open_sessions) == (1, 0)
        assert one.standin.machine.resets == (2 if (generation, wish) == ("14g", ResetWish.GRACEFUL) else 1)
        assert one.record.end is not None
        assert asyncio.run(one.resume()).end is End.DONE, "a verified change stays so"
        assert one.standin.queue.made == 1


def test_nothing_to_do(one: Lab) -> None:
    one.direct(current=dict.fromkeys(NAMES, "Enabled"))
    result = asyncio.run(one.apply())
    assert (result.end, result.exit_code) == (End.NOTHING, ExitCode.OK)
    untouched(one)


def test_values_that_are_visible_early_are_not_believed(tmp_path: Path) -> None:
    with lab(tmp_path, job_seconds=0.6, post_seconds=0.1) as one:
        began = time.monotonic()
        assert asyncio.run(one.apply()).end is End.DONE
        assert time.monotonic() - began > 0.6
        seen = {progress.job.state for progress in one.told if progress.job}
        assert "Running" in seen


def test_a_restart_left_to_somebody_else(one: Lab) -> None:
    result = asyncio.run(one.apply(reset=ResetWish.NONE))
    assert (result.end, result.exit_code) == (End.WAITING, ExitCode.DRIFT)
    assert "next restart" in result.text
    assert one.standin.machine.resets == 0
    now = asyncio.run(status_of(one))
    assert (now.stand.phase, now.end, now.staged) == (Phase.COMMITTED, "waiting", dict.fromkeys(NAMES, "Enabled"))
    again = asyncio.run(one.resume())
    assert again.end is End.WAITING, "a resume waits for nobody's restart"
    assert asyncio.run(one.resume(reset=ResetWish.FORCE)).end is End.DONE
    assert (one.standin.queue.made, one.standin.machine.resets) == (1, 1)


def test_a_maintenance_window(one: Lab) -> None:
    def schedule(seconds: float) -> Schedule:
        start = stamp(one.standin.machine.clock.now() + seconds)
        return Schedule(ApplyTime.MAINTENANCE_START, f"{start}+00:00", 600)

    result = asyncio.run(one.apply(reset=ResetWish.NONE, schedule=schedule(1000)))
    assert (result.end, result.exit_code) == (End.WAITING, ExitCode.DRIFT)
    assert "maintenance window at" in result.text
    assert asyncio.run(one.resume()).end is End.WAITING
    one.direct(advance=1001)
    one.direct(advance=10)
    assert asyncio.run(one.resume()).end is End.DONE
    assert one.standin.machine.resets == 0


def test_a_window_for_values_that_are_staged_already(one: Lab) -> None:
    asyncio.run(stage(one, **dict.fromkeys(NAMES, "Enabled")))
    window = Schedule(ApplyTime.MAINTENANCE_START, "2030-01-01T00:00:00+00:00", 600)
    with pytest.raises(Refusal, match="no maintenance window can be given"):
        asyncio.run(one.apply(reset=ResetWish.NONE, schedule=window))
    assert one.standin.queue.made == 0


def test_values_that_are_staged_already_get_their_job(one: Lab) -> None:
    asyncio.run(stage(one, **dict.fromkeys(NAMES, "Enabled")))
    assert asyncio.run(one.apply()).end is End.DONE
    assert (one.standin.queue.made, one.standin.seen.writes) == (1, 3)
    assert one.standin.seen.by_method["PATCH"] == 1, "staged again"


def test_a_host_that_is_off_is_powered_on(tmp_path: Path) -> None:
    with lab(tmp_path) as one:
        one.direct(power="Off")
        assert asyncio.run(one.apply(reset=ResetWish.GRACEFUL)).end is End.DONE
        assert one.standin.machine.power == "On"


def test_no_operating_system_is_waited_for_where_none_ran(tmp_path: Path) -> None:
    with lab(tmp_path, post_seconds=1000) as one:
        one.direct(power="Off")
        result = asyncio.run(one.apply(pace=replace(PACE, boot=0.2)))
        assert (result.end, result.notes) == (End.DONE, ())


# What it refuses before anything is written.


def refused(one: Lab, plan: Plan | None = None, **wishes: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        asyncio.run(one.apply(plan, **wishes))
    assert caught.value.exit_code is ExitCode.FINDINGS
    assert one.open_sessions == 0
    return caught.value


def test_a_blocked_plan(one: Lab) -> None:
    plan = asyncio.run(one.plan({"vt": "on", "NoSuchThing": "1"}))
    assert "NoSuchThing: unknown" in str(refused(one, plan))
    untouched(one)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"current": {"ProcVirtualization": "Enabled"}}, "ProcVirtualization: current was Disabled, is Enabled"),
        ({"lockdown": True}, "lockdown: was False, is True"),
        ({"other_job": True}, "open jobs: was none, is JID_"),
    ],
)
def test_a_host_that_has_changed_since_the_plan(one: Lab, wishes: dict[str, object], said: str) -> None:
    plan = asyncio.run(one.plan())
    one.direct(**wishes)
    error = refused(one, plan)
    assert "the host has changed since the plan" in str(error)
    assert said in str(error)
    assert error.hint == "Plan again."
    assert one.standin.seen.writes == 0
    end = one.record.end
    assert end is not None
    assert end.end == "refused"


def test_a_job_in_the_way(one: Lab) -> None:
    one.direct(other_job=True)
    assert "a job is open: JID_" in str(refused(one))
    assert one.standin.seen.writes == 0


def test_values_of_somebody_else_are_kept_only_when_asked(one: Lab) -> None:
    asyncio.run(stage(one, LogicalProc="Enabled"))
    error = refused(one)
    assert "staged: LogicalProc (--merge keeps them)" in str(error)
    assert dict(one.standin.machine.pending) == {"LogicalProc": "Enabled"}
    assert asyncio.run(one.apply(merge=True)).end is End.DONE
    assert one.in_force(LogicalProc="Enabled", ProcVirtualization="Enabled", SriovGlobalEnable="Enabled")


def test_what_the_firmware_refuses(one: Lab) -> None:
    plan = asyncio.run(one.plan())
    wrong = tuple(replace(item, desired="Maybe") for item in plan.items)

    async def work() -> None:
        with Journal.create(one.journals, replace(plan, items=wrong), Wishes(), "x") as journal:
            async with RedfishBmc(one.target(), journal.watch) as bmc:
                await apply(journal, bmc, PACE)

    with pytest.raises(Refusal, match="ProcVirtualization: desired was Maybe, is none"):
        asyncio.run(work())
    answer = one.standin.answer
    one.standin.answer = lambda r: one.standin.refuse("SYS406") if r.method == "PATCH" else answer(r)  # type: ignore[method-assign]
    with pytest.raises(BmcError, match="lockdown") as caught:
        asyncio.run(one.apply())
    assert (caught.value.trouble, caught.value.exit_code) == (Trouble.LOCKDOWN, ExitCode.FINDINGS)
    end = one.record.end
    assert end is not None
    assert end.end == "refused"
    assert one.standin.queue.made == 0


def test_an_earlier_change_that_has_not_ended(one: Lab) -> None:
    one.direct(faults=[{"kind": "drop-after", "path": "/Jobs$", "count": -1, "skip": 4}])
    with pytest.raises(BmcError):
        asyncio.run(one.apply(reset=ResetWish.NONE))
    assert one.record.begun(Step.STAGE)
    first = one.journal
    one.direct(clear_faults=True)
    error = refused(one)
    assert str(first) in str(error)
    assert "bios resume" in error.hint


# How a job can end.


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        ("with-errors", "PR31"),
        ("failed", "PR21"),
        ("stuck", "will never run: JID_"),
    ],
)
def test_a_job_that_does_not_succeed(one: Lab, ending: str, said: str) -> None:
    one.direct(ending=ending)
    with pytest.raises(ChangeError, match=said) as caught:
        asyncio.run(one.apply())
    assert (caught.value.end, caught.value.exit_code) == (End.FAILED, ExitCode.REMOTE)
    assert str(caught.value).startswith("host-1: ")
    assert "SriovGlobalEnable is Disabled, wanted Enabled" in str(caught.value)
    end = one.record.end
    assert end is not None
    assert end.end == "failed"
    assert one.open_sessions == 0
    with pytest.raises(ChangeError):
        asyncio.run(one.resume())
    assert one.standin.queue.made == 1


def test_lockdown_while_the_job_waits(one: Lab) -> None:
    asyncio.run(one.apply(reset=ResetWish.NONE))
    one.direct(lockdown=True)
    with pytest.raises(ChangeError, match="JCP041"):
        asyncio.run(one.resume(reset=ResetWish.FORCE))


def test_a_job_that_somebody_has_deleted(one: Lab) -> None:
    asyncio.run(one.apply(reset=ResetWish.NONE))

    async def delete() -> None:
        async with RedfishBmc(one.target()) as bmc:
            await bmc.delete_job(one.record.job)

    asyncio.run(delete())
    with pytest.raises(
        ChangeError, match=r"does not know job JID_.* any more, and the values are not in force"
    ) as caught:
        asyncio.run(one.resume())
    assert caught.value.end is End.UNCERTAIN
    assert one.standin.queue.made == 1, "made again"


def test_success_of_the_job_alone_is_no_success(one: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = asyncio.run(one.plan())
    real = Machine.apply

    def less(machine: Machine, values: dict[str, Value]) -> None:
        real(machine, {name: value for name, value in values.items() if name != NAMES[0]})

    monkeypatch.setattr(Machine, "apply", less)
    with pytest.raises(
        ChangeError, match="read back otherwise than wanted: ProcVirtualization is Disabled, wanted Enabled"
    ):
        asyncio.run(one.apply(plan, pace=replace(PACE, settle=0.2)))
    assert [job.message_id for job in one.standin.queue.jobs.values()] == ["PR19"]


def test_values_in_force_without_a_word_of_a_job_are_no_success(one: Lab) -> None:
    asyncio.run(one.apply(reset=ResetWish.NONE))
    one.standin.queue.jobs.clear()
    one.direct(current=dict.fromkeys(NAMES, "Enabled"))
    one.standin.machine.pending.clear()
    with pytest.raises(ChangeError, match="any more, and the values are in force"):
        asyncio.run(one.resume())


def test_what_somebody_stages_meanwhile_is_noted(one: Lab) -> None:
    asyncio.run(one.apply(reset=ResetWish.NONE))
    one.direct(power="On")
    asyncio.run(one.resume(reset=ResetWish.FORCE))
    asyncio.run(stage(one, LogicalProc="Enabled"))
    record = one.journal
    lines = [line for line in record.read_text().splitlines() if '"end":"done"' not in line]
    record.write_text("\n".join(lines) + "\n")
    result = asyncio.run(one.resume())
    assert result.end is End.DONE
    assert result.notes == ("staged by somebody else since: LogicalProc",)


# Restarts that do not come.


def test_an_operating_system_that_ignores_the_restart(tmp_path: Path) -> None:
    with lab(tmp_path, grace_seconds=1000) as one:
        with pytest.raises(RestartError, match=r"has not restarted within 0.5 s after the graceful restart") as caught:
            asyncio.run(one.apply(reset=ResetWish.GRACEFUL, pace=replace(PACE, graceful=0.5)))
        assert caught.value.exit_code is ExitCode.REMOTE
        assert "bios resume --reset force" in caught.value.hint
        assert one.standin.machine.resets == 1, "asked for twice"
        assert asyncio.run(one.resume(reset=ResetWish.FORCE)).end is End.DONE
        assert one.standin.queue.made == 1


def test_a_server_that_restarts_and_does_not_run_the_job(one: Lab) -> None:
    one.standin.machine.on_post.clear()
    one.direct(options={"post_seconds": 1000})
    with pytest.raises(RestartError, match="the server has restarted, and the staged values were not applied"):
        asyncio.run(one.apply(pace=replace(PACE, forced=0.3)))
    assert one.standin.machine.resets == 1


def test_a_job_that_is_never_scheduled(tmp_path: Path) -> None:
    with lab(tmp_path, schedule_seconds=1000) as one:
        with pytest.raises(BmcError, match=r"is not scheduled after 0.2 s"):
            asyncio.run(one.apply(pace=replace(PACE, scheduled=0.2)))
        assert one.standin.machine.resets == 0, "a restart now would be for nothing"


def test_a_job_that_takes_too_long(tmp_path: Path) -> None:
    with lab(tmp_path, job_seconds=1000) as one:
        with pytest.raises(BmcError, match=r"has not ended after 0.2 s"):
            asyncio.run(one.apply(pace=replace(PACE, job=0.2)))
        one.direct(advance=1000)
        assert asyncio.run(one.resume()).end is End.DONE


def test_an_operating_system_that_does_not_come_back_is_noted(tmp_path: Path) -> None:
    with lab(tmp_path, post_seconds=1000) as one:
        result = asyncio.run(one.apply(pace=replace(PACE, boot=0.2)))
        assert result.end is End.DONE
        assert result.notes == ("the BMC does not report a running operating system after 0.2 s",)


def test_restarts_take_their_turn(one: Lab) -> None:
    turns: list[str] = []

    @asynccontextmanager
    async def gate(node: str) -> AsyncIterator[None]:
        turns.append(f"{node} {one.standin.machine.resets}")
        try:
            yield
        except GpuaasError as error:
            turns.append(type(error).__name__)
            raise
        turns.append(f"{one.in_force()}")

    async def work(ending: str) -> None:
        one.direct(ending=ending)
        with Journal.create(one.journals, await one.plan(), Wishes(reset=ResetWish.FORCE), "x") as journal:
            async with RedfishBmc(one.target(), journal.watch) as bmc:
                await apply(journal, bmc, PACE, gate=gate)

    with pytest.raises(ChangeError):
        asyncio.run(work("failed"))
    assert turns == ["host-1 0", "ChangeError"]
    turns.clear()
    asyncio.run(work("completed"))
    assert turns == ["host-1 1", "True"]


# Going on, and the way back.


def test_an_interruption_by_cancelling(one: Lab) -> None:
    one.direct(faults=[{"kind": "slow", "method": "PATCH", "path": "Settings", "seconds": 0.3}])

    async def work() -> None:
        running = asyncio.ensure_future(one.apply(await one.plan()))
        while not one.standin.machine.pending:
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(work())
    assert one.open_sessions == 0
    assert one.record.job.startswith("JID_"), "the answer was not written down"
    assert asyncio.run(status_of(one)).stand.phase is Phase.COMMITTED
    assert asyncio.run(one.resume()).end is End.DONE
    assert (one.standin.queue.made, one.standin.seen.by_method["PATCH"]) == (1, 1)


def test_cancelling_does_not_wait_for_a_bmc_that_is_not_ready(one: Lab) -> None:
    one.direct(faults=[{"kind": "not-ready", "method": "PATCH", "count": -1}])
    one.limits = replace(one.limits, patience=60, pause=0.2)

    async def work() -> float:
        running = asyncio.ensure_future(one.apply(await one.plan()))
        while not one.standin.seen.by_method["PATCH"]:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        return time.monotonic() - began

    assert asyncio.run(work()) < 5
    assert one.open_sessions == 0
    assert one.record.entries[-2].fate == "refused"


def test_a_journal_that_cannot_be_written_stops_before_the_step(one: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = asyncio.run(one.plan())
    real = Journal.add

    def full(journal: Journal, entry: Entry) -> None:
        if entry.step in {Step.STAGE, Step.LOGOUT}:
            raise JournalError("no space left")
        real(journal, entry)

    monkeypatch.setattr(Journal, "add", full)
    with pytest.raises(JournalError, match="no space left"):
        asyncio.run(one.apply(plan))
    untouched(one)


def test_a_journal_that_cannot_be_written_at_the_end_takes_nothing_back(
    one: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Journal.add

    def full(journal: Journal, entry: Entry) -> None:
        if entry.step is Step.LOGOUT:
            raise JournalError("no space left")
        real(journal, entry)

    monkeypatch.setattr(Journal, "add", full)
    assert asyncio.run(one.apply()).end is End.DONE
    assert one.open_sessions == 0


def test_a_job_that_cannot_be_made_yet(one: Lab) -> None:
    asyncio.run(stage(one, **dict.fromkeys(NAMES, "Enabled")))
    plan = asyncio.run(one.plan())
    answer = one.standin.answer
    one.standin.answer = lambda r: (
        one.standin.refuse("LC063") if r.method == "POST" and r.path.endswith("Jobs") else answer(r)
    )  # type: ignore[method-assign]
    with pytest.raises(BmcError, match="LC063") as caught:
        asyncio.run(one.apply(plan))
    assert caught.value.exit_code is ExitCode.FINDINGS
    assert one.record.end is None
    assert asyncio.run(status_of(one)).stand.phase is Phase.STAGED
    one.standin.answer = answer  # type: ignore[method-assign]
    assert asyncio.run(one.resume()).end is End.DONE


def test_a_resume_closes_what_was_left_open(one: Lab) -> None:
    asyncio.run(one.apply(reset=ResetWish.NONE))

    async def leave() -> str:
        with Journal.reopen(one.journal) as journal:
            bmc = RedfishBmc(one.target(), journal.watch)
            await bmc._session.open()
            await bmc._session._wire.close()
            return bmc._session.location

    location = asyncio.run(leave())
    assert one.open_sessions == 1
    told = asyncio.run(status_of(one)).sessions
    assert [session.location for session in told] == [location]
    assert abs(told[0].until - time.time() - 1800) < 60
    asyncio.run(one.resume())
    assert one.open_sessions == 0
    assert one.record.open_sessions(time.time()) == ()


def test_a_resume_of_what_was_never_begun(one: Lab) -> None:
    plan = asyncio.run(one.plan())
    Journal.create(one.journals, plan, Wishes(reset=ResetWish.FORCE), "x").close()
    assert asyncio.run(status_of(one)).stand.phase is Phase.NOT_STAGED
    assert asyncio.run(one.resume()).end is End.DONE


def test_a_resume_does_not_take_a_job_of_somebody_else_for_its_own(one: Lab) -> None:
    one.direct(faults=[{"kind": "drop-before", "method": "PATCH", "count": -1}])
    with pytest.raises(BmcError, match="lost the request to stage 2 times"):
        asyncio.run(one.apply())
    one.direct(clear_faults=True)

    async def somebody() -> None:
        async with RedfishBmc(one.target()) as bmc:
            await bmc.stage({"LogicalProc": "Enabled"}, Schedule(), "")

    asyncio.run(somebody())
    with pytest.raises(ChangeError, match="is open and does not hold these values"):
        asyncio.run(one.resume())
    assert one.standin.machine.resets == 0
    assert dict(one.standin.machine.pending) == {"LogicalProc": "Enabled"}


def test_a_resume_of_a_plan_that_is_blocked(one: Lab) -> None:
    one.direct(other_job=True)
    plan = asyncio.run(one.plan())
    Journal.create(one.journals, plan, Wishes(reset=ResetWish.FORCE), "x").close()
    with pytest.raises(Refusal, match="a job is open"):
        asyncio.run(one.resume())
    assert one.standin.seen.writes == 0


def test_a_resume_of_what_was_staged_half_way(one: Lab) -> None:
    plan = asyncio.run(one.plan())
    with Journal.create(one.journals, plan, Wishes(reset=ResetWish.FORCE), "x") as journal:
        journal.add(Entry(step=Step.CHECKED, before=dict.fromkeys(NAMES, "Disabled")))
        journal.add(Entry(step=Step.STAGE))
    asyncio.run(stage(one, **{NAMES[0]: "Enabled"}))
    assert asyncio.run(one.resume()).end is End.DONE
    assert one.in_force()
    assert (one.standin.seen.by_method["PATCH"], one.standin.queue.made) == (2, 1)


def test_half_of_it_staged_by_somebody_else(one: Lab) -> None:
    plan = asyncio.run(one.plan())
    asyncio.run(stage(one, **{NAMES[0]: "Enabled"}))
    assert "ProcVirtualization: pending was none, is Enabled" in str(refused(one, plan))


def test_values_that_are_in_force_and_staged_otherwise(one: Lab) -> None:
    assert asyncio.run(one.apply()).end is End.DONE
    asyncio.run(stage(one, **{NAMES[0]: "Disabled"}))
    lines = [line for line in one.journal.read_text().splitlines() if '"end":"done"' not in line]
    one.journal.write_text("\n".join(lines) + "\n")
    with pytest.raises(ChangeError, match="still staged: ProcVirtualization"):
        asyncio.run(one.resume(replace(PACE, settle=0.1)))


def test_the_way_back(one: Lab) -> None:
    plan = asyncio.run(one.plan({"SysProfile": "PerfOptimized", "vt": "on"}))
    before = dict(one.standin.machine.current)
    assert plan.forced, "this profile forces other values"
    assert asyncio.run(one.apply(plan)).end is End.DONE
    assert one.standin.machine.current != before
    record = one.record
    reading = asyncio.run(one.read(*rollback_values(record)))
    back = rollback_plan(record, reading)
    assert back.exit_code is ExitCode.DRIFT
    assert not [item for item in back.items if item.verdict is Verdict.BLOCKED]
    assert asyncio.run(one.apply(back)).end is End.DONE
    now = one.standin.machine.current
    assert one.in_force(SysProfile=str(before["SysProfile"]), ProcVirtualization="Disabled")
    notes = "".join(item.note for item in back.items)
    for name in (name for name in before if before[name] != now[name]):
        assert f"{name} was {before[name]}, is " in notes, "not come back to, and not told"


def test_nothing_to_come_back_to(one: Lab) -> None:
    one.direct(other_job=True)
    refused(one)
    with pytest.raises(GpuaasError, match="never begun"):
        rollback_values(one.record)


def test_journals_are_private(one: Lab) -> None:
    asyncio.run(one.apply())
    assert stat.S_IMODE(one.journal.stat().st_mode) == 0o600
    assert stat.S_IMODE(one.journals.stat().st_mode) == 0o700
    assert datetime.fromtimestamp(one.record.entries[0].at, UTC).year >= 2024


def test_only_sessions_are_touched_when_it_was_done(one: Lab) -> None:
    asyncio.run(one.apply())
    writes, lines = one.standin.seen.writes, len(one.record.entries)

    async def again() -> None:
        with Journal.reopen(one.journal) as journal:
            async with RedfishBmc(one.target(), journal.watch) as bmc:
                assert (await resume(journal, bmc, PACE)).end is End.DONE

    asyncio.run(again())
    assert one.standin.seen.writes == writes
    assert [entry.step for entry in one.record.entries[lines:]] == [Step.LOGIN, Step.SESSION, Step.LOGOUT]
    assert one.record.end is not None
