"""Making a plan: names to attributes, values to what the firmware takes, then the rules, all together."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .dependencies import Forced, Write, forced, needs_of, writable
from .names import Found, accept, find
from .plan import Block, Item, Plan, Verdict, combined
from .registry import Attribute, Dependency, Registry, Truth, Value, same
from .state import BiosState

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOCKDOWN = "turn System Lockdown Mode off on the BMC"
_SECRET = "set it by hand: plans and logs hold no secrets"  # noqa: S105


def make_plan(node: str, desired: Mapping[str, Value], registry: Registry, state: BiosState) -> Plan:
    """The plan that brings `desired` (logical or vendor's names to values) about on the host `node`. Pure.

    `state` must have been read with the names of `desired` among those asked for.
    """
    items: dict[str, Item] = {}
    blocked: list[Item] = []
    for asked in sorted(desired):
        item = _first_look(asked, desired[asked], registry, state)
        known = items.get(item.name)
        if item.block:
            blocked.append(item)
        elif known is not None and not same(known.desired, item.desired):
            text = f"{known.asked} asks for {known.desired}, {asked} for {item.desired}: both are {item.name}"
            blocked.append(replace(item, verdict=Verdict.BLOCKED, block=Block.BAD_VALUE, unblock=text))
        elif known is None:
            items[item.name] = item
    _judge_together(items, registry, state)
    follow, _ = forced(registry, state.effective, combined(items))
    others = [name for name in state.pending if name not in items]
    return Plan(
        node=node,
        items=tuple(sorted((*items.values(), *blocked), key=lambda item: (item.name or item.asked, item.asked))),
        forced=follow,
        jobs=tuple(str(job) for job in state.jobs),
        others_pending=tuple(sorted((*others, *state.hidden_pending))),
        lockdown=state.lockdown,
        apply_times=state.capabilities.apply_times,
        vendor=str(state.vendor),
        model=state.model,
        bios_version=state.bios_version,
    )


def _first_look(asked: str, wanted: Value, registry: Registry, state: BiosState) -> Item:
    """One attribute by itself: its name, its value, and whether there is anything to do."""
    found = find(asked, registry, state.vendor, state.present)
    if not isinstance(found, Found):
        near = f"; this host has {', '.join(found.near)}" if found.near else ""
        return Item(asked, "", Verdict.BLOCKED, block=Block.UNKNOWN, unblock=f"use a name of its registry{near}")
    attribute = found.attribute
    if attribute.secret:
        return Item(asked, attribute.name, Verdict.BLOCKED, block=Block.SECRET, unblock=_SECRET)
    current, pending = state.current.get(attribute.name), state.pending.get(attribute.name)
    look = Item(asked, attribute.name, Verdict.OK, current=current, pending=pending)
    try:
        value = accept(attribute, wanted)
    except ValueError as error:
        return replace(look, verdict=Verdict.BLOCKED, block=Block.BAD_VALUE, unblock=f"{error}; not {wanted}")
    look = replace(look, desired=value)
    if pending is not None and same(pending, value):
        return replace(look, verdict=Verdict.PENDING)
    if same(current, value) and pending is None:
        return look
    return replace(look, verdict=Verdict.CHANGE)


def _judge_together(items: dict[str, Item], registry: Registry, state: BiosState) -> None:
    """Let the rules judge all changes as one write; a change that is blocked is no prerequisite of another."""
    now = state.effective
    while True:
        changes = combined(items)
        follow, against = forced(registry, now, changes)
        plain = {**now, **changes}
        after = {**plain, **{step.attribute: step.value for step in follow}}
        conflicts = {step.attribute: step for step in against}
        fresh = {name: _judge(items[name], registry, state, (plain, after), conflicts.get(name)) for name in changes}
        items.update(fresh)
        if not any(item.block for item in fresh.values()):
            return


def _judge(
    item: Item,
    registry: Registry,
    state: BiosState,
    values: tuple[Mapping[str, Value], Mapping[str, Value]],
    conflict: Forced | None,
) -> Item:
    """One change among all: `values` are those of the host with the changes, and with what they force besides."""
    plain, after = values
    attribute = registry.attributes[item.name]
    if state.lockdown:
        return _blocked(item, Block.LOCKDOWN, _LOCKDOWN)
    verdict = writable(attribute, registry, state.current, after)  # the live flag follows the current values
    if verdict.write is Write.READ_ONLY:
        why = "" if state.lockdown is False else "; whether System Lockdown Mode is on could not be read"
        return _blocked(
            item, Block.READ_ONLY, "the firmware keeps it read-only, and no rule of its registry says why" + why
        )
    if verdict.write is Write.DEPENDENCY:
        return _blocked(item, Block.DEPENDENCY, "needs " + ", ".join(verdict.needs) + " (in the same change)")
    if conflict is not None:
        needs = needs_of(_forcing(attribute, registry, after), after, registry)
        text = f"{', '.join(conflict.because)} forces it to {conflict.value}; needs {', '.join(needs)}"
        return _blocked(item, Block.DEPENDENCY, text)
    if attribute.read_only and writable(attribute, registry, state.current, plain).write is not Write.FREE:
        note = "the firmware may refuse it; it becomes writable by a value that the firmware sets by itself"
        return replace(item, stands_on=verdict.with_, note=note)
    note = "the firmware may refuse it; it may need " + ", ".join(verdict.needs) if verdict.needs else ""
    return replace(item, stands_on=verdict.with_, note=note)


def _forcing(attribute: Attribute, registry: Registry, after: Mapping[str, Value]) -> list[Dependency]:
    rules = registry.acting_on(attribute.name, "CurrentValue")
    return [r for r in rules if r.holds(after) is Truth.YES and not same(r.value, after[attribute.name])]


def _blocked(item: Item, block: Block, unblock: str) -> Item:
    return replace(item, verdict=Verdict.BLOCKED, block=block, unblock=unblock, stands_on=(), note="")
