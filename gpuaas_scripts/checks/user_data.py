"""User data as cloud-init gets it: known by its first line or its MIME headers, merged as declared, not too large.

Facts: cloud-init 25.1 (`cloudinit/handlers/__init__.py` INCLUSION_TYPES_MAP, `user_data.py`,
`handlers/cloud_config.py` MERGE_HEADER and DEF_MERGERS, `mergers/m_dict.py`, `m_list.py`). Parts are merged in
order, each by its own rule: key `merge_how`, else header `Merge-Type` (or `X-Merge-Type`), else
`dict(replace)+list()+str()`, by which a later part's key replaces the earlier one's.
"""

from __future__ import annotations

import email
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ..errors import Severity
from ..renderers.cloud_init import MAX_USER_DATA
from .base import Text, TextKind
from .cloud_merging import DEFAULT_RULE, lost_by, parse_rule
from .places import places
from .shapes import shape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

    from ..errors import Finding
    from .base import Tree

_CLOUD_CONFIG = "text/cloud-config"
_TYPES = {
    _CLOUD_CONFIG,
    *("text/x-shellscript", "text/x-shellscript-per-boot", "text/x-shellscript-per-instance"),
    *("text/x-shellscript-per-once", "text/cloud-boothook", "text/part-handler", "text/x-include-url"),
    *("text/x-include-once-url", "text/cloud-config-archive", "text/cloud-config-jsonp", "text/jinja2"),
    *("text/plain", "application/octet-stream", "text/x-not-multipart"),
}
_FIRST_LINES = ("#!", "#cloud-config", "#include", "#cloud-boothook", "#part-handler", "#upstart-job", "## template:")
_WARN_AT = MAX_USER_DATA * 3 // 4
_BOUNDARY = re.compile(r'^Content-Type:[^\n]*(?:\n[ \t][^\n]*)*?boundary="?([^"\s;]+)"?', re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Part:
    """A part: its headers and text, and the lines of the whole on which they begin."""

    headers: Message
    body: str
    header_line: int
    body_line: int

    @property
    def type(self) -> str:
        """The declared content type."""
        return self.headers.get_content_type()

    @property
    def name(self) -> str:
        """The part's file name, or its type."""
        return self.headers.get_filename() or self.type


def check(tree: Tree) -> Iterator[Finding]:
    """Findings of all user data of a tree: assembled ones, and single documents."""
    for text in tree.of(TextKind.CLOUD_CONFIG):
        yield from _size(text)
        if text.artifact is None:
            yield from _first_line(text)
    clean: set[tuple[tuple[Message, str], ...]] = set()  # equal headers are one object
    for text in tree.of(TextKind.USER_DATA):
        yield from _size(text)
        parts = list(_split(text.content))
        # A site's assembled texts are alike but for the last part's contents.
        key = tuple((part.headers, _form(part.body)) for part in parts) if text.artifact is not None else ()
        if key and key in clean:
            continue
        found = [*_well_formed(text, parts), *_merging(text, parts)]
        yield from found
        if not found:
            clean.add(key)


def cloud_config_parts(text: Text) -> Iterator[Text]:
    """The cloud-config documents inside of multi-part user data, as texts whose lines are those of the whole."""
    for part in _split(text.content):
        if part.type == _CLOUD_CONFIG and _encoding(part) in ("7bit", "8bit", ""):
            padded = "\n" * (part.body_line - 1) + part.body
            yield replace(text, content=padded, kind=TextKind.CLOUD_CONFIG)


@lru_cache(maxsize=16)
def _form(body: str) -> str:
    return shape(body)


def _size(text: Text) -> Iterator[Finding]:
    size = len(text.content.encode("utf-8", "surrogateescape"))
    if size > MAX_USER_DATA:
        hint = "fetch large files on the host, pinned by checksum, instead of embedding them"
        yield text.finding("GS467", f"{size} bytes of user data; at most {MAX_USER_DATA} are sent", 1, hint=hint)
    elif size > _WARN_AT:
        message = f"{size} bytes of user data, of {MAX_USER_DATA} that are sent"
        yield text.finding("GS467", message, 1, hint="look for what need not be in it", severity=Severity.WARNING)


def _first_line(text: Text) -> Iterator[Finding]:
    first = text.content.split("\n", 1)[0]
    if first.rstrip() == "#cloud-config" or first.startswith("## template: jinja"):
        return
    message = "the first line is not `#cloud-config`: cloud-init ignores the whole file"
    near = re.match(r"\s*#\s*cloud[-_ ]?config", first, re.IGNORECASE)
    hint = "write exactly `#cloud-config`" if near else "add the line `#cloud-config` at the very top"
    yield text.finding("GS468", message, 1, hint=hint)


@lru_cache(maxsize=4096)
def _headers(block: str) -> Message:
    return email.message_from_string(block + "\n")


def _split(content: str) -> Iterator[Part]:
    """The parts between the boundary's lines; nothing where there is no boundary."""
    found = _BOUNDARY.search(content.split("\n\n", 1)[0])
    if found is None:
        return
    pieces = list(_pieces(content, f"--{found[1]}"))
    line = 1 + pieces[0].count("\n")
    for piece in pieces[1:]:
        line += 1  # the boundary's own line
        if piece.strip() and ":" in piece.split("\n", 1)[0]:
            block, _, body = piece.partition("\n\n")
            yield Part(_headers(block), body, line, line + block.count("\n") + 2)
        line += piece.count("\n")


def _pieces(content: str, mark: str) -> Iterator[str]:
    """The text between lines that hold `mark`, or `mark--` (by find: a pattern of each text's own costs more)."""
    start, at = 0, content.find(mark)
    while at >= 0:
        end = content.find("\n", at)
        end = len(content) if end < 0 else end
        rest = content[at + len(mark) : end].rstrip(" \t")
        if rest in ("", "--") and (at == 0 or content[at - 1] == "\n"):
            yield content[start:at]
            start = end + 1
        at = content.find(mark, end)
    yield content[start:]


def _encoding(part: Part) -> str:
    return str(part.headers.get("Content-Transfer-Encoding", "")).strip().lower()


def _well_formed(text: Text, parts: list[Part]) -> Iterator[Finding]:
    whole = _headers(text.content.split("\n\n", 1)[0])
    if not text.content.lower().startswith(("mime-version:", "content-type:")):
        yield text.finding(
            "GS468",
            "the first line is no MIME header: cloud-init takes the text for something else",
            1,
            hint="begin with `Content-Type: multipart/mixed; boundary=…`",
        )
        return
    boundary = whole.get_boundary()
    if whole.get_content_maintype() != "multipart" or not boundary:
        message = "no multipart type with a boundary: cloud-init finds no parts"
        yield text.finding("GS468", message, 1, hint='declare `multipart/mixed; boundary="…"`')
        return
    if not parts:
        message = f"no part begins with --{boundary}: cloud-init finds nothing to do"
        yield text.finding("GS468", message, 1, hint="make the boundary in the header that of the parts")
        return
    if not re.search(rf"^--{re.escape(boundary)}--[ \t]*$", text.content, re.MULTILINE):
        last = text.content.count("\n") + (not text.content.endswith("\n"))
        message = "the closing boundary is missing: the text may have been cut off"
        yield text.finding("GS468", message, max(last, 1), hint=f"end it with --{boundary}--")
    for part in parts:
        yield from _part(text, part)


def _part(text: Text, part: Part) -> Iterator[Finding]:
    kind = part.type
    if "Content-Type" not in part.headers or kind not in _TYPES:
        written = part.headers.get("Content-Type")
        what = f"type {kind!r}" if written else "no type"
        message = f"part {part.name} has {what}, which cloud-init does not know: it is ignored"
        yield text.finding("GS468", message, _header(text, part, "Content-Type"), hint=f"such as {_CLOUD_CONFIG}")
        return
    encoding = _encoding(part)
    if encoding not in ("", "7bit", "8bit", "binary", "base64", "quoted-printable"):
        message = f"part {part.name}: transfer encoding {encoding!r} does not exist"
        yield text.finding("GS468", message, _header(text, part, "Content-Transfer-Encoding"), hint="use 7bit")
    elif encoding in ("", "7bit", "8bit", "binary") and not part.body.isascii():
        number = next(i for i, line in enumerate(part.body.split("\n")) if not line.isascii())
        message = (
            f"part {part.name} holds characters beyond ASCII, which cloud-init garbles in a {encoding or '7bit'} part"
        )
        yield text.finding("GS468", message, part.body_line + number, hint="encode the part as quoted-printable")
    if encoding in ("base64", "quoted-printable"):
        return
    first = part.body.split("\n", 1)[0]
    if kind.startswith("text/x-shellscript") and not first.startswith("#!"):
        message = f"script part {part.name} does not begin with #!: the kernel cannot start it"
        yield text.finding("GS468", message, part.body_line, hint="begin it with #!/bin/sh")
    elif kind in ("text/plain", "text/x-not-multipart") and not first.startswith(_FIRST_LINES):
        message = f"part {part.name} is plain text that begins with nothing known: cloud-init ignores it"
        yield text.finding("GS468", message, part.body_line, hint=f"declare its type, such as {_CLOUD_CONFIG}")


def _header(text: Text, part: Part, name: str) -> int:
    lines = text.content.split("\n")[part.header_line - 1 : part.body_line - 1]
    numbers = [part.header_line + i for i, line in enumerate(lines) if line.lower().startswith(f"{name.lower()}:")]
    return numbers[0] if numbers else part.header_line


def _merging(text: Text, parts: list[Part]) -> Iterator[Finding]:
    seen: dict[str, tuple[Any, Part]] = {}
    paths: dict[str, Part] = {}
    for part in parts:
        if part.type != _CLOUD_CONFIG or _encoding(part) in ("base64", "quoted-printable"):
            continue
        document = places(part.body)
        data = document.data if document.broken is None else None
        if not isinstance(data, dict):
            continue
        rule, where = _rule(text, part, data)
        parsed = parse_rule(rule)
        if parsed is None or "merge_type" in data:
            yield text.finding(
                "GS469",
                f"part {part.name}: {rule!r} is no merge rule",
                where,
                hint="such as list(append)+dict(recurse_array)+str()",
            )
            continue
        for key, value in data.items():
            if key in seen and key not in ("merge_how", "merge_type"):
                lost = lost_by(key, seen[key][0], value, parsed)
                if lost:
                    place = document.at((key,), key=True)
                    message = f"part {part.name} sets {lost[0]}, as part {seen[key][1].name} does: {lost[1]}"
                    yield text.finding(
                        "GS469",
                        message,
                        part.body_line + place.line - 1,
                        place.column,
                        hint=lost[2],
                        length=place.length,
                    )
            seen.setdefault(key, (value, part))
        yield from _same_files(text, part, data, paths)


def _rule(text: Text, part: Part, data: dict[str, Any]) -> tuple[str, int]:
    for key in ("merge_how", "merge_type"):
        if isinstance(data.get(key), str):
            place = places(part.body).at((key,))
            return data[key], part.body_line + place.line - 1
    for name in ("Merge-Type", "X-Merge-Type"):
        if name in part.headers:
            return str(part.headers[name]), _header(text, part, name)
    return DEFAULT_RULE, part.header_line


def _same_files(text: Text, part: Part, data: dict[str, Any], paths: dict[str, Part]) -> Iterator[Finding]:
    entries = data.get("write_files")
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        path = entry.get("path") if isinstance(entry, dict) else None
        if not isinstance(path, str):
            continue
        if path in paths and paths[path] is not part and not entry.get("append"):
            place = places(part.body).at(("write_files", index, "path"))
            message = f"part {part.name} writes {path}, as part {paths[path].name} does: this one replaces the other"
            line = part.body_line + place.line - 1
            yield text.finding(
                "GS469", message, line, place.column, hint="write it in one part only", length=place.length
            )
        paths.setdefault(path, part)
