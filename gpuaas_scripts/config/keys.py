"""Keys of the resolved configuration, such as `network.bridge.name`, and the values behind them.

Roots: `site.…` (the site file), `hardware.…` (facts of the node's class), everything else a key of
NodeConfig. An address with prefix has three parts of its own: `.ip`, `.network` and `.prefixlen`.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

from . import check
from .model import Hardware, NodeConfig, SiteFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .source import KeyPath

Value = str | int | bool | tuple[str, ...] | tuple[tuple[str, ...], ...] | None
"""What a template gets: text, number, boolean, a list of texts, or rows of texts; None: not set."""

INTERFACE_PARTS = ("ip", "network", "prefixlen")
ABSENT = "-"
"""Stands in a table cell for a value that is not set."""


class UnknownKeyError(ValueError):
    """A key that the configuration does not have; the message says which are known."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key that exists: its text and its parts below the root."""

    text: str
    root: str
    parts: tuple[str, ...]

    @property
    def path(self) -> KeyPath:
        """The path in a node's (or the class's or site's) configuration, without interface parts."""
        parts = self.parts
        if len(parts) > 1 and parts[-1] in INTERFACE_PARTS and parts[-2] == "address":
            parts = parts[:-1]
        return parts if self.root == "node" else (self.root, *parts)

    def read(self, start: object) -> Any:
        """The typed value below `start`; None where something on the way is not set."""
        value: Any = start
        for part in self.parts:
            if value is None:
                return None
            if part == "prefixlen":
                value = value.network  # an interface tells its prefix through its network
            value = value.get(part) if isinstance(value, dict) else getattr(value, part)
        return value


def find(text: str) -> Key:
    """The key named by `text`; raises UnknownKeyError."""
    first = text.partition(".")[0]
    if first == "site":
        return _checked(text, "site", SiteFile, extra="name")
    if first == "hardware":
        return _checked(text, "hardware", Hardware)
    return _checked(text, "node", NodeConfig)


def columns(kind: type[msgspec.Struct], names: Sequence[str]) -> None:
    """Check column keys below a list of `kind`; raises UnknownKeyError."""
    for name in names:
        _checked(name, "node", kind, through_lists=True)


def shape(value: Any) -> Value:
    """A typed value as templates get it."""
    if value is None or type(value) in (str, bool, int):
        return value  # type: ignore[no-any-return]
    if isinstance(value, dict):
        return tuple(f"{key}={item}" for key, item in value.items())
    if isinstance(value, tuple):
        return tuple(str(item) for item in value)
    return str(value)


def rows(items: Sequence[Any], names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """A table: one row for each item, one text for each column; lists are joined by commas."""
    paths = [name.split(".") for name in names]
    return tuple([tuple([_cell(item, path) for path in paths]) for item in items])


def _cell(item: Any, parts: Sequence[str]) -> str:
    value = getattr(item, parts[0], None)
    if type(value) is str and len(parts) == 1:
        return value
    values = [*value] if isinstance(value, tuple) else [value]
    for part in parts[1:]:
        below: list[Any] = []
        for value in values:
            inner = getattr(value, part, None)
            below += inner if isinstance(inner, tuple) else [inner]
        values = below
    if len(values) == 1 and isinstance(values[0], dict):
        values = [f"{key}={value}" for key, value in values[0].items()]
    if not values:
        return ABSENT
    return ",".join(ABSENT if value is None else _text(value) for value in values)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _is_model(hint: Any) -> bool:
    inner = check.plain(hint)
    return isinstance(inner, type) and issubclass(inner, msgspec.Struct)


def _checked(text: str, root: str, kind: type[msgspec.Struct], *, through_lists: bool = False, extra: str = "") -> Key:
    """The key whose parts exist below `kind`; raises UnknownKeyError."""
    parts = tuple(text.split("."))
    below = parts[1:] if root != "node" else parts
    hint: Any = kind
    for index, part in enumerate(below):
        hint = check.plain(hint)
        if through_lists and get_origin(hint) is tuple:
            hint = check.plain(get_args(hint)[0])
        if get_origin(hint) is dict:
            hint = get_args(hint)[1]  # any key may stand below a free mapping, dots included
            if not _is_model(hint):
                below = (*below[:index], ".".join(below[index:]))
                break
        elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            known = check.fields(hint)
            if part == extra and not index:
                hint = str
            elif part in known:
                hint = known[part]
            else:
                raise UnknownKeyError(f"unknown key {text!r}: {check.suggestion(part, known)}")
        elif hint is IPv4Interface and part in INTERFACE_PARTS:
            hint = str
        else:
            raise UnknownKeyError(f"unknown key {text!r}: nothing stands below {'.'.join(below[:index])!r}")
    return Key(text, root, below)
