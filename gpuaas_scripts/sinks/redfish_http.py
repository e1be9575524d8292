"""A Redfish session: login and always logout; reads are repeated, writes never blindly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

from ..bios.messages import WAIT
from ..bios.registry import BiosError
from ..errors import GpuaasError
from .bmc import SESSION_SECONDS, BmcError, SessionNote, SessionStep, Target, Trouble, Watch, refused
from .interrupt import ending, finish
from .redfish_wire import RedfishWire, Reply

T = TypeVar("T")
Document = Mapping[str, Any]

ROOT = "/redfish/v1/"
_SESSIONS = "/redfish/v1/SessionService/Sessions"
_LONGEST_WAIT = 15.0
_LOGINS = 3
_GONE = {200, 202, 204, 401, 404}


class RedfishSession:
    """Requests to one BMC, one at a time. `watch` is told of logins and logouts."""

    def __init__(self, target: Target, watch: Watch | None = None) -> None:
        self.target = target
        self.root: Document = {}
        self.location = ""
        self._watch = watch
        self._wire = RedfishWire(target)
        self._token = ""
        self._seconds = SESSION_SECONDS
        self._waited = 0.0

    async def open(self) -> None:
        """Connect, read the service root, log in. Raises BmcError, GpuaasError; then nothing is left open."""
        try:
            await self._wire.connect()
            self.root = await self.get(ROOT, attempts=2)
            await self._login()
            await self._learn_timeout()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Log out and close the connections, also while being cancelled; takes a limited time."""
        await finish(self._close())

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, attempts: int = 0) -> Document:
        """A resource. Raises BmcError; NOT_FOUND when there is none."""

        def parse(body: bytes) -> Document:
            document = json.loads(body)
            if not isinstance(document, dict):
                raise ValueError("no object")
            return document

        return (await self.fetch(path, parse, query, attempts=attempts))[0]

    async def fetch(
        self,
        path: str,
        parse: Callable[[bytes], T],
        query: Mapping[str, str] | None = None,
        *,
        attempts: int = 0,
    ) -> tuple[T, str]:
        """What `parse` makes of a resource's body, and its ETag. Asked again after a lost or broken answer."""
        what = f"{self.target.label}: GET {path}"
        limits = self.target.limits
        last: GpuaasError | None = None
        for attempt in range(attempts or limits.attempts):
            if attempt:
                await asyncio.sleep(min(limits.pause * 2 ** (attempt - 1), _LONGEST_WAIT))
            try:
                reply = await self.ask("GET", path, query=query)
                if reply.status == 200:
                    return parse(reply.body), reply.etag
                last = refused(what, reply.judged) if reply.status >= 400 else self._no_bmc(what, reply)
                if reply.status < 500 or reply.judged.meaning in WAIT:
                    break
            except BmcError as error:
                last = error
                if error.trouble is not Trouble.LOST and not (error.trouble is Trouble.UNREACHABLE and self._token):
                    break
            except BiosError as error:
                last = unusable(what, error)
            except (ValueError, RecursionError):
                last = BmcError(Trouble.NOT_A_BMC, f"{what}: the answer is no JSON, or cut off")
        raise last or AssertionError("at least one attempt")

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request and its answer, whatever it says. It is only sent again after an answer that it had no effect.

        That is: the session is gone (one new login), or the BMC says that it is not ready (within the
        patience). Raises BmcError: UNREACHABLE and TLS when nothing was sent, LOST when nobody knows.
        """
        logged_in = False
        while True:
            reply = await self._wire.once(method, path, body, headers, query, token=self._token)
            if reply.status == 401 and self._token and not logged_in:
                logged_in = True
                await self._login()
                continue
            certain = method == "GET" or bool(reply.judged.messages)
            if reply.judged.meaning in WAIT and certain and await self._patience():
                continue
            if reply.judged.meaning not in WAIT:
                self._waited = 0.0
            return reply

    async def drop(self, location: str) -> bool:
        """Close an earlier session of ours by its location; whether it is gone. One of another user is left alone."""
        reply = await self.ask("GET", location)
        if reply.status != 200:
            return reply.status == 404
        document = json.loads(reply.body or b"{}") if reply.readable else {}
        user = document.get("UserName") if isinstance(document, dict) else None
        if user != self.target.user:
            return user is not None  # its number has been given to somebody else since
        return (await self.ask("DELETE", location)).status in _GONE

    async def _login(self) -> None:
        """Open a session; waits for a free one within the patience. A lost login is repeated, and watched each time."""
        self._token, self.location = "", ""
        what = f"{self.target.label}: login as {self.target.user}"
        for attempt in range(_LOGINS):
            try:
                while True:
                    reply = await finish(self._post_session())
                    if reply.token or reply.judged.meaning not in WAIT or not await self._patience():
                        break
            except BmcError as error:
                if error.trouble is not Trouble.LOST or attempt == _LOGINS - 1:
                    raise
                await asyncio.sleep(self.target.limits.pause)
                continue
            if not reply.token:
                raise refused(what, reply.judged) if reply.status >= 400 else self._no_bmc(what, reply)
            if "PasswordChangeRequired" in reply.judged.ids:
                raise BmcError(Trouble.LOGIN, f"{what}: the BMC wants its password changed first")
            return

    async def _post_session(self) -> Reply:
        path = link(self.root.get("Links"), "Sessions") or _SESSIONS
        body = {"UserName": self.target.user, "Password": self.target.password.reveal()}
        self._tell(SessionStep.LOGIN)
        try:
            reply = await self._wire.once("POST", path, body)
        except BmcError as error:
            if error.trouble is not Trouble.LOST:
                self._tell(SessionStep.NONE)
            raise
        if 200 <= reply.status < 300 and reply.token:
            self._token, self.location = reply.token, _session_path(reply)
            self._tell(SessionStep.OPEN)
        elif reply.status >= 400:
            self._tell(SessionStep.NONE)
        return reply

    async def _learn_timeout(self) -> None:
        """How long sessions live unused; only asked for when somebody watches."""
        path = link(self.root, "SessionService")
        if self._watch is None or not path:
            return
        try:
            seconds = (await self.get(path)).get("SessionTimeout")
        except BmcError:
            return
        if isinstance(seconds, int) and seconds > 0 and seconds != self._seconds:
            self._seconds = seconds
            self._tell(SessionStep.OPEN)

    def _tell(self, step: SessionStep) -> None:
        if self._watch is not None:
            location = "" if step in {SessionStep.LOGIN, SessionStep.NONE} else self.location
            self._watch(SessionNote(step, location, self._seconds))

    async def _close(self) -> None:
        try:
            if self._token:
                async with asyncio.timeout(self.target.limits.logout):
                    await self._logout()
        except (TimeoutError, GpuaasError):
            pass  # it was not told as closed, so whoever watches knows that it may be open
        finally:
            self._token = ""
            await self._wire.close()

    async def _logout(self) -> None:
        if not self.location:
            return
        while True:
            try:
                reply = await self._wire.once("DELETE", self.location, token=self._token)
            except BmcError as error:
                if error.trouble is not Trouble.LOST:
                    raise
            else:
                if reply.status in _GONE:
                    self._tell(SessionStep.LOGOUT)
                    return
                if reply.judged.meaning not in WAIT and reply.status < 500:
                    return
            await asyncio.sleep(self.target.limits.pause)

    async def _patience(self) -> bool:
        """Wait a moment; False when the patience is used up, or when nobody waits for the answer any more."""
        limits = self.target.limits
        if self._waited >= limits.patience or ending():
            return False
        pause = min(max(limits.pause, self._waited / 2), _LONGEST_WAIT, max(limits.patience - self._waited, 0.01))
        self._waited += pause
        await asyncio.sleep(pause)
        return True

    def _no_bmc(self, what: str, reply: Reply) -> BmcError:
        return BmcError(Trouble.NOT_A_BMC, f"{what}: answered with status {reply.status}, which no BMC does here")


def unusable(what: str, error: BiosError) -> BmcError:
    """The error for an answer of the wrong shape; `what` names the BMC."""
    return BmcError(Trouble.NOT_A_BMC, f"{what}: {error}", hint=error.hint or "is the BMC's firmware up to date?")


def link(holder: object, name: str) -> str:
    """The `@odata.id` of a reference in a document, empty where there is none; of a list, its first one."""
    entry = holder.get(name) if isinstance(holder, Mapping) else None
    if isinstance(entry, list) and entry:
        entry = entry[0]
    path = entry.get("@odata.id") if isinstance(entry, Mapping) else None
    return path if isinstance(path, str) else ""


def _session_path(reply: Reply) -> str:
    """Where the session is; HPE names another host than the one asked, others name it in the body only."""
    if reply.location:
        return urlsplit(reply.location).path
    try:
        document = json.loads(reply.body or b"{}")
    except ValueError:
        return ""
    return link({"session": document}, "session")
