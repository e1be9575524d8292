"""`gpuaas-gen commission`: have MAAS commission a machine with our scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import ExitCode, GpuaasError
from .console import Console, complete_node, find_root, site_option, verb
from .maas_connection import Target, connection_options
from .watching import Watching, watch_options

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ..config.site import Node, Site
    from ..maas.commission import CommissionPlan
    from ..maas.machine import Machine
    from ..maas.state import HeldScript
    from ..maas.storage import Problem
    from ..sinks.maas_session import MaasSession

_PATIENCE_S = 7200.0


@click.command("commission")
@site_option
@click.option("--node", required=True, shell_complete=complete_node, help="The node.")
@click.option("--script", "scripts", multiple=True, metavar="NAME", help="Run this script (repeatable).")
@click.option(
    "--param",
    "given",
    multiple=True,
    metavar="SCRIPT.NAME=VALUE",
    help="Parameter of a script that runs (repeatable); a password is given as env:NAME or file:/path.",
)
@click.option("--keep-networking", is_flag=True, help="MAAS leaves its network configuration of the machine as it is.")
@click.option("--keep-storage", is_flag=True, help="MAAS leaves its storage layout of the machine as it is.")
@click.option("--dry-run", is_flag=True, help="Only say what would run; exit 3.")
@watch_options("the machine is through, and judge its results", _PATIENCE_S)
@connection_options
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    site: str,
    node: str,
    scripts: tuple[str, ...],
    given: tuple[str, ...],
    keep_networking: bool,
    keep_storage: bool,
    dry_run: bool,
    watching: Watching,
    target: Target,
) -> int:
    """Have MAAS commission a node's machine: it boots, and the site's scripts report what they see.

    Without --script the site's scripts that run by themselves run. MAAS takes named scripts instead of
    these, so that they are named, too. Parameters are checked here, since MAAS does not.

    \b
    Examples:
      gpuaas-gen commission --site maas280 --node j22u11 --watch
      gpuaas-gen commission --site maas280 --node j22u11 --script 60-burn-in --param 60-burn-in.minutes=30
    """
    from .maas_connection import connection_for, with_session
    from .nodes import node_of

    found, entry = node_of(find_root(console, explicit_root), site, node)
    connection = connection_for(found, target)
    keeps = (keep_networking, keep_storage)

    async def work(session: MaasSession) -> int:
        return await _commission(console, session, found, entry, scripts, given, keeps, dry_run, watching)

    return with_session(connection, work)


async def _commission(
    console: Console,
    session: MaasSession,
    site: Site,
    node: Node,
    scripts: tuple[str, ...],
    given: tuple[str, ...],
    keeps: tuple[bool, bool],
    dry_run: bool,
    watching: Watching,
) -> int:
    from ..maas import commission
    from .judging import not_uploaded
    from .nodes import machine_of, refuse, send_once

    machine = await machine_of(session, node)
    held = await session.scripts()
    made = commission.plan(site.name, held, machine, scripts, given)
    console.info(f"{node.name} ({machine.system_id}), {machine.status_name}")
    _show(console, made, keeps)
    for name in not_uploaded(site, held, [name for name in site.file.scripts if name in made.runs]):
        console.warning(f"MAAS holds {name} other than it is rendered: gpuaas-gen upload --site {site.name} --dry-run")
    refuse(f"{node.name} is not commissioned", made.problems)
    if dry_run:
        console.info("nothing was done (--dry-run)")
        return ExitCode.DRIFT
    secrets = _secrets(made, held)
    form = commission.fields(made, secrets, keep_networking=keeps[0], keep_storage=keeps[1])
    begun = await send_once(session, "Machine.commission", machine, form, hidden=secrets.values())
    console.info(f"{node.name}: {begun.status_name}; asked for, nothing proven yet")
    if not watching.on:
        console.info(f"to see the verdicts: gpuaas-gen results --site {site.name} --node {node.name}")
        return ExitCode.OK
    return await _watch(console, session, site, node, begun, watching, made.runs)


def _show(console: Console, made: CommissionPlan, keeps: tuple[bool, bool]) -> None:
    """What runs and why, what does not, and what MAAS does besides."""
    for names, why in (
        (made.asked, "asked for"),
        (made.added, "added: ours that runs by itself, which naming scripts would leave out"),
        (made.automatic, "runs by itself"),
        (made.left_out, "does NOT run: not the site's, and naming scripts leaves it out"),
    ):
        for name in names:
            console.data(f"  {name}: {why}")
    if not made.runs:
        console.data("  only MAAS's own scripts")
    for one in made.parameters:
        console.data(f"  {one.script}.{one.name} = {'***' if one.secret else one.value}")
        if one.secret:
            console.warning(f"{one.script}.{one.name} becomes an argument: every process of the machine can read it")
    for keep, what, option in zip(
        keeps, ("network configuration", "storage layout"), ("--keep-networking", "--keep-storage"), strict=True
    ):
        if not keep:
            console.info(f"MAAS makes the machine's {what} anew afterwards ({option} leaves it)")


def _secrets(made: CommissionPlan, held: Mapping[str, HeldScript]) -> dict[tuple[str, str], str]:
    """Passwords, resolved now. Raises GpuaasError for one that leads nowhere, or that cannot be sent."""
    from ..maas.parameters import check_secret
    from ..secrets import resolve
    from .nodes import refuse

    found: dict[tuple[str, str], str] = {}
    problems: list[Problem] = []
    for one in made.parameters:
        if one.secret:
            text = resolve(one.value, f"--param {one.script}.{one.name}").reveal()
            problems += check_secret(held[one.script], one.name, text)
            found[one.script, one.name] = text
    refuse("nothing was commissioned", problems)
    return found


async def _watch(
    console: Console,
    session: MaasSession,
    site: Site,
    node: Node,
    begun: Machine,
    watching: Watching,
    runs: tuple[str, ...],
) -> int:
    """Wait, then judge what this commissioning brought; exit code 1 for a failed check or a failed machine.

    Each of the site's scripts among `runs` must have run, but those for hardware that the machine may lack.
    """
    from ..maas.machine import MachineStatus
    from .judging import judge_nodes
    from .results import exit_code, show
    from .watching import wait_while

    busy = (MachineStatus.COMMISSIONING, MachineStatus.TESTING)
    machine = await wait_while(session, begun, busy, watching, console.info)
    held = await session.scripts()
    names = [name for name in site.file.scripts if name in runs]
    for name in sorted(set(runs) - set(names)):
        console.info(f"{name}: not judged: no script of the site's file")
    optional = {name for name in names if name in held and held[name].fields.for_hardware}
    judgement = await judge_nodes(session, site, [node], names, held, only_set=begun.commissioning, optional=optional)
    show(console, site.name, judgement, "text", everything=console.verbose, show_output=False)
    if machine.status in (MachineStatus.FAILED_COMMISSIONING, MachineStatus.FAILED_TESTING):
        raise GpuaasError(
            f"{node.name}: {machine.status_name}",
            hint=f"see gpuaas-gen results --site {site.name} --node {node.name} --show-output, and its logs in MAAS",
            exit_code=ExitCode.FINDINGS,
        )
    return exit_code(judgement)
