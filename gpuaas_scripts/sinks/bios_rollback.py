"""The way back: a plan to the values that a recorded change has met. It is applied like any other plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..bios.plan import Verdict
from ..bios.planning import make_plan
from ..errors import GpuaasError

if TYPE_CHECKING:
    from ..bios.plan import Plan
    from ..bios.registry import Value
    from .bios_record import Record
    from .bmc import Reading


def rollback_values(record: Record) -> dict[str, Value]:
    """The values to come back to, by the vendor's names: for `Bmc.read`. Raises GpuaasError when there are none."""
    if not record.before:
        raise GpuaasError(
            f"{record.plan.node}: nothing to come back to: the recorded change was never begun",
            hint="gpuaas-gen bios status tells what it did",
        )
    return record.before


def rollback_plan(record: Record, reading: Reading) -> Plan:
    """The plan back. What the change had forced upon other attributes is asked for too, where it can be written.

    Where it cannot, the firmware sets it by its rules, and the note of the attribute that had forced it
    says what it was. Raises GpuaasError.
    """
    desired = rollback_values(record)
    node, forced = record.plan.node, {step.attribute: step for step in record.plan.forced}
    plan = make_plan(node, desired, reading.registry, reading.state)
    stuck = {item.asked: item for item in plan.items if item.verdict is Verdict.BLOCKED and item.asked in forced}
    if not stuck:
        return plan
    rest = {name: value for name, value in desired.items() if name not in stuck}
    plan = make_plan(node, rest, reading.registry, reading.state)
    notes: dict[str, list[str]] = {}
    for name, item in stuck.items():
        for cause in forced[name].because:
            notes.setdefault(cause, []).append(f"{name} was {desired[name]}, is {item.current}")
    items = tuple(
        replace(item, note="; ".join([*([item.note] if item.note else []), *_left(notes[item.name])]))
        if item.name in notes
        else item
        for item in plan.items
    )
    return replace(plan, items=items)


def _left(texts: list[str]) -> list[str]:
    return [f"the firmware keeps these to itself, whatever they come to: {', '.join(texts)}"]
