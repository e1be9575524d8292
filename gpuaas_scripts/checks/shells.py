"""Every script is parsed by every shell that is there: a host's /bin/sh is not always the one at hand.

dash is Debian's and Ubuntu's, busybox ash that of initramfs and small images; mksh and yash are the
strict ones. `-n` reads the whole script and runs nothing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ..cache import Cache
from ..errors import Finding
from ..run import run
from .base import Skip
from .shell_texts import Dialect, identity, on_all_cores, scripts, written
from .tools import find

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .base import Text, Tree


class Shell(NamedTuple):
    """A shell: the name shown, how to let it parse a file, and the Debian package that has it."""

    name: str
    argv: tuple[str, ...]
    package: str


SHELLS = (
    Shell("dash", ("dash", "-n"), "dash"),
    Shell("busybox ash", ("busybox", "ash", "-n"), "busybox"),
    Shell("bash", ("bash", "-n"), "bash"),
    Shell("mksh", ("mksh", "-n"), "mksh"),
    Shell("yash", ("yash", "-n"), "yash"),
)
"""The shells that a POSIX script must parse under."""

_OF = {Dialect.POSIX: SHELLS, Dialect.BASH: SHELLS[2:3], Dialect.KSH: SHELLS[3:4]}
_TIMEOUT_S = 60.0
_PLACE = re.compile(r"^(?:[\w ]+: )?(?P<file>\S+?)(?:\[(?P<mksh>\d+)\]|: (?:line )?(?P<line>\d+)|:(?P<yash>\d+)): *")


class Refusal(msgspec.Struct, frozen=True):
    """A shell that cannot parse a script: its name, the line (from 1) and what it says."""

    shell: str
    line: int
    message: str


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """One finding for each script that a shell cannot parse."""
    found = scripts(tree)
    wanted = {shell for language, _ in found for shell in _OF[language]}
    there = {shell: program for shell in SHELLS if shell in wanted and (program := find(shell.argv[0]))}
    for shell in SHELLS:
        if shell in wanted and shell not in there:
            yield Skip("shells", f"{shell.name} is not installed", shell.package)
    keys = list(found)
    for key, refusals in zip(keys, _answers(keys, there), strict=True):
        if refusals:
            for text in found[key]:
                yield _finding(text, refusals)


def _finding(text: Text, refusals: Sequence[Refusal]) -> Finding:
    """One finding, where the first shell complains: the others mean the same mistake, perhaps at another line."""
    first = refusals[0]
    lines = text.content.split("\n")
    line = min(max(first.line, 1), len(lines))
    column = len(lines[line - 1]) - len(lines[line - 1].lstrip()) + 1
    names = ", ".join(one.shell for one in refusals)
    return text.finding(
        "GS410",
        f"cannot be parsed by {names}: {first.message}",
        line,
        column,
        hint="write what all POSIX shells understand, or name the shell that it is for in the first line",
    )


def _answers(keys: list[tuple[Dialect, str]], there: dict[Shell, str]) -> list[tuple[Refusal, ...]]:
    cache = Cache("shells", Path(__file__))
    salts = {
        language: "\0".join(f"{shell.name}={identity(there[shell])}" for shell in shells if shell in there)
        for language, shells in _OF.items()
    }

    def answer(key: tuple[Dialect, str]) -> tuple[Refusal, ...]:
        language, content = key
        where = f"{salts[language]}\0{content}".encode("utf-8", "surrogateescape")
        kept = cache.get(where)
        if kept is not None:
            try:
                return msgspec.json.decode(kept, type=tuple[Refusal, ...])
            except msgspec.DecodeError:
                pass  # a damaged entry is as good as none
        with written([content]) as (path,):
            asked = [_ask(shell, there[shell], path) for shell in _OF[language] if shell in there]
        refusals = tuple(one for one in asked if one is not None)
        cache.put(where, msgspec.json.encode(refusals))
        return refusals

    return on_all_cores(answer, keys)


def _ask(shell: Shell, program: str, path: str) -> Refusal | None:
    done = run([program, *shell.argv[1:], path], timeout=_TIMEOUT_S, check=False)
    if done.returncode == 0 and not done.stderr.strip():
        return None
    said = next((line for line in done.stderr.splitlines() if line.strip()), f"exit status {done.returncode}")
    match = _PLACE.match(said)
    if match is None:
        return Refusal(shell.name, 1, said)
    line = int(match["mksh"] or match["line"] or match["yash"])
    return Refusal(shell.name, line, said[match.end() :].strip())
