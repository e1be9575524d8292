"""What a backend towards a BMC can do, whatever it speaks (Redfish, RACADM), and how it fails.

A backend is an asynchronous context manager: entering opens a session where there are such, leaving
closes it, also when cancelled. What reads raises BmcError. What writes answers with an `Answer`
instead: done, refused, or lost, when nobody knows whether it had its effect; it is never sent twice by
the backend, unless the BMC has answered that it had no effect (session gone, not ready). Only what
certainly never left this machine raises from a write.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

from ..bios.messages import Judged, Meaning
from ..bios.state import ApplyTime
from ..errors import ExitCode, GpuaasError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from ..bios.registry import Registry, Value
    from ..bios.state import BiosState, Job
    from ..secrets import Secret

SESSION_SECONDS = 1800
"""How long a session lives unused where the BMC does not say (iDRAC's default)."""


class Trouble(StrEnum):
    """Why a BMC could not be asked, or what its refusal means. `LOST`: sent, and no whole answer came back."""

    UNREACHABLE = "unreachable"
    TLS = "certificate"
    LOST = "lost"
    NOT_A_BMC = "not a BMC"
    TOOL = "tool"
    LOGIN = "login"
    PRIVILEGE = "privilege"
    SESSION_LIMIT = "session limit"
    NOT_READY = "not ready"
    LOCKDOWN = "lockdown"
    JOB_EXISTS = "job exists"
    NOTHING_PENDING = "nothing pending"
    BAD_VALUE = "bad value"
    READ_ONLY = "read-only"
    MOVED = "moved"
    NOT_FOUND = "not found"
    UNKNOWN = "unknown"


_HINTS: dict[Trouble, str] = {
    Trouble.UNREACHABLE: "is the address right, and is the BMC's network reachable from here?",
    Trouble.LOST: "ask again; the BMC may be restarting",
    Trouble.NOT_A_BMC: "is the address that of a BMC, and is there no proxy before it?",
    Trouble.LOGIN: "check user and password of the BMC; repeated failures may lock the account for a while",
    Trouble.PRIVILEGE: "use an account that may configure the server (on iDRAC: Configure Manager and Server Control)",
    Trouble.SESSION_LIMIT: "close sessions of the BMC (its web page counts too), or wait for unused ones to expire",
    Trouble.NOT_READY: "wait until the BMC has finished starting, or what it is doing, and try again",
    Trouble.LOCKDOWN: "turn System Lockdown Mode off on the BMC, then plan again",
    Trouble.JOB_EXISTS: "wait for the open job to end, or delete it on the BMC if it is not needed, then plan again",
    Trouble.NOTHING_PENDING: "plan again: what was staged is gone",
    Trouble.BAD_VALUE: "plan again: the firmware does not take this name or value",
    Trouble.READ_ONLY: "plan again: the attribute is read-only, or depends on another one",
    Trouble.MOVED: "plan again: the settings have changed meanwhile",
    Trouble.NOT_FOUND: "does this firmware offer it? Is the host's inventory collected?",
}

_BLOCKS = (Trouble.LOCKDOWN, Trouble.JOB_EXISTS, Trouble.NOTHING_PENDING)
_FINDINGS = {*_BLOCKS, Trouble.BAD_VALUE, Trouble.READ_ONLY, Trouble.MOVED}


class BmcError(GpuaasError):
    """A BMC that could not be asked, or that refused; the message names it. `judged` is its answer where there is one.

    Exit code FINDINGS for what blocks this change (lockdown, a job, a value), else REMOTE.
    """

    def __init__(self, trouble: Trouble, message: str, *, hint: str = "", judged: Judged | None = None) -> None:
        code = ExitCode.FINDINGS if trouble in _FINDINGS else ExitCode.REMOTE
        super().__init__(message, hint=hint or _HINTS.get(trouble, ""), exit_code=code)
        self.trouble = trouble
        self.judged = judged


def trouble_of(meaning: Meaning) -> Trouble:
    """The trouble that an answer's meaning stands for."""
    return Trouble(str(meaning)) if str(meaning) in set(Trouble) else Trouble.UNKNOWN


def refused(what: str, judged: Judged) -> BmcError:
    """The error for an answer that refuses; `what` says which BMC and what was asked of it.

    Where the BMC's own advice (`Resolution`) is all there is, it becomes the hint.
    """
    trouble = trouble_of(judged.meaning)
    advice = next((message.resolution for message in judged.messages if message.resolution), "")
    hint = _HINTS.get(trouble, "") or advice
    said = f" ({judged})" if judged.messages else ""
    return BmcError(trouble, f"{what}: {trouble}{said}", hint=hint, judged=judged)


class Fate(StrEnum):
    """What is known about a write."""

    DONE = "done"
    REFUSED = "refused"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a write. `job` is the id of the job that it made, where the BMC names one.

    LOST: no answer, or none that can be read; `judged` then tells what is known in its text.
    """

    fate: Fate
    judged: Judged = field(default_factory=lambda: Judged(Meaning.SUCCESS))
    job: str = ""
    what: str = ""

    def error(self) -> BmcError:
        """The error to raise for it; for REFUSED and LOST."""
        if self.fate is Fate.LOST:
            return BmcError(Trouble.LOST, f"{self.what}: the answer was lost ({self.judged})", judged=self.judged)
        return refused(self.what, self.judged)


class Reset(StrEnum):
    """One step of power that a BMC can be asked for."""

    RESTART = "graceful restart"
    FORCE = "forced restart"
    SHUTDOWN = "graceful shutdown"
    POWER_ON = "power on"


@dataclass(frozen=True, slots=True)
class Host:
    """How the server stands. None: the BMC does not tell. `last_reset` is the BMC's own text of that moment."""

    on: bool | None = None
    in_post: bool | None = None
    os_running: bool | None = None
    last_reset: str = ""
    resets: frozenset[Reset] = frozenset()


@dataclass(frozen=True, slots=True)
class Schedule:
    """When staged values shall be applied: `start` ISO 8601 with zone, `seconds` the length of the window."""

    apply_time: ApplyTime = ApplyTime.ON_RESET
    start: str = ""
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What a host's firmware offers and how it stands. `etag` is of the settings, empty where there is none."""

    registry: Registry = field(repr=False)
    state: BiosState
    etag: str = ""


class SessionStep(StrEnum):
    """What is about to happen, or has happened, to a session."""

    LOGIN = "login"
    OPEN = "session"
    NONE = "no session"
    LOGOUT = "logout"


@dataclass(frozen=True, slots=True)
class SessionNote:
    """LOGIN comes before the request is sent, OPEN or NONE after its answer, LOGOUT when it is closed.

    `location` names it at the BMC (no secret; never the token), `seconds` is how long it lives unused.
    """

    step: SessionStep
    location: str = ""
    seconds: int = SESSION_SECONDS


Watch = Callable[[SessionNote], None]
"""Is told of each session; the journal writes it down."""


@dataclass(frozen=True, slots=True)
class Tls:
    """How a BMC's certificate is verified: by the system's authorities, or those of `ca_file` as well.

    `fingerprint` (SHA-256 of the certificate, 64 hex digits, colons allowed) pins it instead.
    `insecure` verifies nothing; who uses it says so on every run. Both at once: the pin holds.
    """

    ca_file: Path | None = None
    fingerprint: str = ""
    insecure: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits in seconds. `answer`: for one request; `patience`: for session-limit and not-ready answers in a row.

    `attempts`: how often something is read before giving up; `pause` the first wait between, doubled each time.
    """

    connect: float = 10
    answer: float = 60
    patience: float = 120
    attempts: int = 4
    pause: float = 1
    logout: float = 15


@dataclass(frozen=True, slots=True)
class Target:
    """One BMC: `node` for people, `address` a host, host:port or https URL, and who logs in."""

    node: str
    address: str
    user: str
    password: Secret
    tls: Tls = Tls()
    limits: Limits = Limits()

    @property
    def label(self) -> str:
        """What error messages call it."""
        return f"{self.node} (BMC {self.address})" if self.node != self.address else f"BMC {self.address}"


class Bmc(Protocol):
    """A backend. Everything but entering and leaving is called between the two, one call at a time."""

    @property
    def target(self) -> Target:
        """The BMC it talks to."""
        ...

    async def __aenter__(self) -> Self:
        """Open the session. Raises BmcError; then no session is left."""
        ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session, whatever happened; never raises but CancelledError."""
        ...

    async def read(self, asked: Collection[str]) -> Reading:
        """Registry and state; values of strings only for the names in `asked`. Raises BmcError, BiosError."""
        ...

    async def jobs(self) -> tuple[Job, ...]:
        """All jobs that the BMC still knows, ended ones too; empty where it has none. Raises BmcError."""
        ...

    async def job(self, id_: str) -> Job | None:
        """One job, None when the BMC does not know it (any more). Raises BmcError."""
        ...

    async def host(self) -> Host:
        """Power and boot of the server. Raises BmcError."""
        ...

    async def stage(self, changes: Mapping[str, Value], schedule: Schedule | None, etag: str) -> Answer:
        """Stage values by the vendor's names. With a `schedule`, and where the BMC takes one, that makes the job too.

        Raises BmcError when nothing was sent.
        """
        ...

    async def create_job(self) -> Answer:
        """Make the job for what is staged; for BMCs with jobs. Raises BmcError when nothing was sent."""
        ...

    async def delete_job(self, id_: str) -> Answer:
        """Delete a job that has not started, with everything that is staged for it."""
        ...

    async def clear_pending(self) -> Answer:
        """Drop everything that is staged and not committed."""
        ...

    async def reset(self, kind: Reset) -> Answer:
        """One step of power; `kind` is one of `host().resets`."""
        ...

    async def drop_session(self, location: str) -> bool:
        """Close a session that an earlier run has left open; whether it is gone. True where there are no sessions."""
        ...
