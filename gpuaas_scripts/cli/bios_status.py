"""`gpuaas-gen bios status`: where changes stand that were begun."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .bios_options import format_option, way_options
from .bios_records import records_option
from .console import Console, verb

if TYPE_CHECKING:
    from ..sinks.bios_apply import Status
    from ..sinks.bios_fleet import Result
    from .bios_hosts import Host
    from .bios_options import Choice
    from .bios_records import Found


@click.command("status")
@click.argument("record", nargs=-1, type=click.Path(path_type=Path, dir_okay=False))
@way_options
@click.option("--all", "everything", is_flag=True, help="The last change of every host, also those that ended well.")
@click.option("--offline", is_flag=True, help="Tell what the records say, and ask no BMC.")
@records_option
@format_option
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    record: tuple[Path, ...],
    choice: Choice,
    everything: bool,
    offline: bool,
    records: Path | None,
    form: str,
) -> int:
    """Tell of each change that was begun what is staged, which job it has, what became of it, and which session of
    ours may still be open and until when. Changes nothing.

    Exit code 0: no change waits; 3: one waits, or was interrupted (`bios resume` goes on); 1: the last change of a host
    has failed; 4: a BMC could not be asked.

    \b
    Examples:
      gpuaas-gen bios status
      gpuaas-gen bios status --site maas280 --node j22u05 --all
      gpuaas-gen bios status --offline --format json
    """
    from ..errors import ExitCode
    from .bios_records import find

    found = find(records, choice.site, choice.nodes, record)
    shown = [one for one in found if everything or record or one.open or one.wrong]
    asked = {} if offline else {one.path: one for one in shown if one.open or one.wrong}
    results = _ask(console, explicit_root, asked, choice)
    _show(console, shown, results, form)
    if not shown and form == "text":
        told = "the last change of every host has ended well" if found else "no change was ever begun"
        console.info(f"nothing to go on with: {told}")
    if any(result.failed for result in results.values()):
        return ExitCode.REMOTE
    if any(one.open for one in shown):
        return ExitCode.DRIFT
    return ExitCode.FINDINGS if any(one.wrong for one in shown) else ExitCode.OK


def _ask(
    console: Console, explicit_root: Path | None, asked: dict[Path, Found], choice: Choice
) -> dict[Path, Result[Status]]:
    """What each BMC says."""
    from ..sinks.bios_apply import status
    from .bios_recorded import hosts_of
    from .bios_run import backend, on_named

    hosts = hosts_of(console, explicit_root, asked.values(), choice)

    async def work(pair: tuple[Found, Host]) -> Status:
        found, host = pair
        async with backend(host, choice) as bmc:
            return await status(found.record, bmc)

    named = [(one.node, (one, hosts[path])) for path, one in asked.items()]
    return dict(zip(asked, on_named(named, work, choice.parallel), strict=True))


def _show(console: Console, shown: list[Found], results: dict[Path, Result[Status]], form: str) -> None:
    import json

    from .bios_recorded import journal_lines, status_data, word_of
    from .bios_report import Junit

    data = []
    junit = Junit("gpuaas-gen bios status")
    for one in shown:
        result = results.get(one.path)
        status = result.value if result else None
        error = str(result.error) if result and result.error else ""
        data.append(status_data(one, status, error))
        junit.suite(one.node)
        junit.case(
            str(one.path), failure=word_of(one, status) if (one.open or one.wrong) and not error else "", error=error
        )
        if form != "text":
            continue
        console.data(f"{one.node}  {word_of(one, status)}")
        lines = list(journal_lines(one))
        if status is not None:
            staged = ", ".join(f"{name}={value}" for name, value in status.staged.items())
            lines.append(f"staged at the BMC: {staged or 'nothing of it'}")
            lines += [str(status.stand.job)] if status.stand.job else []
            lines += [status.stand.text] if status.stand.text else []
        for line in (*lines, f"record: {one.path}"):
            console.data(f"    {line}")
        if error:
            console.error(error, result.error.hint if result and result.error else "")
    if form == "json":
        console.data(json.dumps({"changes": data}, indent=2, ensure_ascii=False))
    if form == "junit":
        console.data(junit.text().rstrip("\n"))
