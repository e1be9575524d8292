"""udev rules: keys, operators, quotes, continued lines and labels; and udevadm's own opinion.

Facts: udev(7) and udev-rules.c of systemd 257; `udevadm verify` is there since systemd 254.
"""

from __future__ import annotations

import difflib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Severity
from ..run import run
from . import tools
from .base import Skip, TextKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .base import Text, Tree

NAME = "udev"
_MATCH = {"==", "!="}
_ASSIGN = {"=", "+=", ":=", "-="}
_SET = {"=", ":="}
_KEYS: dict[str, tuple[set[str], bool]] = {
    # key: operators, and whether it takes {something}
    **dict.fromkeys(
        ("ACTION", "DEVPATH", "KERNEL", "SUBSYSTEM", "DRIVER", "KERNELS", "SUBSYSTEMS", "DRIVERS", "TAGS", "RESULT"),
        (_MATCH, False),
    ),
    "ATTRS": (_MATCH, True),
    "CONST": (_MATCH, True),
    "TEST": (_MATCH, False),
    "PROGRAM": (_MATCH | {"=", ":=", "+="}, False),
    "IMPORT": (_MATCH | {"=", ":=", "+="}, True),
    "NAME": (_MATCH | _SET, False),
    "SYMLINK": (_MATCH | _ASSIGN, False),
    "TAG": (_MATCH | _ASSIGN, False),
    "ATTR": (_MATCH | {"="}, True),
    "SYSCTL": (_MATCH | {"="}, True),
    "ENV": (_MATCH | {"=", "+="}, True),
    "OWNER": (_SET | {"+="}, False),
    "GROUP": (_SET | {"+="}, False),
    "MODE": (_SET | {"+="}, False),
    "SECLABEL": (_SET | {"+="}, True),
    "RUN": (_ASSIGN, False),
    "LABEL": ({"="}, False),
    "GOTO": ({"="}, False),
    "OPTIONS": (_ASSIGN, False),
    "WAIT_FOR": (_SET, False),
    "WAIT_FOR_SYSFS": (_SET, False),
}
_IMPORTS = {"program", "builtin", "file", "db", "cmdline", "parent"}
_TOKEN = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)(\{[^}]*\})?\s*(==|!=|\+=|-=|:=|=)\s*([ei]{0,2}"(?:[^"\\]|\\.)*")')
_SHELL = re.compile(r"\|\|?|&&|;|(?<![-\w])>|<|`|\$\(")
_SAID = re.compile(r"^\S*?:(\d+):? (.*)$")


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule: its text with continued lines joined, and the line and column of each of its characters."""

    text: str
    starts: tuple[tuple[int, int], ...]

    def place(self, offset: int) -> tuple[int, int]:
        for start, line in reversed(self.starts):
            if offset >= start:
                return line, offset - start + 1
        return self.starts[0][1], 1


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """Findings of all udev rules."""
    texts = tree.of(TextKind.UDEV)
    if not texts:
        return
    program = tools.find("udevadm")
    version = tools.version(program, "--version") if program else ""
    can = version.split(" ")[0].isdigit() and int(version.split(" ")[0]) >= 254
    if not can:
        yield Skip(NAME, "udevadm cannot verify rules here (needs systemd 254): its own opinion is not heard", "udev")
    for text in texts:
        found = [*_file(text)]
        yield from found
        if program is not None and can:
            yield from _own_opinion(text, program, {finding.location.line for finding in found})


def _file(text: Text) -> Iterator[Finding]:
    labels: set[str] = set()
    jumps: list[tuple[str, int, int]] = []
    lines = text.content.split("\n")
    for number, line in enumerate(lines, 1):
        if re.search(r"\\[ \t]+$", line) and not line.lstrip().startswith("#"):
            message = "a blank after the backslash: the line is not continued"
            yield text.finding("GS480", message, number, len(line.rstrip()), hint="remove the blank")
    for rule in _rules(lines):
        yield from _rule(text, rule, labels, jumps)
    for label, number, column in jumps:
        if label not in labels:
            yield text.finding("GS480", f"no LABEL={label!r} in this file: the jump goes nowhere", number, column)


def _rules(lines: list[str]) -> Iterator[_Rule]:
    """Rules, with what a backslash at the end continues; comments between continued lines are skipped."""
    number = 0
    while number < len(lines):
        parts, starts, length = [], [], 0
        while True:
            line = lines[number]
            number += 1
            comment = line.lstrip().startswith("#")
            if not comment:
                body = re.sub(r"\\[ \t]*$", "", line)
                starts.append((length, number))
                parts.append(body)
                length += len(body)
            if comment and not parts:
                break
            if not (re.search(r"\\[ \t]*$", line) or comment) or number >= len(lines):
                break
        text = "".join(parts)
        if text.strip():
            yield _Rule(text, tuple(starts))


def _rule(text: Text, rule: _Rule, labels: set[str], jumps: list[tuple[str, int, int]]) -> Iterator[Finding]:
    def tell(
        offset: int, message: str, hint: str = "", length: int = 1, severity: Severity = Severity.ERROR
    ) -> Finding:
        line, column = rule.place(offset)
        return text.finding("GS480", message, line, column, hint=hint, length=length, severity=severity)

    at = len(rule.text) - len(rule.text.lstrip())
    matches = changes = 0
    while at < len(rule.text):
        token = _TOKEN.match(rule.text, at)
        if token is None:
            rest = rule.text[at:]
            yield tell(
                at,
                f'not KEY operator "value": udev ignores the whole rule from {rest.split(",")[0].strip()[:30]!r}',
                _why(rest),
            )
            return
        key, attribute, operator, value = token[1], token[2], token[3], token[4].lstrip("ei")[1:-1]
        problem = _token_problem(key, attribute, operator, value)
        if problem:
            yield tell(
                at + (token.start(3) - at if problem[2] else 0),
                problem[0],
                problem[1],
                len(operator) if problem[2] else len(key),
            )
        if key == "LABEL":
            labels.add(value)
        elif key == "GOTO":
            jumps.append((value, *rule.place(at)))
        if operator in _MATCH:
            matches += 1
        elif key != "LABEL":
            changes += 1
        at = token.end()
        gap = re.compile(r"[\s,]*").match(rule.text, at)
        assert gap is not None  # noqa: S101 - the pattern matches the empty text
        separator = gap[0]
        if gap.end() < len(rule.text) and separator.count(",") != 1:
            word = "no comma" if "," not in separator else "more than one comma"
            yield tell(at, f"{word} between two tokens", "write one comma", severity=Severity.WARNING)
        elif gap.end() == len(rule.text) and "," in separator:
            yield tell(at, "a comma at the end: was the line meant to go on?", "remove it", severity=Severity.WARNING)
        at = gap.end()
    if matches and not changes:
        yield tell(
            len(rule.text) - len(rule.text.lstrip()), "the rule changes nothing", "add what is to happen, or remove it"
        )


def _why(rest: str) -> str:
    if rest.count('"') % 2:
        return "the closing quote is missing"
    if re.match(r"[A-Za-z_]+(\{[^}]*\})?\s*(==|!=|\+=|-=|:=|=)\s*[^\"\s]", rest):
        return "put the value into double quotes"
    return 'such as KERNEL=="sd*"'


def _token_problem(key: str, attribute: str | None, operator: str, value: str) -> tuple[str, str, bool] | None:
    """What is wrong with a token: message, hint, and whether it is about the operator."""
    known = _KEYS.get(key)
    if known is None:
        close = difflib.get_close_matches(key.upper(), _KEYS, n=1)
        return f"no key {key!r}: udev ignores the whole rule", f"did you mean {close[0]}?" if close else "", False
    operators, braces = known
    if operator not in operators:
        if operators <= _MATCH:
            return f"{key}{operator} is no match: udev ignores the whole rule", f'write {key}=="…" to match', True
        what = (
            "udev warns and takes it for ="
            if "=" in operators and operator in _ASSIGN
            else "udev ignores the whole rule"
        )
        return f"{key} takes no {operator}: {what}", f'write {key}="…"', True
    if braces and not attribute:
        return f"{key} needs a name in braces", f"such as {key}{{name}}", False
    if key == "IMPORT" and attribute and attribute[1:-1] not in _IMPORTS:
        return f"no IMPORT{attribute}", f"one of {', '.join(sorted(_IMPORTS))}", False
    if (
        key == "MODE"
        and operator in _ASSIGN
        and "$" not in value
        and "%" not in value
        and not re.fullmatch(r"[0-7]{3,4}", value)
    ):
        return f"MODE {value!r} is no octal mode", 'such as "0660"', False
    if key == "RUN" and attribute != "{builtin}":
        program = re.sub(r"^program:|^socket:", "", value).split(" ")[0]
        if _SHELL.search(re.sub(r"'[^']*'|\\\"(?:[^\"])*\\\"", "", value)):
            return "udev runs no shell: redirections and operators become arguments", "call a script", False
        if (
            program
            and not program.startswith(("/", "$", "%"))
            and "." not in program
            and program in ("sh", "bash", "echo", "modprobe", "ip", "ethtool", "systemctl", "chmod", "chown", "logger")
        ):
            return (
                f"RUN {program!r} has no path: udev looks for it in /usr/lib/udev only",
                f"write the whole path of {program}",
                False,
            )
    return None


def _own_opinion(text: Text, program: str, told: set[int]) -> Iterator[Finding]:
    def ask() -> str:
        with tempfile.TemporaryDirectory(prefix="gpuaas-lint-") as folder:
            file = Path(folder) / "60-lint.rules"
            file.write_text(text.content, "utf-8")
            done = run([program, "verify", "--resolve-names=never", str(file)], timeout=tools.TIMEOUT, check=False)
            return done.stderr.replace(str(file), "rules")

    said = tools.remembered(NAME, Path(__file__), tools.version(program, "--version"), text.content, ask)
    for line in said.splitlines():
        placed = _SAID.match(line)
        if placed and int(placed[1]) not in told:
            told.add(int(placed[1]))
            style = placed[2].startswith("style:")
            message = f"udevadm: {placed[2].removeprefix('style: ').rstrip('.')}"
            severity = Severity.WARNING if style else Severity.ERROR
            yield text.finding("GS480", message, int(placed[1]), 1, severity=severity)
