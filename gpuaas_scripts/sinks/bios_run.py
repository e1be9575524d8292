"""What the steps of one BIOS change share: backend, journal, limits in time, and writing down before sending."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ExitCode, GpuaasError
from .bios_journal import Entry, Journal, Step
from .bios_record import Phase, Record, Stand, stand
from .bmc import Answer, Bmc, BmcError, Reading
from .interrupt import finish

if TYPE_CHECKING:
    from ..bios.registry import Value
    from ..bios.state import Job


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: `poll` between looks; limits for a new job to be scheduled, for a restart to begin, for the job to
    end, for staged values to be gone after it, and for the operating system to run again.
    """

    poll: float = 5
    scheduled: float = 180
    forced: float = 180
    graceful: float = 900
    job: float = 3600
    settle: float = 60
    boot: float = 1200


class End(StrEnum):
    """How a run ended. Only DONE was verified; WAITING means staged as asked, and not yet in force.

    REFUSED, FAILED and UNCERTAIN stand in the journal only: they are raised.
    """

    DONE = "done"
    NOTHING = "nothing to do"
    WAITING = "waiting"
    REFUSED = "refused"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a change. `notes` are what a reader should know besides; `record` is the journal's path."""

    end: End
    text: str
    record: Path
    job: str = ""
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """OK for what is verified, DRIFT for what still waits."""
        return ExitCode.DRIFT if self.end is End.WAITING else ExitCode.OK


class ChangeError(GpuaasError):
    """A change that was begun and came out wrong, or nobody knows how; `record` is the journal's path."""

    def __init__(self, end: End, message: str, record: Path) -> None:
        hint = f"how it stands now: gpuaas-gen bios plan; what was done: {record}"
        super().__init__(message, hint=hint, exit_code=ExitCode.REMOTE)
        self.end = end
        self.record = record


class Refusal(GpuaasError):  # noqa: N818 - an answer, not a defect
    """An apply that is not begun; `reasons` are all of them. Nothing was changed."""

    def __init__(self, node: str, reasons: tuple[str, ...], hint: str = "") -> None:
        super().__init__(f"{node}: " + "; ".join(reasons), hint=hint, exit_code=ExitCode.FINDINGS)
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of a change, for people: what is done, and the job where there is one."""

    node: str
    text: str
    job: Job | None = None


Tell = Callable[[Progress], None]
Gate = Callable[[str], AbstractAsyncContextManager[None]]
"""Is entered with the name of the host before a restart, and left when the run over that host ends."""


def silent(_progress: Progress) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Run:
    """One run over a change. `looked` is the last reading."""

    bmc: Bmc
    journal: Journal
    pace: Pace
    tell: Tell = silent
    gate: Gate | None = None
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    notes: list[str] = field(default_factory=list)
    sent: dict[Step, int] = field(default_factory=dict)

    @property
    def record(self) -> Record:
        """The journal as it stands."""
        return Record(tuple(self.journal.entries))

    @property
    def node(self) -> str:
        """Name of the host."""
        return self.record.plan.node

    @property
    def asked(self) -> dict[str, Value]:
        """What the plan asked for, by the names it was asked with."""
        return {item.asked: item.desired for item in self.record.plan.items if item.desired is not None}

    def say(self, text: str, job: Job | None = None) -> None:
        """Tell of progress."""
        self.tell(Progress(self.node, text, job))

    async def look(self) -> tuple[Reading, tuple[Job, ...], Stand]:
        """Read the BMC, and where the change stands by it."""
        names = {*self.asked, *(item.name for item in self.record.plan.items)}
        reading = await self.bmc.read(names)
        jobs = await self.bmc.jobs() if reading.state.capabilities.jobs else ()
        found = stand(self.record, reading.state, jobs)
        ours = found.phase not in {Phase.NOT_STAGED, Phase.UNCERTAIN}
        if ours and found.job is not None and found.job.id != self.record.job:
            self.journal.add(Entry(step=Step.SEEN, job=found.job.id, text=str(found.job)))
        return reading, jobs, found

    async def write(self, entry: Entry, send: Callable[[], Awaitable[Answer]]) -> Answer:
        """Write `entry` down, send, and write the answer down; a cancellation comes after that.

        Raises BmcError when nothing was sent, JournalError.
        """
        self.journal.add(entry)
        self.sent[entry.step] = self.sent.get(entry.step, 0) + 1

        async def both() -> Answer:
            try:
                answer = await send()
            except BmcError as error:
                self.journal.add(Entry(step=entry.step, kind=entry.kind, fate="not sent", text=str(error)))
                raise
            text = str(answer.judged)
            self.journal.add(Entry(step=entry.step, kind=entry.kind, fate=answer.fate, job=answer.job, text=text))
            return answer

        return await finish(both())

    def ended(self, end: End, text: str, job: str = "") -> Result:
        """Write down how it ended."""
        self.journal.add(Entry(step=Step.END, end=end, text=text, job=job))
        return Result(end, text, self.journal.path, job, tuple(self.notes))

    def failed(self, end: End, text: str, job: str = "") -> ChangeError:
        """Write down that it ended badly; the error to raise."""
        self.ended(end, text, job)
        return ChangeError(end, f"{self.node}: {text}", self.journal.path)

    async def turn(self) -> None:
        """Wait for the turn to restart; it lasts until the run ends."""
        if self.gate is not None:
            gate, self.gate = self.gate, None
            await self.stack.enter_async_context(gate(self.node))

    async def pause(self) -> None:
        """Wait until the next look."""
        await asyncio.sleep(self.pace.poll)
