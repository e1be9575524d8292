"""Logins of the stand-in: sessions with a limit and an end, basic authentication, and two users' privileges."""

from __future__ import annotations

import base64
import binascii
import itertools
import secrets
from dataclasses import dataclass, field

from .idrac_errors import Refusal
from .idrac_machine import Machine


@dataclass(slots=True)
class Session:
    """An open session; `used` is the lab time of its last request."""

    id: str
    user: str
    used: float


@dataclass(slots=True)
class Access:
    """Sessions of one machine by token. `foreign` are sessions of others (the GUI) that count towards the limit."""

    machine: Machine
    sessions: dict[str, Session] = field(default_factory=dict)
    foreign: int = 0
    opened: int = 0
    closed: int = 0
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def expire(self) -> None:
        """Drop the sessions that nobody has used for the session timeout."""
        limit = self.machine.now - self.machine.options.session_timeout
        self.sessions = {token: session for token, session in self.sessions.items() if session.used > limit}

    def login(self, user: object, password: object) -> tuple[str, Session]:
        """Open a session: its token and itself. Raises Refusal."""
        self._check(user, password)
        self.expire()
        if len(self.sessions) + self.foreign >= self.machine.options.session_limit:
            raise Refusal("RAC0218")
        token = secrets.token_hex(16)
        session = Session(str(next(self._ids)), str(user), self.machine.now)
        self.sessions[token] = session
        self.opened += 1
        return token, session

    def _check(self, user: object, password: object) -> None:
        if not user or not password:
            raise Refusal("SYS416")
        options = self.machine.options
        if user not in {options.user, options.viewer} or password != options.password:
            raise Refusal("SYS415")

    def user_of(self, headers: dict[str, str]) -> str:
        """The user of a request: by session token, or by basic authentication. Raises Refusal (401)."""
        self.expire()
        if token := headers.get("x-auth-token"):
            session = self.sessions.get(token)
            if session is None:
                raise Refusal("SYS415")
            session.used = self.machine.now
            return session.user
        kind, _, text = headers.get("authorization", "").partition(" ")
        if kind.casefold() != "basic":
            raise Refusal("SYS416")
        try:
            user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Refusal("SYS416") from None
        self._check(user, password)
        return user

    def close(self, id_: str) -> None:
        """End a session by its id; raises Refusal when there is none."""
        for token, session in self.sessions.items():
            if session.id == id_:
                del self.sessions[token]
                self.closed += 1
                return
        raise Refusal("SYS403", args=(f"Sessions/{id_}",))

    def may_write(self, user: str, refusal: str) -> None:
        """Raise Refusal with this id unless the user may configure."""
        if user != self.machine.options.user:
            raise Refusal(refusal)
