"""Looks at a host until it is proven, or it is certain that it will not be."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from ..errors import ExitCode, GpuaasError
from ..evidence.handover import Handover, Stage
from ..evidence.parse import Status

if TYPE_CHECKING:
    from ..sinks.host import Host
    from .console import Console
    from .watching import Watching


async def until_proven(console: Console, name: str, hostname: str, host: Host, watching: Watching) -> int:
    """Look until the host, which must be called `hostname`, is proven; each change is told.

    Raises GpuaasError, with what is wrong: exit code 1 when the host failed or its checks do, 4 when it gave no
    answer until the patience was over.
    """
    handover = Handover(hostname)
    end = time.monotonic() + watching.patience_s
    said = ""
    while True:
        step = handover.take(await asyncio.to_thread(host.look))
        reboots = f" (reboots seen: {handover.reboots})" if handover.reboots else ""
        if step.text != said:
            console.info(f"{name}: {step.text}{reboots}")
            said = step.text
        if step.stage is Stage.PROVEN:
            for warning in step.warnings:
                console.warning(f"{name}: {warning}")
            console.data(f"{name}: proven: cloud-init done, {step.text}{reboots}")
            return ExitCode.OK
        if step.stage is Stage.FAILED:
            raise GpuaasError(f"{name}: {step.text}", hint=f"look at it: {host.target}", exit_code=ExitCode.FINDINGS)
        if time.monotonic() >= end:
            raise _unproven(name, handover, step.text, watching)
        await asyncio.sleep(watching.interval_s)


def _unproven(name: str, handover: Handover, text: str, watching: Watching) -> GpuaasError:
    """What was last seen, with every failed check."""
    report = handover.last.parity
    failed = [line for line in report.checks if line.status is Status.FAIL] if report else []
    lines = [f"\n  FAIL {line.check}: {line.detail}\n    {line.remediation}" for line in failed]
    return GpuaasError(
        f"{name}: handed over, unproven after {watching.patience_s:g} s: {text}{''.join(lines)}",
        hint="the host may still be at work: wait longer with --patience, or log in and look",
        exit_code=ExitCode.FINDINGS if handover.boots else ExitCode.REMOTE,
    )
