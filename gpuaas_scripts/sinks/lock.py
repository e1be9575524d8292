"""The lock that keeps two renders apart: `flock` on the folder that holds the trees.

The lock is on a file descriptor of the folder itself, so nothing is left behind: the kernel
drops it with the process, however that ends (flock(2)). Comparing shares it, writing excludes.
"""

# File descriptors and errno decide here; pathlib hides both:
# ruff: noqa: PTH103, PTH106, PTH112, PTH116, PTH120
from __future__ import annotations

import errno
import fcntl
import os
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.sinks.files import failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

POLL_S = 0.02

# What a file system without locks on folders answers. NFS turns flock into a byte-range lock,
# which asks for a descriptor open for writing, and a folder has none: EBADF.
_NO_LOCKS = frozenset({errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


@contextmanager
def locked(
    folder: str, *, exclusive: bool, wait_s: float, notify: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the lock of `folder` (an absolute path) for the length of a `with` block.

    An exclusive lock makes the folder where it is missing, and takes away again what it made
    when the block raises. A shared lock of a missing folder is no lock: there is nothing to
    read. Waits at most `wait_s` seconds, after telling `notify` once that it waits.
    Raises GpuaasError when the time is over or the folder cannot be made or opened.
    """
    if not exclusive and not os.path.isdir(folder):
        yield
        return
    missing = _missing(folder)
    try:
        descriptor = _open_locked(folder, exclusive=exclusive, wait_s=wait_s, notify=notify)
    except OSError as error:
        raise failure(error, folder) from error
    try:
        yield
    except BaseException:
        with suppress(OSError):  # a folder that is in use by now stays
            for path in missing:
                os.rmdir(path)
        raise
    finally:
        os.close(descriptor)


def _missing(folder: str) -> list[str]:
    """Return `folder` and its ancestors that do not exist, innermost first."""
    missing = []
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    return missing


def _open_locked(folder: str, *, exclusive: bool, wait_s: float, notify: Callable[[str], None] | None) -> int:
    deadline = time.monotonic() + wait_s
    while True:
        descriptor = -1
        try:
            if exclusive:
                os.makedirs(folder, exist_ok=True)
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            _acquire(descriptor, folder, exclusive=exclusive, deadline=deadline, notify=notify)
            # The holder before us may have removed the folder it had made: then this is a lock
            # on something nobody else can find.
            if os.path.samestat(os.fstat(descriptor), os.stat(folder)):
                return descriptor
            os.close(descriptor)
        except FileNotFoundError:
            if descriptor >= 0:
                os.close(descriptor)
            if not exclusive or time.monotonic() > deadline:
                raise
        except BaseException:
            if descriptor >= 0:
                os.close(descriptor)
            raise


def _acquire(
    descriptor: int, folder: str, *, exclusive: bool, deadline: float, notify: Callable[[str], None] | None
) -> None:
    operation = (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB
    told = False
    while True:
        try:
            fcntl.flock(descriptor, operation)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise GpuaasError(
                    f"{folder}: another gpuaas-gen still works on this folder",
                    hint=f"wait for it to end, or end it ('fuser -v {folder}' names it), then run this again",
                ) from None
            if notify and not told:
                notify(f"{folder}: another gpuaas-gen works on this folder, waiting for it to end")
                told = True
            time.sleep(POLL_S)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            if notify and exclusive:
                notify(f"{folder}: its file system has no locks; do not run two renders at once")
            return
        else:
            return
