"""Findings as text: place, message, the source line with a caret, hint, further places."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from .source import SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ..errors import Finding, Location, Severity

_MASK = "***"
_KEY_AND_COLON = re.compile(r"[\w-]+[\"']?\s*:\s*")
_HARMLESS = re.compile(r"[\"']?(?:env:|file:/|null\b|~|to-be-approved\b)|[{\[#]|$")


def sort(findings: Iterable[Finding]) -> list[Finding]:
    """Findings by place, each one once."""
    unique = dict.fromkeys(findings)
    return sorted(unique, key=lambda finding: (finding.location, finding.code, finding.message))


def text(finding: Finding, place_of: Callable[[str], Path], paint: Callable[[str, Severity], str]) -> str:
    """One finding as lines; `place_of` tells where a file is by its name as shown."""
    lines = [
        f"{finding.location}: {paint(f'{finding.severity}[{finding.code}]', finding.severity)}: {finding.message}",
        *_excerpt(finding.location, place_of, hidden=finding.secret),
    ]
    if finding.hint:
        lines.append(f"    = hint: {finding.hint}")
    lines += [f"    = see also: {place}" for place in finding.also]
    return "\n".join(lines)


def _excerpt(location: Location, place_of: Callable[[str], Path], *, hidden: bool) -> list[str]:
    if not location.line:
        return []
    source = _lines(place_of(location.file))
    if location.line > len(source):
        return []
    whole = source[location.line - 1]
    number = str(location.line)
    line = _without_secrets(whole[: location.column - 1] + _MASK if hidden else whole)
    at = min(location.column, len(line) - len(_MASK) + 1) if line != whole else location.column
    length = len(_MASK) if at != location.column or hidden else location.length
    length = max(min(length, len(line) - at + 1), 1)
    before = "".join("\t" if character == "\t" else " " for character in line[: at - 1])
    gutter = " " * len(number)
    return [f"  {number} | {line}", f"  {gutter} | {before}{'^' * length}"]


def _without_secrets(line: str) -> str:
    """The line up to a value that may be a secret: that of a key with such a name, unless it is a reference."""
    for match in _KEY_AND_COLON.finditer(line):
        if SECRET_KEY.search(match[0]) and not _HARMLESS.match(line, match.end()):
            return line[: match.end()] + _MASK
    return line


@lru_cache(maxsize=16)
def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return []


def as_data(finding: Finding) -> dict[str, object]:
    """One finding as JSON data."""
    place = finding.location
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "message": finding.message,
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "hint": finding.hint,
        "also": [str(other) for other in finding.also],
    }
