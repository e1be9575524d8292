"""Fields of a MAAS script's metadata that have a form of their own: timeout, tags, packages, hardware, results.

Source: MAAS 3.7 `maasserver.forms.script`, `metadataserver.models.script`, the node's
`maas-run-remote-scripts`, and a running region.
"""

from __future__ import annotations

import re
from datetime import timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ..errors import Severity
from ..maas import fields as kinds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .maas_rules_block import Script
    from .places import Path

_GRACE = timedelta(minutes=5)
_SHORT = timedelta(minutes=10)
_TWO_PARTS = re.compile(r"\d{1,2}:\d\d")
_TIMES = '"00:10:00", 600 or PT10M'
_MANAGERS = ("apt", "snap", "url")
_SNAP_CHANNELS = ("stable", "edge", "beta", "candidate")
_SNAP_MODES = ("classic", "dev", "jail")
_DMI = ("system_vendor", "system_product", "system_version", "mainboard_vendor", "mainboard_product")
_IDENTIFIER = re.compile(rf"modalias:.+|(pci|usb):[\da-f]{{4}}:[\da-f]{{4}}|({'|'.join(_DMI)}):.+")
_AS_MAAS = re.compile(
    rf"^modalias:.+|pci:[\da-f]{{4}}:[\da-f]{{4}}|usb:[\da-f]{{4}}:[\da-f]{{4}}|({'|'.join(_DMI)}):.*", re.IGNORECASE
)
_FORMS = f"modalias:…, pci:10de:2335, usb:1d6b:0002, {', '.join(f'{key}:…' for key in _DMI)}"


def check_values(script: Script) -> Iterator[Finding]:
    """All fields with a form of their own."""
    yield from _timeout(script)
    yield from _tags(script)
    yield from _packages(script)
    yield from _hardware(script)
    yield from _results(script)


def _timeout(script: Script) -> Iterator[Finding]:
    value = script.data.get("timeout")
    if value is None:
        return
    written = script.scalar(("timeout",))
    try:
        read = kinds.duration(str(value))
    except ValueError:
        message = f"MAAS refuses the script: timeout {value!r} is no duration"
        yield script.tell("GS434", message, ("timeout",), f"write {_TIMES}")
        return
    try:
        meant = kinds.duration(written)
    except ValueError:
        meant = read
    if script.text.artifact is None and meant != read:
        message = f"YAML 1.1 reads {written} as the number {value}, so that the timeout is {_shown(read)}"
        yield script.tell("GS434", message, ("timeout",), f"write {_TIMES}")
    elif read < timedelta():
        rest = max(read + _GRACE, timedelta())
        message = f"MAAS takes the negative timeout, and the script is ended after {_shown(rest)}"
        yield script.tell("GS434", message, ("timeout",), f"write {_TIMES}")
    elif not read:
        message = "timeout 0 is no limit at all: a script that hangs keeps the machine for good"
        yield script.tell("GS434", message, ("timeout",), f"write {_TIMES}", severity=Severity.WARNING)
    elif _TWO_PARTS.fullmatch(written) and read < _SHORT:
        message = f"MAAS reads {written} as minutes and seconds: {_shown(read)}, not hours and minutes"
        yield script.tell("GS434", message, ("timeout",), f'write "{written}:00" or "00:{written.zfill(5)}"')
    elif read.days and _has_runtime(script):
        rest = timedelta(seconds=read.seconds)
        message = (
            f"the runtime parameter gets the timeout without its whole days: {_shown(rest) if rest else 'no limit'}"
        )
        yield script.tell("GS434", message, ("timeout",), "keep it below 24 hours")


def _shown(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    return f"{seconds} seconds" if seconds < 120 or seconds % 60 else f"{seconds // 60} minutes"


def _has_runtime(script: Script) -> bool:
    parameters = script.data.get("parameters")
    values = parameters.values() if isinstance(parameters, dict) else ()
    return any(isinstance(one, dict) and one.get("type") == "runtime" for one in values)


def _tags(script: Script) -> Iterator[Finding]:
    value = script.data.get("tags")
    if value is None:
        return
    items: list[tuple[Path, Any]]
    if isinstance(value, str):
        items = [(("tags",), tag.strip()) for tag in value.split(",")]
    elif isinstance(value, list):
        items = [(("tags", index), tag) for index, tag in enumerate(value)]
    else:
        message = "MAAS refuses the script: tags is neither a list of texts nor a text with commas"
        yield script.tell("GS435", message, ("tags",), "write `tags: [one, two]`")
        return
    for path, tag in items:
        yield from _tag(script, path, tag)


def _tag(script: Script, path: Path, tag: object) -> Iterator[Finding]:
    if not isinstance(tag, str):
        yield script.tell("GS435", f"MAAS refuses the script: the tag {tag!r} is no text", path, "put it in quotes")
    elif tag in kinds.AUTOMATIC_TAGS:
        message = f"MAAS sets the tag {tag} by itself, or takes it away: it follows hardware_type and destructive"
        yield script.tell("GS435", message, path, "leave it out", severity=Severity.WARNING)
    elif "," in tag:
        message = f"MAAS makes several tags of {tag!r}"
        yield script.tell("GS435", message, path, "write them as items of the list", severity=Severity.WARNING)
    elif len(tag.split()) > 1:
        message = f"MAAS makes one tag with blanks of {tag!r}: nobody can select the script by {tag.split()[0]!r}"
        yield script.tell("GS435", message, path, f"write `tags: [{', '.join(tag.split())}]`")
    elif tag.lower().replace("-", "").replace("_", "") == "noauto" and tag != "noauto":
        message = f"MAAS knows the tag noauto, not {tag}: the script runs on every commissioning"
        yield script.tell("GS435", message, path, "write noauto")


def _packages(script: Script) -> Iterator[Finding]:
    value = script.data.get("packages")
    if value is None:
        return
    if not isinstance(value, dict):
        message = "packages is no mapping: MAAS takes it, and the machine's runner fails on it before any script"
        yield script.tell("GS436", message, ("packages",), "write `packages: {apt: [one, two]}`")
        return
    for manager, listed in value.items():
        path: Path = ("packages", str(manager))
        if manager not in _MANAGERS:
            close = get_close_matches(str(manager).lower(), _MANAGERS, n=1, cutoff=0.6)
            hint = f"did you mean {close[0]}? " if close else ""
            message = f"MAAS takes {manager!r} and installs nothing by it"
            yield script.tell("GS436", message, path, f"{hint}known: {', '.join(_MANAGERS)}", key=True)
            continue
        for index, item in enumerate(listed if isinstance(listed, list) else [listed]):
            place = (*path, index) if isinstance(listed, list) else path
            yield from _package(script, place, manager, item)


def _package(script: Script, path: Path, manager: object, item: object) -> Iterator[Finding]:
    if manager == "snap" and isinstance(item, dict):
        if not isinstance(item.get("name"), str):
            yield script.tell("GS436", "MAAS refuses the script: a snap without a name", path, "add `name:`")
        for key, allowed in (("channel", _SNAP_CHANNELS), ("mode", _SNAP_MODES)):
            if key in item and item[key] not in allowed:
                message = f"MAAS refuses the script: a snap's {key} is one of {', '.join(allowed)}"
                yield script.tell("GS436", message, (*path, key), f"must be one of {', '.join(allowed)}")
    elif not isinstance(item, str):
        message = f"MAAS refuses the script: the {manager} package {item!r} is no text"
        yield script.tell("GS436", message, path, "write names as text")
    elif len(item.split()) > 1:
        message = f"the runner asks {manager} for one package called {item!r}, and the script fails before it starts"
        yield script.tell("GS436", message, path, f"write a list: [{', '.join(item.replace(',', ' ').split())}]")


def _hardware(script: Script) -> Iterator[Finding]:
    value = script.data.get("for_hardware")
    if value is None:
        return
    items: list[tuple[Path, Any]]
    if isinstance(value, str):
        items = [(("for_hardware",), item) for item in value.split(",")]
    elif isinstance(value, list):
        items = [(("for_hardware", index), item) for index, item in enumerate(value)]
    else:
        message = "MAAS refuses the script: for_hardware is neither a list of texts nor a text with commas"
        yield script.tell("GS437", message, ("for_hardware",), f"forms: {_FORMS}")
        return
    for path, item in items:
        message = _identifier(item)
        if message:
            yield script.tell("GS437", message, path, f"forms: {_FORMS}")


def _identifier(item: object) -> str:
    """What is wrong with one identifier; '' when nothing is."""
    if not isinstance(item, str):
        return f"the identifier {item!r} is no text: MAAS answers with an internal error (500)"
    if _IDENTIFIER.fullmatch(item):
        return ""
    if not _AS_MAAS.search(item):
        return f"MAAS refuses the script: {item!r} is no hardware identifier"
    if item != item.strip():
        return f"MAAS takes {item!r} with its blank, and then no machine has such hardware: the script never runs"
    if _IDENTIFIER.fullmatch(item.lower()) and not item.startswith(_DMI):
        return f"MAAS compares {item!r} letter by letter with identifiers in lower case: the script never runs"
    return f"MAAS takes {item!r}, and then no machine has such hardware: the script never runs"


def _results(script: Script) -> Iterator[Finding]:
    if "results" not in script.data:
        return
    value = script.data["results"]
    if isinstance(value, list):
        for index, item in enumerate(value):
            if not isinstance(item, str):
                message = f"MAAS refuses the script: the result {item!r} is no text"
                yield script.tell("GS438", message, ("results", index), "write names as text")
        return
    if not isinstance(value, dict):
        message = "MAAS refuses the script: results is neither a list of names nor a mapping of them"
        yield script.tell("GS438", message, ("results",), "write `results: {name: {title: …}}`")
        return
    for name, about in value.items():
        path: Path = ("results", str(name))
        if not isinstance(about, dict) or "title" not in about:
            message = f"MAAS refuses the script: the result {name!r} has no title"
            yield script.tell("GS438", message, path, "write `name: {title: …, description: …}`", key=True)
            continue
        for key in ("title", "description"):
            if key in about and not isinstance(about[key], str):
                message = f"MAAS refuses the script: the {key} of result {name!r} is no text"
                yield script.tell("GS438", message, (*path, key), "put it in quotes")
