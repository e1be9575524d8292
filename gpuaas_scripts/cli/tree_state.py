"""The rendered tree of a site, for verbs that carry it elsewhere: only what is up to date in generated/ goes out."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import GpuaasError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .console import Console


@dataclass(frozen=True, slots=True)
class RenderedTree:
    """A tree that is just what the sources give: its folder, as shown, and its manifest as data.

    `fingerprint` is that of the sources (`sinks.known`).
    """

    place: Path
    shown: str
    manifest: Mapping[str, Any]
    fingerprint: bytes

    def content(self, entry: Mapping[str, Any]) -> bytes:
        """The file of an entry of the manifest. Raises GpuaasError when it changed since it was compared."""
        content: bytes = (self.place / entry["path"]).read_bytes()
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            raise GpuaasError(f"{self.shown}/{entry['path']} changed while it was read", hint="run the command again")
        return content


def require_rendered(console: Console, site: str, root: Path) -> RenderedTree:
    """The tree of `site` in generated/, compared with what its sources give.

    Raises GpuaasError (exit code 2) when it differs, FindingsError when the site has errors. A tree that was
    rendered of these very sources before is only hashed.
    """
    from ..sinks import known
    from .render import shown, sources_of

    place = root / "generated" / site
    words = [str(root), site]
    sources = sources_of(root, site, words)
    same = known.manifest_of(sources)
    manifest = known.held(place, same) if same else None
    if manifest is None:
        from ..manifest import NAME

        count = _differences(console, site, root, place)
        if count:
            changes = f"{count} change{'' if count == 1 else 's'}"
            raise GpuaasError(
                f"{shown(place, root)} is not what the sources give ({changes}); nothing was done",
                hint=f"gpuaas-gen render --site {site}, then have the changes reviewed and commit them",
            )
        if sources_of(root, site, words) == sources:
            known.remember(sources, place)
        manifest = json.loads((place / NAME).read_bytes())
    return RenderedTree(place, shown(place, root), manifest, sources.whole)


def _differences(console: Console, site: str, root: Path, place: Path) -> int:
    from ..config.site import node_count
    from ..shards import count_for
    from ..sinks import tree
    from .render import tree_files
    from .rendering import rendering

    withheld: dict[str, tuple[str, ...]] = {}
    with rendering(site, root, {}, count_for(node_count(root, site))) as made:
        files = tree_files(made.items, withheld, site, place, frozenset())
        return len(tree.compare(place, files, notify=console.info))
