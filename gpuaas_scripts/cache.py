"""Results of slow checks, kept by content: $XDG_CACHE_HOME/gpuaas-gen (default ~/.cache/gpuaas-gen).

A key holds the content, the check and this program's own source, so a result is never trusted
across versions. Losing the cache costs time only; what cannot be read or written is left out.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path

from . import __version__


class Cache:
    """A folder of results of one check. Safe with two runs at once: files appear whole or not at all."""

    def __init__(self, check: str, *sources: Path) -> None:
        """`sources` are the files whose code decides the result."""
        self.folder = folder() / check
        self.salt = _digest_of((check, __version__, *(str(path) for path in sources)), sources)

    def get(self, content: bytes) -> bytes | None:
        """The result for `content`, None when there is none."""
        try:
            return (self.folder / self._key(content)).read_bytes()
        except OSError:
            return None

    def put(self, content: bytes, result: bytes) -> None:
        """Keep a result."""
        import tempfile  # here: mostly nothing is new

        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder)
            with os.fdopen(handle, "wb") as file:
                file.write(result)
            Path(name).replace(self.folder / self._key(content))

    def _key(self, content: bytes) -> str:
        return hashlib.sha256(self.salt + content).hexdigest()


def folder() -> Path:
    """Where results are kept."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "gpuaas-gen"


@cache
def packages() -> tuple[str, ...]:
    """Names and versions of what is installed beside this program (the names of its metadata folders), sorted."""
    home = Path(__file__).parents[1]
    places = {str(home), *(path for path in sys.path if path.endswith("-packages"))}
    names = [name for place in places if os.path.isdir(place) for name in os.listdir(place)]  # noqa: PTH112, PTH208
    return tuple(sorted(name for name in names if name.endswith(".dist-info")))


@lru_cache(maxsize=32)
def _digest_of(words: tuple[str, ...], sources: tuple[Path, ...]) -> bytes:
    digest = hashlib.sha256("\0".join(words).encode())
    for path in sources:
        digest.update(path.read_bytes())
    return digest.digest()
