"""The restart that brings staged values into force: asked for once, known by what the BMC shows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..errors import ExitCode, GpuaasError
from .bios_journal import Entry, ResetWish, Step
from .bios_record import Phase
from .bmc import Fate, Reset

if TYPE_CHECKING:
    from .bios_run import Run
    from .bmc import Host

_MOST = 2
"""How often a restart is asked for in one run: again only when the first has shown no effect within its limit."""


class RestartError(GpuaasError):
    """The server does not restart; staged values wait on."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.REMOTE)


async def restart(run: Run) -> None:
    """Take the next step towards a restart, or wait for the one that was taken; returns to let the caller look again.

    Raises BmcError, RestartError.
    """
    host = await run.bmc.host()
    taken = run.record.resets()
    last = taken[-1] if taken else None
    kind = _next(host, run.record.wishes.reset, run.node)
    if last is not None and not (kind is Reset.POWER_ON and last.kind == Reset.SHUTDOWN):
        limit = run.pace.forced if last.kind in {Reset.FORCE, Reset.POWER_ON} else run.pace.graceful
        if time.time() - last.at < limit:
            await run.pause()
            return
        if kind == last.kind or host.on is not False:
            if (await run.look())[2].phase is not Phase.COMMITTED:
                return  # it went on since the caller looked
            _may_repeat(run, host, last, limit)
    run.say(f"asks for a {kind}")
    entry = Entry(step=Step.RESET, kind=kind, last_reset=host.last_reset)
    answer = await run.write(entry, lambda: run.bmc.reset(kind))
    if answer.fate is Fate.REFUSED:
        raise answer.error()
    if answer.fate is Fate.LOST:
        run.say(f"the answer to the {kind} was lost; looks whether the server restarts")


def _shows(host: Host, last: Entry) -> bool:
    """Whether the host shows the restart that was asked for."""
    return host.in_post is True or bool(last.last_reset and host.last_reset and host.last_reset != last.last_reset)


def _next(host: Host, wish: ResetWish, node: str) -> Reset:
    """The step that is due by the power of the host. Raises RestartError where the BMC offers none."""
    if host.on is False:
        return Reset.POWER_ON
    kinds = (Reset.FORCE,) if wish is ResetWish.FORCE else (Reset.RESTART, Reset.SHUTDOWN)
    found = next((kind for kind in kinds if kind in host.resets), None)
    if found is None:
        offered = ", ".join(sorted(host.resets)) or "none"
        raise RestartError(
            f"{node}: the BMC offers no {kinds[0]}; it offers: {offered}",
            "restart the host yourself, then: gpuaas-gen bios resume",
        )
    return found


def _may_repeat(run: Run, host: Host, last: Entry, limit: float) -> None:
    """Return when the restart may be asked for again: it was never answered, and shows no effect.

    Raises RestartError.
    """
    if _shows(host, last):
        text = f"{run.node}: the server has restarted, and the staged values were not applied within {limit:g} s"
        raise RestartError(text, "look at its console and at the BMC's log; then: gpuaas-gen bios resume")
    if last.fate != Fate.DONE and run.sent.get(Step.RESET, 0) < _MOST:
        run.say(f"no restart within {limit:g} s: the {last.kind} did not arrive")
        return
    force = "the operating system may ignore it: gpuaas-gen bios resume --reset force"
    look = "look at its console; then: gpuaas-gen bios resume"
    raise RestartError(
        f"{run.node}: the server has not restarted within {limit:g} s after the {last.kind}",
        force if last.kind in {Reset.RESTART, Reset.SHUTDOWN} else look,
    )
