"""`gpuaas-gen bios rollback`: the way back to the values that a recorded change has met."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .bios_apply import wish_options
from .bios_change import how_options
from .bios_options import format_option, way_options
from .bios_records import records_option
from .console import Console, verb

if TYPE_CHECKING:
    from ..bios.plan import Plan
    from ..sinks.bios_journal import Wishes
    from .bios_change import How
    from .bios_hosts import Host
    from .bios_options import Choice
    from .bios_records import Found


@click.command("rollback")
@click.argument("record", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False))
@way_options
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the plan back to a file.")
@click.option("--apply", "really", is_flag=True, help="Apply the plan back; without it, it is only shown.")
@wish_options
@how_options
@records_option
@format_option
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    record: tuple[Path, ...],
    choice: Choice,
    output: Path | None,
    really: bool,
    wishes: Wishes,
    how: How,
    records: Path | None,
    form: str,
) -> int:
    """Plan the way back to the values that the changes of these records have met, and apply it with --apply.

    It goes the same way as any change: planned from what the host is now, staged, verified, recorded.

    Exit codes are those of `bios plan`, and with --apply those of `bios apply`.

    \b
    Examples:
      gpuaas-gen bios rollback ~/.local/state/gpuaas-gen/bios/maas280/j22u05-20260501T220000Z-000.jsonl
      gpuaas-gen bios rollback RECORD --apply --reset graceful
    """
    from ..errors import GpuaasError
    from ..sinks.bios_rollback import rollback_plan, rollback_values
    from .bios_applying import Work, run_plans
    from .bios_planning import print_plans, show_plans, write_plans
    from .bios_recorded import hosts_of
    from .bios_records import find
    from .bios_run import Outcomes, backend, on_named

    found = find(records, choice.site, (), record)
    if len({one.node for one in found}) < len(found):
        raise GpuaasError(
            "two of the records are about the same host", hint="take one back after the other, last first"
        )
    if len({one.site for one in found}) > 1:
        raise GpuaasError("the records are of several sites", hint="take one site after the other")
    for one in found:
        rollback_values(one.record)
    hosts = hosts_of(console, explicit_root, found, choice)

    async def work(pair: tuple[Found, Host]) -> Plan:
        one, host = pair
        async with backend(host, choice) as bmc:
            return rollback_plan(one.record, await bmc.read(tuple(rollback_values(one.record))))

    results = on_named([(one.node, (one, hosts[one.path])) for one in found], work, choice.parallel)
    by_name = {host.name: host for host in hosts.values()}
    outcomes = Outcomes(tuple(results), addresses={name: host.target.address for name, host in by_name.items()})
    site = found[0].site or choice.site or ""
    if not really:
        code = show_plans(console, outcomes, form)
        if output is not None:
            write_plans(console, output, outcomes, site, choice.backend)
        console.info("nothing was changed: this is the plan back; --apply applies it")
        return code
    plans = tuple(result.value for result in results if result.value is not None)
    print_plans(console.info, plans, full=len(plans) == 1)
    done = Work(by_name, plans, wishes, site, tuple(outcomes.failed))
    return run_plans(console, done, choice, how, records, form, "rollback")
