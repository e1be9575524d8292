"""Which programs a host has: those of a server cloud image, and what packages bring (data/programs.json)."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PurePosixPath

_DATA = Path(__file__).parent / "data" / "programs.json"
_SYSTEM_FOLDERS = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")
_BUILTINS = frozenset(
    [
        ".",
        ":",
        "[",
        "alias",
        "bg",
        "cd",
        "command",
        "echo",
        "eval",
        "exec",
        "exit",
        "export",
        "false",
        "fg",
        "getopts",
        "hash",
        "jobs",
        "kill",
        "let",
        "local",
        "printf",
        "pwd",
        "read",
        "readonly",
        "return",
        "set",
        "shift",
        "source",
        "test",
        "times",
        "trap",
        "true",
        "type",
        "ulimit",
        "umask",
        "unalias",
        "unset",
        "wait",
    ]
)


@dataclass(frozen=True, slots=True)
class Known:
    """The table: paths in a cloud image; package pattern to paths; name to paths and patterns."""

    base: frozenset[str]
    packages: dict[str, tuple[str, ...]]
    paths: dict[str, frozenset[str]]
    brings: dict[str, tuple[str, ...]]


@cache
def known() -> Known:
    """The table, read once."""
    data = json.loads(_DATA.read_text("utf-8"))
    paths: dict[str, set[str]] = {}
    brings: dict[str, list[str]] = {}
    for path in data["base"]:
        paths.setdefault(path.rpartition("/")[2], set()).add(path)
    for package, programs in data["packages"].items():
        for path in programs:
            name = path.rpartition("/")[2]
            paths.setdefault(name, set()).add(path)
            brings.setdefault(name, []).append(package)
    return Known(
        frozenset(data["base"]),
        {package: tuple(programs) for package, programs in data["packages"].items()},
        {name: frozenset(found) for name, found in paths.items()},
        {name: tuple(sorted(found)) for name, found in brings.items()},
    )


def is_builtin(name: str) -> bool:
    """Whether every shell has it by itself."""
    return name in _BUILTINS


def in_image(name: str) -> bool:
    """Whether a cloud image has a program of that name."""
    return any(path in known().base for path in known().paths.get(name, ()))


def packages_of(name: str) -> tuple[str, ...]:
    """Patterns of the packages that bring the program; empty for one that is not known here."""
    return known().brings.get(name, ())


def brought_by(name: str, packages: Collection[str]) -> bool:
    """Whether one of `packages` brings the program."""
    return any(fnmatchcase(package, pattern) for pattern in packages_of(name) for package in packages)


def resembling(name: str) -> str | None:
    """A known program that `name` is probably a misspelling of; None for known and for unlike names."""
    if name in known().paths or len(name) < 5 or not name.isascii():
        return None
    close = difflib.get_close_matches(name, known().paths, n=1, cutoff=0.86)
    # Versions and families (python3.12, mkfs.ext5, iptables6) are no misspellings.
    return close[0] if close and not any(character.isdigit() or character == "." for character in name) else None


def misplaced(path: str) -> str | None:
    """Where the program is, when a known one is called by another path of the system's; else None."""
    folder, name = str(PurePosixPath(path).parent), PurePosixPath(path).name
    if folder not in _SYSTEM_FOLDERS:
        return None
    places = known().paths.get(name)
    full = path if path.startswith("/usr/") else f"/usr{path}"
    return None if places is None or full in places else min(places)


def is_system(path: str) -> bool:
    """Whether packages, and not people, put programs into the folder."""
    return path.startswith(("/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/", "/usr/lib/", "/lib/", "/usr/libexec/"))
