"""`gpuaas-gen lab`: stand-ins to try things with, without a MAAS and without a BMC."""

from __future__ import annotations

from importlib import import_module

import click

STANDINS = {
    "maas": "A MAAS region with machines that were commissioned.",
    "idrac": "BMCs of Dell servers.",
}
"""Stand-ins with their one-line help; each is the command of cli/lab_<name>.py."""


class _Lazy(click.Group):
    """A group that imports a stand-in's module when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(STANDINS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in STANDINS:
            return None
        command: click.Command = import_module(f"{__package__}.lab_{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in STANDINS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from ..config.check import suggestion

            ctx.fail(f"no stand-in {args[0]!r}; {suggestion(args[0], STANDINS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Stand-ins"):
            formatter.write_dl(list(STANDINS.items()))


@click.group("lab", cls=_Lazy)
def command() -> None:
    """Start a stand-in of what gpuaas-gen talks to, on this machine only, to try things with.

    \b
    Examples:
      gpuaas-gen lab maas
      gpuaas-gen lab idrac
    """
