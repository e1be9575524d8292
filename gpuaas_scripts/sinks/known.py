"""Knows again a tree that was rendered from the very same sources, so that nothing has to be rendered.

Kept is one hash: that of the manifest which these sources gave. The tree itself is read each time
and held against that manifest, so a file changed by hand is never taken for right.
"""

# One path object per file would cost more than reading the file:
# ruff: noqa: PTH110, PTH112, PTH114
from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cache import Cache, packages
from .exchange import MANIFEST, Place
from .files import READ_FLAGS, Entry, read_all, scan
from .lock import locked
from .tree import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Sources:
    """Digests of everything that a render reads: of all nodes' files one each, of the rest one for all of it."""

    shared: bytes
    nodes: dict[str, bytes]

    @property
    def whole(self) -> bytes:
        """One digest of it all."""
        digest = hashlib.sha256(self.shared)
        for path, content in self.nodes.items():
            digest.update(f"\0{path}\0".encode(errors="surrogateescape") + content)
        return digest.digest()


def look(nodes: Path, places: Iterable[Path], words: Iterable[str]) -> Sources:
    """The sources as they are now: files (names and bytes) below `nodes`, and at or below the other
    `places`, `words`, Python and the installed packages.
    """
    shared = hashlib.sha256("\0".join([sys.version, *packages(), *words]).encode())
    for place in places:
        for path in _files(str(place)):
            content = _bytes(path)
            shared.update(f"\0{path}\0{len(content)}\0".encode(errors="surrogateescape") + content)
    files = {path: hashlib.sha256(_bytes(path)).digest() for path in _files(str(nodes))}
    return Sources(shared.digest(), files)


def _bytes(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - see above
        return file.read()


def manifest_of(sources: Sources) -> str | None:
    """The hash of the manifest that these sources gave, None when they were not rendered before."""
    kept = Cache("renders").get(sources.whole)
    return kept.decode() if kept else None


def remember(sources: Sources, root: Path) -> None:
    """Note that these sources give the manifest that is in the tree now."""
    content, _ = _read(f"{root}/{MANIFEST}")
    Cache("renders").put(sources.whole, hashlib.sha256(content).hexdigest().encode())


def held(root: Path, manifest: str) -> dict[str, Any] | None:
    """The manifest of that hash, when the tree is just what it says; None when anything differs."""
    place = Place.of(root)
    with locked(place.parent, exclusive=False, wait_s=WAIT_S):
        if os.path.islink(place.root) or not os.path.isdir(place.root) or place.leftovers():
            return None
        entries = {path: entry for path, entry in scan(place.root).items() if entry is not Entry.FOLDER}
        if entries.pop(MANIFEST, None) is not Entry.FILE:
            return None
        content, executable = _read(f"{place.root}/{MANIFEST}")
        if executable or hashlib.sha256(content).hexdigest() != manifest:
            return None
        data: dict[str, Any] = json.loads(content)
        for artifact in data["artifacts"]:
            if "mode" not in artifact:
                continue  # assembled when it is sent: not a file of the tree
            if entries.pop(artifact["path"], None) is not Entry.FILE:
                return None
            content, executable = _read(f"{place.root}/{artifact['path']}")
            if executable is not (artifact["kind"] in ("script", "maas-script")):
                return None
            if hashlib.sha256(content).hexdigest() != artifact["sha256"]:
                return None
    return None if entries else data


def _read(path: str) -> tuple[bytes, bool]:
    """Content, and whether its owner may execute it."""
    descriptor = os.open(path, READ_FLAGS)
    try:
        status = os.fstat(descriptor)
        return read_all(descriptor, status.st_size), bool(status.st_mode & 0o100)
    finally:
        os.close(descriptor)


def _files(place: str) -> list[str]:
    """Files at or below `place`, sorted, without compiled Python."""
    if not os.path.isdir(place):
        return [place] if os.path.exists(place) else []
    found = []
    for folder, folders, names in os.walk(place):
        folders[:] = [name for name in folders if name != "__pycache__"]
        found += [f"{folder}/{name}" for name in names]
    return sorted(found)
