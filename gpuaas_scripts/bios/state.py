"""How a host's BIOS stands: current and pending values, jobs, lockdown, and what its BMC can do.

Built from documents that a transport has read. Strings are dropped unless asked for, secrets
always: they are in no object, so no log, plan or traceback can show them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from .messages import one_line, suffix
from .names import Vendor, vendor_of
from .registry import BiosError, Kind, Registry, Value, same

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class ApplyTime(StrEnum):
    """When staged values are applied (Redfish `SupportedApplyTimes`)."""

    IMMEDIATE = "Immediate"
    ON_RESET = "OnReset"
    MAINTENANCE_START = "AtMaintenanceWindowStart"
    MAINTENANCE_RESET = "InMaintenanceWindowOnReset"


class Outcome(StrEnum):
    """What became of a job. Only SUCCESS is one; UNKNOWN never is."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCESS = "success"
    WITH_ERRORS = "with errors"
    FAILED = "failed"
    STUCK = "stuck"
    UNKNOWN = "unknown"


_WAITING = {"New", "Scheduled", "Scheduling", "ReadyForExecution", "Waiting", "Paused", "Downloaded", "Pending"}
_WAITING |= {"PendingActivation", "UserIntervention", "RebootPending", "Starting"}
_RUNNING = {"Running", "Downloading", "RebootCompleted", "Continue"}
_FAILED = {"Failed", "RebootFailed", "Cancelled", "Exception"}


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the BMC as last read. `state` is the BMC's word, `message_id` the suffix, `percent` 0 to 100."""

    id: str
    state: str
    message_id: str = ""
    message: str = ""
    percent: int = 0
    kind: str = ""
    name: str = ""

    @property
    def outcome(self) -> Outcome:
        """What became of it. Completed counts only with PR19: 100 per cent and the state alone are no success."""
        if self.message_id == "PR31" or self.state == "CompletedWithErrors":
            return Outcome.WITH_ERRORS
        if self.message_id in {"PR21", "PR24", "JCP041", "JCP004"} or self.state in _FAILED:
            return Outcome.FAILED
        if self.state == "Completed":
            return Outcome.SUCCESS if self.message_id == "PR19" else Outcome.UNKNOWN
        if self.state in _WAITING:
            return Outcome.STUCK if self.message_id == "PR30" else Outcome.WAITING
        return Outcome.RUNNING if self.state in _RUNNING else Outcome.UNKNOWN

    @property
    def open(self) -> bool:
        """Whether it stands in the way of another job: it has not ended, as far as its state tells."""
        return not self.state.startswith("Completed") and self.state not in _FAILED

    @property
    def of_bios(self) -> bool:
        """Whether it configures the BIOS."""
        return "bios" in (self.kind + self.name).casefold()

    def __str__(self) -> str:
        detail = f" ({self.message_id}: {self.message})" if self.message_id else ""
        return f"{self.id} {self.state}{detail}"


def parse_job(document: object) -> Job:
    """A job from either view: Dell's (`MessageId`, `JobType`) or the JobService (`Messages[]`). Raises BiosError."""
    if not isinstance(document, dict) or not isinstance(document.get("Id"), str):
        raise BiosError("the BMC's answer is no job: it has no Id")
    listed = document.get("Messages")
    last = listed[-1] if isinstance(listed, list) and listed and isinstance(listed[-1], dict) else document
    percent = document.get("PercentComplete")
    return Job(
        id=one_line(document["Id"]),
        state=one_line(document.get("JobState")) or "Unknown",
        message_id=suffix(one_line(last.get("MessageId"))),
        message=one_line(last.get("Message")),
        percent=percent if isinstance(percent, int) else 0,
        kind=one_line(document.get("JobType")),
        name=one_line(document.get("Name")),
    )


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a BMC does beyond reading and writing its settings object.

    `jobs`: a write makes a job to follow. `apply_times`: what it takes, empty for none. `full_set`:
    the settings object lists all attributes, so pending is what differs from current. `clear`: staged
    values can be cleared.
    """

    jobs: bool = False
    apply_times: tuple[ApplyTime, ...] = ()
    full_set: bool = False
    clear: bool = False


def capabilities(bios: Mapping[str, object], settings: Mapping[str, object], jobs: bool) -> Capabilities:
    """What the `Bios` document and its settings document say the BMC can do; `jobs`: it offers a job queue.

    A settings object that lists (nearly) as many attributes as the current one holds the full set
    (HPE, Lenovo, NVIDIA); Dell's holds the pending ones only.
    """
    redfish = bios.get("@Redfish.Settings")
    times = redfish.get("SupportedApplyTimes") if isinstance(redfish, dict) else None
    known = {str(time): time for time in ApplyTime}
    count, staged = len(attributes_of(bios)), len(attributes_of(settings))
    return Capabilities(
        jobs=jobs,
        apply_times=tuple(known[t] for t in times if t in known) if isinstance(times, list) else (),
        full_set=count > 0 and staged * 10 >= count * 9,
        clear="ClearPending" in str(settings.get("Actions", "")),
    )


def attributes_of(document: Mapping[str, object]) -> dict[str, Value]:
    """The `Attributes` of a document, less those without a value."""
    raw = document.get("Attributes")
    if not isinstance(raw, dict):
        return {}
    return {name: value for name, value in raw.items() if isinstance(value, str | int)}


@dataclass(frozen=True, slots=True)
class BiosState:
    """How the BIOS stands. `current` and `pending` hold no secrets and no strings that were not asked for.

    `present` are the names of all attributes the host has; `hidden_pending` names of pending ones
    whose values are not kept. `lockdown` None: could not be read.
    """

    vendor: Vendor
    current: Mapping[str, Value] = field(repr=False)
    pending: Mapping[str, Value] = field(repr=False)
    present: frozenset[str] = field(repr=False)
    hidden_pending: tuple[str, ...] = ()
    jobs: tuple[Job, ...] = ()
    lockdown: bool | None = None
    capabilities: Capabilities = Capabilities()
    model: str = ""
    bios_version: str = ""

    @property
    def effective(self) -> dict[str, Value]:
        """Values after the next reset if nothing else is changed: the current ones under the pending ones."""
        return {**self.current, **self.pending}


@dataclass(frozen=True, slots=True)
class Documents:
    """What a transport has read of one host; parsed JSON. `lockdown` None: could not be read."""

    bios: Mapping[str, object] = field(repr=False)
    settings: Mapping[str, object] = field(repr=False)
    jobs: tuple[Job, ...] = ()
    has_jobs: bool = False
    lockdown: bool | None = None
    vendor: str = ""
    model: str = ""
    bios_version: str = ""


def read_state(documents: Documents, registry: Registry, asked: Collection[str]) -> BiosState:
    """The state in what was read; `asked` are the names (logical, or the vendor's) of the attributes that may be shown.

    Enumerations, numbers and truth values are kept, since dependencies stand on them; strings only
    when asked for; secrets never. Raises BiosError when the host lists no attribute.
    """
    current = attributes_of(documents.bios)
    if not current:
        raise BiosError(
            "the BMC lists no BIOS attributes", hint="Is the host's inventory collected? Let it go through POST once."
        )
    raw = documents.bios.get("Attributes")
    listed = raw if isinstance(raw, dict) else {}
    able = capabilities(documents.bios, documents.settings, documents.has_jobs)
    staged = attributes_of(documents.settings)
    if able.full_set:
        staged = {name: value for name, value in staged.items() if not same(value, current.get(name))}

    def kept(name: str) -> bool:
        attribute = registry.attributes.get(name)
        if attribute is None or attribute.secret:
            return False
        return attribute.kind is not Kind.STRING or name in asked

    return BiosState(
        vendor=vendor_of(documents.vendor),
        current=MappingProxyType({name: value for name, value in current.items() if kept(name)}),
        pending=MappingProxyType({name: value for name, value in staged.items() if kept(name)}),
        present=frozenset(name for name in listed if isinstance(name, str)),
        hidden_pending=tuple(sorted(name for name in staged if not kept(name))),
        jobs=tuple(job for job in documents.jobs if job.open),
        lockdown=documents.lockdown,
        capabilities=able,
        model=one_line(documents.model),
        bios_version=one_line(documents.bios_version),
    )
