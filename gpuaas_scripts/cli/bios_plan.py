"""`gpuaas-gen bios plan`: what has to change. Reads, changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .bios_options import format_option, host_options
from .console import Console, verb

if TYPE_CHECKING:
    from .bios_options import Choice


@click.command("plan")
@host_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the plan to this file (mode 0600), for: bios apply FILE.",
)
@format_option
@verb
def command(console: Console, explicit_root: Path | None, choice: Choice, output: Path | None, form: str) -> int:
    """Read the BIOS settings of hosts, and show for each wanted attribute what has to be done. Changes nothing.

    Exit code 0: nothing to do; 3: there are changes; 1: something is blocked, or a node was not asked;
    4: a BMC could not be read (the others are shown).

    \b
    Examples:
      gpuaas-gen bios plan --site maas280 --node j22u05 -o plan.json
      gpuaas-gen bios plan --site maas280 --attr vt=Enabled --format json
      IDRAC_HOST=10.0.0.5 IDRAC_USER=root IDRAC_PASSWORD=… gpuaas-gen bios plan --attr vt=Enabled
    """
    from .bios_planning import make_plans, show_plans, write_plans
    from .bios_run import find_hosts

    outcomes = make_plans(console, find_hosts(console, explicit_root, choice), choice)
    code = show_plans(console, outcomes, form)
    if output is not None:
        write_plans(console, output, outcomes, choice.site or "", choice.backend)
    return code
