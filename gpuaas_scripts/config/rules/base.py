"""What rules have in common: a problem by key paths, and how it becomes a finding with places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ...errors import Finding, Severity
from ..model import Role

if TYPE_CHECKING:
    from ...errors import Location
    from ..site import Node
    from ..source import KeyPath


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a node's values.

    `path` is the value it is about, `also` the other values that take part (paths of NodeConfig),
    `facts` the facts of the hardware class that do; with `secret` its line is not shown. The message
    never names the node, so that a problem of a shared file is the same finding for all its nodes.
    """

    code: str
    message: str
    path: KeyPath
    hint: str = ""
    also: tuple[KeyPath, ...] = ()
    facts: tuple[KeyPath, ...] = ()
    severity: Severity = Severity.ERROR
    secret: bool = False


def locate(node: Node, problem: Problem) -> Finding:
    """The problem as a finding, at the most specific file that takes part; the other places are `also`.

    Where a node's value clashes with a shared one, the place is the node's: the others are fine.
    """
    places = [node.locate(path) for path in (problem.path, *problem.also)]
    ranks = {layer.file.shown_as: rank for rank, layer in enumerate(node.layers)}
    first = max(places, key=lambda place: ranks.get(place.file, -1))  # the first of the highest
    rest = [place for place in places if place != first]
    if node.hardware is not None:
        rest += [node.hardware.source.locate(("hardware", *path)) for path in problem.facts]
    found = finding(problem.code, problem.message, first, problem.hint, rest, problem.severity)
    return replace(found, secret=problem.secret)


def finding(
    code: str,
    message: str,
    location: Location,
    hint: str,
    also: list[Location],
    severity: Severity = Severity.ERROR,
) -> Finding:
    """A finding of a rule; `also` holds further places, repeated ones once."""
    return Finding(code, severity, message, location, hint, tuple(dict.fromkeys(also)))


def is_slice_host(node: Node) -> bool:
    """Whether the node's profile makes it a slice host."""
    return node.profile.file.role is Role.SLICE_HOST


def is_awaited(node: Node, path: KeyPath) -> bool:
    """Whether the value at `path`, or a part of the way to it, is marked `to-be-approved`."""
    return any(path[: len(marked)] == marked for marked in node.approvals)
