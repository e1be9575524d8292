"""The journal of one BIOS change: JSON lines, each step written down and synced before it is taken.

One file for one apply and its resumes, mode 0600; it holds the plan and what the BMC answered, never a
secret. While a process works with it, it holds the file's lock (flock(2)), which the kernel drops with
the process. A last line that was cut off by a crash is cut away when the file is opened again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Self

import msgspec

from ..bios.plan import Plan
from ..bios.registry import Value
from ..errors import GpuaasError
from .bmc import Schedule, SessionNote, SessionStep

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

FORMAT = 1
SUFFIX = ".jsonl"


class JournalError(GpuaasError):
    """A journal that cannot be read or written, or that another process works with."""


class ResetWish(StrEnum):
    """How the server shall be restarted, so that staged values come into force."""

    NONE = "none"
    GRACEFUL = "graceful"
    FORCE = "force"


class Wishes(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a plan is applied. `merge` keeps what others have staged; `schedule` is a maintenance window."""

    merge: bool = False
    reset: ResetWish = ResetWish.NONE
    schedule: Schedule | None = None


class Step(StrEnum):
    """What an entry is about. STAGE, JOB and RESET come twice: before they are sent, and with the answer (`fate`)."""

    BEGIN = "begin"
    LOGIN = "login"
    SESSION = "session"
    NO_SESSION = "no session"
    LOGOUT = "logout"
    CHECKED = "checked"
    STAGE = "stage"
    JOB = "job"
    RESET = "reset"
    SEEN = "seen"
    RESUME = "resume"
    END = "end"


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One line. `at` is Unix time in seconds; `fate` of an answer (empty: about to be sent), `text` for people.

    `job` is an id, `kind` the reset's, `location` and `seconds` a session's, `jobs` the ids of BIOS jobs that
    were there before, `before` the values to come back to, `os` whether the operating system ran,
    `last_reset` the BMC's word before a reset. BEGIN also has format, node, address, plan and wishes.
    """

    step: Step
    at: float = 0.0
    fate: str = ""
    text: str = ""
    job: str = ""
    kind: str = ""
    location: str = ""
    seconds: int = 0
    jobs: tuple[str, ...] = ()
    before: dict[str, Value] = {}
    os: bool | None = None
    last_reset: str = ""
    end: str = ""
    reset: ResetWish | None = None
    format: int = 0
    node: str = ""
    address: str = ""
    plan: Plan | None = None
    wishes: Wishes | None = None


_SESSION_STEPS = {
    SessionStep.LOGIN: Step.LOGIN,
    SessionStep.OPEN: Step.SESSION,
    SessionStep.NONE: Step.NO_SESSION,
    SessionStep.LOGOUT: Step.LOGOUT,
}


class Journal:
    """An open journal: `entries` as they stand in the file. Made by `create` and `reopen`; close it, or use `with`."""

    def __init__(self, path: Path, descriptor: int, entries: Iterable[Entry]) -> None:
        self.path = path
        self.entries = list(entries)
        self._descriptor = descriptor

    @classmethod
    def create(cls, folder: Path, plan: Plan, wishes: Wishes, address: str) -> Self:
        """A new journal in `folder` (made if need be, 0700), with its first entry. Raises JournalError."""
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path, descriptor = _new_file(folder, f"{plan.node}-{stamp}")
            _sync_folder(folder)
        except OSError as error:
            raise _failed(folder, error) from None
        journal = cls(path, descriptor, ())
        journal._lock()
        journal.add(Entry(step=Step.BEGIN, format=FORMAT, node=plan.node, address=address, plan=plan, wishes=wishes))
        return journal

    @classmethod
    def reopen(cls, path: Path) -> Self:
        """Go on with a journal. Raises JournalError, also when another process works with it."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError as error:
            raise _failed(path, error) from None
        journal = cls(path, descriptor, ())
        try:
            journal._lock()
            data = _content(descriptor)
            whole = data[: data.rfind(b"\n") + 1]
            journal.entries = parse(whole, str(path))
            if whole != data:
                os.ftruncate(descriptor, len(whole))
        except OSError as error:
            journal.close()
            raise _failed(path, error) from None
        except BaseException:
            journal.close()
            raise
        return journal

    def add(self, entry: Entry) -> None:
        """Write an entry with the time of now, on the disk when this returns. Raises JournalError."""
        entry = msgspec.structs.replace(entry, at=round(time.time(), 3))
        data = msgspec.json.encode(entry) + b"\n"
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise _failed(self.path, error) from None
        self.entries.append(entry)

    def watch(self, note: SessionNote) -> None:
        """Write down what happens to a session; for a backend's `watch`."""
        self.add(Entry(step=_SESSION_STEPS[note.step], location=note.location, seconds=note.seconds))

    def close(self) -> None:
        """Close the file and drop the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint = "let it go on, or end it, then ask again"
            raise JournalError(f"{self.path}: another gpuaas-gen works on this change now", hint=hint) from None


def read(path: Path) -> list[Entry]:
    """The entries of a journal, also of one in use; a cut-off last line is left out. Raises JournalError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _failed(path, error) from None
    return parse(data[: data.rfind(b"\n") + 1], str(path))


def busy(path: Path) -> bool:
    """Whether a process works with this journal now. Raises JournalError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise _failed(path, error) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def parse(data: bytes, name: str) -> list[Entry]:
    """The entries in whole lines; raises JournalError for what is no journal."""
    entries: list[Entry] = []
    for number, line in enumerate(data.splitlines(), 1):
        try:
            entries.append(msgspec.json.decode(line, type=Entry))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise JournalError(f"{name}:{number}: not a journal's line: {error}") from None
    if not entries or entries[0].step is not Step.BEGIN or entries[0].plan is None or entries[0].wishes is None:
        hint = "nothing was begun with it: it can be removed" if not entries else ""
        raise JournalError(f"{name}: not a journal of a BIOS change", hint=hint)
    if entries[0].format != FORMAT:
        raise JournalError(f"{name}: has format {entries[0].format}; this program reads format {FORMAT}")
    return entries


def journals(folder: Path, node: str = "") -> list[Path]:
    """The journals in `folder`, of one node where named, oldest first; none where there is no such folder."""
    try:
        found = [path for path in folder.iterdir() if path.suffix == SUFFIX]
    except OSError:
        return []
    mine = [path for path in found if not node or path.name.rsplit("-", 2)[0] == node]
    return sorted(mine, key=lambda path: path.name.rsplit("-", 2)[1:])


def _new_file(folder: Path, stem: str) -> tuple[Path, int]:
    """A file that was not there: the number behind its name counts up."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    for number in range(1000):
        path = folder / f"{stem}-{number:03}{SUFFIX}"
        with contextlib.suppress(FileExistsError):
            return path, os.open(path, flags, 0o600)
    raise FileExistsError(17, "too many journals of one second", str(folder))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _content(descriptor: int) -> bytes:
    return b"".join(iter(lambda: os.read(descriptor, 1 << 20), b""))


def _failed(path: Path, error: OSError) -> JournalError:
    return JournalError(
        f"{error.filename or path}: {error.strerror or error}", hint="nothing is done without a journal"
    )
