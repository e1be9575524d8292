"""Which tests reach which statement of a function: a mark before each statement, that adds a line to a file.

A mark changes neither what the statement does nor its status: it has status 0, prints nothing, and stands before no
statement that looks at `$?`. /dev/shm can be written by whoever runs the script, also in a hardened unit
(systemd.exec(5): ProtectSystem= leaves API file systems alone, PrivateDevices= keeps /dev/shm).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gpuaas_scripts.lab.mutants import Function, Mutant, syntax

if TYPE_CHECKING:
    from collections.abc import Iterable

LOG = "/dev/shm/gpuaas-reach"  # noqa: S108 - in a container
MARK = f"""\
gpuaas_reach() {{
  printf '%s\\n' "$1" >>{LOG} || :
}} 2>/dev/null
"""
HELPERS = f"""
printf '@%s\\n' "${{BATS_TEST_NAME-}}" >>{LOG}
"""
"""Added to the helpers that each bats file loads, in the process of each test: here another test begins."""


@dataclass(frozen=True, slots=True)
class Marked:
    """A function with marks: its text, and for each stretch of the source the mark that tells that it was reached.

    Stretches are (start, end, mark), the inner ones after the outer ones.
    """

    source: str
    stretches: tuple[tuple[int, int, str], ...]

    def of(self, mutant: Mutant) -> str:
        """The mark of the statement that the mutant changes, or where it has none, the beginning of the function's."""
        return [mark for start, end, mark in self.stretches if start <= mutant.start < end][-1]


def looking(functions: Iterable[Function]) -> frozenset[str]:
    """The names of functions that look at `$?`: what the command before them left."""
    return frozenset(one.name for one in functions if "$?" in one.source)


def mark(function: Function, prefix: str, apart: frozenset[str] = frozenset()) -> Marked:
    """The function with marks `<prefix>.<number>`; none stands right before a call of the functions `apart`."""
    marker = _Marker(function.source.encode(), prefix, apart)
    [statement] = syntax(function.source)["Stmts"]
    body = statement["Cmd"]["Body"]
    marker.walk(body, prefix)
    raw = marker.raw
    for offset, text in sorted(marker.added, key=lambda one: one[0], reverse=True):
        raw = raw[:offset] + text.encode() + raw[offset:]
    return Marked(raw.decode(), tuple(marker.stretches))


class _Marker:
    def __init__(self, raw: bytes, prefix: str, apart: frozenset[str]) -> None:
        self.raw = raw
        self._looks = re.compile("|".join([r"\$\?", *(rf"\b{re.escape(name)}\b" for name in sorted(apart))]).encode())
        self.added: list[tuple[int, str]] = []
        self.stretches = [(0, len(raw), prefix)]  # where no mark stands before it: any mark of the function
        self._prefix = prefix
        self._count = 0

    def _new(self) -> str:
        self._count += 1
        return f"{self._prefix}.{self._count}"

    @staticmethod
    def _call(name: str) -> str:
        return f"gpuaas_reach {name}; "

    def walk(self, node: object, current: str) -> None:
        """Mark the statements of lists, and right sides of && and ||."""
        if isinstance(node, list):
            for item in node:
                self.walk(item, current)
        if not isinstance(node, dict):
            return
        if node.get("Type") == "BinaryCmd":
            self.walk(node["X"], current)
            self.walk(node["Y"], self._right(node["Y"], current) if node.get("Op") in ("&&", "||") else current)
            return
        for key, value in node.items():
            if key in ("Stmts", "Cond", "Then", "Do") and isinstance(value, list):
                self._list(value, current)
            elif isinstance(value, (dict, list)) and not key.endswith("Pos"):
                self.walk(value, current)

    def _list(self, statements: list[dict[str, Any]], current: str) -> None:
        for statement in statements:
            start, end = statement["Pos"]["Offset"], statement["End"]["Offset"]
            new = self._new()  # numbers do not depend on what is left out
            if self._neutral(statement):
                current = new
                self.added.append((start, self._call(current)))
            self.stretches.append((start, end, current))
            self.walk(statement, current)

    def _right(self, statement: dict[str, Any], current: str) -> str:
        start, end = statement["Pos"]["Offset"], statement["End"]["Offset"]
        command = statement.get("Cmd") or {}
        new = self._new()
        if command.get("Type") != "CallExpr" or not self._neutral(statement) or statement.get("Redirs"):
            return current
        self.added += [(start, "{ " + self._call(new)), (end, "; }")]
        self.stretches.append((start, end, new))
        return new

    def _neutral(self, statement: dict[str, Any]) -> bool:
        """Whether a command may stand before: the statement does not look at the status of the one before."""
        text = self.raw[statement["Pos"]["Offset"] : statement["End"]["Offset"]].strip()
        return not self._looks.search(text) and text not in (b"return", b"exit")


def read_log(text: str) -> list[tuple[str, frozenset[str]]]:
    """The tests that the log of a run names, in their order, each with the marks that were reached.

    A test is named as bats does (`test_...`); what the file's own set-up reached is reached by all.
    """
    common: set[str] = set()
    found: dict[str, set[str]] = {}
    here = common
    for line in text.splitlines():
        if line.startswith("@"):
            here = found.setdefault(line[1:], set()) if line.startswith("@test_") else common
        elif line:
            here.add(line)
    return [(name, frozenset(marks | common)) for name, marks in found.items()]


def with_mark(text: str, functions: list[Function], marked: dict[tuple[str, str], Marked]) -> str:
    """A script with its functions exchanged for marked ones (by name and source), and what they call before them."""
    raw = text.encode()
    for function in reversed(functions):
        new = marked.get((function.name, function.source))
        if new is not None:
            end = function.start + len(function.source.encode())
            raw = raw[: function.start] + new.source.encode() + raw[end:]
    first = functions[0].start
    return (raw[:first] + MARK.encode() + raw[first:]).decode()
