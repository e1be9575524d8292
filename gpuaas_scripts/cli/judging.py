"""Fetches the results of a site's nodes from MAAS and judges them, for the verbs that show verdicts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..artifacts import key_text
from ..evidence.judge import RUN, Judged, Verdict, judge
from ..evidence.parse import Status
from ..evidence.topology import AREA, ApprovedSlot, Topology
from ..maas.commission import runs_by_itself
from ..maas.results import newest, parse_results
from ..maas.stamp import digest
from ..maas.state import StateError
from ..sinks.maas_errors import MaasError, Trouble

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ..config.site import Node, Site
    from ..maas.results import ResultSet
    from ..maas.state import HeldScript
    from ..sinks.maas_session import MaasSession

_HOPELESS = (Trouble.UNREACHABLE, Trouble.TLS, Trouble.KEY, Trouble.CLOCK, Trouble.FORBIDDEN)
"""After one of these the other nodes would fail alike."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Verdicts by node and script, the nodes that MAAS gave no answer about, and the scripts that MAAS holds other than
    they are in generated/.
    """

    judged: tuple[Judged, ...]
    unanswered: tuple[str, ...] = ()
    not_uploaded: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether anything is FAIL."""
        return any(one.status is Status.FAIL for one in self.judged)


def approved(node: Node) -> Topology:
    """What was approved for a node, in the terms of the evidence."""
    config = node.config
    slots = tuple(
        ApprovedSlot(slot.gpu or "", slot.nvme or "", slot.fabric or "", slot.numa, slot.nvme_serial or "")
        for slot in config.slots
    )
    facts = node.hardware.facts if node.hardware else None
    return Topology(
        hardware_class=node.hardware.name if node.hardware else "",
        slots=slots,
        bf3_ports=config.bf3.ports,
        os_disk=config.storage.os_disk or "",
        os_disk_serial=config.storage.os_disk_serial or "",
        os_disk_model=(facts.os_disk.model or "") if facts else "",
    )


def no_machine(node: Node) -> str:
    """Why a node cannot be found in MAAS, '' when it has a system id."""
    if node.config.maas.system_id:
        return ""
    marked = [path for path in node.approvals if key_text(path) == "maas.system_id"]
    place = node.locate(marked[0]) if marked else node.source.shown_as
    return f"{place}: maas.system_id is {'to be approved' if marked else 'not set'}"


async def judge_nodes(
    session: MaasSession,
    site: Site,
    nodes: Sequence[Node],
    scripts: Sequence[str],
    held: Mapping[str, HeldScript],
    *,
    only_set: int | None = None,
    optional: Collection[str] = (),
) -> Judgement:
    """Judge the newest run of each script on each node; `held` are MAAS's scripts.

    With `only_set` only what ran in that commissioning (MAAS's id of it). `optional` scripts need not have run.
    A node that MAAS does not know, or gives no answer about, is a FAIL of its own. Raises MaasError where
    the other nodes would fail alike.
    """
    room = asyncio.Semaphore(session.connection.concurrency)

    async def one(node: Node) -> tuple[list[Judged], str]:
        if problem := no_machine(node):
            return [_unseen(node.name, "machine", problem, "write the machine's system id there")], ""
        try:
            async with room:
                sets = await fetch(session, str(node.config.maas.system_id), scripts)
        except (MaasError, StateError) as error:
            trouble = error.trouble if isinstance(error, MaasError) else None
            if trouble in _HOPELESS:
                raise
            if trouble is Trouble.MISSING:
                hint = f"correct maas.system_id in {node.source.shown_as}"
                gone = f"MAAS knows no machine {node.config.maas.system_id}"
                return [_unseen(node.name, "machine", gone, hint)], ""
            return [_unseen(node.name, "answer", str(error), error.hint)], node.name
        if only_set is not None:
            sets = tuple(one for one in sets if one.id == only_set)
        names = [name for name in scripts if name not in optional or newest(sets, name)]
        how = f"gpuaas-gen commission --site {site.name} --node {node.name} --watch"
        judged = [_judged(node, script, sets, held, how) for script in names]
        return [*judged, *_unjudged_topology(site, node, names, judged)], ""

    found = await asyncio.gather(*(one(node) for node in nodes))
    judged = tuple(item for items, _ in found for item in items)
    unanswered = tuple(name for _, name in found if name)
    return Judgement(judged, unanswered, tuple(not_uploaded(site, held, scripts)))


async def fetch(session: MaasSession, system_id: str, scripts: Sequence[str]) -> tuple[ResultSet, ...]:
    """What MAAS keeps of a machine's commissionings and tests, these scripts with their output.

    Raises MaasError, StateError.
    """
    asked = [("include_output", "true"), ("filters", ",".join(scripts))]
    return parse_results(await session.call("NodeScriptResults.read", {"system_id": system_id}, asked))


def not_uploaded(site: Site, held: Mapping[str, HeldScript], scripts: Sequence[str]) -> list[str]:
    """Those of the site's rendered scripts that MAAS does not hold as they are in generated/."""
    found = []
    for name in scripts:
        place = site.root / "generated" / site.name / "maas" / f"{name}.sh"
        there = held.get(name)
        if place.is_file() and (there is None or digest(place.read_text("utf-8")) != digest(there.content)):
            found.append(name)
    return found


def _judged(
    node: Node, script: str, sets: Sequence[ResultSet], held: Mapping[str, HeldScript], how_to_run: str
) -> Judged:
    there = held.get(script)
    return judge(
        node.name,
        script,
        newest(sets, script),
        current_revision=there.head.id if there else None,
        approved=approved(node),
        how_to_run=how_to_run,
        on_request=there is not None and not runs_by_itself(there),
    )


def _unjudged_topology(site: Site, node: Node, scripts: Sequence[str], judged: Sequence[Judged]) -> list[Judged]:
    """Says that nobody has compared the node with its slots, where all scripts were asked for and none could."""
    seen = any(verdict.area == AREA for one in judged for verdict in one.verdicts)
    if seen or not node.config.slots or set(scripts) != set(site.file.scripts):
        return []
    detail = "the node's approved slots were not judged: no script reported an inventory"
    return [Judged(node.name, "", "", current=True, verdicts=(Verdict(AREA, "slots", Status.WARN, detail),))]


def _unseen(node: str, check: str, detail: str, remediation: str) -> Judged:
    verdict = Verdict(RUN, check, Status.FAIL, detail, remediation)
    return Judged(node, "", "", current=False, verdicts=(verdict,))
