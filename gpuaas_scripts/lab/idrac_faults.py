"""Faults on demand, and counters of what was asked.

A fault waits for requests that fit it (`method`, `path` as a regular expression over the whole path),
lets `skip` of them through, then strikes `count` times.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import StrEnum

_NUMBER = re.compile(r"(?<=JID_)[0-9]+|(?<=Sessions/)[0-9]+")


class FaultKind(StrEnum):
    """What goes wrong."""

    DROP_BEFORE = "drop-before"
    """The connection closes, and the request had no effect."""
    DROP_AFTER = "drop-after"
    """The request has its effect, and the connection closes without an answer."""
    DROP_MIDDLE = "drop-middle"
    """The request has its effect, and the answer breaks off in its body."""
    UNAVAILABLE = "503"
    """Answer 503 without effect."""
    UNAUTHORIZED = "401"
    """The session is gone: answer 401 without effect."""
    NOT_READY = "not-ready"
    """SWC0700 without effect."""
    SLOW = "slow"
    """The answer comes `seconds` (real ones) late; the effect comes at once."""
    GARBAGE = "garbage"
    """The request has its effect; the body of the answer is no JSON."""
    TRUNCATED = "truncated"
    """The request has its effect; the body is cut in its middle, with a length that fits."""


@dataclass(slots=True)
class Fault:
    """One fault that waits for its request. `count` -1: for good."""

    kind: FaultKind
    method: str = ""
    path: str = ""
    skip: int = 0
    count: int = 1
    seconds: float = 1.0
    struck: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """Whether it strikes this request; counts it."""
        if (self.method and self.method != method) or not re.search(self.path, path):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if 0 <= self.count <= self.struck:
            return False
        self.struck += 1
        return True


@dataclass(slots=True)
class Seen:
    """What one machine was asked, and in which order at last. `writes` had an effect; logins and logouts are none."""

    by_method: Counter[str] = field(default_factory=Counter)
    by_kind: Counter[str] = field(default_factory=Counter)
    writes: int = 0
    log: deque[tuple[str, str, int]] = field(default_factory=lambda: deque(maxlen=1000))

    def add(self, method: str, path: str, status: int) -> None:
        """Count one request; status 0: no answer was sent. `writes` is counted by the caller."""
        self.by_method[method] += 1
        self.by_kind[f"{method} {_NUMBER.sub('N', path)}"] += 1
        self.log.append((method, path, status))
