"""The state of one stand-in: a server with its BIOS, its power, its clock, and what is to happen when.

Nothing runs in the background: what is due by the clock happens when somebody looks (`settle`), in
the order of its time. So a thousand machines cost nothing while nobody asks.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from .idrac_errors import Refusal
from .idrac_registry import GENERATIONS, Firmware, Generation, Value, firmware

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Time of the lab in seconds. `rate`: lab seconds per real second; 0 stands still and is moved by `advance`."""

    def __init__(self, rate: float = 1.0) -> None:
        self.rate = rate
        self._base = 0.0
        self._real = time.monotonic()

    def now(self) -> float:
        """Seconds since the lab began."""
        return self._base + (time.monotonic() - self._real) * self.rate

    def advance(self, seconds: float) -> None:
        """Let `seconds` go by at once."""
        self._base += seconds


def stamp(seconds: float) -> str:
    """A lab time as iDRAC writes it, without a zone."""
    return (_EPOCH + timedelta(seconds=int(seconds))).strftime("%Y-%m-%dT%H:%M:%S")


def seconds_of(text: str) -> float:
    """The lab time of a stamp (a zone is allowed); raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH).total_seconds()


class Power(StrEnum):
    """Power state of the server."""

    ON = "On"
    OFF = "Off"


@dataclass(frozen=True, slots=True)
class Options:
    """How a stand-in behaves. Times in lab seconds, `latency` in real seconds for each answer."""

    generation: Generation = GENERATIONS["16g"]
    user: str = "root"
    password: str = "calvin-of-the-lab"  # noqa: S105
    viewer: str = "viewer"
    service_tag: str = "LAB0001"
    session_limit: int = 8
    session_timeout: float = 1800
    schedule_seconds: float = 2
    post_seconds: float = 120
    job_seconds: float = 60
    grace_seconds: float = 10
    task_seconds: float = 5
    early_values: bool = True
    latency: float = 0
    lockdown: bool = False
    power: Power = Power.ON


@dataclass(slots=True)
class Machine:
    """A server and the settings of its BIOS. `on_post` is called when POST starts, `on_boot` when the OS runs."""

    options: Options
    clock: Clock
    current: dict[str, Value | None] = field(default_factory=dict)
    pending: dict[str, Value] = field(default_factory=dict)
    power: Power = Power.ON
    in_post: bool = False
    lockdown: bool = False
    not_ready: bool = False
    resets: int = 0
    revision: int = 0
    now: float = 0
    on_post: list[Callable[[], None]] = field(default_factory=list)
    on_boot: list[Callable[[], None]] = field(default_factory=list)
    _due: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)
    _boot: int = 0
    _read_only: tuple[int, frozenset[str]] = (-1, frozenset())

    def __post_init__(self) -> None:
        self.current = {name: spec.default for name, spec in self.firmware.specs.items()}
        self.current |= {
            "SystemModelName": self.options.generation.model,
            "SystemBiosVersion": self.options.generation.bios_version,
            "SystemServiceTag": self.options.service_tag,
        }
        self.lockdown, self.power = self.options.lockdown, self.options.power
        self.now = self.clock.now()

    @property
    def firmware(self) -> Firmware:
        """What this machine's BIOS offers."""
        return firmware(self.options.generation)

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Let `action` happen at lab time `moment`."""
        heapq.heappush(self._due, (moment, next(self._order), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Let `action` happen `seconds` from the machine's now."""
        self.at(self.now + seconds, action)

    def settle(self) -> None:
        """Let everything happen that is due by the clock."""
        until = self.clock.now()
        while self._due and self._due[0][0] <= until:
            moment, _, action = heapq.heappop(self._due)
            self.now = max(self.now, moment)
            action()
        self.now = max(self.now, until)

    def apply(self, values: dict[str, Value]) -> None:
        """Put values into force, with what the rules force beside them."""
        self.current |= values
        self.current |= self.firmware.forced(self.current)
        self.revision += 1

    def read_only(self) -> frozenset[str]:
        """Names that cannot be written now. Lockdown leaves the boot settings alone."""
        key = self.revision * 2 + self.lockdown
        if self._read_only[0] != key:
            names = self.firmware.read_only(self.current)
            if self.lockdown:
                names |= {n for n, s in self.firmware.specs.items() if "Boot" not in s.path}
            self._read_only = (key, names)
        return self._read_only[1]

    def allowed_resets(self) -> list[str]:
        """Reset types that the action's AllowableValues list."""
        types = ["On", "ForceOff", "ForceRestart", "GracefulRestart", "GracefulShutdown", "PushPowerButton"]
        types += ["Nmi", "PowerCycle"]
        if not self.options.generation.graceful_restart:
            types.remove("GracefulRestart")
        return types

    def reset(self, kind: str) -> None:
        """A reset of the server. Raises Refusal when it is in that power state already, or knows no such type."""
        if kind not in self.allowed_resets():
            raise Refusal("SYS426", args=(kind, "ResetType"))
        on = self.power is Power.ON
        if kind == "On" and on:
            raise Refusal("PSU501")
        if kind not in {"On", "PushPowerButton", "Nmi"} and not on:
            raise Refusal("PSU502")
        self.resets += 1
        if kind in {"ForceOff", "GracefulShutdown"} or (kind == "PushPowerButton" and on):
            self.after(0 if kind == "ForceOff" else self.options.grace_seconds, self._off)
        elif kind == "GracefulRestart":
            self.after(self.options.grace_seconds, self.start_post)
        elif kind != "Nmi":
            self.start_post()
        self.settle()

    def _off(self) -> None:
        self.power, self.in_post = Power.OFF, False
        self._boot += 1

    def start_post(self) -> None:
        """The server starts: POST begins, and ends after `post_seconds` unless something prolongs it."""
        self.power, self.in_post = Power.ON, True
        self.prolong(self.options.post_seconds)
        for action in self.on_post:
            action()

    def prolong(self, seconds: float) -> None:
        """Let POST end `seconds` from now (a configuration job runs in it)."""
        self._boot += 1
        boot = self._boot
        self.after(seconds, lambda: self._booted(boot))

    def _booted(self, boot: int) -> None:
        if boot == self._boot and self.power is Power.ON:
            self.in_post = False
            for action in self.on_boot:
                action()
