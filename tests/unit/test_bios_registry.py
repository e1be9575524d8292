"""The attribute registry: parsing, values that an attribute takes, dependencies, names."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bios_support import ATTRIBUTES, CURRENT, attribute, registry, rule
from hypothesis import given
from hypothesis import strategies as st

from gpuaas_scripts.bios.names import Found, Missing, Vendor, accept, find, vendor_of
from gpuaas_scripts.bios.registry import Attribute, BiosError, Choice, Kind, Registry, Truth, Value, racadm_object
from gpuaas_scripts.bios.registry_parse import parse_registry, registry_of
from gpuaas_scripts.errors import ExitCode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("document", [None, [], {}, {"RegistryEntries": {}}, {"RegistryEntries": {"Attributes": []}}])
def test_what_is_no_registry_is_said_so(document: object) -> None:
    with pytest.raises(BiosError) as caught:
        parse_registry(document)
    assert caught.value.exit_code is ExitCode.REMOTE


@given(JSON, JSON)
def test_odd_entries_never_break_the_others(odd: object, odd_rule: object) -> None:
    entries = {"Attributes": [odd, attribute("Good"), odd], "Dependencies": [odd_rule, rule("Good", "ReadOnly", True)]}
    assert "Good" in parse_registry({"RegistryEntries": entries}).attributes


def test_an_unreadable_condition_makes_its_rule_unknown_and_no_other() -> None:
    known = rule("LogicalProc", "ReadOnly", True, ("Flag", "EQU", True))  # type: ignore[arg-type]
    odd = rule("LogicalProc", "ReadOnly", True, ("Flag", "EQU", True), ("Flag", "LIKE", "x"))  # type: ignore[arg-type]
    assert len(registry(rules=[known, odd]).dependencies) == 1


@pytest.mark.parametrize(
    ("name", "wanted", "taken"),
    [
        ("ProcVirtualization", "Enabled", "Enabled"),
        ("ProcVirtualization", "enabled", "Enabled"),
        ("Delay", "300", 300),
        ("Delay", 600, 600),
        ("Steps", 32, 32),
        ("Flag", "True", True),
        ("AssetTag", "a b", "a b"),
    ],
)
def test_values_that_are_taken(name: str, wanted: Value, taken: Value) -> None:
    assert registry().attributes[name].accept(wanted) == taken


@pytest.mark.parametrize(
    ("name", "wanted", "says"),
    [
        ("ProcVirtualization", "On", "one of Enabled, Disabled"),
        ("ProcVirtualization", True, "one of Enabled, Disabled"),
        ("Delay", "119", "from 120 to 600"),
        ("Delay", 601, "from 120 to 600"),
        ("Delay", "12 0", "whole number"),
        ("Delay", True, "whole number"),
        ("Steps", 8, "steps of 16"),
        ("Flag", "yes", "true or false"),
        ("AssetTag", "far too long", "at most 8"),
        ("AssetTag", "tab\t", "must match"),
    ],
)
def test_values_that_are_not_taken_say_what_would_be(name: str, wanted: Value, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        registry().attributes[name].accept(wanted)


@given(st.integers() | st.text() | st.booleans())
def test_what_an_attribute_accepts_it_accepts_again(wanted: Value) -> None:
    for one in registry().attributes.values():
        try:
            taken = one.accept(wanted)
        except ValueError:
            continue
        assert one.accept(taken) == taken


def test_secrets_are_known_by_type_flag_and_name() -> None:
    names = {name for name, one in registry().attributes.items() if one.secret}
    assert names == {"SHA256SetupPassword", "SetupPassword"}
    for name in ("IscsiDev1Con1ChapSecret", "Sha256SystemPasswordSalt"):
        assert Attribute(name, Kind.STRING).secret
    assert not Attribute("PasswordStatus", Kind.ENUMERATION).secret


@pytest.mark.parametrize(
    ("conditions", "values", "truth"),
    [
        ([("A", "EQU", "x")], {"A": "x"}, Truth.YES),
        ([("A", "EQU", "x")], {"A": "y"}, Truth.NO),
        ([("A", "NEQ", "x")], {"A": "y"}, Truth.YES),
        ([("A", "NEQ", "x")], {"A": "x"}, Truth.NO),
        ([("A", "NEQ", "x")], {}, Truth.NO),
        ([("A", "EQU", "x"), ("A", "EQU", "y")], {"A": "y"}, Truth.YES),
        ([("A", "EQU", "x"), ("B", "EQU", "x")], {"A": "x", "B": "y"}, Truth.LIKELY),
        ([("A", "EQU", "x"), ("B", "EQU", "x")], {"A": "x", "B": "x"}, Truth.YES),
        ([("A", "EQU", "x"), ("B", "EQU", "x")], {"A": "y", "B": "y"}, Truth.NO),
        ([("A", "EQU", "x"), ("B", "EQU", "x", "OR")], {"A": "x", "B": "y"}, Truth.YES),
        ([("A", "EQU", "x"), ("B", "EQU", "x", "AND")], {"A": "x", "B": "y"}, Truth.NO),
        ([("A", "EQU", "x"), ("B", "EQU", "x", "AND")], {"A": "x", "B": "x"}, Truth.YES),
        ([("A", "GTR", 3)], {"A": 4}, Truth.YES),
        ([("A", "GTR", 3)], {"A": 3}, Truth.NO),
        ([("A", "GEQ", 3)], {"A": 3}, Truth.YES),
        ([("A", "LSS", 3)], {"A": 3}, Truth.NO),
        ([("A", "LEQ", 3)], {"A": 3}, Truth.YES),
        ([("A", "GTR", 3)], {"A": "4"}, Truth.NO),
    ],
)
def test_when_a_dependency_holds(conditions: list[Any], values: dict[str, Value], truth: Truth) -> None:
    (dependency,) = registry(rules=[rule("LogicalProc", "ReadOnly", True, *conditions)]).dependencies
    assert dependency.holds(values) is truth


@pytest.mark.parametrize(
    ("name", "racadm"),
    [
        ("ProcVirtualization", "BIOS.ProcSettings.ProcVirtualization"),
        ("SriovGlobalEnable", "BIOS.IntegratedDevices.SriovGlobalEnable"),
        ("BootMode", "BIOS.BiosBootSettings.BootMode"),
    ],
)
def test_racadm_names(name: str, racadm: str) -> None:
    assert racadm_object(registry().attributes[name]) == racadm


def test_an_attribute_without_a_path_has_no_racadm_name() -> None:
    with pytest.raises(BiosError, match="no RACADM group"):
        racadm_object(Attribute("Lost", Kind.STRING))


@pytest.mark.parametrize(
    ("text", "vendor"),
    [
        ("Dell Inc.", Vendor.DELL),
        ("Hewlett Packard Enterprise", Vendor.HPE),
        ("HPE", Vendor.HPE),
        ("Supermicro", Vendor.SUPERMICRO),
        ("Lenovo", Vendor.LENOVO),
        ("NVIDIA", Vendor.NVIDIA),
        ("AMI", Vendor.OTHER),
    ],
)
def test_vendors(text: str, vendor: Vendor) -> None:
    assert vendor_of(text) is vendor


def offered(**titles: str) -> Registry:
    return parse_registry({"RegistryEntries": {"Attributes": [attribute(n, DisplayName=t) for n, t in titles.items()]}})


@pytest.mark.parametrize(
    ("vendor", "titles", "expected"),
    [
        (
            Vendor.DELL,
            {"ProcVirtualization": "", "LogicalProc": "", "SriovGlobalEnable": ""},
            ["ProcVirtualization", "ProcVirtualization", "LogicalProc", "SriovGlobalEnable"],
        ),
        (
            Vendor.HPE,
            {"ProcVirtualization": "", "IntelProcVtd": "", "ProcHyperthreading": "", "Sriov": ""},
            ["ProcVirtualization", "IntelProcVtd", "ProcHyperthreading", "Sriov"],
        ),
        (
            Vendor.SUPERMICRO,
            {"SVMMode_00A1": "", "IOMMU_0B12": "", "SMTControl_0001": "", "SR_IOVSupport_0123": ""},
            ["SVMMode_00A1", "IOMMU_0B12", "SMTControl_0001", "SR_IOVSupport_0123"],
        ),
        (
            Vendor.NVIDIA,
            {"CPU004": "SVM Mode", "CBS017": "IOMMU", "CBS01D": "SMT Control", "PCIS007": "SR-IOV Support"},
            ["CPU004", "CBS017", "CBS01D", "PCIS007"],
        ),
        (
            Vendor.OTHER,
            {"A1": "VMX", "A2": "Intel VT for Directed I/O (VT-d)", "A3": "Hyper-Threading", "A4": "SR-IOV"},
            ["A1", "A2", "A3", "A4"],
        ),
    ],
)
def test_logical_names_by_vendor(vendor: Vendor, titles: dict[str, str], expected: list[str]) -> None:
    found = [find(name, offered(**titles), vendor, set(titles)) for name in ("vt", "vtd", "smt", "sriov")]
    assert [one.attribute.name if isinstance(one, Found) else one for one in found] == expected


def test_a_logical_name_that_could_be_two_attributes_is_none_of_them() -> None:
    assert find("smt", offered(A="SMT Control", B="SMT Mode"), Vendor.OTHER, {"A", "B"}) == Missing(("A", "B"))


def test_an_attribute_that_the_host_does_not_have_is_missing_and_near_names_are_told() -> None:
    assert find("NotHere", registry(), Vendor.DELL, CURRENT) == Missing()
    assert find("ProcVirtualisation", registry(), Vendor.DELL, CURRENT) == Missing(("ProcVirtualization",))


@pytest.mark.parametrize(
    ("choices", "wanted", "taken"),
    [
        (("PCIS007Disabled", "PCIS007Enabled"), "Enabled", "PCIS007Enabled"),
        (("PCIS007Disabled", "PCIS007Enabled"), "off", "PCIS007Disabled"),
        (("Disable", "Enable"), "on", "Enable"),
        (("Disable", "Auto"), "on", "Auto"),
        (("Disabled", "Enabled"), "true", "Enabled"),
    ],
)
def test_on_and_off_reach_what_the_firmware_calls_them(choices: tuple[str, ...], wanted: str, taken: str) -> None:
    one = Attribute("PCIS007", Kind.ENUMERATION, choices=tuple(Choice(name) for name in choices))
    assert accept(one, wanted) == taken


@pytest.mark.parametrize(("choices", "wanted"), [(("2-Way", "4-Way"), "on"), (("Enabled", "Disabled"), "auto")])
def test_words_that_mean_nothing_to_the_firmware_are_refused(choices: tuple[str, ...], wanted: str) -> None:
    one = Attribute("A", Kind.ENUMERATION, choices=tuple(Choice(name) for name in choices))
    with pytest.raises(ValueError, match="one of"):
        accept(one, wanted)


def test_the_fixture_is_what_the_tests_think() -> None:
    assert {entry["AttributeName"] for entry in ATTRIBUTES} == CURRENT.keys() | {"NotHere"}


def test_a_registry_is_parsed_once_for_hosts_that_stand_alike() -> None:
    def text(**more: object) -> bytes:
        return json.dumps({"RegistryEntries": {"Attributes": [attribute("A", **more)]}}).encode()

    assert registry_of(text()) is registry_of(text())
    assert registry_of(text(ReadOnly=True)).attributes["A"].read_only
    assert not registry_of(text()).attributes["A"].read_only


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b"[]"])
def test_text_that_is_no_registry(data: bytes) -> None:
    with pytest.raises(BiosError):
        registry_of(data)
