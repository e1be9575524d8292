"""A site's repository against its MAAS: scripts and tags, read in one go and compared."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import GpuaasError
from ..maas import plan as scripts
from ..maas import tags
from ..maas.plan import UploadPlan, Verdict
from ..maas.tags import TagPlan
from .maas_connection import shown_url
from .maas_repo import commit_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..maas.plan import Change, Prune, Request
    from ..maas.state import HeldScript
    from ..maas.tags import HeldMachine, HeldTag
    from ..sinks.maas_session import MaasSession
    from .maas_repo import Repository

BLOCKED = frozenset({Verdict.INVALID, Verdict.CONFLICT, Verdict.BUILTIN, Verdict.FOREIGN})
"""What an upload never does by itself, and which people have to look at."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user allows beside creations and updates, and (`names`) which scripts it is about; empty: all."""

    names: tuple[str, ...] = ()
    force: bool = False
    adopt: bool = False
    prune: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """What MAAS holds: all scripts, all tags, and the machines that the site states."""

    scripts: Mapping[str, HeldScript]
    tags: Mapping[str, HeldTag]
    machines: Mapping[str, HeldMachine]


@dataclass(frozen=True, slots=True)
class Compared:
    """What an upload would do, and what it was computed from."""

    url: str
    version: str
    commit: str
    scripts: UploadPlan
    tags: TagPlan
    choice: Choice = Choice()

    @property
    def chosen(self) -> tuple[Change, ...]:
        """The creations and updates that are to be done."""
        verdicts = {Verdict.CREATE, Verdict.UPDATE}
        verdicts |= {Verdict.DRIFT} if self.choice.force else set()
        verdicts |= {Verdict.FOREIGN} if self.choice.adopt else set()
        return tuple(change for change in self.scripts.changes if change.verdict in verdicts)

    @property
    def deletions(self) -> tuple[Prune, ...]:
        """The scripts that are to be deleted: with --prune, and one that was changed by hand only with --force."""
        if not self.choice.prune:
            return ()
        return tuple(item for item in self.scripts.prune if self.choice.force or not item.edited)

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests about scripts, deletions last."""
        found = [change.request for change in self.chosen] + [item.request for item in self.deletions]
        return tuple(request for request in found if request)

    @property
    def pending(self) -> bool:
        """Whether anything is to be done."""
        return bool(self.requests) or self.tags.pending

    @property
    def blocked(self) -> tuple[Change, ...]:
        """What cannot be done, or is not allowed."""
        left = {change.name for change in self.chosen}
        return tuple(change for change in self.scripts.changes if change.verdict in BLOCKED and change.name not in left)

    @property
    def drifted(self) -> tuple[Change, ...]:
        """What was changed by hand in MAAS and is left as it is."""
        return () if self.choice.force else self._of(Verdict.DRIFT)

    @property
    def differs(self) -> bool:
        """Whether MAAS holds anything else than the repository says, whatever is allowed."""
        same = all(change.verdict is Verdict.UNCHANGED for change in self.scripts.changes)
        return not same or bool(self.scripts.prune) or self.tags.pending or bool(self.tags.problems)

    def _of(self, verdict: Verdict) -> tuple[Change, ...]:
        return tuple(change for change in self.scripts.changes if change.verdict is verdict)


async def read(session: MaasSession, repository: Repository) -> Held:
    """All that is compared, in requests that are sent at once. Raises MaasError, StateError."""
    from ..sinks.maas_upload import read_machines, read_tags

    if not repository.nodes:
        return Held(await session.scripts(), {}, {})
    ids = [node.system_id for node in repository.nodes if node.system_id]
    held, known, machines = await asyncio.gather(session.scripts(), read_tags(session), read_machines(session, ids))
    return Held(held, known, machines)


async def compare(session: MaasSession, repository: Repository, choice: Choice) -> Compared:
    """Read MAAS and compare it with the repository. Raises MaasError, StateError, GpuaasError (unknown script)."""
    parsing = asyncio.to_thread(lambda: repository.scripts)  # while MAAS answers
    held, _ = await asyncio.gather(read(session, repository), parsing)
    found = compared(session, repository, choice, held, "")
    _require_known(found, repository)
    return compared(session, repository, choice, held, commit_of(repository)) if found.requests else found


def compared(session: MaasSession, repository: Repository, choice: Choice, held: Held, commit: str) -> Compared:
    """Compare what MAAS holds with the repository."""
    found = scripts.plan(repository.site, commit, repository.scripts, held.scripts)
    kept = tuple(item for item in found.prune if item.held.name not in repository.withheld)
    found = _limited(replace(found, prune=kept), choice.names)
    nodes = () if choice.names else repository.nodes
    return Compared(
        shown_url(session.connection),
        session.version,
        commit,
        found,
        tags.plan(nodes, held.tags, held.machines),
        choice,
    )


def _limited(plan: UploadPlan, names: Sequence[str]) -> UploadPlan:
    """Only the scripts that were named; all without names."""
    if not names:
        return plan
    return replace(
        plan,
        changes=tuple(change for change in plan.changes if change.name in names),
        prune=tuple(item for item in plan.prune if item.held.name in names),
    )


def _require_known(found: Compared, repository: Repository) -> None:
    """A GpuaasError for a script that was named and is neither the site's nor left over from it."""
    there = {change.name for change in found.scripts.changes} | {item.held.name for item in found.scripts.prune}
    for name in found.choice.names:
        if name in repository.withheld:
            keys = ", ".join(repository.withheld[name])
            raise GpuaasError(f"script {name} is withheld; missing: {keys}", hint="set the approved values, and render")
        if name not in there:
            from ..config.check import suggestion

            known = sorted(script.name for script in repository.scripts)
            raise GpuaasError(f"site {repository.site} has no script {name!r}", hint=suggestion(name, known))
