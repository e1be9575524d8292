"""One request to a BMC and its answer: TLS, limits in time, and what went wrong. Nothing is sent twice here.

On top of `redfish.aio.AsyncRedfishClient` (3.4), which keeps to one origin and follows no redirects. Its
own login is not used: it hides error bodies, and logs in anew without telling.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..bios.messages import Judged, Meaning, Message, judge
from ..errors import GpuaasError
from ..run import MASK
from .bmc import BmcError, Target, Trouble
from .redfish_tls import tls_error, verification

if TYPE_CHECKING:
    import aiohttp
    from redfish.aio import AsyncRedfishClient  # type: ignore[import-untyped]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: HTTP status, the headers that matter, the body, and what it means."""

    status: int
    location: str = ""
    etag: str = ""
    token: str = field(default="", repr=False)
    body: bytes = field(default=b"", repr=False)
    judged: Judged = field(default_factory=lambda: Judged(Meaning.UNKNOWN))

    @property
    def readable(self) -> bool:
        """Whether the body is what a Redfish service may send: nothing, or JSON."""
        try:
            json.loads(self.body or b"{}")
        except (ValueError, RecursionError):
            return False
        return True


class RedfishWire:
    """Connections to one BMC; one request at a time."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._lock = asyncio.Lock()
        self._http: aiohttp.ClientSession | None = None
        self._client: AsyncRedfishClient | None = None

    async def connect(self) -> None:
        """Get ready; nothing is sent yet. Raises BmcError, GpuaasError (not installed)."""
        try:
            import aiohttp
            from redfish.aio import AsyncRedfishClient
        except ImportError:
            raise GpuaasError(
                "the redfish library is not installed", hint="pip install 'gpuaas-scripts[redfish]'"
            ) from None
        limits = self.target.limits
        timeout = aiohttp.ClientTimeout(total=limits.answer, sock_connect=limits.connect)
        connector = aiohttp.TCPConnector(limit=1, ssl=verification(self.target.tls, self.target.label))
        self._http = aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        # aiohttp sends GET, PUT and DELETE again by itself when a kept connection turns out to be closed.
        self._http._retry_connection = False
        url = self.target.address if "://" in self.target.address else f"https://{self.target.address}"
        if not url.startswith("https://"):
            raise BmcError(Trouble.TLS, f"{self.target.label}: the address is not an https one")
        try:
            self._client = AsyncRedfishClient(url, session=self._http)
        except ValueError:
            raise BmcError(
                Trouble.UNREACHABLE, f"{self.target.label}: the address is no host, host:port or URL"
            ) from None

    async def close(self) -> None:
        """Close the connections."""
        self._client = None
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def once(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        *,
        token: str = "",
    ) -> Reply:
        """One request, sent once.

        Raises BmcError: UNREACHABLE and TLS when nothing was sent, LOST when nobody knows.
        """
        import aiohttp
        from redfish.aio import RedfishConnectionError, RedfishInvalidTargetError, RedfishTimeoutError

        if self._client is None:
            raise AssertionError("the session is not open")
        what = f"{self.target.label}: {method} {path}"
        sent = {**(headers or {}), **({"X-Auth-Token": token} if token else {})}
        more: dict[str, Any] = {"headers": sent, "args": query, **({} if body is None else {"body": body})}
        send = getattr(self._client, method.lower())
        try:
            async with self._lock:
                response = await send(path, **more)
        except RedfishInvalidTargetError:
            raise BmcError(Trouble.NOT_A_BMC, f"{what}: a link of the BMC leads to another host") from None
        except (RedfishConnectionError, OSError) as error:
            cause = error.__cause__ or error
            if isinstance(cause, aiohttp.ClientSSLError | aiohttp.ServerFingerprintMismatch):
                raise tls_error(self.target.label, cause) from None
            if isinstance(cause, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
                raise BmcError(Trouble.UNREACHABLE, f"{self.target.label}: cannot connect: {_reason(cause)}") from None
            slow = isinstance(error, RedfishTimeoutError)
            why = f"no answer within {self.target.limits.answer:g} s" if slow else "the connection was cut"
            raise BmcError(Trouble.LOST, f"{what}: {why}") from None
        return Reply(
            status=response.status,
            location=response.getheader("Location") or "",
            etag=response.getheader("ETag") or "",
            token=response.getheader("X-Auth-Token") or "",
            body=response.read,
            judged=self._judged(method, response.status, response.read),
        )

    def _judged(self, method: str, status: int, body: bytes) -> Judged:
        """The meaning, in texts without the password; a resource that was read is no message."""
        if method == "GET" and status == 200:
            return Judged(Meaning.SUCCESS)
        judged = judge(status, body)
        password = self.target.password.reveal()
        return Judged(judged.meaning, tuple(_without(message, password) for message in judged.messages))


def _reason(cause: BaseException) -> str:
    """Why there is no connection; asyncio puts a text of its own before the system's."""
    error = getattr(cause, "os_error", None)
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:
        return os.strerror(number)
    return getattr(error, "strerror", None) or ("no connection in time" if error is None else str(error))


def _without(message: Message, secret: str) -> Message:
    if not secret:
        return message
    return replace(
        message,
        text=message.text.replace(secret, MASK),
        resolution=message.resolution.replace(secret, MASK),
    )
