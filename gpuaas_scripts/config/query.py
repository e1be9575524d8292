"""Keys as users write them, such as `slots[2].nvme` or `hardware.gpus[0].id`, and what stands at them.

Unlike the keys of templates (keys.py), these reach into lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Interface
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

from . import check
from .keys import INTERFACE_PARTS, UnknownKeyError
from .model import Hardware, NodeConfig, SiteFile

if TYPE_CHECKING:
    from .source import KeyPath

_INDEX = re.compile(r"\[([0-9]+)\]")
_NAME = re.compile(r"[^.\[]*")


class Root(StrEnum):
    """What a key is a part of."""

    NODE = "node"
    HARDWARE = "hardware"
    SITE = "site"


MODELS: dict[Root, type[msgspec.Struct]] = {Root.NODE: NodeConfig, Root.HARDWARE: Hardware, Root.SITE: SiteFile}


@dataclass(frozen=True, slots=True)
class Query:
    """A key that exists: its text, its path below the root's model, and the type there.

    `part` is `ip`, `network` or `prefixlen` where the key names a part of an address.
    """

    text: str
    root: Root
    path: KeyPath
    hint: Any
    part: str = ""


def find(text: str) -> Query:
    """The key that `text` names, such as `slots[2].nvme`; raises UnknownKeyError."""
    first = _NAME.match(text)
    root = Root(first[0]) if first and first[0] in (Root.HARDWARE, Root.SITE) else Root.NODE
    if text == root and root is not Root.NODE:
        return Query(text, root, (), MODELS[root])
    rest = text[len(root) + 1 :] if root is not Root.NODE else text
    if root is Root.SITE and rest == "name":
        return Query(text, root, ("name",), str)
    return _descend(text, root, rest)


def children(text: str) -> list[str]:
    """The keys right below the mapping that `text` names ('': the top), as texts; none where there is no mapping."""
    try:
        hint = find(text).hint if text else NodeConfig
    except UnknownKeyError:
        return []
    plain = check.plain(hint)
    if not (isinstance(plain, type) and issubclass(plain, msgspec.Struct)):
        return []
    names = [*check.fields(plain), *(() if text else (Root.HARDWARE, Root.SITE))]
    return [f"{text}.{name}" if text else name for name in names]


def _descend(text: str, root: Root, rest: str) -> Query:
    hint: Any = MODELS[root]
    path: KeyPath = ()
    while True:
        part, hint, rest = _step(check.plain(hint), text, rest)
        path = (*path, part)
        if not rest:
            return Query(text, root, path, hint)
        if rest[0] not in ".[":
            raise UnknownKeyError(f"unknown key {text!r}: write a dot after {_joined(text, rest)}")
        if rest[0] == "." and get_origin(check.plain(hint)) is not tuple:
            rest = rest[1:]
            if rest in INTERFACE_PARTS and check.plain(hint) is IPv4Interface:
                return Query(text, root, path, hint, rest)


def _step(plain: Any, text: str, rest: str) -> tuple[str | int, Any, str]:
    """The next name or index of a key, the type behind it, and what is left of the key."""
    if get_origin(plain) is tuple:
        index = _INDEX.match(rest)
        if index is None:
            raise UnknownKeyError(f"unknown key {text!r}: {_joined(text, rest)} is a list; name an item of it as [0]")
        return int(index[1]), get_args(plain)[0], rest[index.end() :]
    match = _NAME.match(rest)
    name = match[0] if match else ""
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        known = check.fields(plain)
        if name not in known:
            raise UnknownKeyError(f"unknown key {text!r}: {check.suggestion(name, known)}")
        return name, known[name], rest[len(name) :]
    if get_origin(plain) is dict and rest:
        hint = get_args(plain)[1]
        below = check.plain(hint)
        if isinstance(below, type) and issubclass(below, msgspec.Struct):
            return name, hint, rest[len(name) :]
        return rest, hint, ""  # such as kernel.sysctl.net.ipv4.ip_forward: the dots belong to the name
    raise UnknownKeyError(f"unknown key {text!r}: nothing stands below {_joined(text, rest)}")


def _joined(text: str, rest: str) -> str:
    return repr(text[: len(text) - len(rest)].rstrip("."))


def key_text(path: KeyPath) -> str:
    """A path as text: `slots[2].nvme`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def hint_at(model: type[msgspec.Struct], path: KeyPath) -> Any:
    """The type at a path that the model has (object where it has not)."""
    hint: Any = model
    for part in path:
        plain = check.plain(hint)
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            hint = check.fields(plain).get(str(part), object)
        elif get_origin(plain) in (dict, tuple):
            hint = get_args(plain)[1 if get_origin(plain) is dict else 0]
        else:
            return object
    return hint
