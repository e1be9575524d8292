"""Plans against the stand-in's firmware: two independent readings of the same rules must agree."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpuaas_scripts.bios.plan import Block, Plan, Verdict
from gpuaas_scripts.bios.planning import make_plan
from gpuaas_scripts.bios.registry_parse import registry_of
from gpuaas_scripts.bios.state import Documents, parse_job, read_state
from gpuaas_scripts.lab.idrac_attributes import PLANTED
from gpuaas_scripts.lab.idrac_bmc import Answer, Bmc, Request
from gpuaas_scripts.lab.idrac_machine import Clock, Options
from gpuaas_scripts.lab.idrac_registry import GENERATIONS
from gpuaas_scripts.lab.idrac_resources import BIOS, DELL_JOBS, REGISTRY, RESET, SETTINGS

LOGIN = {"authorization": "Basic " + base64.b64encode(f"root:{Options().password}".encode()).decode()}

NAMES = {
    "ProcVirtualization": ["Enabled", "Disabled"],
    "ProcX2Apic": ["Enabled", "Disabled"],
    "KernelDmaProtection": ["Enabled", "Disabled"],
    "IntelTxt": ["On", "Off"],
    "TpmSecurity": ["On", "Off"],
    "SysProfile": ["Custom", "PerfOptimized", "PerfPerWattOptimizedOs"],
    "ProcTurboMode": ["Enabled", "Disabled"],
    "ProcPwrPerf": ["SysDbpm", "MaxPerf"],
    "ControlledTurbo": ["Enabled", "Disabled"],
    "NodeInterleave": ["Enabled", "Disabled"],
    "SubNumaCluster": ["2-Way", "Disabled"],
    "BootMode": ["Uefi", "Bios"],
    "SecureBoot": ["Enabled", "Disabled"],
    "ForceInt10": ["Enabled", "Disabled"],
    "AcPwrRcvryDelay": ["User", "Immediate"],
    "AcPwrRcvryUserDelay": [120, 300, 601],
    "SystemServiceTag": ["OTHER"],
    "Slot7": ["Disabled", "Enabled"],
    "Slot7Bif": ["x8x8", "x16"],
    "ProcVirtualisation": ["Enabled"],
}
VALUES = st.dictionaries(st.sampled_from(sorted(NAMES)), st.integers(0, 2), min_size=1, max_size=6).map(
    lambda chosen: {name: NAMES[name][number % len(NAMES[name])] for name, number in chosen.items()}
)


def standin(**options: Any) -> Bmc:  # noqa: ANN401
    return Bmc(Options(**options), Clock(rate=0))


def ask(bmc: Bmc, method: str, path: str, body: object = None) -> Answer:
    return bmc.answer(Request(method, path, LOGIN, json.dumps(body).encode()))


def document(bmc: Bmc, path: str) -> Any:  # noqa: ANN401
    return json.loads(ask(bmc, "GET", path).body)


def plan_for(bmc: Bmc, desired: dict[str, Any]) -> Plan:
    registry = registry_of(ask(bmc, "GET", REGISTRY).body)
    jobs = [
        parse_job(member)
        for member in json.loads(bmc.answer(Request("GET", DELL_JOBS, LOGIN, query="$expand=*")).body)["Members"]
    ]
    documents = Documents(
        document(bmc, BIOS),
        document(bmc, SETTINGS),
        tuple(jobs),
        has_jobs=True,
        lockdown=bmc.machine.lockdown,
        vendor="Dell",
    )
    return make_plan("j1", desired, registry, read_state(documents, registry, desired))


def write(bmc: Bmc, attributes: dict[str, Any], *, job: bool = False) -> Answer:
    apply = {"@Redfish.SettingsApplyTime": {"ApplyTime": "OnReset"}} if job else {}
    return ask(bmc, "PATCH", SETTINGS, {**apply, "Attributes": attributes})


@settings(max_examples=150, deadline=None)
@given(VALUES, VALUES)
def test_what_a_plan_calls_a_change_the_firmware_takes_and_what_it_blocks_it_refuses(
    now: dict[str, Any], desired: dict[str, Any]
) -> None:
    bmc = standin()
    known = {name: value for name, value in now.items() if name in bmc.machine.current and value != 601}
    bmc.machine.apply(known)
    plan = plan_for(bmc, desired)
    if any(item.note for item in plan.items):
        return  # the plan says that the firmware may refuse it
    if plan.changes:
        assert write(bmc, plan.changes).status == 200
    for item in plan.items:
        if item.block:
            fresh = standin()
            fresh.machine.apply(known)
            whole = {one.name or one.asked: desired[one.asked] for one in plan.items}
            assert write(fresh, whole).status == 400
            # By itself it may be possible: two changes can lock each other.
            single = {**plan.changes, item.asked: desired[item.asked]}
            alone = plan_for(fresh, single)
            if not any(one.note for one in alone.items):
                assert (write(fresh, single).status == 400) == (alone.exit_code == 1), item


@settings(max_examples=60, deadline=None)
@given(VALUES)
def test_a_plan_applied_leaves_nothing_to_change_and_forces_what_it_said(desired: dict[str, Any]) -> None:
    bmc = standin()
    plan = plan_for(bmc, desired)
    if plan.exit_code == 1 or not plan.changes or write(bmc, plan.changes, job=True).status != 202:
        return
    bmc.machine.clock.advance(5)
    ask(bmc, "POST", RESET, {"ResetType": "ForceRestart"})
    bmc.machine.clock.advance(1000)
    bmc.machine.settle()
    for name, value in plan.changes.items():
        assert bmc.machine.current[name] == value
    for step in plan.forced:
        assert bmc.machine.current[step.attribute] == step.value
    assert plan_for(bmc, desired).changes == {}


@pytest.mark.parametrize("generation", sorted(GENERATIONS))
def test_the_three_settings_of_a_slice_host(generation: str) -> None:
    bmc = standin(generation=GENERATIONS[generation])
    plan = plan_for(bmc, {"vt": "on", "vtd": "on", "smt": "on", "sriov": "on"})
    assert plan.changes == {"ProcVirtualization": "Enabled", "LogicalProc": "Enabled", "SriovGlobalEnable": "Enabled"}
    assert write(bmc, plan.changes, job=True).status == 202
    again = plan_for(bmc, {"vt": "on", "smt": "on"})
    assert {item.verdict for item in again.items} == {Verdict.PENDING}
    assert len(again.jobs) == 1
    assert again.others_pending == ("SriovGlobalEnable",)


def test_lockdown_is_told_from_read_only() -> None:
    bmc = standin(lockdown=True)
    (item,) = plan_for(bmc, {"vt": "on"}).items
    assert item.block is Block.LOCKDOWN


def test_no_secret_of_the_firmware_reaches_state_or_plan() -> None:
    bmc = standin()
    bmc.machine.pending["SHA256SetupPassword"] = f"{PLANTED}-staged"
    plan = plan_for(bmc, {"SHA256SetupPassword": "x", "IscsiDev1Con1ChapSecret": "y", "AssetTag": "z"})
    assert PLANTED not in repr(plan)
    assert PLANTED in json.dumps(document(bmc, BIOS))  # the search would find it
    registry = registry_of(ask(bmc, "GET", REGISTRY).body)
    state = read_state(Documents(document(bmc, BIOS), document(bmc, SETTINGS)), registry, ["SHA256SetupPassword"])
    assert PLANTED not in repr((dict(state.current), dict(state.pending), state))
