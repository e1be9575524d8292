"""shellcheck's own suppressions, `# shellcheck disable=CODE`: where they stand, and which lines they are for.

shellcheck is asked without them, and what they cover is taken out afterwards: only so can one be told that covers
nothing. Those among other directives (`source=… disable=…`) and those of `all` or a range are left to shellcheck.
Source: shellcheck's wiki, pages Directive and Ignore.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..cache import Cache
from ..run import CommandError, run
from .shell_texts import beside, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

_OURS = re.compile(r"^([ \t]*#[ \t]*)shellcheck([ \t]+disable=(SC\d{4}(?:,SC\d{4})*)[ \t]*(?:#.*)?)$", re.MULTILINE)
_PARSE_TIMEOUT_S = 60.0

_FUNCTION = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\(\) *\{$")


class _Extent(msgspec.Struct, frozen=True):
    """The first and last line of a command."""

    first: int
    last: int


class Directive(msgspec.Struct, frozen=True):
    """A directive: its place (from 1), the codes it switches off, and the first and last line it is for."""

    line: int
    column: int
    codes: tuple[str, ...]
    first: int
    last: int


def without(content: str) -> str:
    """The text with these directives turned into plain comments; lines stay where they are."""
    return _OURS.sub(r"\1no directive:\2", content) if "shellcheck" in content else content


def directives(content: str) -> list[Directive]:
    """The directives of a script with the command that each is for; those of what cannot be parsed are left out."""
    found = [*_OURS.finditer(content)] if "shellcheck" in content else []
    if not found:
        return []
    lines = content.split("\n")
    at = {content.count("\n", 0, match.start()) + 1: match for match in found}
    start = _next_code(lines, 0)
    made = []
    for line, match in at.items():
        codes, column = tuple(match[3].split(",")), match[1].index("#") + 1
        if line < start:  # before the first command: for the whole file
            made.append(Directive(line, column, codes, start, len(lines)))
        elif extent := _extent(lines, _next_code(lines, line)):
            made.append(Directive(line, column, codes, extent.first, extent.last))
    return made


def _next_code(lines: list[str], line: int) -> int:
    for number in range(line + 1, len(lines) + 1):
        stripped = lines[number - 1].strip()
        if stripped and not stripped.startswith("#"):
            return number
    return len(lines)


def _extent(lines: list[str], line: int) -> _Extent | None:
    """The first and last line of the outermost command, or branch of a `case`, that begins in this line.

    First only the function around it is parsed, which is the same in all scripts that hold a fragment.
    """
    first = next((number for number in range(line, 0, -1) if _FUNCTION.match(lines[number - 1])), 0)
    last = next((number for number in range(line, len(lines) + 1) if lines[number - 1].startswith("}")), 0)
    if first and last:
        found = _parsed("\n".join(lines[first - 1 : last]) + "\n", line - first + 1)
        if found is not None:
            return _Extent(found.first + first - 1, found.last + first - 1) if found.first else None
    found = _parsed("\n".join(lines), line)
    return found if found and found.first else None


@lru_cache(maxsize=4096)
def _parsed(content: str, line: int) -> _Extent | None:
    """The extent in a text that is shell by itself; 0 and 0 where no command begins in the line, None for no shell."""
    program = beside("shfmt")
    if program is None:
        return None
    cache = Cache("shell-extents", Path(__file__))
    key = f"{identity(program)}\0{line}\0{content}".encode("utf-8", "surrogateescape")
    kept = cache.get(key)
    if kept is not None:
        try:
            return msgspec.json.decode(kept, type=_Extent | None)
        except msgspec.DecodeError:
            pass  # a damaged entry is as good as none
    try:
        done = run([program, "-ln", "auto", "--to-json"], stdin=content, timeout=_PARSE_TIMEOUT_S)
    except CommandError as error:
        if error.completed is None:
            raise
        found = None
    else:
        found = next(_from(msgspec.json.decode(done.stdout).get("Stmts"), line), _Extent(0, 0))
    cache.put(key, msgspec.json.encode(found))
    return found


def _from(node: object, line: int) -> Iterator[_Extent]:
    """Commands and branches that begin in this line, outermost first; whatever lies elsewhere is passed over."""
    if isinstance(node, list):
        for item in node:
            yield from _from(item, line)
    elif isinstance(node, dict):
        if "Pos" in node and "End" in node:
            first, last = node["Pos"]["Line"], _end(node)
            if not first <= line <= last:
                return
            if first == line and ("Cmd" in node or "Redirs" in node or "Patterns" in node):
                yield _Extent(first, last)
        for key, value in node.items():
            if isinstance(value, (dict, list)) and not key.endswith("Pos"):
                yield from _from(value, line)


def _end(node: dict[str, Any]) -> int:
    """The last line, here-documents included (which the tree puts after the end of their command)."""
    last: int = node["End"]["Line"]
    for redirect in node.get("Redirs") or ():
        document = redirect.get("Hdoc")
        if document:
            last = max(last, document["End"]["Line"])
    return last
