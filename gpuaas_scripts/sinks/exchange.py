"""A sibling tree that is built beside the old one and takes its place in one step.

Beside `generated/<site>` two names are used, only under the lock of `generated`:
`.<site>.staging` holds the new tree before the exchange and the old one after it;
`.<site>.journal` is there while files are replaced one by one, which is done only where the
file system refuses the exchange. Found without the lock being held, either was left by a
render that was cut off. Nothing is synced to the disk: the tree can be rendered again.
"""

# One path object per file would cost more than writing the file:
# ruff: noqa: PTH100, PTH101, PTH102, PTH104, PTH108, PTH119
from __future__ import annotations

import errno
import json
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.sinks.files import READ_FLAGS, failure, read_all, read_file, remove, rename_exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

MANIFEST = "MANIFEST.json"
GENERATOR = "gpuaas-gen"

_NEW_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_JOURNAL_FLAGS = _NEW_FLAGS & ~os.O_EXCL | os.O_TRUNC
_FILE_MODE, _PROGRAM_MODE = 0o644, 0o755

# EXDEV: overlayfs does not rename folders of a lower layer.
_NO_EXCHANGE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP})
_NO_LINK = frozenset({errno.EPERM, errno.EMLINK, errno.EXDEV, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tree lives: absolute paths of the tree, its parent, and the two names beside it."""

    root: str
    parent: str
    staging: str
    journal: str

    @classmethod
    def of(cls, root: Path) -> Place:
        """Return the place of `root`; raises GpuaasError where it has no parent to build in."""
        path = os.path.abspath(root)
        parent, name = os.path.split(path)
        if not name:
            raise GpuaasError(f"{path}: no tree can be written here", hint="choose a folder as --output")
        return cls(path, parent, f"{parent}/.{name}.staging", f"{parent}/.{name}.journal")

    def leftovers(self) -> tuple[str, ...]:
        """Return the names beside the tree that a render which was cut off has left."""
        return tuple(os.path.basename(path) for path in (self.staging, self.journal) if os.path.lexists(path))


def require_ours(root: str) -> None:
    """Raise GpuaasError unless the tree `root` holds a MANIFEST.json that this program wrote."""
    try:
        # The hook drops all but one key at once: a manifest of 50,000 files stays small.
        document = json.loads(read_file(f"{root}/{MANIFEST}"), object_pairs_hook=_generator_only)
    except (OSError, ValueError):
        document = None
    generator = document.get("generator") if isinstance(document, dict) else None
    if not (isinstance(generator, str) and generator.startswith(GENERATOR)):
        raise GpuaasError(
            f"{root}: not written by {GENERATOR} (it holds files, but no {MANIFEST} of this program)",
            hint="choose another --output, or look what is in it and remove it by hand",
        )


def _generator_only(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value for key, value in pairs if key == "generator"}


@dataclass(frozen=True, slots=True)
class Replacement:
    """What is to be done where the exchange is refused; paths relative to the tree.

    `obstacles` are in the way of a wanted file or folder and go first, `folders` (parents
    before children) are made, `changed` files are moved in, `extra` entries go last.
    """

    obstacles: Collection[str]
    folders: Collection[str]
    changed: Collection[str]
    extra: Collection[str]


class Stage:
    """The sibling tree of one write. Nothing exists until the first file is put or it is committed.

    Every method raises GpuaasError for what the file system refuses.
    """

    def __init__(self, place: Place, *, occupied: bool) -> None:
        """`occupied`: there is an old tree and it is not empty."""
        self._place = place
        self._occupied = occupied
        self._prefix = place.staging + "/"
        self._folders: set[str] = set()
        self._chmod = False
        self._open = False

    def put(self, path: str, content: bytes, *, executable: bool) -> None:
        """Write one new file into the sibling tree."""
        try:
            if not self._open:
                self._begin()
            folder = path.rpartition("/")[0]
            if folder not in self._folders:
                self._make_folder(folder)
            self._write(self._prefix + path, content, _PROGRAM_MODE if executable else _FILE_MODE)
        except OSError as error:
            raise failure(error, self._prefix + path) from error

    def commit(self, unchanged: Iterable[str], replacement: Callable[[], Replacement]) -> None:
        """Make the sibling tree, with the `unchanged` files of the old one, the tree.

        Where the file system cannot exchange folders, does what `replacement` then tells instead.
        """
        try:
            if not self._open:
                self._begin()
            for path in unchanged:
                self._keep(path)
            todo = None if self._exchange() else replacement()
            if todo is not None:
                self._record(todo)
        except OSError as error:
            raise failure(error, self._place.staging) from error
        if todo is not None:
            self._replace(todo)
        self.clear()

    def clear(self) -> None:
        """Remove what is beside the tree, after it is as wanted: the old tree, leftovers."""
        try:
            remove(self._place.staging)
            remove(self._place.journal)
        except OSError as error:
            raise failure(error, self._place.staging, "the tree itself is as it should be") from error

    def discard(self) -> None:
        """Remove the sibling tree after a failure. Safe at any moment: it is the new tree before
        the exchange and the old one after it, and never what is at the tree's own name."""
        if self._open:
            with suppress(OSError):  # the failure itself is what the user must hear of
                remove(self._place.staging)

    def _begin(self) -> None:
        if self._occupied:
            require_ours(self._place.root)
        self._open = True
        remove(self._place.staging)
        os.mkdir(self._place.staging, _PROGRAM_MODE)
        self._folders.add("")
        # One file tells what the umask and default ACLs leave of a mode, without touching the
        # umask, which belongs to the whole process.
        probe = self._prefix + MANIFEST
        descriptor = os.open(probe, _NEW_FLAGS, _PROGRAM_MODE)
        try:
            self._chmod = stat.S_IMODE(os.fstat(descriptor).st_mode) != _PROGRAM_MODE
        finally:
            os.close(descriptor)
        os.unlink(probe)
        if self._chmod:
            os.chmod(self._place.staging, _PROGRAM_MODE)

    def _make_folder(self, folder: str) -> None:
        parent = folder.rpartition("/")[0]
        if parent not in self._folders:
            self._make_folder(parent)
        self._mkdir(self._prefix + folder)
        self._folders.add(folder)

    def _mkdir(self, path: str) -> None:
        os.mkdir(path, _PROGRAM_MODE)
        if self._chmod:
            os.chmod(path, _PROGRAM_MODE)

    def _write(self, path: str, content: bytes, mode: int, flags: int = _NEW_FLAGS) -> None:
        descriptor = os.open(path, flags, mode)
        try:
            written = os.write(descriptor, content)
            while written < len(content):
                written += os.write(descriptor, content[written:])
            if self._chmod:
                os.fchmod(descriptor, mode)
        finally:
            os.close(descriptor)

    def _keep(self, path: str) -> None:
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            self._make_folder(folder)
        old, new = f"{self._place.root}/{path}", self._prefix + path
        try:
            os.link(old, new, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
            self._copy(old, new)

    def _copy(self, old: str, new: str) -> None:
        descriptor = os.open(old, READ_FLAGS)
        try:
            status = os.fstat(descriptor)
            content = read_all(descriptor, status.st_size)
        finally:
            os.close(descriptor)
        self._write(new, content, _PROGRAM_MODE if status.st_mode & stat.S_IXUSR else _FILE_MODE)

    def _exchange(self) -> bool:
        if not self._occupied:
            os.rename(self._place.staging, self._place.root)  # also over an empty folder
            return True
        try:
            rename_exchange(self._place.staging, self._place.root)
        except OSError as error:
            if error.errno not in _NO_EXCHANGE:
                raise
            return False
        return True

    def _record(self, todo: Replacement) -> None:
        fresh = not os.path.lexists(self._place.journal)
        listing = "".join(f"{path}\n" for path in (*todo.obstacles, *todo.changed, *todo.extra))
        try:
            self._write(self._place.journal, os.fsencode(listing), _FILE_MODE, _JOURNAL_FLAGS)
        except BaseException:
            if fresh:  # an older one still tells the truth about the tree
                remove(self._place.journal)
            raise

    def _replace(self, todo: Replacement) -> None:
        root, prefix = self._place.root + "/", self._prefix
        try:
            for path in todo.obstacles:
                remove(root + path)
            for path in todo.folders:
                self._mkdir(root + path)
            for path in todo.changed:
                if path != MANIFEST:
                    os.rename(prefix + path, root + path)
            for path in todo.extra:
                remove(root + path)
            if MANIFEST in todo.changed:
                os.rename(prefix + MANIFEST, root + MANIFEST)
        except OSError as error:
            state = "some files are already replaced, the next run replaces the rest"
            raise failure(error, self._place.root, state) from error
