"""Mutants of a rendered script: one small change each, that a test of the script should notice.

Made on the syntax tree of shfmt: a condition negated, `&&` and `||` exchanged, a failure replaced by success, a
command dropped. A mutant that no test kills shows a check or a guard that could be gone without anybody noticing.
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

_SPEECH = ("log_", "usage", "printf", "echo", "local", "readonly", "export", "shift", ":", "true", "return", "exit")
"""Commands that are left alone when commands are dropped: words for people, and what has mutants of its own."""
_SUCCESS = {"evidence_fail": "evidence_pass", "evidence_warn": "evidence_pass"}
_APART = ("evidence_", "log_", "json_", "result_")
"""Functions of fragments that have tests of their own, whichever script they stand in."""


class Kind(StrEnum):
    """What a mutant changes."""

    NEGATED = "condition negated"
    EXCHANGED = "&& and || exchanged"
    SUCCESS = "replaced by success"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: its kind, the function and line it is in, the text that was there, and the whole changed script."""

    kind: Kind
    function: str
    line: int
    was: str
    text: str


def mutants(text: str) -> list[Mutant]:
    """All mutants of a rendered script, in its order; only its functions are changed, not settings or the last line."""
    tree = msgspec.json.decode(run([shfmt(), "-ln", "posix", "--to-json"], stdin=text, timeout=60).stdout)
    raw = text.encode()  # positions are in bytes
    found = []
    for statement in tree.get("Stmts") or ():
        command = statement.get("Cmd") or {}
        if command.get("Type") != "FuncDecl":
            continue
        name = command["Name"]["Value"]
        if name.startswith(_APART):
            continue
        for kind, start, end, new in _changes(command["Body"], raw):
            changed = raw[:start] + new + raw[end:]
            was = " ".join(raw[start:end].decode().split())
            found.append(Mutant(kind, name, raw.count(b"\n", 0, start) + 1, was, changed.decode()))
    return found


_Change = tuple[Kind, int, int, bytes]


def _changes(node: object, raw: bytes) -> Iterator[_Change]:
    if isinstance(node, list):
        for item in node:
            yield from _changes(item, raw)
        return
    if not isinstance(node, dict):
        return
    kind = node.get("Type")
    if node.get("Cond") and "ThenPos" in node:  # an elif has no type
        yield _negated(node, raw)
    elif kind == "BinaryCmd" and node.get("Op") in ("&&", "||"):
        place = node["OpPos"]["Offset"]
        yield Kind.EXCHANGED, place, place + 2, b"||" if node["Op"] == "&&" else b"&&"
    elif kind == "CallExpr" and node.get("Args"):
        yield from _of_call(node)
    for key, value in node.items():
        if isinstance(value, (dict, list)) and not key.endswith("Pos"):
            yield from _changes(value, raw)


def _negated(node: dict[str, Any], raw: bytes) -> _Change:
    start, then = node["Cond"][0]["Pos"]["Offset"], node["ThenPos"]["Offset"]
    end = start + len(raw[start:then].rstrip(b"; \n\t"))
    return Kind.NEGATED, start, end, b"! { " + raw[start:end] + b"; }"


def _of_call(node: dict[str, Any]) -> Iterator[_Change]:
    words = [text_of(word) for word in node["Args"]]
    start, end = node["Pos"]["Offset"], node["End"]["Offset"]
    first = node["Args"][0]
    if words[0] in _SUCCESS:
        yield Kind.SUCCESS, first["Pos"]["Offset"], first["End"]["Offset"], _SUCCESS[words[0]].encode()
    elif words[0] in ("return", "exit") and len(words) == 2 and words[1] != "0":
        number = node["Args"][1]
        yield Kind.SUCCESS, number["Pos"]["Offset"], number["End"]["Offset"], b"0"
    elif not words[0].startswith(_SPEECH) and words[0] not in ("[", "test") and not words[0].startswith("evidence_"):
        yield Kind.DROPPED, start, end, b":"
