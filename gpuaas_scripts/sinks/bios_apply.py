"""Applying a BIOS plan, going on after an interruption, and telling where a change stands.

    with Journal.create(folder, plan, wishes, target.address) as journal:
        async with RedfishBmc(target, journal.watch) as bmc:
            result = await apply(journal, bmc, pace, tell)

All three look at the BMC and the journal and take the one step that is due, until nothing is due: so a
resume is an apply that finds some steps taken, and a lost answer is a reason to look again.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..bios.plan import Plan, Verdict
from ..bios.planning import make_plan
from ..bios.registry import Value, same
from ..bios.state import Outcome
from .bios_journal import Entry, Journal, ResetWish, Step
from .bios_record import OpenSession, Phase, Record, Stand, in_window, reset_wanted, stand, unfinished
from .bios_restart import restart
from .bios_run import End, Gate, Pace, Refusal, Result, Run, Tell, silent
from .bios_verify import failure, verify
from .bmc import Answer, Bmc, BmcError, Fate, Reading, Schedule, Trouble

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..bios.state import BiosState, Job

_NEW = {"New", "Scheduling"}
_MOST = 2
"""How often a write is sent in one run: again only when the BMC shows that the first had no effect."""


async def apply(
    journal: Journal, bmc: Bmc, pace: Pace | None = None, tell: Tell = silent, gate: Gate | None = None
) -> Result:
    """Apply the plan of a new journal.

    Raises Refusal (nothing changed), ChangeError (it came out wrong), BmcError, RestartError, JournalError:
    after these three the change may have begun: `status` tells, `resume` goes on.
    """
    run = Run(bmc, journal, pace or Pace(), tell, gate)
    if begun := unfinished(journal.path.parent, run.node, journal.path):
        hint = "gpuaas-gen bios status, then bios resume; or remove that record if it is of no use any more"
        raise _refuse(run, (f"an earlier change has not ended: {begun}",), hint)
    refusals = run.record.plan.refusals(merge=run.record.wishes.merge)
    if refusals:
        raise _refuse(run, refusals)
    if not run.record.wanted:
        return run.ended(End.NOTHING, "all values are in force")
    async with run.stack:
        return await _advance(run)


async def resume(
    journal: Journal,
    bmc: Bmc,
    pace: Pace | None = None,
    tell: Tell = silent,
    gate: Gate | None = None,
    *,
    reset: ResetWish | None = None,
) -> Result:
    """Go on with a journal (`Journal.reopen`); `reset` asks for another restart than before. Raises as `apply`.

    A change that was verified stays so: nothing is sent but for sessions that were left open.
    """
    run = Run(bmc, journal, pace or Pace(), tell, gate)
    left = run.record.open_sessions(time.time())
    end = run.record.end
    if end is None or End(end.end) is not End.DONE:
        journal.add(Entry(step=Step.RESUME, reset=reset))
    for session in left:
        # Not the one that this run has opened itself: its login stands in the journal before.
        if session.location and await bmc.drop_session(session.location):
            journal.add(Entry(step=Step.LOGOUT, location=session.location))
    if end is not None and End(end.end) in {End.DONE, End.NOTHING}:
        return Result(End(end.end), end.text, journal.path, end.job)
    async with run.stack:
        return await _advance(run)


@dataclass(frozen=True, slots=True)
class Status:
    """Where a change stands now: by the BMC, and by the journal `end` (empty: not ended) with its text."""

    stand: Stand
    end: str
    text: str
    staged: Mapping[str, Value]
    sessions: tuple[OpenSession, ...]


async def status(record: Record, bmc: Bmc) -> Status:
    """Where the change of `record` stands; reads only. Raises BmcError, BiosError."""
    names = {name for item in record.plan.items for name in (item.asked, item.name)}
    reading = await bmc.read(names)
    jobs = await bmc.jobs() if reading.state.capabilities.jobs else ()
    found = stand(record, reading.state, jobs)
    end = record.end
    staged = {name: reading.state.pending[name] for name in record.wanted if name in reading.state.pending}
    text = end.text if end else found.text
    return Status(found, end.end if end else "", text, staged, record.open_sessions(time.time()))


async def _advance(run: Run) -> Result:
    """Take what is due until nothing is."""
    while True:
        reading, jobs, found = await run.look()
        match found.phase:
            case Phase.NOT_STAGED:
                await _stage(run, reading, jobs)
            case Phase.STAGED:
                await _commit(run)
            case Phase.COMMITTED:
                if result := await _committed(run, found.job):
                    return result
            case Phase.RUNNING:
                await _follow(run, found.job)
            case Phase.APPLIED:
                return await verify(run, found.job)
            case Phase.FAILED:
                text = failure(run, reading.state, found)
                raise run.failed(End.FAILED, text, found.job.id if found.job else "")
            case Phase.UNCERTAIN:
                raise run.failed(End.UNCERTAIN, found.text, found.job.id if found.job else "")


def _refuse(run: Run, reasons: tuple[str, ...], hint: str = "Plan again.") -> Refusal:
    run.ended(End.REFUSED, "; ".join(reasons))
    return Refusal(run.node, reasons, hint)


async def _stage(run: Run, reading: Reading, jobs: tuple[Job, ...]) -> None:
    """Check that the host stands as planned, then stage what the plan changes. Raises Refusal, BmcError."""
    plan, wishes = run.record.plan, run.record.wishes
    now = make_plan(plan.node, run.asked, reading.registry, reading.state)
    moved = plan.moved(_less_ours(plan, now) if run.record.begun(Step.STAGE) else now)
    if moved:
        raise _refuse(run, tuple(f"the host has changed since the plan: {text}" for text in moved))
    if refusals := now.refusals(merge=wishes.merge):
        raise _refuse(run, refusals)
    if in_window(wishes) and not plan.changes:
        reason = "the values are staged already, so that no maintenance window can be given to them"
        raise _refuse(run, (reason,), "apply without a window, or clear what is staged and plan again")
    host = await run.bmc.host()
    known = tuple(job.id for job in jobs if job.of_bios)
    before = _before(plan, reading.state)
    run.journal.add(Entry(step=Step.CHECKED, jobs=known, before=before, os=host.os_running))
    changes = now.changes
    if not changes:
        return  # all of it is staged already: the next look finds that
    _count(run, Step.STAGE)
    run.say(f"stages {', '.join(changes)}")
    entry = Entry(step=Step.STAGE)
    schedule = wishes.schedule or (Schedule() if reading.state.capabilities.jobs else None)
    answer = await run.write(entry, lambda: run.bmc.stage(changes, schedule, reading.etag))
    if answer.fate is Fate.REFUSED:
        error = answer.error()
        if error.trouble is not Trouble.JOB_EXISTS or run.sent[Step.STAGE] == 1:
            await _refused_stage(run, error)
            raise error
    await _lost(run, answer, "stage the values")


def _less_ours(plan: Plan, now: Plan) -> Plan:
    """`now` as if nothing of this change were staged: a backend that writes value by value may have got half way."""
    before = {item.name: item for item in plan.items}
    items = tuple(
        before[item.name] if item.verdict is Verdict.PENDING and item.name in plan.changes else item
        for item in now.items
    )
    return replace(now, items=items)


async def _refused_stage(run: Run, error: BmcError) -> None:
    """Write down that staging was refused; a backend that writes value by value may have staged some."""
    changes = run.record.plan.changes
    pending = (await run.bmc.read(changes)).state.pending
    staged = [name for name, value in changes.items() if same(pending.get(name), value)]
    text = f"; staged all the same: {', '.join(staged)}" if staged else ""
    run.ended(End.REFUSED, f"{error}{text}")
    if text:
        error.args = (f"{error}{text}",)


def _before(plan: Plan, state: BiosState) -> dict[str, Value]:
    """The values to come back to: of what is changed, and of what follows by the firmware's rules."""
    followers = {
        step.attribute: state.current[step.attribute] for step in plan.forced if step.attribute in state.current
    }
    return {**followers, **plan.recorded()}


def _count(run: Run, step: Step) -> None:
    if run.sent.get(step, 0) >= _MOST:
        message = f"{run.node}: the BMC lost the request to {step} {_MOST} times"
        raise BmcError(Trouble.LOST, message, hint="gpuaas-gen bios status tells how it stands; bios resume goes on")


async def _lost(run: Run, answer: Answer, what: str) -> None:
    """After a lost answer: give the BMC a moment before it is looked at."""
    if answer.fate is Fate.LOST:
        run.say(f"the answer to the request to {what} was lost; looks what happened")
        await asyncio.sleep(min(run.pace.poll, run.bmc.target.limits.pause))


async def _commit(run: Run) -> None:
    """Make the one job for what is staged."""
    _count(run, Step.JOB)
    run.say("makes the job")
    answer = await run.write(Entry(step=Step.JOB), run.bmc.create_job)
    if answer.fate is Fate.REFUSED and (run.sent[Step.JOB] == 1 or answer.error().trouble is not Trouble.JOB_EXISTS):
        raise answer.error()
    await _lost(run, answer, "make the job")


async def _committed(run: Run, job: Job | None) -> Result | None:
    """Wait for the job to be scheduled, then restart; a result where the restart is left to somebody else."""
    if job is not None and job.state in _NEW:
        job = await _until_scheduled(run, job)
        if job is None or job.state in _NEW:
            return None
    if reset_wanted(run.record):
        await run.turn()
        await restart(run)
        while job is not None and (now := await run.bmc.job(job.id)) and now.outcome is Outcome.WAITING:
            run.say("waits for the restart", now)
            await restart(run)
        return None
    wishes = run.record.wishes
    when = f"the maintenance window at {wishes.schedule.start}" if in_window(wishes) and wishes.schedule else ""
    text = f"staged; it comes into force with {when or 'the next restart of the server'}"
    run.notes.append("gpuaas-gen bios resume verifies it afterwards")
    return run.ended(End.WAITING, text, job.id if job else "")


async def _until_scheduled(run: Run, job: Job) -> Job | None:
    """The job when it is no longer new; a server that restarts before that does not run it. Raises BmcError."""
    deadline = time.monotonic() + run.pace.scheduled
    found: Job | None = job
    while found is not None and found.state in _NEW:
        if time.monotonic() > deadline:
            message = f"{run.node}: job {job.id} is not scheduled after {run.pace.scheduled:g} s"
            raise BmcError(Trouble.NOT_READY, message, hint="gpuaas-gen bios resume goes on")
        run.say("waits for the job to be scheduled", found)
        await run.pause()
        found = await run.bmc.job(job.id)
    return found


async def _follow(run: Run, job: Job | None) -> None:
    """Wait until the job has ended; returns to let the caller look. Raises BmcError when it takes too long."""
    deadline = time.monotonic() + run.pace.job
    while job is not None and job.open:
        run.say("waits for the job", job)
        if time.monotonic() > deadline:
            message = f"{run.node}: job {job} has not ended after {run.pace.job:g} s"
            raise BmcError(Trouble.NOT_READY, message, hint="gpuaas-gen bios resume waits on")
        await run.pause()
        job = await run.bmc.job(job.id)
