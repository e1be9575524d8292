"""Applies plans to hosts: what may not be applied is told first, then it is asked, then the rest is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import GpuaasError
from ..sinks.bios_apply import apply
from ..sinks.bios_fleet import Batch, HeldBackError
from ..sinks.bios_fleet import Result as Ended
from ..sinks.bios_journal import Journal, ResetWish, Wishes
from ..sinks.bios_run import End, Refusal, Result
from .bios_change import Teller, confirm, show_changes
from .bios_records import folder_of, own_job
from .bios_run import Outcomes, backend, on_hosts
from .bios_text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..bios.plan import Plan
    from ..errors import ExitCode
    from .bios_change import How
    from .bios_hosts import Host, Left
    from .bios_options import Choice
    from .console import Console


@dataclass(frozen=True, slots=True)
class Work:
    """Plans to apply by host, with how; `failed` are hosts that could not be planned, `left` nodes not asked."""

    hosts: Mapping[str, Host]
    plans: tuple[Plan, ...]
    wishes: Wishes
    site: str
    failed: tuple[Ended[Plan], ...] = ()
    left: tuple[Left, ...] = ()


def run_plans(
    console: Console, work: Work, choice: Choice, how: How, records: Path | None, form: str, verb: str = "apply"
) -> ExitCode:
    """Apply the plans, and show what became of each host; returns the verb's exit code. Raises GpuaasError."""
    folder = folder_of(records, work.site or None)
    refused = {plan.node: _refusal(plan, work.wishes, folder) for plan in work.plans}
    todo = [plan for plan in work.plans if plan.reset_needed and refused[plan.node] is None]
    if todo:
        confirm(_question(todo, work.wishes), how)
    done = {ended.host: ended for ended in _apply_all(console, work, todo, choice, how, folder)}
    for plan in work.plans:
        refusal = refused[plan.node]
        if refusal is not None:
            done[plan.node] = Ended(plan.node, error=refusal)
        elif plan.node not in done:
            done[plan.node] = Ended(plan.node, Result(End.NOTHING, "all values are in force", folder))
    for one in work.failed:
        done[one.host] = Ended(one.host, error=one.error)
    results = tuple(done[name] for name in work.hosts if name in done)
    return show_changes(console, Outcomes(results, work.left), form, verb)


def _apply_all(
    console: Console, work: Work, todo: list[Plan], choice: Choice, how: How, folder: Path
) -> list[Ended[Result]]:
    plans = {plan.node: plan for plan in todo}
    teller = Teller(console)
    batches: list[Batch] = []

    async def one(host: Host) -> Result:
        if not batches:
            batches.append(Batch(how.batch, how.max_failures))  # made within the loop that it belongs to
        batch = batches[0]
        if batch.closed:
            raise HeldBackError(f"{host.name}: held back: too many hosts have failed (--max-failures)")
        with Journal.create(folder, plans[host.name], work.wishes, host.target.address) as journal:
            async with backend(host, choice, journal.watch) as bmc:
                return await apply(journal, bmc, how.pace(), teller, batch.turn)

    hosts = [work.hosts[plan.node] for plan in todo]
    return on_hosts(hosts, one, choice.parallel, teller.ended) if hosts else []


def _refusal(plan: Plan, wishes: Wishes, folder: Path) -> Refusal | None:
    reasons = list(plan.refusals(merge=wishes.merge))
    if wishes.schedule is not None and wishes.schedule.start and wishes.schedule.apply_time not in plan.apply_times:
        offered = ", ".join(plan.apply_times) or "no apply times"
        reasons.append(f"the BMC offers no {wishes.schedule.apply_time} (--at); it has {offered}")
    hint = "Plan again when this is settled; nothing was changed on this host."
    job = own_job(folder, plan.node)
    if job and any(text.startswith(f"{job} ") for text in plan.jobs):
        hint = f"the job is of a change that you began: gpuaas-gen bios resume --node {plan.node} goes on with it"
    return Refusal(plan.node, tuple(reasons), hint) if reasons else None


def _question(plans: list[Plan], wishes: Wishes) -> str:
    names = ", ".join(plan.node for plan in plans[:5]) + (f" and {len(plans) - 5} more" if len(plans) > 5 else "")
    values = sum(len(plan.changes) for plan in plans)
    if wishes.schedule is not None and wishes.schedule.start:
        then = f", to be applied at {wishes.schedule.start}"
    else:
        then = {
            ResetWish.NONE: " (no restart: they wait for the next one)",
            ResetWish.GRACEFUL: " and restart them gracefully",
            ResetWish.FORCE: " and RESTART THEM BY FORCE",
        }[wishes.reset]
    return f"Stage {counted(values, 'BIOS value')} on {counted(len(plans), 'host')} ({names}){then}?"


def require_same_addresses(planned: Mapping[str, str], hosts: Mapping[str, Host]) -> None:
    """Raise GpuaasError when a node's BMC has another address than when it was planned."""
    for node, address in planned.items():
        now = hosts[node].target.address
        if now != address:
            raise GpuaasError(f"{node}: the plan is for the BMC at {address}, now it is {now}", hint="Plan again.")
