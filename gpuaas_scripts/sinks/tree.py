"""The sink that keeps `generated/<site>` equal to what was rendered: compares, and writes.

Files come as a stream that is read once and never held as a whole. A tree that is already as
wanted is not touched; any other is replaced as a whole (see `exchange`). Symlinks in the tree
are never followed. Of a mode only the owner's execute bit counts, since git keeps no more.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from gpuaas_scripts.sinks.exchange import MANIFEST, Place, Replacement, Stage
from gpuaas_scripts.sinks.files import FOLDERS, READ_FLAGS, Entry, failure, read_all, read_file, scan
from gpuaas_scripts.sinks.lock import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

WAIT_S = 300.0


class ChangeKind(StrEnum):
    """How a path of the tree differs from what was rendered."""

    MISSING = "missing"
    EXTRA = "extra"
    CONTENT = "content"
    MODE = "mode"
    TYPE = "type"  # a symlink, folder or special file where something else should be
    INTERRUPTED = "interrupted"  # left beside the tree by a render that was cut off


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One file that should be in the tree.

    `path` is relative to the tree, with `/` between its parts. Raises ValueError for a path
    that is absolute, leaves the tree, or has an empty part.
    """

    path: str
    content: bytes
    executable: bool = False

    def __post_init__(self) -> None:
        parts = self.path.split("/")
        if "" in parts or "." in parts or ".." in parts or "\0" in self.path:
            raise ValueError(f"{self.path!r}: must be a relative path without empty, '.' or '..' parts")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `path` is relative to the tree; an extra empty folder ends in `/`.

    `detail` says more in words: what is in the way, or which way the execute bit goes.
    """

    path: str
    kind: ChangeKind
    detail: str = ""


def compare(
    root: Path,
    files: Iterable[TreeFile],
    *,
    on_change: Callable[[Change, bytes | None, bytes | None], None] | None = None,
    notify: Callable[[str], None] | None = None,
    wait_s: float = WAIT_S,
) -> tuple[Change, ...]:
    """Return what `write` would change in the tree at `root`, sorted by path; changes nothing.

    `files` is read once. `on_change` is called in the order of the stream with the change, the
    old bytes and the new ones, None where there are none. A file can have two changes: CONTENT
    and MODE. Waits at most `wait_s` seconds for a write that is going on, telling `notify`.
    Raises GpuaasError for a root that is a symlink or no folder, and for what cannot be read;
    ValueError for a stream that contradicts itself (a path twice, a file below a file).
    """
    place = Place.of(root)
    with locked(place.parent, exclusive=False, wait_s=wait_s, notify=notify):
        comparison = _Comparison(place, on_change)
        for file in files:
            comparison.take(file)
        comparison.finish()
    return comparison.sorted_changes()


def write(
    root: Path,
    files: Iterable[TreeFile],
    *,
    notify: Callable[[str], None] | None = None,
    wait_s: float = WAIT_S,
) -> tuple[Change, ...]:
    """Make the tree at `root` hold exactly `files`; return what was changed, sorted by path.

    `files` is read once and has to hold a MANIFEST.json, by which the next write knows the tree
    as ours. When it raises, nothing has changed. No difference means no write at all. Killed at
    any moment, the tree is the old one or the new one (where the file system cannot exchange
    folders: a mixture that `compare` reports); the next write finishes and clears up.
    Waits at most `wait_s` seconds for another write to end, telling `notify`.
    Raises GpuaasError for a root that is a symlink or not ours, for a lock not had in time and
    for what the file system refuses; ValueError for a stream that contradicts itself.
    """
    place = Place.of(root)
    with locked(place.parent, exclusive=True, wait_s=wait_s, notify=notify):
        comparison = _Comparison(place, None)
        stage = Stage(place, occupied=bool(comparison.old))
        try:
            for file in files:
                if not comparison.take(file):
                    stage.put(file.path, file.content, executable=file.executable)
            comparison.finish()
            if MANIFEST not in comparison.wanted:
                raise ValueError(f"a tree needs a {MANIFEST}")
            if comparison.differs:
                stage.commit(comparison.same, comparison.replacement)
            elif comparison.changes:
                stage.clear()
        except BaseException:
            stage.discard()
            raise
    return comparison.sorted_changes()


class _Comparison:
    """The tree as it is against the files as they come by.

    `old` maps what is in the tree to its type, `wanted` are the paths that came by, `folders`
    their folders ("" is the tree), `same` those that need no write and `changes` the rest.
    """

    def __init__(self, place: Place, on_change: Callable[[Change, bytes | None, bytes | None], None] | None) -> None:
        self._prefix = place.root + "/"
        self._on_change = on_change
        self.old = scan(place.root)
        self.wanted: set[str] = set()
        self.folders: set[str] = {""}
        self.same: list[str] = []
        self.changes: list[Change] = []
        self._interrupted = place.leftovers()
        for name in self._interrupted:
            self._report(f"../{name}", ChangeKind.INTERRUPTED, "left by a render that was cut off")

    @property
    def differs(self) -> bool:
        """True where the tree itself is not as wanted, whatever lies beside it."""
        return len(self.changes) > len(self._interrupted)

    def sorted_changes(self) -> tuple[Change, ...]:
        """The changes by path; of one path, content before mode."""
        return tuple(sorted(self.changes, key=lambda change: (change.path, change.kind, change.detail)))

    def take(self, file: TreeFile) -> bool:
        """Compare one file; return True where the tree holds it as it should be."""
        path = file.path
        folder = path.rpartition("/")[0]
        if folder not in self.folders:
            self._enter(folder)
        if path in self.wanted or path in self.folders:
            raise ValueError(f"{path!r}: comes twice, or is a file and a folder")
        self.wanted.add(path)
        entry = self.old.get(path)
        if entry is None:
            self._report(path, ChangeKind.MISSING, new=file.content)
            return False
        if entry is not Entry.FILE:
            self._report(path, ChangeKind.TYPE, f"{entry} where a file should be", new=file.content)
            return False
        return self._take_file(file)

    def finish(self) -> None:
        """Report what is in the tree and did not come by."""
        for path in self._extra():
            entry = self.old[path]
            if entry is Entry.FILE:
                self._report(path, ChangeKind.EXTRA, old=self._read(path))
            elif entry is Entry.EMPTY_FOLDER:
                self._report(path + "/", ChangeKind.EXTRA, str(entry))
            elif entry is not Entry.FOLDER:  # of a folder that is not empty, its files are named
                self._report(path, ChangeKind.EXTRA, str(entry))

    def replacement(self) -> Replacement:
        """Return what has to be done file by file."""
        wrong_files = [path for path in self.wanted if self.old.get(path) in FOLDERS]
        wrong_folders = [path for path in self.folders if self.old.get(path, Entry.FOLDER) not in FOLDERS]
        return Replacement(
            obstacles=sorted(wrong_files + wrong_folders),
            folders=sorted(path for path in self.folders if path and self.old.get(path) not in FOLDERS),
            changed=sorted(self.wanted.difference(self.same)),
            extra=self._extra(),
        )

    def _extra(self) -> list[str]:
        return sorted(path for path in self.old if path not in self.wanted and path not in self.folders)

    def _enter(self, folder: str) -> None:
        parent = folder.rpartition("/")[0]
        if parent not in self.folders:
            self._enter(parent)
        if folder in self.wanted:
            raise ValueError(f"{folder!r}: is a file and a folder")
        self.folders.add(folder)
        entry = self.old.get(folder, Entry.FOLDER)
        if entry not in FOLDERS:
            self._report(folder, ChangeKind.TYPE, f"{entry} where a folder should be")

    def _take_file(self, file: TreeFile) -> bool:
        path, content = file.path, file.content
        try:
            descriptor = os.open(self._prefix + path, READ_FLAGS)
            try:
                status = os.fstat(descriptor)
                old = None
                if self._on_change or status.st_size == len(content):
                    old = read_all(descriptor, status.st_size)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise failure(error, self._prefix + path) from error
        same_mode = bool(status.st_mode & stat.S_IXUSR) == file.executable
        if old == content and same_mode:
            self.same.append(path)
            return True
        if old != content:
            self._report(path, ChangeKind.CONTENT, old=old, new=content)
        if not same_mode:
            detail = "should be executable" if file.executable else "should not be executable"
            self._report(path, ChangeKind.MODE, detail, old=old, new=content)
        return False

    def _read(self, path: str) -> bytes | None:
        if not self._on_change:
            return None
        try:
            return read_file(self._prefix + path)
        except OSError as error:
            raise failure(error, self._prefix + path) from error

    def _report(
        self, path: str, kind: ChangeKind, detail: str = "", *, old: bytes | None = None, new: bytes | None = None
    ) -> None:
        change = Change(path, kind, detail)
        self.changes.append(change)
        if self._on_change:
            self._on_change(change, old, new)
