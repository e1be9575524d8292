"""What `render` writes: every file of a site with its line of the manifest, made in one or more processes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..artifacts import Plan
from ..config.rules.identity import own_values
from ..config.site import Share
from ..errors import Severity
from ..manifest import lines_of, lines_of_withheld
from ..planner import make_plan
from ..renderers import render
from ..shards import Shards
from ..templates import Library
from .kept import Item, NodeFacts
from .loading import check, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..errors import Finding
    from .kept import Kept


@dataclass(frozen=True, slots=True)
class Summary:
    """What a share says before its items: all that has to be known of the whole site first."""

    nodes: tuple[NodeFacts, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Rendering:
    """A site being rendered: its nodes, and the items, which can be gone through once."""

    nodes: tuple[str, ...]
    items: Iterator[Item]


@dataclass(slots=True)
class _InUse:
    """What all shares together use; known once each has said its summary."""

    classes: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()


@contextmanager
def rendering(
    name: str, root: Path, profiles: Mapping[str, str], processes: int, kept: Kept | None = None
) -> Iterator[Rendering]:
    """Load, check and plan the site in that many processes; raises FindingsError when anything is wrong.

    Nodes that are `kept` are not rendered again. The findings are the same for any number of processes
    and anything kept: where something is found, the whole site is looked at once more in one process.
    """
    in_use = _InUse()
    known = kept.nodes() if kept else frozenset[str]()

    def work(number: int, count: int) -> Iterator[Any]:
        return _share(name, root, profiles, Share(number, count, known), in_use)

    with Shards(work, processes) as streams:
        summaries: list[Summary] = [next(stream) for stream in streams]
        made = [node for one in summaries for node in one.nodes]
        nodes = [*made, *(kept.facts() if kept else ())]
        if not _suspicious(summaries, nodes):
            in_use.classes = frozenset(node.hardware for node in nodes if node.hardware)
            in_use.profiles = frozenset(node.profile for node in nodes)
            items: Iterator[Item] = chain(*streams)
            if kept:
                items = chain(kept.noting(items, made), kept.items())
            yield Rendering(tuple(sorted(node.name for node in nodes)), items)
            return
    if processes > 1 or kept:
        with rendering(name, root, profiles, 1) as plain:
            yield plain
    else:
        refuse(name, summaries[0].findings)


def _suspicious(summaries: list[Summary], nodes: list[NodeFacts]) -> bool:
    """Whether a share has errors, or two nodes hold what must be one machine's alone."""
    if any(finding.severity is Severity.ERROR for one in summaries for finding in one.findings):
        return True
    own = [value for node in nodes for value in node.own]
    return len(own) != len(set(own))


def _share(name: str, root: Path, profiles: Mapping[str, str], share: Share, in_use: _InUse) -> Iterator[Any]:
    """A share's summary, then its items; the first share's begin with what nodes have in common."""
    checked = check(name, root, profiles, share)
    site, plan = checked.loaded.site, checked.plan
    nodes = tuple(
        NodeFacts(node.name, node.hardware.name if node.hardware else None, node.profile.name, tuple(own_values(node)))
        for node in site.nodes
    )
    items: Iterator[Item] = (item for item in _of_plan(plan) if share.whole or item.node)
    if share.first and not share.whole and not checked.errors:
        items = iter([*items])  # while the others, whose shares are larger, still load theirs
    yield Summary(nodes, checked.findings)
    if share.first and not share.whole:
        common = replace(site, nodes=(), classes_in_use=in_use.classes, profiles_in_use=in_use.profiles)
        yield from _of_plan(make_plan(common, Library.for_root(root)))
    yield from items


def _of_plan(plan: Plan) -> Iterator[Item]:
    for artifact in plan.artifacts():
        if artifact.missing:
            yield Item(artifact.owner_node, lines_of_withheld(artifact), missing=artifact.missing)
    for rendered in render(plan):
        artifact = rendered.artifact
        content = rendered.content if artifact.written else None
        yield Item(artifact.owner_node, lines_of(rendered), content, artifact.executable)
