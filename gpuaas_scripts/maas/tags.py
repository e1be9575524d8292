"""What an upload would do about machine tags: those of the site's profiles, and the nodes that carry them. Pure.

Tags are only ever added: a machine whose tags say something else than the site's file is a problem for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .state import StateError

PREFIX = "gpuaas-profile-"


@dataclass(frozen=True, slots=True)
class Node:
    """A node as the site's file states it: its file, host name, MAAS system id ('' where unknown), profile, tags."""

    name: str
    file: str
    hostname: str
    system_id: str
    profile: str
    tags: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """All tags that its machine carries: that of the profile first."""
        return (f"{PREFIX}{self.profile}", *self.tags)


@dataclass(frozen=True, slots=True)
class HeldTag:
    """A tag in MAAS. One with a `definition` belongs to MAAS, which gives and takes it by itself."""

    name: str
    definition: str = ""
    kernel_opts: str = ""


@dataclass(frozen=True, slots=True)
class HeldMachine:
    """A machine in MAAS, as far as tags go."""

    system_id: str
    hostname: str
    tags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Assignment:
    """A tag, and the nodes whose machines get it."""

    tag: str
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class TagPlan:
    """Tags to create, tags to give, what is wrong (told, and never touched), and the nodes that cannot be looked up."""

    create: tuple[str, ...] = ()
    give: tuple[Assignment, ...] = ()
    problems: tuple[str, ...] = ()
    unknown: tuple[Node, ...] = ()

    @property
    def pending(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.create or self.give)


def parse_tags(answer: object) -> dict[str, HeldTag]:
    """All tags of a list answer by name. Raises StateError."""
    if not isinstance(answer, list):
        raise StateError("MAAS's list of tags is no list")
    try:
        tags = [
            HeldTag(str(item["name"]), str(item["definition"] or ""), str(item["kernel_opts"] or "")) for item in answer
        ]
    except (KeyError, TypeError) as error:
        raise StateError(f"MAAS's list of tags cannot be read: {error!r}") from error
    return {tag.name: tag for tag in tags}


def parse_machines(answer: object) -> dict[str, HeldMachine]:
    """The machines of a list answer by system id. Raises StateError."""
    if not isinstance(answer, list):
        raise StateError("MAAS's list of machines is no list")
    try:
        machines = [
            HeldMachine(str(item["system_id"]), str(item["hostname"]), frozenset(item["tag_names"])) for item in answer
        ]
    except (KeyError, TypeError) as error:
        raise StateError(f"MAAS's list of machines cannot be read: {error!r}") from error
    return {machine.system_id: machine for machine in machines}


def plan(nodes: Iterable[Node], tags: Mapping[str, HeldTag], machines: Mapping[str, HeldMachine]) -> TagPlan:
    """Compare what the site's file says of its nodes with what MAAS holds."""
    ordered = sorted(nodes, key=lambda node: node.name)
    problems = [problem for node in ordered for problem in _node_problems(node, machines.get(node.system_id))]
    problems += _tag_problems(ordered, tags)
    missing: dict[str, list[Node]] = {}
    for node in ordered:
        machine = machines.get(node.system_id)
        if machine is None or _node_problems(node, machine):
            continue
        for tag in node.wanted:
            if tag not in machine.tags and not (tag in tags and tags[tag].definition):
                missing.setdefault(tag, []).append(node)
    create = dict.fromkeys(tag for node in ordered for tag in node.wanted if tag not in tags)
    return TagPlan(
        tuple(sorted(create)),
        tuple(Assignment(tag, tuple(found)) for tag, found in sorted(missing.items())),
        tuple(problems),
        tuple(node for node in ordered if not node.system_id),
    )


def _node_problems(node: Node, machine: HeldMachine | None) -> Sequence[str]:
    if not node.system_id:
        return ()
    if machine is None:
        return (f"{node.file}: MAAS has no machine with the system id {node.system_id} of {node.name}",)
    if machine.hostname != node.hostname:
        return (
            f"{node.file}: the system id {node.system_id} of {node.name} is that of {machine.hostname} in MAAS,"
            f" not of {node.hostname}; its tags are left alone",
        )
    others = sorted(tag for tag in machine.tags if tag.startswith(PREFIX) and tag not in node.wanted)
    if not others:
        return ()
    return (
        f"{node.file}: {node.name} ({node.system_id}) carries {', '.join(others)} in MAAS, but its profile here is"
        f" {node.profile}; its tags are left alone",
    )


def _tag_problems(nodes: Sequence[Node], tags: Mapping[str, HeldTag]) -> list[str]:
    problems = []
    for name in sorted({f"{PREFIX}{node.profile}" for node in nodes} & tags.keys()):
        if tags[name].definition:
            problems.append(
                f"tag {name}: MAAS gives it by the definition {tags[name].definition!r}, not the site's file"
            )
        if tags[name].kernel_opts:
            problems.append(
                f"tag {name}: its kernel options {tags[name].kernel_opts!r} reach every boot of its machines,"
                " commissioning and the installed system"
            )
    return problems


def verify(nodes: Iterable[Node], tags: Mapping[str, HeldTag], machines: Mapping[str, HeldMachine]) -> tuple[str, ...]:
    """What is still to be done after a plan was carried out; empty: everything is as wanted."""
    after = plan(nodes, tags, machines)
    absent = [f"tag {name}: not in MAAS after the upload" for name in after.create]
    return (
        *absent,
        *(
            f"tag {item.tag}: not on {', '.join(node.name for node in item.nodes)} after the upload"
            for item in after.give
            if item.tag not in after.create
        ),
    )
