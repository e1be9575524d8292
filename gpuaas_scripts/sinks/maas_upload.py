"""Carries out the requests of an upload plan, and says of each what became of it.

No request depends on another, so that an upload that was cut off anywhere can be planned and run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..maas import tags
from ..maas.plan import Action, Request
from .maas_errors import MaasError, Trouble
from .maas_session import MaasSession

HOPELESS = frozenset({Trouble.UNREACHABLE, Trouble.TLS, Trouble.KEY, Trouble.CLOCK, Trouble.FORBIDDEN})
"""After one of these no further request is sent: each would fail alike."""

_IDS_A_CALL = 200
"""System ids in one address: servers refuse addresses above 8 kB."""


class Fate(StrEnum):
    """What became of a request. UNKNOWN: sent, and nobody knows whether it had its effect."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_SENT = "not-sent"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, what became of it, and the error where there was one."""

    request: Request
    fate: Fate
    error: MaasError | None = None


Tell = Callable[[Sent], None]
"""Is called for each request as soon as something became of it."""


def _quietly(_sent: Sent) -> None:
    """Tell nobody."""


async def carry_out(session: MaasSession, requests: Sequence[Request], tell: Tell = _quietly) -> tuple[Sent, ...]:
    """Send all, as many at once as the connection allows; the answer is in the order of `requests`.

    Deletions come last, and only when everything else was done: they take results along.
    """
    first = [request for request in requests if request.action is not Action.DELETE]
    last = [request for request in requests if request.action is Action.DELETE]
    sent = await _send_all(session, first, tell)
    if all(item.fate is Fate.DONE for item in sent):
        sent += await _send_all(session, last, tell)
    else:
        sent += [Sent(request, Fate.NOT_SENT) for request in last]
    by_request = {item.request: item for item in sent}
    return tuple(by_request[request] for request in requests)


async def _send_all(session: MaasSession, requests: Sequence[Request], tell: Tell) -> list[Sent]:
    stop = asyncio.Event()
    room = asyncio.Semaphore(session.connection.concurrency)

    async def one(request: Request) -> Sent:
        async with room:
            found = Sent(request, Fate.NOT_SENT) if stop.is_set() else await _send(session, request)
            if found.error and found.error.trouble in HOPELESS:
                stop.set()
            tell(found)
            return found

    return list(await asyncio.gather(*(one(request) for request in requests)))


async def _send(session: MaasSession, request: Request) -> Sent:
    try:
        await session.send(request)
    except MaasError as error:
        return Sent(request, Fate.UNKNOWN if error.uncertain else Fate.FAILED, error)
    return Sent(request, Fate.DONE)


async def read_tags(session: MaasSession) -> dict[str, tags.HeldTag]:
    """All machine tags by name. Raises MaasError, StateError."""
    return tags.parse_tags(await session.call("Tags.read"))


async def read_machines(session: MaasSession, system_ids: Iterable[str]) -> dict[str, tags.HeldMachine]:
    """The machines with these ids, as far as tags go; unknown ids are left out. Raises MaasError, StateError."""
    ids = sorted(set(system_ids))
    parts = [ids[start : start + _IDS_A_CALL] for start in range(0, len(ids), _IDS_A_CALL)]
    answers = await asyncio.gather(
        *(session.call("Machines.read", data=[("id", system_id) for system_id in part]) for part in parts)
    )
    return {name: machine for answer in answers for name, machine in tags.parse_machines(answer).items()}


async def give_tags(session: MaasSession, plan: tags.TagPlan) -> tuple[str, ...]:
    """Create and give the tags of a plan; what went wrong, one text each. Nothing is raised for a call that failed.

    Giving a tag twice does no harm, so that lost answers are no matter; reading back decides. Raises MaasError for
    one after which every further call would fail alike (HOPELESS).
    """
    problems: list[str] = []
    for name in plan.create:
        profile = name.removeprefix(tags.PREFIX)
        comment = f"nodes of the profile {profile} (gpuaas-gen)" if profile != name else "gpuaas-gen"
        problems += await _tried(session.call("Tags.create", data=[("name", name), ("comment", comment)]))
    for item in plan.give:
        ids = [node.system_id for node in item.nodes]
        for start in range(0, len(ids), _IDS_A_CALL):
            data = [("add", system_id) for system_id in ids[start : start + _IDS_A_CALL]]
            problems += await _tried(session.call("Tag.update_nodes", {"name": item.tag}, data, safe=True))
    return tuple(problems)


async def _tried(call: Awaitable[object]) -> list[str]:
    try:
        await call
    except MaasError as error:
        if error.trouble in HOPELESS:
            raise
        return [str(error)]
    return []
