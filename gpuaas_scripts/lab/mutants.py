"""Mutants of a shell function: one small change each, that a test should notice.

Made on the syntax tree of shfmt: a condition negated, `&&` and `||` exchanged, a failure replaced by success, a
command dropped. A mutant that no test kills shows a check or a guard that could be gone without anybody noticing.
Positions are in bytes. Changes that cannot matter by their form are not made: words for people, declarations, waiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from gpuaas_scripts.checks.shell_facts import shfmt
from gpuaas_scripts.checks.shell_walk import text_of
from gpuaas_scripts.run import run

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPEECH = ("log_", "evidence_", "usage", "printf", "echo")
"""Beginnings of the names of commands that are never dropped: words for people, and what has mutants of its own."""
_PLAIN = frozenset(
    ("local", "readonly", "export", "shift", ":", "true", "false", "return", "exit", "read", "sleep", "[", "test")
)
"""Commands that are never dropped: declarations, what has mutants of its own, and what would only make a loop endless
or impatient."""
_SUCCESS = {"evidence_fail": "evidence_pass", "evidence_warn": "evidence_pass"}


class Kind(StrEnum):
    """What a mutant changes."""

    NEGATED = "condition negated"
    EXCHANGED = "&& and || exchanged"
    SUCCESS = "replaced by success"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a script: its text, and the byte at which it begins there."""

    name: str
    source: str
    start: int


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a function: bytes `start` to `end` of its source become `new`; `line` is counted in it, from 1."""

    kind: Kind
    start: int
    end: int
    new: str
    line: int
    was: str

    def apply(self, source: str) -> str:
        """The function's source with the change."""
        raw = source.encode()
        return (raw[: self.start] + self.new.encode() + raw[self.end :]).decode()


def syntax(text: str) -> dict[str, Any]:
    """The tree of shfmt for shell text. Raises CommandError when it is none."""
    tree: dict[str, Any] = msgspec.json.decode(
        run([shfmt(), "-ln", "posix", "--to-json"], stdin=text, timeout=60).stdout
    )
    return tree


def functions(text: str) -> list[Function]:
    """The functions at the top of a script, in its order."""
    raw = text.encode()
    found = []
    for statement in syntax(text).get("Stmts") or ():
        command = statement.get("Cmd") or {}
        if command.get("Type") == "FuncDecl":
            start, end = statement["Pos"]["Offset"], statement["End"]["Offset"]
            found.append(Function(command["Name"]["Value"], raw[start:end].decode(), start))
    return found


def mutants(function: Function) -> list[Mutant]:
    """All mutants of a function, in its order."""
    raw = function.source.encode()
    [statement] = syntax(function.source)["Stmts"]
    body = statement["Cmd"]["Body"]
    changes = sorted({*_changes(body, raw), *_last(body)}, key=lambda one: (one[1], -one[2], one[0]))
    return [
        Mutant(kind, start, end, new, raw.count(b"\n", 0, start) + 1, " ".join(raw[start:end].decode().split()))
        for kind, start, end, new in ((kind, *_placed(raw, start, end, new)) for kind, start, end, new in changes)
    ]


_Change = tuple[Kind, int, int, str]


def _placed(raw: bytes, start: int, end: int, new: str) -> tuple[int, int, str]:
    return start, end, new.replace("\0", raw[start:end].decode())  # \0: what was there


def _changes(node: object, raw: bytes, *, unused: bool = False) -> Iterator[_Change]:
    """The changes in a part of the tree; `unused` says that nothing looks at its status."""
    if isinstance(node, list):
        for number, item in enumerate(node, 1):
            yield from _changes(item, raw, unused=number < len(node))
        return
    if not isinstance(node, dict):
        return
    kind = node.get("Type")
    if node.get("Cond") and ("ThenPos" in node or kind == "WhileClause"):  # an elif has no type
        yield from _condition(node, raw)
    elif kind == "BinaryCmd" and node.get("Op") in ("&&", "||"):
        place = node["OpPos"]["Offset"]
        if not (unused and node["Op"] == "||" and _word(node["Y"]) in (":", "true")):  # `may_fail && :` is the same
            yield Kind.EXCHANGED, place, place + 2, "||" if node["Op"] == "&&" else "&&"
        yield from _comparison(node["Y"])
    elif kind == "CallExpr" and node.get("Args"):
        yield from _of_call(node)
    for key, value in node.items():
        if isinstance(value, (dict, list)) and not key.endswith("Pos"):
            yield from _changes(value, raw, unused=unused and key == "Cmd")


def _condition(node: dict[str, Any], raw: bytes) -> Iterator[_Change]:
    start = node["Cond"][0]["Pos"]["Offset"]
    then = node["ThenPos" if "ThenPos" in node else "DoPos"]["Offset"]
    end = start + len(raw[start:then].rstrip(b"; \n\t"))
    if node.get("Type") == "WhileClause" and (_word(node["Cond"][0]) in ("read", ":", "true") or len(node["Cond"]) > 1):
        return  # a loop over lines, or without end, has no condition
    yield Kind.NEGATED, start, end, "! { \0; }"


def _comparison(statement: dict[str, Any]) -> Iterator[_Change]:
    """A comparison whose result is the value of what it stands in."""
    if _word(statement) in ("[", "test") and not statement.get("Negated"):
        yield Kind.NEGATED, statement["Pos"]["Offset"], statement["End"]["Offset"], "! \0"


def _last(body: dict[str, Any]) -> Iterator[_Change]:
    """A comparison that is the function's last command."""
    statements = (body.get("Cmd") or body).get("Stmts") or ()
    if statements:
        yield from _comparison(statements[-1])


def _word(statement: dict[str, Any]) -> str:
    words = (statement.get("Cmd") or {}).get("Args") or ()
    return text_of(words[0]) if words else ""


def _of_call(node: dict[str, Any]) -> Iterator[_Change]:
    words = [text_of(word) for word in node["Args"]]
    start, end = node["Pos"]["Offset"], node["End"]["Offset"]
    first = node["Args"][0]
    if words[0] in _SUCCESS:
        yield Kind.SUCCESS, first["Pos"]["Offset"], first["End"]["Offset"], _SUCCESS[words[0]]
    elif words[0] in ("return", "exit") and len(words) == 2 and words[1] != "0":
        number = node["Args"][1]
        yield Kind.SUCCESS, number["Pos"]["Offset"], number["End"]["Offset"], "0"
    elif words[0] not in _PLAIN and not words[0].startswith(_SPEECH):
        yield Kind.DROPPED, start, end, ":"
