"""Runs work on many BMCs from a verb: the backend of each, the loop with its signals, and one line as each ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

import click

from ..config.site import load_site
from ..errors import ExitCode, GpuaasError
from ..sinks.bios_fleet import Result, on_each
from ..sinks.interrupt import run_async
from .bios_hosts import Hosts, from_environment, from_site
from .console import find_root

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from ..sinks.bmc import Bmc, Watch
    from .bios_hosts import Host, Left
    from .bios_options import Choice
    from .console import Console

H = TypeVar("H")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcomes(Generic[T]):
    """Results in the order of the hosts, the nodes that were not asked, and the BMC's address of each host."""

    results: tuple[Result[T], ...]
    left: tuple[Left, ...] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> list[Result[T]]:
        """Hosts without a value."""
        return [result for result in self.results if result.failed]

    def exit_code(self, codes: Iterable[ExitCode]) -> ExitCode:
        """The verb's: a failed host first, then what is blocked or was not asked, then changes; `codes` of the rest.

        A host that is blocked by what it answered (lockdown, an open job) is blocked, not failed.
        """
        found = {*codes, *(ExitCode(one.error.exit_code) for one in self.failed if one.error)}
        if found & {ExitCode.REMOTE, ExitCode.USAGE}:
            return ExitCode.REMOTE if ExitCode.REMOTE in found else ExitCode.USAGE
        if self.left or ExitCode.FINDINGS in found:
            return ExitCode.FINDINGS
        return ExitCode.DRIFT if ExitCode.DRIFT in found else ExitCode.OK


def find_hosts(console: Console, explicit_root: Path | None, choice: Choice) -> Hosts:
    """The hosts that the command line means. Raises GpuaasError, FindingsError (exit code 2)."""
    if choice.nodes and not choice.site:
        raise click.UsageError("--node needs --site")
    if choice.insecure:
        console.warning("certificates are not verified (--insecure)")
    if not choice.site:
        if not choice.attributes:
            raise click.UsageError("give --site NAME, or --attr NAME=VALUE for the one host of IDRAC_HOST")
        return from_environment(choice)
    hosts = from_site(load_site(choice.site, find_root(console, explicit_root)), choice)
    for left in hosts.left:
        console.warning(f"not asked: {left}")
    return hosts


def backend(host: Host, choice: Choice, watch: Watch | None = None) -> Bmc:
    """The backend towards a host; `watch` is told of its sessions."""
    if choice.backend == "racadm":
        from ..sinks.racadm import RacadmBmc
        from ..sinks.racadm_call import Reach

        return RacadmBmc(host.target, Reach(choice.via), host.ssh_host)
    try:
        from ..sinks.redfish_bmc import RedfishBmc
    except ModuleNotFoundError as error:
        if error.name not in {"redfish", "redfish.aio", "aiohttp"}:
            raise
        raise GpuaasError(
            f"the library {error.name} is not installed", hint="pip install 'gpuaas-scripts[redfish]'"
        ) from None

    return RedfishBmc(host.target, watch)


def on_hosts(
    hosts: Sequence[Host],
    work: Callable[[Host], Awaitable[T]],
    parallel: int,
    done: Callable[[Result[T]], None] = lambda _: None,
) -> list[Result[T]]:
    """Do `work` on every host. Raises Interrupted when a signal ended it, with every session closed."""
    return on_named([(host.name, host) for host in hosts], work, parallel, done)


def on_named(
    named: Sequence[tuple[str, H]],
    work: Callable[[H], Awaitable[T]],
    parallel: int,
    done: Callable[[Result[T]], None] = lambda _: None,
) -> list[Result[T]]:
    """As `on_hosts`, with anything for each name."""
    if not named:
        return []
    results = run_async(lambda: on_each(named, work, parallel, done))
    if defect := next((result.defect for result in results if result.defect), None):
        raise defect
    return results
