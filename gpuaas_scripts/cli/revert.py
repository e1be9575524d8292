"""`gpuaas-gen revert`: put an earlier content of a script back, as a new revision."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from ..errors import ExitCode, GpuaasError
from .console import Console, find_root, site_option, verb
from .maas_connection import Target, connection_for, connection_options, with_session

if TYPE_CHECKING:
    from pathlib import Path

    from ..maas.plan import Change
    from ..maas.state import HeldScript, Revision
    from ..sinks.maas_login import Connection
    from ..sinks.maas_session import MaasSession


@click.command("revert")
@site_option
@click.argument("script")
@click.option("--to", "to", type=int, metavar="REV", help="Revision to put back (default: the one before the current).")
@click.option("--list", "listing", is_flag=True, help="List the revisions, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection_options
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    site: str,
    script: str,
    to: int | None,
    listing: bool,
    yes: bool,
    target: Target,
) -> int:
    """Put an earlier content of SCRIPT back into MAAS: as a new revision, so that no revision and no result is lost.

    Shows the diff first. The fields follow the metadata of that content. The next upload brings the content of the
    repository again, so revert the commit there, too.

    \b
    Examples:
      gpuaas-gen revert --site maas280 50-gpuaas-slice-firmware-preflight --list
      gpuaas-gen revert --site maas280 50-gpuaas-slice-firmware-preflight
      gpuaas-gen revert --site maas280 50-gpuaas-slice-firmware-preflight --to 1042 --yes
    """
    from ..config.site import load_site

    loaded = load_site(site, find_root(console, explicit_root))
    connection = connection_for(loaded, target)
    held = with_session(connection, lambda session: _read(session, script))
    if listing:
        for revision in held.revisions:
            console.data(_line(revision, current=revision is held.head))
        return ExitCode.OK
    revert = Revert.plan(site, held, to)
    if revert is None:
        console.info(f"{script}: revision {held.head.id} is what is asked for; nothing to do")
        return ExitCode.OK
    return _apply(console, connection, revert, yes=yes)


@dataclass(frozen=True, slots=True)
class Revert:
    """A revert that was planned: to which revision, and the change that does it."""

    site: str
    to: Revision
    change: Change

    @classmethod
    def plan(cls, site: str, held: HeldScript, to: int | None) -> Revert | None:
        """The revert of `held` to revision `to` (default: the newest one with another content).

        None when there is nothing to do. Raises GpuaasError (exit code 1) for a script that is not this site's, and
        (exit code 2) for a revision that is not there or cannot be put back.
        """
        from ..maas.plan import Verdict, Wanted, plan

        _require_ours(site, held)
        revision = _revision(held, to)
        commit = revision.stamp.commit if revision.stamp else f"revision-{revision.id}"
        wanted = Wanted(held.name, revision.content or "", f"maas/{held.name} revision {revision.id}")
        (change,) = plan(site, commit, [wanted], {held.name: held}).changes
        if change.verdict is Verdict.UNCHANGED:
            return None
        if change.request is None:
            raise GpuaasError(
                f"revision {revision.id} cannot be put back: {change.problem}", hint="choose another one with --to"
            )
        return cls(site, revision, change)


def _require_ours(site: str, held: HeldScript) -> None:
    why = ""
    if held.default:
        why = "is MAAS's own"
    elif others := sorted(held.sites - {site}):
        why = f"is marked as a script of site {', '.join(others)}"
    elif site not in held.sites and not any(item.stamp and item.stamp.site == site for item in held.revisions):
        why = "is not from gpuaas-gen"
    if why:
        raise GpuaasError(f"script {held.name} {why}; nothing was done", exit_code=ExitCode.FINDINGS)


def _revision(held: HeldScript, to: int | None) -> Revision:
    if to is None:
        for revision in held.revisions[1:]:
            if revision.content != held.content:
                return revision
        raise GpuaasError(f"script {held.name} has no earlier content in MAAS", hint="--list shows the revisions")
    for revision in held.revisions:
        if revision.id == to:
            return revision
    there = ", ".join(str(revision.id) for revision in held.revisions)
    raise GpuaasError(f"script {held.name} has no revision {to}; there are: {there}", hint="--list tells more of them")


async def _read(session: MaasSession, name: str) -> HeldScript:
    """The script with all its revisions. Raises GpuaasError (exit code 2) when MAAS has none of this name."""
    from ..config.check import suggestion

    scripts = await session.scripts()
    if name not in scripts:
        known = sorted(other for other, script in scripts.items() if not script.default)
        raise GpuaasError(f"MAAS has no script {name!r}", hint=suggestion(name, known) if known else "")
    return scripts[name]


def _line(revision: Revision, *, current: bool) -> str:
    stamp = revision.stamp
    by = f"site {stamp.site}, commit {stamp.commit}" if stamp else revision.comment or "no comment"
    size = len((revision.content or "").splitlines())
    return f"{revision.id:>8}  {revision.created}  {size:>5} lines  {by}{'  (current)' if current else ''}"


def _apply(console: Console, connection: Connection, revert: Revert, *, yes: bool) -> int:
    from .maas_text import change_text

    console.data(change_text(replace(revert.change, problem=""), chosen=True))
    if not console.agreed(f"put revision {revert.to.id} of {revert.change.name} back?", yes=yes):
        console.info("nothing was changed")
        return ExitCode.OK
    after = with_session(connection, lambda session: _send(session, revert))
    console.data(f"{after.name}: content of revision {revert.to.id} is back, as revision {after.head.id}; read back")
    console.info(f"the next `gpuaas-gen upload --site {revert.site}` brings the repository's content again")
    return ExitCode.OK


async def _send(session: MaasSession, revert: Revert) -> HeldScript:
    """Send the change and read it back. Raises GpuaasError (exit 3 when MAAS moved, 4 when MAAS does not hold it)."""
    from ..maas.plan import verify

    change = revert.change
    assert change.request is not None  # noqa: S101 - without one nothing was planned
    if await _read(session, change.name) != change.held:
        raise GpuaasError(
            "MAAS changed since the diff was shown; nothing was done",
            hint="run the command again to see what it is now",
            exit_code=ExitCode.DRIFT,
        )
    await session.send(change.request)
    after = await _read(session, change.name)
    if problems := verify(revert.site, change, after):
        raise GpuaasError("; ".join(problems), hint="run the command again", exit_code=ExitCode.REMOTE)
    return after
