"""OAuth 1.0 PLAINTEXT as MAAS checks it, with the very texts of its refusals.

Source: answers of a running MAAS 3.7.3. A wrong secret is answered with the right one, which is why a client must
never show a 401 body.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from .maas_http import Response, text_response

CLOCK_LIMIT_S = 300


@dataclass(frozen=True, slots=True)
class User:
    """Who asks: a user with an API key `consumer:token:secret`, or (with `machine`) a machine with its own."""

    name: str
    key: str
    admin: bool = False
    machine: str = ""


class Gate:
    """Knows the users and the nonces that were used. `clock` gives seconds since 1970."""

    def __init__(self, users: list[User], clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._users = {tuple(user.key.split(":")[:2]): user for user in users}
        self._nonces: set[tuple[str, str]] = set()

    def add(self, user: User) -> None:
        """Let somebody else in."""
        self._users[tuple(user.key.split(":")[:2])] = user

    def user_of(self, headers: Mapping[str, str]) -> User | Response | None:
        """Who sent these headers (lower-case names): None without usable credentials, an answer when refused."""
        words = _words(headers.get("authorization", ""))
        needed = ("oauth_consumer_key", "oauth_token", "oauth_signature", "oauth_timestamp", "oauth_nonce")
        if words is None or not all(words.get(name) for name in needed):
            return None
        consumer, token, signature, timestamp, nonce = (words[name] for name in needed)
        if consumer not in {key[0] for key in self._users}:
            return _refused("Invalid API key.")
        user = self._users.get((consumer, token))
        if user is None:
            return _refused(f"'Invalid access token: {token}'")
        now = int(self.clock())
        if not timestamp.isdigit() or abs(now - int(timestamp)) > CLOCK_LIMIT_S:
            return _refused(
                f"'Expired timestamp: given {timestamp} and now {now} has a greater difference"
                f" than threshold {CLOCK_LIMIT_S}'"
            )
        if (token, nonce) in self._nonces:
            return _refused(f"'Nonce already used: {nonce}'")
        self._nonces.add((token, nonce))
        secret = user.key.split(":")[2]
        if signature != f"&{secret}":
            return _refused(f"'Invalid signature. Expected signature base string: &{secret}'")
        return user


def _words(header: str) -> dict[str, str] | None:
    kind, _, rest = header.partition(" ")
    if kind.lower() != "oauth":
        return None
    return {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', rest)}


def _refused(reason: str) -> Response:
    answer = text_response(401, f"Authorization Error: {reason}", "text/html; charset=utf-8")
    return Response(answer.status, answer.body, answer.content_type, {"WWW-Authenticate": 'OAuth realm="OAuth"'})
