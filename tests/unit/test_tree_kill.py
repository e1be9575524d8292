"""The tree sink, killed: SIGKILL before every system call that changes something, and two at once.

The child does a write in which those calls are counted, and kills itself at the Nth; a call
that writes bytes is also killed half done. Wrapping the calls needs no hook in the sink, and
no step can be forgotten.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tree_support import MANIFEST, Snapshot, siblings, snapshot, tree, wanted

from gpuaas_scripts.sinks import exchange
from gpuaas_scripts.sinks.tree import ChangeKind, TreeFile, compare, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.process

CALLS = ("open", "write", "close", "mkdir", "rmdir", "unlink", "link", "rename", "chmod", "fchmod")
SHM = Path("/dev/shm")

OLD = tree(
    turns=TreeFile("turns", b"a file becomes a folder\n"),
    back=TreeFile("back/into/a", b"folders become a file\n"),
    gone=TreeFile("gone/away", b"x\n"),
)
NEW = tree(
    manifest=TreeFile("MANIFEST.json", MANIFEST + b"\n"),
    b=TreeFile("maas/b.conf", b"b = 2, and longer\n"),
    env=TreeFile("nodes/n1/node.env", b"GPUAAS_A='1'\n", executable=True),
    turns=TreeFile("turns/into/b", b"a folder\n"),
    back=TreeFile("back", b"a file\n"),
    more=TreeFile("nodes/n2/node.env", b"new\n"),
)


@pytest.fixture
def shm(tmp_path: Path) -> Iterator[Path]:
    """An empty folder in memory where there is one."""
    if not SHM.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=SHM) as name:
        yield Path(name)


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, shm: Path) -> Path:
    """An empty folder on each of two file systems."""
    return tmp_path if request.param == "disk" else shm


def refuse(code: int) -> Callable[..., Any]:
    def call(*_: object, **__: object) -> Any:  # noqa: ANN401
        raise OSError(code, os.strerror(code))

    return call


def start(action: Callable[[], object]) -> int:
    """Run `action` in a forked child; return its process id. It exits 0 when it ends by itself."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException as error:
            os.write(2, f"in the child: {error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    return child


def end_of(child: int) -> int:
    """Wait for a child; return its wait status: 0, or the signal that killed it."""
    return os.waitpid(child, 0)[1]


def kill_at(number: int) -> None:
    """Wrap the calls of this process so that it dies in place of step `number`."""
    step = 0
    rename_exchange = exchange.rename_exchange  # type: ignore[attr-defined]

    def wrap(real: Callable[..., Any], torn: bool) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            nonlocal step
            step += 1
            if step == number:
                os.kill(os.getpid(), signal.SIGKILL)
            if torn:
                step += 1
                if step == number:
                    real(arguments[0], arguments[1][: len(arguments[1]) // 2])
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **options)

        return call

    for name in CALLS:
        setattr(os, name, wrap(getattr(os, name), name == "write"))
    exchange.rename_exchange = wrap(rename_exchange, False)  # type: ignore[attr-defined]


def every_kill(
    folder: Path, old: list[TreeFile], new: list[TreeFile], prepare: Callable[[Path], None]
) -> Iterator[Path]:
    """Yield the tree after a write of `new` over `old` was killed, for each step of it."""
    number = 0
    while True:
        number += 1
        root = folder / str(number) / "site"
        root.parent.mkdir()
        if old:
            write(root, old)
        prepare(root)

        def action(root: Path = root, number: int = number) -> None:
            kill_at(number)
            write(root, new)

        status = end_of(start(action))
        assert status in (0, signal.SIGKILL), f"step {number}: the child failed"
        yield root
        shutil.rmtree(root.parent)
        if status == 0:
            break
    assert number > 20, "hardly anything was killed"


def now(root: Path) -> Snapshot:
    return snapshot(root) if root.exists() else {}


def check_verdict(root: Path, new: list[TreeFile], state: Snapshot) -> None:
    """`compare` must tell what is left and what is amiss, and the next write must end right."""
    found = compare(root, new)
    interrupted = [change.path for change in found if change.kind is ChangeKind.INTERRUPTED]
    assert interrupted == ["../" + name for name in siblings(root)]
    assert (len(found) > len(interrupted)) == (state != wanted(new))
    assert write(root, new) == found
    assert snapshot(root) == wanted(new)
    assert siblings(root) == []
    assert compare(root, new) == ()


def nothing(_: Path) -> None:
    pass


def leave_staging(root: Path) -> None:
    (root.parent / ".site.staging/maas").mkdir(parents=True)
    (root.parent / ".site.staging/maas/half").write_text("half a")


def check_exchange(folder: Path, old: list[TreeFile], new: list[TreeFile], prepare: Callable[[Path], None]) -> None:
    outcomes = set()
    for root in every_kill(folder, old, new, prepare):
        state = now(root)
        assert state in (wanted(old), wanted(new)), "neither the old tree nor the new one"
        outcomes.add((state == wanted(new), *siblings(root)))
        check_verdict(root, new, state)
    assert (False, ".site.staging") in outcomes, "never killed before the exchange"
    assert (True,) in outcomes
    if old:
        assert (True, ".site.staging") in outcomes, "never killed after the exchange"


@pytest.mark.parametrize("prepare", [nothing, leave_staging])
@pytest.mark.parametrize("old", [OLD, []], ids=["over an old tree", "first write"])
def test_killed_anywhere_the_tree_is_old_or_new(
    folder: Path, old: list[TreeFile], prepare: Callable[[Path], None]
) -> None:
    check_exchange(folder, old, NEW, prepare)


def test_killed_anywhere_without_hard_links(shm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    check_exchange(shm, OLD, NEW, nothing)


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_killed_anywhere_under_another_umask(shm: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        check_exchange(shm, OLD, NEW, nothing)
    finally:
        os.umask(before)


def test_this_test_would_find_a_gap(shm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_two_steps(staging: str, root: str) -> None:
        for source, target in ((root, staging + ".old"), (staging, root), (staging + ".old", staging)):
            os.rename(source, target)  # noqa: PTH104  (one of the calls that are counted)

    monkeypatch.setattr(exchange, "rename_exchange", in_two_steps)
    with pytest.raises(AssertionError, match="neither the old tree nor the new one"):
        check_exchange(shm, OLD, NEW, nothing)


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("prepare", [nothing, leave_staging])
def test_killed_anywhere_file_by_file(
    folder: Path, prepare: Callable[[Path], None], links: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "rename_exchange", refuse(errno.EINVAL))
    if not links:
        monkeypatch.setattr(os, "link", refuse(errno.EXDEV))
    old, new = wanted(OLD), wanted(NEW)
    mixtures = 0
    for root in every_kill(folder, OLD, NEW, prepare):
        state = now(root)
        if state not in (old, new):
            mixtures += 1
            assert ".site.journal" in siblings(root), "a mixture without a journal"
            assert state["MANIFEST.json"] == old["MANIFEST.json"], "the manifest came too early"
        for path, value in state.items():
            assert value in (old.get(path), new.get(path)), f"{path} is neither old nor new"
        if os.path.lexists(root.parent / ".site.journal"):
            assert [change.kind for change in compare(root, NEW)].count(ChangeKind.INTERRUPTED)
        check_verdict(root, NEW, state)
    assert mixtures > 5


def test_a_killed_repair_is_repaired(shm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off in the middle of file by file, then the repair is cut off at each of its steps."""
    monkeypatch.setattr(exchange, "rename_exchange", refuse(errno.EINVAL))
    mixed = next(root for root in every_kill(shm, OLD, NEW, nothing) if now(root) not in (wanted(OLD), wanted(NEW)))
    kept = shm / "kept"
    shutil.copytree(mixed.parent, kept)

    def prepare(root: Path) -> None:
        shutil.rmtree(root.parent)
        shutil.copytree(kept, root.parent)

    repairs = shm / "repairs"
    repairs.mkdir()
    for root in every_kill(repairs, [], OLD, prepare):
        state = now(root)
        assert state == wanted(OLD) or siblings(root), "a mixture that looks whole"
        check_verdict(root, OLD, state)


def test_a_killed_write_lets_go_of_the_lock(shm: Path) -> None:
    def action() -> None:
        kill_at(10)
        write(shm / "site", NEW)

    assert end_of(start(action)) == signal.SIGKILL
    write(shm / "site", NEW, wait_s=0)


# --- two at once -----------------------------------------------------------------------------

ONE = [TreeFile("MANIFEST.json", MANIFEST), *(TreeFile(f"d{n % 5}/f{n}", b"one") for n in range(30))]
TWO = [
    TreeFile("MANIFEST.json", MANIFEST + b" "),
    *(TreeFile(f"d{n % 5}/f{n}", b"two", executable=bool(n % 2)) for n in range(10, 40)),
]


def _writer(root: Path, files: list[TreeFile], enough: Path) -> Callable[[], None]:
    """Writes until the file `enough` is there, half a minute at most."""

    def action() -> None:
        deadline = time.monotonic() + 30
        while not enough.exists() and time.monotonic() < deadline:
            write(root, files)

    return action


def _read_through(descriptor: int) -> dict[str, bytes]:
    """Read a tree from its open descriptor; leaves out what is removed meanwhile."""
    found = {}
    for parent, _, names, handle in os.fwalk(".", dir_fd=descriptor):
        for name in names:
            try:
                file = os.open(name, os.O_RDONLY, dir_fd=handle)
            except FileNotFoundError:
                continue
            found[os.path.relpath(f"{parent}/{name}")] = os.read(file, 1000)
            os.close(file)
    return found


@pytest.mark.parametrize("way", ["exchange", "file by file"])
def test_two_writers_and_a_reader(folder: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = folder / "site"
    write(root, ONE)
    if way == "file by file":
        monkeypatch.setattr(exchange, "rename_exchange", refuse(errno.EINVAL))
    enough = folder.parent / f"{folder.name}-enough"
    trees = [{file.path: file.content for file in files} for files in (ONE, TWO)]
    whole = [0, 0]
    started = time.monotonic()
    children = [start(_writer(root, files, enough)) for files in (ONE, TWO)]

    def reading() -> bool:
        """For a second, and on until both trees were seen; a busy machine may take long for that."""
        took = time.monotonic() - started
        return took < 1.0 or (not all(whole) and took < 25)

    if way == "file by file":
        time.sleep(1.0)
    while way == "exchange" and reading():
        descriptor = os.open(root, os.O_RDONLY)
        found = _read_through(descriptor)
        # Opened once, it is one tree: whole, or already replaced and on its way out.
        if found in trees:
            whole[trees.index(found)] += 1
        else:
            assert os.fstat(descriptor).st_ino != root.stat().st_ino, "half a tree under its own name"
            assert any(found.items() <= tree.items() for tree in trees), "a mixture of both"
        os.close(descriptor)
    enough.touch()
    assert [end_of(child) for child in children] == [0, 0]
    enough.unlink()
    assert snapshot(root) in (wanted(ONE), wanted(TWO))
    assert siblings(root) == []
    if way == "exchange":
        assert all(whole), f"the reader did not see both: {whole}"


def test_a_second_write_waits_and_says_so(shm: Path) -> None:
    root, said = shm / "site", shm / "said"
    write(root, ONE)
    lock = os.open(shm, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def say(text: str) -> None:
        said.write_text(text)

    def action() -> None:
        os.close(lock)  # a lock is let go of only when every copy of its descriptor is closed
        write(root, TWO, notify=say)

    child = start(action)
    deadline = time.monotonic() + 20
    while not (said.exists() and said.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert snapshot(root) == wanted(ONE)
    os.close(lock)
    assert end_of(child) == 0
    assert "waiting" in said.read_text()
    assert snapshot(root) == wanted(TWO)
