"""When a deployed host counts as proven: every condition is seen, and seen missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evidence_support import line, summary

from gpuaas_scripts.evidence.handover import Handover, Look, Stage
from gpuaas_scripts.evidence.parse import parse

GOOD = parse(line("PASS", "a", "d", "SLICE_PARITY") + summary())
LOOK = Look("boot-1", "n1", "done", (), "running", GOOD, 0)


def test_a_host_that_shows_everything_is_proven() -> None:
    step = Handover("n1").take(LOOK)
    assert (step.stage, step.text, step.warnings) == (Stage.PROVEN, "parity: failures=0 warnings=0", ())


@pytest.mark.parametrize(
    ("look", "says"),
    [
        (replace(LOOK, problem="ssh: refused"), "ssh: refused"),
        (replace(LOOK, cloud="running"), "cloud-init: running"),
        (replace(LOOK, cloud="disabled"), "cloud-init: disabled"),
        (replace(LOOK, cloud=""), "cloud-init: no answer"),
        (replace(LOOK, system="starting"), "system: starting"),
        (replace(LOOK, system="stopping"), "system: stopping"),
        (replace(LOOK, system=""), "system: no answer"),
        (replace(LOOK, parity=None), "parity: no answer"),
        (replace(LOOK, parity=parse("")), "no report that can be relied on"),
        (replace(LOOK, parity=parse(""), parity_exit=2, parity_said="no sudo"), "(exit status 2: no sudo)"),
        (replace(LOOK, parity=parse(line("PASS", "a", "d"))), "no report that can be relied on"),
        (replace(LOOK, parity=parse(line("PASS", "a", "d") + "GPUAAS_X\n" + summary())), "no evidence line"),
        (
            replace(LOOK, parity=parse(line("FAIL", "ovs", "d") + summary("FAIL", failures=1))),
            "failures=1 warnings=0: ovs",
        ),
        (replace(LOOK, parity_exit=1), "exit status 1"),
        (replace(LOOK, parity_exit=None), "exit status None"),
    ],
)
def test_a_host_that_lacks_one_thing_is_waited_for(look: Look, says: str) -> None:
    step = Handover("n1").take(look)
    assert step.stage is Stage.WAITING
    assert says in step.text


@pytest.mark.parametrize(
    "look", [replace(LOOK, cloud="error"), replace(LOOK, cloud="done", cloud_errors=("('scripts_user', ...)",))]
)
def test_a_failed_cloud_init_is_final(look: Look) -> None:
    step = Handover("n1").take(look)
    assert step.stage is Stage.FAILED
    assert "cloud-init failed" in step.text


def test_one_reboot_is_expected_and_two_are_a_failure() -> None:
    handover = Handover("n1")
    waiting = replace(LOOK, system="starting")
    for look in (waiting, replace(waiting, boot="", problem="ssh: closed"), replace(waiting, boot="boot-2")):
        assert handover.take(look).stage is Stage.WAITING
    assert handover.reboots == 1
    step = handover.take(replace(LOOK, boot="boot-3"))
    assert step.stage is Stage.FAILED
    assert "rebooted 2 times" in step.text


def test_one_reboot_then_everything_is_proven() -> None:
    handover = Handover("n1")
    handover.take(replace(LOOK, cloud="running"))
    assert handover.take(replace(LOOK, boot="boot-2")).stage is Stage.PROVEN
    assert handover.reboots == 1


def test_warnings_are_told_and_do_not_hide_the_proof() -> None:
    report = parse("motd\n" + line("WARN", "api", "not asked") + summary("WARN", warnings=1))
    step = Handover("n1").take(replace(LOOK, system="degraded", parity=report))
    assert step.stage is Stage.PROVEN
    assert step.warnings == (
        "api: not asked",
        "line 1: one line is no evidence; the first: motd",
        "the system is degraded: systemctl --failed",
    )


def test_looks_at_one_boot_are_no_reboots() -> None:
    handover = Handover("n1")
    for _ in range(4):
        handover.take(replace(LOOK, system="starting"))
    assert handover.reboots == 0
    assert handover.take(LOOK).stage is Stage.PROVEN


@pytest.mark.parametrize(("name", "says"), [("n2", "this is n2, not n1"), ("", "without a name, not n1")])
def test_another_host_at_the_address_is_no_proof(name: str, says: str) -> None:
    step = Handover("n1").take(replace(LOOK, hostname=name))
    assert step.stage is Stage.FAILED
    assert says in step.text
    early = replace(LOOK, hostname=name, cloud="running")  # cloud-init gives the name
    assert Handover("n1").take(early).stage is Stage.WAITING
