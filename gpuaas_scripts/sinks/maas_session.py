"""A session with a MAAS: python-libmaas says what is called and how it is signed, this module sends it.

python-libmaas 0.6.8 (`maas.client.bones`) makes the request; its dispatch is not used: it opens a session for each
call, has no limit in time and no CA file, and follows the address that the server reports, which is wrong behind
a proxy. Works on Python 3.11 to 3.13 inside one `asyncio.run`.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from ..cache import Cache
from ..errors import GpuaasError
from ..maas.plan import Action, Request
from ..maas.state import HeldScript, parse_list
from .maas_bones import bones
from .maas_errors import MaasError, Trouble, answered
from .maas_form import multipart
from .maas_login import API_PATH, Connection, LoginError

if TYPE_CHECKING:
    import aiohttp

NEEDED = (
    *("NodeScripts", "NodeScript", "NodeScriptResults", "NodeScriptResult", "Tags", "Tag"),
    *("Machines", "Machine", "Users", "Maas"),
)
"""The parts of MAAS's description that are kept; the whole is over 500 kB."""

RAW = frozenset({"NodeScript.download", "NodeScriptResult.download", "Machine.details"})
"""Calls whose answer is no JSON."""

_MAX_WAIT_S = 30.0
_OF_FORM = frozenset({"content-type", "content-length", "mime-version"})


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content_type: str
    content: bytes
    headers: Mapping[str, str]


class MaasSession:
    """Calls to one MAAS over shared connections. Made by `connect`."""

    def __init__(self, connection: Connection, http: aiohttp.ClientSession) -> None:
        self.connection = connection
        self.version = ""
        self._http = http
        self._api: Any = None

    async def open(self, early: Future[_Answer | None]) -> None:
        """Ask for the version, and for the description unless it is known for this URL and version.

        `early` is the answer to a first attempt at the version, None when that led to nothing.
        """
        answer = await asyncio.wrap_future(early)
        answer = answer or await self._send_safely("GET", f"{self.connection.base}version/")
        version = _json(self._what("GET", "version/"), answer)
        if not isinstance(version, Mapping) or "capabilities" not in version:
            raise self._not_maas("version/", "its version is no MAAS's")
        self.version = f"{version.get('version', '')}{version.get('subversion', '')}"
        cache = Cache("maas-describe")
        words = (self.connection.base, self.version, answer.headers.get("X-Maas-Api-Hash", ""), *NEEDED)
        key = "\0".join(words).encode()
        description = _kept(cache.get(key))
        if description is None:
            answer = await self._send_safely("GET", f"{self.connection.base}describe/")
            try:
                description = _trimmed(_json(self._what("GET", "describe/"), answer))
            except (KeyError, TypeError):
                raise self._not_maas("describe/", "its description is no MAAS's") from None
            cache.put(key, json.dumps(description).encode())
        self._api = bones().SessionAPI(description, self.connection.key.parts())

    async def call(
        self,
        action: str,
        path: Mapping[str, str] | None = None,
        data: Iterable[tuple[str, str]] = (),
        *,
        safe: bool | None = None,
    ) -> Any:  # noqa: ANN401 - what MAAS answers
        """One call such as "NodeScript.read": `path` fills the address, `data` is the query (GET) or the form.

        A name may come several times in `data`. With `safe` the call may be repeated when nobody knows whether it had
        its effect (default: all but POST). What is given back is decoded JSON, bytes for the calls of RAW, None for an
        answer without content. A deletion that finds nothing after a lost connection counts as done.
        Raises MaasError.
        """
        handler, _, name = action.partition(".")
        bound = getattr(getattr(self._api, handler), name)
        method: str = bound.method
        call = bound.bind(**{key: quote(value, safe="") for key, value in (path or {}).items()})
        pairs = list(data)
        query: dict[str, list[str]] = {}
        for key, value in pairs if method == "GET" else ():
            query.setdefault(key, []).append(value)
        repeat = method != "POST" if safe is None else safe
        lost = False
        for attempt in range(1, max(self.connection.attempts, 1) + 1):
            uri, body, headers = call.prepare(query)  # anew each time: a nonce is taken once
            if method in ("POST", "PUT"):
                kind, body = multipart(pairs)
                headers = {name: text for name, text in headers.items() if name.lower() not in _OF_FORM}
                headers["Content-Type"] = kind
            part = uri.split(API_PATH, 1)[1]
            what = self._what(method, part.split("?")[0])
            try:
                answer = await self._send(method, self.connection.base + part, body, headers)
                if answer.status == 404 and method == "DELETE" and lost:
                    return None
                return _decoded(what, answer, action, self.connection)
            except MaasError as error:
                lost = lost or error.uncertain
                wait = self._wait(error, attempt, repeat)
                if wait is None:
                    raise
                await asyncio.sleep(wait)
        raise AssertionError("the last attempt raises")

    async def scripts(self) -> dict[str, HeldScript]:
        """All scripts with their contents, in one request. Raises MaasError, StateError."""
        return parse_list(await self.call("NodeScripts.read", data=[("include_script", "true")]))

    async def send(self, request: Request) -> None:
        """Carry out one request of an upload plan. A creation is not repeated when its answer was lost.

        Raises MaasError.
        """
        path = {} if request.action is Action.CREATE else {"name": request.name}
        await self.call(request.action, path, request.fields)

    async def whoami(self) -> str:
        """The name of the key's user; the one way to try a key without side effects. Raises MaasError."""
        return str((await self.call("Users.whoami")).get("username", ""))

    def _wait(self, error: MaasError, attempt: int, repeat: bool) -> float | None:
        """Seconds to wait before the next attempt, None when there is none."""
        if attempt >= self.connection.attempts:
            return None
        backoff = min(self.connection.backoff_s * float(1 << (attempt - 1)), _MAX_WAIT_S)
        if error.retry_after is not None:
            return max(min(error.retry_after, _MAX_WAIT_S), backoff)  # MAAS says so: it had no effect
        if error.trouble is Trouble.UNREACHABLE:
            return backoff  # it was never sent
        if repeat and (error.trouble in (Trouble.CUT, Trouble.TIMEOUT) or error.status in (502, 503, 504)):
            return backoff
        return None

    async def _send_safely(self, method: str, uri: str) -> _Answer:
        """A request without credentials, repeated."""
        for attempt in range(1, max(self.connection.attempts, 1) + 1):
            try:
                answer = await self._send(method, uri, None, {"Accept": "application/json"})
                if answer.status == 200:
                    return answer
                part = uri.removeprefix(self.connection.base)
                raise _refused(self._what(method, part), answer, self.connection)
            except MaasError as error:
                wait = self._wait(error, attempt, repeat=True)
                if wait is None:
                    raise
                await asyncio.sleep(wait)
        raise AssertionError("the last attempt raises")

    async def _send(self, method: str, uri: str, body: bytes | None, headers: Mapping[str, str]) -> _Answer:
        """One request. Raises MaasError when there is no whole answer."""
        import aiohttp
        from yarl import URL

        what = self._what(method, uri.removeprefix(self.connection.base).split("?")[0])
        sent = {"Accept": "application/json,*/*;q=0.9", **headers}
        target = URL(uri, encoded=True)
        try:
            async with self._http.request(method, target, data=body, headers=sent, allow_redirects=False) as answer:
                content = await answer.read()
                return _Answer(answer.status, answer.headers.get("Content-Type", ""), content, answer.headers)
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
            hint = "name the CA's certificate (ca_file), or renew the region's"
            raise MaasError(Trouble.TLS, f"{what}: {_tls_reason(error)}", hint=hint) from None
        except aiohttp.ClientConnectorError as error:
            reason = error.os_error.strerror or str(error.os_error)
            raise MaasError(Trouble.UNREACHABLE, f"{what}: cannot connect: {reason}") from None
        except TimeoutError:
            message = f"{what}: no answer within {self.connection.timeout_s:g} s"
            raise MaasError(Trouble.TIMEOUT, message, uncertain=method != "GET") from None
        except (aiohttp.ClientError, OSError) as error:
            message = f"{what}: the connection was cut ({type(error).__name__})"
            raise MaasError(Trouble.CUT, message, uncertain=method != "GET") from None

    def _what(self, method: str, part: str) -> str:
        return f"MAAS at {self.connection.base.removesuffix(API_PATH.lstrip('/'))}: {method} {part}"

    def _not_maas(self, part: str, why: str) -> MaasError:
        return MaasError(Trouble.NOT_MAAS, f"{self._what('GET', part)}: {why}", hint="the URL ends in /MAAS/")


@asynccontextmanager
async def connect(connection: Connection) -> AsyncIterator[MaasSession]:
    """An open session, for `async with`. Raises MaasError, LoginError (URL, CA file), GpuaasError (not installed)."""
    early = _ask_early(connection)
    try:
        bones()  # now, before anything is sent; and first, since it makes aiohttp quick to import
        import aiohttp
    except ImportError:
        raise GpuaasError("python-libmaas is not installed", hint="pip install 'gpuaas-scripts[maas]'") from None
    verify: ssl.SSLContext | bool = True
    if connection.base.startswith("https:") and (connection.ca_file or connection.ca_text):
        try:
            verify = ssl.create_default_context(cafile=connection.ca_file, cadata=connection.ca_text or None)
        except (OSError, ssl.SSLError) as error:
            raise LoginError(f"CA certificates {connection.ca_file or ''}: {error}") from None
    connector = aiohttp.TCPConnector(limit=connection.concurrency, ssl=verify)
    timeout = aiohttp.ClientTimeout(total=connection.timeout_s)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        session = MaasSession(connection, http)
        await session.open(early)
        yield session


def _ask_early(connection: Connection) -> Future[_Answer | None]:
    """Ask for the version in a thread, while what speaks with MAAS is imported. No credentials, one attempt, no TLS.

    Whatever goes wrong is left to the attempts that follow.
    """
    early: Future[_Answer | None] = Future()
    base = urlsplit(connection.base)
    if base.scheme != "http":
        early.set_result(None)
        return early

    def ask() -> None:
        answer = None
        try:
            answer = _version_over(base.hostname or "", base.port, f"{base.path}version/", connection.timeout_s)
        finally:
            early.set_result(answer)

    threading.Thread(target=ask, daemon=True).start()
    return early


def _version_over(host: str, port: int | None, path: str, timeout_s: float) -> _Answer | None:
    from http.client import HTTPConnection, HTTPException

    with suppress(OSError, HTTPException, ValueError), closing(HTTPConnection(host, port, timeout=timeout_s)) as http:
        http.request("GET", path, headers={"Accept": "application/json"})
        got = http.getresponse()
        headers = {"X-Maas-Api-Hash": got.getheader("X-Maas-Api-Hash", "")}
        answer = _Answer(got.status, got.getheader("Content-Type", ""), got.read(), headers)
        return answer if answer.status == 200 else None
    return None


def _refused(what: str, answer: _Answer, connection: Connection) -> MaasError:
    error = answered(what, answer.status, answer.content_type, answer.content, connection.key)
    after = answer.headers.get("Retry-After", "")
    if answer.status == 409 and after.replace(".", "", 1).isdigit():
        error.retry_after = float(after)
    return error


def _decoded(what: str, answer: _Answer, action: str, connection: Connection) -> Any:  # noqa: ANN401
    if answer.status // 100 != 2:
        raise _refused(what, answer, connection)
    if action in RAW:
        return answer.content
    return _json(what, answer) if answer.status != 204 else None


def _json(what: str, answer: _Answer) -> Any:  # noqa: ANN401
    try:
        if "json" not in answer.content_type:
            raise ValueError("not JSON")
        return json.loads(answer.content)
    except ValueError:
        kind = answer.content_type.split(";")[0] or "nothing"
        message = f"{what}: answered {kind} instead of JSON"
        hint = "is there a proxy or a login page before MAAS?"
        raise MaasError(Trouble.NOT_MAAS, message, hint=hint, status=answer.status, uncertain=True) from None


def _tls_reason(error: aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError) -> str:
    cause = getattr(error, "certificate_error", None) or error.__cause__ or error
    return f"the certificate is refused: {getattr(cause, 'verify_message', '') or type(cause).__name__}"


def _kept(text: bytes | None) -> dict[str, Any] | None:
    """A description from the cache, None when it is none."""
    try:
        value = json.loads(text or b"")
    except ValueError:
        return None
    return value if isinstance(value, dict) and value.get("resources") else None


def _trimmed(description: Any) -> dict[str, Any]:  # noqa: ANN401
    """Only what is called, without documentation."""
    resources = []
    for resource in description["resources"]:
        handler = resource["auth"]
        if resource["name"].removesuffix("Handler") not in NEEDED or handler is None:
            continue
        actions = [{**action, "doc": ""} for action in handler["actions"]]
        kept = {**handler, "doc": "", "actions": actions}
        resources.append({"name": resource["name"], "anon": None, "auth": kept})
    if not resources:
        raise KeyError("resources")
    return {"doc": "", "resources": resources}
