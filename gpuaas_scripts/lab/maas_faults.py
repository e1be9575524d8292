"""Faults of the stand-in MAAS, on demand, and the count of what was asked."""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum


class FaultKind(StrEnum):
    """What goes wrong. BEFORE and AFTER: before or after the request had its effect."""

    DROP_BEFORE = "drop-before"
    DROP_AFTER = "drop-after"
    CONFLICT = "conflict"
    """409 with Retry-After and no effect, as MAAS answers when two transactions meet."""
    BAD_GATEWAY = "bad-gateway"
    BAD_GATEWAY_AFTER = "bad-gateway-after"
    UNAVAILABLE = "unavailable"
    SLOW = "slow"
    TRUNCATED = "truncated"
    NOT_JSON = "not-json"

    @property
    def instead(self) -> bool:
        """Whether an error is answered and nothing is done."""
        return self in (FaultKind.CONFLICT, FaultKind.BAD_GATEWAY, FaultKind.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: for requests of `method` ("" is any) whose path holds the regular expression `path`.

    The first `skip` of them pass, the next `times` are hit. `seconds` is how long SLOW waits, and what
    CONFLICT (and with more than 0 the gateway's errors) say in Retry-After.
    """

    kind: FaultKind
    method: str = ""
    path: str = ""
    skip: int = 0
    times: int = 1
    seconds: float = 0.0


class Faults:
    """The faults that are still to come, and how often each method and path was asked. Safe with threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self._counts: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Ask for a fault."""
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        """Forget all faults and counts."""
        with self._lock:
            self._waiting.clear()
            self._counts.clear()

    @property
    def counts(self) -> dict[str, int]:
        """Requests so far, by "METHOD /path"."""
        with self._lock:
            return dict(self._counts)

    @property
    def total(self) -> int:
        """Requests so far."""
        return sum(self.counts.values())

    @property
    def writes(self) -> int:
        """Requests so far that were no GET."""
        return sum(count for key, count in self.counts.items() if not key.startswith("GET "))

    def take(self, method: str, path: str) -> Fault | None:
        """Count a request; the fault that hits it, None when it passes."""
        with self._lock:
            self._counts[f"{method} {path}"] += 1
            for index, fault in enumerate(self._waiting):
                if fault.method not in ("", method) or not re.search(fault.path, path):
                    continue
                if fault.skip:
                    self._waiting[index] = replace(fault, skip=fault.skip - 1)
                    continue
                if fault.times > 1:
                    self._waiting[index] = replace(fault, times=fault.times - 1)
                else:
                    del self._waiting[index]
                return fault
        return None
