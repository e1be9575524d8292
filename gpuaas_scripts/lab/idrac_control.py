"""The lab's own door into a stand-in, at `/lab`: what it was asked, and what shall happen to it. No login.

GET shows counters; POST takes an object with any of: `advance` (seconds), `lockdown`, `not_ready`, `ending`,
`foreign_sessions`, `current` (values by name), `power`, `other_job` (true makes one, false ends it),
`drop_sessions`, `options` (fields of Options), `faults` (list of Fault), `clear_faults`.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from .idrac_bmc import Answer, Bmc, Request, reply
from .idrac_errors import Refusal
from .idrac_faults import Fault, FaultKind
from .idrac_jobs import Ending
from .idrac_machine import Power

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/lab"


def control(bmc: Bmc, request: Request) -> Answer:
    """Answer a request to `/lab`."""
    try:
        if request.method == "POST":
            body = request.json()
            if not isinstance(body, dict):
                raise ValueError("an object is wanted")
            direct(bmc, body)
        elif request.method != "GET":
            return bmc.refuse("SYS402")
    except (ValueError, TypeError, Refusal) as error:
        return Answer(400, json.dumps({"error": str(error)}).encode())
    bmc.machine.settle()
    return reply(shown(bmc))


def shown(bmc: Bmc) -> dict[str, Any]:
    """Counters of a stand-in."""
    bmc.access.expire()
    return {
        "time": bmc.machine.now,
        "sessions": {
            "open": len(bmc.access.sessions),
            "opened": bmc.access.opened,
            "closed": bmc.access.closed,
        },
        "requests": {"by_method": dict(bmc.seen.by_method), "by_kind": dict(bmc.seen.by_kind)},
        "writes": bmc.seen.writes,
        "jobs": {job.id: f"{job.state} {job.message_id}" for job in bmc.queue.jobs.values()},
        "jobs_made": bmc.queue.made,
        "pending": len(bmc.machine.pending),
        "resets": bmc.machine.resets,
        "power": str(bmc.machine.power),
        "log": list(bmc.seen.log),
    }


def direct(bmc: Bmc, wishes: Mapping[str, Any]) -> None:
    """Do what the keys of `wishes` say, in their order; raises ValueError for an unknown one."""
    for wish, value in wishes.items():
        _direct(bmc, wish, value)
        bmc.machine.settle()


def _direct(bmc: Bmc, wish: str, value: Any) -> None:  # noqa: ANN401
    machine = bmc.machine
    match wish:
        case "advance":
            machine.clock.advance(float(value))
        case "lockdown" | "not_ready":
            setattr(machine, wish, bool(value))
        case "ending":
            bmc.queue.ending = Ending(value)
        case "foreign_sessions":
            bmc.access.foreign = int(value)
        case "current":
            machine.current |= {str(name): setting for name, setting in value.items()}
            machine.revision += 1
        case "power":
            machine.power = Power(value)
        case "other_job":
            for job in [job for job in bmc.queue.jobs.values() if job.kind != "BIOSConfiguration"]:
                del bmc.queue.jobs[job.id]
            if value:
                bmc.queue.add_other()
        case "drop_sessions":
            bmc.drop_sessions()
        case "options":
            machine.options = dataclasses.replace(machine.options, **value)
        case "faults":
            bmc.faults += [Fault(FaultKind(entry.pop("kind")), **entry) for entry in map(dict, value)]
        case "clear_faults":
            bmc.faults.clear()
        case _:
            raise ValueError(f"unknown wish {wish}")
