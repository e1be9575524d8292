"""Texts and parts of texts that policy looks at, with what its rules say in words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yaml.nodes import ScalarNode

from .detect import kind_of
from .places import places
from .shell_texts import Dialect, dialect
from .shell_uses import uses_of
from .shell_walk import Use

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .base import Text, TextKind


@dataclass(frozen=True, slots=True)
class Piece:
    """A text, or a part of one that begins at `line` and `column`; all its lines are indented to `column`.

    With `one_place`, positions inside of it are not told apart.
    """

    text: Text
    content: str
    line: int = 1
    column: int = 1
    one_place: bool = False

    def finding(self, code: str, message: str, line: int, column: int, hint: str, length: int = 1) -> Finding:
        """A finding at a place of the piece."""
        if self.one_place:
            return self.text.finding(code, message, self.line, self.column, hint=hint)
        place = (self.line + line - 1, self.column + column - 1)
        return self.text.finding(code, message, *place, hint=hint, length=length)

    def vfio(self, line: int, column: int) -> Finding:
        """Devices given to vfio-pci by ID."""
        message = "vfio-pci gets devices by vendor and device ID: an NVMe of the host with the same ID is taken, too"
        hint = "bind each device by its address (driverctl), or switch the rule off with a reason"
        return self.finding("GS490", message, line, column, hint)

    def untrusted(self, what: str, line: int, column: int) -> Finding:
        """Packages that nobody signed."""
        message = f"{what}: packages are installed that nobody signed"
        hint = "give the repository's key a keyring of its own, and name it with signed-by"
        return self.finding("GS492", message, line, column, hint)

    def readable(self, path: str, mode: str, line: int, column: int) -> Finding:
        """A file that others on the host can read."""
        message = f"{path} has mode {mode}: others on the host can read it"
        return self.finding("GS494", message, line, column, "give it 0600")

    def kernel_options(self, what: str, line: int, column: int) -> Finding:
        """VFIO or huge pages on a tag of MAAS."""
        message = "kernel options of VFIO or huge pages on a MAAS tag reach every machine of the tag at every boot"
        return self.finding("GS497", message, line, column, "put them into the profile's grub.d file", len(what))


def shell_findings(piece: Piece) -> Iterator[Finding]:
    """What rules say of a piece of shell."""
    language = dialect(piece.content) or None
    if language is None:
        return
    found = uses_of(piece.content, language)
    if found.broken and language is Dialect.POSIX:
        found = uses_of(piece.content, Dialect.BASH)
    told: set[tuple[str, int, int]] = set()
    for use in found.uses:
        key = (use.kind, use.line, use.column)
        if key not in told:
            told.add(key)
            yield _finding(piece, use)


def _finding(piece: Piece, use: Use) -> Finding:
    at = (use.line, use.column)
    if use.kind == "vfio-ids":
        return piece.vfio(*at)
    if use.kind == "unauthenticated":
        return piece.untrusted(use.what, *at)
    if use.kind == "kernel-opts":
        return piece.kernel_options(use.what, *at)
    if use.kind == "piped":
        message = f"{use.what}: whatever the server sends runs as root, and half a script, too"
        hint = "download to a file, compare its checksum, then run it"
        return piece.finding("GS491", message, *at, hint)
    if use.kind == "key":
        message = f"the key {use.what} is taken as it comes: whoever answers can sign packages"
        return piece.finding("GS493", message, *at, "compare its fingerprint (gpg --show-keys) with a pinned one")
    if use.kind == "kernel-disk":
        message = f"{use.what} is another disk after the next boot: kernel names are not fixed"
        return piece.finding("GS495", message, *at, "name the disk by /dev/disk/by-id/")
    message = f"{use.what} is not compared with a checksum"
    return piece.finding("GS496", message, *at, "pin it: sha256sum -c before it is used")


def pieces(text: Text) -> Iterator[tuple[Piece, TextKind]]:
    """The files that a cloud-config writes, as far as they are blocks, and their kinds."""
    from .cloud_config import write_files

    document = places(text.content)
    lines = text.content.split("\n")
    for index, entry in write_files(text):
        node = document.node(("write_files", index, "content"))
        if not isinstance(node, ScalarNode) or node.style != "|":
            continue
        line = node.start_mark.line + 1
        while line < len(lines) and not lines[line].strip():
            line += 1
        if line >= len(lines):
            continue
        indent = len(lines[line]) - len(lines[line].lstrip())
        # blank lines before the first one are part of the content
        first = node.start_mark.line + 2
        kind, _ = kind_of(entry["path"], node.value)
        yield Piece(text, re.sub(r"\r", "", node.value), first, indent + 1), kind
