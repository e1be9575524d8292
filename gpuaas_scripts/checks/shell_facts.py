"""What a shell file defines, reads, sets and calls, taken from its syntax tree (`shfmt --to-json`).

No regular expressions over shell: one parser tells what is code.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..cache import Cache
from ..errors import GpuaasError
from ..run import CommandError, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_memory: dict[str, ShellFacts] = {}
"""What this process has read already: a fragment stands in many scripts."""

_DECLARING = {"local", "readonly", "export", "read", "unset"}
_PARSE_TIMEOUT_S = 60
_PLACE = re.compile(r"(?:^|:)([0-9]+):([0-9]+): (.+)")


class Name(msgspec.Struct, frozen=True):
    """A name at its place (line and column from 1)."""

    name: str
    line: int
    column: int


class ShellFacts(msgspec.Struct, frozen=True):
    """The facts of one file; `loose` are commands outside of functions; `error` is a syntax error."""

    functions: tuple[Name, ...] = ()
    loose: tuple[Name, ...] = ()
    reads: tuple[Name, ...] = ()
    sets: tuple[Name, ...] = ()
    calls: tuple[Name, ...] = ()
    error: Name | None = None


def facts(text: str) -> ShellFacts:
    """The facts of a POSIX shell text; from the cache when it was read before."""
    found = _memory.get(text) or _kept(text)
    if found is None:
        found = _facts(text)
        Cache("shell-facts", Path(__file__)).put(text.encode(), msgspec.json.encode(found))
    _memory[text] = found
    return found


def look_ahead(texts: Iterable[str]) -> None:
    """Read texts that will be asked for; those that are not in the cache on all cores at once."""
    missing = []
    for text in dict.fromkeys(texts):
        kept = _memory.get(text) or _kept(text)
        if kept is None:
            missing.append(text)
        else:
            _memory[text] = kept
    if len(missing) > 1:
        from .shell_texts import on_all_cores

        on_all_cores(facts, missing)


def _kept(text: str) -> ShellFacts | None:
    kept = Cache("shell-facts", Path(__file__)).get(text.encode())
    if kept is None:
        return None
    try:
        return msgspec.json.decode(kept, type=ShellFacts)
    except msgspec.DecodeError:
        return None  # a damaged entry is as good as none


def shfmt() -> str:
    """The shfmt that came with this program's environment, or else one in PATH."""
    beside = Path(sys.executable).with_name("shfmt")
    found = str(beside) if beside.is_file() else shutil.which("shfmt")
    if found is None:
        raise GpuaasError(
            "shfmt is not installed", hint="install the package shfmt-py, which gpuaas-scripts depends on"
        )
    return found


def _facts(text: str) -> ShellFacts:
    try:
        done = run([shfmt(), "-ln", "posix", "--to-json"], stdin=text, timeout=_PARSE_TIMEOUT_S)
    except CommandError as error:
        if error.completed is None:
            raise
        return ShellFacts(error=_syntax_error(error.completed.stderr))
    walk = _Walk()
    for statement in msgspec.json.decode(done.stdout).get("Stmts") or ():
        walk.top(statement)
    return ShellFacts(tuple(walk.functions), tuple(walk.loose), tuple(walk.reads), tuple(walk.sets), tuple(walk.calls))


def _syntax_error(stderr: str) -> Name:
    """shfmt says `LINE:COLUMN: message`, with a file name before it or without."""
    first = (stderr.strip().splitlines() or ["cannot be parsed"])[0]
    found = _PLACE.search(first)
    return Name(found[3].strip(), int(found[1]), int(found[2])) if found else Name(first, 1, 1)


class _Walk:
    """Collects names; the node types are those of shfmt's `syntax` package."""

    def __init__(self) -> None:
        self.functions: list[Name] = []
        self.loose: list[Name] = []
        self.reads: list[Name] = []
        self.sets: list[Name] = []
        self.calls: list[Name] = []

    def top(self, statement: dict[str, Any]) -> None:
        command = statement.get("Cmd") or {}
        if command.get("Type") == "FuncDecl":
            self.functions.append(_name(command["Name"]["Value"], command["Name"]))
        else:
            self.loose.append(_name(command.get("Type", "command"), statement))
        self.node(statement)

    def node(self, node: object) -> None:
        if isinstance(node, list):
            for item in node:
                self.node(item)
            return
        if not isinstance(node, dict):
            return
        kind = node.get("Type")
        if kind == "ParamExp":
            self.reads.append(_name(node["Param"]["Value"], node))
        elif kind == "CallExpr":
            self.call(node)
        elif kind == "ArithmExp":
            self.reads += [name for name in _literals(node.get("X")) if name.name.isidentifier()]
        elif kind == "WordIter":
            self.sets.append(_name(node["Name"]["Value"], node["Name"]))
        for value in node.values():
            if type(value) is list or (type(value) is dict and "Offset" not in value):  # not of a mere position
                self.node(value)

    def call(self, node: dict[str, Any]) -> None:
        for assign in node.get("Assigns") or ():
            self.sets.append(_name(assign["Name"]["Value"], assign["Name"]))
        words: list[dict[str, Any]] = node.get("Args") or []
        first = _literal(words[0]) if words else None
        if first is None:
            return
        self.calls.append(_name(first, words[0]))
        if first in _DECLARING:
            for word in words[1:]:
                start = (word.get("Parts") or [{}])[0].get("Value", "")
                if isinstance(start, str) and start.split("=")[0].isidentifier():
                    self.sets.append(_name(start.split("=")[0], word))


def _literal(word: dict[str, Any]) -> str | None:
    parts: list[dict[str, Any]] = word.get("Parts") or []
    if len(parts) == 1 and parts[0].get("Type") == "Lit":
        value: str = parts[0]["Value"]
        return value
    return None


def _literals(node: object) -> Iterator[Name]:
    if isinstance(node, list):
        for item in node:
            yield from _literals(item)
    elif isinstance(node, dict):
        if node.get("Type") == "Lit":
            yield _name(node["Value"], node)
        for value in node.values():
            if isinstance(value, (dict, list)):
                yield from _literals(value)


def _name(name: str, node: dict[str, Any]) -> Name:
    place = node.get("Pos") or {}
    return Name(name, place.get("Line", 1), place.get("Col", 1))
