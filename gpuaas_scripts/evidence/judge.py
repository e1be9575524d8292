"""Verdicts: what one run of a script on one node comes to, check by check.

A run that did not happen, did not end well, or whose evidence cannot be read is FAIL: nobody has seen that
anything is right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from . import topology
from .parse import Defect, Report, Status, parse
from .result import Result, ResultStatus, compare, parse_result
from .topology import Topology

RUN = "RUN"
"""The area of verdicts about the run itself."""

CUT_OFF = 70
"""Exit status of a rendered script that was cut off."""


class Outcome(StrEnum):
    """What MAAS says became of a run. OTHER: a status that is not known here."""

    PENDING = "pending"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    ABORTED = "aborted"
    DEGRADED = "degraded"
    SKIPPED = "skipped"
    OTHER = "other"


_UNFINISHED = (Outcome.PENDING, Outcome.RUNNING)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a script on a machine, as MAAS keeps it. `revision` is that of the script that ran, None before.

    `ended` is MAAS's own text; `problem` says why the output cannot be read.
    """

    script: str
    outcome: Outcome
    exit_status: int | None = None
    revision: int | None = None
    ended: str = ""
    stdout: str = field(default="", repr=False)
    stderr: str = field(default="", repr=False)
    result: str = field(default="", repr=False)
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check of one script on one node. `area` is as in the evidence, `RUN` for the run itself, TOPOLOGY for the
    comparison with what is approved.
    """

    area: str
    check: str
    status: Status
    detail: str
    remediation: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A script on a node: when it ran, whether it was the current revision, and all verdicts. `script` is '' for what
    is about the node alone. `on_request`: the script runs only where somebody names it.
    """

    node: str
    script: str
    ended: str
    current: bool
    verdicts: tuple[Verdict, ...]
    run: Run | None = None
    on_request: bool = False

    @property
    def stale(self) -> bool:
        """Whether the machine should have run the current revision and did not."""
        return not self.current and not self.on_request

    @property
    def name(self) -> str:
        """What it is about, for people."""
        return f"{self.node} {self.script}".strip()

    @property
    def status(self) -> Status:
        """The worst of all verdicts; PASS only when something was seen to be right, beyond that the script ran."""
        found = {verdict.status for verdict in self.verdicts}
        for status in (Status.FAIL, Status.WARN):
            if status in found:
                return status
        seen = any(verdict.status is Status.PASS and verdict.area != RUN for verdict in self.verdicts)
        return Status.PASS if seen else Status.SKIP

    def count(self, status: Status) -> int:
        """How many verdicts say so."""
        return sum(verdict.status is status for verdict in self.verdicts)


def judge(
    node: str,
    script: str,
    run: Run | None,
    *,
    current_revision: int | None,
    approved: Topology,
    how_to_run: str,
    on_request: bool = False,
) -> Judged:
    """Judge the newest run of `script` on `node`; `how_to_run` is the command that makes one.

    `current_revision` is MAAS's newest revision of the script, None when MAAS does not have it. A script that runs
    `on_request` only need not have run.
    """
    if run is None and on_request:
        never = Verdict(RUN, "ran", Status.SKIP, "runs only where it is named, and never did here")
        return Judged(node, script, "", current=False, verdicts=(never,), on_request=True)
    if run is None:
        never = Verdict(RUN, "ran", Status.FAIL, "never ran on this machine", how_to_run)
        return Judged(node, script, "", current=False, verdicts=(never,))
    verdicts = list(_about_run(run, current_revision, how_to_run, on_request=on_request))
    if run.outcome not in _UNFINISHED and not run.problem:
        verdicts += _about_output(run, approved)
    current = run.revision is not None and run.revision == current_revision
    return Judged(node, script, run.ended, current, tuple(verdicts), run, on_request)


def _about_output(run: Run, approved: Topology) -> list[Verdict]:
    """The verdicts of the script, and of the comparison of its inventory with what is approved."""
    result = parse_result(run.result)
    skipped = result.status is ResultStatus.SKIPPED
    report = parse(run.stdout, needs_summary=not skipped)
    verdicts = list(_about_evidence(run, report, result))
    verdicts += [Verdict(line.area, line.check, line.status, line.detail, line.remediation) for line in report.checks]
    if skipped and not report.checks:
        reason = "; ".join(line.detail for line in report.lines) or "the script gives no reason"
        verdicts.append(Verdict(RUN, "applies", Status.SKIP, reason))
    if topology.has_inventory(report):
        seen = topology.compare(approved, report)
        verdicts += [Verdict(topology.AREA, one.check, one.status, one.detail, one.remediation) for one in seen]
    return verdicts


def _about_run(run: Run, current_revision: int | None, how_to_run: str, *, on_request: bool) -> Iterator[Verdict]:
    """The run itself: that it ended, well, and with which revision."""
    if run.problem:
        yield Verdict(RUN, "readable", Status.FAIL, run.problem, how_to_run)
    if run.outcome in _UNFINISHED:
        yield Verdict(RUN, "ended", Status.FAIL, f"the run is {run.outcome}", "wait for it, then ask again")
        return
    if current_revision is None:
        detail = "MAAS does not have the script any more"
        yield Verdict(RUN, "current_revision", Status.FAIL, detail, "upload it: gpuaas-gen upload")
    elif run.revision == current_revision:
        yield Verdict(RUN, "current_revision", Status.PASS, f"ran revision {run.revision}")
    else:
        ran = f"revision {run.revision}" if run.revision is not None else "no revision"
        detail = f"ran {ran}, MAAS holds {current_revision}"
        status = Status.WARN if on_request else Status.FAIL
        yield Verdict(RUN, "current_revision", status, detail, how_to_run)
    if run.outcome in (Outcome.PASSED, Outcome.DEGRADED, Outcome.SKIPPED) and run.exit_status == 0:
        yield Verdict(RUN, "ended", Status.PASS, f"exit status 0, {run.outcome}")
        return
    detail = f"{run.outcome}, exit status {'unknown' if run.exit_status is None else run.exit_status}"
    if run.exit_status == CUT_OFF:
        detail += ": the script was cut off"
    remediation = "look at what it printed: gpuaas-gen results --show-output"
    yield Verdict(RUN, "ended", Status.FAIL, detail, remediation)


def _about_evidence(run: Run, report: Report, result: Result) -> Iterator[Verdict]:
    """Everything that is wrong with the evidence, one verdict each; one PASS when nothing is."""
    defects: list[Defect] = [*report.defects, *result.defects, *compare(result, run.stdout, report)]
    if run.outcome is not Outcome.SKIPPED and result.status is ResultStatus.SKIPPED:
        defects.append(Defect(0, f"the result file says skipped, MAAS {run.outcome}"))
    remediation = "look at what it printed: gpuaas-gen results --show-output"
    for number, defect in enumerate(defects, start=1):
        status = Status.FAIL if defect.severe else Status.WARN
        check = "evidence" if len(defects) == 1 else f"evidence_{number}"
        yield Verdict(RUN, check, status, str(defect), remediation)
    if not defects:
        detail = f"{len(report.checks)} checks and {len(report.lines) - len(report.checks)} lines of inventory read"
        yield Verdict(RUN, "evidence", Status.PASS, detail)
