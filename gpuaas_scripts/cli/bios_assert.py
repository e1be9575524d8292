"""`gpuaas-gen bios assert`: whether hosts are as wanted, for CI. Reads, changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..errors import ExitCode
from .bios_options import format_option, host_options
from .console import Console, verb

if TYPE_CHECKING:
    from pathlib import Path

    from ..bios.plan import Plan
    from .bios_options import Choice


@click.command("assert")
@host_options
@format_option
@verb
def command(console: Console, explicit_root: Path | None, choice: Choice, form: str) -> int:
    """Compare the BIOS settings in force with what is wanted. A value that is only staged is not in force.

    Exit code 0: all as wanted; 3: a value is otherwise, whether it can be changed or not; 1: a name or value
    that the firmware does not know, or a node was not asked; 4: a BMC could not be read.

    \b
    Examples:
      gpuaas-gen bios assert --site maas280
      gpuaas-gen bios assert --site maas280 --format junit > bios.xml
    """
    from .bios_planning import make_plans, show_plans
    from .bios_run import find_hosts

    outcomes = make_plans(console, find_hosts(console, explicit_root, choice), choice)
    return show_plans(console, outcomes, form, judge=code_of)


def code_of(plan: Plan) -> ExitCode:
    """What one host adds to the exit code."""
    from ..bios.plan import Block, Verdict

    if any(item.block in {Block.UNKNOWN, Block.BAD_VALUE, Block.SECRET} for item in plan.items):
        return ExitCode.FINDINGS
    return ExitCode.OK if all(item.verdict is Verdict.OK for item in plan.items) else ExitCode.DRIFT
