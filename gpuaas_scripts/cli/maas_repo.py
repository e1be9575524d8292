"""What the repository says about a site's MAAS: its scripts as rendered, its nodes' tags, and where the MAAS is.

Loading a site takes longer than comparing it, so what was read of it is kept by the fingerprint of its
sources. What is kept holds references to secrets, never a secret.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import config, folders
from ..cache import Cache
from ..errors import GpuaasError
from ..maas import metadata
from ..maas.plan import Wanted
from ..maas.tags import Node
from ..sinks import known
from .maas_connection import Region, region_of
from .tree_state import require_rendered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..config.site import Node as ConfigNode
    from .console import Console
    from .tree_state import RenderedTree

_KIND = "maas-script"
_GIT_S = 20.0


@dataclass(frozen=True)
class Repository:
    """A site as MAAS should hold it.

    `contents` are its scripts as rendered from sources of this `fingerprint`. `withheld` are scripts that wait for
    approved values (name to keys): they are neither sent nor pruned. `tree` is the folder of the scripts as shown.
    """

    site: str
    region: Region
    contents: tuple[Wanted, ...]
    fingerprint: bytes
    withheld: Mapping[str, tuple[str, ...]]
    nodes: tuple[Node, ...]
    root: Path
    tree: str

    @cached_property
    def scripts(self) -> tuple[Wanted, ...]:
        """The scripts with their metadata, where MAAS would take it; parsed anew only when any source has changed."""
        cache = Cache("maas-metadata", Path(__file__))
        if kept := cache.get(self.fingerprint):
            found = {name: metadata.from_data(item) for name, item in json.loads(kept).items()}
        else:
            found = {}
            for script in self.contents:
                with suppress(metadata.MetadataError):  # told when it is compared
                    found[script.name] = metadata.parse(script.content)
            data = {name: metadata.as_data(item) for name, item in found.items()}
            cache.put(self.fingerprint, json.dumps(data).encode())
        return tuple(replace(script, parsed=found.get(script.name)) for script in self.contents)


def repository(console: Console, site: str, root: Path) -> Repository:
    """Read the site's rendered scripts, which must be what the sources give, and its nodes.

    Raises GpuaasError (exit code 2) when generated/ is not up to date, FindingsError when the site has errors.
    """
    tree = require_rendered(console, site, root)
    scripts = tuple(_wanted(tree, entry) for entry in tree.manifest["artifacts"] if entry["kind"] == _KIND)
    region, nodes = _of_site(site, root)
    withheld = {_name(entry): tuple(entry["missing"]) for entry in tree.manifest["withheld"] if entry["kind"] == _KIND}
    return Repository(site, region, scripts, tree.fingerprint, withheld, nodes, root, tree.shown)


def _wanted(tree: RenderedTree, entry: Mapping[str, Any]) -> Wanted:
    path = f"{tree.shown}/{entry['path']}"
    try:
        return Wanted(_name(entry), tree.content(entry).decode(), path)
    except UnicodeDecodeError:
        raise GpuaasError(f"{path} is no text in UTF-8") from None


def _name(entry: Mapping[str, Any]) -> str:
    """The script's name in MAAS: that of its file (a test holds it against the metadata)."""
    return str(entry["path"]).removeprefix("maas/").removesuffix(".sh")


def _of_site(site: str, root: Path) -> tuple[Region, tuple[Node, ...]]:
    """Region and nodes, read anew only when the site's own files or what reads them have changed."""
    cache = Cache("maas-sites", Path(__file__))
    folder = root / folders.CONFIG
    own = [folder / "sites" / f"{site}.yaml", folder / "hardware", folder / "profiles", Path(config.__file__).parent]
    key = known.look(folder / "nodes" / site, own, [str(root), site]).whole
    if kept := cache.get(key):
        data = json.loads(kept)
        return Region(**data["region"]), tuple(Node(**{**item, "tags": tuple(item["tags"])}) for item in data["nodes"])
    from ..config.site import load_site

    loaded = load_site(site, root)
    region = region_of(loaded)
    nodes = tuple(_node(node) for node in loaded.nodes)
    data = {"region": asdict(region), "nodes": [asdict(node) for node in nodes]}
    cache.put(key, json.dumps(data).encode())
    return region, nodes


def _node(node: ConfigNode) -> Node:
    maas = node.config.maas
    hostname = node.config.hostname or node.name
    return Node(node.name, node.source.shown_as, hostname, maas.system_id or "", node.profile.name, tuple(maas.tags))


def commit_of(repository: Repository) -> str:
    """The commit that the scripts come from: its first 12 digits, with `+changes` when they are not in it as they are.

    `unknown` outside of a git repository.
    """
    from ..run import CommandError, base_env, run

    command = ["git", "--no-optional-locks", "-C", str(repository.root), "status", "--porcelain=v2", "--branch"]
    try:
        done = run([*command, "--", repository.tree], timeout=_GIT_S, check=False, env=base_env())
    except CommandError:
        return "unknown"
    lines = done.stdout.splitlines()
    commits = [line.split()[-1] for line in lines if line.startswith("# branch.oid ")]
    if done.returncode or not commits or commits[0] == "(initial)":
        return "unknown"
    changed = any(not line.startswith("#") for line in lines)
    return commits[0][:12] + ("+changes" if changed else "")
