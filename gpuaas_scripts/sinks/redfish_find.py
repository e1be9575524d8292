"""Where a BMC keeps what a BIOS change needs. Links are followed from the service root; nothing is assumed by vendor.

The one exception: iDRAC names an attribute registry that its registry collection does not list under that
name, and has it at `Bios/BiosRegistry` (seen with firmware 6.00).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..bios.registry import Registry
from ..bios.registry_parse import registry_of
from .bmc import BmcError, Trouble
from .redfish_http import Document, RedfishSession, link


@dataclass(frozen=True, slots=True)
class Places:
    """Paths at one BMC, empty where it has no such thing; `services` is iDRAC's Lifecycle Controller."""

    system: str
    bios: str
    vendor: str
    model: str
    bios_version: str
    jobs: str = ""
    lockdown: str = ""
    services: str = ""
    registries: str = ""


async def find_places(session: RedfishSession) -> Places:
    """Follow the links from the service root. Raises BmcError; NOT_FOUND when no system has a BIOS to configure."""
    label = session.target.label
    systems = link(session.root, "Systems")
    if not systems:
        raise BmcError(Trouble.NOT_A_BMC, f"{label}: its service root names no systems")
    for path in members(await session.get(systems)):
        system = await session.get(path)
        if bios := link(system, "Bios"):
            return await _places(session, path, bios, system)
    raise BmcError(Trouble.NOT_FOUND, f"{label}: no system of it has a BIOS resource")


async def _places(session: RedfishSession, path: str, bios: str, system: Document) -> Places:
    root = session.root
    manager_path = link(system.get("Links"), "ManagedBy")
    manager = await optional(session, manager_path)
    dell = inner(manager, "Links", "Oem", "Dell")
    return Places(
        system=path,
        bios=bios,
        vendor=_text(root.get("Vendor")) or _text(system.get("Manufacturer")),
        model=_text(system.get("Model")),
        bios_version=_text(system.get("BiosVersion")),
        jobs=link(dell, "Jobs"),
        lockdown=link(dell, "DellAttributes"),
        services=link(dell, "DellLCService"),
        registries=link(root, "Registries"),
    )


async def optional(session: RedfishSession, path: str) -> Document:
    """A resource, empty where there is none or where it is not for this user. Raises BmcError."""
    if not path:
        return {}
    try:
        return await session.get(path)
    except BmcError as error:
        if error.trouble in {Trouble.NOT_FOUND, Trouble.PRIVILEGE}:
            return {}
        raise


async def read_registry(session: RedfishSession, places: Places, bios: Document) -> Registry:
    """The attribute registry that the `Bios` document names. Raises BmcError, BiosError."""
    named = _text(bios.get("AttributeRegistry"))
    if "dell" in places.vendor.casefold():
        try:
            return (await session.fetch(f"{places.bios}/BiosRegistry", registry_of))[0]
        except BmcError as error:
            if error.trouble is not Trouble.NOT_FOUND:
                raise
    if named and places.registries:
        listed = members(await session.get(places.registries))
        file = await session.get(_listed(named, listed)) if _listed(named, listed) else {}
        if uri := _uri(file):
            return (await session.fetch(uri, registry_of))[0]
    raise BmcError(Trouble.NOT_FOUND, f"{session.target.label}: the BIOS attribute registry {named or ''} is not there")


def _listed(named: str, paths: list[str]) -> str:
    """The member for a registry's name: exactly, or the only one that differs in its version alone."""
    by_name = {path.rstrip("/").rsplit("/", 1)[-1].casefold(): path for path in paths}
    if exact := by_name.get(named.casefold()):
        return exact
    near = [path for name, path in by_name.items() if _stem(name) == _stem(named.casefold())]
    return near[0] if len(near) == 1 else ""


def _stem(name: str) -> str:
    head, separator, tail = name.rpartition(".v")
    return head if separator and tail[:1].isdigit() else name.removesuffix(".json")


def _uri(file: Document) -> str:
    """The registry's own path: English if there is a choice. Old iLO firmware writes `{"extref": …}`."""
    listed = file.get("Location")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    entries.sort(key=lambda entry: not _text(entry.get("Language")).casefold().startswith("en"))
    for entry in entries:
        uri = entry.get("Uri")
        found = _text(uri.get("extref")) if isinstance(uri, dict) else _text(uri)
        if found:
            return found
    return ""


def members(collection: Document) -> list[str]:
    """Paths of the members of a collection."""
    listed = collection.get("Members")
    return [path for entry in listed if (path := link({"m": entry}, "m"))] if isinstance(listed, list) else []


def inner(document: object, *names: str) -> Mapping[str, Any]:
    """The object at these names inside a document, empty where there is none."""
    for name in names:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def target_of(document: Document, action: str) -> str:
    """The target of the action whose name ends in `action`, the vendor's own ones included."""
    actions = inner(document, "Actions")
    for name, entry in (*actions.items(), *inner(actions, "Oem").items()):
        if name.endswith(action) and isinstance(entry, Mapping):
            return _text(entry.get("target"))
    return ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
