"""From desired values and a state to a plan: verdicts, blocks, forced values, JSON, what has moved."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bios_support import CURRENT, SECRET, registry, rule, state
from hypothesis import given
from hypothesis import strategies as st

from gpuaas_scripts.bios.plan import Block, Plan, Verdict, from_json, to_json
from gpuaas_scripts.bios.planning import make_plan
from gpuaas_scripts.bios.registry import Value
from gpuaas_scripts.bios.state import Job
from gpuaas_scripts.errors import ExitCode, GpuaasError


def planned(
    desired: dict[str, Value],
    *,
    rules: list[Any] | None = None,
    read_only: tuple[str, ...] = (),
    **how: Any,  # noqa: ANN401
) -> Plan:
    return make_plan("j1", desired, registry(*read_only, rules=rules), state(desired, **how))


def only(plan: Plan) -> tuple[Verdict, Block | None, str]:
    (item,) = plan.items
    return item.verdict, item.block, item.unblock


def test_nothing_to_do() -> None:
    plan = planned({"LogicalProc": "Enabled", "smt": "on", "Delay": "120"})
    assert {item.verdict for item in plan.items} == {Verdict.OK}
    assert (plan.changes, plan.exit_code, plan.reset_needed) == ({}, ExitCode.OK, False)


def test_changes_by_logical_and_vendor_names() -> None:
    plan = planned({"vt": "on", "vtd": "on", "SriovGlobalEnable": "enabled", "Delay": 300})
    assert plan.changes == {"ProcVirtualization": "Enabled", "SriovGlobalEnable": "Enabled", "Delay": 300}
    assert (plan.exit_code, plan.reset_needed, plan.refusals()) == (ExitCode.DRIFT, True, ())
    assert plan.recorded() == {"ProcVirtualization": "Disabled", "SriovGlobalEnable": "Disabled", "Delay": 120}


def test_pending_already_waits_for_a_reset() -> None:
    plan = planned({"vt": "on"}, pending={"ProcVirtualization": "Enabled"})
    assert (only(plan)[0], plan.changes) == (Verdict.PENDING, {})
    assert (plan.exit_code, plan.reset_needed) == (ExitCode.DRIFT, True)


def test_a_staged_value_against_the_desired_one_is_a_change_even_where_the_current_is_right() -> None:
    plan = planned({"LogicalProc": "Enabled"}, pending={"LogicalProc": "Disabled"})
    assert (only(plan)[0], plan.changes) == (Verdict.CHANGE, {"LogicalProc": "Enabled"})


@pytest.mark.parametrize(
    ("desired", "block", "says"),
    [
        ({"ProcVirtualisation": "Enabled"}, Block.UNKNOWN, "ProcVirtualization"),
        ({"NotHere": "Enabled"}, Block.UNKNOWN, "registry"),
        ({"vt": "perhaps"}, Block.BAD_VALUE, "one of Enabled, Disabled"),
        ({"SerialNumber": "XYZ"}, Block.READ_ONLY, "read-only"),
        ({"ProcTurboMode": "Enabled"}, Block.DEPENDENCY, "needs SysProfile = Custom"),
        ({"ProcX2Apic": "Enabled"}, Block.DEPENDENCY, "needs ProcVirtualization = Enabled"),
        ({"SHA256SetupPassword": "0" * 64}, Block.SECRET, "by hand"),
        ({"SetupPassword": SECRET}, Block.SECRET, "by hand"),
    ],
)
def test_blocks_and_what_unblocks_them(desired: dict[str, Value], block: Block, says: str) -> None:
    plan = planned(desired)
    assert only(plan)[:2] == (Verdict.BLOCKED, block)
    assert says in only(plan)[2]
    assert (plan.exit_code, plan.changes, len(plan.refusals())) == (ExitCode.FINDINGS, {}, 1)


def test_a_prerequisite_in_the_same_change_unblocks() -> None:
    plan = planned({"ProcTurboMode": "Enabled", "SysProfile": "Custom"})
    assert plan.changes == {"ProcTurboMode": "Enabled", "SysProfile": "Custom"}
    assert {item.name: item.stands_on for item in plan.items}["ProcTurboMode"] == ("SysProfile",)


def test_a_prerequisite_that_is_staged_already_unblocks() -> None:
    plan = planned({"ProcTurboMode": "Enabled"}, pending={"SysProfile": "Custom"})
    assert plan.changes == {"ProcTurboMode": "Enabled"}
    assert plan.others_pending == ("SysProfile",)


def test_a_prerequisite_that_is_blocked_itself_does_not_unblock() -> None:
    plan = planned({"ProcTurboMode": "Enabled", "SysProfile": "Custom"}, read_only=("ProcTurboMode", "SysProfile"))
    assert {item.name: item.block for item in plan.items} == {
        "SysProfile": Block.READ_ONLY,
        "ProcTurboMode": Block.DEPENDENCY,
    }


def test_a_change_that_locks_another_one_blocks_it() -> None:
    """SysProfile is Custom, turbo writable; asking for another profile at once locks it."""
    plan = planned(
        {"ProcTurboMode": "Enabled", "SysProfile": "PerfPerWatt"}, read_only=("SerialNumber",), SysProfile="Custom"
    )
    blocks = {item.name: item.block for item in plan.items}
    assert blocks == {"SysProfile": None, "ProcTurboMode": Block.DEPENDENCY}


def test_a_rule_that_may_be_read_in_two_ways_is_a_note_where_the_host_lets_write() -> None:
    desired: dict[str, Value] = {"SecureBoot": "Enabled", "BootMode": "Bios"}
    plan = planned(desired)
    assert plan.changes == {"SecureBoot": "Enabled", "BootMode": "Bios"}
    note = {item.name: item.note for item in plan.items}["SecureBoot"]
    assert "may refuse" in note
    assert "BootMode = Uefi" in note


def test_a_rule_that_may_be_read_in_two_ways_explains_a_live_read_only_flag() -> None:
    plan = planned({"SecureBoot": "Enabled"}, read_only=("SecureBoot",), BootMode="Bios")
    assert only(plan)[1:] == (Block.DEPENDENCY, "needs BootMode = Uefi (in the same change)")


def test_the_live_flag_stands_above_a_rule_that_holds() -> None:
    """The rule says read-only, the host says writable: the host is right."""
    assert planned({"ProcTurboMode": "Enabled"}, read_only=("SerialNumber",)).changes == {"ProcTurboMode": "Enabled"}


def test_forced_values_are_followed_over_several_rules_and_shown_without_current_values() -> None:
    plan = planned({"SysProfile": "PerfOptimized"})
    assert [(step.attribute, step.value) for step in plan.forced] == [
        ("ProcTurboMode", "Enabled"),
        ("ProcCStates", "Disabled"),
    ]
    assert plan.forced[0].because == ("SysProfile",)
    assert plan.changes == {"SysProfile": "PerfOptimized"}


def test_nothing_is_forced_that_is_so_already() -> None:
    plan = planned({"SysProfile": "PerfOptimized"}, ProcTurboMode="Enabled", ProcCStates="Disabled")
    assert plan.forced == ()


def test_an_attribute_that_only_a_forced_value_unlocks_is_noted() -> None:
    rules = [
        rule("ProcTurboMode", "CurrentValue", "Enabled", ("SysProfile", "EQU", "PerfOptimized")),
        rule("ProcX2Apic", "ReadOnly", True, ("ProcTurboMode", "EQU", "Disabled")),
    ]
    plan = planned({"SysProfile": "PerfOptimized", "ProcX2Apic": "Enabled"}, rules=rules, read_only=("ProcX2Apic",))
    assert {item.name: "by itself" in item.note for item in plan.items} == {"SysProfile": False, "ProcX2Apic": True}
    assert plan.changes == {"SysProfile": "PerfOptimized", "ProcX2Apic": "Enabled"}


def test_rules_in_any_order_are_followed() -> None:
    rules = [
        rule("ProcCStates", "CurrentValue", "Disabled", ("ProcTurboMode", "EQU", "Enabled")),
        rule("ProcTurboMode", "CurrentValue", "Enabled", ("SysProfile", "EQU", "PerfOptimized")),
    ]
    for order in (rules, rules[::-1]):
        plan = planned({"SysProfile": "PerfOptimized"}, rules=order)
        assert {step.attribute for step in plan.forced} == {"ProcTurboMode", "ProcCStates"}


def test_what_only_an_intermediate_state_would_force_is_no_conflict() -> None:
    """The profile forces turbo on; before that is followed, turbo off would force C states off."""
    rules = [
        rule(
            "ProcCStates",
            "CurrentValue",
            "Disabled",
            ("ProcTurboMode", "EQU", "Disabled"),
            ("Flag", "EQU", False, "AND"),
        ),
        rule("ProcTurboMode", "CurrentValue", "Enabled", ("SysProfile", "EQU", "PerfOptimized")),
    ]
    host = {"ProcCStates": "Disabled", "rules": rules, "read_only": ("SerialNumber",)}
    assert planned({"ProcCStates": "Enabled"}, **host).exit_code is ExitCode.FINDINGS
    plan = planned({"SysProfile": "PerfOptimized", "ProcCStates": "Enabled"}, **host)
    assert plan.changes == {"SysProfile": "PerfOptimized", "ProcCStates": "Enabled"}


def test_what_only_an_intermediate_state_would_force_is_not_forced() -> None:
    on = ("ProcVirtualization", "EQU", "Enabled")
    rules = [
        rule("ProcX2Apic", "CurrentValue", "Enabled", on, ("ProcTurboMode", "EQU", "Disabled", "AND")),
        rule("ProcTurboMode", "CurrentValue", "Enabled", on),
    ]
    assert [step.attribute for step in planned({"vt": "on"}, rules=rules).forced] == ["ProcTurboMode"]


def test_of_rules_against_each_other_the_first_wins() -> None:
    rules = [
        rule("SysProfile", "CurrentValue", value, ("ProcVirtualization", "EQU", "Enabled"))
        for value in ("Custom", "PerfOptimized")
    ]
    assert [step.value for step in planned({"vt": "on"}, rules=rules).forced] == ["Custom"]


def test_a_rule_that_the_host_does_not_follow_forces_nothing() -> None:
    """It holds already, and the value is another: the host stands above its registry."""
    rules = [rule("ProcCStates", "CurrentValue", "Disabled", ("SysProfile", "EQU", "PerfPerWatt"))]
    assert planned({"vt": "on"}, rules=rules).forced == ()


def test_a_value_against_a_forced_one_is_blocked() -> None:
    rules = [rule("ProcCStates", "CurrentValue", "Disabled", ("SysProfile", "EQU", "PerfOptimized"))]
    plan = planned({"SysProfile": "PerfOptimized", "ProcCStates": "Enabled"}, rules=rules, read_only=("SerialNumber",))
    assert plan.exit_code is ExitCode.DRIFT  # ProcCStates is Enabled: nothing to write, but it will be forced
    plan = planned(
        {"SysProfile": "PerfOptimized", "ProcCStates": "Enabled"},
        rules=rules,
        read_only=("SerialNumber",),
        ProcCStates="Disabled",
    )
    blocked = {item.name: (item.block, item.unblock) for item in plan.items}["ProcCStates"]
    assert blocked[0] is Block.DEPENDENCY
    assert "SysProfile = one of PerfPerWatt, Custom" in blocked[1]


def test_lockdown_blocks_changes_and_nothing_else() -> None:
    plan = planned(
        {"vt": "on", "smt": "on", "SriovGlobalEnable": "Enabled"},
        lockdown=True,
        pending={"SriovGlobalEnable": "Enabled"},
    )
    assert {item.asked: (item.verdict, item.block) for item in plan.items} == {
        "vt": (Verdict.BLOCKED, Block.LOCKDOWN),
        "smt": (Verdict.OK, None),
        "SriovGlobalEnable": (Verdict.PENDING, None),
    }
    assert "Lockdown" in next(item.unblock for item in plan.items if item.block)


def test_a_read_only_attribute_says_when_lockdown_could_not_be_read() -> None:
    assert "could not be read" in only(planned({"SerialNumber": "X"}, lockdown=None))[2]
    assert "could not be read" not in only(planned({"SerialNumber": "X"}, lockdown=False))[2]


def test_two_names_for_one_attribute_must_agree() -> None:
    plan = planned({"vt": "on", "ProcVirtualization": "Disabled"})
    assert sorted(str(item.block) for item in plan.items) == ["None", "bad value"]
    assert plan.exit_code is ExitCode.FINDINGS


def test_what_refuses_an_apply() -> None:
    job = Job("JID_1", "Scheduled", "JCP001", "Task scheduled.", kind="BIOSConfiguration")
    done = Job("JID_2", "Completed", "PR19")
    plan = planned({"vt": "on"}, jobs=(job, done), pending={"AssetTag": "theirs", "LogicalProc": "Disabled"})
    assert plan.jobs == (str(job),)
    assert plan.others_pending == ("AssetTag", "LogicalProc")
    assert len(plan.refusals()) == 2
    assert [reason for reason in plan.refusals(merge=True) if "staged" in reason] == []
    assert len(plan.refusals(merge=True)) == 1


def test_nothing_that_was_not_asked_for_is_in_a_plan() -> None:
    plan = planned(
        {"vt": "on", "SHA256SetupPassword": "f" * 64}, pending={"SHA256SetupPassword": SECRET, "AssetTag": "theirs"}
    )
    text = to_json(plan).decode() + repr(plan) + repr(state({"AssetTag": "x"}, {"SHA256SetupPassword": SECRET}))
    for value in (SECRET, "f" * 64, "theirs", "rack-7", "PerfPerWatt"):
        assert value not in text
    assert "SHA256SetupPassword" in plan.others_pending


DESIRED = st.dictionaries(
    st.sampled_from([*CURRENT, "vt", "vtd", "smt", "sriov", "NotHere", "Nobody"]),
    st.sampled_from(
        ["Enabled", "Disabled", "Custom", "PerfOptimized", "Bios", "on", "off", "", 16, 200, -1, True, False]
    ),
)
HOSTS = st.fixed_dictionaries(
    {},
    optional={
        "lockdown": st.sampled_from([None, True, False]),
        "pending": st.dictionaries(st.sampled_from(["SysProfile", "ProcTurboMode"]), st.just("Custom"), max_size=1),
        "SysProfile": st.sampled_from(["Custom", "PerfOptimized"]),
        "ProcVirtualization": st.sampled_from(["Enabled", "Disabled"]),
    },
)


@given(DESIRED, HOSTS)
def test_a_plan_goes_to_json_and_back(desired: dict[str, Value], host: dict[str, Any]) -> None:
    plan = planned(desired, **host)
    assert from_json(to_json(plan)) == plan
    assert plan.moved(plan) == ()


@given(DESIRED, HOSTS)
def test_each_name_has_one_verdict_and_a_block_says_what_to_do(desired: dict[str, Value], host: dict[str, Any]) -> None:
    plan = planned(desired, **host)
    for item in plan.items:
        assert (item.verdict is Verdict.BLOCKED) == (item.block is not None) == bool(item.unblock)
        if item.verdict is Verdict.CHANGE:
            assert not registry().attributes[item.name].secret
    names = [item.name for item in plan.items if not item.block]
    assert len(names) == len(set(names))
    assert plan.changes.keys().isdisjoint(step.attribute for step in plan.forced)


@given(DESIRED, HOSTS)
def test_a_plan_of_what_the_plan_brings_about_has_no_change(desired: dict[str, Value], host: dict[str, Any]) -> None:
    """Applying the change set leaves nothing to change, as far as nothing was blocked."""
    host = {name: value for name, value in host.items() if name != "pending"}
    plan = planned(desired, **host)
    again = planned(desired, **{**host, "lockdown": False, **plan.changes})
    assert again.changes == {} or plan.exit_code is ExitCode.FINDINGS


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"node": 1}', b"\xff", b"[" * 100_000])
def test_what_is_no_plan_is_refused(data: bytes) -> None:
    with pytest.raises(GpuaasError, match="not a BIOS plan"):
        from_json(data)


def test_another_format_and_unknown_keys_are_refused() -> None:
    document = json.loads(to_json(planned({"vt": "on"})))
    with pytest.raises(GpuaasError, match="format 2"):
        from_json(json.dumps({**document, "format": 2}).encode())
    document["items"][0]["force"] = True
    with pytest.raises(GpuaasError, match=r"unknown keys: items.force"):
        from_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"ProcVirtualization": "Enabled"}, "current was Disabled, is Enabled"),
        ({"pending": {"ProcVirtualization": "Enabled"}}, "pending was none, is Enabled"),
        ({"pending": {"AssetTag": "x"}}, "staged by others: was none, is AssetTag"),
        ({"lockdown": True}, "lockdown: was False, is True"),
        ({"jobs": (Job("JID_9", "New"),)}, "open jobs: was none, is JID_9 New"),
    ],
)
def test_what_has_moved_since_a_plan(how: dict[str, Any], says: str) -> None:
    moved = planned({"vt": "on"}).moved(planned({"vt": "on"}, **how))
    assert any(says in text for text in moved)


def test_a_plan_for_another_node_has_moved() -> None:
    plan = planned({"vt": "on"})
    other = make_plan("j2", {"vt": "on"}, registry(), state({"vt": "on"}))
    assert plan.moved(other) == ("the plan is for j1, not for j2",)
    assert plan.moved(planned({"vt": "off"})) != ()
    assert plan.moved(planned({"vt": "on", "smt": "on"})) != ()
