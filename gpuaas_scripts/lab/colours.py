"""The table of both colours: every check that a script declares, with the tests that saw it right and broken.

Declared are the words of `evidence_begin` in the rendered script, and every name that it reports by a literal
`evidence_pass`, `evidence_fail` or `evidence_warn`. Seen is what the bats helpers recorded of its runs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from gpuaas_scripts.checks.shell_calls import DYNAMIC
from gpuaas_scripts.checks.shell_facts import shfmt
from gpuaas_scripts.checks.shell_walk import text_of
from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.evidence.parse import Line, Status, read_line
from gpuaas_scripts.run import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_REPORTS = {"evidence_pass": Status.PASS, "evidence_fail": Status.FAIL, "evidence_warn": Status.WARN}
_VARIABLE = re.compile(DYNAMIC + r"([A-Za-z_][A-Za-z0-9_]*)" + DYNAMIC)
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Declared:
    """A check of a script. `can_fail`: the script reports it by `evidence_fail`, as far as the text tells."""

    script: str
    check: str
    can_fail: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A check with the tests that saw it in each colour; `broken` is FAIL's, or WARN's of a check that cannot fail.

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
    """The checks that a rendered script declares, in their order; none for a script without evidence.

    Raises GpuaasError where `evidence_begin` is given a name that cannot be told from the text.
    """
    tree = msgspec.json.decode(run([shfmt(), "-ln", "posix", "--to-json"], stdin=text, timeout=60).stdout)
    calls: list[list[str]] = []
    values: dict[str, list[str]] = {}
    for node in _nodes([one for one in tree.get("Stmts") or () if not _is_of_evidence(one)]):
        if node.get("Type") == "CallExpr":
            calls.append([text_of(word) for word in node.get("Args") or ()])
            for assign in node.get("Assigns") or ():
                values.setdefault(assign["Name"]["Value"], []).append(text_of(assign.get("Value") or {}))
    names = {name: None for words in calls if words[:1] == ["evidence_begin"] for name in _words(script, words, values)}
    reports: dict[Status, set[str]] = {status: set() for status in _REPORTS.values()}
    for words in calls:
        if len(words) > 2 and words[0] in _REPORTS:
            reports[_REPORTS[words[0]]].add(words[2] if _NAME.match(words[2]) else "")
    for name in sorted(set().union(*reports.values()) - {""}):
        names.setdefault(name)
    fails, warns = reports[Status.FAIL], reports[Status.WARN]
    return [Declared(script, name, name in fails or ("" in fails and name not in warns)) for name in names]


def _is_of_evidence(statement: dict[str, Any]) -> bool:
    """Whether it is a function of the fragment evidence, whose own calls are about any check."""
    command = statement.get("Cmd") or {}
    return command.get("Type") == "FuncDecl" and str(command["Name"]["Value"]).startswith("evidence_")


def _words(script: str, words: list[str], values: Mapping[str, list[str]]) -> Iterator[str]:
    for word in words[1:]:
        variable = _VARIABLE.fullmatch(word)
        for value in values.get(variable[1], [word]) if variable else [word]:
            for name in value.split():
                if not _NAME.match(name):
                    raise GpuaasError(
                        f"{script}: evidence_begin is given {name.replace(DYNAMIC, '$')!r}, which only running tells",
                        hint="name every check as a word, or in a variable that is set to words",
                    )
                yield name


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
    rows = {}
    for script, text in scripts.items():
        for check in declared(script, text):
            rows[script, check.check] = Row(script, check.check), check.can_fail
    for record in evidence:
        script, _, test, raw = record.split("\t", 3)
        line = read_line(raw)
        if isinstance(line, Line) and (script, line.check) in rows:
            row, can_fail = rows[script, line.check]
            rows[script, line.check] = _with(row, line, test, can_fail=can_fail), can_fail
    return [row for row, _ in rows.values()]


def _with(row: Row, line: Line, test: str, *, can_fail: bool) -> Row:
    right, broken, silent = row.right, row.broken, row.silent
    if line.status is Status.PASS:
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
