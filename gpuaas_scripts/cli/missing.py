"""Where the values that withhold an artifact are to be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config.layers import origin
from ..config.query import key_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..artifacts import Artifact, Plan
    from ..errors import Location


def places(plan: Plan, artifact: Artifact) -> list[tuple[str, Location]]:
    """Each marker that withholds the artifact: its key and its place, once each."""
    found = {
        (key, place): None
        for key, place in _markers(plan, artifact)
        if any(_touch(missing, key) for missing in artifact.missing)
    }
    return list(found)


def _markers(plan: Plan, artifact: Artifact) -> Iterator[tuple[str, Location]]:
    """The markers in the files that the artifact is made from."""
    site = plan.site
    for path in site.approvals:
        yield key_text(("site", *path)), site.source.locate(path)
    node = next((node for node in site.nodes if node.name == artifact.owner_node), None)
    if node is not None:
        for path in node.approvals:  # those of the layers below among them
            yield key_text(path), node.locate(path)
        for path in node.hardware.approvals if node.hardware else ():
            assert node.hardware is not None  # noqa: S101 - for the type checker
            yield key_text(path), node.hardware.source.locate(path)
    elif artifact.owner:
        profile = site.profiles[artifact.owner]
        for path in profile.approvals:
            yield key_text(path), origin(profile.layers, path)


def _touch(missing: str, marked: str) -> bool:
    return missing == marked or missing.startswith((f"{marked}.", f"{marked}[")) or marked.startswith(_below(missing))


def _below(key: str) -> tuple[str, str]:
    return (f"{key}.", f"{key}[")
