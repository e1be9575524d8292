"""Waiting for a machine, for the verbs with --watch."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import ExitCode, GpuaasError
from ..maas.machine import Machine, parse_machine
from ..sinks.maas_errors import MaasError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ..sinks.maas_session import MaasSession

F = TypeVar("F", bound="Callable[..., Any]")

_PASSING = (Trouble.UNREACHABLE, Trouble.CUT, Trouble.TIMEOUT, Trouble.SERVER, Trouble.CONFLICT, Trouble.NOT_MAAS)
"""What may be over at the next look."""


@dataclass(frozen=True, slots=True)
class Watching:
    """Whether to wait, how many seconds between two looks, and how many at most."""

    on: bool
    interval_s: float
    patience_s: float


def watch_options(what: str, patience_s: float) -> Callable[[F], F]:
    """Give a command --watch (which waits for `what`), --interval and --patience; it is called with `watching`."""

    def decorated(function: F) -> F:
        @click.option("--watch", is_flag=True, help=f"Wait until {what}.")
        @click.option(
            "--interval",
            type=click.FloatRange(min=0),
            default=10.0,
            show_default=True,
            metavar="SECONDS",
            help="Time between two looks, with --watch.",
        )
        @click.option(
            "--patience",
            type=click.FloatRange(min=0),
            default=patience_s,
            show_default=True,
            metavar="SECONDS",
            help="Longest wait, with --watch.",
        )
        @wraps(function)
        def wrapped(*args: Any, watch: bool, interval: float, patience: float, **options: Any) -> Any:  # noqa: ANN401
            return function(*args, watching=Watching(watch, interval, patience), **options)

        return wrapped  # type: ignore[return-value]

    return decorated


async def read_machine(session: MaasSession, system_id: str) -> Machine:
    """A machine as it is now. Raises MaasError, StateError."""
    return parse_machine(await session.call("Machine.read", {"system_id": system_id}))


async def wait_while(
    session: MaasSession, machine: Machine, busy: Collection[int], watching: Watching, tell: Callable[[str], None]
) -> Machine:
    """Look at the machine until its state is none of `busy`; each new state is told.

    A MAAS that does not answer for a while is told and asked again. Raises GpuaasError (exit code 4) when the
    patience is over, MaasError for what does not pass by itself.
    """
    end = time.monotonic() + watching.patience_s
    said = _told(machine)
    while machine.status in busy:
        await asyncio.sleep(watching.interval_s)
        try:
            machine = await read_machine(session, machine.system_id)
        except MaasError as error:
            if error.trouble not in _PASSING:
                raise
            tell(f"{error}; asking again")
        if _told(machine) != said:
            said = _told(machine)
            tell(said)
        if machine.status in busy and time.monotonic() >= end:
            raise GpuaasError(
                f"{machine.hostname} is still in state {machine.status_name} after {watching.patience_s:g} s",
                hint="it goes on in MAAS; look there, or wait longer with --patience",
                exit_code=ExitCode.REMOTE,
            )
    return machine


def _told(machine: Machine) -> str:
    """The machine's state in one line, with MAAS's message where it says more."""
    more = f" ({machine.message})" if machine.message not in ("", machine.status_name) else ""
    return f"{machine.hostname}: {machine.state}{more}"
