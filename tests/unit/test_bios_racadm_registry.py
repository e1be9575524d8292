"""What RACADM's help and system information say, read."""

from __future__ import annotations

import pytest

from gpuaas_scripts.bios.racadm_registry import Read, parse_help, parse_system, registry_of, wanted_names
from gpuaas_scripts.bios.racadm_text import parse_get
from gpuaas_scripts.bios.registry import BiosError, Kind, racadm_object

HELP = """ControlledTurbo           -- Enable or disable CPU Controlled Turbo mode.
Usage                     -- {usage}
Required License          -- RACADM
Dependency                -- NA
"""


@pytest.mark.parametrize(
    ("usage", "choices", "bounds"),
    [
        ("Enabled - Enabled;Disabled - Disabled;", ["Enabled", "Disabled"], None),
        ("LimitMinus1 - Limit Minus 1 Bin;Off - Off; Default - Off", ["LimitMinus1", "Off"], None),
        ("0-10", [], (0, 10)),
        ("120 to 600;", [], (120, 600)),
        ("String of up to 64 characters", [], None),
        ("Enabled - Enabled;and what you like", [], None),
    ],
)
def test_help(usage: str, choices: list[str], bounds: tuple[int, int] | None) -> None:
    said = parse_help(HELP.format(usage=usage), 0, "ControlledTurbo")
    assert said is not None
    assert ([choice.name for choice in said.choices], said.bounds) == (choices, bounds)


def test_what_is_no_help() -> None:
    text = HELP.format(usage="Enabled - Enabled;")
    assert parse_help(text, 1, "ControlledTurbo") is None
    assert parse_help(text, 0, "Another") is None
    assert parse_help("RAC1018: The specified object or syntax is invalid.", 0, "ControlledTurbo") is None


def test_a_registry_of_groups() -> None:
    values = parse_get("[Key=BIOS.Setup.1-1#BiosBootSettings]\n#BootMode=Uefi\nControlledTurbo=Disabled\n", 0).values
    said = parse_help(HELP.format(usage="Enabled - Enabled;Disabled - Disabled;"), 0, "ControlledTurbo")
    assert said is not None
    made = registry_of(Read({"BiosBootSettings": values}, {"ControlledTurbo": said})).attributes
    assert (made["BootMode"].kind, made["BootMode"].read_only) == (Kind.STRING, True)
    assert (made["ControlledTurbo"].kind, made["ControlledTurbo"].read_only) == (Kind.ENUMERATION, False)
    assert racadm_object(made["BootMode"]) == "BIOS.BiosBootSettings.BootMode"
    with pytest.raises(BiosError, match="no BIOS attributes"):
        registry_of(Read({}))


def test_logical_names_stand_for_dells() -> None:
    assert wanted_names(("vtd", "vt", "BootMode")) == ("IommuSupport", "ProcVirtualization", "BootMode")


def test_system_information() -> None:
    text = "System Information:\nSystem Model            = PowerEdge XE9680L\nPower Status            = OFF\n"
    told = parse_system(text, 0)
    assert (told.model, told.power, told.bios_version) == ("PowerEdge XE9680L", "OFF", "")
    assert parse_system(text, 1).model == ""
