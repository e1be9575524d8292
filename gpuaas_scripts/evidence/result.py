"""Reads the YAML that a script writes to `$RESULT_PATH`: a status, named values, and every evidence line again.

Source of the statuses: MAAS 3.7 `metadataserver.api_twisted` (passed, failed, degraded, timedout, skipped). YAML
that MAAS cannot read only logs an event there, and the script counts as its exit status says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .parse import Defect, Report, Status

EVIDENCE = "evidence"
"""The named value that holds the evidence lines."""


class ResultStatus(StrEnum):
    """What the YAML says of the script as a whole."""

    PASSED = "passed"
    FAILED = "failed"
    DEGRADED = "degraded"
    TIMEDOUT = "timedout"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Result:
    """A result file: its status (None where it has none), named values as text, evidence lines, what is wrong."""

    status: ResultStatus | None = None
    values: tuple[tuple[str, str], ...] = ()
    evidence: tuple[str, ...] = ()
    defects: tuple[Defect, ...] = ()

    def get(self, name: str) -> str:
        """A named value, '' where there is none."""
        return dict(self.values).get(name, "")


def parse_result(text: str) -> Result:
    """Read a result file; an empty text is a Result without a status."""
    import yaml

    if not text.strip():
        return Result()
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 0
        problem = getattr(error, "problem", None) or "not YAML"
        return Result(defects=(Defect(line, f"the result file cannot be read: {problem}"),))
    except ValueError as error:  # a date that is none
        return Result(defects=(Defect(0, f"the result file cannot be read: {error}"),))
    if not isinstance(data, Mapping):
        return Result(defects=(Defect(0, "the result file holds no mapping"),))
    defects = [Defect(0, f"the result file has the unknown key {key!r}") for key in data if key not in _KEYS]
    status = data.get("status")
    if status not in set(ResultStatus):
        valid = ", ".join(ResultStatus)
        defects.append(Defect(0, f"the result file's status {status!r} must be one of {valid}"))
    results = data.get("results") or {}
    if not isinstance(results, Mapping):
        defects.append(Defect(0, "`results` of the result file is no mapping: MAAS takes none of it"))
        results = {}
    evidence = results.get(EVIDENCE) or []
    if not isinstance(evidence, list) or not all(isinstance(line, str) for line in evidence):
        defects.append(Defect(0, "`evidence` of the result file is no list of texts"))
        evidence = []
    values = tuple((str(name), str(value)) for name, value in results.items() if name != EVIDENCE)
    known = ResultStatus(status) if status in set(ResultStatus) else None
    return Result(known, values, tuple(evidence), tuple(defects))


_KEYS = ("status", "results", "link_connected")


def compare(result: Result, stdout: str, report: Report) -> tuple[Defect, ...]:
    """Where a result file and the same run's output contradict each other."""
    found = []
    printed = [line for line in stdout.split("\n") if line.startswith("GPUAAS_")]
    if result.evidence and list(result.evidence) != printed:
        found.append(Defect(0, "the evidence in the result file is not what was printed"))
    summary = report.summary
    if summary is None or result.status is None:
        return tuple(found)
    if result.status is ResultStatus.PASSED and summary.status is not Status.PASS:
        found.append(Defect(0, f"the result file says passed, the summary {summary.status}"))
    if result.status is ResultStatus.SKIPPED and summary.status is not Status.SKIP:
        found.append(Defect(0, f"the result file says skipped, the summary {summary.status}"))
    if (said := result.get("verdict")) and said != summary.status:
        found.append(Defect(0, f"the result file's verdict is {said}, the summary {summary.status}"))
    return tuple(found)
