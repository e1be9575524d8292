"""A registry and documents from what RACADM prints: it has no registry of its own, and no list of all objects.

Groups are read one by one; an attribute that is asked for gets its values from `racadm help`. All others
stay plain text, so their values are neither kept nor shown. Source: Dell's RACADM guide for iDRAC9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from .messages import one_line
from .names import Logical, Vendor, known_names
from .racadm_text import unfold
from .registry import Attribute, BiosError, Choice, Kind, Registry

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .racadm_text import RacadmValue

GROUPS = (
    "SysInformation",
    "MemSettings",
    "ProcSettings",
    "SataSettings",
    "NvmeSettings",
    "BiosBootSettings",
    "OneTimeBoot",
    "NetworkSettings",
    "IntegratedDevices",
    "SlotDisablement",
    "SerialCommSettings",
    "SysProfileSettings",
    "SysSecurity",
    "RedundantOsControl",
    "MiscSettings",
)
"""Groups of `BIOS.` that PowerEdge servers of generations 14 to 16 have; a host may lack some."""

_HELP = re.compile(r"^(?P<name>[A-Za-z][A-Za-z0-9_ ]*?)\s+--\s*(?P<text>.*)$")
_FIELD = re.compile(r"^\s*(?P<name>[A-Za-z][A-Za-z ]*?)\s*=\s*(?P<value>.*?)\s*$")
_RANGE = re.compile(r"^\s*(?P<low>[0-9]+)\s*(?:-|to)\s*(?P<high>[0-9]+)\s*$")


@dataclass(frozen=True, slots=True)
class Help:
    """What `racadm help BIOS.GROUP.NAME` says of one object; `choices` empty for one that is no enumeration."""

    name: str
    title: str = ""
    choices: tuple[Choice, ...] = ()
    bounds: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class SystemInfo:
    """What `racadm getsysinfo` says of the server; empty where it does not."""

    model: str = ""
    bios_version: str = ""
    power: str = ""


def parse_help(text: str, status: int, name: str) -> Help | None:
    """Read the output of `racadm help` for object `name`; None for anything else."""
    rows = {m["name"].strip(): m["text"].strip() for line in unfold(text) if (m := _HELP.match(line))}
    if status != 0 or name not in rows or "Usage" not in rows:
        return None
    usage = rows["Usage"]
    if bounds := _RANGE.match(usage.rstrip(";")):
        return Help(name, one_line(rows[name]), bounds=(int(bounds["low"]), int(bounds["high"])))
    parts = [part.strip() for part in usage.split(";") if part.strip() and not part.strip().startswith("Default")]
    pairs = [part.partition(" - ") for part in parts]
    known = [Choice(one_line(value), one_line(shown)) for value, dash, shown in pairs if dash and " " not in value]
    choices = tuple(known) if len(known) == len(pairs) else ()
    return Help(name, one_line(rows[name]), choices)


def parse_system(text: str, status: int) -> SystemInfo:
    """Read the output of `racadm getsysinfo`; what is not there stays empty."""
    if status != 0:
        return SystemInfo()
    rows = {m["name"]: one_line(m["value"]) for line in text.splitlines() if (m := _FIELD.match(line))}
    return SystemInfo(rows.get("System Model", ""), rows.get("System BIOS Version", ""), rows.get("Power Status", ""))


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of one host: its values by group and object, and help by object name."""

    groups: Mapping[str, Mapping[str, RacadmValue]] = field(repr=False)
    helps: Mapping[str, Help] = field(default_factory=lambda: MappingProxyType({}))

    def group_of(self, name: str) -> str:
        """The group of an object, empty when no group that was read has it."""
        return next((group for group, values in self.groups.items() if name in values), "")


def wanted_names(asked: Collection[str]) -> tuple[str, ...]:
    """The objects that names (logical, or Dell's own) may stand for: those to ask help for."""
    names: list[str] = []
    for name in asked:
        names += known_names(Logical(name), Vendor.DELL) if name in set(Logical) else [name]
    return tuple(dict.fromkeys(names))


def registry_of(read: Read) -> Registry:
    """A registry of all objects that were read. Raises BiosError when there is none."""
    found = {
        name: _attribute(group, value, read.helps.get(name))
        for group, values in read.groups.items()
        for name, value in values.items()
    }
    if not found:
        raise BiosError(
            "racadm lists no BIOS attributes", hint="Is the host's inventory collected? Let it go through POST once."
        )
    return Registry(MappingProxyType(found), name="RACADM")


def documents_of(read: Read) -> tuple[dict[str, object], dict[str, object]]:
    """Current and pending values in the form of a Bios resource and its settings object (pending ones only)."""
    current = {name: value.value for values in read.groups.values() for name, value in values.items()}
    staged = {
        name: value.pending
        for values in read.groups.values()
        for name, value in values.items()
        if value.pending is not None
    }
    # No apply times: what is staged waits for a job, which is a step of its own.
    return {"Attributes": current}, {"Attributes": staged, "Actions": "ClearPending"}


def _attribute(group: str, value: RacadmValue, said: Help | None) -> Attribute:
    kind = Kind.STRING
    if said and said.choices:
        kind = Kind.ENUMERATION
    elif said and said.bounds:
        kind = Kind.INTEGER
    return Attribute(
        name=value.name,
        kind=kind,
        read_only=value.read_only,
        write_only=value.value is None,
        choices=said.choices if said else (),
        lower=said.bounds[0] if said and said.bounds else None,
        upper=said.bounds[1] if said and said.bounds else None,
        menu_path="./BootSettingsRef" if group == "BiosBootSettings" else f"./{group}Ref",
        title=said.title if said else "",
    )


VENDOR = str(Vendor.DELL)
"""RACADM speaks to Dell's BMCs only."""
