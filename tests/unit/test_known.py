"""A tree is known again only when it is just what the same sources gave before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support import Repository, gen, repository

from gpuaas_scripts.cache import Cache
from gpuaas_scripts.sinks import known

pytestmark = pytest.mark.process


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = repository(tmp_path / "repository")
    assert gen("render", "--site", "lab", root=made.root).code == 0
    return made


def loads(repo: Repository, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, bool]:
    """Exit code of a render, and whether it read the site's configuration at all."""
    seen = []
    from gpuaas_scripts.cli import rendering

    def load(*words: object, **options: object) -> object:
        seen.append(words)
        return original(*words, **options)  # type: ignore[arg-type]

    original = rendering.check
    monkeypatch.setattr(rendering, "check", load)
    code = gen("render", "--site", "lab", *arguments, root=repo.root).code
    monkeypatch.setattr(rendering, "check", original)
    return code, bool(seen)


def test_nothing_is_loaded_when_nothing_has_changed(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    assert loads(repo, monkeypatch) == (0, False)
    assert loads(repo, monkeypatch, "--check") == (0, False)


SPOILERS: dict[str, Callable[[Path], object]] = {
    "content": lambda tree: (tree / "nodes/n1/root/etc/gpuaas/node.env").write_text("x\n"),
    "missing": lambda tree: (tree / "nodes/n1/root/etc/gpuaas/node.env").unlink(),
    "mode": lambda tree: (tree / "nodes/n1/root/etc/gpuaas/node.env").chmod(0o755),
    "script mode": lambda tree: (tree / "maas/40-lab-inventory.sh").chmod(0o644),
    "extra file": lambda tree: (tree / "nodes/n1/extra").write_text("x"),
    "extra empty folder": lambda tree: (tree / "nodes/old").mkdir(),
    "symlink": lambda tree: (tree / "nodes/link").symlink_to("/etc"),
    "manifest": lambda tree: (tree / "MANIFEST.json").write_text("{}"),
    "manifest mode": lambda tree: (tree / "MANIFEST.json").chmod(0o755),
    "no manifest": lambda tree: (tree / "MANIFEST.json").unlink(),
    "leftover": lambda tree: (tree.parent / f".{tree.name}.staging").mkdir(),
}


@pytest.mark.parametrize("what", SPOILERS)
def test_a_tree_that_was_changed_is_not_taken_for_right(repo: Repository, what: str) -> None:
    SPOILERS[what](repo.root / "generated/lab")
    assert gen("render", "--site", "lab", "--check", root=repo.root).code == 3


NODES = "site-configs/nodes/lab"

CHANGES: dict[str, Callable[[Path], object]] = {
    "a node": lambda root: (root / "site-configs/nodes/lab/n3.yaml").write_text("profile: bare\ndescription: x\n"),
    "a new node": lambda root: (root / "site-configs/nodes/lab/n9.yaml").write_text("profile: bare\n"),
    "a renamed node": lambda root: (root / "site-configs/nodes/lab/n3.yaml").rename(
        root / "site-configs/nodes/lab/n4.yaml"
    ),
    "a template": lambda root: (root / "templates/lib/hello.sh").write_text(
        (root / "templates/lib/hello.sh").read_text().replace("hello %s", "good day %s")
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_the_sources_is_seen(repo: Repository, what: str) -> None:
    CHANGES[what](repo.root)
    assert gen("render", "--site", "lab", "--check", root=repo.root).code in (0, 3)
    ran = gen("render", "--site", "lab", "--verbose", root=repo.root)
    assert ran.code == 0
    if what != "a node":  # a description is in no artifact
        assert "nothing to do" not in ran.err


def test_the_digest_of_sources_sees_names_contents_and_words(tmp_path: Path) -> None:
    def whole(*places: Path, word: str = "x") -> bytes:
        return known.look(tmp_path / "nodes", places, [word]).whole

    (tmp_path / "nodes").mkdir()
    for folder in (tmp_path / "nodes", tmp_path / "shared"):
        folder.mkdir(exist_ok=True)
        (folder / "a").write_text("1")
        (folder / "b").write_text("2")
        first = whole(tmp_path / "shared")
        assert whole(tmp_path / "shared") == first
        assert whole(tmp_path / "shared", word="y") != first
        (folder / "b").write_text("3")
        changed = whole(tmp_path / "shared")
        assert changed != first
        (folder / "b").rename(folder / "c")
        assert whole(tmp_path / "shared") not in (first, changed)
    assert whole(tmp_path / "nowhere") == whole()


def test_a_nodes_file_changes_only_the_digest_of_that_node(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(name)
    before = known.look(tmp_path, [], [])
    (tmp_path / "b.yaml").write_text("other")
    after = known.look(tmp_path, [], [])
    assert after.shared == before.shared
    assert {path for path in after.nodes if after.nodes[path] != before.nodes[path]} == {str(tmp_path / "b.yaml")}


def test_sources_that_change_while_they_are_rendered_are_not_remembered(
    repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = repo.root / "site-configs/nodes/lab/n1.yaml"
    before = node.read_text()
    node.write_text(before.replace("10.30.0.1/16", "10.30.0.7/16"))
    original = known.look
    calls = []

    def look(*arguments: object) -> known.Sources:
        seen = original(*arguments)  # type: ignore[arg-type]
        calls.append(1)
        if len(calls) == 1:  # somebody edits the file before the render reads it
            node.write_text(before)
        return seen

    monkeypatch.setattr(known, "look", look)
    assert gen("render", "--site", "lab", root=repo.root).code == 0
    monkeypatch.setattr(known, "look", original)
    node.write_text(before.replace("10.30.0.1/16", "10.30.0.7/16"))
    assert loads(repo, monkeypatch) == (0, True)
    assert "10.30.0.7" in (repo.root / "generated/lab/nodes/n1/root/etc/lab/fabric").read_text()


def test_the_cache_keeps_by_content_and_check_and_survives_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = tmp_path / "check.py"
    source.write_text("1")
    cache = Cache("one", source)
    assert cache.get(b"content") is None
    cache.put(b"content", b"result")
    assert cache.get(b"content") == b"result"
    assert cache.get(b"other") is None
    assert Cache("two", source).get(b"content") is None
    changed = tmp_path / "changed.py"
    changed.write_text("2")
    assert Cache("one", changed).get(b"content") is None
    assert (cache.folder.stat().st_mode & 0o777) == 0o700
    monkeypatch.setenv("XDG_CACHE_HOME", str(source))  # a file in the way: no cache, and no error
    useless = Cache("one", source)
    useless.put(b"content", b"result")
    assert useless.get(b"content") is None
