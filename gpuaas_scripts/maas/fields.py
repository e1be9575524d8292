"""The fields of a script in MAAS besides its content, and how MAAS writes them.

Source of the names, numbers and defaults: MAAS 3.7 `metadataserver.models.script`,
`metadataserver.enum` and `maasserver.forms.script`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import IntEnum
from typing import TypeVar


class ScriptType(IntEnum):
    """When a script runs. DEPLOYMENT came with MAAS 3.8."""

    COMMISSIONING = 0
    TESTING = 2
    RELEASE = 3
    DEPLOYMENT = 4


class HardwareType(IntEnum):
    """What a script is about; everything but NODE runs before all scripts of NODE."""

    NODE = 0
    CPU = 1
    MEMORY = 2
    STORAGE = 3
    NETWORK = 4
    GPU = 5


class Parallel(IntEnum):
    """Beside which other scripts a script may run."""

    DISABLED = 0
    INSTANCE = 1
    ANY = 2


AUTOMATIC_TAGS = frozenset({*(kind.name.lower() for kind in HardwareType), "destructive"})
"""Tags that MAAS sets and takes away by itself whenever it saves a script: they are never compared nor sent."""

_SCRIPT_TYPES = {
    "commissioning": ScriptType.COMMISSIONING,
    "commission": ScriptType.COMMISSIONING,
    "testing": ScriptType.TESTING,
    "test": ScriptType.TESTING,
    "release": ScriptType.RELEASE,
    "deployment": ScriptType.DEPLOYMENT,
}
_HARDWARE_TYPES = {
    **dict.fromkeys(("node", "machine", "controller", "other", "generic"), HardwareType.NODE),
    **dict.fromkeys(("cpu", "processor"), HardwareType.CPU),
    **dict.fromkeys(("memory", "ram"), HardwareType.MEMORY),
    **dict.fromkeys(("storage", "disk", "ssd"), HardwareType.STORAGE),
    **dict.fromkeys(("network", "net", "interface"), HardwareType.NETWORK),
    **dict.fromkeys(("gpu", "graphics"), HardwareType.GPU),
}
_PARALLEL = {
    **dict.fromkeys(("disabled", "none"), Parallel.DISABLED),
    **dict.fromkeys(("instance", "name"), Parallel.INSTANCE),
    **dict.fromkeys(("any", "enabled"), Parallel.ANY),
}

_Kind = TypeVar("_Kind", bound=IntEnum)


@dataclass(frozen=True, slots=True)
class Fields:
    """A script's fields; the defaults are those of MAAS for a script without metadata.

    `tags` lacks what MAAS adds by itself. `packages`, `results` and `parameters` are canonical JSON text.
    A plain number is a kind that this program does not know (a newer MAAS).
    """

    title: str = ""
    description: str = ""
    tags: frozenset[str] = frozenset()
    script_type: ScriptType | int = ScriptType.TESTING
    hardware_type: HardwareType | int = HardwareType.NODE
    parallel: Parallel | int = Parallel.DISABLED
    timeout: timedelta = timedelta()
    destructive: bool = False
    may_reboot: bool = False
    recommission: bool = False
    apply_configured_networking: bool = False
    packages: str = "{}"
    for_hardware: tuple[str, ...] = ()
    results: str = "{}"
    parameters: str = "{}"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs: its name, what MAAS holds and what is wanted, both as MAAS's API takes them."""

    name: str
    held: str
    wanted: str


def script_type(value: object) -> ScriptType:
    """The type that MAAS takes `value` (a number or a name) for. Raises ValueError when MAAS refuses it."""
    return _kind(value, ScriptType, _SCRIPT_TYPES, "script_type")


def hardware_type(value: object) -> HardwareType:
    """The hardware type that MAAS takes `value` for, in any case of letters. Raises ValueError."""
    return _kind(value.lower() if isinstance(value, str) else value, HardwareType, _HARDWARE_TYPES, "hardware_type")


def parallel(value: object) -> Parallel:
    """The parallelism that MAAS takes `value` for; letters' case matters. Raises ValueError."""
    return _kind(value, Parallel, _PARALLEL, "parallel")


def _kind(value: object, kind: type[_Kind], names: Mapping[str, _Kind], key: str) -> _Kind:
    # A form field turns what is no text into text first: `true` becomes "True" and is refused.
    text = str(value)
    if text.isdigit() and int(text) in list(kind):
        return kind(int(text))
    if text in names:
        return names[text]
    raise ValueError(f"{key}: {text!r} must be one of {', '.join(names)}")


def flag(value: object) -> bool:
    """A boolean as MAAS's forms read it: only the text "false" (any case) and the empty text are false."""
    return bool({"true": True, "false": False}.get(value.lower(), value)) if isinstance(value, str) else bool(value)


_STANDARD = re.compile(
    r"(?:(?P<days>-?\d+) (?:days?, )?)?(?P<sign>-?)"
    r"(?:(?:(?P<hours>\d+):)?(?P<minutes>\d+):)?(?P<seconds>\d+)(?:[.,](?P<part>\d{1,6})\d{0,6})?"
)
_ISO = re.compile(
    r"(?P<sign>[-+]?)P(?:(?P<days>\d+(?:[.,]\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:[.,]\d+)?)H)?(?:(?P<minutes>\d+(?:[.,]\d+)?)M)?(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?"
)


def duration(text: str) -> timedelta:
    """`600`, `00:10:00`, `2 00:00:00`, `1 day, 0:00:00`, `PT15M`, `-5` as MAAS reads them. Raises ValueError."""
    if match := _STANDARD.fullmatch(text):
        parts = {key: int(match[key] or 0) for key in ("hours", "minutes", "seconds")}
        clock = timedelta(**parts, microseconds=int((match["part"] or "0").ljust(6, "0")))
        return timedelta(days=int(match["days"] or 0)) + (-clock if match["sign"] else clock)
    if (match := _ISO.fullmatch(text)) and text[-1] not in "PT":
        numbers = {key: float((match[key] or "0").replace(",", ".")) for key in ("days", "hours", "minutes", "seconds")}
        return (-1 if match["sign"] == "-" else 1) * timedelta(**numbers)
    raise ValueError(f"timeout: {text!r} is no duration: seconds, [days] hours:minutes:seconds, or PT15M")


def seconds_text(value: timedelta) -> str:
    """A duration as the API takes it: seconds, with a fraction only where there is one."""
    whole = value // timedelta(seconds=1)
    rest = (value - timedelta(seconds=whole)) // timedelta(microseconds=1)
    if not rest:
        return str(whole)
    sign, clock = ("-", -value) if value < timedelta() else ("", value)
    whole = clock // timedelta(seconds=1)
    return f"{sign}{whole}.{(clock - timedelta(seconds=whole)) // timedelta(microseconds=1):06d}"


def canonical(value: object) -> str:
    """A value as MAAS stores it in JSON, keys sorted. Raises TypeError for what JSON cannot hold (a date)."""
    return json.dumps(json.loads(json.dumps(value)), sort_keys=True, ensure_ascii=False)


def as_lists(packages: object) -> object:
    """`packages` with single values of apt, snap and url as lists, as MAAS stores them."""
    if not isinstance(packages, Mapping):
        return packages
    return {
        key: [value] if key in ("apt", "snap", "url") and not isinstance(value, list) else value
        for key, value in packages.items()
    }


def own_tags(tags: Iterable[str]) -> frozenset[str]:
    """Tags without surrounding blanks, empty ones and those that MAAS sets by itself."""
    return frozenset(tag.strip() for tag in tags if tag.strip()) - AUTOMATIC_TAGS


def text_of(value: object) -> str:
    """A field's value as the API takes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, timedelta):
        return seconds_text(value)
    if isinstance(value, frozenset):
        return ",".join(sorted(value))
    if isinstance(value, tuple):
        return json.dumps(list(value), ensure_ascii=False)
    return str(value)


def differences(held: Fields, wanted: Fields) -> tuple[FieldChange, ...]:
    """The fields in which two scripts differ, in the order of `Fields`."""
    return tuple(
        FieldChange(field.name, text_of(getattr(held, field.name)), text_of(getattr(wanted, field.name)))
        for field in fields(Fields)
        if getattr(held, field.name) != getattr(wanted, field.name)
    )
