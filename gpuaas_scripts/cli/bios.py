"""`gpuaas-gen bios`: firmware settings of hosts, planned, applied, followed and taken back."""

from __future__ import annotations

from importlib import import_module

import click

SUBVERBS = {
    "plan": "Read the hosts, and show what has to change.",
    "apply": "Bring a plan about: stage, reset where allowed, wait, verify, record.",
    "status": "Tell where changes stand that were begun.",
    "resume": "Go on with changes that were interrupted.",
    "rollback": "Plan and apply the way back to recorded values.",
    "export": "Write the allow-listed attributes as YAML.",
    "assert": "Fail when a host is not as its hardware class says; for CI.",
}
"""Subverbs with their one-line help; each is the command of cli/bios_<name>.py."""


class _Lazy(click.Group):
    """A group that imports a subverb's module when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(SUBVERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in SUBVERBS:
            return None
        command: click.Command = import_module(f"{__package__}.bios_{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in SUBVERBS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from ..config.check import suggestion

            ctx.fail(f"no verb bios {args[0]!r}; {suggestion(args[0], SUBVERBS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(list(SUBVERBS.items()))


@click.group("bios", cls=_Lazy)
def command() -> None:
    """Plan and change BIOS settings through Redfish or RACADM, on one host or a fleet.

    Which attributes matter is told by the hardware class (hardware.bios.attributes), by the vendor's names or
    by vt, vtd, smt and sriov. Only those are shown.

    One host without a site: IDRAC_HOST, IDRAC_USER, IDRAC_PASSWORD in the environment, and --attr.

    \b
    Examples:
      gpuaas-gen bios plan --site maas280 -o plan.json
      gpuaas-gen bios apply plan.json --reset graceful
      gpuaas-gen bios status
      gpuaas-gen bios assert --site maas280 --format junit
    """
