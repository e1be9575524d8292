"""Which scripts a commissioning of the stand-in MAAS runs, with which parameters.

Source: answers of a running MAAS 3.7.3. Naming scripts replaces the automatic set (MAAS's own always run); a script
for certain hardware runs only when one of its tags was asked for and the machine has the hardware; parameters are
matched by `SCRIPT_NAME`, and one bad declaration refuses every machine that would run the script.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .maas_machine import Machine
from .maas_script import Script
from .maas_script_form import PARAMETER_TYPES

_FIELDS = {0: "commissioning_scripts", 2: "testing_scripts"}


class RefusedError(Exception):
    """The call is refused: the status and the texts by field."""

    def __init__(self, texts: dict[str, list[str]] | str, status: int = 400) -> None:
        super().__init__(str(texts))
        self.texts = texts
        self.status = status


def selected(
    scripts: Iterable[Script], form: Mapping[str, list[str]], machine: Machine, *, kind: int
) -> list[tuple[Script, dict[str, Any]]]:
    """The scripts of `kind` (0 commissioning, 2 testing) in their order, each with its parameters' values.

    Raises RefusedError.
    """
    asked = [word.strip() for value in form.get(_FIELDS[kind], []) for word in value.split(",") if word.strip()]
    if asked == ["none"]:
        return []
    found = [script for script in scripts if script.script_type == kind and _runs(script, asked, machine, kind)]
    # Everything about one kind of hardware runs first, in the order of the kinds; nodes come last.
    found.sort(key=lambda script: (script.hardware_type or 9, script.name))
    return [(script, _parameters(script, form)) for script in found]


def _runs(script: Script, asked: list[str], machine: Machine, kind: int) -> bool:
    if script.default and kind == 0:
        return True
    if script.for_hardware:
        return bool(set(asked) & set(script.tags)) and bool(machine.hardware & set(script.for_hardware))
    if asked:
        return script.name in asked or str(script.id) in asked or bool(set(asked) & set(script.tags))
    return kind == 0 and "noauto" not in script.tags


def _parameters(script: Script, form: Mapping[str, list[str]]) -> dict[str, Any]:
    if not isinstance(script.parameters, dict):
        raise RefusedError(f"'{type(script.parameters).__name__}' object has no attribute 'items'", 500)
    values: dict[str, Any] = {}
    for name, spec in script.parameters.items():
        if spec.get("type") not in PARAMETER_TYPES:
            raise RefusedError({"parameters": [f"{spec.get('type')}: type is not supported"]})
        default = spec.get("default")
        if default is not None and not isinstance(default, str):
            raise RefusedError({"parameters": [f"{default}: default must be a string"]})
        if spec["type"] == "runtime" and default is not None:
            raise RefusedError({name: ["Field is required"]})
        field = f"{script.name}_{name}"
        value: Any = form.get(field, form.get(name, [default]))[-1]
        choices = [choice[0] if isinstance(choice, list) else choice for choice in spec.get("choices", [])]
        if spec["type"] == "choice" and value not in choices:
            raise RefusedError({field: [f"Select a valid choice. {value} is not one of the available choices."]})
        if spec["type"] == "runtime" and value is None:
            value = int(script.timeout.total_seconds())
        values[name] = {**spec, "value": value}
    return values
