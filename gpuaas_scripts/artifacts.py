"""Artifacts: what a site gets, each with its scope, place, values and what is missing for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from .errors import Finding, Location, Severity
from .templates import Scope, Template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .config.keys import Value
    from .config.site import Site
    from .config.source import KeyPath

NODE_ENV = "/etc/gpuaas/node.env"
NODE_ENV_COMPLETE = "GPUAAS_NODE_ENV_COMPLETE"
BASE_ENV = ("GPUAAS_SITE", "GPUAAS_NODE", "GPUAAS_PROFILE", "GPUAAS_HARDWARE_CLASS")
"""Values of every node.env, whatever the scripts ask for."""


class ArtifactKind(StrEnum):
    """What an artifact is."""

    MAAS_SCRIPT = "maas-script"
    SCRIPT = "script"
    UNIT = "unit"
    FILE = "file"
    NODE_ENV = "node-env"
    USER_DATA_PART = "user-data-part"
    USER_DATA = "user-data"


class Artifact(msgspec.Struct, frozen=True):
    """One file to render, or (kind user-data) one text to assemble when it is sent.

    `path` is relative to generated/<site>; `target` and `mode` are those on the host (empty for
    what is never a file there). `values` are the settings by name. `embeds` are the artifacts
    whose text this one holds. `missing` are the keys marked `to-be-approved` that withhold it.
    """

    kind: ArtifactKind
    name: str
    scope: Scope
    owner: str
    path: str
    purpose: str
    reference: str
    target: str = ""
    mode: str = ""
    file_owner: str = "root:root"
    values: Mapping[str, Value] = msgspec.field(default_factory=dict)
    embeds: tuple[Artifact, ...] = ()
    missing: tuple[str, ...] = ()
    template: Template | None = None

    @property
    def executable(self) -> bool:
        """Whether the file in the tree is executable."""
        return self.kind in (ArtifactKind.MAAS_SCRIPT, ArtifactKind.SCRIPT)

    @property
    def owner_node(self) -> str:
        """The node it belongs to, '' for wider scopes."""
        return self.owner if self.scope is Scope.NODE else ""

    @property
    def written(self) -> bool:
        """Whether the artifact is a file of the tree."""
        return self.kind is not ArtifactKind.USER_DATA and not self.missing


@dataclass(frozen=True, slots=True)
class Plan:
    """All artifacts of a site: its own, each used profile's, each node's."""

    site: Site
    site_artifacts: tuple[Artifact, ...]
    profile_artifacts: dict[str, tuple[Artifact, ...]]
    node_artifacts: dict[str, tuple[Artifact, ...]]
    uses: dict[str, tuple[str, ...]]
    findings: tuple[Finding, ...] = ()

    def artifacts(self) -> Iterator[Artifact]:
        """Every artifact, in the order of scopes."""
        yield from self.site_artifacts
        for artifacts in self.profile_artifacts.values():
            yield from artifacts
        for artifacts in self.node_artifacts.values():
            yield from artifacts

    def of_node(self, name: str) -> tuple[Artifact, ...]:
        """What one node gets: the site's, its profile's and its own artifacts."""
        node = next(node for node in self.site.nodes if node.name == name)
        return (*self.site_artifacts, *self.profile_artifacts[node.profile.name], *self.node_artifacts[name])


def approvals(plan: Plan) -> list[Finding]:
    """A warning for each `to-be-approved` marker, with what is withheld until it is a value."""
    withheld: dict[str, list[str]] = {}
    for artifact in plan.artifacts():
        for key in artifact.missing:
            withheld.setdefault(key, []).append(artifact.name)
    found: list[Finding] = []
    for node in plan.site.nodes:
        for path in node.approvals:
            if path in plan.site.dropped:
                continue
            found.append(_approval(path, node.locate(path), withheld))
        for path in node.hardware.approvals if node.hardware else ():
            assert node.hardware is not None  # noqa: S101 - for the type checker
            found.append(_approval(path, node.hardware.source.locate(path), withheld))
    for path in plan.site.approvals:
        if path[0] not in ("defaults", "profiles"):  # these are the nodes'
            found.append(_approval(("site", *path), plan.site.source.locate(path), withheld))
    return list(dict.fromkeys(found))


def _approval(path: KeyPath, place: Location, withheld: Mapping[str, Sequence[str]]) -> Finding:
    key = key_text(path)
    held = sorted({name for used, names in withheld.items() if _below(used, key) for name in names})
    until = f"; withheld until then: {', '.join(held)}" if held else ""
    return Finding(
        "GS210", Severity.WARNING, f"{key} is to be approved{until}", place, "write the approved value in its place"
    )


def key_text(path: KeyPath) -> str:
    """A path as text: `slots[2].nvme`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _below(used: str, marked: str) -> bool:
    return used == marked or marked.startswith((f"{used}.", f"{used}[")) or used.startswith(f"{marked}.")
