"""Data of YAML files that were parsed before: parsing is half of what loading a large site costs.

Kept by content, and only of files in which nothing is wrong, so whatever is told of a file comes from the
parser itself. One file of the cache holds what is read together, such as a share of a site's nodes: one read
instead of thousands.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..cache import Cache, packages
from . import source

if TYPE_CHECKING:
    from .source import Document

_Kept = dict[str, msgspec.Raw]


class Parsed:
    """What files held, by the digest of their bytes."""

    def __init__(self, *together: str) -> None:
        """`together` names what is kept together, such as a site's folder and the number of a share."""
        library = [name for name in packages() if name.lower().startswith("pyyaml")]
        self._share = "\0".join((*library, *together)).encode()
        here = Path(__file__)
        self._cache = Cache("yaml", here, here.with_name("source.py"), here.with_name("yaml_data.py"))
        self._before = _decoded(self._cache.get(self._share))
        self._now: _Kept = {}

    def read(self, path: Path, shown_as: str) -> Document:
        """Like `source.read`."""
        raw = source.read_bytes(path, shown_as)
        digest = hashlib.sha256(raw).hexdigest()
        kept = self._before.get(digest)
        if kept is not None:
            self._now[digest] = kept
            return source.Document(shown_as, raw.decode(), msgspec.msgpack.decode(kept))
        document = source.parse_bytes(raw, shown_as)
        if not document.findings:
            with suppress(OverflowError, RecursionError):  # a number beyond 64 bits: parsed again each time
                self._now[digest] = msgspec.Raw(msgspec.msgpack.encode(document.data))
        return document

    def keep(self) -> None:
        """Write what was read, where it is not what was kept before."""
        if self._now.keys() != self._before.keys():
            self._cache.put(self._share, msgspec.msgpack.encode(self._now))


def _decoded(content: bytes | None) -> _Kept:
    try:
        return msgspec.msgpack.decode(content, type=_Kept) if content else {}
    except msgspec.DecodeError:
        return {}
