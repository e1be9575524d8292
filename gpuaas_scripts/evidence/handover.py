"""Whether a deployed host is what it should be, from looks at it one after the other. Pure.

MAAS says Deployed when cloud-init asked for its user data; what became of it nobody has seen then. A host is
proven when cloud-init is done, it has its name, the system is up, it did not reboot more than once, and its parity
check says `failures=0`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from .parse import Report, Status

MAX_REBOOTS = 1
"""How often a host reboots by itself after its first boot."""

_UP = ("running", "degraded")


class Stage(StrEnum):
    """What a look comes to."""

    WAITING = "waiting"
    PROVEN = "proven"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a host; '' and None where it did not say.

    `boot` is the kernel's boot id, `hostname` its name without a domain, `cloud` cloud-init's status with its
    `cloud_errors`, `system` what `systemctl is-system-running` says, `parity` the parity check's output as evidence
    with the check's exit status and the last line that it said to people.
    `problem` says why it could not be looked at.
    """

    boot: str = ""
    hostname: str = ""
    cloud: str = ""
    cloud_errors: tuple[str, ...] = ()
    system: str = ""
    parity: Report | None = None
    parity_exit: int | None = None
    parity_said: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What a look comes to, in words, with warnings once proven."""

    stage: Stage
    text: str
    warnings: tuple[str, ...] = ()


@dataclass(slots=True)
class Handover:
    """The looks at one host so far. `hostname` is the name that it must have."""

    hostname: str
    boots: list[str] = field(default_factory=list)
    last: Look = field(default_factory=Look)

    @property
    def reboots(self) -> int:
        """How many reboots were seen: one before the first look is not."""
        return max(len(self.boots) - 1, 0)

    def take(self, look: Look) -> Step:
        """Judge the host by one more look."""
        self.last = look
        if look.boot and (not self.boots or self.boots[-1] != look.boot):
            self.boots.append(look.boot)
        if self.reboots > MAX_REBOOTS:
            return Step(Stage.FAILED, f"rebooted {self.reboots} times by itself; at most {MAX_REBOOTS} is expected")
        if look.problem:
            return Step(Stage.WAITING, look.problem)
        if look.cloud == "error" or look.cloud_errors:
            said = "; ".join(look.cloud_errors) or "no details"
            return Step(Stage.FAILED, f"cloud-init failed: {said}")
        if look.cloud != "done":
            return Step(Stage.WAITING, f"cloud-init: {look.cloud or 'no answer'}")
        if look.hostname != self.hostname:
            return Step(Stage.FAILED, f"this is {look.hostname or 'a host without a name'}, not {self.hostname}")
        if look.system not in _UP:
            return Step(Stage.WAITING, f"system: {look.system or 'no answer'}")
        return self._parity(look)

    def _parity(self, look: Look) -> Step:
        report = look.parity
        if report is None:
            return Step(Stage.WAITING, "parity: no answer")
        if report.summary is None or report.severe:
            first = next((str(one) for one in report.defects if one.severe), "no summary")
            said = f" (exit status {look.parity_exit}: {look.parity_said})" if look.parity_said else ""
            return Step(Stage.WAITING, f"parity: no report that can be relied on: {first}{said}")
        counts = f"failures={report.summary.get('failures')} warnings={report.summary.get('warnings')}"
        if not report.passed:
            failed = [line.check for line in report.checks if line.status is Status.FAIL]
            return Step(Stage.WAITING, f"parity: {counts}: {', '.join(failed)}")
        if look.parity_exit != 0:
            return Step(Stage.WAITING, f"parity: {counts}, but exit status {look.parity_exit}")
        warnings = [f"{line.check}: {line.detail}" for line in report.checks if line.status is Status.WARN]
        warnings += [str(defect) for defect in report.defects]
        if look.system == "degraded":
            warnings.append("the system is degraded: systemctl --failed")
        return Step(Stage.PROVEN, f"parity: {counts}", tuple(warnings))
