"""Reads YAML files, with positions for what has to be told of them.

The result is plain data (dict, list, str, int, bool, None). Positions are not kept: a finding
asks for one with `Document.locate`, which reads the text once more. So a site without problems
pays nothing for them, nor for a YAML library where all of its files were parsed before (see `parsed`).
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import Finding, GpuaasError, Location, Severity

if TYPE_CHECKING:
    from pathlib import Path

SECRET_KEY = re.compile(r"pas+w|pwd|secret|to+k+en|api[-_]?key|enrol|credential", re.IGNORECASE)
"""Keys whose values are not shown, even where something else on their line is wrong."""

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: its name as shown to users, its text, its data and what is wrong with it.

    `data` is always a mapping; after an unreadable file it is empty and `findings` says why.
    """

    file: str
    text: str
    data: dict[str, Any]
    findings: tuple[Finding, ...] = ()

    def locate(self, path: KeyPath, *, key: bool = False) -> Location:
        """The place of the value at `path` (with `key`, of its key).

        Where the path ends before the whole of it is found, the place of the last part found.
        """
        from . import yaml_data

        return yaml_data.locate(self, path, key=key)


def read(path: Path, shown_as: str) -> Document:
    """Read and parse the file at `path`; a file that cannot be read is a GpuaasError."""
    return parse_bytes(read_bytes(path, shown_as), shown_as)


def read_bytes(path: Path, shown_as: str) -> bytes:
    """The bytes of the file at `path`; a file that cannot be read, or is none, is a GpuaasError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise GpuaasError(f"{shown_as}: is not a file", hint="put a file in its place")
            raw = b""
            while chunk := os.read(descriptor, 1 << 20):
                raw += chunk
        finally:
            os.close(descriptor)
    except OSError as error:
        raise GpuaasError(f"{shown_as}: cannot be read: {error.strerror}") from None
    return raw


def parse_bytes(raw: bytes, file: str) -> Document:
    """Like `parse`, from the bytes of a file; anything but UTF-8 is a finding."""
    text, finding = decode(raw, file)
    return parse(text, file) if finding is None else Document(file, text, {}, (finding,))


def decode(raw: bytes, file: str) -> tuple[str, Finding | None]:
    """The text of a file, and a finding where it is not UTF-8."""
    try:
        return raw.decode("utf-8"), None
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        start = raw.rfind(b"\n", 0, error.start) + 1
        column = len(raw[start : error.start].decode("utf-8", "replace")) + 1
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        place = Location(file, line, column)
        return raw.decode("utf-8", "replace"), Finding(
            "GS001", Severity.ERROR, message, place, "save the file as UTF-8"
        )


def parse(text: str, file: str) -> Document:
    """Turn YAML text into data and findings; never raises for what the text holds."""
    from . import yaml_data

    data, findings = yaml_data.parse(text, file)
    return Document(file, text, data, tuple(findings))
