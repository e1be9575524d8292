"""A Redfish attribute registry document to a `Registry`.

Entries of unknown types or operators are left out, so that one odd attribute does not make the
others unusable; a document that is no registry raises.
"""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType

import msgspec

from .messages import one_line
from .registry import Attribute, BiosError, Choice, Condition, Dependency, Kind, Operator, Registry, Value

_KINDS = {str(kind): kind for kind in Kind}
_OPERATORS = {str(operator): operator for operator in Operator}


@lru_cache(maxsize=8)
def registry_of(data: bytes) -> Registry:
    """The registry in JSON text of about 1 MB; raises BiosError.

    Hosts of one model that stand alike send the same bytes, so a fleet is parsed a few times and
    not once for each host (10 ms each).
    """
    try:
        document = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BiosError(f"the BIOS attribute registry is no JSON: {error}") from None
    return parse_registry(document)


def parse_registry(document: object) -> Registry:
    """The registry in a parsed JSON document; raises BiosError when it is none or has no attribute."""
    entries = document.get("RegistryEntries") if isinstance(document, dict) else None
    listed = entries.get("Attributes") if isinstance(entries, dict) else None
    if not isinstance(document, dict) or not isinstance(entries, dict) or not isinstance(listed, list):
        raise BiosError("the BIOS attribute registry is not one: it has no RegistryEntries.Attributes")
    attributes = {found.name: found for raw in listed if (found := _attribute(raw))}
    if not attributes:
        raise BiosError("the BIOS attribute registry is empty", hint="Try again when the host has been through POST.")
    raw_dependencies = entries.get("Dependencies")
    rules = [_dependency(raw) for raw in raw_dependencies] if isinstance(raw_dependencies, list) else []
    return Registry(MappingProxyType(attributes), tuple(rule for rule in rules if rule), one_line(document.get("Id")))


def _attribute(raw: object) -> Attribute | None:
    if not isinstance(raw, dict):
        return None
    name, kind = raw.get("AttributeName"), _KINDS.get(str(raw.get("Type")))
    if not isinstance(name, str) or not name.isprintable() or kind is None:
        return None
    return Attribute(
        name=name,
        kind=kind,
        read_only=raw.get("ReadOnly") is True,
        write_only=raw.get("WriteOnly") is True,
        choices=_choices(raw.get("Value")),
        lower=_number(raw.get("LowerBound")),
        upper=_number(raw.get("UpperBound")),
        step=_number(raw.get("ScalarIncrement")) or 0,
        shortest=_number(raw.get("MinLength")),
        longest=_number(raw.get("MaxLength")),
        pattern=one_line(raw.get("ValueExpression")),
        menu_path=one_line(raw.get("MenuPath")),
        title=one_line(raw.get("DisplayName")),
    )


def _choices(raw: object) -> tuple[Choice, ...]:
    if not isinstance(raw, list):
        return ()
    return tuple(
        Choice(one_line(entry["ValueName"]), one_line(entry.get("ValueDisplayName")))
        for entry in raw
        if isinstance(entry, dict) and isinstance(entry.get("ValueName"), str)
    )


def _number(raw: object) -> int | None:
    return raw if isinstance(raw, int) and not isinstance(raw, bool) else None


def _value(raw: object) -> Value | None:
    return raw if isinstance(raw, str | int) else None


def _dependency(raw: object) -> Dependency | None:
    body = raw.get("Dependency") if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not isinstance(body, dict) or raw.get("Type", "Map") != "Map":
        return None
    target = body.get("MapToAttribute") or raw.get("DependencyFor")
    effect, value, listed = body.get("MapToProperty"), _value(body.get("MapToValue")), body.get("MapFrom")
    if not isinstance(target, str) or not isinstance(effect, str) or value is None or not isinstance(listed, list):
        return None
    conditions = [_condition(entry) for entry in listed]
    known = tuple(condition for condition in conditions if condition)
    # One that cannot be read makes the whole entry unknown: the live read-only flag decides then.
    return Dependency(target, effect, value, known) if known and len(known) == len(conditions) else None


def _condition(raw: object) -> Condition | None:
    if not isinstance(raw, dict) or raw.get("MapFromProperty", "CurrentValue") != "CurrentValue":
        return None
    name, operator = raw.get("MapFromAttribute"), _OPERATORS.get(str(raw.get("MapFromCondition")))
    value, term = _value(raw.get("MapFromValue")), raw.get("MapTerms")
    if not isinstance(name, str) or operator is None or value is None:
        return None
    return Condition(name, operator, value, term if term in {"AND", "OR"} else "")
