"""How our scripts are known in MAAS: a marker tag with the site's name, and a stamp in the revision's comment."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from .metadata import normalised

COMMENT_LIMIT = 255
"""Characters; MAAS answers 500 above."""

_MARKER = "gpuaas-site-"
_STAMP = re.compile(r"gpuaas-gen site=(?P<site>[a-z0-9-]+) commit=(?P<commit>\S+) sha256=(?P<digest>[0-9a-f]{64})")
_SITE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Stamp:
    """What our comment says: the site, the commit the script was rendered from, its content's SHA-256 in hex."""

    site: str
    commit: str
    digest: str


def marker(site: str) -> str:
    """The tag of a site's scripts. Raises ValueError when `site` is no site name."""
    if not _SITE.fullmatch(site):
        raise ValueError(f"{site!r} is no site name")
    return f"{_MARKER}{site}"


def sites(tags: Iterable[str]) -> frozenset[str]:
    """The sites whose markers are among `tags`."""
    return frozenset(tag.removeprefix(_MARKER) for tag in tags if tag.startswith(_MARKER))


@lru_cache(maxsize=4096)
def digest(content: str) -> str:
    """SHA-256 in hex of a script as MAAS stores it (line ends of Unix, UTF-8)."""
    return hashlib.sha256(normalised(content).encode("utf-8", "surrogatepass")).hexdigest()


def comment(site: str, commit: str, content: str) -> str:
    """The comment of an upload, at most 255 characters: a longer `commit` is cut, blanks in it become `_`."""
    marker(site)
    word = re.sub(r"[^!-~]+", "_", commit) or "unknown"
    room = COMMENT_LIMIT - len(f"gpuaas-gen site={site} commit= sha256={digest('')}")
    return f"gpuaas-gen site={site} commit={word[:room]} sha256={digest(content)}"


def read_comment(text: str | None) -> Stamp | None:
    """The stamp in a comment, None for a comment that is not ours."""
    match = _STAMP.fullmatch(text or "")
    return Stamp(match["site"], match["commit"], match["digest"]) if match else None
