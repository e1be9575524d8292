"""The comments of a text, by its format; what only looks like one (in a string, in a here-document) is none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import yaml

from ..cache import Cache
from ..run import CommandError, run
from .base import TextKind
from .shell_texts import beside, identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .base import Text

_SHELL = (TextKind.MAAS_SCRIPT, TextKind.SHELL, TextKind.GRUB, TextKind.NODE_ENV)
_YAML = (TextKind.CLOUD_CONFIG, TextKind.NETPLAN, TextKind.YAML)
_WHOLE_LINES = (TextKind.UNIT, TextKind.SYSCTL, TextKind.MODULES_LOAD, TextKind.MODPROBE, TextKind.UDEV)
"""Formats in which a comment takes a whole line (systemd.syntax(7), sysctl.d(5), modprobe.d(5), udev(7))."""
_ANY = re.compile(r"(?:^|(?<=\s))#.*")
_LINE = re.compile(r"^\s*([#;].*)")
_PARSE_TIMEOUT_S = 60


class Comment(msgspec.Struct, frozen=True):
    """One comment with its sign; `alone` on its line or after something; `embedded` in a text within the text."""

    line: int
    column: int
    text: str
    alone: bool
    embedded: bool = False


def comments(text: Text, holding: str = "") -> list[Comment]:
    """All comments of a text, in its order; with `holding` (no line break in it), only those that hold it."""
    if text.kind in _SHELL:
        return [one for one in _shell(text.content) if holding in one.text]
    if text.kind in _YAML:
        return yaml_comments(text.content, holding)
    if text.kind is TextKind.JSON:
        return []
    if text.kind in _WHOLE_LINES:
        return list(_lines(text.content, _LINE, holding))
    found = list(_lines(text.content, _ANY, holding))
    if text.kind is TextKind.USER_DATA:
        return [msgspec.structs.replace(one, embedded=True) for one in found]
    return found


def yaml_comments(content: str, holding: str = "") -> list[Comment]:
    """The comments of YAML; those within a scalar, such as a script in `write_files`, are embedded.

    With `holding`, only those that hold it.
    """
    found = list(_lines(content, _ANY, holding))
    if not found:
        return found
    try:
        scalars = [_span(token) for token in yaml.scan(content) if isinstance(token, yaml.ScalarToken)]
    except yaml.YAMLError:
        return found
    return [
        msgspec.structs.replace(one, embedded=True)
        if any(start <= (one.line, one.column) < end for start, end in scalars)
        else one
        for one in found
    ]


def rough_comments(content: str) -> list[Comment]:
    """Whatever looks like a comment: all comments, and some that are text in quotes or in a here-document."""
    return list(_lines(content, _ANY))


def _span(token: yaml.ScalarToken) -> tuple[tuple[int, int], tuple[int, int]]:
    start, end = token.start_mark, token.end_mark
    return (start.line + 1, start.column + 1), (end.line + 1, end.column + 1)


def _lines(content: str, pattern: re.Pattern[str], holding: str = "") -> Iterator[Comment]:
    for number, line in _numbered(content, holding) if holding else enumerate(content.split("\n"), 1):
        match = pattern.search(line)
        if match is not None and not (number == 1 and line.startswith("#!")):
            found = match[match.lastindex or 0]
            column = match.start(match.lastindex or 0) + 1
            if holding in found:
                yield Comment(number, column, found, not line[: column - 1].strip())


def _numbered(content: str, holding: str) -> Iterator[tuple[int, str]]:
    """The lines that hold a text, which is in few of them."""
    number, begin = 1, 0
    at = content.find(holding)
    while at >= 0:
        start = content.rfind("\n", 0, at) + 1
        number, begin = number + content.count("\n", begin, start), start
        end = content.find("\n", at)
        end = len(content) if end < 0 else end
        yield number, content[start:end]
        at = content.find(holding, end)


def _shell(content: str) -> list[Comment]:
    """From the syntax tree; of what cannot be parsed, or without shfmt, whatever looks like a comment."""
    program = beside("shfmt")
    if program is None:
        return rough_comments(content)
    cache = Cache("shell-comments", Path(__file__))
    key = f"{identity(program)}\0{content}".encode()
    kept = cache.get(key)
    if kept is not None:
        try:
            return msgspec.json.decode(kept, type=list[Comment])
        except msgspec.DecodeError:
            pass  # a damaged entry is as good as none
    try:
        done = run([program, "-ln", "auto", "--to-json"], stdin=content, timeout=_PARSE_TIMEOUT_S)
    except CommandError as error:
        if error.completed is None:
            raise
        return rough_comments(content)
    lines = content.split("\n")
    found = sorted(
        {_comment(node, lines) for node in _walk(msgspec.json.decode(done.stdout)) if not _is_shebang(node)}, key=_place
    )
    cache.put(key, msgspec.json.encode(found))
    return found


def _is_shebang(node: dict[str, Any]) -> bool:
    return bool(node["Hash"]["Offset"] == 0 and node.get("Text", "").startswith("!"))


def _place(comment: Comment) -> tuple[int, int]:
    return comment.line, comment.column


def _walk(node: object) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for item in node:
            yield from _walk(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "Comments" or (key == "Last" and isinstance(value, list)):
                yield from (one for one in value or () if "Hash" in one)
            if isinstance(value, (dict, list)):
                yield from _walk(value)


def _comment(node: dict[str, Any], lines: list[str]) -> Comment:
    """shfmt counts columns in bytes."""
    number = node["Hash"]["Line"]
    line = lines[number - 1]
    before = line.encode()[: node["Hash"]["Col"] - 1].decode(errors="replace")
    return Comment(number, len(before) + 1, f"#{node.get('Text', '')}".rstrip(), not before.strip())
