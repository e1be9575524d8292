"""YAML texts with the places of their values, for checks that point at a line and column.

Only composing, no conversion: a check that wants plain data takes `Places.data`, which is made as
cloud-init and netplan make it (PyYAML's safe loader).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text: line and column from 1, and the characters to underline."""

    line: int
    column: int
    length: int = 1


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a text is no YAML, and where."""

    reason: str
    place: Place


class Places:
    """One YAML document. `broken` says why it cannot be read; `root` is then None."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.root: Node | None = None
        self.broken: Broken | None = None
        try:
            self.root = yaml.compose(text, Loader=_Loader)
            self.data  # noqa: B018 - tags and keys are looked at when values are made
        except (yaml.YAMLError, RecursionError, ValueError) as error:
            self.root, self.broken = None, broken(error, text)

    @cached_property
    def data(self) -> Any:  # noqa: ANN401 - whatever the document holds
        """The document as plain data; None for an empty one."""
        return yaml.load(self.text, Loader=_Loader)  # noqa: S506 - the loader is the safe one

    def node(self, path: Path) -> Node | None:
        """The node at `path`, None where there is none."""
        node = self.root
        for part in path:
            found = _child(node, part)
            if found is None:
                return None
            node = found[1]
        return node

    def at(self, path: Path, *, key: bool = False) -> Place:
        """The place of the value at `path` (with `key`, of its key); of the last part that exists."""
        node = key_node = self.root
        for part in path:
            found = _child(node, part)
            if found is None:
                break
            key_node, node = found
        wanted = key_node if key else node
        return place_of(wanted) if wanted is not None else Place(1, 1)

    def duplicates(self) -> Iterator[tuple[str, Place]]:
        """Keys that stand twice in one mapping: the name, and the place of the later one."""
        return duplicates(self.root)


def duplicates(root: Node | None) -> Iterator[tuple[str, Place]]:
    """Keys that stand twice in one mapping below `root`: the name, and the place of the later one."""
    todo: list[Node] = [root] if root is not None else []
    seen: set[int] = set()
    while todo:
        node = todo.pop()
        if id(node) in seen:  # an alias may hold itself
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            names: set[tuple[str, str]] = set()
            for key, value in node.value:
                todo.append(value)
                if isinstance(key, ScalarNode):
                    if (key.tag, key.value) in names and not key.tag.endswith(":merge"):
                        yield key.value, place_of(key)
                    names.add((key.tag, key.value))
        elif isinstance(node, SequenceNode):
            todo += node.value


@lru_cache(maxsize=64)
def places(text: str) -> Places:
    """The document of `text`; remembered, since several checks look at one text."""
    return Places(text)


def place_of(node: Node) -> Place:
    """Where a node stands."""
    start, end = node.start_mark, node.end_mark
    length = end.column - start.column if end.line == start.line else 1
    return Place(start.line + 1, start.column + 1, max(length, 1))


def _child(node: Node | None, part: str | int) -> tuple[Node, Node] | None:
    if isinstance(node, MappingNode):
        for key, value in reversed(node.value):  # of two equal keys the last one counts
            if isinstance(key, ScalarNode) and key.value == str(part):
                return key, value
    elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def broken(error: Exception, text: str) -> Broken:
    """Why and where PyYAML gave up."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).split("\n")[0]
    if mark is not None:
        return Broken(reason, Place(mark.line + 1, mark.column + 1))
    before = text[: int(getattr(error, "position", 0) or 0)]
    return Broken(reason, Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1))
