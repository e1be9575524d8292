"""A MAAS script with its metadata block, read as MAAS reads it, and the places to point at.

Source: MAAS 3.7 `maasserver.forms.script`, `ScriptForm._read_script`, and a running region: the block
starts at the first marker of version 1.0 after the first line, ends at the next one or with the file;
of each line what follows its first `#` is YAML 1.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import Finding, Location, Severity
from ..maas import fields as kinds
from .places import Place, Places, places
from .shell_calls import Calls, calls_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Text
    from .places import Path

_MARKER = re.compile(r"\s*#\s*-+\s*(Start|End) MAAS (?P<version>\d+\.\d+) script metadata\s+-+", re.IGNORECASE)
_NEARLY = re.compile(r"#.*\b(start|begin)\b.*\bmaas\b.*\bmetadata\b", re.IGNORECASE)
VERSION = "1.0"


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of the block: YAML text, and for each of its lines the script's line and the columns cut off.

    `start` is the line of the first marker, 0 without one; `end` that of the second, 0 without one. `bare` is the
    first line without `#`, at which MAAS gives up.
    """

    start: int = 0
    end: int = 0
    yaml: str = ""
    lines: tuple[int, ...] = ()
    cut: tuple[int, ...] = ()
    bare: int = 0


def block_of(content: str) -> Block:
    """The first block of version 1.0."""
    start = end = bare = 0
    found: list[tuple[int, int, str]] = []
    for number, line in enumerate(content.split("\n")[1:], 2):
        marker = _MARKER.search(line)
        if marker is not None:
            if marker["version"] != VERSION:
                continue
            if start:
                end = number
                break
            start = number
        elif start and line.strip():
            if "#" not in line:
                bare = number
                break
            before, rest = line.split("#", 1)
            found.append((number, len(before) + 1, rest.rstrip("\r")))
    if start and not end:
        end = _next_marker(content, bare)
    yaml = "".join(f"{rest}\n" for _, _, rest in found)
    return Block(start, end, yaml, tuple(one for one, _, _ in found), tuple(one for _, one, _ in found), bare)


def _next_marker(content: str, after: int) -> int:
    """The line of a marker behind the line at which reading ended; 0 without one."""
    if not after:
        return 0
    for number, line in enumerate(content.split("\n")[after:], after + 1):
        marker = _MARKER.search(line)
        if marker is not None and marker["version"] == VERSION:
            return number
    return 0


class Script:
    """One MAAS script: its text, block, metadata as plain data, and the commands of its body."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self._calls: Calls | None = None
        self.block = block_of(text.content)
        readable = bool(self.block.start) and not self.block.bare
        self.yaml: Places | None = places(self.block.yaml) if readable else None
        data = self.yaml.data if self.yaml is not None and self.yaml.broken is None else None
        self.data: dict[Any, Any] = data if isinstance(data, dict) else {}
        self.is_mapping = isinstance(data, dict)

    @property
    def name(self) -> str:
        """The name that the metadata gives; '' where there is none, or none that is text."""
        name = self.data.get("name")
        return name if isinstance(name, str) else ""

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags as MAAS takes them from a new script."""
        tags = self.data.get("tags")
        listed = tags.split(",") if isinstance(tags, str) else tags
        return tuple(tag.strip() for tag in listed if isinstance(tag, str)) if isinstance(listed, list) else ()

    @property
    def script_type(self) -> kinds.ScriptType | None:
        """When MAAS runs it; None where it refuses the value."""
        try:
            return kinds.script_type(self.data.get("script_type", "testing"))
        except ValueError:
            return None

    @property
    def hardware_type(self) -> kinds.HardwareType | None:
        """What it is about for MAAS; None where it refuses the value."""
        try:
            return kinds.hardware_type(self.data.get("hardware_type", "node"))
        except ValueError:
            return None

    def flag(self, field: str) -> bool:
        """A boolean field as MAAS reads it."""
        return kinds.flag(self.data.get(field, False))

    @property
    def runs_by_itself(self) -> bool:
        """Whether a commissioning for which nobody chose scripts runs it, on whatever machine."""
        if self.script_type is kinds.ScriptType.COMMISSIONING:
            return "noauto" not in self.tags and not self.data.get("for_hardware")
        return self.script_type is kinds.ScriptType.TESTING and "commissioning" in self.tags

    @property
    def victims(self) -> str:
        """Whom a script hits that MAAS cannot start."""
        if self.runs_by_itself:
            return "the commissioning of every machine is refused"
        return "every run that selects the script is refused"

    @property
    def calls(self) -> Calls:
        """The commands of the body; none where it is no shell, or cannot be parsed."""
        # No cached_property: that of Python 3.11 lets one thread at a time in, for all scripts together.
        if self._calls is None:
            self._calls = calls_of(self.text) or Calls()
        return self._calls

    def scalar(self, path: Path) -> str:
        """The text of a value as it is written, without quotes."""
        node = self.yaml.node(path) if self.yaml is not None else None
        return str(getattr(node, "value", ""))

    def is_quoted(self, path: Path) -> bool:
        """Whether a value is written in quotes."""
        node = self.yaml.node(path) if self.yaml is not None else None
        return bool(getattr(node, "style", None))

    def at(self, path: Path, *, key: bool = False) -> Location:
        """The place of a field: in script.yaml for a script of ours, else in the block."""
        artifact = self.text.artifact
        template = artifact.template if artifact is not None else None
        if template is not None:
            own = () if path[:1] == ("name",) else path
            return template.document.locate(("maas", *own), key=key or not own)
        if self.yaml is None:
            return self.text.origin(max(self.block.start, 1))
        return self.of_block(self.yaml.at(path, key=key))

    def of_block(self, place: Place) -> Location:
        """A place of the YAML text as a place of the script."""
        if not self.block.lines:
            return self.text.origin(max(self.block.start, 1))
        index = min(place.line, len(self.block.lines)) - 1
        column = place.column + self.block.cut[index] if place.line <= len(self.block.lines) else 1
        return self.text.origin(self.block.lines[index], column, place.length)

    def tell(
        self,
        code: str,
        message: str,
        path: Path,
        hint: str,
        *,
        key: bool = False,
        severity: Severity = Severity.ERROR,
    ) -> Finding:
        """A finding about a field."""
        return Finding(code, severity, message, self.at(path, key=key), hint)


def check_block(script: Script) -> Iterator[Finding]:
    """The block itself: there, closed, readable, a mapping, the only one."""
    text, block = script.text, script.block
    if not block.start:
        yield _no_block(text)
        return
    if block.bare or not block.end:
        yield _not_closed(text, block)
    elif script.yaml is not None and script.yaml.broken is not None:
        broken = script.yaml.broken
        message = f"the metadata is no YAML, and MAAS refuses the script: {broken.reason}"
        place = script.of_block(broken.place)
        yield Finding("GS421", Severity.ERROR, message, place, "mend the YAML at the place shown")
    elif not script.is_mapping:
        yield text.finding(
            "GS422",
            "MAAS ignores the metadata: it holds no `key: value` lines; the script becomes a testing script",
            block.start,
            hint="write the fields as `# key: value` lines",
        )
    yield from _later_blocks(text, block)


def _no_block(text: Text) -> Finding:
    for number, line in enumerate(text.content.split("\n"), 1):
        marker = _MARKER.search(line)
        if marker is not None:
            why = "it is on the first line" if number == 1 else f"version {marker['version']} is none that MAAS knows"
        elif _NEARLY.search(line):
            why = "this line is no marker"
        else:
            continue
        message = f"MAAS ignores the metadata: {why}; the script becomes a testing script"
        return text.finding("GS422", message, number, hint="# --- Start MAAS 1.0 script metadata --- starts the block")
    return text.finding(
        "GS420",
        "no MAAS metadata: the name is that of the upload, and the API makes it a testing script",
        1,
        hint="add a block with name and script_type",
        severity=Severity.WARNING,
    )


def _not_closed(text: Text, block: Block) -> Finding:
    if block.end:
        message = "a line of the metadata without #: MAAS refuses the script"
        return text.finding("GS421", message, block.bare, hint="start the line with #, or move it behind the block")
    if block.bare:
        message = (
            f"the metadata has no end: MAAS reads on, and refuses the script at line {block.bare} for its lack of #"
        )
    else:
        message = "the metadata has no end: MAAS reads every comment up to the end of the file as YAML"
    return text.finding("GS421", message, block.start, hint="# --- End MAAS 1.0 script metadata --- closes the block")


def _later_blocks(text: Text, block: Block) -> Iterator[Finding]:
    if not block.end:
        return
    for number, line in enumerate(text.content.split("\n")[block.end :], block.end + 1):
        marker = _MARKER.search(line)
        if marker is not None and marker[1].lower() == "start":
            message = "a second metadata block: MAAS reads the first one only"
            yield text.finding(
                "GS422", message, number, hint="move its fields into the first", severity=Severity.WARNING
            )
