"""A session with a MAAS: python-libmaas says what is called and how it is signed, this module sends it.

python-libmaas 0.6.8 (`maas.client.bones`) makes the request; its dispatch is not used: it opens a session for each
call, has no limit in time and no CA file, and follows the address that the server reports, which is wrong behind
a proxy. Works on Python 3.11 to 3.13 inside one `asyncio.run`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from ..cache import Cache
from ..errors import GpuaasError
from ..maas.plan import Action, Request
from ..maas.state import HeldScript, parse_list
from .maas_bones import bones
from .maas_errors import MaasError, Trouble, answered
from .maas_form import multipart
from .maas_http import Answer, MaasHttp
from .maas_login import API_PATH, Connection

NEEDED = (
    *("NodeScripts", "NodeScript", "NodeScriptResults", "NodeScriptResult", "Tags", "Tag"),
    *("Machines", "Machine", "Users", "Maas"),
)
"""The parts of MAAS's description that are kept; the whole is over 500 kB."""

RAW = frozenset({"NodeScript.download", "NodeScriptResult.download", "Machine.details"})
"""Calls whose answer is no JSON."""

_MAX_WAIT_S = 30.0


class MaasSession:
    """Calls to one MAAS over shared connections. Made by `connect`."""

    def __init__(self, connection: Connection, http: MaasHttp) -> None:
        self.connection = connection
        self.version = ""
        self._http = http
        self._bones: Any = None
        self._api: Any = None

    async def open(self) -> None:
        """Ask for the version, and for the description unless it is known for this URL and version."""
        uri = f"{self._http.base}version/"
        answer, self._bones = await asyncio.gather(self._read_safely(uri), asyncio.to_thread(_bones))
        version = _json(self._http.what("GET", uri), answer)
        if not isinstance(version, Mapping) or "capabilities" not in version:
            raise self._not_maas(uri, "its version is no MAAS's")
        self.version = f"{version.get('version', '')}{version.get('subversion', '')}"
        cache = Cache("maas-describe")
        words = (self._http.base, self.version, answer.headers.get("x-maas-api-hash", ""), *NEEDED)
        key = "\0".join(words).encode()
        description = _kept(cache.get(key))
        if description is None:
            uri = f"{self._http.base}describe/"
            answer = await self._read_safely(uri)
            try:
                description = _trimmed(_json(self._http.what("GET", uri), answer))
            except (KeyError, TypeError):
                raise self._not_maas(uri, "its description is no MAAS's") from None
            cache.put(key, json.dumps(description).encode())
        self._api = self._bones.SessionAPI(description, self.connection.key.parts())

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
            if method in ("POST", "PUT"):
                uri, body, headers = self._form(call, pairs)
            else:
                uri, body, headers = call.prepare(query)  # anew each time: a nonce is taken once
            uri = self._http.base + uri.split(API_PATH, 1)[1]
            try:
                answer = await self._http.request(method, uri, body, headers)
                if answer.status == 404 and method == "DELETE" and lost:
                    return None
                return _decoded(self._http.what(method, uri), answer, action, self.connection)
            except MaasError as error:
                lost = lost or error.uncertain
                wait = self._wait(error, attempt, repeat)
                if wait is None:
                    raise
                await asyncio.sleep(wait)
        raise AssertionError("the last attempt raises")

    def _form(self, call: Any, pairs: list[tuple[str, str]]) -> tuple[str, bytes, dict[str, str]]:  # noqa: ANN401
        """What `call.prepare` makes of a form, in a tenth of the time."""
        kind, body = multipart(pairs)
        headers = {"Content-Type": kind}
        uri = f"{call.uri}?op={call.action.op}" if call.action.op else call.uri
        self._bones.utils.sign(uri, headers, self._api.credentials)
        return uri, body, headers

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

    async def _read_safely(self, uri: str) -> Answer:
        """A reading request without credentials, repeated."""
        for attempt in range(1, max(self.connection.attempts, 1) + 1):
            try:
                answer = await self._http.request("GET", uri)
                if answer.status == 200:
                    return answer
                raise _refused(self._http.what("GET", uri), answer, self.connection)
            except MaasError as error:
                wait = self._wait(error, attempt, repeat=True)
                if wait is None:
                    raise
                await asyncio.sleep(wait)
        raise AssertionError("the last attempt raises")

    def _not_maas(self, uri: str, why: str) -> MaasError:
        message = f"{self._http.what('GET', uri)}: {why}"
        return MaasError(Trouble.NOT_MAAS, message, hint="the URL ends in /MAAS/")


@asynccontextmanager
async def connect(connection: Connection) -> AsyncIterator[MaasSession]:
    """An open session, for `async with`. Raises MaasError, LoginError (URL, CA file), GpuaasError (not installed)."""
    try:
        import httptools  # noqa: F401 - asked for here, before anything is sent
    except ImportError:
        raise _not_installed("httptools") from None
    async with MaasHttp(connection) as http:
        session = MaasSession(connection, http)
        await session.open()
        yield session


def _bones() -> Any:  # noqa: ANN401 - python-libmaas has no types
    try:
        return bones()
    except ImportError:
        raise _not_installed("python-libmaas") from None


def _not_installed(package: str) -> GpuaasError:
    return GpuaasError(f"{package} is not installed", hint="pip install 'gpuaas-scripts[maas]'")


def _refused(what: str, answer: Answer, connection: Connection) -> MaasError:
    error = answered(what, answer.status, answer.content_type, answer.content, connection.key)
    after = answer.headers.get("retry-after", "")
    if answer.status == 409 and after.replace(".", "", 1).isdigit():
        error.retry_after = float(after)
    return error


def _decoded(what: str, answer: Answer, action: str, connection: Connection) -> Any:  # noqa: ANN401
    if answer.status // 100 != 2:
        raise _refused(what, answer, connection)
    if action in RAW:
        return answer.content
    return _json(what, answer) if answer.status != 204 else None


def _json(what: str, answer: Answer) -> Any:  # noqa: ANN401
    try:
        if "json" not in answer.content_type:
            raise ValueError("not JSON")
        return json.loads(answer.content)
    except ValueError:
        kind = answer.content_type.split(";")[0] or "nothing"
        message = f"{what}: answered {kind} instead of JSON"
        hint = "is there a proxy or a login page before MAAS?"
        raise MaasError(Trouble.NOT_MAAS, message, hint=hint, status=answer.status, uncertain=True) from None


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
