"""The references to secrets in a site's configuration, each with the places that use it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config.site import Site

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*\Z|file:/.+\Z")


def references(site: Site) -> dict[str, list[str]]:
    """Reference to the keys that hold it: `maas.api_key`, `bmc.ipmi.password of n1`."""
    found: dict[str, list[str]] = {}
    for key, reference in _in(site.file.maas, "maas"):
        found.setdefault(reference, []).append(key)
    for node in site.nodes:
        for key, reference in _in(node.config, ""):
            found.setdefault(reference, []).append(f"{key} of {node.name}")
    return dict(sorted(found.items()))


def _in(value: object, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if _REFERENCE.match(value):
            yield key, value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _in(getattr(value, name), f"{key}.{name}" if key else name)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _in(inner, f"{key}.{name}")
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _in(inner, f"{key}[{number}]")
