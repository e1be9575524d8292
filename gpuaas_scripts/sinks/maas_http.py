"""Requests to a MAAS: HTTP/1.1 on asyncio's streams and httptools' parser, over connections that are kept.

aiohttp, which python-libmaas brings, takes longer to import than a run that changes nothing may take, and sends by
itself a second time what it takes for safe to repeat.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from .maas_errors import MaasError, Trouble
from .maas_login import API_PATH, Connection, LoginError

_IDLE_S = 5.0
"""For this long a connection is used again; servers and proxies close theirs after more."""

_CHUNK = 256 * 1024
"""Bytes that are read at once."""

_LONGEST_HEAD = 1024 * 1024
"""Bytes within which the headers of an answer must end."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What MAAS answered, whole; the names of `headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def content_type(self) -> str:
        """The header, '' without one."""
        return self.headers.get("content-type", "")


@dataclass(frozen=True, slots=True)
class _Kept:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    since: float

    @property
    def usable(self) -> bool:
        return asyncio.get_running_loop().time() - self.since < _IDLE_S and not self.reader.at_eof()


class MaasHttp:
    """Connections to one MAAS, at most `connection.concurrency` at once; an asynchronous context manager.

    Raises LoginError for a CA file that is none.
    """

    def __init__(self, connection: Connection) -> None:
        self.base = connection.base
        self._connection = connection
        url = urlsplit(self.base)
        secure = url.scheme == "https"
        self._tls = _verification(connection) if secure else None
        self._place = (url.hostname or "", url.port or (443 if secure else 80))
        self._host = url.netloc
        self._kept: list[_Kept] = []
        self._room = asyncio.Semaphore(connection.concurrency)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for kept in self._kept:
            kept.writer.close()

    async def request(
        self, method: str, uri: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, sent once; redirections are not followed. Raises MaasError when there is no whole answer."""
        what = self.what(method, uri)
        uncertain = method != "GET"
        try:
            async with self._room, asyncio.timeout(self._connection.timeout_s):
                reader, writer = self._idle() or await self._connected(what)
                try:
                    writer.write(self._head(method, uri, body, headers or {}) + (body or b""))
                    reply = _Reply()
                    while not reply.whole:
                        reply.feed(await reader.read(_CHUNK))
                except BaseException:
                    writer.transport.abort()
                    raise
        except TimeoutError:
            message = f"{what}: no answer within {self._connection.timeout_s:g} s"
            raise MaasError(Trouble.TIMEOUT, message, uncertain=uncertain) from None
        except (OSError, EOFError) as error:
            message = f"{what}: the connection was cut ({type(error).__name__})"
            raise MaasError(Trouble.CUT, message, uncertain=uncertain) from None
        except ValueError:
            hint = "the URL ends in /MAAS/"
            raise MaasError(Trouble.NOT_MAAS, f"{what}: answered no HTTP", hint=hint, uncertain=uncertain) from None
        if reply.keep:
            self._kept.append(_Kept(reader, writer, asyncio.get_running_loop().time()))
        else:
            writer.close()
        return reply.answer()

    def what(self, method: str, uri: str) -> str:
        """A call as it is named in errors: without its parameters."""
        maas = self.base.removesuffix(API_PATH.lstrip("/"))
        return f"MAAS at {maas}: {method} {uri.removeprefix(self.base).split('?')[0]}"

    def _idle(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        while self._kept:
            kept = self._kept.pop()
            if kept.usable:
                return kept.reader, kept.writer
            kept.writer.close()
        return None

    async def _connected(self, what: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_connection(*self._place, ssl=self._tls, limit=_CHUNK)
        except ssl.SSLError as error:
            reason = f"the certificate is refused: {getattr(error, 'verify_message', '') or type(error).__name__}"
            hint = "name the CA's certificate (ca_file), or renew the region's"
            raise MaasError(Trouble.TLS, f"{what}: {reason}", hint=hint) from None
        except OSError as error:
            raise MaasError(Trouble.UNREACHABLE, f"{what}: cannot connect: {_reason(error)}") from None

    def _head(self, method: str, uri: str, body: bytes | None, headers: Mapping[str, str]) -> bytes:
        url = urlsplit(uri)
        target = f"{url.path}?{url.query}" if url.query else url.path
        sent = {"Host": self._host, "Accept": "application/json,*/*;q=0.9", **headers}
        if body is not None:
            sent["Content-Length"] = str(len(body))
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")


class _Reply:
    """An answer as it comes in. The methods `on_…` are called by httptools' parser."""

    def __init__(self) -> None:
        from httptools import HttpResponseParser  # here: it is imported while the connection is made

        self._parser = HttpResponseParser(self)
        self._headers: dict[str, str] = {}
        self._parts: list[bytes] = []
        self._head = 0
        self._begun = False
        self.whole = self.keep = False
        """Whether it is all there, and whether the connection can be used again."""

    def feed(self, data: bytes) -> None:
        """Take the next bytes, b'' at the end of the connection. Raises EOFError (cut off) and ValueError."""
        from httptools import HttpParserError

        if not data:
            if not self._begun or {"content-length", "transfer-encoding"} & self._headers.keys():
                raise EOFError
            self.whole = True  # it ends where the connection does
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            raise ValueError(str(error)) from error
        self._head += len(data)
        if not self._begun and self._head > _LONGEST_HEAD:
            raise ValueError("the headers do not end")

    def answer(self) -> Answer:
        """The answer, once it is whole."""
        return Answer(self._parser.get_status_code(), self._headers, b"".join(self._parts))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._begun = self._parser.get_status_code() >= 200

    def on_body(self, part: bytes) -> None:
        self._parts.append(part)

    def on_message_complete(self) -> None:
        if self._begun:  # not "go on" and the like, which come before
            self.whole, self.keep = True, self._parser.should_keep_alive()


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)


def _verification(connection: Connection) -> ssl.SSLContext:
    """Checks certificates, against the system's CAs unless others are named."""
    try:
        return ssl.create_default_context(cafile=connection.ca_file, cadata=connection.ca_text or None)
    except (OSError, ssl.SSLError) as error:
        raise LoginError(f"CA certificates {connection.ca_file or ''}: {error}") from None
