"""Only nodes that have changed are rendered again, and the tree is the same as if all were."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Environment, Repository, gen, repository

from gpuaas_scripts.config.layers import SourceFile
from gpuaas_scripts.config.loader import Loader
from gpuaas_scripts.config.source import Document

pytestmark = pytest.mark.process


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    made = repository(tmp_path / "repository")
    assert run(made) == 0
    return made


def run(repo: Repository, *arguments: str, cache: str = "cache") -> int:
    """The exit code of a render with a cache of its own."""
    environment: Environment = {"XDG_CACHE_HOME": str(repo.root.parent / cache)}
    return gen("render", "--site", "lab", *arguments, root=repo.root, env=environment).code


def tree(place: Path) -> dict[str, bytes]:
    return {path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def rendered(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Render into a new tree, and return the nodes whose files were looked at.

    The tree has to be the same as one that is rendered with nothing kept.
    """
    seen = []
    original = Loader._load_node

    def load(self: Loader, name: str, file: SourceFile, document: Document) -> object:
        seen.append(name)
        return original(self, name, file, document)

    shutil.rmtree(repo.root / "generated/lab", ignore_errors=True)
    with monkeypatch.context() as patch:
        patch.setattr(Loader, "_load_node", load)
        assert run(repo) == 0
    whole, nothing = repo.root.parent / "whole", repo.root.parent / "nothing"
    shutil.rmtree(nothing, ignore_errors=True)
    assert run(repo, "--output", str(whole), cache="nothing") == 0
    assert tree(repo.root / "generated/lab") == tree(whole / "lab")
    return sorted(seen)


def test_what_has_not_changed_is_not_rendered_again(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendered(repo, monkeypatch) == []


NODES = "site-configs/nodes/lab"
WITH_FABRIC = "profile: worker\nnetwork: {fabric: {address: 10.30.0.3/16}}\n"

CHANGES: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "a node": (lambda root: (root / NODES / "n3.yaml").write_text(WITH_FABRIC), ["n3"]),
    "a new node": (lambda root: (root / NODES / "n9.yaml").write_text("profile: bare\n"), ["n9"]),
    "a renamed node": (lambda root: (root / NODES / "n3.yaml").rename(root / NODES / "n4.yaml"), ["n4"]),
    "a removed node": (lambda root: (root / NODES / "n1.yaml").unlink(), []),
    "a copy beside it": (lambda root: (root / NODES / "n1.yaml~").write_text("profile: bare\n"), []),
    "the site": (lambda root: append(root / "site-configs/sites/lab.yaml", "# more\n"), ["n1", "n2", "n3"]),
    "the class": (lambda root: append(root / "site-configs/hardware/box.yaml", "# more\n"), ["n1", "n2", "n3"]),
    "a template": (lambda root: append(root / "templates/lib/hello.sh", "# more\n"), ["n1", "n2", "n3"]),
}


def append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


@pytest.mark.parametrize("what", CHANGES)
def test_what_has_changed_is_rendered_again(repo: Repository, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    change, nodes = CHANGES[what]
    change(repo.root)
    assert rendered(repo, monkeypatch) == nodes
    assert rendered(repo, monkeypatch) == []


def test_a_value_of_a_kept_node_is_still_its_alone(repo: Repository) -> None:
    (repo.root / NODES / "n3.yaml").write_text("profile: bare\nhostname: n1\n")
    ran = gen("render", "--site", "lab", root=repo.root, env={"XDG_CACHE_HOME": str(repo.root.parent / "cache")})
    assert ran.code == 2
    assert "GS234" in ran.err


def test_what_is_kept_is_not_trusted_when_it_is_damaged(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    [kept] = (repo.root.parent / "cache/gpuaas-gen/nodes").iterdir()
    kept.write_bytes(kept.read_bytes()[:-20])
    assert rendered(repo, monkeypatch) == ["n1", "n2", "n3"]


def test_nodes_of_another_profile_are_not_mixed_up(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo.root / NODES / "n3.yaml").write_text(WITH_FABRIC.replace("worker", "bare"))
    output = repo.root.parent / "switched"
    assert run(repo, "--assume-profile", "n3=worker", "--output", str(output)) == 0
    assert (output / "lab/nodes/n3/root/etc/lab/fabric").is_file()
    assert rendered(repo, monkeypatch) == ["n3"]
    assert not (repo.root / "generated/lab/nodes/n3/root/etc/lab/fabric").exists()


def test_what_does_not_fit_is_rendered_each_time(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(repo.root.parent / "cache")
    monkeypatch.setattr("gpuaas_scripts.cli.kept._LARGEST", 0)
    assert rendered(repo, monkeypatch) == rendered(repo, monkeypatch) == ["n1", "n2", "n3"]
    monkeypatch.setattr("gpuaas_scripts.cli.kept._LARGEST", 1 << 20)
    assert rendered(repo, monkeypatch) == ["n1", "n2", "n3"]
    assert rendered(repo, monkeypatch) == []
