"""Runs changes on many hosts: asks first, tells of progress, and shows what became of each."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import GpuaasError
from .bios_report import Junit, as_json, failure
from .bios_run import Outcomes
from .bios_text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import ExitCode
    from ..sinks.bios_fleet import Result as Ended
    from ..sinks.bios_run import Pace, Progress, Result
    from .console import Console

F = TypeVar("F", bound="Callable[..., Any]")

_FORCED_S = 1200.0
"""Seconds for a restart to show effect; servers with terabytes of memory are in POST for ten minutes."""


@dataclass(frozen=True, slots=True)
class How:
    """How changes are run, from the command line. `batch` servers are being restarted at a time."""

    yes: bool = False
    batch: int = 10
    max_failures: int | None = None
    poll_s: float = 5.0

    def pace(self) -> Pace:
        """The limits in time of one change."""
        from ..sinks.bios_run import Pace

        return Pace(poll=self.poll_s, forced=_FORCED_S)


def how_options(function: F) -> F:
    """Options of every verb that changes something; the command is called with `how`."""

    @click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
    @click.option(
        "--reset-batch",
        "batch",
        type=click.IntRange(1, 1000),
        default=10,
        show_default=True,
        help="Servers that are being restarted at the same time.",
    )
    @click.option(
        "--max-failures",
        type=click.IntRange(1),
        help="Restart no further servers once the changes of so many have failed after it (default: no limit).",
    )
    @click.option(
        "--poll",
        "poll_s",
        type=click.FloatRange(0.05, 300),
        default=5.0,
        show_default=True,
        metavar="SECONDS",
        help="Time between two looks at a job.",
    )
    @wraps(function)
    def wrapped(*args: Any, yes: bool, batch: int, max_failures: int | None, poll_s: float, **options: Any) -> Any:  # noqa: ANN401
        return function(*args, how=How(yes, batch, max_failures, poll_s), **options)

    return wrapped  # type: ignore[return-value]


def on_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def confirm(question: str, how: How) -> None:
    """Ask on a terminal. Raises GpuaasError where there is none and no --yes, click.Abort for a no."""
    if how.yes:
        return
    if not on_terminal():
        raise GpuaasError("nothing was done: there is no terminal to ask on", hint="give --yes to go on without asking")
    click.confirm(question, abort=True, err=True)


@dataclass(slots=True)
class Teller:
    """Says what happens on each host, once for each new thing."""

    console: Console
    _said: dict[str, str] = field(default_factory=dict)

    def __call__(self, progress: Progress) -> None:
        job = progress.job
        detail = f" ({job.id} {job.state}, {job.percent} %)" if job else ""
        text = f"{progress.node}: {progress.text}{detail}"
        if self._said.get(progress.node) != text:
            self._said[progress.node] = text
            self.console.info(text)

    def ended(self, result: Ended[Result]) -> None:
        """Say that a host is through."""
        if result.value is not None:
            self.console.info(f"{result.host}: {result.value.end}")
        else:
            self.console.info(f"{result.host}: not done, see below")


def show_changes(console: Console, outcomes: Outcomes[Result], form: str, verb: str) -> ExitCode:
    """Print what became of each host, and return the verb's exit code."""
    code = outcomes.exit_code(one.value.exit_code for one in outcomes.results if one.value is not None)
    if form == "json":
        console.data(as_json([_data(one) for one in outcomes.results], outcomes.left, code))
    elif form == "junit":
        console.data(_junit(outcomes, verb).rstrip("\n"))
    else:
        for one in outcomes.results:
            if one.value is not None:
                console.data(f"{one.host}  {one.value.end}: {one.value.text}")
                for note in one.value.notes:
                    console.data(f"    note: {note}")
                if one.value.record.is_file():
                    console.data(f"    record: {one.value.record}")
    for one in outcomes.failed:
        error = one.error
        text = str(error) if one.host in str(error) else f"{one.host}: {error}"
        console.error(text, error.hint if error else "")
    if len(outcomes.results) > 1:
        console.info(_summary(outcomes))
    return code


def _data(one: Ended[Result]) -> dict[str, Any]:
    if one.value is None:
        return failure(one)
    value = one.value
    notes = list(value.notes)
    return {
        "node": one.host,
        "end": str(value.end),
        "text": value.text,
        "job": value.job,
        "notes": notes,
        "record": str(value.record) if value.record.is_file() else "",
    }


def _junit(outcomes: Outcomes[Result], verb: str) -> str:
    made = Junit(f"gpuaas-gen bios {verb}")
    for one in outcomes.results:
        made.suite(one.host)
        if one.value is None:
            made.case(verb, error=str(one.error))
        else:
            waits = str(one.value.end) == "waiting"
            made.case(verb, failure=f"{one.value.end}: {one.value.text}" if waits else "")
    for left in outcomes.left:
        made.suite(left.node)
        made.case(verb, skipped=str(left))
    return made.text()


def _summary(outcomes: Outcomes[Result]) -> str:
    ends: dict[str, int] = {}
    for one in outcomes.results:
        word = str(one.value.end) if one.value is not None else _word(one.error)
        ends[word] = ends.get(word, 0) + 1
    return f"{counted(len(outcomes.results), 'host')}: " + ", ".join(f"{n} {word}" for word, n in ends.items())


def _word(error: GpuaasError | None) -> str:
    from ..sinks.bios_fleet import HeldBackError
    from ..sinks.bios_run import Refusal

    if isinstance(error, HeldBackError):
        return "held back"
    return "refused" if isinstance(error, Refusal) else "failed"
