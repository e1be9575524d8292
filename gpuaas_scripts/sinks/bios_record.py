"""What a journal tells, and where a change stands by the journal and the BMC together.

The BMC decides: what was written down before it was sent may have happened or not, so each next step is
chosen from what the BMC shows now. That is the same for an apply, after a lost answer, and in a resume.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ..bios.plan import Plan, Verdict
from ..bios.registry import Value, same
from ..bios.state import Job, Outcome
from .bios_journal import Entry, JournalError, ResetWish, Step, Wishes, journals, read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..bios.state import BiosState


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that may still be open, until the Unix time `until`; `location` is empty where it is not known."""

    location: str
    until: float


@dataclass(frozen=True, slots=True)
class Record:
    """A journal's entries, read as one change."""

    entries: tuple[Entry, ...]

    @property
    def plan(self) -> Plan:
        """The plan that is applied."""
        plan = self.entries[0].plan
        if plan is None:
            raise AssertionError("a journal begins with its plan")
        return plan

    @property
    def wishes(self) -> Wishes:
        """How it is applied; a resume may have asked for another reset."""
        wishes = self.entries[0].wishes or Wishes()
        asked = [entry.reset for entry in self.entries if entry.step is Step.RESUME and entry.reset is not None]
        return Wishes(wishes.merge, asked[-1], wishes.schedule) if asked else wishes

    @property
    def wanted(self) -> dict[str, Value]:
        """The values that have to be in force at the end, by the vendor's names."""
        waiting = (Verdict.CHANGE, Verdict.PENDING)
        return {i.name: i.desired for i in self.plan.items if i.verdict in waiting and i.desired is not None}

    @property
    def checked(self) -> Entry | None:
        """The last check that the host stood as planned; None: nothing was written to the BMC."""
        return self._last(Step.CHECKED)

    @property
    def before(self) -> dict[str, Value]:
        """The values that the first write met: what a rollback asks for."""
        first = next((entry for entry in self.entries if entry.step is Step.CHECKED), None)
        return first.before if first else {}

    @property
    def end(self) -> Entry | None:
        """How it ended, unless it was resumed since."""
        return self.entries[-1] if self.entries[-1].step is Step.END else self._end_before_sessions()

    def _end_before_sessions(self) -> Entry | None:
        rest = {Step.LOGIN, Step.SESSION, Step.NO_SESSION, Step.LOGOUT}
        return next((e if e.step is Step.END else None for e in reversed(self.entries) if e.step not in rest), None)

    def _last(self, step: Step) -> Entry | None:
        return next((entry for entry in reversed(self.entries) if entry.step is step), None)

    def begun(self, *steps: Step) -> bool:
        """Whether one of these writes was, or may have been, sent."""
        return any(entry.step in steps and entry.fate != "not sent" for entry in self.entries)

    @property
    def job(self) -> str:
        """Id of the job of this change as far as it was answered or seen."""
        named = [e.job for e in self.entries if e.step in {Step.STAGE, Step.JOB, Step.SEEN} and e.job]
        return named[-1] if named else ""

    def resets(self) -> tuple[Entry, ...]:
        """The resets that were or may have been sent for the reset as it is asked for now; one entry each.

        `fate` is empty where nobody knows whether it was sent.
        """
        entries = list(self.entries)
        asked = [n for n, entry in enumerate(entries) if entry.step is Step.RESUME and entry.reset is not None]
        found: list[Entry] = []
        for entry in entries[asked[-1] if asked else 0 :]:
            if entry.step is not Step.RESET:
                continue
            if entry.fate:
                begun = found.pop()
                found += [] if entry.fate == "not sent" else [_answered(begun, entry)]
            else:
                found.append(entry)
        return tuple(found)

    def open_sessions(self, now: float) -> tuple[OpenSession, ...]:
        """Sessions that may still be open at Unix time `now`: each lives unused for its own time."""
        known: dict[str, float] = {}
        unknown: list[float] = []
        asked: Entry | None = None
        current, seconds = "", 0
        for entry in self.entries:
            match entry.step:
                case Step.LOGIN:  # whatever was open before is not used any more
                    unknown += [asked.at + asked.seconds] if asked is not None else []
                    asked, current = entry, ""
                case Step.SESSION:
                    asked, current, seconds = None, entry.location, entry.seconds
                case Step.NO_SESSION:
                    asked = None
                case Step.LOGOUT:
                    known.pop(entry.location, None)
                    current = "" if entry.location == current else current
                case _:
                    pass
            if current:
                known[current] = entry.at + seconds
        if asked is not None:
            unknown.append(asked.at + asked.seconds)
        found = [OpenSession(path, until) for path, until in known.items()]
        found += [OpenSession("", until) for until in unknown]
        return tuple(session for session in found if session.until > now)


def _answered(begun: Entry, answer: Entry) -> Entry:
    import msgspec

    return msgspec.structs.replace(begun, fate=answer.fate, text=answer.text)


class Phase(StrEnum):
    """Where a change stands."""

    NOT_STAGED = "nothing is staged"
    STAGED = "staged, without a job"
    COMMITTED = "waiting for a restart"
    RUNNING = "running"
    APPLIED = "applied, to be verified"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a change stands, its job where there is one, and what to know about it."""

    phase: Phase
    job: Job | None = None
    text: str = ""


def stand(record: Record, state: BiosState, jobs: Sequence[Job]) -> Stand:
    """Where the change of `record` stands, by the state and by all jobs that the BMC still knows."""
    wanted = record.wanted
    effective = state.effective
    staged = all(same(effective.get(name), value) for name, value in wanted.items())
    in_force = all(same(state.current.get(name), value) for name, value in wanted.items())
    waiting = any(name in state.pending for name in wanted)
    if record.checked is None:
        return Stand(Phase.NOT_STAGED)
    if not state.capabilities.jobs:
        return _without_jobs(record, staged=staged, in_force=in_force and not waiting)
    ours, others = _our_jobs(record, jobs)
    if len(ours) > 1:
        return Stand(Phase.UNCERTAIN, None, f"several jobs may be of this change: {', '.join(j.id for j in ours)}")
    if ours and ours[0].open and not record.job and not staged:
        return Stand(Phase.UNCERTAIN, ours[0], f"{ours[0]} is open and does not hold these values")
    if ours:
        return _by_job(ours[0])
    if record.job:
        return Stand(Phase.UNCERTAIN, None, _gone(record.job, in_force=in_force and not waiting))
    if open_ := next((job for job in others if job.open), None):
        return Stand(Phase.UNCERTAIN, open_, f"{open_} is open and was made by somebody else")
    if staged and waiting:
        return Stand(Phase.STAGED)
    if staged and record.begun(Step.STAGE, Step.JOB):
        return Stand(Phase.UNCERTAIN, None, "the values are in force, and no job tells how they came there")
    return Stand(Phase.NOT_STAGED)


def _our_jobs(record: Record, jobs: Sequence[Job]) -> tuple[list[Job], list[Job]]:
    """Jobs of this change, and other BIOS jobs that came since: one whose answer was lost is known by being new."""
    if record.job:
        return [job for job in jobs if job.id == record.job], []
    known = set(record.checked.jobs) if record.checked else set()
    new = [job for job in jobs if job.of_bios and job.id not in known]
    return (new, []) if record.begun(Step.STAGE, Step.JOB) else ([], new)


def _by_job(job: Job) -> Stand:
    match job.outcome:
        case Outcome.SUCCESS:
            return Stand(Phase.APPLIED, job)
        case Outcome.WAITING:
            return Stand(Phase.COMMITTED, job)
        case Outcome.WITH_ERRORS | Outcome.FAILED:
            return Stand(Phase.FAILED, job, f"the job did not succeed: {job}")
        case Outcome.STUCK:
            return Stand(Phase.FAILED, job, f"the job will never run: {job}; delete it on the BMC")
        case _ if job.open:
            return Stand(Phase.RUNNING, job)
        case _:
            return Stand(Phase.UNCERTAIN, job, f"the job does not say that it succeeded: {job}")


def _gone(id_: str, *, in_force: bool) -> str:
    values = "the values are in force" if in_force else "the values are not in force"
    return f"the BMC does not know job {id_} any more, and {values}"


def _without_jobs(record: Record, *, staged: bool, in_force: bool) -> Stand:
    sent = record.begun(Step.STAGE) or not record.plan.changes
    if staged and in_force and sent:
        return Stand(Phase.APPLIED)
    return Stand(Phase.COMMITTED if staged and sent else Phase.NOT_STAGED)


def reset_wanted(record: Record) -> bool:
    """Whether a restart belongs to the change: asked for, and not left to a maintenance window."""
    return record.wishes.reset is not ResetWish.NONE and not in_window(record.wishes)


def in_window(wishes: Wishes) -> bool:
    """Whether a maintenance window decides when the values are applied."""
    return wishes.schedule is not None and bool(wishes.schedule.start)


def unfinished(folder: Path, node: str, apart_from: Path | None = None) -> Path | None:
    """The last journal of a node whose change was begun and has not ended, so that it can be resumed."""
    for path in reversed(journals(folder, node)):
        if path == apart_from:
            continue
        try:
            record = Record(tuple(read(path)))
        except JournalError:
            continue
        if record.end is None and record.begun(Step.STAGE, Step.JOB, Step.RESET):
            return path
    return None
