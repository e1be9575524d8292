"""`gpuaas-gen doctor`: which of a site's credentials and references work."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ExitCode
from .console import Console, complete_node, find_root, site_option, verb
from .maas_connection import Target, connection_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..sinks.bmc import Tls
    from .doctor_checks import Tried


@click.command("doctor")
@site_option
@click.option("--node", "nodes", multiple=True, shell_complete=complete_node, help="Only this node (repeatable).")
@click.option(
    "--bmc-cacert", type=click.Path(path_type=Path, dir_okay=False), help="CA certificates (PEM) of the BMCs."
)
@click.option("--insecure", is_flag=True, help="Do not check the BMCs' certificates; says so.")
@click.option("--json", "as_json", is_flag=True, help="What was tried as JSON.")
@connection_options
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    site: str,
    nodes: tuple[str, ...],
    bmc_cacert: Path | None,
    insecure: bool,
    as_json: bool,
    target: Target,
) -> int:
    """Try each credential and reference of a site, and say which works. Changes nothing anywhere.

    Secrets by their references, the MAAS and its machines, each node's BMC by IPMI and by Redfish. A
    login at a BMC counts as one there: repeated failures may lock the account for a while.

    \b
    Examples:
      gpuaas-gen doctor --site maas280
      gpuaas-gen doctor --site maas280 --node j22u05 --bmc-cacert idrac-ca.pem
    """
    from ..config.site import load_site
    from . import doctor_checks
    from .loading import require_known
    from .maas_connection import connection_for, shown_url
    from .references import references

    found = load_site(site, find_root(console, explicit_root))
    require_known(site, [node.name for node in found.nodes], nodes)
    chosen = [node for node in found.nodes if not nodes or node.name in nodes]
    if insecure:
        console.warning("the BMCs' certificates are not checked (--insecure)")

    def tls(fingerprint: str) -> Tls:
        from ..sinks.bmc import Tls

        return Tls(bmc_cacert, fingerprint, insecure)

    tried = doctor_checks.try_secrets(references(found))
    tried += doctor_checks.maas(found, chosen, lambda: connection_for(found, target), shown_url)
    tried += asyncio.run(doctor_checks.try_bmcs(chosen, tls))
    if as_json:
        console.data(_as_json(site, tried))
    else:
        _show(console, site, tried)
    return _exit_code(tried)


def _show(console: Console, site: str, tried: Sequence[Tried]) -> None:
    from .results import paint

    for one in tried:
        console.data(f"{paint(f'{one.status:<4}', one.status)} {one.what:<7} {one.subject}: {one.detail}")
        if one.hint:
            console.data(f"     {one.hint}")
    counts: dict[str, int] = {}
    for one in tried:
        counts[one.status] = counts.get(one.status, 0) + 1
    console.info(f"{site}: {', '.join(f'{count} {status}' for status, count in counts.items())}")


def _as_json(site: str, tried: Sequence[Tried]) -> str:
    entries = [
        {"what": one.what, "subject": one.subject, "status": one.status, "detail": one.detail, "hint": one.hint}
        for one in tried
    ]
    return json.dumps({"site": site, "tried": entries}, indent=2)


def _exit_code(tried: Sequence[Tried]) -> ExitCode:
    """REMOTE when another machine refused or gave no answer, FINDINGS for what is wrong here."""
    from ..evidence.parse import Status

    failed = [one for one in tried if one.status is Status.FAIL]
    if any(one.remote for one in failed):
        return ExitCode.REMOTE
    return ExitCode.FINDINGS if failed else ExitCode.OK
