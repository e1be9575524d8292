"""`gpuaas-gen bios resume`: goes on with changes that were interrupted, or that waited for a restart."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .bios_change import how_options
from .bios_options import format_option, way_options
from .bios_records import records_option
from .console import Console, verb

if TYPE_CHECKING:
    from ..sinks.bios_run import Result
    from .bios_change import How
    from .bios_hosts import Host
    from .bios_options import Choice
    from .bios_records import Found


@click.command("resume")
@click.argument("record", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@way_options
@click.option(
    "--reset",
    type=click.Choice(("none", "graceful", "force")),
    help="Another restart than the one that was asked for at first.",
)
@how_options
@records_option
@format_option
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    record: tuple[Path, ...],
    choice: Choice,
    reset: str | None,
    how: How,
    records: Path | None,
    form: str,
) -> int:
    """Go on with every change that has not ended well (see `bios status`), or with the records given.

    It looks at the BMC first: what has been done is not done again. Sessions that an interrupted run has left open
    are closed.

    Exit codes are those of `bios apply`.

    \b
    Examples:
      gpuaas-gen bios resume
      gpuaas-gen bios resume --site maas280 --node j22u05 --reset force
    """
    from ..sinks.bios_apply import resume
    from ..sinks.bios_fleet import Batch
    from ..sinks.bios_journal import Journal, ResetWish
    from .bios_change import Teller, confirm, show_changes
    from .bios_recorded import hosts_of
    from .bios_records import find
    from .bios_run import Outcomes, backend, on_named

    found = find(records, choice.site, choice.nodes, record)
    todo = [one for one in found if one.open or record]
    hosts = hosts_of(console, explicit_root, todo, choice)
    if todo:
        confirm(_question(todo, reset), how)
    teller, batches = Teller(console), list[Batch]()

    async def work(pair: tuple[Found, Host]) -> Result:
        one, host = pair
        if not batches:
            batches.append(Batch(how.batch, how.max_failures))  # made within the loop that it belongs to
        with Journal.reopen(one.path) as journal:
            async with backend(host, choice, journal.watch) as bmc:
                wish = ResetWish(reset) if reset else None
                return await resume(journal, bmc, how.pace(), teller, batches[0].turn, reset=wish)

    named = [(one.node, (one, hosts[one.path])) for one in todo]
    results = on_named(named, work, choice.parallel, teller.ended)
    if not todo:
        console.info("nothing to go on with")
    return show_changes(console, Outcomes(tuple(results)), form, "resume")


def _question(todo: list[Found], reset: str | None) -> str:
    names = ", ".join(one.node for one in todo[:5]) + (f" and {len(todo) - 5} more" if len(todo) > 5 else "")
    wishes = {reset} if reset else {str(one.record.wishes.reset) for one in todo}
    with_ = {"none": "without a restart", "graceful": "with graceful restarts", "force": "with FORCED RESTARTS"}
    return f"Go on with {names}, {', '.join(sorted(with_[wish] for wish in wishes))}?"
