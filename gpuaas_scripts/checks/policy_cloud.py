"""Policy for cloud-config: commands, apt sources, disks, modes of the files it writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .cloud_config import data_of, write_files
from .places import places
from .policy_pieces import Piece, shell_findings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .base import Text
    from .places import Path as KeyPath

_PRIVATE = re.compile(r"/etc/netplan/[^/]+\.ya?ml\Z|/etc/gpuaas/[^/]*\.env\Z")
_KERNEL_DISK = re.compile(r"/dev/(?:nvme\d+n\d+(?:p\d+)?|[svh]d[a-z]{1,2}\d*|xvd[a-z]\d*)\Z")
_SHELLS = re.compile(r"(?:.*/)?(?:ba|da|k|z|a)?sh\Z")


def cloud_findings(text: Text) -> Iterator[Finding]:
    """Findings of a cloud-config document, without the contents of its files."""
    data = data_of(text)
    for section in ("bootcmd", "runcmd"):
        entries = data.get(section)
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            yield from _command(text, (section, index), entry)
    apt = data.get("apt")
    if isinstance(apt, dict):
        yield from _apt(text, apt)
    yield from _disks(text, data)
    for index, entry in write_files(text):
        yield from _file(text, index, entry)


def _piece(text: Text, path: KeyPath, content: str = "", *, key: bool = False) -> Piece:
    place = places(text.content).at(path, key=key)
    return Piece(text, content, place.line, place.column, one_place=True)


def _command(text: Text, path: KeyPath, entry: object) -> Iterator[Finding]:
    if isinstance(entry, str):
        yield from shell_findings(_piece(text, path, entry))
    elif isinstance(entry, list) and entry and all(isinstance(word, str) for word in entry):
        script = _script(entry)
        yield from shell_findings(_piece(text, path, script))


def _script(words: list[str]) -> str:
    """The shell text that a list of words amounts to."""
    if _SHELLS.match(words[0]) and len(words) > 2 and re.fullmatch(r"-\w*c", words[1]):
        return words[2]
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


def _apt(text: Text, apt: dict[str, Any]) -> Iterator[Finding]:
    sources = apt.get("sources")
    for name, source in sources.items() if isinstance(sources, dict) else ():
        if not isinstance(source, dict):
            continue
        base: KeyPath = ("apt", "sources", name)
        keyid = source.get("keyid")
        digits = re.sub(r"\s|^0x", "", str(keyid)) if keyid is not None else ""
        if keyid is not None and len(digits) < 40 and "key" not in source:
            piece = _piece(text, (*base, "keyid"))
            message = f"key ID {keyid} is too short to tell one key from another: anybody can make a second one"
            yield piece.finding("GS493", message, 1, 1, "write the whole fingerprint (40 digits), or the key itself")
        if isinstance(source.get("source"), str) and re.search(r"\[[^\]]*trusted=yes", source["source"]):
            yield _piece(text, (*base, "source")).untrusted("trusted=yes", 1, 1)
    for name in ("sources_list", "conf"):
        value = apt.get(name)
        if isinstance(value, str):
            found = re.search(
                r"trusted=yes|AllowUnauthenticated[ \"]+(?:true|1|yes)|Trusted: *yes", value, re.IGNORECASE
            )
            if found:
                yield _piece(text, ("apt", name)).untrusted(found[0], 1, 1)


def _disks(text: Text, data: dict[str, Any]) -> Iterator[Finding]:
    found: list[tuple[KeyPath, bool, str]] = []
    setup = data.get("disk_setup")
    for name in setup if isinstance(setup, dict) else ():
        found.append((("disk_setup", name), True, str(name)))
    systems = data.get("fs_setup")
    for index, one in enumerate(systems if isinstance(systems, list) else []):
        if isinstance(one, dict) and "device" in one:
            found.append((("fs_setup", index, "device"), False, str(one["device"])))
    for path, key, device in found:
        if _KERNEL_DISK.match(device):
            message = f"{device} is another disk after the next boot: kernel names are not fixed"
            yield _piece(text, path, key=key).finding("GS495", message, 1, 1, "name the disk by /dev/disk/by-id/")


def _file(text: Text, index: int, entry: dict[str, Any]) -> Iterator[Finding]:
    base: KeyPath = ("write_files", index)
    # The files of a site's user data are told by themselves.
    if text.artifact is None and _PRIVATE.match(entry["path"]):
        mode = entry.get("permissions", "0644")
        octal = f"{mode & 0o7777:04o}" if isinstance(mode, int) else str(mode)
        if re.fullmatch(r"0?[0-7]{3,4}", octal) and int(octal, 8) & 0o077:
            shown = octal if "permissions" in entry else f"{octal} (cloud-init's default)"
            at = "permissions" if "permissions" in entry else "path"
            yield _piece(text, (*base, at)).readable(entry["path"], shown, 1, 1)
    source = entry.get("source")
    if isinstance(source, dict) and isinstance(source.get("uri"), str):
        message = f"{source['uri']} is not compared with a checksum"
        hint = "write the content, or fetch it in a script that compares it"
        yield _piece(text, (*base, "source", "uri")).finding("GS496", message, 1, 1, hint)
