"""A unified diff of a tree in which what many nodes share is shown once."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..sinks.tree import Change

_NODE_FILE = re.compile(r"nodes/([^/]+)/(.+)\Z")


class Diff:
    """Collects changes; `lines` prints them, identical hunks of several nodes once with the nodes."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.hunks: dict[tuple[str, str], list[str]] = {}
        self.notes: list[str] = []

    def add(self, change: Change, old: bytes | None, new: bytes | None) -> None:
        """Note one change of the comparison."""
        if old == new:
            self.notes.append(f"{change.kind}: {self.shown}/{change.path} {change.detail}".rstrip())
            return
        match = _NODE_FILE.match(change.path)
        node, path = (match[1], match[2]) if match else ("", change.path)
        hunks = list(_hunks(_text(old), _text(new)))
        if not hunks:
            self.notes.append(f"{change.kind}: {self.shown}/{change.path} (empty, or only line ends differ)")
        for hunk in hunks:
            created = "" if old is not None else "new"
            removed = "" if new is not None else "removed"
            self.hunks.setdefault((path, f"{created}{removed}\0{hunk}"), []).append(node)

    def lines(self) -> Iterator[str]:
        """The diff, a text for each file or group of nodes."""
        yield from sorted(self.notes)
        header = ""
        for (path, body), nodes in self.hunks.items():
            state, _, hunk = body.partition("\0")
            place = self._place(path, nodes)
            old = "/dev/null" if state == "new" else f"a/{place}"
            new = "/dev/null" if state == "removed" else f"b/{place}"
            if f"{old}{new}" != header:
                header = f"{old}{new}"
                yield f"--- {old}\n+++ {new}"
                if len(nodes) > 1:
                    yield f"# the same on {len(nodes)} nodes: {', '.join(nodes)}"
            yield hunk

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
