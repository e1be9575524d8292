"""Loads a site: its file, the hardware classes and profiles its nodes name, and the nodes.

Everything wrong in the files is collected as findings; what could be read is still returned, so
that rules across fields are told in the same run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from .. import folders
from ..errors import Finding, FindingsError, Location, Severity
from .layers import Layer, SourceFile, origin
from .model import Hardware, NodeConfig, ProfileFile, SiteFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .source import KeyPath

CONFIG_FOLDER = folders.CONFIG
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class HardwareClass:
    """A hardware class: its name and facts."""

    name: str
    source: SourceFile
    facts: Hardware
    approvals: tuple[KeyPath, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile as it stands on this site: layers without hardware class and node."""

    name: str
    source: SourceFile
    file: ProfileFile
    layers: tuple[Layer, ...]
    config: NodeConfig
    approvals: tuple[KeyPath, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """One node with its resolved configuration.

    `layers` are the files its values come from, lowest first; `approvals` the key paths marked
    `to-be-approved`.
    """

    name: str
    source: SourceFile
    config: NodeConfig
    hardware: HardwareClass | None
    profile: Profile
    layers: tuple[Layer, ...]
    approvals: tuple[KeyPath, ...] = ()

    def locate(self, path: KeyPath) -> Location:
        """Where the value at `path` comes from."""
        return origin(self.layers, path)


@dataclass(frozen=True, slots=True)
class Site:
    """A site: everything its artifacts are made from.

    `classes_in_use` and `profiles_in_use` are those of its nodes; `dropped` are key paths whose values
    in shared files are wrong, which findings tell.
    """

    name: str
    root: Path
    source: SourceFile
    file: SiteFile
    nodes: tuple[Node, ...]
    profiles: dict[str, Profile]
    hardware: dict[str, HardwareClass]
    approvals: tuple[KeyPath, ...] = ()
    classes_in_use: frozenset[str] = frozenset()
    profiles_in_use: frozenset[str] = frozenset()
    dropped: frozenset[KeyPath] = frozenset()


@dataclass(slots=True)
class Loaded:
    """What a load found: the site as far as it could be read, and what is wrong.

    `broken_nodes` names nodes that have a file but no valid configuration.
    """

    site: Site
    findings: list[Finding] = field(default_factory=list)
    broken_nodes: list[str] = field(default_factory=list)

    @property
    def errors(self) -> list[Finding]:
        """The findings that keep other verbs from going on."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]


def site_names(root: Path) -> list[str]:
    """Names of the sites below `root`, sorted."""
    return sorted(path.stem for path in (root / CONFIG_FOLDER / "sites").glob("[!.]*.yaml"))


def node_count(root: Path, site: str) -> int:
    """About how many nodes a site has, without reading them."""
    folder = root / CONFIG_FOLDER / "nodes" / site
    return sum(path.suffix == ".yaml" for path in folder.iterdir()) if folder.is_dir() else 0


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` that holds site-configs/. Raises GpuaasError."""
    return folders.find_root(start)


def load_site(name: str, root: Path | str | None = None, *, assume_profile: Mapping[str, str] | None = None) -> Site:
    """Load and check a site; raises FindingsError when anything is wrong with it.

    `root` is the folder that holds site-configs/ (default: found from the working directory);
    `assume_profile` gives nodes another profile than their file says.
    """
    from .rules import check_site

    loaded = load(name, find_root(Path.cwd()) if root is None else Path(root), assume_profile=assume_profile)
    loaded.findings += check_site(loaded.site)
    if loaded.errors:
        raise FindingsError(f"site {name} has {len(loaded.errors)} error(s)", loaded.findings)
    return loaded.site


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a site's nodes: its number, from 0, of `count` shares of those that are not `known` already."""

    number: int = 0
    count: int = 1
    known: frozenset[str] = frozenset()

    @property
    def first(self) -> bool:
        """Whether it is the one that also looks at what all nodes have in common."""
        return self.number == 0

    @property
    def whole(self) -> bool:
        """Whether it is all nodes of the site."""
        return self.count == 1 and not self.known

    def of(self, names: Sequence[str]) -> list[str]:
        """Its part of the names. The first share's is half as large as the others': who works on it also
        gathers what all make.
        """
        turns = 2 * self.count - 1
        unknown = [name for name in names if name not in self.known]
        return [name for index, name in enumerate(unknown) if (index % turns + 1) // 2 == self.number]


WHOLE = Share()


def load(name: str, root: Path, *, assume_profile: Mapping[str, str] | None = None, share: Share = WHOLE) -> Loaded:
    """Load a site with all findings of its files; a site that does not exist is a GpuaasError.

    With `share`, only that share of the nodes; rules between nodes need all of them.
    """
    from .loader import Loader

    return Loader(root, name, dict(assume_profile or {}), share).load()
