"""HTTP/1.1 over TLS for one stand-in: reads requests, lets faults strike, writes answers. 127.0.0.1 only."""

from __future__ import annotations

import asyncio
import traceback
from http import HTTPStatus
from typing import TYPE_CHECKING

from . import idrac_control
from .idrac_bmc import Answer, Bmc, Request
from .idrac_faults import Fault, FaultKind

if TYPE_CHECKING:
    import ssl

HOST = "127.0.0.1"
_HEAD_LIMIT = 65536
_BODY_LIMIT = 4 * 1024 * 1024
_GARBAGE = b"<html>\xff\xfe iDRAC is restarting\x00</html>"


class Listener:
    """One port with one stand-in behind it. `defects` collects tracebacks of the stand-in's own mistakes."""

    def __init__(self, bmc: Bmc, context: ssl.SSLContext, defects: list[str]) -> None:
        self.bmc = bmc
        self.port = 0
        self._context = context
        self._defects = defects
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen: on a free port, or on the same one as before."""
        self._server = await asyncio.start_server(
            self._serve, HOST, self.port, ssl=self._context, limit=_HEAD_LIMIT, backlog=64
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the port and every connection."""
        if self._server:
            self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def change(self, context: ssl.SSLContext) -> None:
        """Go on with another certificate on the same port; open connections break."""
        await self.stop()
        self._context = context
        await self.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (request := await _read(reader)) is not None:
                if not await self._respond(request, writer):
                    break
            writer.close()
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError):
            writer.transport.abort()
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._writers.discard(writer)

    async def _respond(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection is at its end."""
        if request.path == idrac_control.PATH:
            await _write(writer, idrac_control.control(self.bmc, request), request)
            return True
        fault = next((f for f in self.bmc.faults if f.strikes(request.method, request.path)), None)
        if fault and fault.kind is FaultKind.DROP_BEFORE:
            self.bmc.seen.add(request.method, request.path, 0)
            writer.transport.abort()
            return False
        answer = self._answer(request, fault)
        self.bmc.seen.writes += answer.effect
        silent = fault is not None and fault.kind is FaultKind.DROP_AFTER
        self.bmc.seen.add(request.method, request.path, 0 if silent else answer.status)
        slow = fault.seconds if fault and fault.kind is FaultKind.SLOW else 0
        if wait := self.bmc.machine.options.latency + slow:
            await asyncio.sleep(wait)
        return await _send(writer, answer, request, fault)

    def _answer(self, request: Request, fault: Fault | None) -> Answer:
        match fault.kind if fault else None:
            case FaultKind.UNAVAILABLE:
                return self.bmc.refuse("RAC0509")
            case FaultKind.NOT_READY:
                return self.bmc.refuse("SWC0700")
            case FaultKind.UNAUTHORIZED:
                self.bmc.drop_sessions()
                return self.bmc.refuse("SYS415")
            case _:
                pass
        try:
            return self.bmc.answer(request)
        except Exception:  # a defect of the stand-in is told to whoever runs it
            self._defects.append(f"{request.method} {request.path}\n{traceback.format_exc()}")
            return Answer(500)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    """The next request, None at the end of the connection; raises ValueError for what is no HTTP."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.strip().casefold(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _BODY_LIMIT or "transfer-encoding" in headers:
        raise ValueError("a body without a length, or too long")
    body = await reader.readexactly(length)
    path, _, query = target.partition("?")
    return Request(method, path, headers, body, query)


async def _send(writer: asyncio.StreamWriter, answer: Answer, request: Request, fault: Fault | None) -> bool:
    """Write the answer as the fault wants it."""
    match fault.kind if fault else None:
        case FaultKind.DROP_AFTER:
            writer.transport.abort()
            return False
        case FaultKind.DROP_MIDDLE:
            await _write(writer, answer, request, cut=True)
            writer.transport.abort()
            return False
        case FaultKind.GARBAGE:
            answer = Answer(answer.status, _GARBAGE, answer.headers)
        case FaultKind.TRUNCATED:
            answer = Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers)
        case _:
            pass
    return await _write(writer, answer, request)


async def _write(writer: asyncio.StreamWriter, answer: Answer, request: Request, *, cut: bool = False) -> bool:
    """Write an answer, or with `cut` only half of what its length promises."""
    closes = request.headers.get("connection", "").casefold() == "close"
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = ""
    head = [f"HTTP/1.1 {answer.status} {reason}", f"Content-Length: {len(answer.body)}", "OData-Version: 4.0"]
    if answer.status == HTTPStatus.NO_CONTENT:
        head.pop(1)
    if answer.body:
        head.append("Content-Type: application/json;charset=utf-8")
    head += [f"{name}: {value}" for name, value in answer.headers.items()]
    head.append("Connection: close" if closes else "Connection: keep-alive")
    body = b"" if request.method == "HEAD" else answer.body
    writer.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + (body[: len(body) // 2] if cut else body))
    await writer.drain()
    return not closes
