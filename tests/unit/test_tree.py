"""The tree sink: compare, and write, on the file systems at hand; no processes."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import resource
import shutil
import socket
import tempfile
import threading
import time
import tracemalloc
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tree_support import MANIFEST, siblings, snapshot, tree, wanted

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.sinks import exchange, files, lock
from gpuaas_scripts.sinks.tree import Change, ChangeKind, TreeFile, compare, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHM = Path("/dev/shm")
NOBODY = 65534


@pytest.fixture(params=["tmp_path", "/dev/shm"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The path of a tree that does not exist yet, in an empty folder."""
    if request.param == "tmp_path":
        yield tmp_path / "site"
        return
    if not SHM.is_dir():
        pytest.skip("no /dev/shm here")
    with tempfile.TemporaryDirectory(dir=SHM) as folder:
        yield Path(folder) / "site"


@pytest.fixture(params=["exchange", "file by file"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways in which an old tree is replaced."""
    if request.param == "file by file":
        monkeypatch.setattr(exchange, "rename_exchange", refuse(errno.EINVAL))
    return str(request.param)


def refuse(code: int) -> Callable[..., Any]:
    """Return a system call that fails."""

    def call(*arguments: object, **_: object) -> Any:  # noqa: ANN401
        raise OSError(code, os.strerror(code), *(arguments[:1] if arguments and isinstance(arguments[0], str) else ()))

    return call


@contextmanager
def umask(value: int) -> Iterator[None]:
    old = os.umask(value)
    try:
        yield
        assert os.umask(value) == value, "the umask of the process was changed"
    finally:
        os.umask(old)


def kinds(changes: tuple[Change, ...]) -> list[tuple[str, str]]:
    return [(change.path, str(change.kind)) for change in changes]


# --- writing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_first_write(root: Path, mask: int) -> None:
    with umask(mask):
        changes = write(root, iter(tree()))
    assert snapshot(root) == wanted(tree())
    assert root.stat().st_mode & 0o777 == 0o755
    assert siblings(root) == []
    assert kinds(changes) == [
        (path, "missing") for path in ("MANIFEST.json", "maas/a.sh", "maas/b.conf", "nodes/n1/node.env")
    ]


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_second_write_gives_new_files_and_folders_their_modes(root: Path, way: str, mask: int) -> None:
    write(root, tree())
    new = tree(b=TreeFile("maas/b.conf", b"b = 2\n"), c=TreeFile("new/folder/c.sh", b"c", executable=True), env=None)
    with umask(mask):
        write(root, new)
    assert snapshot(root) == wanted(new)
    assert root.stat().st_mode & 0o777 == 0o755


def test_write_makes_the_parents(root: Path) -> None:
    write(root / "deep" / "site", tree())
    assert snapshot(root / "deep" / "site") == wanted(tree())


def test_write_into_an_empty_folder(root: Path) -> None:
    root.mkdir()
    write(root, tree())
    assert snapshot(root) == wanted(tree())


def test_no_change_is_no_write(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, tree())
    before = {path: path.stat() for path in (root.parent, root, *root.rglob("*"))}
    for name in ("mkdir", "link", "rename", "unlink", "rmdir", "write", "chmod", "fchmod"):
        monkeypatch.setattr(os, name, refuse(errno.EIO))
    assert write(root, tree()) == ()
    assert compare(root, tree()) == ()
    monkeypatch.undo()
    for path, status in before.items():
        now = path.stat()
        assert (now.st_ino, now.st_mtime_ns, now.st_ctime_ns) == (status.st_ino, status.st_mtime_ns, status.st_ctime_ns)


def test_unchanged_files_keep_their_inode_and_changed_ones_get_a_new_one(root: Path) -> None:
    write(root, tree())
    before = {path.relative_to(root): path.stat().st_ino for path in root.rglob("*.*")}
    write(root, tree(b=TreeFile("maas/b.conf", b"b = 2\n")))
    after = {path.relative_to(root): path.stat().st_ino for path in root.rglob("*.*")}
    assert [str(path) for path in after if after[path] != before[path]] == ["maas/b.conf"]


@pytest.mark.parametrize("code", sorted(exchange._NO_LINK))
def test_without_hard_links_files_are_copied(root: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, tree())
    new = tree(b=TreeFile("maas/b.conf", b"b = 2\n"))
    monkeypatch.setattr(os, "link", refuse(code))
    with umask(0o077):
        write(root, new)
    assert snapshot(root) == wanted(new)


@pytest.mark.parametrize("code", sorted(exchange._NO_EXCHANGE))
def test_without_exchange_the_manifest_comes_last(root: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, tree())
    monkeypatch.setattr(exchange, "rename_exchange", refuse(code))
    seen: list[str] = []
    real_rename, real_unlink = os.rename, os.unlink
    journals: list[str] = []

    def rename(source: str, target: str) -> None:
        seen.append(os.path.relpath(target, root))
        journals.append((root.parent / ".site.journal").read_text())
        real_rename(source, target)

    def unlink(path: str) -> None:
        seen.append(os.path.relpath(path, root))
        real_unlink(path)

    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(os, "unlink", unlink)
    new = [TreeFile("MANIFEST.json", MANIFEST + b"\n"), *tree(manifest=None, env=None, b=TreeFile("maas/b.conf", b"2"))]
    write(root, new)
    in_place = [path for path in seen if not path.startswith("../.site.staging")]
    assert in_place == ["maas/b.conf", "nodes/n1/node.env", "MANIFEST.json", "../.site.journal"]
    assert set(journals) == {"MANIFEST.json\nmaas/b.conf\nnodes\nnodes/n1\nnodes/n1/node.env\n"}
    assert snapshot(root) == wanted(new)
    assert siblings(root) == []


def test_large_files_and_short_reads_and_writes(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_read, real_write = os.read, os.write
    monkeypatch.setattr(os, "read", lambda descriptor, size: real_read(descriptor, min(size, 7)))
    monkeypatch.setattr(os, "write", lambda descriptor, data: real_write(descriptor, data[:7]))
    write(root, tree())
    assert compare(root, tree()) == ()
    monkeypatch.undo()
    assert snapshot(root) == wanted(tree())


def test_the_renameat2_of_this_machine(root: Path) -> None:
    root.mkdir()
    (root / "one").mkdir()
    (root / "two").write_text("2")
    try:
        files.rename_exchange(str(root / "one"), str(root / "two"))
    except OSError as error:
        if error.errno in exchange._NO_EXCHANGE:
            pytest.skip(f"this file system refuses the exchange: {error}")
        raise
    assert (root / "one").read_text() == "2"
    assert (root / "two").is_dir()
    with pytest.raises(FileNotFoundError):
        files.rename_exchange(str(root / "one"), str(root / "three"))


def test_a_libc_without_renameat2(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, tree())
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    with pytest.raises(OSError, match="not implemented") as caught:
        files.rename_exchange("a", "b")
    assert caught.value.errno == errno.ENOSYS
    write(root, tree(b=None))
    assert snapshot(root) == wanted(tree(b=None))


# --- every kind of difference ----------------------------------------------------------------


def _symlink(path: Path, target: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(target)


def _socket(path: Path) -> None:
    path.unlink()
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(path.name)
    finally:
        os.chdir(here)


def _folder_with_file(path: Path) -> None:
    path.unlink()
    (path / "sub").mkdir(parents=True)
    (path / "sub" / "inside").write_text("x")


def _file_for_folder(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("not a folder")


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _empty_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _bytes_and_mode(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(b"")


def _extra_folder(path: Path) -> None:
    (path / "sub").mkdir(parents=True)
    (path / "x").touch()


B, NODES = ("maas/b.conf", "type"), ("nodes", "type")
NODE_ENV = ("nodes/n1/node.env", "missing")

DRIFT: dict[str, tuple[Callable[[Path, Path], object], list[tuple[str, str]]]] = {
    "a file is gone": (lambda root, _: (root / "maas/b.conf").unlink(), [("maas/b.conf", "missing")]),
    "a folder is gone": (lambda root, _: shutil.rmtree(root / "nodes"), [NODE_ENV]),
    "other bytes": (lambda root, _: (root / "maas/b.conf").write_bytes(b"b = 2\n"), [("maas/b.conf", "content")]),
    "other size": (lambda root, _: (root / "maas/b.conf").write_bytes(b""), [("maas/b.conf", "content")]),
    "the manifest": (lambda root, _: (root / "MANIFEST.json").write_bytes(b'{"generator":"gpuaas-gen"}'),
                     [("MANIFEST.json", "content")]),
    "executable": (lambda root, _: (root / "maas/b.conf").chmod(0o755), [("maas/b.conf", "mode")]),
    "not executable": (lambda root, _: (root / "maas/a.sh").chmod(0o655), [("maas/a.sh", "mode")]),
    "bytes and mode": (lambda root, _: _bytes_and_mode(root / "maas/a.sh"),
                       [("maas/a.sh", "content"), ("maas/a.sh", "mode")]),
    "an extra file": (lambda root, _: (root / "nodes/n1/old").write_text("x"), [("nodes/n1/old", "extra")]),
    "an extra folder": (lambda root, _: _extra_folder(root / "nodes/n2"),
                        [("nodes/n2/sub/", "extra"), ("nodes/n2/x", "extra")]),
    "an extra empty folder": (lambda root, _: (root / "nodes/n2").mkdir(), [("nodes/n2/", "extra")]),
    "an extra symlink": (lambda root, out: _symlink(root / "nodes/n2", out), [("nodes/n2", "extra")]),
    "an extra fifo": (lambda root, _: os.mkfifo(root / "pipe"), [("pipe", "extra")]),
    "a symlink for a file": (lambda root, out: _symlink(root / "maas/b.conf", out / "b.conf"), [B]),
    "a dangling symlink": (lambda root, out: _symlink(root / "maas/b.conf", out / "nothing"), [B]),
    "a symlink to a folder for a file": (lambda root, out: _symlink(root / "maas/b.conf", out), [B]),
    "a symlink for a folder": (lambda root, out: _symlink(root / "nodes", out / "nodes"), [NODES, NODE_ENV]),
    "a fifo for a file": (
        lambda root, _: _pipe(root / "maas/b.conf"), [B]),
    "a socket for a file": (lambda root, _: _socket(root / "maas/b.conf"), [B]),
    "a folder for a file": (
        lambda root, _: _folder_with_file(root / "maas/b.conf"), [B, ("maas/b.conf/sub/inside", "extra")]),
    "an empty folder for a file": (
        lambda root, _: _empty_folder(root / "maas/b.conf"), [B]),
    "a file for a folder": (lambda root, _: _file_for_folder(root / "nodes"), [NODES, NODE_ENV]),
}  # fmt: skip


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that symlinks of the tree lead to, with the very files that are wanted."""
    folder = tmp_path / "outside"
    (folder / "nodes/n1").mkdir(parents=True)
    (folder / "b.conf").write_bytes(b"b = 1\n")
    (folder / "nodes/n1/node.env").write_bytes(b"GPUAAS_A='1'\n")
    return folder


@pytest.mark.parametrize("name", DRIFT)
def test_drift_is_reported_and_put_right(root: Path, outside: Path, way: str, name: str) -> None:
    write(root, tree())
    drift, expected = DRIFT[name]
    beyond = snapshot(outside)
    drift(root, outside)
    drifted = snapshot(root)

    found = compare(root, iter(tree()))
    assert kinds(found) == expected
    assert snapshot(root) == drifted, "compare changed something"

    assert write(root, iter(tree())) == found
    assert snapshot(root) == wanted(tree())
    assert snapshot(outside) == beyond, "a symlink was followed"
    assert set(siblings(root)) <= {"outside"}
    assert compare(root, tree()) == ()


@pytest.mark.parametrize(("path", "mode"), [("maas/b.conf", 0o664), ("maas/b.conf", 0o600), ("maas/a.sh", 0o700)])
def test_a_checkout_under_another_umask_is_not_drift(root: Path, path: str, mode: int) -> None:
    write(root, tree())
    (root / path).chmod(mode)
    assert compare(root, tree()) == ()
    assert write(root, tree()) == ()


def test_a_wrong_mode_is_not_put_right_in_the_old_file(root: Path, way: str) -> None:
    write(root, tree())
    (root / "maas/b.conf").chmod(0o755)
    os.link(root / "maas/b.conf", root.parent / "kept")
    write(root, tree())
    assert (root.parent / "kept").stat().st_mode & 0o777 == 0o755
    assert (root / "maas/b.conf").stat().st_mode & 0o777 == 0o644


def test_what_on_change_gets(root: Path) -> None:
    write(root, tree(old=TreeFile("old", b"old\n")))
    (root / "maas/a.sh").chmod(0o644)
    (root / "empty").mkdir()
    _symlink(root / "nodes/n1/node.env", Path("/dev/null"))
    seen: list[tuple[str, str, bytes | None, bytes | None]] = []
    new = tree(b=TreeFile("maas/b.conf", b"longer than it was"), new=TreeFile("new", b"new\n"))
    found = compare(root, new, on_change=lambda change, *both: seen.append((change.path, str(change.kind), *both)))
    script = tree()[0].content
    assert seen == [
        ("maas/a.sh", "mode", script, script),
        ("maas/b.conf", "content", b"b = 1\n", b"longer than it was"),
        ("nodes/n1/node.env", "type", None, b"GPUAAS_A='1'\n"),
        ("new", "missing", None, b"new\n"),
        ("empty/", "extra", None, None),
        ("old", "extra", b"old\n", None),
    ]
    assert sorted((change.path, str(change.kind)) for change in found) == sorted(entry[:2] for entry in seen)
    assert [change.detail for change in found if change.detail] == [
        "an empty folder", "should be executable", "a symlink where a file should be",
    ]  # fmt: skip


def test_errors_of_on_change_are_the_callers_own(root: Path) -> None:
    with pytest.raises(BrokenPipeError):
        compare(root, tree(), on_change=refuse(errno.EPIPE))


def test_compare_with_nothing_there(root: Path) -> None:
    assert {change.kind for change in compare(root / "no" / "parent", tree())} == {ChangeKind.MISSING}
    assert siblings(root) == []
    assert not root.exists()


# --- the stream ------------------------------------------------------------------------------


def _failing(stream: list[TreeFile], error: Exception) -> Iterator[TreeFile]:
    yield from stream
    raise error


@pytest.mark.parametrize("error", [GpuaasError("a finding"), OSError(errno.ENOENT, "of the renderer"), ValueError("x")])
def test_a_stream_that_raises_changes_nothing(root: Path, way: str, error: Exception) -> None:
    write(root, tree())
    before = snapshot(root)
    with pytest.raises(type(error)) as caught:
        write(root, _failing(tree(b=TreeFile("maas/b.conf", b"other")), error))
    assert caught.value is error
    assert snapshot(root) == before
    assert siblings(root) == []


def test_a_stream_that_raises_on_the_first_write_leaves_nothing(root: Path) -> None:
    with pytest.raises(GpuaasError, match="a finding"):
        write(root / "deep" / "site", _failing(tree(), GpuaasError("a finding")))
    assert not root.exists()
    with pytest.raises(KeyboardInterrupt):
        write(root, _failing(tree(), KeyboardInterrupt()))  # type: ignore[arg-type]
    assert list(root.parent.iterdir()) == []


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../x", "a//x", "a/", "./a", "a/.", "..", "a\0b"])
def test_bad_paths(path: str) -> None:
    with pytest.raises(ValueError, match="relative path"):
        TreeFile(path, b"")


@pytest.mark.parametrize("path", ["..a", ".a/b..", "a b/ü", "..."])
def test_good_paths(path: str) -> None:
    assert TreeFile(path, b"").path == path


@pytest.mark.parametrize(
    "stream",
    [
        [*tree(), TreeFile("maas/b.conf", b"b = 1\n")],
        [*tree(), TreeFile("maas", b"")],
        [*tree(), TreeFile("maas/b.conf/x", b"")],
        [*tree(), TreeFile("maas/b.conf/x/y", b"")],
        tree(manifest=None),
        [],
    ],
    ids=["twice", "folder then file", "file then folder", "file then folders", "no manifest", "nothing"],
)
def test_a_stream_that_contradicts_itself(root: Path, stream: list[TreeFile]) -> None:
    write(root, tree())
    before = snapshot(root)
    with pytest.raises(ValueError, match=r"comes twice|is a file and a folder|needs a MANIFEST"):
        write(root, stream)
    assert snapshot(root) == before
    assert siblings(root) == []


def test_memory_does_not_grow_with_the_contents(root: Path) -> None:
    def stream(last: bytes) -> Iterator[TreeFile]:
        yield TreeFile("MANIFEST.json", MANIFEST)
        for number in range(400):
            yield TreeFile(f"f{number}", b"%d" % number + last * 50_000)

    tracemalloc.start()
    try:
        write(root, stream(b"x"))
        compare(root, stream(b"y"), on_change=lambda *_: None)
        write(root, stream(b"y"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_500_000, "of 20 MB"


def test_memory_for_a_large_old_manifest(root: Path) -> None:
    entry = b', {"path": "nodes/n/x", "kind": "file", "mode": "0644", "size": 1, "sources": ["a"]}'
    manifest = b'{"generator": "gpuaas-gen", "artifacts": [{}' + entry * 10_000 + b"]}"
    write(root, [TreeFile("MANIFEST.json", manifest)])
    tracemalloc.start()
    try:
        exchange.require_ours(str(root))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(manifest), "its entries were kept"


# --- folders that are not ours ---------------------------------------------------------------


@pytest.mark.parametrize(
    "manifest",
    [
        None, b"", b"[]", b"{", b"\xff", b'{"generator": "other"}', b'{"generator": 1}',
        b'{"a": {"generator": "gpuaas-gen"}}',
    ],
)  # fmt: skip
def test_a_folder_that_is_not_ours_is_left_alone(root: Path, way: str, manifest: bytes | None) -> None:
    root.mkdir()
    (root / "thesis.tex").write_text("years of work")
    if manifest is not None:
        (root / "MANIFEST.json").write_bytes(manifest)
    before = snapshot(root)
    with pytest.raises(GpuaasError, match="not written by gpuaas-gen") as caught:
        write(root, tree())
    assert str(root) in str(caught.value)
    assert "--output" in caught.value.hint
    assert snapshot(root) == before
    assert siblings(root) == []


def test_a_manifest_that_is_a_symlink_is_not_ours(root: Path) -> None:
    write(root.parent / "other", tree())
    root.mkdir()
    (root / "MANIFEST.json").symlink_to("../other/MANIFEST.json")
    with pytest.raises(GpuaasError, match="not written by gpuaas-gen"):
        write(root, tree())


@pytest.mark.parametrize("verb", [write, compare])
def test_a_root_that_is_a_symlink_or_a_file(root: Path, verb: Callable[..., object]) -> None:
    elsewhere = root.parent / "elsewhere"
    write(elsewhere, tree())
    root.symlink_to(elsewhere)
    with pytest.raises(GpuaasError, match="is a symlink"):
        verb(root, tree(b=None))
    assert snapshot(elsewhere) == wanted(tree())
    root.unlink()
    root.write_text("x")
    with pytest.raises(GpuaasError, match="is not a folder"):
        verb(root, tree())
    assert root.read_text() == "x"
    with pytest.raises(GpuaasError, match="no tree can be written here"):
        verb(Path("/"), tree())
    with pytest.raises(GpuaasError, match=r"Not a directory|File exists"):
        verb(root / "site", tree())


# --- what a render that was cut off leaves ----------------------------------------------------


@pytest.mark.parametrize("new", [tree(), tree(b=None)], ids=["no difference", "a difference"])
@pytest.mark.parametrize("name", [".site.staging", ".site.journal"])
def test_leftovers_are_reported_and_cleared(root: Path, way: str, name: str, new: list[TreeFile]) -> None:
    write(root, tree())
    leftover = root.parent / name
    if name.endswith("staging"):
        shutil.copytree(root, leftover)
    else:
        leftover.write_text("maas/b.conf\n")
    expected = [("../" + name, "interrupted"), *([("maas/b.conf", "extra")] if len(new) < 4 else [])]
    before, inode = snapshot(root.parent), root.stat().st_ino
    assert kinds(compare(root, new)) == expected
    with pytest.raises(GpuaasError, match="a finding"):
        write(root, _failing(tree(), GpuaasError("a finding")))
    assert snapshot(root.parent) == before
    assert kinds(write(root, new)) == expected
    assert snapshot(root) == wanted(new)
    assert siblings(root) == []
    if len(expected) == 1 or way == "file by file":
        assert root.stat().st_ino == inode, "the tree itself needed no new one"


def test_a_leftover_without_a_tree(root: Path) -> None:
    shutil.copytree(Path(__file__).parent, root.parent / ".site.staging", ignore=lambda *_: ["__pycache__"])
    write(root, tree())
    assert snapshot(root) == wanted(tree())
    assert siblings(root) == []


def test_a_leftover_that_is_a_symlink_is_not_followed(root: Path, outside: Path) -> None:
    before = snapshot(outside)
    for name in (".site.staging", ".site.journal"):
        (root.parent / name).symlink_to(outside)
    write(root, tree())
    assert snapshot(outside) == before
    assert set(siblings(root)) <= {"outside"}


# --- what the file system refuses -------------------------------------------------------------


@pytest.mark.parametrize("call", ["open", "write", "mkdir", "link", "unlink", "close"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_failure_leaves_the_old_tree_whole(
    root: Path, way: str, call: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, tree())
    new = tree(b=TreeFile("maas/b.conf", b"b = 2\n"))
    real, count = getattr(os, call), 0

    def failing(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        nonlocal count
        name = str(arguments[-1 if call == "link" else 0])
        if ".site.staging" in name or call in ("write", "close"):
            count += 1
            if count == 1:
                if call == "close":
                    real(*arguments)
                refuse(code)(*arguments)
        return real(*arguments, **options)

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(GpuaasError) as caught:
        write(root, new)
    monkeypatch.undo()
    assert count, "the call was not made"
    assert os.strerror(code) in str(caught.value)
    assert str(root.parent) in str(caught.value)
    assert "run this again" in caught.value.hint
    assert snapshot(root) == wanted(tree())
    assert siblings(root) == []


def test_a_file_that_grows_too_large(root: Path) -> None:
    write(root, tree())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # Python ignores SIGXFSZ
    try:
        with pytest.raises(GpuaasError, match="File too large") as caught:
            write(root, tree(b=TreeFile("maas/b.conf", b"x" * 1_000_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "maas/b.conf" in str(caught.value)
    assert snapshot(root) == wanted(tree())
    assert siblings(root) == []


def test_an_exchange_that_fails_otherwise(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, tree())
    monkeypatch.setattr(exchange, "rename_exchange", refuse(errno.EACCES))
    with pytest.raises(GpuaasError, match="Permission denied"):
        write(root, tree(b=None))
    assert snapshot(root) == wanted(tree())
    assert siblings(root) == []


def test_the_old_tree_cannot_be_removed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, tree())
    monkeypatch.setattr(os, "rmdir", refuse(errno.EPERM))
    with pytest.raises(GpuaasError, match=r"site\.staging") as caught:
        write(root, tree(b=None))
    assert "the tree itself is as it should be" in caught.value.hint
    assert snapshot(root) == wanted(tree(b=None))
    monkeypatch.undo()
    assert kinds(write(root, tree(b=None))) == [("../.site.staging", "interrupted")]
    assert siblings(root) == []


@pytest.mark.parametrize("old_journal", [False, True])
def test_no_room_for_the_journal(root: Path, old_journal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, tree())
    journal = root.parent / ".site.journal"
    if old_journal:
        journal.write_text("an older one")
    monkeypatch.setattr(exchange, "rename_exchange", refuse(errno.EINVAL))
    monkeypatch.setattr(os, "write", refuse(errno.ENOSPC))
    with pytest.raises(GpuaasError, match="No space left"):
        write(root, tree(b=None))
    assert snapshot(root) == wanted(tree())
    assert siblings(root) == ([".site.journal"] if old_journal else [])


def test_a_failure_in_the_middle_of_file_by_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, tree())
    new = tree(b=TreeFile("maas/b.conf", b"b = 2\n"), env=TreeFile("nodes/n1/node.env", b"other"))
    monkeypatch.setattr(exchange, "rename_exchange", refuse(errno.EINVAL))
    real = os.rename
    monkeypatch.setattr(os, "rename", lambda *both: (refuse(errno.EIO) if "node.env" in both[0] else real)(*both))
    with pytest.raises(GpuaasError, match=r"node\.env") as caught:
        write(root, new)
    assert "already replaced" in caught.value.hint
    monkeypatch.undo()
    assert kinds(compare(root, new)) == [("../.site.journal", "interrupted"), ("nodes/n1/node.env", "content")]
    write(root, new)
    assert snapshot(root) == wanted(new)
    assert siblings(root) == []


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of our own, without the rights of root."""
    with tempfile.TemporaryDirectory(dir=SHM if SHM.is_dir() else None) as name:
        was_root = os.geteuid() == 0
        if was_root:
            os.chown(name, NOBODY, -1)
            os.seteuid(NOBODY)
        try:
            yield Path(name)
        finally:
            if was_root:
                os.seteuid(0)
            for folder, _, _ in os.walk(name):
                Path(folder).chmod(0o700)


def test_folders_without_write_permission(unprivileged: Path) -> None:
    root = unprivileged / "site"
    write(root, tree())
    for folder in (root / "nodes/n1", root / "nodes", root / "maas", root, root.parent):
        folder.chmod(0o555)
    assert write(root, tree()) == ()
    assert kinds(compare(root, tree(b=None))) == [("maas/b.conf", "extra")]
    with pytest.raises(GpuaasError, match=r"site\.staging: Permission denied") as caught:
        write(root, tree(b=None))
    assert "access" in caught.value.hint
    with pytest.raises(GpuaasError, match="Permission denied"):
        write(root.parent / "new" / "site", tree())
    assert snapshot(root) == wanted(tree()) | dict.fromkeys(("maas", "nodes", "nodes/n1"), ("folder", 365))


def test_files_and_folders_that_cannot_be_read(unprivileged: Path) -> None:
    root = unprivileged / "site"
    write(root, tree())
    (root / "maas/b.conf").chmod(0)
    for verb in (compare, write):
        with pytest.raises(GpuaasError, match=r"maas/b\.conf: Permission denied"):
            verb(root, tree())
    with pytest.raises(GpuaasError, match=r"maas/b\.conf: Permission denied"):
        compare(root, tree(b=None), on_change=lambda *_: None)
    write(root, tree(b=None))  # what is only to be removed need not be read
    assert snapshot(root) == wanted(tree(b=None))
    (root / "maas").chmod(0)
    with pytest.raises(GpuaasError, match="maas/: Permission denied"):
        compare(root, tree())


# --- the lock --------------------------------------------------------------------------------


@contextmanager
def held(folder: Path, operation: int) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("verb", "operation", "waits"),
    [
        (write, fcntl.LOCK_EX, True),
        (write, fcntl.LOCK_SH, True),
        (compare, fcntl.LOCK_EX, True),
        (compare, fcntl.LOCK_SH, False),
    ],
)
def test_who_waits_for_whom(root: Path, verb: Callable[..., object], operation: int, waits: bool) -> None:
    write(root, tree())
    told: list[str] = []
    with held(root.parent, operation):
        if waits:
            with pytest.raises(GpuaasError, match="another gpuaas-gen") as caught:
                verb(root, tree(b=None), wait_s=0.05, notify=told.append)
            assert "fuser" in caught.value.hint
        else:
            verb(root, tree(b=None), wait_s=0.05, notify=told.append)
    assert len(told) == (1 if waits else 0)
    assert snapshot(root) == wanted(tree())


def test_the_lock_is_held_as_long_as_the_stream_lasts(root: Path) -> None:
    def stream() -> Iterator[TreeFile]:
        for file in tree():
            yield file
            with pytest.raises(BlockingIOError), held(root.parent, fcntl.LOCK_SH | fcntl.LOCK_NB):
                pass

    write(root, stream())
    with held(root.parent, fcntl.LOCK_EX | fcntl.LOCK_NB):
        pass


def test_a_write_goes_on_when_the_lock_is_free(root: Path) -> None:
    descriptor = os.open(root.parent, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    release = threading.Timer(0.1, os.close, [descriptor])
    began = time.monotonic()
    release.start()
    write(root, tree(), wait_s=20)
    release.join()
    assert time.monotonic() - began >= 0.1
    assert snapshot(root) == wanted(tree())


def test_the_folder_goes_away_while_waiting(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = fcntl.flock, []

    def flock(descriptor: int, operation: int) -> None:
        real(descriptor, operation)
        calls.append(operation)
        if len(calls) == 1:
            (root / "generated").rmdir()

    monkeypatch.setattr(fcntl, "flock", flock)
    write(root / "generated" / "site", tree())
    assert len(calls) == 2
    assert snapshot(root / "generated" / "site") == wanted(tree())


@pytest.mark.parametrize("code", sorted(lock._NO_LOCKS))
def test_a_file_system_without_locks(root: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refuse(code))
    told: list[str] = []
    write(root, tree(), notify=told.append)
    assert compare(root, tree(), notify=told.append) == ()
    assert [text.partition(": ")[2] for text in told] == [
        "its file system has no locks; do not run two renders at once"
    ]


def test_a_lock_that_fails(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refuse(errno.EIO))
    with pytest.raises(GpuaasError, match="Input/output error"):
        write(root, tree())
    assert not root.exists()


def test_no_descriptor_is_left_open(root: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, tree())
    before = len(list(Path("/proc/self/fd").iterdir()))
    write(root, tree(b=None))
    compare(root, tree())
    with suppress(GpuaasError):
        write(root, _failing(tree(), GpuaasError("a finding")))
    with held(root.parent, fcntl.LOCK_EX), pytest.raises(GpuaasError):
        write(root, tree(), wait_s=0)
    monkeypatch.setattr(os, "write", refuse(errno.ENOSPC))
    with pytest.raises(GpuaasError):
        write(root, tree())
    assert len(list(Path("/proc/self/fd").iterdir())) == before


# --- any tree to any other --------------------------------------------------------------------

NAMES = st.lists(st.sampled_from(["a", "b", "a-", "a.b"]), min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(NAMES, st.tuples(st.binary(max_size=2), st.booleans()), max_size=8).map(
    lambda found: [
        TreeFile("MANIFEST.json", MANIFEST),
        *(
            TreeFile(path, *value)
            for path, value in found.items()
            if not any(other.startswith(path + "/") for other in found)
        ),
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=TREES, new=TREES)
def test_any_tree_becomes_any_other(tmp_path: Path, way: str, old: list[TreeFile], new: list[TreeFile]) -> None:
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        root = Path(folder) / "site"
        write(root, old)
        assert snapshot(root) == wanted(old)
        found = compare(root, new)
        assert bool(found) == (wanted(old) != wanted(new))
        assert write(root, new) == found
        assert snapshot(root) == wanted(new)
        assert siblings(root) == []
