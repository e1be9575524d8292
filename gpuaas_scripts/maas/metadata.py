"""The metadata block of a script, read as MAAS reads it.

Source: MAAS 3.7 `maasserver.forms.script`, seen on a running region. `read` is what MAAS does with any
text; `parse` is stricter: it refuses what MAAS would take and then not do as the file says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import lru_cache
from typing import Any

from ..errors import ExitCode, GpuaasError
from . import fields as kinds
from .fields import Fields

_MARKER = re.compile(r"\s*#\s*-+\s*(Start|End) MAAS (?P<version>\d+\.\d+) script metadata\s+-+", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9@%+=:,._-]{1,255}", re.ASCII)
_FLAGS = ("destructive", "may_reboot", "recommission", "apply_configured_networking")


class ReadError(ValueError):
    """MAAS refuses the script; the text is MAAS's own."""


class MetadataError(GpuaasError):
    """A script that cannot be brought to MAAS as its metadata says."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.USAGE)


@dataclass(frozen=True, slots=True)
class Metadata:
    """A script's metadata: the name, the fields that MAAS holds after creating it, and the keys it is written with."""

    name: str
    fields: Fields
    keys: frozenset[str]


def read(content: str) -> Mapping[str, object] | None:
    """The keys of the first version 1.0 block; None when there is none, or when it holds no mapping.

    An empty text has no block and is no error. Raises ReadError as MAAS does: no `#!/`, a line of
    the block without `#`, no YAML.
    """
    data = _loaded(_block(content))
    return data if isinstance(data, dict) else None


def _loaded(text: str) -> object:
    """YAML 1.1, as MAAS reads it: quickly, and again for MAAS's own words when it is none. Raises ReadError."""
    import yaml  # here: what was parsed before needs none

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe
    except yaml.YAMLError:
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ReadError(f"Invalid YAML: {error}") from error


def _block(content: str) -> str:
    """The YAML text. The block ends at the second marker of its version, or with the file. Raises ReadError."""
    lines = content.splitlines()
    if lines and not lines[0].startswith("#!/"):
        raise ReadError("Must start with shebang.")
    inside = False
    found = []
    for line in lines[1:]:
        if marker := _MARKER.search(line):
            if marker["version"] != "1.0":
                continue
            if inside:
                break
            inside = True
        elif inside and line.strip():
            if "#" not in line:
                raise ReadError('Missing "#" on YAML line.')
            found.append(line.split("#", 1)[1])
    return "".join(f"{line}\n" for line in found)


def normalised(content: str) -> str:
    """The text that MAAS stores: line ends of DOS become those of Unix."""
    return content.replace("\r\n", "\n")


@lru_cache(maxsize=4096)
def parse(content: str) -> Metadata:
    """What a script of ours asks of MAAS. Raises MetadataError when MAAS would refuse it, crash on it, or
    silently not do what it says (no block, a key set to nothing that MAAS takes for "leave it").
    """
    if not content:
        raise MetadataError("the script is empty, and MAAS would take it")
    if "\0" in content:
        raise MetadataError("the script holds a NUL character, on which MAAS fails")
    try:
        return _parsed(_block(content))
    except ReadError as error:
        raise MetadataError(f"MAAS refuses the script: {error}") from error


@lru_cache(maxsize=4096)
def _parsed(block: str) -> Metadata:
    """What a block says; revisions of a script mostly have the same. Raises ReadError, MetadataError."""
    data = _loaded(block)
    if not isinstance(data, dict):
        raise MetadataError(
            "the script has no MAAS metadata",
            hint="without the block MAAS keeps the parameters and results of an earlier revision",
        )
    try:
        return Metadata(_name(data), _fields(data), frozenset(map(str, data)))
    except (ValueError, TypeError) as error:
        raise MetadataError(f"MAAS metadata: {error}") from error


def _name(data: Mapping[str, object]) -> str:
    name = data.get("name")
    if not isinstance(name, str):
        raise ValueError(f"name: {name!r} must be text (quote a number)")
    if not _NAME.fullmatch(name) or name.isdigit() or name.lower() == "none" or name in (".", ".."):
        raise ValueError(
            f"name: {name!r} must be at most 255 of letters, digits and @%+=:,._- and neither a number nor 'none'"
        )
    return name


def _fields(data: Mapping[str, object]) -> Fields:
    """The fields of a script that was just created with this metadata."""
    for key in ("script_type", "hardware_type", "parallel"):
        if key in data and data[key] in (None, ""):
            raise ValueError(f"{key}: empty, so that an update keeps the old value; leave the key out")
    if "comment" in data or "script" in data:
        raise ValueError("the keys 'comment' and 'script' are refused by MAAS")
    title = _line(data.get("title"))
    if len(title) > 255:
        raise ValueError("title: longer than 255 characters")
    return Fields(
        title=title,
        description=_line(data.get("description")),
        tags=kinds.own_tags(_tags(data.get("tags"))),
        script_type=kinds.script_type(data.get("script_type", "testing")),
        hardware_type=kinds.hardware_type(data.get("hardware_type", "node")),
        parallel=kinds.parallel(data.get("parallel", "disabled")),
        timeout=kinds.duration(str(data["timeout"])) if data.get("timeout") is not None else Fields().timeout,
        packages=kinds.canonical(kinds.as_lists(_or_empty(data.get("packages")))),
        for_hardware=_hardware(data.get("for_hardware")),
        results=kinds.canonical(data.get("results", {})),
        parameters=kinds.canonical(data.get("parameters", {})),
        **{key: kinds.flag(data.get(key, False)) for key in _FLAGS},
    )


def _line(value: object) -> str:
    # MAAS's forms cut blanks off both ends.
    return "" if value is None else str(value).strip()


def _or_empty(value: object) -> object:
    return {} if value is None else value


def _tags(value: object) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return value.split(",")
    if isinstance(value, list) and all(isinstance(tag, str) for tag in value):
        return ",".join(value).split(",")
    raise ValueError("tags: must be a text with commas, or a list of texts")


def _hardware(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    found = value.split(",") if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(item, str) and item for item in found):
        raise ValueError("for_hardware: must be a text with commas, or a list of texts")
    return tuple(found)


def as_data(metadata: Metadata) -> dict[str, Any]:
    """Metadata for JSON, to be kept."""
    held = metadata.fields
    values: dict[str, Any] = {field.name: getattr(held, field.name) for field in fields(Fields)}
    values["tags"] = sorted(held.tags)
    values["timeout"] = [held.timeout.days, held.timeout.seconds, held.timeout.microseconds]
    return {"name": metadata.name, "fields": values, "keys": sorted(metadata.keys)}


def from_data(data: Mapping[str, Any]) -> Metadata:
    """What `as_data` was given."""
    values = dict(data["fields"])
    values["tags"] = frozenset(values["tags"])
    days, seconds, microseconds = values["timeout"]
    values["timeout"] = timedelta(days, seconds, microseconds)
    values["for_hardware"] = tuple(values["for_hardware"])
    kinds_of = (("script_type", kinds.ScriptType), ("hardware_type", kinds.HardwareType), ("parallel", kinds.Parallel))
    values |= {key: kind(values[key]) for key, kind in kinds_of}
    return Metadata(data["name"], Fields(**values), frozenset(data["keys"]))
