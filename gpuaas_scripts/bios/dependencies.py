"""What dependencies do to a set of changes: which attributes can be written, which values follow by themselves.

The live read-only flag of the host counts for more than the registry's rules: a rule is only
believed where it explains that flag or where a change makes it true.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from .registry import Attribute, Condition, Dependency, Kind, Operator, Registry, Truth, Value, same

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_ROUNDS = 20


class Write(StrEnum):
    """Whether an attribute can be written."""

    FREE = "free"
    PERHAPS = "perhaps"
    READ_ONLY = "read-only"
    DEPENDENCY = "dependency"


@dataclass(frozen=True, slots=True)
class Writable:
    """Verdict on one attribute: `needs` are texts of what would unblock it, `with_` the attributes it stands on."""

    write: Write
    needs: tuple[str, ...] = ()
    with_: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Forced:
    """A value that the firmware sets by itself because of the attributes in `because`."""

    attribute: str
    value: Value
    because: tuple[str, ...]


def writable(
    attribute: Attribute, registry: Registry, now: Mapping[str, Value], after: Mapping[str, Value]
) -> Writable:
    """Whether `attribute` can be written in a change that leads from the values `now` to the values `after`.

    PERHAPS: it can be written now, and only a rule that may be read in two ways says that the
    change would lock it; the firmware refuses the change as a whole then.
    """
    rules = registry.acting_on(attribute.name, "ReadOnly", True)
    before = [rule for rule in rules if rule.holds(now) is not Truth.NO]
    then = [rule for rule in rules if rule.holds(after) is not Truth.NO]
    if attribute.read_only:
        if not before:
            return Writable(Write.READ_ONLY)
        if then:
            return Writable(Write.DEPENDENCY, needs_of(then, after, registry))
        return Writable(Write.FREE, with_=_sources(before, now, after))
    new = [rule for rule in then if rule not in before]
    if any(rule.holds(after) is Truth.YES for rule in new):
        return Writable(Write.DEPENDENCY, needs_of(new, after, registry))
    return Writable(Write.PERHAPS if new else Write.FREE, needs_of(new, after, registry))


def forced(
    registry: Registry, now: Mapping[str, Value], changes: Mapping[str, Value]
) -> tuple[tuple[Forced, ...], tuple[Forced, ...]]:
    """Values that `changes` force upon other attributes, and those in conflict with a change itself.

    Followed over several steps (one forced value forcing the next). Only rules that the changes make
    true count: the host's values as they are stand above the rules.
    """
    rules = [
        rule
        for rule in registry.dependencies
        if rule.effect == "CurrentValue" and rule.target in now and _believed(rule, now)
    ]
    follow: dict[str, Forced] = {}
    after: dict[str, Value] = {**now, **changes}
    for _ in range(_ROUNDS):
        fresh: dict[str, Forced] = {}
        for rule in rules:
            free = rule.target not in changes and rule.target not in fresh  # the first rule wins
            if free and rule.holds(after) is Truth.YES and not same(now[rule.target], rule.value):
                fresh[rule.target] = Forced(rule.target, rule.value, _held(rule, after))
        if fresh == follow:
            break
        # Anew in each round: what only an intermediate state would force does not stay.
        follow = fresh
        after = {**now, **changes, **{step.attribute: step.value for step in follow.values()}}
    against = {
        rule.target: Forced(rule.target, rule.value, _held(rule, after))
        for rule in rules
        if rule.target in changes and rule.holds(after) is Truth.YES and not same(after[rule.target], rule.value)
    }
    return tuple(follow.values()), tuple(against.values())


def _believed(rule: Dependency, now: Mapping[str, Value]) -> bool:
    """Whether the host follows the rule as far as can be seen: where it holds now, its value is in force."""
    return rule.holds(now) is not Truth.YES or same(now[rule.target], rule.value)


def needs_of(rules: Iterable[Dependency], values: Mapping[str, Value], registry: Registry) -> tuple[str, ...]:
    """What has to be otherwise so that none of `rules` holds, one text per attribute that they stand on."""
    texts: dict[str, list[Condition]] = {}
    for rule in rules:
        for condition in rule.conditions:
            if condition.holds(values):
                texts.setdefault(condition.attribute, []).append(condition)
    return tuple(_need(name, conditions, registry) for name, conditions in texts.items())


def _need(name: str, conditions: list[Condition], registry: Registry) -> str:
    attribute = registry.attributes.get(name)
    if attribute is not None and attribute.kind is Kind.ENUMERATION:
        free = [c.name for c in attribute.choices if not any(x.holds({name: c.name}) for x in conditions)]
        if free:
            return f"{name} = {free[0]}" if len(free) == 1 else f"{name} = one of {', '.join(free)}"
    inverse = {
        Operator.EQU: "other than",
        Operator.NEQ: "=",
        Operator.GTR: "at most",
        Operator.GEQ: "less than",
        Operator.LSS: "at least",
        Operator.LEQ: "more than",
    }
    return f"{name} " + " and ".join(f"{inverse[c.operator]} {c.value}" for c in conditions)


def _held(rule: Dependency, values: Mapping[str, Value]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(c.attribute for c in rule.conditions if c.holds(values)))


def _sources(rules: Iterable[Dependency], now: Mapping[str, Value], after: Mapping[str, Value]) -> tuple[str, ...]:
    """The attributes whose change lifts `rules`."""
    names = dict.fromkeys(name for rule in rules for name in _held(rule, now))
    return tuple(name for name in names if not same(now.get(name), after.get(name)))
