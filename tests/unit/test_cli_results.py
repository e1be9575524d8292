"""`results` against the stand-in region: verdicts, formats, exit codes, and nodes without an answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from evidence_support import GPUS, SCRIPT, Lab, commission, good, inventory, line, machine, ran, summary, upload
from maas_support import ask, script

from gpuaas_scripts.lab.maas_faults import Fault, FaultKind
from gpuaas_scripts.lab.maas_machine import Ran

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.process


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path) as made:
        yield made


def test_a_good_machine_is_exit_0(lab: Lab) -> None:
    commission(lab.region)
    done = lab.gen("results")
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert done.out.startswith(f"PASS n1 {SCRIPT}: 14 PASS, ended ")
    assert "lab: 1 results: 1 PASS" in done.err
    whole = lab.gen("results", "--all", "--show-output")
    assert "PASS TOPOLOGY.slot_2_gpu: 0000:3d:00.0" in whole.out
    assert "  | a message" in whole.out


def test_a_failed_check_is_exit_1_with_what_to_do(lab: Lab) -> None:
    text = inventory() + line("FAIL", "gpu_count", "1 of 2", remediation="reseat it") + summary("FAIL", failures=1)
    lab.machine.runs[SCRIPT] = ran(text, "degraded", "FAIL")
    commission(lab.region)
    done = lab.gen("results")
    assert done.code == 1
    assert "FAIL SLICE_GPU.gpu_count: 1 of 2\n       reseat it\n" in done.out


def test_a_machine_that_satisfies_the_script_and_not_the_node_fails(lab: Lab) -> None:
    moved = good().replace(GPUS[1], "0000:44:00.0")
    lab.machine.runs[SCRIPT] = ran(moved)
    commission(lab.region)
    done = lab.gen("results")
    assert done.code == 1
    assert f"FAIL TOPOLOGY.slot_2_gpu: {GPUS[1]} is missing; it was moved" in done.out


def test_a_machine_that_never_ran_the_script_is_named(lab: Lab) -> None:
    done = lab.gen("results")
    assert done.code == 1
    assert "FAIL RUN.ran: never ran on this machine" in done.out
    assert "gpuaas-gen commission --site lab --node n1 --watch" in done.out
    assert f"never ran the current revision: n1 {SCRIPT}" in done.err


def test_a_machine_that_ran_an_earlier_revision_is_named(lab: Lab) -> None:
    commission(lab.region)
    newer = script({"name": SCRIPT, "script_type": "commissioning"}, "echo newer\n")
    assert ask(lab.region, "PUT", f"scripts/{SCRIPT}", content=newer).status == 200
    done = lab.gen("results")
    assert done.code == 1
    assert "FAIL RUN.current_revision: ran revision" in done.out
    assert f"never ran the current revision: n1 {SCRIPT}" in done.err


@pytest.mark.parametrize(
    "broken",
    [
        Ran(1, good(), "", "status: passed\n"),
        Ran(0, good() + "GPUAAS_SLICE_X status=\n", "", ""),
        Ran(0, good()[:-40], "", ""),
        Ran(0, "", "", ""),
        Ran(0, good(), "", "status: failed\n"),
        Ran(0, good(), "", "status: [\n"),
        Ran(70, "", "cut\n", ""),
    ],
)
def test_a_broken_run_is_exit_1(lab: Lab, broken: Ran) -> None:
    lab.machine.runs[SCRIPT] = broken
    commission(lab.region)
    assert lab.gen("results").code == 1


def test_json_and_junit_say_the_same(lab: Lab) -> None:
    commission(lab.region)
    data = json.loads(lab.gen("results", "--format", "json", "--show-output").out)
    assert data["results"][0]["output"]["stdout"] == good()
    root = ElementTree.fromstring(lab.gen("results", "--format", "junit").out)  # noqa: S314 - our own
    assert root.get("tests") == str(len(data["results"][0]["verdicts"]))
    assert root.get("failures") == "0"


def test_only_the_script_asked_for(lab: Lab) -> None:
    text = lab.repo.read("site-configs/sites/lab.yaml")
    lab.repo.write("site-configs/sites/lab.yaml", text.replace("[40-lab-inventory]", "[40-lab-inventory, 41-lab-more]"))
    for name in ("script.yaml", "body.sh"):
        lab.repo.write(f"templates/scripts/41-lab-more/{name}", lab.repo.read(f"templates/scripts/{SCRIPT}/{name}"))
    upload(lab.region, "41-lab-more")
    commission(lab.region)
    assert lab.gen("results", "--script", SCRIPT).code == 0
    done = lab.gen("results")
    assert done.code == 1
    assert "FAIL n1 41-lab-more" in done.out  # it printed nothing
    wrong = lab.gen("results", "--script", "41-lab-moar")
    assert (wrong.code, "41-lab-more" in wrong.err) == (2, True)


def test_a_node_without_a_system_id_and_one_that_maas_does_not_know_are_named(lab: Lab) -> None:
    commission(lab.region)
    lab.repo.write("site-configs/nodes/lab/n2.yaml", "profile: worker\nmaas: {system_id: to-be-approved}\n")
    lab.repo.write("site-configs/nodes/lab/n3.yaml", "profile: worker\nmaas: {system_id: zzz999}\n")
    done = lab.gen("results")
    assert done.code == 1
    assert f"PASS n1 {SCRIPT}" in done.out
    assert "FAIL RUN.machine: site-configs/nodes/lab/n2.yaml:2:19: maas.system_id is to be approved" in done.out
    assert "FAIL RUN.machine: MAAS knows no machine zzz999" in done.out
    assert lab.gen("results", "--node", "n1").code == 0
    assert lab.gen("results", "--node", "n9").code == 2


def test_a_node_without_an_answer_does_not_hide_the_others(lab: Lab) -> None:
    other = machine(system_id="lab002", hostname="n2")
    lab.region.add_machine(other)
    lab.repo.write("site-configs/nodes/lab/n2.yaml", "profile: worker\nmaas: {system_id: lab002}\n")
    commission(lab.region)
    lab.standin.faults.add(Fault(FaultKind.NOT_JSON, "GET", "nodes/lab002/results", times=20))
    done = lab.gen("results")
    assert f"PASS n1 {SCRIPT}" in done.out
    assert "FAIL n2: 1 FAIL" in done.out
    assert done.code == 4


def test_a_wrong_key_is_one_line_and_exit_4(lab: Lab) -> None:
    done = lab.gen("results", key="seekritconsumer:seekrittoken:wrong")
    assert done.code == 4
    assert "MAAS does not accept the API key" in done.err
    assert "Traceback" not in done.both


def test_slots_that_no_script_reported_on_are_told(lab: Lab) -> None:
    lab.machine.runs[SCRIPT] = ran(line("PASS", "a", "d") + summary())
    commission(lab.region)
    done = lab.gen("results")
    assert "the node's approved slots were not judged" in done.out
    assert (done.code, "1 WARN" in done.err) == (0, True)


def test_a_script_that_was_changed_and_not_uploaded_is_told(lab: Lab) -> None:
    commission(lab.region)
    assert "warning" not in lab.gen("results").err
    lab.render()
    assert f"MAAS holds {SCRIPT} other than it is rendered" in lab.gen("results", "--quiet").err
    path = f"generated/lab/maas/{SCRIPT}.sh"
    assert ask(lab.region, "PUT", f"scripts/{SCRIPT}", content=lab.repo.read(path)).status == 200
    assert "warning" not in lab.gen("results").err


def test_a_script_that_runs_on_request_is_skip_until_somebody_names_it(lab: Lab) -> None:
    text = lab.repo.read("site-configs/sites/lab.yaml")
    lab.repo.write("site-configs/sites/lab.yaml", text.replace("[40-lab-inventory]", "[40-lab-inventory, 41-lab-more]"))
    for name in ("script.yaml", "body.sh"):
        lab.repo.write(f"templates/scripts/41-lab-more/{name}", lab.repo.read(f"templates/scripts/{SCRIPT}/{name}"))
    upload(lab.region, "41-lab-more", tags=["noauto"])
    commission(lab.region)
    done = lab.gen("results", "--all")
    assert done.code == 0
    assert "SKIP RUN.ran: runs only where it is named, and never did here" in done.out
    assert "never ran the current revision" not in done.err
    assert "1 PASS, 1 SKIP" in done.err
