"""Composes a POSIX shell script from settings, library fragments and a body, with a map of its lines.

The form (and why a file cut off anywhere fails instead of doing nothing successfully):

    #!/bin/sh
    trap 'exit 70' EXIT
    banner · MAAS metadata · set -eu · settings · fragments · body
    { trap - EXIT; main "$@"; exit; }
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .quote import QuoteError, posix

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..config.keys import Value
    from ..templates import SourceText

HEAD = "#!/bin/sh\ntrap 'exit 70' EXIT\n"
TAIL = '{ trap - EXIT; main "$@"; exit; }\n'


@dataclass(frozen=True, slots=True)
class Span:
    """Lines of a composed script that come from one source file, from its line `source_line` on."""

    first: int
    count: int
    file: str
    source_line: int = 1


@dataclass(frozen=True, slots=True)
class Composed:
    """A composed script and where its lines come from (`spans` in ascending order)."""

    text: str
    spans: tuple[Span, ...]

    def origin(self, line: int) -> tuple[str, int] | None:
        """Source file and line of line `line` (from 1); None for lines that composing made."""
        index = bisect_right([span.first for span in self.spans], line) - 1
        if index < 0:
            return None
        span = self.spans[index]
        offset = line - span.first
        return (span.file, span.source_line + offset) if offset < span.count else None


def settings_block(values: Mapping[str, Value]) -> str:
    """The settings as `readonly NAME='value'` lines; raises QuoteError naming the setting."""
    return "".join(f"readonly {name}={_quoted(name, value)}\n" for name, value in values.items())


def assignments(values: Mapping[str, Value]) -> str:
    """Values as plain assignments, for node.env; raises QuoteError naming the value."""
    return "".join([f"{name}={_quoted(name, value)}\n" for name, value in values.items()])


def compose(
    banner: str, metadata: str, values: Mapping[str, Value], fragments: Sequence[SourceText], *bodies: SourceText
) -> Composed:
    """Join the parts; `banner` and `metadata` are comment lines that end in a newline (or are empty)."""
    block = settings_block(values)
    text = f"{HEAD}{banner}{metadata}set -eu\n\n{block}"
    spans: list[Span] = []
    line = text.count("\n") + 1
    for part in (*fragments, *bodies):
        content = part.text.rstrip("\n") + "\n"
        text += "\n" + content
        count = content.count("\n")
        spans.append(Span(line + 1, count, part.file))
        line += count + 1
    return Composed(text + "\n" + TAIL, tuple(spans))


def shell_text(value: Value) -> str:
    """A value as shell code sees it: lists one item a line, tables one row a line with `|` between cells."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "\n".join([_row(item) if isinstance(item, tuple) else _item(item) for item in value])
    return str(value)


def _row(cells: tuple[str, ...]) -> str:
    for cell in cells:
        if "|" in cell or "\n" in cell:
            raise QuoteError(f"a table cell can hold neither '|' nor a newline: {cell!r}")
    return "|".join(cells)


def _item(item: str) -> str:
    if "\n" in item:
        raise QuoteError(f"a list item cannot hold a newline: {item!r}")
    return item


def _quoted(name: str, value: Value) -> str:
    try:
        return posix(value if type(value) is str else shell_text(value))
    except QuoteError as error:
        raise QuoteError(f"{name}: {error}") from None
