"""Carries out the requests of an upload plan, and says of each what became of it.

No request depends on another, so that an upload that was cut off anywhere can be planned and run again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..maas.plan import Action, Request
from .maas_errors import MaasError, Trouble
from .maas_session import MaasSession

_HOPELESS = frozenset({Trouble.UNREACHABLE, Trouble.TLS, Trouble.KEY, Trouble.CLOCK, Trouble.FORBIDDEN})
"""After one of these no further request is sent: each would fail alike."""


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


async def carry_out(session: MaasSession, requests: Sequence[Request]) -> tuple[Sent, ...]:
    """Send all, as many at once as the connection allows; the answer is in the order of `requests`.

    Deletions come last, and only when everything else was done: they take results along.
    """
    first = [request for request in requests if request.action is not Action.DELETE]
    last = [request for request in requests if request.action is Action.DELETE]
    sent = await _send_all(session, first)
    if all(item.fate is Fate.DONE for item in sent):
        sent += await _send_all(session, last)
    else:
        sent += [Sent(request, Fate.NOT_SENT) for request in last]
    by_request = {item.request: item for item in sent}
    return tuple(by_request[request] for request in requests)


async def _send_all(session: MaasSession, requests: Sequence[Request]) -> list[Sent]:
    stop = asyncio.Event()
    room = asyncio.Semaphore(session.connection.concurrency)

    async def one(request: Request) -> Sent:
        async with room:
            if stop.is_set():
                return Sent(request, Fate.NOT_SENT)
            try:
                await session.send(request)
            except MaasError as error:
                if error.trouble in _HOPELESS:
                    stop.set()
                return Sent(request, Fate.UNKNOWN if error.uncertain else Fate.FAILED, error)
            return Sent(request, Fate.DONE)

    return list(await asyncio.gather(*(one(request) for request in requests)))
