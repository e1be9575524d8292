"""The end of a change: its values are read back, and nothing of it is staged any more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..bios.registry import Value, same
from .bios_journal import Step
from .bios_run import End, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..bios.state import BiosState, Job
    from .bios_record import Stand
    from .bios_run import Run


async def verify(run: Run, job: Job | None) -> Result:
    """The last step: nothing of it is staged any more, and the values are those wanted, as read back."""
    record = run.record
    deadline = time.monotonic() + run.pace.settle
    while True:
        state = (await run.bmc.read(record.wanted)).state
        waiting = [name for name in (*record.wanted, *record.plan.others_pending) if name in state.pending]
        wrong = _differences(record.wanted, state)
        if not waiting and not wrong:
            break
        if time.monotonic() > deadline:
            text = "; ".join([*wrong, *([f"still staged: {', '.join(waiting)}"] if waiting else [])])
            raise run.failed(End.FAILED, f"read back otherwise than wanted: {text}", job.id if job else "")
        run.say("waits for the values to be read back", job)
        await run.pause()
    later = [*state.pending, *state.hidden_pending]
    if later:
        run.notes.append(f"staged by somebody else since: {', '.join(sorted(later))}")
    run.notes += _differences({step.attribute: step.value for step in record.plan.forced}, state)
    await _until_booted(run)
    values = ", ".join(f"{name}={value}" for name, value in record.wanted.items())
    return run.ended(End.DONE, f"in force, as read back: {values}", job.id if job else "")


async def _until_booted(run: Run) -> None:
    """After a restart of ours, wait for the operating system where it ran before and the BMC tells."""
    checked = run.record.checked
    if checked is None or not checked.os or not run.record.begun(Step.RESET):
        return
    deadline = time.monotonic() + run.pace.boot
    while (await run.bmc.host()).os_running is False:
        if time.monotonic() > deadline:
            run.notes.append(f"the BMC does not report a running operating system after {run.pace.boot:g} s")
            return
        run.say("waits for the operating system")
        await run.pause()


def _differences(wanted: Mapping[str, Value], state: BiosState) -> list[str]:
    return [
        f"{name} is {state.current.get(name)}, wanted {value}"
        for name, value in wanted.items()
        if not same(state.current.get(name), value)
    ]


def failure(run: Run, state: BiosState, found: Stand) -> str:
    """What went wrong, and which of the values are in force all the same."""
    wrong = _differences(run.record.wanted, state)
    return "; ".join([found.text, *(wrong or ["all values are in force"])])
