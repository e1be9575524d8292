"""`gpuaas-gen bios export`: the settings in force, as YAML. Only attributes of the allow-list are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .bios_options import format_option, host_options
from .console import Console, verb

if TYPE_CHECKING:
    from pathlib import Path

    from ..bios.plan import Plan
    from ..sinks.bios_fleet import Result
    from .bios_options import Choice


@click.command("export")
@host_options
@format_option
@verb
def command(console: Console, explicit_root: Path | None, choice: Choice, form: str) -> int:
    """Write the BIOS attributes that the hardware class or --attr names as they are in force, as YAML.

    Values go by the vendor's names, as hardware.bios.attributes takes them; what is staged is beside them. With
    --attr the value after = is not compared, but has to be there.

    Exit code 0; 1: a name that a firmware does not know, or a node was not asked; 4: a BMC could not be read.

    \b
    Examples:
      gpuaas-gen bios export --site maas280 --node j22u05
      gpuaas-gen bios export --site maas280 --format json
    """
    from ..errors import ExitCode
    from .bios_planning import make_plans, tell_failures
    from .bios_report import Junit, as_json, failure
    from .bios_run import find_hosts

    outcomes = make_plans(console, find_hosts(console, explicit_root, choice), choice)
    plans = [result.value for result in outcomes.results if result.value is not None]
    code = outcomes.exit_code(ExitCode.FINDINGS if _unknown(plan) else ExitCode.OK for plan in plans)
    if form == "json":
        told = [{"node": r.host, **_data(r.value)} if r.value is not None else failure(r) for r in outcomes.results]
        console.data(as_json(told, outcomes.left, code))
    elif form == "junit":
        made = Junit("gpuaas-gen bios export")
        for result in outcomes.results:
            _case(made, result)
        console.data(made.text().rstrip("\n"))
    elif plans:
        from ..renderers.yaml_text import dump

        documents = {plan.node: _data(plan) for plan in plans}
        console.data(dump(documents).rstrip("\n"))
    tell_failures(console, outcomes)
    for plan in plans:
        for name in _unknown(plan):
            console.error(f"{plan.node}: this firmware has no attribute {name}, or does not show it")
    return code


def _data(plan: Plan) -> dict[str, Any]:
    shown = [item for item in plan.items if item.name and item.current is not None]
    data: dict[str, Any] = {"vendor": plan.vendor, "model": plan.model, "bios_version": plan.bios_version}
    data["attributes"] = {item.name: _text(item.current) for item in shown}
    staged = {item.name: _text(item.pending) for item in shown if item.pending is not None}
    return {**data, "pending": staged} if staged else data


def _text(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unknown(plan: Plan) -> list[str]:
    return [item.asked for item in plan.items if not item.name or item.current is None]


def _case(made: Any, result: Result[Plan]) -> None:  # noqa: ANN401
    made.suite(result.host)
    if result.value is None:
        made.case("reading the host", error=str(result.error))
        return
    for item in result.value.items:
        unknown = not item.name or item.current is None
        made.case(item.name or item.asked, failure=f"{item.asked}: no such attribute is shown" if unknown else "")
