"""What the tree sink asks of a file system: look without following symlinks, read, remove, exchange."""

# One path object per file would cost more than the file:
# ruff: noqa: PTH106, PTH108
from __future__ import annotations

import errno
import os
import stat
from enum import StrEnum

from gpuaas_scripts.errors import GpuaasError

READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # never hang on a fifo
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # fcntl.h, linux/fs.h


class Entry(StrEnum):
    """What can be found at a path of a tree."""

    FILE = "a file"
    FOLDER = "a folder"
    EMPTY_FOLDER = "an empty folder"
    SYMLINK = "a symlink"
    SPECIAL = "a special file"


FOLDERS = (Entry.FOLDER, Entry.EMPTY_FOLDER)


def failure(error: OSError, path: str, state: str = "the tree was left as it was") -> GpuaasError:
    """Return `error` as one for the user: the path it is about, the reason, how to go on."""
    hints = {
        errno.ENOSPC: "free space on that file system",
        errno.EDQUOT: "free space within the quota",
        errno.EROFS: "the file system is read-only: choose another --output",
        errno.EACCES: "give yourself access to it, or choose another --output",
        errno.EPERM: "give yourself access to it, or choose another --output",
    }
    remedy = hints.get(error.errno or 0, "put this right")
    return GpuaasError(
        f"{error.filename or path}: {error.strerror or error}", hint=f"{remedy}, then run this again; {state}"
    )


def read_all(descriptor: int, size: int) -> bytes:
    """Return the rest of an open file that is expected to hold `size` bytes."""
    data = os.read(descriptor, size + 1)
    while len(data) != size and (more := os.read(descriptor, 1 << 20)):
        data += more
    return data


def read_file(path: str) -> bytes:
    """Return the content of the file at `path`, which must not be a symlink; raises OSError."""
    descriptor = os.open(path, READ_FLAGS)
    try:
        return read_all(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def scan(root: str) -> dict[str, Entry]:
    """Return what is in the tree: relative path to type; nothing for a tree that is not there.

    Raises GpuaasError for a root that is a symlink or no folder, and for an unreadable folder.
    """
    try:
        status = os.lstat(root)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise failure(error, root) from error
    if not stat.S_ISDIR(status.st_mode):
        what = "a symlink" if stat.S_ISLNK(status.st_mode) else "not a folder"
        raise GpuaasError(f"{root}: is {what}", hint="choose another --output, or remove it by hand")
    found: dict[str, Entry] = {}
    pending = [""]
    while pending:
        prefix = pending.pop()
        empty = True
        try:
            with os.scandir(f"{root}/{prefix}") as entries:
                for entry in entries:
                    empty = False
                    path = prefix + entry.name
                    found[path] = kind = _kind(entry)
                    if kind is Entry.FOLDER:
                        pending.append(path + "/")
        except OSError as error:
            raise failure(error, f"{root}/{prefix}") from error
        if empty and prefix:
            found[prefix[:-1]] = Entry.EMPTY_FOLDER
    return found


def _kind(entry: os.DirEntry[str]) -> Entry:
    if entry.is_symlink():
        return Entry.SYMLINK
    if entry.is_dir(follow_symlinks=False):
        return Entry.FOLDER
    return Entry.FILE if entry.is_file(follow_symlinks=False) else Entry.SPECIAL


def rename_exchange(one: str, other: str) -> None:
    """Exchange two paths in one step (renameat2(2)); raises OSError, ENOSYS without a libc that can."""
    import ctypes  # only when there is something to exchange: it takes a few milliseconds

    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), one) from None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    if function(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), one, None, other)


def remove(path: str) -> None:
    """Remove whatever is at `path`, a folder with all it holds; symlinks are not followed."""
    try:
        is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):  # gone with its folder
        return
    if is_folder:
        _remove_folder(path)
    else:
        os.unlink(path)


def _remove_folder(path: str) -> None:
    with os.scandir(path) as entries:
        listed = list(entries)
    for entry in listed:
        if entry.is_dir(follow_symlinks=False):
            _remove_folder(entry.path)
        else:
            os.unlink(entry.path)
    os.rmdir(path)
