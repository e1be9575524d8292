"""The report as text for people: each finding with its source line, then what was skipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ...config import report as findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from ...errors import Severity
    from ..base import Skip, Tree
    from ..lint import Report


@dataclass(frozen=True, slots=True)
class _InMemory:
    """A rendered text in the place of its file, which may be older or not there: only read_text is asked for."""

    content: str

    def read_text(self, *_: str) -> str:
        return self.content


def places(trees: Iterable[Tree], on_disk: Callable[[str], Path]) -> Callable[[str], Path]:
    """Where the text is that a finding points into, by its name as shown: in memory, else on disk."""
    contents: Mapping[str, str] = {text.path: text.content for tree in trees for text in tree.texts}

    def place(shown: str) -> Path:
        if shown in contents:
            return cast("Path", _InMemory(contents[shown]))
        return on_disk(shown)

    return place


def entries(report: Report, place_of: Callable[[str], Path], paint: Callable[[str, Severity], str]) -> Iterator[str]:
    """The whole report: an entry of several lines for each finding, then a line for each skip."""
    for one in report.findings:
        yield findings.text(one, place_of, paint)
    for skip in report.skips:
        yield skipped(skip)


def skipped(skip: Skip) -> str:
    """One thing that could not be looked at."""
    package = f"; install {skip.package}" if skip.package else ""
    return f"SKIP {skip.check}: {skip.reason}{package}"
