"""Helpers for the tests of single checks: texts from a mapping, cases without and with other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lint_support

from gpuaas_scripts.checks.base import Skip, Text, Tree
from gpuaas_scripts.checks.detect import kind_of
from gpuaas_scripts.checks.registry import check_of, owners

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from gpuaas_scripts.errors import Finding

BY_TOOL = {"GS470", "GS472", "GS473"}
"""Codes that only systemd-analyze can give; all others are found without any program but shfmt and dash."""


def tree(files: dict[str, str], modes: dict[str, str] | None = None) -> Tree:
    """Texts by path, as files given by path are."""
    texts = []
    for path, content in files.items():
        kind, target = kind_of(path, content)
        texts.append(Text(path, content, kind, target, (modes or {}).get(path, "")))
    return Tree(tuple(texts))


def found(check: str, files: dict[str, str]) -> list[Finding]:
    """What one check finds in texts by path; skips are left out."""
    return [one for one in check_of(check)(tree(files)) if not isinstance(one, Skip)]


def skips(check: str, files: dict[str, str]) -> list[Skip]:
    """What one check could not look at."""
    return [one for one in check_of(check)(tree(files)) if isinstance(one, Skip)]


def cases(*prefixes: str) -> list[Path]:
    """The cases of tests/lint/ whose names begin so."""
    return [case for case in lint_support.folders() if case.name.startswith(prefixes)]


def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without cloud-init, netplan, dnsmasq, udevadm and systemd-analyze."""
    from gpuaas_scripts.checks import netplan, tools

    monkeypatch.setattr(tools, "find", lambda name: None)
    monkeypatch.setattr(netplan, "GENERATORS", ())


def judge(case: Path, checks: tuple[str, ...], *, with_tools: bool = False) -> None:
    """Every expected finding of these checks is there, and no other one of theirs.

    Without `with_tools`, those that need another program are left out.
    """
    listed = lint_support.expected(case)["findings"]
    wanted = {(one["code"], one["at"]) for one in listed if with_tools or one["code"] not in BY_TOOL}
    texts, _ = lint_support.tree(case)
    told = {
        (one.code, str(one.location)) for name in checks for one in check_of(name)(texts) if not isinstance(one, Skip)
    }
    mine = {(code, at) for code, at in wanted if set(checks) & owners(code)}
    assert told == mine


def program(folder: Path, name: str, script: str) -> str:
    """A program that runs `script`; its path."""
    place = folder / name
    place.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    place.chmod(0o755)
    return str(place)
