"""node.env: form, marker, and whether it holds what the scripts of its profile read.

Facts: templates/lib/nodeenv.sh: a name must stand as NAME='…', the last line is the marker; a name with `?` may
be empty. The file is sourced by /bin/sh.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ..artifacts import BASE_ENV, NODE_ENV_COMPLETE
from ..templates import ScriptModel
from .base import TextKind
from .shell_uses import uses_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .base import Skip, Text, Tree

_LINE = re.compile(r"([^=\s]*)=(.*)\Z", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PIECE = re.compile(r"'[^']*'|\\'")
_DOUBLE = re.compile(r'"[^"\\$`]*"\Z')
_MARKER = f"{NODE_ENV_COMPLETE}='yes'"


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """Findings of every node.env."""
    readers = _readers_of_plan(tree) if tree.plan is not None else _readers_of_files(tree)
    nodes = {node.name: node.profile.name for node in tree.site.nodes} if tree.site is not None else {}
    for text in tree.of(TextKind.NODE_ENV):
        values, places, found = _assignments(text)
        yield from found
        artifact = text.artifact
        profile = nodes.get(artifact.owner, "") if artifact is not None else values.get("GPUAAS_PROFILE", "")
        yield from _complete(text, values, places, readers.get(profile, {}))


def _readers_of_plan(tree: Tree) -> dict[str, dict[str, tuple[bool, str]]]:
    """Profile to the names that its scripts read: whether each may be empty, and one script that reads it."""
    assert tree.plan is not None  # noqa: S101 - the caller looked
    found: dict[str, dict[str, tuple[bool, str]]] = {}
    for profile, artifacts in tree.plan.profile_artifacts.items():
        names = found.setdefault(profile, {})
        for artifact in artifacts:
            model = artifact.template.model if artifact.template is not None else None
            if isinstance(model, ScriptModel):
                for name, setting in model.node_env.items():
                    names.setdefault(name, (setting.optional, artifact.name))
    return found


def _readers_of_files(tree: Tree) -> dict[str, dict[str, tuple[bool, str]]]:
    """The same from scripts of a generated tree, which name what they read to nodeenv_load."""
    found: dict[str, dict[str, tuple[bool, str]]] = {}
    for text in tree.of(TextKind.SHELL):
        parts = PurePosixPath(text.path).parts
        if "nodeenv_load" not in text.content or "profiles" not in parts[:-2]:
            continue
        names = found.setdefault(parts[parts.index("profiles") + 1], {})
        for said in uses_of(text.content).commands:
            if said.words[0] == "nodeenv_load":
                for word in said.words[2:]:
                    names.setdefault(word.rstrip("?"), (word.endswith("?"), parts[-1]))
    return found


def _assignments(text: Text) -> tuple[dict[str, str], dict[str, tuple[int, int]], list[Finding]]:
    values: dict[str, str] = {}
    places: dict[str, tuple[int, int]] = {}
    found: list[Finding] = []
    for number, line in _logical(text.content):
        if not line.strip() or line.startswith("#"):
            continue
        problem, name, value = _read(line)
        if problem:
            column = len(name) + 2 if name and problem[2] else 1
            found.append(text.finding("GS482", problem[0], number, column, hint=problem[1]))
            if not name:
                continue
        if name in values:
            message = f"{name} stands twice (first in line {places[name][0]}): scripts read the last one"
            found.append(text.finding("GS482", message, number, 1, hint="keep one", length=len(name)))
        values[name] = value
        places.setdefault(name, (number, len(name) + 2))
    return values, places, found


def _logical(content: str) -> Iterator[tuple[int, str]]:
    """Lines; one that ends inside of single quotes goes on to the next."""
    begun, start = "", 0
    for number, line in enumerate(content.split("\n"), 1):
        begun, start = (f"{begun}\n{line}", start) if begun else (line, number)
        if begun.startswith("#") or _balanced(begun):
            yield start, begun
            begun = ""
    if begun:
        yield start, begun


def _balanced(line: str) -> bool:
    value = line.partition("=")[2]
    return not value.startswith("'") or _PIECE.sub("", value).count("'") == 0


@lru_cache(maxsize=4096)
def _read(line: str) -> tuple[tuple[str, str, bool] | None, str, str]:
    """What is wrong with a line (message, hint, about the value), its name and value."""
    if line.endswith("\r"):
        message = "the line ends in a carriage return, which becomes part of the value"
        return (message, "save with Unix line ends", False), *_read(line[:-1])[1:]
    match = _LINE.match(line)
    if line.startswith("export "):
        return (
            ("no `export` here: the library looks for NAME='…' at the start of the line", "remove `export`", False),
            "",
            "",
        )
    if match is None or not match[1]:
        return ("not NAME='value'", "write one assignment on each line", False), "", ""
    name, value = match[1], match[2]
    if not _NAME.match(name):
        return (f"{name!r} is no name of a variable", "letters, digits and _", False), "", ""
    if value.startswith("'"):
        rest = _PIECE.sub("", value)
        if rest:
            why = "the closing quote is missing" if "'" in rest else f"{rest[:20]!r} stands outside of the quotes"
            return (f"{name}: {why}", "quote the whole value: NAME='value'", True), name, ""
        return None, name, value.replace("'\\''", "'").strip("'")
    if _DOUBLE.match(value):
        return (
            (
                f"{name} is in double quotes: the library looks for NAME='…' and calls it missing",
                "use single quotes",
                True,
            ),
            name,
            value[1:-1],
        )
    if not value:
        return (f"{name} has no value and no quotes: the library calls it missing", f"write {name}=''", True), name, ""
    return (f"{name} is not quoted: the library calls it missing", f"write {name}='…'", True), name, value


def _complete(
    text: Text, values: dict[str, str], places: dict[str, tuple[int, int]], readers: dict[str, tuple[bool, str]]
) -> Iterator[Finding]:
    lines = text.content.rstrip("\n").split("\n")
    last = len(lines)
    if lines[-1] != _MARKER:
        where = places.get(NODE_ENV_COMPLETE)
        why = "is not the last line" if where else "is missing"
        message = f"the marker {_MARKER} {why}: every script calls the file incomplete"
        yield text.finding("GS482", message, where[0] if where else last, 1, hint="end the file with it")
    for name in BASE_ENV:
        if name not in values:
            yield text.finding("GS482", f"{name} is missing", last, 1, hint=f"add {name}='…'")
    for name, (optional, script) in readers.items():
        if name not in values:
            yield text.finding("GS482", f"{name} is missing, which {script} reads", last, 1, hint=f"add {name}='…'")
        elif not optional and not values[name] and name in places:
            line, column = places[name]
            yield text.finding("GS482", f"{name} is empty, which {script} needs", line, column, hint="write the value")
