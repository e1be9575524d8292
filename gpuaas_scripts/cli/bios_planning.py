"""Makes plans for the hosts that a verb means, shows them, and writes them to a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..bios.plan import Plan
from ..bios.plan_file import HostPlan, PlanFile
from ..bios.planning import make_plan
from ..sinks.private_file import write_private
from .bios_report import as_json, failure, plan_data, plans_junit
from .bios_run import Outcomes, backend, on_hosts
from .bios_text import counted, failure_of, line_of, table_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ..errors import ExitCode
    from ..sinks.bios_fleet import Result
    from .bios_hosts import Host, Hosts
    from .bios_options import Choice
    from .console import Console


def make_plans(console: Console, hosts: Hosts, choice: Choice) -> Outcomes[Plan]:
    """Read every host, and plan. A host that fails is in the result."""

    async def work(host: Host) -> Plan:
        async with backend(host, choice) as bmc:
            reading = await bmc.read(tuple(host.desired))
        return make_plan(host.name, host.desired, reading.registry, reading.state)

    through = 0

    def done(result: Result[Plan]) -> None:
        nonlocal through
        through += 1
        console.tick(through, len(hosts.hosts), "hosts read")
        if len(hosts.hosts) > 1:
            told = "failed" if result.failed else "read"
            console.detail(f"{result.host}: {told} after {result.seconds:.1f} s")

    results = on_hosts(hosts.hosts, work, choice.parallel, done)
    return Outcomes(tuple(results), hosts.left, {host.name: host.target.address for host in hosts.hosts})


def show_plans(
    console: Console,
    outcomes: Outcomes[Plan],
    form: str,
    judge: Callable[[Plan], ExitCode] = lambda plan: plan.exit_code,
) -> ExitCode:
    """Print the plans, and return the verb's exit code, to which each host adds what `judge` says."""
    plans = [result.value for result in outcomes.results if result.value is not None]
    code = outcomes.exit_code(judge(plan) for plan in plans)
    if form == "json":
        told = [_data(result) for result in outcomes.results]
        console.data(as_json(told, outcomes.left, code))
    elif form == "junit":
        console.data(plans_junit("gpuaas-gen bios", outcomes.results, outcomes.left).rstrip("\n"))
    else:
        print_plans(console.data, plans, full=len(outcomes.results) == 1 or console.verbose)
    tell_failures(console, outcomes)
    if len(outcomes.results) > 1:
        console.info(_summary(plans, outcomes))
    return code


def print_plans(say: Callable[[str], None], plans: Sequence[Plan], *, full: bool) -> None:
    """Each plan as a table, or as one line."""
    for plan in plans:
        say(table_of(plan) if full else line_of(plan))


def tell_failures(console: Console, outcomes: Outcomes[Any]) -> None:
    """Each host that failed, with how to go on, on stderr."""
    for result in outcomes.failed:
        console.error(failure_of(result), result.error.hint if result.error else "")


def write_plans(console: Console, path: Path, outcomes: Outcomes[Plan], site: str, backend_name: str) -> None:
    """Write the plans that have something to do or to say, mode 0600. Raises GpuaasError."""
    addresses = outcomes.addresses
    hosts = tuple(HostPlan(addresses[one.host], one.value) for one in outcomes.results if one.value is not None)
    if not hosts:
        console.info(f"{path}: not written: no host could be read")
        return
    write_private(path, PlanFile(site, backend_name, hosts).to_json())
    console.info(f"{path}: {counted(len(hosts), 'plan')} written")


def _data(result: Result[Plan]) -> dict[str, Any]:
    return plan_data(result.value) if result.value is not None else failure(result)


def _summary(plans: list[Plan], outcomes: Outcomes[Plan]) -> str:
    changes = sum(bool(plan.reset_needed) for plan in plans if not _blocked(plan))
    blocked = sum(_blocked(plan) for plan in plans)
    parts = [f"{len(plans) - changes - blocked} as wanted", f"{changes} with changes", f"{blocked} blocked"]
    parts.append(f"{len(outcomes.failed)} failed")
    if outcomes.left:
        parts.append(f"{len(outcomes.left)} not asked")
    return f"{counted(len(outcomes.results), 'host')}: {', '.join(parts)}"


def _blocked(plan: Plan) -> bool:
    return any(item.block for item in plan.items)
