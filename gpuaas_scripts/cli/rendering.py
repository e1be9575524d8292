"""What `render` writes: every file of a site with its line of the manifest, made in one or more processes."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..artifacts import Plan
from ..config.rules.identity import own_values
from ..errors import Severity
from ..manifest import Lines, lines_of, lines_of_withheld
from ..planner import make_plan
from ..renderers import render
from ..shards import Shards
from ..templates import Library
from .loading import check, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ..config.site import Share
    from ..errors import Finding


@dataclass(frozen=True, slots=True)
class Item:
    """One artifact: its line of the manifest and, where it is a file of the tree, what that holds.

    `node` is '' for what the site or a profile shares; `missing` are the keys that withhold it.
    """

    node: str
    lines: Lines
    content: bytes | None = None
    executable: bool = False
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What a share says before its items: all that has to be known of the whole site first."""

    nodes: tuple[str, ...]
    classes: frozenset[str]
    profiles: frozenset[str]
    own: tuple[tuple[str, str], ...]
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
def rendering(name: str, root: Path, profiles: Mapping[str, str], processes: int) -> Iterator[Rendering]:
    """Load, check and plan the site in that many processes; raises FindingsError when anything is wrong.

    The findings are the same for any number of processes: where a share finds something, the whole
    site is looked at once more in one.
    """
    in_use = _InUse()

    def work(number: int, count: int) -> Iterator[Any]:
        return _share(name, root, profiles, (number, count), in_use)

    with Shards(work, processes) as streams:
        summaries: list[Summary] = [next(stream) for stream in streams]
        if not _suspicious(summaries):
            in_use.classes = frozenset[str]().union(*(one.classes for one in summaries))
            in_use.profiles = frozenset[str]().union(*(one.profiles for one in summaries))
            yield Rendering(tuple(sorted(node for one in summaries for node in one.nodes)), chain(*streams))
            return
    if processes > 1:
        with rendering(name, root, profiles, 1) as plain:
            yield plain
    else:
        refuse(name, summaries[0].findings)


def _suspicious(summaries: list[Summary]) -> bool:
    """Whether a share has errors, or two of them hold what must be one machine's alone."""
    if any(finding.severity is Severity.ERROR for one in summaries for finding in one.findings):
        return True
    own = [value for one in summaries for value in one.own]
    return len(own) != len(set(own))


def _share(name: str, root: Path, profiles: Mapping[str, str], share: Share, in_use: _InUse) -> Iterator[Any]:
    """A share's summary, then its items; the first share's begin with what nodes have in common."""
    checked = check(name, root, profiles, share)
    site, plan = checked.loaded.site, checked.plan
    own = tuple(own_values(site))
    yield Summary(
        tuple(node.name for node in site.nodes), site.classes_in_use, site.profiles_in_use, own, checked.findings
    )
    number, count = share
    if number == 0 and count > 1:
        common = replace(site, nodes=(), classes_in_use=in_use.classes, profiles_in_use=in_use.profiles)
        yield from _of_plan(make_plan(common, Library.for_root(root)))
    yield from (item for item in _of_plan(plan) if count == 1 or item.node)


def _of_plan(plan: Plan) -> Iterator[Item]:
    for artifact in plan.artifacts():
        if artifact.missing:
            yield Item(artifact.owner_node, lines_of_withheld(artifact), missing=artifact.missing)
    for rendered in render(plan):
        artifact = rendered.artifact
        content = rendered.content if artifact.written else None
        yield Item(artifact.owner_node, lines_of(rendered), content, artifact.executable)
