"""`gpuaas-gen deploy`: have MAAS install a node with its user data, and see it proven."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from ..errors import ExitCode, GpuaasError
from .console import Console, complete_node, find_root, site_option, verb
from .maas_connection import Target, connection_options
from .watching import Watching, watch_options

if TYPE_CHECKING:
    from pathlib import Path

    from ..maas.deploy import Facts, Release
    from ..maas.machine import Machine
    from ..sinks.host import Host
    from ..sinks.maas_session import MaasSession
    from .deployment import Node

_PATIENCE_S = 5400.0
_USER = "ubuntu"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for, besides the node."""

    release: Release | None
    yes: bool
    dry_run: bool
    watching: Watching
    host: Host | None


@click.command("deploy")
@site_option
@click.option("--node", required=True, shell_complete=complete_node, help="The node.")
@click.option("--series", metavar="SERIES", help="Ubuntu's series or release (default: os.release of the node).")
@click.option("--image", metavar="NAME", help="A custom image of MAAS instead.")
@click.option("--yes", is_flag=True, help="Do not ask; needed where there is no terminal.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done; exit 3.")
@watch_options("the host is proven: cloud-init done, at most one reboot, parity failures=0", _PATIENCE_S)
@click.option("--only-watch", is_flag=True, help="Send nothing: go on watching a deployment that was asked for before.")
@click.option("--host", metavar="ADDRESS", help="Address of the host for ssh (default: network.uplink.address).")
@click.option("--ssh-user", default=_USER, show_default=True, metavar="USER", help="User for ssh; sudo must not ask.")
@click.option("--ssh", "ssh_command", metavar="COMMAND", help="ssh command line, such as 'ssh -i KEY'.")
@connection_options
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    site: str,
    node: str,
    series: str | None,
    image: str | None,
    yes: bool,
    dry_run: bool,
    watching: Watching,
    only_watch: bool,
    host: str | None,
    ssh_user: str,
    ssh_command: str | None,
    target: Target,
) -> int:
    """Have MAAS install a node's machine and give it the node's user data.

    Before anything is sent: the profile's tag, the machine's state, the rendered tree, values that are still
    to be approved, the secrets that are added to the user data (tried, and shown by reference only), and that MAAS
    installs to the node's OS disk and nothing else. All problems are told at once. MAAS's "Deployed" is no proof;
    --watch looks at the host itself.

    \b
    Examples:
      gpuaas-gen deploy --site maas280 --node j22u11 --dry-run
      gpuaas-gen deploy --site maas280 --node j22u11 --watch --ssh 'ssh -i ~/.ssh/site'
    """
    from .deployment import gather, planned_node
    from .maas_connection import connection_for, with_session
    from .nodes import machine_of

    if series and image:
        raise click.UsageError("give either --series or --image")
    if only_watch:
        watching = replace(watching, on=True)
    root = find_root(console, explicit_root)
    entry = planned_node(console, root, site, node)
    wishes = Wishes(
        _release(series, image), yes, dry_run, watching, _host(entry, host, ssh_user, ssh_command, watching)
    )
    connection = connection_for(entry.site, target)

    async def work(session: MaasSession) -> int:
        if only_watch and wishes.host is not None:
            machine = await machine_of(session, entry.entry)
            console.info(f"{entry.name}: {machine.state}")
            return await _watch(console, session, entry, machine, watching, wishes.host)
        facts = await gather(session, entry, wishes.release)
        return await _deploy(console, session, entry, facts, wishes)

    return with_session(connection, work)


def _release(series: str | None, image: str | None) -> Release | None:
    from ..maas.deploy import Release

    if image:
        return Release(image if "/" in image else f"custom/{image}")
    if series:
        return Release(series if "/" in series else f"ubuntu/{series}")
    return None


def _host(node: Node, address: str | None, user: str, ssh: str | None, watching: Watching) -> Host | None:
    """How the host is looked at; None without --watch. Raises GpuaasError when it could never be proven."""
    if not watching.on:
        return None
    from ..sinks.host import SSH, Host

    if node.parity is None:
        raise GpuaasError(
            f"profile {node.profile} has no parity check, so that --watch could prove nothing; nothing was done",
            hint="leave --watch out, or give the profile a parity check (artifacts.scripts)",
        )
    uplink = node.entry.config.network.uplink.address
    where = address or (str(uplink.ip) if uplink else "")
    if not where:
        raise GpuaasError(
            f"{node.entry.source.shown_as}: network.uplink.address is not set, so that the host cannot be looked at",
            hint="set it, or give --host ADDRESS",
        )
    if where.startswith("-") or user.startswith("-"):
        raise click.UsageError("an address or user must not begin with '-'")
    try:
        words = SSH if ssh is None else tuple(shlex.split(ssh))
    except ValueError as error:
        raise click.UsageError(f"--ssh is no command line: {error}") from None
    if not words:
        raise click.UsageError("--ssh is empty")
    return Host(words, f"{user}@{where}", node.parity)


async def _deploy(console: Console, session: MaasSession, node: Node, facts: Facts, wishes: Wishes) -> int:
    from ..maas import deploy
    from .nodes import machine_of, refuse, send_once
    from .secret_part import added

    made = deploy.plan(facts)
    _show(console, facts)
    for warning in made.warnings:
        console.warning(warning)
    unresolved = ExitCode.USAGE if facts.secret_problems else ExitCode.FINDINGS
    refuse(f"{node.name} is not deployed", made.problems, unresolved)
    assert facts.user_data is not None  # noqa: S101 - for the type checker; a problem otherwise
    assert facts.release is not None  # noqa: S101 - likewise
    if wishes.dry_run:
        console.info("nothing was done (--dry-run)")
        return ExitCode.DRIFT
    if not console.agreed(f"install {node.name}? All data on {facts.machine.boot_disk} is lost", yes=wishes.yes):
        raise click.Abort
    if await machine_of(session, node.entry) != facts.machine:
        raise GpuaasError(
            f"{node.name} changed in MAAS since it was looked at; nothing was done",
            hint="run the command again, and look at what it shows",
            exit_code=ExitCode.FINDINGS,
        )
    sent = added(facts.user_data, facts.secrets)
    form = deploy.fields(sent.user_data, facts.release)
    hidden = (*sent.hidden, dict(form)["user_data"])
    answer = await send_once(session, "Machine.deploy", facts.machine, form, hidden=hidden)
    refuse(f"{node.name} was asked for, and is not as asked", deploy.verify(facts, answer))
    console.info(f"{node.name}: {answer.status_name}; asked for, nothing proven yet")
    if wishes.host is None:
        console.info(f"{node.name}: MAAS will say Deployed: that is handed over, unproven; to see it proven: --watch")
        return ExitCode.OK
    return await _watch(console, session, node, answer, wishes.watching, wishes.host)


def _show(console: Console, facts: Facts) -> None:
    from ..maas.deploy import digest

    machine = facts.machine
    console.data(f"{facts.node}: machine {machine.system_id} ({machine.hostname}), {machine.state}")
    console.data(f"  profile    {facts.profile}")
    console.data(f"  installs   {facts.release.text if facts.release else 'unknown'}")
    known = [f"serial {serial} ({source})" for serial, source in facts.os_disk.serials]
    console.data(f"  OS disk    {', '.join([facts.os_disk.path or 'unknown', *known])}")
    console.data(f"  in MAAS    {machine.boot_disk or 'no boot disk'}")
    if facts.user_data is not None:
        size = f"{len(facts.user_data)} bytes, sha256 {digest(facts.user_data)}"
        console.data(f"  user data  {size}")
    for file in facts.secrets:
        if file.reference:
            console.data(f"  secrets    {file}: a part of its own, added when the user data is sent; not in this hash")


async def _watch(
    console: Console, session: MaasSession, node: Node, begun: Machine, watching: Watching, host: Host
) -> int:
    """Wait for MAAS, then for the host. Exit code 0 only when the host was seen to be right."""
    from ..maas.machine import MachineStatus
    from .handing_over import until_proven
    from .watching import wait_while

    machine = await wait_while(session, begun, (MachineStatus.DEPLOYING,), watching, console.info)
    if machine.status != MachineStatus.DEPLOYED:
        raise GpuaasError(
            f"{node.name}: {machine.status_name}{f' ({machine.message})' if machine.message else ''}",
            hint="MAAS's installation output of the machine says why",
            exit_code=ExitCode.REMOTE,
        )
    return await until_proven(console, node.name, machine.hostname, host, watching)
