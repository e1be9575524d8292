"""The BIOS attribute registries of the stand-in iDRAC: made here, of realistic size, by server generation.

Attribute names are those of Dell's firmware; texts, order and rules are the stand-in's own. The rules
are evaluated here, apart from `bios.registry`, so that a mistake there is not mirrored.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from .idrac_attributes import DEPENDENCIES, FAMILIES, TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = str | int


@dataclass(frozen=True, slots=True)
class Generation:
    """What one generation of servers does differently. `prefix` goes before message ids."""

    name: str
    model: str
    bios_version: str
    firmware: str
    prefix: str
    slots: int
    old_messages: bool = False
    etags: bool = True
    boot_progress: bool = True
    graceful_restart: bool = True
    silent_identical: bool = True


GENERATIONS: dict[str, Generation] = {
    generation.name: generation
    for generation in (
        Generation("14g", "PowerEdge R740xd", "2.10.2", "4.40.00.00", "IDRAC.1.6", 8, True, False, False, False, False),
        Generation("15g", "PowerEdge R750", "1.8.2", "6.00.30.00", "IDRAC.2.7", 14, False, False, False, True, False),
        Generation("16g", "PowerEdge XE9680L", "2.4.4", "7.10.50.00", "IDRAC.2.9", 40),
    )
}


@dataclass(frozen=True, slots=True)
class Spec:
    """One attribute of the stand-in's firmware."""

    name: str
    kind: str
    path: str
    title: str
    default: Value | None
    values: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    pattern: str = ""
    fixed: bool = False
    planted: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """`effect` of `target` is `value` when any of `conditions` (attribute, EQU or NEQ, value) holds."""

    target: str
    effect: str
    value: Value
    conditions: tuple[tuple[str, str, Value], ...]

    def holds(self, values: Mapping[str, Value | None]) -> bool:
        """Whether any condition holds."""
        return any(
            name in values and (values[name] == value) == (operator == "EQU")
            for name, operator, value in self.conditions
        )


@dataclass(frozen=True, slots=True)
class Firmware:
    """Attributes by name, and rules."""

    specs: Mapping[str, Spec] = field(repr=False)
    rules: tuple[Rule, ...] = field(repr=False)

    def read_only(self, values: Mapping[str, Value | None]) -> frozenset[str]:
        """Names that cannot be written while these values are in force."""
        ruled = {rule.target for rule in self.rules if rule.effect == "ReadOnly" and rule.holds(values)}
        return frozenset(ruled | {name for name, spec in self.specs.items() if spec.fixed})

    def forced(self, values: Mapping[str, Value | None]) -> dict[str, Value]:
        """The values that rules force, as far as they differ from `values`; followed to the end."""
        found: dict[str, Value] = {}
        for _ in range(10):
            now = {**values, **found}
            held = {
                rule.target: rule.value
                for rule in self.rules
                if rule.effect == "CurrentValue" and rule.target in values and rule.holds(now)
            }
            fresh = {name: value for name, value in held.items() if values[name] != value}
            if fresh == found:
                break
            found = fresh  # anew: what only an intermediate state would force does not stay
        return found


def _spec(line: str) -> Spec:
    """One line of the table: path|name|title|kind and bounds|default."""
    path, name, title, shape, default = (part.strip() for part in line.split("|"))
    fixed, planted = shape.startswith("!"), "planted" in shape
    shape = shape.lstrip("!")
    full = "./" + "/".join(f"{part}Ref" for part in path.split("/"))
    if shape.startswith("int"):
        low, high = shape.removeprefix("int ").split("..")
        return Spec(name, "Integer", full, title, int(default), low=int(low), high=int(high), fixed=fixed)
    if shape.startswith("str"):
        low, high = shape.split()[1].split("..")
        pattern = shape.split(" ", 2)[2].replace(" planted", "").replace("planted", "") if shape.count(" ") > 1 else ""
        return Spec(name, "String", full, title, default, (), int(low), int(high), pattern, fixed, planted)
    if shape == "password":
        return Spec(name, "Password", full, title, None, low=0, high=32)
    return Spec(name, "Enumeration", full, title, default, tuple(shape.split(",")), fixed=fixed)


@cache
def firmware(generation: Generation) -> Firmware:
    """The firmware of a generation: its attributes with their defaults, and its rules."""
    lines = [line for line in TABLE.splitlines() if line.strip()]
    rules = [line for line in DEPENDENCIES.splitlines() if line.strip()]
    for family in FAMILIES:
        for number in range(1, (generation.slots if family.per_slot else family.count) + 1):
            label = chr(64 + number) if family.letters else str(number)
            lines += [line.replace("@", label) for line in family.lines.splitlines() if line.strip()]
            rules += [line.replace("@", label) for line in family.rules.splitlines() if line.strip()]
    specs = {spec.name: spec for spec in map(_spec, lines)}
    return Firmware(specs, tuple(_rule(line) for line in rules))


def _rule(line: str) -> Rule:
    """One line of rules: `target effect=value if name==value or name!=value`."""
    head, tail = line.split(" if ")
    target, effect = head.strip().split(" ", 1)
    what, value = effect.split("=")
    conditions = []
    for part in tail.split(" or "):
        operator = "NEQ" if "!=" in part else "EQU"
        name, wanted = part.split("!=" if operator == "NEQ" else "==")
        conditions.append((name.strip(), operator, wanted.strip()))
    return Rule(target, what, value.strip(), tuple(conditions))


@lru_cache(maxsize=64)
def registry_body(generation: Generation, read_only: frozenset[str]) -> bytes:
    """The registry as JSON text, 0.7 to 1.1 MB; `read_only` are the names that cannot be written now."""
    made = firmware(generation)
    document = {
        "@odata.id": "/redfish/v1/Systems/System.Embedded.1/Bios/BiosRegistry",
        "@odata.type": "#AttributeRegistry.v1_3_6.AttributeRegistry",
        "Description": "Attributes of the stand-in's firmware",
        "Id": "BiosAttributeRegistry.v1_0_3",
        "Language": "en",
        "Name": "BIOS Attribute Registry",
        "OwningEntity": "Dell",
        "RegistryVersion": "1.0.0",
        "SupportedSystems": [{"FirmwareVersion": generation.bios_version, "ProductName": generation.model}],
        "RegistryEntries": {
            "Attributes": [
                _entry(number, spec, spec.name in read_only) for number, spec in enumerate(made.specs.values())
            ],
            "Dependencies": [_dependency(rule) for rule in made.rules],
            "Menus": [],
        },
    }
    return json.dumps(document, indent=4).encode()


def _entry(number: int, spec: Spec, read_only: bool) -> dict[str, object]:
    entry: dict[str, object] = {
        "AttributeName": spec.name,
        "CurrentValue": None,
        "DisplayName": spec.title,
        "DisplayOrder": 100 + number,
        "HelpText": f"{spec.title}. The stand-in keeps this setting like a server does: it can be read and staged, "
        "becomes effective at the next reset through a configuration job, and may depend on other settings. "
        "What it would do to a machine is not modelled; only its type, its bounds and its rules are.",
        "Hidden": False,
        "Immutable": False,
        "MenuPath": spec.path,
        "ReadOnly": read_only,
        "ResetRequired": True,
        "Type": spec.kind,
        "WarningText": None,
        "WriteOnly": spec.kind == "Password",
    }
    if spec.kind == "Enumeration":
        entry["Value"] = [{"ValueDisplayName": value, "ValueName": value} for value in spec.values]
    elif spec.kind == "Integer":
        entry |= {"LowerBound": spec.low, "UpperBound": spec.high, "ScalarIncrement": 0}
    else:
        entry |= {"MinLength": spec.low, "MaxLength": spec.high, "ValueExpression": spec.pattern or None}
    return entry


def _dependency(rule: Rule) -> dict[str, object]:
    return {
        "Dependency": {
            "MapFrom": [
                {
                    "MapFromAttribute": name,
                    "MapFromCondition": operator,
                    "MapFromProperty": "CurrentValue",
                    "MapFromValue": value,
                }
                for name, operator, value in rule.conditions
            ],
            "MapToAttribute": rule.target,
            "MapToProperty": rule.effect,
            "MapToValue": rule.value == "true" if rule.effect in {"ReadOnly", "Hidden"} else rule.value,
        },
        "DependencyFor": rule.target,
        "Type": "Map",
    }
