"""What a host's firmware offers: attributes with their types and bounds, and their dependencies.

Read from the host's own attribute registry (Redfish `AttributeRegistry`, DSP0268). `ReadOnly` in it
is live state. Current values that a registry may carry are not kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..errors import ExitCode, GpuaasError

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = str | int | bool
"""A value of an attribute."""

_SECRET_NAME = re.compile(r"pass(word|wd|phrase|code)|secret|sha(1|256|512)|salt|credential|privatekey", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}\Z")


class BiosError(GpuaasError):
    """A BMC's answer that cannot be used: a document of the wrong shape, or one that is not there."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.REMOTE)


class Kind(StrEnum):
    """Type of an attribute, as registries name it."""

    ENUMERATION = "Enumeration"
    INTEGER = "Integer"
    BOOLEAN = "Boolean"
    STRING = "String"
    PASSWORD = "Password"  # noqa: S105


class Operator(StrEnum):
    """How a dependency compares an attribute with a value."""

    EQU = "EQU"
    NEQ = "NEQ"
    GTR = "GTR"
    GEQ = "GEQ"
    LSS = "LSS"
    LEQ = "LEQ"


class Truth(StrEnum):
    """Whether a dependency holds. LIKELY: only if its several conditions mean OR, which the registry does not say."""

    NO = "no"
    LIKELY = "likely"
    YES = "yes"


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of an enumeration: what is sent, and what the setup screen shows."""

    name: str
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. `read_only` is as the host says now; bounds are None where the registry has none."""

    name: str
    kind: Kind
    read_only: bool = False
    write_only: bool = False
    choices: tuple[Choice, ...] = ()
    lower: int | None = None
    upper: int | None = None
    step: int = 0
    shortest: int | None = None
    longest: int | None = None
    pattern: str = ""
    menu_path: str = ""
    title: str = ""

    @property
    def secret(self) -> bool:
        """Whether its value may be a secret. Hashes and CHAP secrets are plain strings there, hence the name counts."""
        named = self.kind in {Kind.STRING, Kind.PASSWORD} and _SECRET_NAME.search(self.name) is not None
        return self.kind is Kind.PASSWORD or self.write_only or named

    def accept(self, wanted: Value) -> Value:
        """`wanted` in the form that the firmware takes; raises ValueError that says what would be valid.

        An enumeration also takes the shown text and other case where that is unambiguous.
        """
        match self.kind:
            case Kind.ENUMERATION:
                return self._accept_choice(wanted)
            case Kind.INTEGER:
                return self._accept_integer(wanted)
            case Kind.BOOLEAN:
                return _accept_boolean(wanted)
            case _:
                return self._accept_text(wanted)

    def _accept_choice(self, wanted: Value) -> str:
        text = str(wanted)
        if any(choice.name == text for choice in self.choices):
            return text
        folded = text.casefold()
        near = {c.name for c in self.choices if folded in {c.name.casefold(), c.shown.casefold()}}
        if len(near) == 1:
            return near.pop()
        raise ValueError("must be one of " + ", ".join(choice.name for choice in self.choices))

    def _accept_integer(self, wanted: Value) -> int:
        if isinstance(wanted, bool) or not _INTEGER.match(str(wanted)):
            raise ValueError(f"must be a whole number{self._range()}")
        number = int(wanted)
        low, high = self.lower, self.upper
        if (low is not None and number < low) or (high is not None and number > high):
            raise ValueError(f"must be a whole number{self._range()}")
        if self.step > 1 and (number - (low or 0)) % self.step:
            raise ValueError(f"must be a whole number{self._range()} in steps of {self.step}")
        return number

    def _range(self) -> str:
        low = f" from {self.lower}" if self.lower is not None else ""
        return low + (f" to {self.upper}" if self.upper is not None else "")

    def _accept_text(self, wanted: Value) -> str:
        text = str(wanted)
        if self.shortest is not None and len(text) < self.shortest:
            raise ValueError(f"must have at least {self.shortest} characters")
        if self.longest is not None and len(text) > self.longest:
            raise ValueError(f"must have at most {self.longest} characters")
        try:
            fits = not self.pattern or re.search(self.pattern, text) is not None
        except re.error:
            fits = True  # another dialect of expressions: the firmware judges
        if not fits or not text.isprintable():
            raise ValueError(f"must match {self.pattern}" if self.pattern else "must be printable")
        return text


def _accept_boolean(wanted: Value) -> bool:
    words = {"true": True, "false": False}
    if isinstance(wanted, bool):
        return wanted
    if (known := words.get(str(wanted).casefold())) is None:
        raise ValueError("must be true or false")
    return known


@dataclass(frozen=True, slots=True)
class Condition:
    """`attribute operator value`; `term` is AND or OR towards the conditions before it, empty where not told."""

    attribute: str
    operator: Operator
    value: Value
    term: str = ""

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether it holds for these values. A condition on an attribute that the host does not have never holds."""
        if self.attribute not in values:
            return False
        actual = values[self.attribute]
        if self.operator in {Operator.EQU, Operator.NEQ}:
            return same(actual, self.value) == (self.operator is Operator.EQU)
        if isinstance(actual, str) or isinstance(self.value, str):
            return False
        return {
            Operator.GTR: actual > self.value,
            Operator.GEQ: actual >= self.value,
            Operator.LSS: actual < self.value,
            Operator.LEQ: actual <= self.value,
        }[self.operator]


def same(one: Value | None, other: Value | None) -> bool:
    """Whether two values are the same setting; firmware writes numbers and truth as text in places."""
    if one is None or other is None:
        return one is other
    return _text(one) == _text(other)


def _text(value: Value) -> str:
    return str(value).casefold() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Dependency:
    """When its conditions hold, `effect` (`ReadOnly`, `CurrentValue`, `Hidden`…) of `target` is `value`."""

    target: str
    effect: str
    value: Value
    conditions: tuple[Condition, ...]

    def holds(self, values: Mapping[str, Value]) -> Truth:
        """Whether it holds for these values of attributes.

        Terms are applied from left to right. Where several conditions come without terms, OR is what
        fits a recorded iDRAC9 registry wherever it matters (8 of 8 attributes), so that is LIKELY.
        """
        held = [condition.holds(values) for condition in self.conditions]
        if not held:
            return Truth.NO
        if len(held) > 1 and all(condition.term for condition in self.conditions[1:]):
            result = held[0]
            for condition, holds in zip(self.conditions[1:], held[1:], strict=True):
                result = (result and holds) if condition.term == "AND" else (result or holds)
            return Truth.YES if result else Truth.NO
        if all(held) or self._one_of_one(held):
            return Truth.YES
        return Truth.LIKELY if any(held) else Truth.NO

    def _one_of_one(self, held: list[bool]) -> bool:
        """Conditions EQU on one attribute alone can only mean OR."""
        sources = {condition.attribute for condition in self.conditions}
        equal = all(condition.operator is Operator.EQU for condition in self.conditions)
        return any(held) and equal and len(sources) == 1


@dataclass(frozen=True, slots=True)
class Registry:
    """All that a firmware offers: `attributes` by name, and dependencies by the attribute that they act on."""

    attributes: Mapping[str, Attribute] = field(repr=False)
    dependencies: tuple[Dependency, ...] = field(default=(), repr=False)
    name: str = ""
    by_target: Mapping[str, tuple[Dependency, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        grouped: dict[str, list[Dependency]] = {}
        for dependency in self.dependencies:
            grouped.setdefault(dependency.target, []).append(dependency)
        object.__setattr__(self, "by_target", MappingProxyType({k: tuple(v) for k, v in grouped.items()}))

    def acting_on(self, name: str, effect: str, value: Value | None = None) -> tuple[Dependency, ...]:
        """Dependencies that set `effect` of attribute `name` (to `value`, where given)."""
        found = self.by_target.get(name, ())
        return tuple(d for d in found if d.effect == effect and (value is None or same(d.value, value)))


def racadm_object(attribute: Attribute) -> str:
    """RACADM's name of an attribute: `BIOS.ProcSettings.ProcVirtualization`, from the last part of its menu path.

    Raises BiosError where the registry gives no path.
    """
    last = attribute.menu_path.rstrip("/").rsplit("/", 1)[-1]
    group = {"BootSettingsRef": "BiosBootSettings"}.get(last, last.removesuffix("Ref"))
    if not group or group == ".":
        raise BiosError(f"no RACADM group is known for attribute {attribute.name}: its registry entry has no menu path")
    return f"BIOS.{group}.{attribute.name}"
