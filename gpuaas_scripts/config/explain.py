"""Explains a value of the resolved configuration: which layer set it, and what that overrode.

Pure but for reading the layers' files again, which keeps positions out of every other verb.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

from . import check
from .keys import INTERFACE_PARTS, UnknownKeyError
from .layers import Layer, LayerName
from .model import Hardware, NodeConfig, SiteFile
from .scalars import TO_BE_APPROVED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    from ..errors import Location
    from .layers import SourceFile
    from .site import HardwareClass, Node, Profile, Site
    from .source import Document, KeyPath

    Views: TypeAlias = list[tuple[Layer, Document]]

MODEL_DEFAULT = "model default"
_INDEX = re.compile(r"\[([0-9]+)\]")
_NAME = re.compile(r"[^.\[]*")


class Root(StrEnum):
    """What a key is a part of."""

    NODE = "node"
    HARDWARE = "hardware"
    SITE = "site"


_MODELS: dict[Root, type[msgspec.Struct]] = {Root.NODE: NodeConfig, Root.HARDWARE: Hardware, Root.SITE: SiteFile}


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


class Says(StrEnum):
    """What kind of statement a layer makes."""

    VALUE = "value"
    UNSET = "unset"
    HIDDEN = "hidden"
    INVALID = "not valid"


@dataclass(frozen=True, slots=True)
class Said:
    """What one layer says of a key; `value` is plain data. `place` is None where no file says it.

    UNSET is a null; HIDDEN a list or text above the key that takes away what lower layers say; the value of
    an INVALID one is never kept, since it may be a secret.
    """

    layer: str
    value: object
    place: Location | None = None
    says: Says = Says.VALUE


@dataclass(frozen=True, slots=True)
class Explained:
    """A key with its value as plain data (None: not set) and what each layer says, highest first.

    For a mapping or a list of mappings, `said` is empty and `below` holds every value below it.
    """

    key: str
    value: object
    to_be_approved: bool = False
    said: tuple[Said, ...] = ()
    below: tuple[Explained, ...] = ()


def find(text: str) -> Query:
    """The key that `text` names, such as `slots[2].nvme`; raises UnknownKeyError."""
    first = _NAME.match(text)
    root = Root(first[0]) if first and first[0] in (Root.HARDWARE, Root.SITE) else Root.NODE
    if text == root and root is not Root.NODE:
        return Query(text, root, (), _MODELS[root])
    rest = text[len(root) + 1 :] if root is not Root.NODE else text
    if root is Root.SITE and rest == "name":
        return Query(text, root, ("name",), str)
    return _descend(text, root, rest)


def _descend(text: str, root: Root, rest: str) -> Query:
    hint: Any = _MODELS[root]
    path: KeyPath = ()
    while True:
        plain = check.parts(hint)[0]
        if get_origin(plain) is tuple:
            match = _INDEX.match(rest)
            if match is None:
                raise UnknownKeyError(f"unknown key {text!r}: {_joined(text, rest)} is a list; name an item with [0]")
            part, hint, rest = int(match[1]), get_args(plain)[0], rest[match.end() :]
        else:
            part, hint, rest = _step(plain, text, rest)
        path = (*path, part)
        if rest[:1] == ".":
            rest = rest[1:]
            inner = check.parts(hint)[0]
            if rest in INTERFACE_PARTS and part == "address":
                return Query(text, root, path, hint, rest)
            if get_origin(inner) is tuple:
                raise UnknownKeyError(f"unknown key {text!r}: {_joined(text, rest)} is a list; name an item with [0]")
        elif not rest:
            return Query(text, root, path, hint)


def _step(plain: Any, text: str, rest: str) -> tuple[str, Any, str]:
    """The next name of a key, the type behind it, and what is left of the key."""
    match = _NAME.match(rest)
    name = match[0] if match else ""
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        known = check.fields(plain)
        if name not in known:
            raise UnknownKeyError(f"unknown key {text!r}: {check.suggestion(name, known)}")
        return name, known[name], rest[len(name) :]
    if get_origin(plain) is dict and rest:
        hint = get_args(plain)[1]
        below = check.parts(hint)[0]
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


def as_data(value: object, approvals: Sequence[KeyPath] = ()) -> object:
    """A typed value as plain data, defaults included and what is not set left out; markers as `to-be-approved`.

    `approvals` are the paths of the markers, relative to the value.
    """
    if () in approvals:
        return TO_BE_APPROVED
    if isinstance(value, msgspec.Struct):
        names = zip(value.__struct_fields__, value.__struct_encode_fields__, strict=True)
        return _mapping([(key, getattr(value, name)) for name, key in names], approvals)
    if isinstance(value, dict):
        marked = {str(path[0]): None for path in approvals}
        return _mapping(list({**marked, **value}.items()), approvals)
    if isinstance(value, tuple):
        return [as_data(item, _below(approvals, index)) for index, item in enumerate(value)]
    return value if value is None or type(value) in (str, bool, int) else str(value)


def _mapping(items: list[tuple[str, Any]], approvals: Sequence[KeyPath]) -> dict[str, object]:
    data = {key: as_data(value, _below(approvals, key)) for key, value in items}
    return {key: value for key, value in data.items() if value is not None and value != {} and value != []}


def _below(approvals: Sequence[KeyPath], part: str | int) -> list[KeyPath]:
    return [path[1:] for path in approvals if path and path[0] == part]


class Explainer:
    """Explains keys of one site's nodes, profiles, hardware classes and of the site itself."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._documents: dict[SourceFile, Document] = {}

    def node(self, node: Node, query: Query, *, assumed: str = "") -> Explained:
        """A key of a node's configuration; `assumed` is the profile that --profile gave it."""
        implied: dict[KeyPath, Said] = {("hostname",): Said("name of the node's file", node.name, node.locate(()))}
        explained = self._explain(query, node.config, node.layers, node.approvals, implied)
        if assumed and query.path == ("profile",):
            return replace(explained, said=(Said("--profile", assumed), *explained.said))
        return explained

    def profile(self, profile: Profile, query: Query) -> Explained:
        """A key of a profile's configuration on this site: without hardware class and node."""
        return self._explain(query, profile.config, profile.layers, profile.approvals)

    def hardware(self, entry: HardwareClass, query: Query) -> Explained:
        """A fact of a hardware class."""
        layers = (Layer(LayerName.HARDWARE, entry.source, (Root.HARDWARE,)),)
        return self._explain(query, entry.facts, layers, _below(entry.approvals, Root.HARDWARE))

    def site(self, query: Query) -> Explained:
        """A key of the site's file."""
        site = self._site
        if query.path == ("name",):
            place = site.source.locate(())
            return Explained(query.text, site.name, said=(Said("name of the site's file", site.name, place),))
        return self._explain(query, site.file, (Layer(LayerName.SITE, site.source),), site.approvals)

    def overriders(self, profile: Profile, query: Query) -> list[tuple[Node, Explained]]:
        """Nodes of the profile for which their own file or their class decides the key or something below it."""
        own = (LayerName.NODE, LayerName.HARDWARE, "name of the node's file")
        found = []
        for node in self._site.nodes:
            if node.profile.name == profile.name:
                explained = self.node(node, query)
                leaves = explained.below or (explained,)
                if any(leaf.said[0].layer in own for leaf in leaves if leaf.said):
                    found.append((node, explained))
        return found

    def _explain(
        self,
        query: Query,
        model: object,
        layers: Sequence[Layer],
        approvals: Sequence[KeyPath],
        implied: dict[KeyPath, Said] | None = None,
    ) -> Explained:
        data = as_data(model, approvals)
        views = [(layer, self._document(layer)) for layer in reversed(layers)]
        value = _at(data, query.path)
        prefix = "" if query.root is Root.NODE else query.root
        if not _nested(value, query.hint):
            key = query.text if query.part else key_text((prefix, *query.path) if prefix else query.path)
            return _leaf(key, query, value, views, implied or {})
        below = []
        for path in dict.fromkeys([*_leaves(value, query.path), *_unset(query.path, views)]):
            key = key_text((prefix, *path) if prefix else path)
            inner = Query(key, query.root, path, _hint(_MODELS[query.root], path))
            below.append(_leaf(key, inner, _at(data, path), views, implied or {}))
        marked = any(leaf.to_be_approved for leaf in below)
        return Explained(query.text, value, marked, below=tuple(below))

    def _document(self, layer: Layer) -> Document:
        document = self._documents.get(layer.file)
        if document is None:
            document = self._documents[layer.file] = layer.file.document()
        return document


def _leaf(key: str, query: Query, value: object, views: Views, implied: dict[KeyPath, Said]) -> Explained:
    said = [one for view in views if (one := _said(view, query)) is not None]
    if query.path in implied and not any(one.says is Says.VALUE for one in said):
        said.append(implied[query.path])
    said.append(Said(MODEL_DEFAULT, _at(as_data(_MODELS[query.root]()), query.path)))
    if query.part and isinstance(value, str) and value != TO_BE_APPROVED:
        value = _part(value, query.part)
    return Explained(key, value, value == TO_BE_APPROVED, tuple(said))


def _part(address: str, part: str) -> object:
    from ipaddress import IPv4Interface

    interface = IPv4Interface(address)
    parts: dict[str, object] = {
        "ip": str(interface.ip),
        "network": str(interface.network),
        "prefixlen": interface.network.prefixlen,
    }
    return parts[part]


def _said(view: tuple[Layer, Document], query: Query) -> Said | None:
    """What one layer says of the key; None when it leaves it to lower layers."""
    layer, document = view
    value: Any = document.data
    for part in layer.prefix:
        value = value.get(part) if isinstance(value, dict) else None
    in_list = False
    for depth, part in enumerate(query.path):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value, in_list = value[part], True
        elif value == TO_BE_APPROVED:
            break
        elif depth and (in_list or not isinstance(value, dict)):
            says = Says.UNSET if value is None else Says.HIDDEN
            return Said(layer.name, None, document.locate((*layer.prefix, *query.path[:depth])), says)
        else:
            return None
    place = document.locate((*layer.prefix, *query.path))
    if value is None:
        return Said(layer.name, None, place, Says.UNSET)
    if value != TO_BE_APPROVED and not _valid(value, query.hint):
        return Said(layer.name, None, place, Says.INVALID)
    return Said(layer.name, value, place)


def _valid(value: object, hint: Any) -> bool:
    try:
        msgspec.convert(check.strip(value)[0], hint, dec_hook=check.decode)
    except msgspec.ValidationError:
        return False
    return True


def _nested(value: object, hint: Any) -> bool:
    """Whether the key is explained by what stands below it."""
    plain = check.parts(hint)[0]
    if get_origin(plain) is tuple:
        plain = check.parts(get_args(plain)[0])[0]
        return bool(value) and isinstance(value, list) and isinstance(plain, type) and issubclass(plain, msgspec.Struct)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return value != TO_BE_APPROVED
    return isinstance(value, dict)


def _at(data: object, path: KeyPath) -> object:
    """The plain value at `path`; a marker on the way stands for all below it, anything else that ends is None."""
    for part in path:
        if data == TO_BE_APPROVED:
            return data
        if isinstance(data, dict) and part in data:
            data = data[part]
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return None
    return data


def _leaves(value: object, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path


def _unset(path: KeyPath, views: Views) -> Iterator[KeyPath]:
    """Paths at or below `path` that some layer sets to null, as far as the model knows them."""
    for layer, document in views:
        data = _at(document.data, (*layer.prefix, *path))
        for inner in _nulls(data, path):
            if inner != path:
                yield inner


def _nulls(value: object, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _nulls(item, (*path, key))
    elif value is None:
        yield path


def _hint(model: type[msgspec.Struct], path: KeyPath) -> Any:
    """The type at a path that the model has (object where it has not)."""
    hint: Any = model
    for part in path:
        plain = check.parts(hint)[0]
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            hint = check.fields(plain).get(str(part), object)
        elif get_origin(plain) in (dict, tuple):
            hint = get_args(plain)[1 if get_origin(plain) is dict else 0]
        else:
            return object
    return hint
