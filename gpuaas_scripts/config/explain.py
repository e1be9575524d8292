"""Explains a value of the resolved configuration: which layer set it, and what that overrode.

Pure but for reading the layers' files again, which keeps positions out of every other verb.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, get_args, get_origin

import msgspec

from . import check
from .layers import Layer, LayerName
from .plain import as_data, below, leaves, value_at
from .query import MODELS, Query, Root, hint_at, key_text
from .scalars import TO_BE_APPROVED, decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TypeAlias

    from ..errors import Location
    from .layers import SourceFile
    from .site import HardwareClass, Node, Profile, Site
    from .source import Document, KeyPath

    Views: TypeAlias = list[tuple[Layer, Document]]

MODEL_DEFAULT = "model default"
_FILE_NAME = "name of the node's file"


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


class Explainer:
    """Explains keys of one site's nodes, profiles, hardware classes and of the site itself."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._documents: dict[SourceFile, Document] = {}

    def node(self, node: Node, query: Query, *, assumed: str = "") -> Explained:
        """A key of a node's configuration; `assumed` is the profile that --profile gave it."""
        implied: dict[KeyPath, Said] = {("hostname",): Said(_FILE_NAME, node.name, node.locate(()))}
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
        return self._explain(query, entry.facts, layers, below(entry.approvals, Root.HARDWARE))

    def site(self, query: Query) -> Explained:
        """A key of the site's file."""
        site = self._site
        if query.path == ("name",):
            place = site.source.locate(())
            return Explained(query.text, site.name, said=(Said("name of the site's file", site.name, place),))
        return self._explain(query, site.file, (Layer(LayerName.SITE, site.source),), site.approvals)

    def overriders(self, profile: Profile, query: Query) -> list[tuple[Node, list[Explained]]]:
        """Nodes of the profile whose own file or class decides the key, with the single values so decided."""
        own = (LayerName.NODE, LayerName.HARDWARE, _FILE_NAME)
        found = []
        for node in self._site.nodes:
            if node.profile.name == profile.name:
                explained = self.node(node, query)
                values = explained.below or (explained,)
                decided = [value for value in values if value.said and value.said[0].layer in own]
                if decided:
                    found.append((node, decided))
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
        value = value_at(data, query.path)
        prefix = "" if query.root is Root.NODE else query.root
        if not _nested(value, query.hint):
            key = query.text if query.part else key_text((prefix, *query.path) if prefix else query.path)
            return _leaf(key, query, value, views, implied or {})
        single = []
        for path in dict.fromkeys([*leaves(value, query.path), *_unset(query.path, views, MODELS[query.root])]):
            key = key_text((prefix, *path) if prefix else path)
            inner = Query(key, query.root, path, hint_at(MODELS[query.root], path))
            single.append(_leaf(key, inner, value_at(data, path), views, implied or {}))
        marked = any(leaf.to_be_approved for leaf in single)
        return Explained(query.text, value, marked, below=tuple(single))

    def _document(self, layer: Layer) -> Document:
        document = self._documents.get(layer.file)
        if document is None:
            document = self._documents[layer.file] = layer.file.document()
        return document


def _leaf(key: str, query: Query, value: object, views: Views, implied: dict[KeyPath, Said]) -> Explained:
    said = [one for view in views if (one := _said(view, query)) is not None]
    if query.path in implied:
        said.append(implied[query.path])
    said.append(Said(MODEL_DEFAULT, value_at(as_data(MODELS[query.root]()), query.path)))
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
        msgspec.convert(check.strip(value)[0], hint, dec_hook=decode)
    except msgspec.ValidationError:
        return False
    return True


def _nested(value: object, hint: Any) -> bool:
    """Whether the key is explained by what stands below it."""
    plain = check.plain(hint)
    if get_origin(plain) is tuple:
        plain = check.plain(get_args(plain)[0])
        return bool(value) and isinstance(value, list) and isinstance(plain, type) and issubclass(plain, msgspec.Struct)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return value != TO_BE_APPROVED
    return isinstance(value, dict)


def _unset(path: KeyPath, views: Views, model: type[msgspec.Struct]) -> Iterator[KeyPath]:
    """Paths below `path` of single values that some layer sets to null."""
    for layer, document in views:
        data = value_at(document.data, (*layer.prefix, *path))
        for inner in _nulls(data, path):
            hint = hint_at(model, inner)
            if inner != path and hint is not object and not _nested(None, hint):
                yield inner


def _nulls(value: object, path: KeyPath) -> Iterator[KeyPath]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _nulls(item, (*path, key))
    elif value is None:
        yield path
