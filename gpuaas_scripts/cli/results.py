"""`gpuaas-gen results`: what the machines reported in commissioning, judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import ExitCode
from .console import Console, complete_node, find_root, site_option, verb
from .maas_connection import Target, connection_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..config.site import Node, Site
    from ..evidence.parse import Status
    from ..sinks.maas_session import MaasSession
    from .judging import Judgement


@click.command("results")
@site_option
@click.option("--node", "nodes", multiple=True, shell_complete=complete_node, help="Only this node (repeatable).")
@click.option("--script", "scripts", multiple=True, metavar="NAME", help="Only this script (repeatable).")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "junit"]),
    default="text",
    show_default=True,
    help="For people, for programs, or for CI.",
)
@click.option("--all", "everything", is_flag=True, help="Also what passed, in text.")
@click.option("--show-output", is_flag=True, help="Also what the scripts printed.")
@connection_options
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    site: str,
    nodes: tuple[str, ...],
    scripts: tuple[str, ...],
    form: str,
    everything: bool,
    show_output: bool,
    target: Target,
) -> int:
    """Fetch the commissioning results of the site's nodes, and judge them check by check.

    Each node is judged against its approved topology, too: a replaced disk, a moved address, a missing GPU. A
    node that never ran the current revision of a script is named. Exit code 1 when anything is FAIL.

    \b
    Examples:
      gpuaas-gen results --site maas280
      gpuaas-gen results --site maas280 --node j22u11 --all --show-output
      gpuaas-gen results --site maas280 --format junit > results.xml
    """
    from .maas_connection import connection_for, with_session

    found = _chosen(find_root(console, explicit_root), site, nodes)
    wanted = _scripts(found[0], scripts)
    connection = connection_for(found[0], target)

    async def work(session: MaasSession) -> Judgement:
        from .judging import judge_nodes

        return await judge_nodes(session, found[0], found[1], wanted, await session.scripts())

    judgement = with_session(connection, work)
    show(console, site, judgement, form, everything=everything, show_output=show_output)
    return exit_code(judgement)


def exit_code(judgement: Judgement) -> ExitCode:
    """REMOTE when MAAS gave no answer about a node, FINDINGS when a check failed."""
    if judgement.unanswered:
        return ExitCode.REMOTE
    return ExitCode.FINDINGS if judgement.failed else ExitCode.OK


def show(console: Console, site: str, judgement: Judgement, form: str, *, everything: bool, show_output: bool) -> None:
    """Print verdicts in one of the formats, and in text what they come to."""
    from ..evidence import report
    from ..evidence.parse import Status

    for name in judgement.not_uploaded:
        console.warning(f"MAAS holds {name} other than it is rendered: gpuaas-gen upload --site {site} --dry-run")
    if form == "json":
        console.data(report.as_json(judgement.judged, site=site, output=show_output))
        return
    if form == "junit":
        console.data(report.as_junit(judgement.judged, site=site, output=show_output))
        return
    if text := report.text(judgement.judged, everything=everything, output=show_output, paint=paint):
        console.data(text)
    stale = [one.name for one in judgement.judged if one.stale]
    if stale:
        console.info(f"never ran the current revision: {', '.join(stale)}")
    counts = [f"{sum(one.status is status for one in judgement.judged)} {status}" for status in Status]
    console.info(f"{site}: {len(judgement.judged)} results: {', '.join(text for text in counts if text[0] != '0')}")


def paint(text: str, status: Status) -> str:
    """A status in its colour."""
    colours = {"PASS": "green", "FAIL": "red", "WARN": "yellow"}
    return click.style(text, fg=colours.get(str(status)), bold=str(status) in colours)


def _chosen(root: Path, name: str, nodes: Sequence[str]) -> tuple[Site, list[Node]]:
    """The site and the nodes asked for; all when none was named."""
    from ..config.site import load_site
    from .loading import require_known

    site = load_site(name, root)
    require_known(name, [node.name for node in site.nodes], nodes)
    return site, [node for node in site.nodes if not nodes or node.name in nodes]


def _scripts(site: Site, asked: Sequence[str]) -> list[str]:
    """The site's scripts that were asked for; all when none was named."""
    from ..config.check import suggestion
    from ..errors import GpuaasError

    if not site.file.scripts:
        raise GpuaasError(f"site {site.name} has no MAAS scripts", hint=f"name them in {site.source.shown_as}: scripts")
    for name in asked:
        if name not in site.file.scripts:
            hint = suggestion(name, site.file.scripts)
            raise GpuaasError(f"{name!r} is no script of site {site.name}", hint=hint)
    return [name for name in site.file.scripts if not asked or name in asked]
