"""A small registry and states for the tests of `bios`, with every kind of attribute and rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gpuaas_scripts.bios.registry_parse import parse_registry
from gpuaas_scripts.bios.state import BiosState, Documents, read_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gpuaas_scripts.bios.registry import Registry, Value
    from gpuaas_scripts.bios.state import Job

SECRET = "planted-5e884898da280471"


def attribute(name: str, kind: str = "Enumeration", **more: object) -> dict[str, Any]:
    entry: dict[str, Any] = {"AttributeName": name, "Type": kind, "ReadOnly": False, "MenuPath": "./ProcSettingsRef"}
    if kind == "Enumeration":
        names = more.pop("values", ("Enabled", "Disabled"))
        entry["Value"] = [{"ValueName": value} for value in names]  # type: ignore[attr-defined]
    return {**entry, "DisplayName": name, **more}


def rule(target: str, effect: str, value: object, *conditions: tuple[str, ...]) -> dict[str, Any]:
    """A dependency; a condition is (attribute, operator, value[, term])."""
    listed = []
    for name, operator, wanted, *term in conditions:
        entry = {"MapFromAttribute": name, "MapFromCondition": operator, "MapFromValue": wanted}
        listed.append({**entry, "MapFromProperty": "CurrentValue", **({"MapTerms": term[0]} if term else {})})
    body = {"MapFrom": listed, "MapToAttribute": target, "MapToProperty": effect, "MapToValue": value}
    return {"Type": "Map", "DependencyFor": target, "Dependency": body}


ATTRIBUTES = [
    attribute("ProcVirtualization", DisplayName="Virtualization Technology"),
    attribute("LogicalProc", DisplayName="Logical Processor"),
    attribute("SriovGlobalEnable", MenuPath="./IntegratedDevicesRef"),
    attribute("SysProfile", values=("PerfOptimized", "PerfPerWatt", "Custom"), MenuPath="./SysProfileSettingsRef"),
    attribute("ProcTurboMode", MenuPath="./SysProfileSettingsRef"),
    attribute("ProcCStates"),
    attribute("ProcX2Apic"),
    attribute("BootMode", values=("Bios", "Uefi"), MenuPath="./BootSettingsRef"),
    attribute("SecureBoot"),
    attribute("Delay", "Integer", LowerBound=120, UpperBound=600, ScalarIncrement=0),
    attribute("Steps", "Integer", LowerBound=0, UpperBound=64, ScalarIncrement=16),
    attribute("Flag", "Boolean"),
    attribute("AssetTag", "String", MinLength=0, MaxLength=8, ValueExpression="^[ -~]{0,8}$"),
    attribute("SerialNumber", "String", ReadOnly=True),
    attribute("SHA256SetupPassword", "String"),
    attribute("SetupPassword", "Password", WriteOnly=True),
    attribute("NotHere"),
]

RULES = [
    rule("ProcTurboMode", "ReadOnly", True, ("SysProfile", "NEQ", "Custom")),
    rule("ProcTurboMode", "CurrentValue", "Enabled", ("SysProfile", "EQU", "PerfOptimized")),
    rule(
        "ProcCStates",
        "CurrentValue",
        "Disabled",
        ("ProcTurboMode", "EQU", "Enabled"),
        ("SysProfile", "EQU", "PerfOptimized", "AND"),
    ),
    rule("ProcX2Apic", "ReadOnly", True, ("ProcVirtualization", "EQU", "Disabled")),
    rule("ProcX2Apic", "CurrentValue", "Disabled", ("ProcVirtualization", "EQU", "Disabled")),
    rule("SecureBoot", "ReadOnly", True, ("BootMode", "EQU", "Bios"), ("Flag", "EQU", True)),
]

CURRENT: dict[str, Any] = {
    "ProcVirtualization": "Disabled",
    "LogicalProc": "Enabled",
    "SriovGlobalEnable": "Disabled",
    "SysProfile": "PerfPerWatt",
    "ProcTurboMode": "Disabled",
    "ProcCStates": "Enabled",
    "ProcX2Apic": "Disabled",
    "BootMode": "Uefi",
    "SecureBoot": "Disabled",
    "Delay": 120,
    "Steps": 16,
    "Flag": False,
    "AssetTag": "rack-7",
    "SerialNumber": "ABC",
    "SHA256SetupPassword": SECRET,
    "SetupPassword": None,
}
READ_ONLY = ("ProcTurboMode", "ProcX2Apic", "SerialNumber")


def registry(*read_only: str, rules: list[dict[str, Any]] | None = None) -> Registry:
    """The registry; the named attributes are read-only (by default those that the rules make so)."""
    names = read_only or READ_ONLY
    entries = [{**entry, "ReadOnly": entry["AttributeName"] in names} for entry in ATTRIBUTES]
    document = {
        "Id": "Test.v1",
        "RegistryEntries": {"Attributes": entries, "Dependencies": RULES if rules is None else rules},
    }
    return parse_registry(document)


def state(
    asked: Mapping[str, Value] | tuple[str, ...] = (),
    pending: Mapping[str, Value] | None = None,
    *,
    jobs: tuple[Job, ...] = (),
    lockdown: bool | None = False,
    **current: object,
) -> BiosState:
    """The state of a host as a transport would have read it."""
    documents = Documents(
        bios={"Attributes": {**CURRENT, **current}, "@Redfish.Settings": {"SupportedApplyTimes": ["OnReset"]}},
        settings={"Attributes": dict(pending or {})},
        jobs=jobs,
        has_jobs=True,
        lockdown=lockdown,
        vendor="Dell",
        model="PowerEdge XE9680L",
        bios_version="2.4.4",
    )
    return read_state(documents, registry(), tuple(asked))
