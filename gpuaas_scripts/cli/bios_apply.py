"""`gpuaas-gen bios apply`: brings plans about."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .bios_change import how_options
from .bios_options import format_option, host_options
from .bios_records import records_option
from .console import Console, verb

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..sinks.bios_journal import Wishes
    from .bios_applying import Work
    from .bios_change import How
    from .bios_options import Choice

F = TypeVar("F", bound="Callable[..., Any]")


def wish_options(function: F) -> F:
    """Options on when changes come into force; the command is called with `wishes`."""

    @click.option(
        "--reset",
        type=click.Choice(("none", "graceful", "force")),
        default="none",
        show_default=True,
        help="Restart the server so that the values come into force.",
    )
    @click.option(
        "--at",
        metavar="TIME",
        help="Start of a maintenance window, in which the BMC restarts the server by itself: 2026-05-01T22:00+02:00.",
    )
    @click.option(
        "--window",
        type=click.IntRange(301),
        default=3600,
        show_default=True,
        metavar="SECONDS",
        help="Length of the window of --at.",
    )
    @click.option("--merge", is_flag=True, help="Keep what others have staged, and apply it with the rest.")
    @wraps(function)
    def wrapped(*args: Any, reset: str, at: str | None, window: int, merge: bool, **options: Any) -> Any:  # noqa: ANN401
        return function(*args, wishes=_wishes(reset, at, window, merge=merge), **options)

    return wrapped  # type: ignore[return-value]


def _wishes(reset: str, at: str | None, window: int, *, merge: bool) -> Wishes:
    from datetime import datetime

    from ..bios.state import ApplyTime
    from ..sinks.bios_journal import ResetWish, Wishes
    from ..sinks.bmc import Schedule

    if at is None:
        return Wishes(merge=merge, reset=ResetWish(reset))
    if reset != "none":
        raise click.UsageError("--at and --reset exclude each other: in the window the BMC restarts the server itself")
    try:
        start = datetime.fromisoformat(at)
    except ValueError:
        raise click.UsageError(f"--at {at}: must be a time such as 2026-05-01T22:00+02:00") from None
    start = start.astimezone()  # a time without a zone is this machine's
    if start <= datetime.now(start.tzinfo):
        raise click.UsageError(f"--at {at}: is over")
    schedule = Schedule(ApplyTime.MAINTENANCE_START, start.isoformat(timespec="seconds"), window)
    return Wishes(merge=merge, schedule=schedule)


@click.command("apply")
@click.argument("plan", required=False, type=click.Path(path_type=Path, dir_okay=False))
@host_options
@click.option("--apply", "really", is_flag=True, help="Apply what was planned just now; without it, --site only plans.")
@wish_options
@how_options
@records_option
@format_option
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    plan: Path | None,
    choice: Choice,
    really: bool,
    wishes: Wishes,
    how: How,
    records: Path | None,
    form: str,
) -> int:
    """Apply a plan of `bios plan -o`, or plan and apply in one step with --apply.

    It stages the values, makes the job, restarts the server if --reset says so, waits, and verifies: the job's own
    success, nothing left staged, the values read back. It refuses when the host has changed since the plan, when
    somebody else has staged values (--merge keeps them) and when a job is open. Each step is written down before it
    is taken: after an interruption, `bios status` tells and `bios resume` goes on.

    Exit code 0: in force and read back, or nothing to do; 3: staged, waits for a restart; 1: refused, nothing
    changed; 4: a BMC or a change failed (the others are done and listed).

    \b
    Examples:
      gpuaas-gen bios apply plan.json --reset graceful
      gpuaas-gen bios apply --site maas280 --node j22u05 --apply --reset graceful --yes
      gpuaas-gen bios apply plan.json --at 2026-05-01T22:00+02:00
    """
    from .bios_applying import run_plans

    if plan is None and not really:
        from .bios_planning import make_plans, show_plans
        from .bios_run import find_hosts

        code = show_plans(console, make_plans(console, find_hosts(console, explicit_root, choice), choice), form)
        console.info("nothing was changed: this is the plan; --apply applies it")
        return code
    if plan is not None:
        choice, work = _from_file(console, explicit_root, plan, choice, wishes)
    else:
        work = _from_hosts(console, explicit_root, choice, wishes, form)
    return run_plans(console, work, choice, how, records, form)


def _from_hosts(console: Console, explicit_root: Path | None, choice: Choice, wishes: Wishes, form: str) -> Work:
    """Plan now, and show it on stderr before it is asked for."""
    from .bios_applying import Work
    from .bios_planning import make_plans, print_plans
    from .bios_run import find_hosts

    hosts = find_hosts(console, explicit_root, choice)
    outcomes = make_plans(console, hosts, choice)
    plans = tuple(one.value for one in outcomes.results if one.value is not None)
    print_plans(console.info, plans, full=len(plans) == 1)
    by_name = {host.name: host for host in hosts.hosts}
    return Work(by_name, plans, wishes, choice.site or "", tuple(outcomes.failed), hosts.left)


def _from_file(
    console: Console, explicit_root: Path | None, path: Path, choice: Choice, wishes: Wishes
) -> tuple[Choice, Work]:
    """The plans of a file, all or those of --node, and their hosts. Raises GpuaasError, UsageError."""
    from ..bios.plan_file import plan_file
    from .bios_applying import Work, require_same_addresses
    from .bios_run import find_hosts

    file = plan_file(path.read_bytes())
    if choice.attributes:
        raise click.UsageError("--attr does not go with a plan: plan again with it")
    if choice.site and choice.site != file.site:
        raise click.UsageError(f"{path} is a plan for {'site ' + file.site if file.site else 'the host of IDRAC_HOST'}")
    if choice.backend != file.backend and _given("backend"):
        raise click.UsageError(f"{path} was made with --backend {file.backend}; plan again to change it")
    known = {host.plan.node: host for host in file.hosts}
    if unknown := [name for name in choice.nodes if name not in known]:
        raise click.UsageError(f"{path} holds no plan for {', '.join(unknown)}")
    chosen = {name: known[name] for name in (choice.nodes or known)}
    asked = {item.asked: str(item.desired) for host in chosen.values() for item in host.plan.items}
    nodes = tuple(chosen) if file.site else ()  # the one host of IDRAC_HOST has no name to ask for
    choice = replace(choice, site=file.site or None, nodes=nodes, backend=file.backend, attributes=asked)
    if not chosen:
        return choice, Work({}, (), wishes, file.site)
    hosts = {host.name: host for host in find_hosts(console, explicit_root, choice).hosts}
    if not file.site and set(hosts) != set(chosen):
        raise click.UsageError(f"{path} is a plan for {', '.join(chosen)}; IDRAC_HOST is {', '.join(hosts)}")
    require_same_addresses({name: host.address for name, host in chosen.items()}, hosts)
    return choice, Work(hosts, tuple(host.plan for host in chosen.values()), wishes, file.site)


def _given(name: str) -> bool:
    """Whether an option stands on the command line."""
    from click.core import ParameterSource

    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE
