"""What the tests of the tree sink share: example trees, and a look at a tree as it is."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from gpuaas_scripts.sinks.tree import TreeFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

MANIFEST = b'{"generator": "gpuaas-gen 1.0", "artifacts": [{"path": "maas/a.sh"}]}\n'

Snapshot = dict[str, object]


def tree(**changes: TreeFile | None) -> list[TreeFile]:
    """Return a small tree of four files, with files put in place of (or None: taken from) it."""
    files: dict[str, TreeFile | None] = {
        "a": TreeFile("maas/a.sh", b"#!/bin/sh\necho a\n", executable=True),
        "b": TreeFile("maas/b.conf", b"b = 1\n"),
        "env": TreeFile("nodes/n1/node.env", b"GPUAAS_A='1'\n"),
        "manifest": TreeFile("MANIFEST.json", MANIFEST),
    }
    return [file for file in (files | changes).values() if file is not None]


def wanted(files: Iterable[TreeFile]) -> Snapshot:
    """Return the snapshot of a tree that holds exactly `files`, with the modes a write gives."""
    found: Snapshot = {}
    for file in files:
        parts = file.path.split("/")
        for depth in range(1, len(parts)):
            found["/".join(parts[:depth])] = ("folder", 0o755)
        found[file.path] = (0o755 if file.executable else 0o644, file.content)
    return found


def snapshot(root: Path) -> Snapshot:
    """Return all that is in a tree, by relative path; symlinks are looked at, not followed."""
    return dict(_walk(root, ""))


def _walk(root: Path, prefix: str) -> Iterator[tuple[str, object]]:
    for path in sorted((root / prefix).iterdir()):
        name = path.name
        status = path.lstat()
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISDIR(status.st_mode):
            yield prefix + name, ("folder", mode)
            yield from _walk(root, f"{prefix}{name}/")
        elif stat.S_ISREG(status.st_mode):
            yield prefix + name, (mode, path.read_bytes())
        else:
            target = path.readlink() if path.is_symlink() else ""
            yield prefix + name, (stat.S_IFMT(status.st_mode), target)


def siblings(root: Path) -> list[str]:
    """Return what lies beside a tree."""
    return sorted(path.name for path in root.parent.iterdir() if path.name != root.name)
