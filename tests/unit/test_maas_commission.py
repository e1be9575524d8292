"""What a commissioning would run, and its parameters: everything MAAS would take silently is refused here."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gpuaas_scripts.maas.commission import CommissionPlan, fields, plan
from gpuaas_scripts.maas.fields import Fields, ScriptType
from gpuaas_scripts.maas.machine import Disk, Machine, MachineStatus
from gpuaas_scripts.maas.parameters import check_secret
from gpuaas_scripts.maas.stamp import marker
from gpuaas_scripts.maas.state import HeldScript, Revision

DISK = Disk("sda", "SERIAL-1", "", "", used=True)
MACHINE = Machine("lab001", "n1", MachineStatus.READY, "Ready", disks=(DISK,), interfaces=("eth0",))


def script(name: str, *tags: str, site: str = "lab", default: bool = False, **more: object) -> HeldScript:
    kind = more.pop("script_type", ScriptType.COMMISSIONING)
    parameters = json.dumps(more.pop("parameters", {}))
    own = {*tags, marker(site)} if site else set(tags)
    made = Fields(tags=frozenset(own), script_type=kind, parameters=parameters, **more)  # type: ignore[arg-type]
    return HeldScript(1, name, default, made, (Revision(1, "", "", None),))


def held(*scripts: HeldScript) -> dict[str, HeldScript]:
    every = (script("40-auto"), script("50-noauto", "noauto"), script("45-foreign", site=""), *scripts)
    return {one.name: one for one in (*every, script("20-maas", site="", default=True))}


def made(
    *asked: str, given: tuple[str, ...] = (), machine: Machine = MACHINE, more: tuple[HeldScript, ...] = ()
) -> CommissionPlan:
    return plan("lab", held(*more), machine, asked, given)


def messages(found: CommissionPlan) -> list[str]:
    return [one.message for one in found.problems]


def with_parameter(**about: object) -> HeldScript:
    return script("60-p", "noauto", parameters={"x": about})


def test_nothing_named_is_the_automatic_set() -> None:
    found = made()
    assert (found.automatic, found.asked, found.added, found.selection) == (("40-auto", "45-foreign"), (), (), ())
    assert found.problems == ()
    assert fields(found, {}, keep_networking=False, keep_storage=False) == ()


def test_naming_a_script_adds_ours_that_run_by_themselves_and_says_what_is_left_out() -> None:
    found = made("50-noauto")
    assert (found.asked, found.added, found.left_out) == (("50-noauto",), ("40-auto",), ("45-foreign",))
    assert found.runs == ("40-auto", "50-noauto")
    form = fields(found, {}, keep_networking=True, keep_storage=True)
    assert form == (("commissioning_scripts", "50-noauto,40-auto"), ("skip_networking", "1"), ("skip_storage", "1"))


def test_another_site_s_scripts_are_not_added() -> None:
    found = made("50-noauto", more=(script("41-theirs", site="other"),))
    assert found.left_out == ("41-theirs", "45-foreign")


def test_naming_one_that_runs_by_itself_does_not_double_it() -> None:
    assert made("40-auto", "40-auto").selection == ("40-auto",)


def test_a_script_for_hardware_is_named_by_a_tag_of_its_own() -> None:
    gpu = script("55-gpu", "only-gpu", for_hardware=("pci:10de:2335",))
    assert made("55-gpu", more=(gpu,)).selection == ("only-gpu", "40-auto")
    assert "55-gpu" not in made(more=(gpu,)).automatic
    shared = script("55-gpu", "x", for_hardware=("pci:10de:2335",))
    found = made("55-gpu", more=(shared, script("56-other", "x", "noauto")))
    assert "all of its tags are shared" in messages(found)[0]


@pytest.mark.parametrize(
    ("name", "says"),
    [("41-auto", "MAAS has no script '41-auto'"), ("20-maas", "MAAS's own script"), ("70-test", "is a testing script")],
)
def test_a_script_that_cannot_be_named(name: str, says: str) -> None:
    found = made(name, more=(script("70-test", script_type=ScriptType.TESTING),))
    assert says in messages(found)[0]
    assert found.problems[0].hint


@pytest.mark.parametrize("status", [MachineStatus.DEPLOYED, MachineStatus.COMMISSIONING, MachineStatus.ALLOCATED, 77])
def test_a_machine_in_another_state(status: int) -> None:
    found = made(machine=replace(MACHINE, status=status, status_name="Some state"))
    assert messages(found) == ["machine n1 is in state Some state: MAAS does not commission it"]


def test_a_locked_machine() -> None:
    assert messages(made(machine=replace(MACHINE, locked=True))) == ["machine n1 is locked in MAAS"]


@pytest.mark.parametrize(
    ("about", "value"),
    [
        ({"type": "boolean"}, "true"),
        ({"type": "choice", "choices": ["a", ["b", "B"]]}, "b"),
        ({"type": "runtime", "min": 10, "max": 60}, "60"),
        ({"type": "string", "min": 2, "max": 3}, "abc"),
        ({"type": "string"}, "a=b"),
        ({"type": "url"}, "https://example.com/x"),
        ({"type": "url", "allow_list": True}, "https://a.example/,http://b.example/"),
        ({"type": "storage"}, "all"),
        ({"type": "storage"}, "sda,SERIAL-1"),
        ({"type": "interface"}, "eth0"),
    ],
)
def test_a_good_value(about: dict[str, object], value: str) -> None:
    found = made("60-p", given=(f"60-p.x={value}",), more=(with_parameter(**about),))
    assert messages(found) == []
    assert ("60-p_x", value) in fields(found, {}, keep_networking=False, keep_storage=False)


@pytest.mark.parametrize(
    ("about", "value", "says"),
    [
        ({"type": "boolean"}, "yes", "'yes' must be true or false"),
        ({"type": "choice", "choices": ["fast", "slow"]}, "fsat", "must be one of fast, slow"),
        ({"type": "runtime"}, "1h", "whole number of seconds"),
        ({"type": "runtime", "min": 10}, "9", "at least 10"),
        ({"type": "runtime", "max": 60}, "61", "at most 60"),
        ({"type": "string", "min": 2}, "a", "at least 2"),
        ({"type": "string", "max": 2}, "abc", "at most 2"),
        ({"type": "string"}, "a b", "holds blanks"),
        ({"type": "string"}, "", "empty"),
        ({"type": "url"}, "example.com", "is no URL"),
        ({"type": "url"}, "https://a.example/,nonsense", ""),
        ({"type": "url", "allow_list": True}, "https://a.example/,nonsense", "'nonsense' is no URL"),
        ({"type": "storage"}, "sdb", "of the machine: SERIAL-1, sda"),
        ({"type": "interface"}, "eth1", "of the machine: eth0"),
    ],
)
def test_a_bad_value(about: dict[str, object], value: str, says: str) -> None:
    found = messages(made("60-p", given=(f"60-p.x={value}",), more=(with_parameter(**about),)))
    if not says:  # one URL may hold a comma
        assert found == []
        return
    assert len(found) == 1
    assert found[0].startswith("60-p.x: ")
    assert says in found[0]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("60-p.y=1", "60-p has no parameter 'y'; it has x"),
        ("61-p.x=1", "--param 61-p.x: must be SCRIPT.NAME=VALUE"),
        ("50-noauto.x=1", "--param 50-noauto.x: must be SCRIPT.NAME=VALUE, for a script that runs: 40-auto, 60-p"),
        ("60-p.x", "a text without '='"),
        ("40-auto.x=1", "40-auto has no parameter 'x'; it has none"),
    ],
)
def test_a_parameter_of_nothing(given: str, says: str) -> None:
    found = messages(made("60-p", given=(given,), more=(with_parameter(type="string"),)))
    assert len(found) == 1
    assert says in found[0]


def test_a_value_given_twice_and_one_that_is_required() -> None:
    needed = with_parameter(type="string", required=True)
    assert messages(made("60-p", more=(needed,))) == ["60-p.x is required"]
    assert messages(made("60-p", given=("60-p.x=a", "60-p.x=b"), more=(needed,))) == ["60-p.x is given twice"]
    assert messages(made("60-p", more=(with_parameter(type="storage", required=True),))) == []
    assert messages(made("60-p", more=(with_parameter(type="string", required=True, default="d"),))) == []


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        (["x"], "its parameters are no mapping"),
        ({"x": "string"}, "the declaration is no mapping"),
        ({"x": {"type": "text"}}, "the type 'text' must be one of"),
        ({"x": {"type": "string", "default": 5}}, "the default 5 must be text"),
        ({"x": {"type": "runtime", "default": "5"}}, "a runtime can have no default"),
    ],
)
def test_a_declaration_that_would_refuse_every_machine(parameters: object, says: str) -> None:
    bad = script("60-p", parameters=parameters)
    assert says in messages(made(more=(bad,)))[0]  # it runs by itself
    idle = script("60-p", "noauto", parameters=parameters)
    assert messages(made(more=(idle,))) == []


def test_names_that_hold_each_other_would_be_mixed_up() -> None:
    one, two = with_parameter(type="string"), script("60-p-more", "noauto", parameters={"x": {"type": "string"}})
    found = messages(made("60-p", "60-p-more", given=("60-p.x=a",), more=(one, two)))
    assert found == ["the names 60-p and 60-p-more hold each other: MAAS would mix up their parameters"]
    assert messages(made("60-p", given=("60-p.x=a",), more=(one, two))) == []


def test_the_longest_name_counts_where_names_hold_dots() -> None:
    one, two = script("60.p", parameters={}), script("60", parameters={"p.x": {"type": "string"}})
    found = plan("lab", {"60": two}, MACHINE, (), ("60.p.x=a",))
    assert [(item.script, item.name) for item in found.parameters] == [("60", "p.x")]
    assert "60.p has no parameter 'x'" in messages(plan("lab", {"60": two, "60.p": one}, MACHINE, (), ("60.p.x=a",)))[0]


def test_a_password_is_a_reference_until_it_is_sent() -> None:
    found = made("60-p", given=("60-p.x=env:BURN_IN",), more=(with_parameter(type="password"),))
    assert [(item.value, item.secret) for item in found.parameters] == [("env:BURN_IN", True)]
    form = fields(found, {("60-p", "x"): "hunter2"}, keep_networking=False, keep_storage=False)
    assert ("60-p_x", "hunter2") in form


@pytest.mark.parametrize("literal", ["hunter2", "hunter2 horse", "env:", "file:relative"])
def test_a_password_as_it_is_is_refused_and_not_shown(literal: str) -> None:
    found = messages(made("60-p", given=(f"60-p.x={literal}",), more=(with_parameter(type="password"),)))
    assert found == ["60-p.x: a password is given by reference, env:NAME or file:/path, never as it is"]


def test_a_password_that_cannot_be_sent_is_told_without_it() -> None:
    script_ = with_parameter(type="password", min=3, max=8)
    assert list(check_secret(script_, "x", "hunter2")) == []
    for text, says in (("hun ter", "holds blanks"), ("hu", "at least 3"), ("hunter2222", "at most 8")):
        [problem] = check_secret(script_, "x", text)
        assert says in problem.message
        assert text not in problem.message + problem.hint


def test_a_testing_script_is_no_part_of_the_automatic_set() -> None:
    assert made(more=(script("70-test", script_type=ScriptType.TESTING),)).automatic == ("40-auto", "45-foreign")


def test_hints_say_how_to_go_on() -> None:
    deployed = replace(MACHINE, status=MachineStatus.DEPLOYED, status_name="Deployed")
    busy = replace(MACHINE, status=MachineStatus.COMMISSIONING, status_name="Commissioning")
    assert "release it" in made(machine=deployed).problems[0].hint
    assert "wait for it" in made(machine=busy).problems[0].hint
    assert made("41-auto").problems[0].hint == "did you mean '40-auto'?"
    assert "upload" in made("zzz").problems[0].hint


def test_only_parameters_can_be_mixed_up() -> None:
    one = with_parameter(type="string")
    quiet = script("60-p-more", "noauto")
    assert messages(made("60-p", "60-p-more", given=("60-p.x=a",), more=(one, quiet))) == []
    apart = script("61-q", "noauto", parameters={"x": {"type": "string"}})
    assert messages(made("60-p", "61-q", given=("60-p.x=a",), more=(one, apart))) == []
    inner = script("60-p-more", "noauto", parameters={"y": {"type": "string"}})
    assert len(messages(made("60-p", "60-p-more", given=("60-p-more.y=a",), more=(one, inner)))) == 1
