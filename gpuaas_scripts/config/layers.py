"""Layers: how values of several files become one, and which file said what.

Lowest first: model defaults, hardware class, profile, site, the site's section for the profile,
node. Mappings merge, scalars and lists replace, null takes back what the layers below set (so
that the model default stands again).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from . import source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ..errors import Location
    from .source import Document, KeyPath


M = TypeVar("M", bound=msgspec.Struct)


class LayerName(StrEnum):
    """The layers that files make, lowest first."""

    HARDWARE = "hardware class"
    PROFILE = "profile"
    SITE = "site"
    SITE_PROFILE = "site's section for the profile"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A configuration file by its name as shown and its place; read again only to find positions."""

    shown_as: str
    path: Path

    def document(self) -> Document:
        """The file's content, read now."""
        return source.read(self.path, self.shown_as)

    def locate(self, path: KeyPath, *, key: bool = False) -> Location:
        """The place of a value or key in the file."""
        return self.document().locate(path, key=key)


@dataclass(frozen=True, slots=True)
class Layer:
    """One file's values for a node: those below `prefix` in the file."""

    name: LayerName
    file: SourceFile
    prefix: KeyPath = ()

    def data(self) -> dict[str, Any]:
        """The raw values of the layer, read now."""
        value: Any = self.file.document().data
        for part in self.prefix:
            value = value.get(part, {}) if isinstance(value, dict) else {}
        return value if isinstance(value, dict) else {}

    def locate(self, path: KeyPath, *, key: bool = False) -> Location:
        """The place in the file of the value at `path` of the resolved configuration."""
        return self.file.locate((*self.prefix, *path), key=key)


@dataclass(frozen=True, slots=True)
class Setting:
    """What one layer says of one key."""

    layer: Layer
    value: Any
    location: Location


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """A new mapping; parts that `above` does not touch are shared with `below`, which stays as it was."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        if isinstance(value, dict):
            result[key] = merge(under if isinstance(under, dict) else {}, value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


def overlay(below: M, above: M, raw: Mapping[str, Any]) -> M:
    """`merge` on models: `above`, made from `raw`, laid over `below`.

    The same result as making a model of the merged raw values, but what `raw` does not touch is
    shared with `below` instead of being made again for each node.
    """
    kind = type(below)
    values = []
    for name in kind.__struct_fields__:
        under = getattr(below, name)
        if name not in raw:
            values.append(under)
            continue
        over, value = getattr(above, name), raw[name]
        if isinstance(value, dict) and isinstance(under, msgspec.Struct):
            values.append(overlay(under, over, value))
        elif isinstance(value, dict):
            values.append(_overlay_mapping(under, over, value))
        else:
            values.append(over)  # a null is left out of `above`, which then holds the model default
    return kind(*values)


def _overlay_mapping(below: dict[str, Any], above: dict[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in raw.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(result.get(key), msgspec.Struct) and isinstance(value, dict):
            result[key] = overlay(result[key], above[key], value)
        elif key in above:
            result[key] = above[key]
    return result


def merge_all(layers: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Merge raw layers, lowest first."""
    result: dict[str, Any] = {}
    for data in layers:
        result = merge(result, data)
    return result


def settings(layers: Sequence[Layer], path: KeyPath) -> list[Setting]:
    """What each layer says of the key at `path`, highest first; a null is told too."""
    found: list[Setting] = []
    for layer in reversed(layers):
        value: Any = layer.data()
        for depth, part in enumerate(path):
            if _holds(value, part):
                value = value[part]
            elif depth and not isinstance(value, dict):  # a scalar, list or null that hides what is below it
                found.append(Setting(layer, value, layer.locate(path[:depth])))
                break
            else:
                break
        else:
            found.append(Setting(layer, value, layer.locate(path)))
    return found


def _holds(value: object, part: str | int) -> bool:
    if isinstance(value, list):
        return isinstance(part, int) and part < len(value)
    return isinstance(value, dict) and part in value


def origin(layers: Sequence[Layer], path: KeyPath, *, key: bool = False) -> Location:
    """The place of the highest layer that sets `path`, or the nearest mapping above it."""
    for depth in range(len(path), 0, -1):
        for setting in settings(layers, path[:depth]):
            if key and depth == len(path):
                return setting.layer.locate(path, key=True)
            return setting.location
    return layers[-1].locate(())
