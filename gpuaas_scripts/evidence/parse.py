"""Reads evidence: one line per check, shell-quoted, the summary last. The form is that of templates/lib/evidence.sh.

    GPUAAS_<AREA> status=PASS|FAIL|WARN|SKIP|INFO check=NAME detail=TEXT [remediation=TEXT] [KEY=TEXT]...

Nothing is dropped: what cannot be read, and what a report lacks, is a `Defect`.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

SUMMARY = "summary"
"""The check of a report's last line."""

PREFIX = "GPUAAS"

_AREA = re.compile(r"GPUAAS_(?P<area>[A-Z][A-Z0-9_]*)\Z")
_PAIR = re.compile(r"(?P<key>[a-z][a-z0-9_]*)=(?P<value>.*)\Z", re.DOTALL)
_CHECK = re.compile(r"[a-z][a-z0-9_]*\Z")
_PRINTABLE = re.compile(r"[ -~]*\Z")
_REQUIRED = ("status", "check", "detail")
_COUNTS = ("skipped", "failures", "warnings")
_UNSEEN = ", which is not checked"
_SHOWN = 120


class Status(StrEnum):
    """What a line says. INFO is inventory: no verdict, and any number of lines for one name."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    WARN = "WARN"
    SKIP = "SKIP"
    INFO = "INFO"


@dataclass(frozen=True, slots=True)
class Line:
    """One evidence line. `number` counts a text's lines from 1; `more` are the further keys, in their order."""

    number: int
    area: str
    status: Status
    check: str
    detail: str
    remediation: str = ""
    more: tuple[tuple[str, str], ...] = ()

    def get(self, key: str) -> str:
        """The value of a further key, '' where the line has none."""
        return dict(self.more).get(key, "")


@dataclass(frozen=True, slots=True)
class Defect:
    """Something about a report that is not as a report must be. `line` counts from 1; 0 is the text as a whole.

    `severe` ones keep the report from being relied on.
    """

    line: int
    message: str
    severe: bool = True

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


@dataclass(frozen=True, slots=True)
class Report:
    """A text as evidence: its lines in order, the summary among them only as `summary`, and what is wrong with it."""

    lines: tuple[Line, ...]
    summary: Line | None
    defects: tuple[Defect, ...]

    @property
    def checks(self) -> tuple[Line, ...]:
        """The lines that hold verdicts."""
        return tuple(line for line in self.lines if line.status is not Status.INFO)

    def facts(self, check: str) -> tuple[Line, ...]:
        """The inventory lines of one name."""
        return tuple(line for line in self.lines if line.status is Status.INFO and line.check == check)

    @property
    def severe(self) -> bool:
        """Whether something keeps the report from being relied on."""
        return any(defect.severe for defect in self.defects)

    @property
    def passed(self) -> bool:
        """Whether the whole report can be relied on and its summary says `failures=0`."""
        summary = self.summary
        return summary is not None and not self.severe and summary.get("failures") == "0"


class _LineError(ValueError):
    """A line that is no evidence line."""


def parse(text: str, *, needs_summary: bool = True) -> Report:
    """Read a script's stdout. Without `needs_summary` a report of inventory alone is whole (a script that had
    nothing to check on this machine); one with verdicts always needs its summary.
    """
    lines: list[Line] = []
    defects: list[Defect] = []
    others: list[tuple[int, str]] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        if not raw.strip():
            continue
        if not raw.lstrip().startswith(PREFIX):
            others.append((number, raw))
            continue
        try:
            lines.append(_line(number, raw))
        except _LineError as error:
            defects.append(Defect(number, f"no evidence line: {error}: {_shown(raw)}"))
    if others:
        number, raw = others[0]
        count = f"{len(others)} lines are" if len(others) > 1 else "one line is"
        defects.append(Defect(number, f"{count} no evidence; the first: {_shown(raw)}", severe=False))
    if text and not text.endswith("\n"):
        defects.append(Defect(text.count("\n") + 1, "the last line has no end: the output was cut off"))
    summaries = [line for line in lines if line.check == SUMMARY]
    checks = tuple(line for line in lines if line.check != SUMMARY)
    defects += _repeated(checks)
    defects += _about_summary(lines, checks, summaries, needs_summary=needs_summary)
    return Report(checks, summaries[-1] if summaries else None, tuple(defects))


def read_line(raw: str, number: int = 1) -> Line | Defect:
    """One line by itself."""
    try:
        return _line(number, raw)
    except _LineError as error:
        return Defect(number, f"no evidence line: {error}: {_shown(raw)}")


def _line(number: int, raw: str) -> Line:
    if not _PRINTABLE.match(raw):
        raise _LineError("it holds characters other than printable ASCII")
    try:
        first, *words = shlex.split(raw)
    except ValueError as error:
        raise _LineError(f"its quoting is broken ({error})") from None
    area = _AREA.match(first)
    if area is None:
        raise _LineError(f"{first!r} is no area such as GPUAAS_SLICE_KVM")
    values: dict[str, str] = {}
    for word in words:
        pair = _PAIR.match(word)
        if pair is None:
            raise _LineError(f"{word!r} is no key=value")
        if pair["key"] in values:
            raise _LineError(f"{pair['key']} stands in it twice")
        values[pair["key"]] = pair["value"]
    if absent := [key for key in _REQUIRED if key not in values]:
        raise _LineError(f"it lacks {', '.join(absent)}")
    if values["status"] not in set(Status):
        raise _LineError(f"status {values['status']!r} must be one of {', '.join(Status)}")
    if not _CHECK.match(values["check"]):
        raise _LineError(f"check {values['check']!r} must be a name of a-z, 0-9 and _")
    more = tuple((key, value) for key, value in values.items() if key not in (*_REQUIRED, "remediation"))
    status, check, detail = (values[key] for key in _REQUIRED)
    return Line(number, area["area"], Status(status), check, detail, values.get("remediation", ""), more)


def _repeated(checks: tuple[Line, ...]) -> list[Defect]:
    seen: dict[str, int] = {}
    found = []
    for line in checks:
        if line.status is Status.INFO:
            continue
        if line.check in seen:
            found.append(Defect(line.number, f"check {line.check} was reported before, in line {seen[line.check]}"))
        seen.setdefault(line.check, line.number)
    return found


def _about_summary(
    lines: list[Line], checks: tuple[Line, ...], summaries: list[Line], *, needs_summary: bool
) -> list[Defect]:
    judged = Counter(line.status for line in checks if line.status is not Status.INFO)
    if not summaries:
        if needs_summary or judged:
            return [Defect(0, "the summary line is missing: the script did not come to its end")]
        return []
    found = [Defect(line.number, "a second summary line") for line in summaries[1:]]
    summary = summaries[-1]
    if lines[-1] is not summary:
        found.append(Defect(summary.number, "evidence follows the summary line"))
    counted = {"skipped": judged[Status.SKIP], "failures": judged[Status.FAIL], "warnings": judged[Status.WARN]}
    for key in _COUNTS:
        said = summary.get(key)
        if said != str(counted[key]):
            found.append(Defect(summary.number, f"the summary says {key}={said}, its lines {counted[key]}"))
    if not judged:
        found.append(Defect(summary.number, "a summary of nothing: no check was reported"))
    expected = Status.FAIL if judged[Status.FAIL] or not judged else None
    if expected and summary.status is not expected:
        found.append(Defect(summary.number, f"the summary says {summary.status} over failed checks"))
    if summary.status is Status.PASS and judged[Status.WARN]:
        found.append(Defect(summary.number, "the summary says PASS over warnings"))
    blocked = [line.check for line in checks if line.status is Status.SKIP and line.detail.endswith(_UNSEEN)]
    if summary.status is Status.PASS and blocked:
        found.append(Defect(summary.number, f"the summary says PASS over checks that stand on nothing: {blocked[0]}"))
    return found


def _shown(raw: str) -> str:
    """The beginning of a text as printable ASCII."""
    text = raw.encode("ascii", "backslashreplace").decode()
    text = "".join(char if " " <= char <= "~" else f"\\x{ord(char):02x}" for char in text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
