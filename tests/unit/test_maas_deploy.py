"""What must hold before a deployment: each condition alone, broken, is one problem; all of them come at once."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from gpuaas_scripts.maas.deploy import Facts, Release, fields, list_keys, plan, verify
from gpuaas_scripts.maas.machine import Disk, Machine, MachineStatus
from gpuaas_scripts.maas.storage import OsDisk, Problem
from gpuaas_scripts.renderers.cloud_init import assemble, cloud_config
from gpuaas_scripts.secrets import SecretFile

OS = Disk("nvme7n1", "OS-1", "Boss", "", used=True, mounts=("/",))
MACHINE = Machine(
    *("lab001", "n1", MachineStatus.READY, "Ready"),
    tags=frozenset({"gpuaas-profile-worker"}),
    disks=(OS,),
    boot_disk=OS,
)
USER_DATA = assemble(
    [
        ("profile.yaml", cloud_config({"packages": ["htop"]}, banner="")),
        ("node.yaml", cloud_config({"write_files": [], "runcmd": [["true"]]}, banner="")),
    ]
).content
FACTS = Facts(
    site="lab",
    node="n1",
    profile="worker",
    machine=MACHINE,
    whoami="admin",
    os_disk=OsDisk("/dev/disk/by-id/nvme-eui.0001", (("OS-1", "commissioning"),)),
    release=Release("ubuntu/24.04"),
    configured=Release("ubuntu/24.04"),
    user_data=USER_DATA,
    erases=False,
)


def with_machine(**more: object) -> Facts:
    return replace(FACTS, machine=replace(MACHINE, **more))  # type: ignore[arg-type]


def test_everything_right_is_no_problem_and_no_warning() -> None:
    assert plan(FACTS) == plan(FACTS).__class__((), ())


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (with_machine(status=MachineStatus.DEPLOYED, status_name="Deployed"), "in state Deployed, not Ready"),
        (with_machine(status=MachineStatus.NEW, status_name="New"), "in state New, not Ready"),
        (with_machine(status=MachineStatus.ALLOCATED, owner="bob"), "allocated to bob"),
        (with_machine(locked=True), "locked in MAAS"),
        (with_machine(tags=frozenset()), "lacks the tag gpuaas-profile-worker"),
        (
            with_machine(tags=frozenset({"gpuaas-profile-worker", "gpuaas-profile-bare"})),
            "carries the tag gpuaas-profile-bare",
        ),
        (replace(FACTS, tree="generated/lab is not what the sources give"), "generated/lab is not"),
        (
            replace(FACTS, missing=("network.fabric.address (n1.yaml:3:1)",)),
            "want of network.fabric.address (n1.yaml:3:1)",
        ),
        (replace(FACTS, os_disk=OsDisk()), "OS disk is not approved"),
        (replace(FACTS, release=None), "which release"),
        (replace(FACTS, secret_problems=(Problem("LAB is not set", "export LAB=…"),)), "LAB is not set"),
        (with_machine(hardware_sync=True), "hardware sync is on for the machine"),
        (with_machine(ephemeral=True), "ephemeral deployment is on for the machine"),
    ],
)
def test_each_condition_alone(facts: Facts, says: str) -> None:
    found = plan(facts).problems
    assert len(found) == 1
    assert says in found[0].message
    assert found[0].hint


def test_all_problems_at_once() -> None:
    facts = replace(
        with_machine(status=MachineStatus.NEW, tags=frozenset(), boot_disk=None, hardware_sync=True),
        tree="stale",
        missing=("a", "b"),
        user_data=None,
        release=None,
    )
    assert len(plan(facts).problems) == 8


def test_one_s_own_allocation_is_fine() -> None:
    assert plan(with_machine(status=MachineStatus.ALLOCATED, owner="admin")).problems == ()


def test_user_data_without_lists_lets_maas_s_own_entries_work() -> None:
    alone = assemble([("profile.yaml", cloud_config({"timezone": "UTC"}, banner=""))]).content
    assert plan(replace(with_machine(hardware_sync=True), user_data=alone)).problems == ()
    message = plan(with_machine(hardware_sync=True)).problems[0].message
    assert "its packages, runcmd, write_files replace those of MAAS" in message


def test_lists_are_found_in_every_part() -> None:
    assert list_keys(USER_DATA) == {"packages", "write_files", "runcmd"}
    umlaut = assemble([("a.yaml", cloud_config({"runcmd": [["echo", "ä"]]}, banner=""))]).content
    assert list_keys(umlaut) == {"runcmd"}


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        (replace(FACTS, failing=("SLICE_GPU.gpu_count",)), "results of the machine are FAIL: SLICE_GPU.gpu_count"),
        (replace(FACTS, erases=True), "erases all of its disks"),
        (
            replace(FACTS, secrets=(SecretFile("/etc/x", "agent.secret", "n1.yaml"),)),
            "n1.yaml: agent.secret is not set: /etc/x is not delivered",
        ),
        (replace(FACTS, erases=None), "did not say whether releasing erases"),
        (
            replace(FACTS, release=Release("ubuntu/jammy")),
            "installs ubuntu/jammy, but the configuration says ubuntu/24.04",
        ),
    ],
)
def test_warnings(facts: Facts, says: str) -> None:
    found = plan(facts)
    assert found.problems == ()
    assert len(found.warnings) == 1
    assert says in found.warnings[0]


def test_a_release_and_its_series_are_the_same() -> None:
    assert plan(replace(FACTS, release=Release("ubuntu/noble"))).warnings == ()


def test_the_form_holds_the_very_user_data() -> None:
    form = dict(fields(USER_DATA, Release("ubuntu/noble")))
    assert base64.b64decode(form["user_data"]) == USER_DATA
    assert form["distro_series"] == "ubuntu/noble"
    assert set(form) == {"user_data", "distro_series"}


def test_the_answer_is_compared_with_what_was_asked_for() -> None:
    answer = replace(MACHINE, status=MachineStatus.DEPLOYING, osystem="ubuntu", series="noble")
    assert verify(FACTS, answer) == ()
    for wrong, says in (
        (replace(answer, status=MachineStatus.READY, status_name="Ready"), "state Ready"),
        (replace(answer, series="jammy"), "installs ubuntu/jammy"),
        (replace(answer, ephemeral=True), "ephemeral"),
        (replace(answer, hardware_sync=True), "hardware sync"),
        (replace(answer, boot_disk=replace(OS, serial="X")), "disks in MAAS changed"),
    ):
        found = verify(FACTS, wrong)
        assert len(found) == 1
        assert says in found[0].message


def test_hints_go_with_the_state() -> None:
    assert "release it" in plan(with_machine(status=MachineStatus.DEPLOYED)).problems[0].hint
    assert "release it" in plan(with_machine(status=MachineStatus.FAILED_DEPLOYMENT)).problems[0].hint
    assert "commission it" in plan(with_machine(status=MachineStatus.NEW)).problems[0].hint


def test_a_release_is_only_compared_with_one_that_is_configured() -> None:
    assert plan(replace(FACTS, configured=None)).warnings == ()


def test_an_answer_without_a_series_and_one_with_another_disk() -> None:
    answer = replace(MACHINE, status=MachineStatus.DEPLOYING)
    assert verify(FACTS, answer) == ()
    added = replace(answer, disks=(OS, Disk("sdb", "X", "", "", used=False)))
    assert len(verify(FACTS, added)) == 1
