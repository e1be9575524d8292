"""`gpuaas-gen upload`: make MAAS hold what the repository says, shown first and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import ExitCode
from .console import Console, find_root, site_option, verb
from .maas_connection import Target, connection_of, connection_options, with_session

if TYPE_CHECKING:
    from pathlib import Path

    from ..sinks.maas_login import Connection
    from ..sinks.maas_session import MaasSession
    from .maas_apply import Outcome
    from .maas_compare import Choice, Compared
    from .maas_repo import Repository


@click.command("upload")
@site_option
@click.option("--script", "names", multiple=True, metavar="NAME", help="Only this script, and no tags (repeatable).")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing; exit 3 when anything would be.")
@click.option("--prune", is_flag=True, help="Delete scripts of ours that the site no longer has, with their results.")
@click.option("--force", is_flag=True, help="Overwrite also what was changed by hand in MAAS.")
@click.option("--adopt", is_flag=True, help="Take over scripts of the same name that are not from gpuaas-gen.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="The plan and what was done as JSON (with --yes or --dry-run).")
@connection_options
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    site: str,
    names: tuple[str, ...],
    dry_run: bool,
    prune: bool,
    force: bool,
    adopt: bool,
    yes: bool,
    as_json: bool,
    target: Target,
) -> int:
    """Bring the scripts of generated/<site> and the tags of the site's nodes to its MAAS.

    Shown first: what is new, what changes (content and fields, also those that MAAS would have kept silently),
    and what is left alone. Old content stays in MAAS as revisions, results stay, and nothing is touched
    that is not marked as this site's. What was cut off is finished by running it again.

    \b
    Examples:
      gpuaas-gen upload --site maas280 --dry-run
      gpuaas-gen upload --site maas280
      gpuaas-gen upload --site maas280 --script 50-gpuaas-slice-firmware-preflight --yes
      gpuaas-gen upload --site lab --url http://10.0.0.2:5240/MAAS/
    """
    from .maas_compare import Choice
    from .maas_repo import repository

    if as_json and not (yes or dry_run):
        raise click.UsageError("--json needs --yes or --dry-run: nobody is asked")
    root = find_root(console, explicit_root)
    repo = repository(console, site, root)
    connection = connection_of(repo.region, target)
    choice = Choice(names, force=force, adopt=adopt, prune=prune)
    upload = _Upload(console, repo, connection, choice, as_json=as_json)
    if dry_run:
        return upload.dry_run()
    return upload.at_once() if yes else upload.asking()


class _Upload:
    """One run of the verb."""

    def __init__(
        self, console: Console, repository: Repository, connection: Connection, choice: Choice, *, as_json: bool
    ) -> None:
        self.console = console
        self.repository = repository
        self.connection = connection
        self.choice = choice
        self.as_json = as_json

    def dry_run(self) -> int:
        """Show the plan; nothing is sent."""
        found = with_session(self.connection, self._compared)
        self._end(found, None)
        if found.pending or found.drifted:
            self.console.info("nothing was changed (--dry-run)")
            return ExitCode.DRIFT
        return _left(found)

    def at_once(self) -> int:
        """Show the plan and carry it out, without asking."""
        from .maas_apply import Apply

        async def work(session: MaasSession) -> tuple[Compared, Outcome | None]:
            found = await self._compared(session)
            return found, await apply.carry_out(session, found) if found.pending else None

        apply = Apply(self.repository)
        with apply.telling(self.console):
            found, outcome = with_session(self.connection, work)
        return self._end(found, outcome)

    def asking(self) -> int:
        """Show the plan, ask, and carry it out as it was shown."""
        from dataclasses import replace

        from .maas_apply import Apply, require_administrator

        async def look(session: MaasSession) -> Compared:
            found = await self._compared(session)
            if found.pending:
                await require_administrator(session)
            return found

        shown = with_session(self.connection, look)
        found = shown
        if not found.pending:
            return self._end(found, None)
        if _count(found) and not self.console.agreed(f"{_count(found)}. Go on?", yes=False):
            self.console.info("nothing was changed")
            return ExitCode.OK
        if found.deletions and not self.console.agreed(_deletion(found), yes=False):
            found = replace(found, choice=replace(found.choice, prune=False))
        if not found.pending:
            self.console.info("nothing was changed")
            return ExitCode.OK
        apply = Apply(self.repository)
        with apply.telling(self.console):
            outcome = with_session(self.connection, lambda session: apply.carry_out(session, found, look_again=True))
        return self._end(found, outcome)

    async def _compared(self, session: MaasSession) -> Compared:
        from .maas_compare import compare

        found = await compare(session, self.repository, self.choice)
        if not self.as_json:
            from .maas_text import lines

            told = list(lines(found, self.repository))
            commit = f", commit {found.commit}" if found.commit else ""
            self.console.info(f"{found.url} (MAAS {found.version}), site {self.repository.site}{commit}")
            for text in told:
                self.console.data(text)
        return found

    def _end(self, found: Compared, outcome: Outcome | None) -> int:
        """Say what was done and what was left, and how it ended."""
        if self.as_json:
            import json

            from .maas_text import as_data

            data = as_data(found, self.repository)
            data["applied"] = outcome.as_data() if outcome else None
            self.console.data(json.dumps(data, indent=2, ensure_ascii=False))
        if outcome is None:
            if not found.pending:
                self.console.info("nothing was changed" if _left(found) else "nothing to do")
            self._tell_left(found)
            return _left(found)
        outcome.tell(self.console, quiet=self.as_json)
        if not outcome.ok:
            return ExitCode.REMOTE
        self._tell_left(found)
        return _left(found) or (ExitCode.DRIFT if outcome.moved else ExitCode.OK)

    def _tell_left(self, found: Compared) -> None:
        names = [change.name for change in (*found.blocked, *found.drifted)]
        if names:
            self.console.info(f"left alone, see above: {', '.join(names)}")
        if found.tags.problems:
            count = len(found.tags.problems)
            self.console.info(f"{count} problem{'' if count == 1 else 's'} with tags, see above")


def _left(found: Compared) -> int:
    """The exit code for what an upload leaves alone."""
    if found.blocked or found.tags.problems:
        return ExitCode.FINDINGS
    return ExitCode.DRIFT if found.drifted else ExitCode.OK


def _count(found: Compared) -> str:
    """What is to be done apart from deletions, in words; '' for nothing."""
    created = sum(change.held is None for change in found.chosen)
    updated = len(found.chosen) - created
    tags = len(found.tags.create) + sum(len(item.nodes) for item in found.tags.give)
    counts = ((created, "create {} script{}"), (updated, "update {} script{}"), (tags, "give or create {} tag{}"))
    return ", ".join(text.format(count, "" if count == 1 else "s") for count, text in counts if count)


def _deletion(found: Compared) -> str:
    names = ", ".join(item.held.name for item in found.deletions)
    return f"delete {names} from MAAS, with all results that machines ever gave for it. Go on?"
