"""`gpuaas-gen validate`: every problem at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import ExitCode, GpuaasError, Severity
from .console import Console, complete_site, find_root, verb

if TYPE_CHECKING:
    from pathlib import Path

    from ..errors import Finding


@click.command("validate")
@click.option("--site", shell_complete=complete_site, help="Site: a file of site-configs/sites/.")
@click.option("--all", "all_sites", is_flag=True, help="All sites, and the rules between them.")
@click.option("--json", "as_json", is_flag=True, help="Findings as JSON.")
@verb
def command(console: Console, explicit_root: Path | None, site: str | None, all_sites: bool, as_json: bool) -> int:
    """Find every problem of a site's configuration, each with its place and what would be valid.

    \b
    Examples:
      gpuaas-gen validate --site maas280
      gpuaas-gen validate --all --json
    """
    from ..config.rules import check_sites
    from ..config.site import site_names
    from .loading import check_all

    if (site is None) == (not all_sites):
        raise click.UsageError("give either --site NAME or --all")
    root = find_root(console, explicit_root)
    names = site_names(root) if site is None else [site]
    if not names:
        raise GpuaasError("there is no site in site-configs/sites/", hint="start one: gpuaas-gen init site NAME")
    checked = [check_all(name, root) for name in names]
    found = [finding for one in checked for finding in one.findings]
    if all_sites:
        found += check_sites([one.loaded.site for one in checked])
    found = list(dict.fromkeys(found))
    _print(console, found, as_json=as_json)
    errors = sum(finding.severity is Severity.ERROR for finding in found)
    nodes = sum(len(one.loaded.site.nodes) + len(one.loaded.broken_nodes) for one in checked)
    counts = (_count(nodes, "node"), _count(errors, "error"), _count(len(found) - errors, "warning"))
    console.info(f"{', '.join(names)}: {', '.join(counts)}")
    return ExitCode.FINDINGS if errors else ExitCode.OK


def _print(console: Console, found: list[Finding], *, as_json: bool) -> None:
    if not as_json:
        console.findings(found, to_stdout=True)
        return
    import json

    from ..config import report

    console.data(json.dumps([report.as_data(finding) for finding in report.sort(found)], indent=2))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
