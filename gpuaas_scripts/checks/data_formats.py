"""JSON, TOML and YAML files: well-formed, and no key twice.

Cloud-config and netplan files are looked at here as YAML; what they say is for their own checks.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

import yaml

from .base import TextKind
from .places import Place, broken, duplicates, place_of
from .shapes import once_for_each_shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .base import Skip, Text, Tree

_YAML = (TextKind.YAML, TextKind.CLOUD_CONFIG, TextKind.NETPLAN)
_TWICE = "key {name!r} stands twice: its reader keeps one of the two and says nothing"
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')
_TOML_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_TOML_END = re.compile(r" \(at end of document\)$")


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """Findings of all data files."""
    for text in tree.of(TextKind.JSON):
        yield from _json(text)
    for text in tree.of(TextKind.TOML):
        yield from _toml(text)
    yield from once_for_each_shape(tree.of(*_YAML), _yaml, numbers=True)


def _broken(text: Text, what: str, reason: str, place: Place) -> Finding:
    message = f"not valid {what}: {reason}"
    return text.finding("GS481", message, place.line, place.column, hint="mend the syntax at this place")


def _twice(text: Text, name: str, place: Place) -> Finding:
    message = _TWICE.format(name=name)
    return text.finding("GS481", message, place.line, place.column, hint="keep one of the two", length=place.length)


def _yaml(text: Text) -> Iterator[Finding]:
    if text.content.startswith("## template:"):
        return  # Jinja: no YAML before cloud-init has rendered it
    found = []
    try:
        # Only composed: tags of other programs (`!vault`, `!Ref`) are theirs to know.
        for root in yaml.compose_all(text.content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            found += list(duplicates(root))
            if text.kind is not TextKind.YAML and root is not None and place_of(root).line < 1:
                break
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        told = broken(error, text.content)
        yield _broken(text, "YAML", told.reason, told.place)
        return
    for name, place in sorted(found, key=lambda one: (one[1].line, one[1].column)):
        yield _twice(text, name, place)


def _json(text: Text) -> Iterator[Finding]:
    try:
        json.loads(text.content, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        yield _broken(text, "JSON", error.msg, Place(error.lineno, error.colno))
        return
    except ValueError as error:
        number = re.search(rf"(?<![\w\"]){re.escape(str(error))}(?![\w\"])", text.content)
        before = text.content[: number.start()] if number else ""
        place = Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        yield _broken(text, "JSON", f"{error} is no number of JSON", place)
        return
    except RecursionError:
        yield _broken(text, "JSON", "too deep", Place(1, 1))
        return
    for name, place in _json_duplicates(text.content):
        yield _twice(text, name, place)


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _json_duplicates(content: str) -> Iterator[tuple[str, Place]]:
    """Keys that stand twice in one object of a text that is valid JSON."""
    open_ones: list[set[str] | None] = []
    last: re.Match[str] | None = None
    for token in _JSON_TOKEN.finditer(content):
        sign = token[0]
        if sign == "{":
            open_ones.append(set())
        elif sign == "[":
            open_ones.append(None)
        elif sign in ("}", "]"):
            open_ones.pop()
        elif sign == ":" and last is not None and open_ones and open_ones[-1] is not None:
            name = json.loads(last[0])
            if name in open_ones[-1]:
                before = content[: last.start()]
                column = len(before) - (before.rfind("\n") + 1) + 1
                yield name, Place(before.count("\n") + 1, column, len(last[0]))
            open_ones[-1].add(name)
        last = token


def _toml(text: Text) -> Iterator[Finding]:
    try:
        tomllib.loads(text.content)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        at = _TOML_PLACE.search(said)
        place = Place(int(at[1]), int(at[2])) if at else Place(max(text.content.rstrip("\n").count("\n") + 1, 1), 1)
        reason = _TOML_END.sub(" at the end of the file", _TOML_PLACE.sub("", said))
        yield _broken(text, "TOML", reason[:1].lower() + reason[1:], place)
    except RecursionError:
        yield _broken(text, "TOML", "too deep", Place(1, 1))


def places_of_key(text: Text, name: str) -> list[tuple[str, Place]]:
    """The texts that stand under the key `name` in a YAML or JSON file, anywhere in it."""
    found: list[tuple[str, Place]] = []
    try:
        roots = list(yaml.compose_all(text.content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except (yaml.YAMLError, RecursionError, ValueError):
        return []
    todo = [root for root in roots if root is not None]
    seen: set[int] = set()
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if getattr(key, "value", None) == name and isinstance(value, yaml.ScalarNode):
                    found.append((value.value, place_of(value)))
                todo.append(value)
        elif isinstance(node, yaml.SequenceNode):
            todo += node.value
    return sorted(found, key=lambda one: (one[1].line, one[1].column))
