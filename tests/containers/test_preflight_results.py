"""What the slice firmware preflight really prints and writes is judged: evidence, result file, approved topology."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from gpuaas_scripts import load_site
from gpuaas_scripts.cli.judging import approved
from gpuaas_scripts.evidence.judge import Judged, Outcome, Run, judge
from gpuaas_scripts.evidence.parse import Status
from gpuaas_scripts.lab.container import Container
from gpuaas_scripts.lab.hosts import load_host

Boot = Callable[..., AbstractContextManager[Container]]

pytestmark = pytest.mark.container

TESTS = Path(__file__).parents[1]
SCRIPT = "50-gpuaas-slice-firmware-preflight"
OUTCOMES = {"passed": Outcome.PASSED, "degraded": Outcome.DEGRADED, "skipped": Outcome.SKIPPED}


def commissioned(lab: Boot, generated: Path, host: str) -> Judged:
    """Run the preflight on a fixture host as MAAS does, and judge it for the node that the host plays."""
    with lab(host=load_host(TESTS / "hosts" / host), name="preflight") as machine:
        machine.copy_in(generated / f"lab/maas/{SCRIPT}.sh", "/tmp/script")
        done = machine.exec(["sh", "/tmp/script"], env={"RESULT_PATH": "/tmp/result.yaml"}, check=False, timeout=120)
        written = machine.read("/tmp/result.yaml")
    outcome = OUTCOMES[written.splitlines()[0].removeprefix("status: ")]
    run = Run(SCRIPT, outcome, done.returncode, 1, "", done.stdout, done.stderr, written)
    [node] = [node for node in load_site("lab", TESTS / "site").nodes if node.name == "lab-slice-1"]
    return judge(node.name, SCRIPT, run, current_revision=1, approved=approved(node), how_to_run="")


def by_status(judged: Judged, status: Status) -> set[str]:
    return {f"{one.area}.{one.check}" for one in judged.verdicts if one.status is status}


def test_a_machine_on_which_everything_is_right(lab: Boot, generated: Path) -> None:
    judged = commissioned(lab, generated, "j22u05-after-bios")
    assert judged.status is Status.PASS, [one for one in judged.verdicts if one.status in (Status.FAIL, Status.WARN)]
    assert "TOPOLOGY.slot_8_nvme" in by_status(judged, Status.PASS)
    assert "TOPOLOGY.approved_os_disk" in by_status(judged, Status.PASS)


def test_a_machine_whose_gpu_is_missing(lab: Boot, generated: Path) -> None:
    judged = commissioned(lab, generated, "missing-gpu")
    assert judged.status is Status.FAIL
    assert not {name for name in by_status(judged, Status.FAIL) if name.startswith("RUN.")}
    assert {name.split(".")[0] for name in by_status(judged, Status.FAIL)} >= {"TOPOLOGY", "SLICE_GPU"}


def test_a_machine_of_no_class(lab: Boot, generated: Path) -> None:
    judged = commissioned(lab, generated, "no-class")
    assert by_status(judged, Status.FAIL) == {"TOPOLOGY.hardware_class"}
    assert "RUN.applies" in by_status(judged, Status.SKIP)
