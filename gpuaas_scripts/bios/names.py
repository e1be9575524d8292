"""Logical names of BIOS settings (vt, vtd, smt, sriov) and what each vendor's firmware calls them.

A logical name is looked up in the host's own registry, never assumed: by the vendor's known names,
then by the title on the setup screen. Names are compared without punctuation and case, since
Supermicro appends a hash (`SR_IOVSupport_0123`) and AMI's names are numbers (`PCIS007`).
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from .registry import Attribute, Kind, Registry, Value

if TYPE_CHECKING:
    from collections.abc import Container, Iterable


class Vendor(StrEnum):
    """Makers of firmware with names of their own."""

    DELL = "dell"
    HPE = "hpe"
    SUPERMICRO = "supermicro"
    LENOVO = "lenovo"
    NVIDIA = "nvidia"
    OTHER = "other"


class Logical(StrEnum):
    """Settings that a slice host needs, by names that no vendor owns."""

    VT = "vt"
    VTD = "vtd"
    SMT = "smt"
    SRIOV = "sriov"


_VENDOR_WORDS = {
    "dell": Vendor.DELL,
    "hewlett": Vendor.HPE,
    "hpe": Vendor.HPE,
    "supermicro": Vendor.SUPERMICRO,
    "super micro": Vendor.SUPERMICRO,
    "lenovo": Vendor.LENOVO,
    "nvidia": Vendor.NVIDIA,
}

# On Dell with Intel processors VT-d has no attribute of its own: ProcVirtualization brings the DMAR table too.
_NAMES: dict[Vendor, dict[Logical, str]] = {
    Vendor.DELL: {
        Logical.VT: "ProcVirtualization",
        Logical.VTD: "IommuSupport ProcVirtualization",
        Logical.SMT: "LogicalProc",
        Logical.SRIOV: "SriovGlobalEnable",
    },
    Vendor.HPE: {
        Logical.VT: "ProcVirtualization",
        Logical.VTD: "IntelProcVtd ProcAmdIoVt ProcVirtualization",
        Logical.SMT: "ProcHyperthreading ProcSMT",
        Logical.SRIOV: "Sriov",
    },
    Vendor.SUPERMICRO: {
        Logical.VT: "IntelVirtualizationTechnology SVMMode",
        Logical.VTD: "IntelVTforDirectedIOVTd IntelVTforDirectedIO IOMMU",
        Logical.SMT: "HyperThreadingALL HyperThreading SMTControl",
        Logical.SRIOV: "SRIOVSupport",
    },
    Vendor.LENOVO: {
        Logical.VT: "Processors_IntelVirtualizationTechnology Processors_SVMMode",
        Logical.VTD: "DevicesandIOPorts_IntelVTforDirectedIOVTd Processors_IntelVTforDirectedIOforVT_d",
        Logical.SMT: "Processors_HyperThreading Processors_SMTMode",
        Logical.SRIOV: "DevicesandIOPorts_SRIOV",
    },
    Vendor.NVIDIA: {Logical.SRIOV: "PCIS007"},
}

_TITLES: dict[Logical, str] = {
    Logical.VT: "virtualizationtechnology intelvirtualizationtechnology intelrvirtualizationtechnology vmx "
    "enablevmx svmmode amdvirtualization intelvtx",
    Logical.VTD: "intelvtfordirectediovtd intelrvtfordirectediovtd intelvtfordirectedio intelrvtfordirectedio "
    "intelvtd intelrvtd iommu iommusupport amdiovirtualizationtechnology",
    Logical.SMT: "logicalprocessor hyperthreading hyperthreadingall intelrhyperthreadingoptions "
    "intelhyperthreading smtcontrol smtmode amdsmtoption",
    Logical.SRIOV: "sriov sriovsupport sriovglobalenable",
}

_ON = ("enabled", "enable", "on", "yes", "true", "auto")
_OFF = ("disabled", "disable", "off", "no", "false")
_HASH = re.compile(r"[_#][0-9A-Fa-f]{4}\Z")


def vendor_of(text: str) -> Vendor:
    """The vendor that a Redfish `Vendor` or `Manufacturer` text names."""
    folded = text.casefold()
    return next((vendor for word, vendor in _VENDOR_WORDS.items() if word in folded), Vendor.OTHER)


def known_names(name: Logical, vendor: Vendor) -> tuple[str, ...]:
    """What this vendor's firmware calls a logical name, the likeliest first; empty where no name is known."""
    return tuple(_NAMES.get(vendor, {}).get(name, "").split())


@dataclass(frozen=True, slots=True)
class Found:
    """An attribute of this host for a name that was asked for."""

    attribute: Attribute


@dataclass(frozen=True, slots=True)
class Missing:
    """No attribute for the name that was asked for; `near` are names of this host that may be meant."""

    near: tuple[str, ...] = ()


def find(name: str, registry: Registry, vendor: Vendor, present: Container[str]) -> Found | Missing:
    """The attribute that `name` (logical, or the vendor's own) stands for on this host.

    `present` holds the names that the host's Bios resource lists; a registry knows more than the
    host has. The vendor's own name goes before a logical one.
    """
    own = registry.attributes.get(name)
    if own is not None and own.name in present:
        return Found(own)
    if own is None and name in set(Logical):
        return _find_logical(Logical(name), registry, vendor, present)
    return Missing(tuple(difflib.get_close_matches(name, _listed(registry, present), n=3, cutoff=0.7)))


def _find_logical(name: Logical, registry: Registry, vendor: Vendor, present: Container[str]) -> Found | Missing:
    here = [attribute for attribute in registry.attributes.values() if attribute.name in present]
    for known in map(_plain, known_names(name, vendor)):
        found = [a for a in here if _plain(a.name).startswith(known) and known in _forms(a.name)]
        if len(found) == 1:
            return Found(found[0])
    titles = set(_TITLES[name].split())
    found = [a for a in here if _plain(a.title) in titles and a.kind in {Kind.ENUMERATION, Kind.BOOLEAN}]
    if len(found) == 1:
        return Found(found[0])
    return Missing(tuple(sorted(a.name for a in found)))


def _forms(name: str) -> tuple[str, str]:
    """A name, and without the hash that Supermicro appends."""
    return _plain(name), _plain(_HASH.sub("", name))


def _listed(registry: Registry, present: Container[str]) -> list[str]:
    return [name for name in registry.attributes if name in present]


@lru_cache(maxsize=16384)  # a fleet asks for the same few thousand names and titles again and again
def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())


def accept(attribute: Attribute, wanted: Value) -> Value:
    """As `Attribute.accept`, and on/off words reach what this firmware calls them (`PCIS007Enabled`, `Auto`).

    Raises ValueError that says what would be valid.
    """
    try:
        return attribute.accept(wanted)
    except ValueError:
        word = _plain(str(wanted))
        family: Iterable[str] = _ON[:-1] if word in _ON[:-1] else _OFF if word in _OFF else ()
        if attribute.kind is not Kind.ENUMERATION or not family:
            raise
        meant = _of_family(attribute, (*family, "auto") if word in _ON else family)
        if meant is None:
            raise
        return meant


def _of_family(attribute: Attribute, family: Iterable[str]) -> str | None:
    """The one value of the attribute whose name (less the attribute's own) or shown text is the first of `family`."""
    prefix = _plain(attribute.name)
    for word in family:
        found = {c.name for c in attribute.choices if word in {_plain(c.name).removeprefix(prefix), _plain(c.shown)}}
        if len(found) == 1:
            return found.pop()
    return None
