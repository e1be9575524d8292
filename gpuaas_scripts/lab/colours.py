"""The table of both colours: every check that a script declares, with the tests that saw it right and broken.

Declared are the words of `evidence_begin` in the rendered script, and every name that one of its runs has reported: a
run reports all checks that it declares. Seen is what the bats helpers recorded of its runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from gpuaas_scripts.checks.shell_calls import DYNAMIC
from gpuaas_scripts.checks.shell_facts import shfmt
from gpuaas_scripts.checks.shell_walk import text_of
from gpuaas_scripts.evidence.parse import SUMMARY, Line, Status, read_line
from gpuaas_scripts.run import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_REPORTS = {"evidence_pass": Status.PASS, "evidence_fail": Status.FAIL, "evidence_warn": Status.WARN}
_VARIABLE = re.compile(DYNAMIC + r"([A-Za-z_][A-Za-z0-9_]*)" + DYNAMIC)
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_FIRST = f"{DYNAMIC}1{DYNAMIC}"


@dataclass(frozen=True, slots=True)
class Declared:
    """A check of a script. `can_fail`: the script reports it by `evidence_fail`, as far as the text tells."""

    script: str
    check: str
    can_fail: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A check with the tests that saw it in each colour; `broken` is FAIL's, or WARN's of a check that cannot fail, and
    `right` is PASS's, or SKIP's of one that the script never calls right (what only the next boot shows).

    `silent` names tests in which it was broken and no remediation was told.
    """

    script: str
    check: str
    right: str = ""
    broken: str = ""
    silent: str = ""

    @property
    def complete(self) -> bool:
        """Whether it was seen in both colours, with a remediation each time it was broken."""
        return bool(self.right and self.broken and not self.silent)


def declared(script: str, text: str) -> list[Declared]:
    """The checks that the text of a rendered script tells, in their order; none for a script without evidence."""
    found = _read(text)
    fails, warns = found.reports[Status.FAIL], found.reports[Status.WARN]
    return [Declared(script, name, _can_fail(name, fails, warns)) for name in found.names]


def _can_fail(name: str, fails: set[str], warns: set[str]) -> bool:
    return name in fails or ("" in fails and name not in warns)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a script's text tells: its checks, those it reports by status ('': one that only running tells)."""

    names: tuple[str, ...]
    reports: dict[Status, set[str]]
    begins: bool


def _read(text: str) -> _Found:
    tree = msgspec.json.decode(run([shfmt(), "-ln", "posix", "--to-json"], stdin=text, timeout=60).stdout)
    calls: list[list[str]] = []
    values: dict[str, list[str]] = {}
    wrappers: dict[str, set[Status]] = {}
    for statement in tree.get("Stmts") or ():
        function = _function(statement)
        if function.startswith("evidence_"):  # its own calls are about any check
            continue
        own = [[text_of(word) for word in node.get("Args") or ()] for node in _nodes(statement) if _is_call(node)]
        calls += own
        passed_on = {
            _REPORTS[words[0]] for words in own if len(words) > 2 and words[0] in _REPORTS and words[2] == _FIRST
        }
        if function and passed_on:
            wrappers[function] = passed_on
        for node in _nodes(statement):
            for assign in node.get("Assigns") or ():
                values.setdefault(assign["Name"]["Value"], []).append(text_of(assign.get("Value") or {}))
    reports: dict[Status, set[str]] = {status: set() for status in _REPORTS.values()}
    for words in calls:
        for status, name in _reported(words, wrappers):
            reports[status].add(name if _NAME.match(name) else "")
    begun = [words for words in calls if words[:1] == ["evidence_begin"]]
    names = {name: None for words in begun for name in _words(words, values)}
    return _Found(tuple(names), reports, bool(begun))


def _reported(words: list[str], wrappers: Mapping[str, set[Status]]) -> Iterator[tuple[Status, str]]:
    """What one call reports: of evidence.sh's own functions, and of those that pass their first argument on to them."""
    if len(words) > 2 and words[0] in _REPORTS and words[2] != _FIRST:
        yield _REPORTS[words[0]], words[2]
    elif len(words) > 1:
        yield from ((status, words[1]) for status in wrappers.get(words[0], ()))


def _is_call(node: dict[str, Any]) -> bool:
    return node.get("Type") == "CallExpr" and bool(node.get("Args"))


def _function(statement: dict[str, Any]) -> str:
    command = statement.get("Cmd") or {}
    return str(command["Name"]["Value"]) if command.get("Type") == "FuncDecl" else ""


def _words(words: list[str], values: Mapping[str, list[str]]) -> Iterator[str]:
    """The names among the words of `evidence_begin`; what only running tells is left out."""
    for word in words[1:]:
        variable = _VARIABLE.fullmatch(word)
        for value in values.get(variable[1], []) if variable else [word]:
            yield from (name for name in value.split() if _NAME.match(name))


def _nodes(node: object) -> Iterator[dict[str, Any]]:
    todo = [node]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            yield one
            todo += reversed([value for value in one.values() if isinstance(value, (dict, list))])
        elif isinstance(one, list):
            todo += reversed(one)


def table(scripts: Mapping[str, str], evidence: Iterable[str]) -> list[Row]:
    """A row for each check of the scripts (file name to text).

    `evidence` are recorded lines, "script<TAB>shell<TAB>test<TAB>line" (`BatsResult.evidence`).
    """
    texts = {script: _read(text) for script, text in scripts.items()}
    rows = {(script, name): Row(script, name) for script, found in texts.items() for name in found.names}
    ran = set()
    for record in evidence:
        script, _, function, raw = record.split("\t", 3)
        test = _test_name(function)
        line = read_line(raw)
        if not isinstance(line, Line) or line.status is Status.INFO or line.check == SUMMARY or script not in texts:
            continue
        ran.add(script)
        key = script, line.check
        rows[key] = _with(rows.get(key, Row(*key)), line, test, texts[script].reports)
    never = [
        Row(script, "(all)")
        for script, found in texts.items()
        if found.begins and not found.names and script not in ran
    ]
    return [*rows.values(), *never]


def _test_name(function: str) -> str:
    """The name of a test, which bats-core writes as a function: `test_`, blanks as `_`, other characters as `-hh`."""
    words = function.removeprefix("test_").replace("_", " ")
    return re.sub(r"-([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), words)


def _with(row: Row, line: Line, test: str, reports: Mapping[Status, set[str]]) -> Row:
    right, broken, silent = row.right, row.broken, row.silent
    can_pass = bool({line.check, ""} & reports[Status.PASS])
    can_fail = _can_fail(line.check, reports[Status.FAIL], reports[Status.WARN])
    if line.status is Status.PASS or (line.status is Status.SKIP and not can_pass):
        right = right or test
    elif line.status is Status.FAIL or (line.status is Status.WARN and not can_fail):
        broken = broken or test
        silent = silent or ("" if line.remediation else test)
    return Row(row.script, row.check, right, broken, silent)


def as_text(rows: Iterable[Row]) -> str:
    """The table for people: script, check, and the test that saw each colour."""
    lines = [("script", "check", "seen right", "seen broken")]
    lines += [
        (row.script, row.check, row.right or "-", f"{row.broken or '-'}{' (no remediation)' if row.silent else ''}")
        for row in rows
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        "  ".join(part.ljust(width) for part, width in zip(line, (*widths, 0), strict=True)).rstrip() for line in lines
    )
