"""A node and its machine in MAAS, for the verbs that act on one; problems are told all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ExitCode, GpuaasError
from ..maas.machine import parse_machine
from ..maas.state import StateError
from ..run import mask
from ..sinks.maas_errors import MaasError, Trouble
from .judging import no_machine
from .watching import read_machine

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from ..config.site import Node, Site
    from ..maas.machine import Machine
    from ..maas.storage import Problem
    from ..sinks.maas_session import MaasSession


def node_of(root: Path, site: str, name: str) -> tuple[Site, Node]:
    """The site and one of its nodes. Raises FindingsError for an invalid site, GpuaasError for an unknown node."""
    from ..config.site import load_site
    from .loading import require_known

    found = load_site(site, root)
    require_known(site, [node.name for node in found.nodes], [name])
    return found, next(node for node in found.nodes if node.name == name)


async def machine_of(session: MaasSession, node: Node) -> Machine:
    """The node's machine, known to be it. Raises GpuaasError (exit code 2) when there is none or another one has
    its system id, MaasError.
    """
    if problem := no_machine(node):
        raise GpuaasError(problem, hint="write the machine's system id there (MAAS shows it in the machine's URL)")
    system_id = str(node.config.maas.system_id)
    try:
        machine = await read_machine(session, system_id)
    except MaasError as error:
        if error.trouble is not Trouble.MISSING:
            raise
        hint = f"correct maas.system_id in {node.source.shown_as}"
        raise GpuaasError(f"MAAS has no machine with the system id {system_id} of {node.name}", hint=hint) from None
    wanted = node.config.hostname or node.name
    if machine.hostname != wanted:
        raise GpuaasError(
            f"{node.source.shown_as}: the system id {system_id} is that of {machine.hostname} in MAAS, not of {wanted}",
            hint="correct maas.system_id, or the machine's name in MAAS; nothing was done",
        )
    if machine.system_id != system_id:
        raise StateError(f"MAAS answered about machine {machine.system_id} instead of {system_id}")
    return machine


async def send_once(
    session: MaasSession,
    action: str,
    machine: Machine,
    form: Iterable[tuple[str, str]],
    *,
    hidden: Collection[str] = (),
) -> Machine:
    """Send a call that must not be sent twice, and give back MAAS's answer about the machine. `hidden` are texts that
    no error shows, should MAAS repeat them.

    Raises GpuaasError (exit code 4) when MAAS refuses, and when the answer was lost, then with what the machine is at
    now: a second request would be refused, which says nothing of the first.
    """
    try:
        return parse_machine(await session.call(action, {"system_id": machine.system_id}, form, safe=False))
    except MaasError as error:
        lost = mask(str(error), hidden)
        if not error.uncertain:
            raise GpuaasError(lost, hint=error.hint, exit_code=error.exit_code) from None
    try:
        now = (await read_machine(session, machine.system_id)).status_name
    except MaasError as error:
        now = f"unknown ({error})"
    raise GpuaasError(
        f"{lost}; nobody knows whether MAAS took the request. {machine.hostname} was {machine.status_name}, now: {now}",
        hint="if it has begun, watch it in MAAS or abort it there; if not, run the command again",
        exit_code=ExitCode.REMOTE,
    )


def refuse(what: str, problems: Iterable[Problem], exit_code: ExitCode = ExitCode.FINDINGS) -> None:
    """Raise a GpuaasError with all problems and how to go on with each, when there is one."""
    found = list(problems)
    if not found:
        return
    lines = [f"\n  {one.message}{f'{chr(10)}    {one.hint}' if one.hint else ''}" for one in found]
    count = f"{len(found)} problems" if len(found) > 1 else "one problem"
    raise GpuaasError(f"{what}: {count}{''.join(lines)}", exit_code=exit_code)
