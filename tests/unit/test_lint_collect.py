"""Gathering files: whatever is named is looked at, or it is told why not; nothing odd ends in a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gpuaas_scripts.checks.base import Skip, TextKind
from gpuaas_scripts.checks.collect import tree_of_paths
from gpuaas_scripts.errors import Finding, GpuaasError


def test_a_folder_in_the_order_of_names_without_hidden_folders(tmp_path: Path) -> None:
    for name in ("b.sh", "a/z.yaml", "a/b.sh", ".git/hook.sh", "__pycache__/x.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x\n")
    tree, problems = tree_of_paths([tmp_path], tmp_path)
    assert [text.path for text in tree.texts] == ["b.sh", "a/b.sh", "a/z.yaml"]
    assert not problems


def test_a_file_named_twice_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_text("x\n")
    tree, _ = tree_of_paths([tmp_path / "a.sh", tmp_path, tmp_path / "." / "a.sh"], tmp_path)
    assert [text.path for text in tree.texts] == ["a.sh"]


def test_names_below_the_folder_are_relative_and_others_absolute(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.sh").write_text("")
    (tmp_path / "b.sh").write_text("")
    tree, _ = tree_of_paths([tmp_path / "in" / "a.sh", tmp_path / "b.sh"], tmp_path / "in")
    assert [text.path for text in tree.texts] == ["a.sh", str(tmp_path / "b.sh")]


def test_the_mode_is_that_of_the_file_where_it_is_one_of_the_host(tmp_path: Path) -> None:
    file = tmp_path / "nodes/n/root/etc/netplan/60-x.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("")
    file.chmod(0o640)
    (tmp_path / "a.sh").write_text("")
    tree, _ = tree_of_paths([tmp_path], tmp_path)
    assert {text.path: text.mode for text in tree.texts} == {"nodes/n/root/etc/netplan/60-x.yaml": "0640", "a.sh": ""}


def test_a_missing_path(tmp_path: Path) -> None:
    with pytest.raises(GpuaasError, match="no such file or folder"):
        tree_of_paths([tmp_path / "gone"], tmp_path)


def test_a_folder_that_holds_itself(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a.sh").write_text("x\n")
    tree, problems = tree_of_paths([tmp_path], tmp_path)
    assert [text.path for text in tree.texts] == ["a.sh"]
    assert not problems


def test_a_link_to_itself_and_one_to_nowhere(tmp_path: Path) -> None:
    (tmp_path / "self.sh").symlink_to("self.sh")
    (tmp_path / "gone.sh").symlink_to("nowhere")
    tree, problems = tree_of_paths([tmp_path], tmp_path)
    assert not tree.texts
    assert [(one.code, str(one.location)) for one in problems if isinstance(one, Finding)] == [
        ("GS404", "gone.sh"),
        ("GS404", "self.sh"),
    ]
    with pytest.raises(GpuaasError, match="no such file"):
        tree_of_paths([tmp_path / "self.sh"], tmp_path)


def test_a_file_and_a_folder_without_the_right_to_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so the refusal is made up."""
    (tmp_path / "a.sh").write_text("x\n")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    (problem,) = tree_of_paths([tmp_path], tmp_path)[1]
    assert isinstance(problem, Finding)
    assert (problem.code, problem.message) == ("GS404", "cannot be read: Permission denied")

    def scandir(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "scandir", scandir)
    (problem,) = tree_of_paths([tmp_path], tmp_path.parent)[1]
    assert isinstance(problem, Finding)
    assert (problem.code, str(problem.location)) == ("GS404", tmp_path.name)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.sh")
    tree, problems = tree_of_paths([tmp_path], tmp_path)
    assert not tree.texts
    assert problems == [Skip("reading", "pipe.sh: not a regular file")]


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "firmware.bin").write_bytes(b"\x7fELF\0\xff")
    (tmp_path / "50-x.sh").write_bytes(b"#!/bin/sh\n# Gr\xfc\xdfe\n")
    (tmp_path / "nul.sh").write_bytes(b"#!/bin/sh\n\0\xff")
    tree, problems = tree_of_paths([tmp_path], tmp_path)
    assert not tree.texts
    assert Skip("reading", "firmware.bin: not a text") in problems
    found = {str(one.location): one.code for one in problems if isinstance(one, Finding)}
    assert found == {"50-x.sh:2:1": "GS405", "nul.sh:2:1": "GS405"}


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    with (tmp_path / "disk.sh").open("wb") as file:
        file.truncate(9 << 20)
    assert tree_of_paths([tmp_path], tmp_path)[1] == [Skip("reading", "disk.sh: larger than 8 MiB")]


def test_an_empty_file_is_a_text(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_bytes(b"")
    (text,) = tree_of_paths([tmp_path], tmp_path)[0].texts
    assert (text.kind, text.content) == (TextKind.SHELL, "")


def test_parts_of_templates_are_left_to_the_site(tmp_path: Path) -> None:
    for name in (
        "lib/a.sh",
        "scripts/s/body.sh",
        "scripts/s/part.sh",
        "scripts/s/script.yaml",
        "units/u/unit.j2",
        "other/c.sh",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x: 1\n")
    tree, problems = tree_of_paths([tmp_path], tmp_path)
    assert [text.path for text in tree.texts] == ["other/c.sh", "scripts/s/script.yaml"]
    assert [one.reason.split(":")[0] for one in problems if isinstance(one, Skip)] == [
        "lib/a.sh",
        "scripts/s/body.sh",
        "scripts/s/part.sh",
        "units/u/unit.j2",
    ]
