"""JSON Schemas (draft 2020-12) of the files that people write, for editors and other programs.

They come from the models, so that one declaration feeds reading, findings and schema. Mended for
editors: patterns in the dialect of ECMA 262; every value may also be null and, in the files of
site-configs/, `to-be-approved`. What no schema can tell (host bits of a network, keys of other
files, rules across fields) is `gpuaas-gen validate`'s.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Any, NamedTuple

import msgspec

from .config import scalars
from .config.model import HardwareFile, NodeConfig, ProfileFile, SiteFile
from .templates import FileModel, ScriptModel, UnitModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_MISSING = "Missing"
_MISSING_IN_LAYER = {
    "description": f"{scalars.TO_BE_APPROVED}: nobody may invent the value yet; null: take back what layers below set",
    "enum": [scalars.TO_BE_APPROVED, None],
}
_MISSING_IN_TEMPLATE = {"description": "as if the key were not there", "type": "null"}
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_PREFIX = "/(?:3[0-2]|[12]?[0-9])"
_PATTERNS: dict[type, str] = {
    IPv4Address: f"^{_ADDRESS}$",
    IPv4Interface: f"^{_ADDRESS}{_PREFIX}$",
    IPv4Network: f"^{_ADDRESS}{_PREFIX}$",
    scalars.Size: "^[1-9][0-9]*(?:MiB|GiB|TiB)$",
    scalars.Duration: "^[1-9][0-9]*[smhd]$",
}


class FileKind(NamedTuple):
    """A kind of file: where it stands, its model, and whether it is a layer (which may unset values)."""

    place: str
    model: type[msgspec.Struct]
    layer: bool


KINDS: dict[str, FileKind] = {
    "site": FileKind("site-configs/sites/<site>.yaml", SiteFile, True),
    "node": FileKind("site-configs/nodes/<site>/<node>.yaml", NodeConfig, True),
    "hardware": FileKind("site-configs/hardware/<class>.yaml", HardwareFile, True),
    "profile": FileKind("site-configs/profiles/<profile>.yaml", ProfileFile, True),
    "script": FileKind("templates/scripts/<name>/script.yaml", ScriptModel, False),
    "unit": FileKind("templates/units/<name>/unit.yaml", UnitModel, False),
    "file": FileKind("templates/files/<name>/file.yaml", FileModel, False),
}
"""The kinds by the names that `gpuaas-gen schema` takes."""


def schema(name: str) -> dict[str, Any]:
    """The schema of one kind of file, by its name in KINDS."""
    kind = KINDS[name]
    _, definitions = msgspec.json.schema_components([kind.model], schema_hook=_hook)
    mended = {title: _mend(definition, layer=kind.layer) for title, definition in sorted(definitions.items())}
    mended[_MISSING] = _MISSING_IN_LAYER if kind.layer else _MISSING_IN_TEMPLATE
    root = mended.pop(kind.model.__name__)
    head: dict[str, Any] = {"$schema": DIALECT, "title": f"gpuaas-gen {name}: {kind.place}"}
    return {**head, **{key: value for key, value in root.items() if key != "title"}, "$defs": mended}


def _hook(kind: type) -> dict[str, Any]:
    """The schema of a scalar that is no plain text."""
    return scalars.schema(kind) | ({"pattern": _PATTERNS[kind]} if kind in _PATTERNS else {})


def _mend(node: Any, *, layer: bool) -> Any:
    """A part of a schema, for editors: values of mappings may be missing, and in a layer items of lists too."""
    if isinstance(node, list):
        return [_mend(item, layer=layer) for item in node]
    if not isinstance(node, dict):
        return node
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key == "pattern":
            result[key] = value.replace(r"\Z", "$")
        elif key == "properties":
            result[key] = {name: _value(inner, layer=layer) for name, inner in value.items()}
        elif key == "additionalProperties" and isinstance(value, dict):
            result[key] = _value(value, layer=layer)
        elif key == "items" and layer:
            result[key] = {"anyOf": [_mend(value, layer=layer), {"const": scalars.TO_BE_APPROVED}]}
        elif key in ("default", "examples", "enum"):
            result |= {key: value} if value or value is False else {}
        elif key != "required":  # no key is
            result[key] = _mend(value, layer=layer)
    return result


def _value(node: dict[str, Any], *, layer: bool) -> dict[str, Any]:
    """The schema of a value that may be missing."""
    mended: dict[str, Any] = _mend(node, layer=layer)
    kept: dict[str, Any] = {key: mended.pop(key) for key in ("description", "default") if key in mended}
    choices = [choice for choice in mended.pop("anyOf", []) if choice != {"type": "null"}] or [mended]
    return {**kept, "anyOf": [*choices, {"$ref": f"#/$defs/{_MISSING}"}]}
