"""Gathers everything that a deployment stands on: the node's plan and rendering, and what MAAS says of its machine."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import FindingsError, GpuaasError
from ..evidence.parse import Status, parse
from ..evidence.topology import serial_of
from ..maas.deploy import Facts, Release
from ..maas.results import newest
from ..maas.storage import OsDisk
from ..sinks.maas_errors import MaasError, Trouble
from .judging import fetch, judge_nodes
from .nodes import machine_of

if TYPE_CHECKING:
    from pathlib import Path

    from ..artifacts import Plan
    from ..config.site import Node as Entry
    from ..config.site import Site
    from ..maas.machine import Machine
    from ..secrets import SecretFile
    from ..sinks.maas_session import MaasSession
    from .console import Console

_PARITY = re.compile(r"/usr/local/sbin/gpuaas-[a-z0-9-]+-parity-check\Z")
ERASING = "enable_disk_erasing_on_release"


@dataclass(frozen=True, slots=True)
class Node:
    """A node with what the repository says of it. `tree` is what is wrong with the rendered tree, '' when nothing.

    `missing` are the keys that withhold any of its artifacts, each with its place; `user_data` is None then. `secrets`
    are the files that user data brings to the host only when it is sent, by reference.
    """

    site: Site
    entry: Entry
    tree: str
    missing: tuple[str, ...]
    user_data: bytes | None
    parity: str | None
    secrets: tuple[SecretFile, ...] = ()

    @property
    def name(self) -> str:
        """The node's name."""
        return self.entry.name

    @property
    def profile(self) -> str:
        """Its profile's name."""
        return self.entry.profile.name


def planned_node(console: Console, root: Path, site: str, name: str) -> Node:
    """Plan the site and render the node. Raises FindingsError (a site with errors), GpuaasError (no such node)."""
    from ..renderers import user_data
    from ..secret_files import secret_files
    from .loading import planned, require_nodes
    from .tree_state import require_rendered

    plan = planned(site, root).plan
    require_nodes(plan, [name])
    entry = next(node for node in plan.site.nodes if node.name == name)
    tree = ""
    try:
        require_rendered(console, site, root)
    except FindingsError:
        raise
    except GpuaasError as error:
        tree = str(error)
    missing = _missing(plan, entry)
    targets = [artifact.target for artifact in plan.of_node(name)]
    parity = next((target for target in targets if _PARITY.match(target)), None)
    content = None if missing else user_data(plan, name)
    secrets = secret_files(plan, name)
    missing += tuple(f"{file.key} ({file.place})" for file in secrets if file.pending)
    return Node(plan.site, entry, tree, missing, content, parity, secrets)


def _missing(plan: Plan, entry: Entry) -> tuple[str, ...]:
    """Keys that are to be approved for what the profile and the node need; MAAS scripts are not the host's."""
    from .missing import places

    found: dict[str, None] = {}
    for artifact in (*plan.profile_artifacts[entry.profile.name], *plan.node_artifacts[entry.name]):
        if artifact.missing:
            known = dict(places(plan, artifact))
            for key in artifact.missing:
                inner = [f"{one} ({place})" for one, place in known.items() if one == key or one.startswith(key)]
                found |= dict.fromkeys(inner or [key])
    return tuple(found)


async def gather(session: MaasSession, node: Node, release: Release | None) -> Facts:
    """Everything that the deployment stands on. Raises GpuaasError when the machine is not the node's, MaasError."""
    from .secret_part import try_out

    machine = await machine_of(session, node.entry)
    configured = _configured(node.entry)
    return Facts(
        site=node.site.name,
        node=node.name,
        profile=node.profile,
        machine=machine,
        whoami=await session.whoami(),
        os_disk=await _os_disk(session, node, machine),
        release=release or configured,
        configured=configured,
        tree=node.tree,
        missing=node.missing,
        user_data=node.user_data,
        erases=await _erases(session),
        failing=await _failing(session, node),
        secrets=node.secrets,
        secret_problems=try_out(node.user_data, node.secrets),
    )


async def _failing(session: MaasSession, node: Node) -> tuple[str, ...]:
    """The checks of the machine's newest results that are FAIL."""
    if not node.site.file.scripts:
        return ()
    held = await session.scripts()
    judgement = await judge_nodes(session, node.site, [node.entry], node.site.file.scripts, held)
    verdicts = [verdict for one in judgement.judged for verdict in one.verdicts]
    return tuple(f"{one.area}.{one.check}" for one in verdicts if one.status is Status.FAIL)


def _configured(entry: Entry) -> Release | None:
    """What the configuration says is installed; images other than Ubuntu's have names of MAAS's own."""
    system = entry.config.os
    if system.distribution is None or str(system.distribution) != "ubuntu" or system.release is None:
        return None
    return Release(f"ubuntu/{system.release}")


async def _os_disk(session: MaasSession, node: Node, machine: Machine) -> OsDisk:
    """The OS disk's path and every serial that is known to be its own: from the file, from the last commissioning."""
    storage = node.entry.config.storage
    serials = []
    if storage.os_disk_serial:
        serials.append((storage.os_disk_serial, "storage.os_disk_serial of the configuration"))
    scripts = node.site.file.scripts
    if storage.os_disk and scripts:
        sets = await fetch(session, machine.system_id, scripts)
        for script in scripts:
            run = newest(sets, script)
            seen = serial_of(parse(run.stdout, needs_summary=False), storage.os_disk) if run else ""
            if run and seen:
                serials.append((seen, f"seen by {script}, {run.ended}"))
    return OsDisk(storage.os_disk or "", tuple(serials))


async def _erases(session: MaasSession) -> bool | None:
    """Whether MAAS erases disks on release; None when it does not say."""
    try:
        answer = await session.call("MAAS.get_config", data=[("name", ERASING)])
    except MaasError as error:
        if error.trouble in (Trouble.REFUSED, Trouble.MISSING, Trouble.FORBIDDEN):
            return None
        raise
    return answer if isinstance(answer, bool) else None
