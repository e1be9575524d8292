"""`gpuaas-gen drift`: MAAS against the repository, for a nightly job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import ExitCode
from .console import Console, find_root, site_option, verb
from .maas_connection import Target, connection_of, connection_options, with_session

if TYPE_CHECKING:
    from pathlib import Path


@click.command("drift")
@site_option
@click.option("--json", "as_json", is_flag=True, help="The comparison as JSON.")
@connection_options
@verb
def command(console: Console, explicit_root: Path | None, site: str, as_json: bool, target: Target) -> int:
    """Say in what the site's MAAS is not what the repository says; nothing is changed.

    Exit 0: scripts, their fields and the tags of the site's nodes are as the repository says. Exit 3: they are not:
    changed by hand, not uploaded yet, or left over. A key that may only read is enough.

    \b
    Examples:
      gpuaas-gen drift --site maas280
      gpuaas-gen drift --site maas280 --json --quiet
    """
    from .maas_compare import Choice, compare
    from .maas_repo import repository
    from .maas_text import as_data, lines

    repo = repository(console, site, find_root(console, explicit_root))
    connection = connection_of(repo.region, target)
    found = with_session(connection, lambda session: compare(session, repo, Choice()))
    console.info(f"{found.url} (MAAS {found.version}), site {site}")
    if as_json:
        import json

        console.data(json.dumps({**as_data(found, repo), "drift": found.differs}, indent=2, ensure_ascii=False))
    else:
        for text in lines(found, repo):
            console.data(text)
    if not found.differs:
        console.info("no drift")
        return ExitCode.OK
    mend = f"to mend: gpuaas-gen upload --site {site}; with --prune for what is left over"
    console.info(f"MAAS is not what the repository says; {mend}")
    return ExitCode.DRIFT
