"""A unified diff of a tree in which what many nodes share is shown once."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, NamedTuple

from ..manifest import NAME as MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..sinks.tree import Change

_NODE = "{node}"
_NODE_FILE = re.compile(r"nodes/([^/]+)/(.+)\Z")


class _Key(NamedTuple):
    """What makes two hunks the same: the file within the node, and its lines with the node's name taken out."""

    path: str
    created: bool
    removed: bool
    hunk: str


class Diff:
    """Collects changes; `lines` prints them, identical hunks of several nodes once with the nodes."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.hunks: dict[_Key, list[tuple[str, str]]] = {}
        self.notes: list[str] = []

    def add(self, change: Change, old: bytes | None, new: bytes | None) -> None:
        """Note one change of the comparison."""
        if old == new:
            self.notes.append(f"{change.kind}: {self.shown}/{change.path} {change.detail}".rstrip())
            return
        if change.path == MANIFEST:
            self.notes.append(f"{change.kind}: {self.shown}/{change.path} (follows the files)")
            return
        match = _NODE_FILE.match(change.path)
        node, path = (match[1], match[2]) if match else ("", change.path)
        hunks = list(_hunks(_text(old), _text(new)))
        if not hunks:
            self.notes.append(f"{change.kind}: {self.shown}/{change.path} (empty, or only line ends differ)")
        for hunk in hunks:
            alike = re.sub(rf"(?<![\w-]){re.escape(node)}(?![\w-])", _NODE, hunk) if node else hunk
            key = _Key(path, created=old is None, removed=new is None, hunk=alike)
            self.hunks.setdefault(key, []).append((node, hunk))

    def lines(self) -> Iterator[str]:
        """The diff, a text for each file or group of nodes."""
        yield from sorted(self.notes)
        header = ""
        for key, users in self.hunks.items():
            nodes = [node for node, _ in users]
            place = self._place(key.path, nodes)
            old = "/dev/null" if key.created else f"a/{place}"
            new = "/dev/null" if key.removed else f"b/{place}"
            text = f"--- {old}\n+++ {new}"
            if len(nodes) > 1:
                text += f"\n# the same on {len(nodes)} nodes: {', '.join(nodes)}"
                text += f" ({_NODE} stands for the node)" if _NODE in key.hunk else ""
            if text != header:
                header = text
                yield text
            yield users[0][1] if len(users) == 1 else key.hunk

    def _place(self, path: str, nodes: list[str]) -> str:
        if nodes == [""]:
            return f"{self.shown}/{path}"
        return f"{self.shown}/nodes/{nodes[0] if len(nodes) == 1 else '*'}/{path}"


def _text(content: bytes | None) -> list[str]:
    return [] if content is None else content.decode("utf-8", "replace").splitlines()


def _hunks(old: list[str], new: list[str]) -> Iterator[str]:
    current: list[str] = []
    for line in list(difflib.unified_diff(old, new, lineterm=""))[2:]:
        if line.startswith("@@") and current:
            yield "\n".join(current)
            current = []
        current.append(line)
    if current:
        yield "\n".join(current)
