"""A unit file as lines, sections and settings with their places, and what is wrong with its form."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .base import Text

_SECTIONS = {
    "service": {"Service"},
    "socket": {"Socket"},
    "mount": {"Mount"},
    "automount": {"Automount"},
    "swap": {"Swap"},
    "path": {"Path"},
    "timer": {"Timer"},
    "slice": {"Slice"},
    "scope": {"Scope"},
    "target": set(),
}
_EXEC = {"ExecStart", "ExecStartPre", "ExecStartPost", "ExecStop", "ExecStopPost", "ExecReload", "ExecCondition"}
_NEEDS = {"Requires", "Requisite", "BindsTo", "Wants", "Upholds", "PartOf", "After", "Before"}
_PREFIXES = "@-:+!|"
_SHELL = re.compile(r"(?:^|\s)(\|\|?(?=\s)|&&(?=\s)|&(?=\s*$)|\d?>>?(?:&\d)?|<(?=\s|/))|(\$\(|`)")
_UNIT_NAME = re.compile(r"[A-Za-z0-9@_.:\\-]+\.(?:service|socket|target|timer|path|mount|automount|swap|slice)")


@dataclass(frozen=True, slots=True)
class Setting:
    """One `key=value` with the section and the place of its value; continued lines are joined."""

    section: str
    key: str
    value: str
    line: int
    column: int

    @property
    def program(self) -> str:
        """The program of a command line, without systemd's prefixes."""
        words = self.value.lstrip(_PREFIXES).split()
        return words[0].strip("\"'") if words else ""

    @property
    def may_fail(self) -> bool:
        """Whether a failure to start is no failure of the unit (prefix `-`)."""
        rest = self.value
        return "-" in rest[: len(rest) - len(rest.lstrip(_PREFIXES))]


@dataclass
class UnitFile:
    """A unit file. `place` is its absolute path on the host; `name` the unit that it belongs to."""

    text: Text
    name: str
    place: str
    drop_in: bool
    sections: list[tuple[str, int]] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    bad: list[tuple[str, str, int, int]] = field(default_factory=list)

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.content.split("\n")

    @property
    def commands(self) -> list[Setting]:
        """The command lines, without those that only reset the list."""
        return [one for one in self.settings if one.key in _EXEC and one.value]

    @property
    def needs(self) -> list[str]:
        """Units that the distribution has to have, as far as systemd does not say they are missing.

        A name of `Requires=` and the like that is no unit of the tree is known only for distribution units.
        """
        found: list[str] = []
        for one in self.settings:
            if one.key in _NEEDS:
                found += [name for name in _UNIT_NAME.findall(one.value) if name in distribution()["units"]]
        return found

    def has(self, section: str) -> bool:
        """Whether the file has a section of that name."""
        return any(name == section for name, _ in self.sections)

    def line(self, number: int) -> str:
        """A line by its number from 1."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def mention(self, word: str) -> tuple[int, int]:
        """The first setting that names `word`; (1, 1) where none does."""
        for one in self.settings:
            at = one.value.find(word)
            if at >= 0:
                return one.line, one.column + at
        return 1, 1

    def about(self, message: str) -> tuple[int, int]:
        """The setting that a message without a line number is about."""
        for key in re.findall(r"\b([A-Z][A-Za-z]+)=", message):
            for one in reversed(self.settings):
                if one.key == key:
                    return one.line, 1
        for name, number in self.sections:
            if name not in ("Unit", "Install"):
                return number, 1
        return 1, 1


@cache
def distribution() -> dict[str, list[str]]:
    """Units that packages of a GPU host bring, and targets of systemd: there when a unit of ours names them."""
    data: dict[str, list[str]] = json.loads((Path(__file__).parent / "data" / "units.json").read_text("utf-8"))
    return data


def read(text: Text) -> UnitFile:
    """The unit file of a text; what is wrong with its lines is in `bad`."""
    place = text.target or f"/etc/systemd/system/{text.path.rsplit('/', 1)[-1]}"
    name = place.rsplit("/", 1)[-1]
    folder = place.rsplit("/", 2)[-2]
    drop_in = folder.endswith(".d") and name.endswith(".conf")
    if not text.target and text.path.endswith(".conf") and "/" in text.path:  # a drop-in given outside of a tree
        parts = text.path.split("/")
        place = f"/etc/systemd/system/{parts[-2]}/{parts[-1]}"
        folder, drop_in = parts[-2], parts[-2].endswith(".d")
    unit = UnitFile(text, folder.removesuffix(".d") if drop_in else name, place, drop_in)
    _fill(unit)
    return unit


def _fill(unit: UnitFile) -> None:
    section = ""
    number = 0
    while number < len(unit.lines):
        line = unit.lines[number]
        number += 1
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        start = number
        value_parts = [stripped]
        while value_parts[-1].endswith("\\") and number < len(unit.lines):
            following = unit.lines[number].strip()
            number += 1
            if following[:1] in ("#", ";"):  # comments between continued lines are skipped (systemd.syntax(7))
                continue
            value_parts[-1] = value_parts[-1][:-1].rstrip()
            value_parts.append(following)
        joined = " ".join(value_parts)
        if joined.startswith("["):
            section = _section(unit, joined, start)
        elif "=" not in joined:
            unit.bad.append((f"no `=` in {joined.split()[0]!r}: systemd ignores the line", "write key=value", start, 1))
        elif not section:
            unit.bad.append(("a setting before the first [section]: systemd ignores it", "move it below one", start, 1))
        else:
            key, _, value = joined.partition("=")
            column = line.index("=") + 2 if "=" in line else 1
            while column <= len(line) and line[column - 1 : column].isspace():
                column += 1
            unit.settings.append(Setting(section, key.strip(), value.strip(), start, column))


def _section(unit: UnitFile, line: str, number: int) -> str:
    if not line.endswith("]"):
        unit.bad.append((f"{line!r} is no section: systemd ignores the file", "write [Name]", number, 1))
        return ""
    name = line[1:-1]
    unit.sections.append((name, number))
    return name


def form_findings(unit: UnitFile) -> Iterator[Finding]:
    """What is wrong with sections, lines and command lines; needs no systemd."""
    for message, hint, line, column in unit.bad:
        yield unit.text.finding("GS474", message, line, column, hint=hint)
    kind = unit.name.rpartition(".")[2]
    known = {"Unit", "Install", *_SECTIONS.get(kind, set())}
    for name, number in unit.sections:
        if name not in known and not name.startswith("X-"):
            message = f"a {kind} unit has no section [{name}]: systemd ignores all below it"
            hint = f"must be one of {', '.join(f'[{one}]' for one in sorted(known))}"
            yield unit.text.finding("GS474", message, number, 1, hint=hint, length=len(name) + 2)
    own = _SECTIONS.get(kind, set())
    if (
        own
        and not unit.drop_in
        and not any(unit.has(one) for one in own)
        and all(name in known for name, _ in unit.sections)
    ):
        yield unit.text.finding("GS474", f"no section [{min(own)}]: the unit does nothing", 1, hint=f"add [{min(own)}]")
    if unit.place.rsplit("/", 2)[-2].endswith(".d") and not unit.drop_in:
        message = "a drop-in's name must end in .conf: systemd does not read this file"
        yield unit.text.finding("GS474", message, 1, hint="rename it")
    for setting in unit.settings:
        yield from _comment(unit, setting)
    for setting in unit.commands:
        yield from _command(unit, setting)
    yield from _twice(unit)


def _comment(unit: UnitFile, setting: Setting) -> Iterator[Finding]:
    """A comment at the end of a line is part of the value."""
    found = re.search(r"\s[#;]\s", setting.value)
    if (
        found
        and setting.key not in _EXEC | {"Description", "Documentation"}
        and not setting.value.startswith(("'", '"'))
    ):
        at = setting.column + found.start() + 1 if setting.value in unit.line(setting.line) else setting.column
        message = f"a comment needs a line of its own: this one becomes part of {setting.key}="
        yield unit.text.finding("GS474", message, setting.line, at, hint="move it above the setting")


def _command(unit: UnitFile, setting: Setting) -> Iterator[Finding]:
    """Shell syntax in a command line, which systemd hands to the program as arguments."""
    bare = re.sub(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", lambda match: "q" * len(match[0]), setting.value)
    found = _SHELL.search(bare)
    if found is None:
        return
    sign = (found[1] or found[2]).strip()
    at = setting.column + found.start(1 if found[1] else 2)
    inside = setting.value in unit.line(setting.line)
    message = f"systemd runs no shell: {sign!r} becomes an argument of {setting.program}"
    hint = "put the line into a script, or write /bin/sh -c '…'"
    yield unit.text.finding(
        "GS474", message, setting.line, at if inside else setting.column, hint=hint, length=len(sign)
    )


def _twice(unit: UnitFile) -> Iterator[Finding]:
    """Settings of which the last one silently counts."""
    seen: dict[tuple[str, str], Setting] = {}
    single = {
        "Type",
        "Restart",
        "User",
        "Group",
        "WorkingDirectory",
        "RemainAfterExit",
        "TimeoutStartSec",
        "RestartSec",
    }
    for setting in unit.settings:
        key = (setting.section, setting.key)
        if setting.key in single and key in seen and seen[key].value and setting.value:
            message = f"{setting.key}= stands twice (first in line {seen[key].line}): the last one counts"
            yield unit.text.finding(
                "GS474", message, setting.line, 1, hint="keep one", length=len(setting.key), severity=Severity.WARNING
            )
        seen[key] = setting
