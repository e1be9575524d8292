"""What nodes gave in an earlier render, kept by content, so that only nodes that have changed are rendered.

A node's artifacts follow from its own file and from the sources that all nodes share. Both are part of
the key, this program's own source included; rules between nodes are looked at anew in each render.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..cache import Cache
from ..manifest import Lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ..sinks.known import Sources


_LARGEST = 16 * 1024 * 1024
"""Bytes that are kept of a site, and in memory meanwhile: about 4,000 nodes. What is beyond is rendered each time."""


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One artifact: its line of the manifest and, where it is a file of the tree, what that holds.

    `node` is '' for what the site or a profile shares; `missing` are the keys that withhold it.
    """

    node: str
    lines: Lines
    content: bytes | None = None
    executable: bool = False
    missing: tuple[str, ...] = ()


class NodeFacts(msgspec.Struct, frozen=True, array_like=True):
    """What has to be known of a node besides its own artifacts: `own` is what must be one machine's alone."""

    name: str
    hardware: str | None
    profile: str
    own: tuple[tuple[str, str], ...]


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    facts: NodeFacts
    items: msgspec.Raw


class _Record(msgspec.Struct, frozen=True):
    shared: bytes
    nodes: dict[str, msgspec.Raw]


class Kept:
    """The results for the nodes of one site, of its last render from the same shared sources."""

    def __init__(self, site: str, sources: Sources) -> None:
        """`site` tells sites of this name in different repositories apart."""
        self._site = site.encode()
        self._shared = sources.shared
        self._keys = {
            Path(path).stem: _key(path, digest) for path, digest in sources.nodes.items() if path.endswith(".yaml")
        }
        self._cache = Cache("nodes")
        before = self._read()
        self._before = before.nodes if before is not None and before.shared == sources.shared else {}
        self._now: dict[str, msgspec.Raw] = {}

    def nodes(self) -> frozenset[str]:
        """Names of the nodes whose results are kept."""
        return frozenset(name for name, key in self._keys.items() if key in self._before)

    def facts(self) -> list[NodeFacts]:
        """The facts of the nodes that are kept."""
        return [self._entry(name).facts for name in self.nodes()]

    def items(self) -> Iterator[Item]:
        """The items of the nodes that are kept, which so stay kept."""
        for name in sorted(self.nodes()):
            self._now[self._keys[name]] = self._before[self._keys[name]]
            yield from msgspec.msgpack.decode(self._entry(name).items, type=tuple[Item, ...])

    def noting(self, items: Iterable[Item], facts: Collection[NodeFacts]) -> Iterator[Item]:
        """Pass on the items of a render, and take over what they say of the nodes of `facts`."""
        made: dict[str, list[msgspec.Raw]] = {one.name: [] for one in facts}
        encode = msgspec.msgpack.encode
        room = _LARGEST - sum(map(len, self._before.values()))
        for item in items:
            if item.node in made:
                raw = encode(item)
                room -= len(raw)
                if room < 0:
                    del made[item.node]
                else:
                    made[item.node].append(msgspec.Raw(raw))
            yield item
        for one in facts:
            if one.name in self._keys and one.name in made:
                entry = _Entry(one, msgspec.Raw(encode(made.pop(one.name))))
                self._now[self._keys[one.name]] = msgspec.Raw(encode(entry))

    def write(self) -> None:
        """Keep what this render used and added; call it only when the sources have not changed meanwhile."""
        if self._now.keys() != self._before.keys():
            self._cache.put(self._site, msgspec.msgpack.encode(_Record(self._shared, self._now)))

    def _entry(self, name: str) -> _Entry:
        return msgspec.msgpack.decode(self._before[self._keys[name]], type=_Entry)

    def _read(self) -> _Record | None:
        content = self._cache.get(self._site)
        try:
            return msgspec.msgpack.decode(content, type=_Record) if content else None
        except msgspec.DecodeError:
            return None


def _key(path: str, digest: bytes) -> str:
    return hashlib.sha256(f"{path}\0".encode(errors="surrogateescape") + digest).hexdigest()
