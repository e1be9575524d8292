"""Verdicts of a run: everything that is not seen to be right is FAIL, each with what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from evidence_support import DISKS, GPUS, OS_DISK, good, inventory, line, result, summary

from gpuaas_scripts.evidence.judge import Judged, Outcome, Run, judge
from gpuaas_scripts.evidence.parse import Status
from gpuaas_scripts.evidence.result import ResultStatus, parse_result
from gpuaas_scripts.evidence.topology import ApprovedSlot, Topology
from gpuaas_scripts.run import run as start

APPROVED = Topology(
    "box",
    tuple(ApprovedSlot(gpu, disk, "", number) for number, (gpu, disk) in enumerate(zip(GPUS, DISKS, strict=True))),
    os_disk=OS_DISK,
)
HOW = "gpuaas-gen commission"


def run(stdout: str | None = None, **more: object) -> Run:
    text = good() if stdout is None else stdout
    made = Run("40-lab", Outcome.PASSED, 0, 7, "today", text, "", result(text))
    return replace(made, **more)  # type: ignore[arg-type]


def judged(
    one: Run | None, *, current: int | None = 7, approved: Topology = APPROVED, on_request: bool = False
) -> Judged:
    return judge(
        "n1", "40-lab", one, current_revision=current, approved=approved, how_to_run=HOW, on_request=on_request
    )


def failures(found: Judged) -> dict[str, str]:
    return {f"{one.area}.{one.check}": one.detail for one in found.verdicts if one.status is Status.FAIL}


def test_a_good_run_is_pass_in_everything() -> None:
    found = judged(run())
    assert found.status is Status.PASS
    assert found.current
    assert {one.status for one in found.verdicts} == {Status.PASS}
    assert {one.area for one in found.verdicts} == {"RUN", "SLICE_GPU", "TOPOLOGY"}


def test_a_machine_that_never_ran_the_script_fails() -> None:
    found = judged(None)
    assert failures(found) == {"RUN.ran": "never ran on this machine"}
    assert found.verdicts[0].remediation == HOW
    assert not found.current


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (run(revision=6), "RUN.current_revision"),
        (run(revision=None), "RUN.current_revision"),
        (run(outcome=Outcome.FAILED), "RUN.ended"),
        (run(outcome=Outcome.TIMED_OUT, exit_status=124), "RUN.ended"),
        (run(outcome=Outcome.ABORTED), "RUN.ended"),
        (run(outcome=Outcome.OTHER), "RUN.ended"),
        (run(exit_status=1), "RUN.ended"),
        (run(exit_status=None), "RUN.ended"),
        (run(outcome=Outcome.PENDING, exit_status=None), "RUN.ended"),
        (run(outcome=Outcome.RUNNING, exit_status=None), "RUN.ended"),
        (run(problem="no base64"), "RUN.readable"),
        (run(stdout=""), "RUN.evidence"),
        (run(stdout="hello\n", result=""), "RUN.evidence_2"),
        (run(stdout=good() + "GPUAAS_BROKEN\n"), "RUN.evidence"),
        (run(result="status: [\n"), "RUN.evidence"),
        (run(result="- a\n"), "RUN.evidence"),
        (run(result="status: good\n"), "RUN.evidence"),
        (run(result="status: passed\nresults: [a]\n"), "RUN.evidence"),
        (run(result="status: passed\nverdict: PASS\n"), "RUN.evidence"),
        (run(result=result(inventory())), "RUN.evidence"),
        (run(result=result(good(), verdict="WARN")), "RUN.evidence"),
        (run(line("FAIL", "a", "d") + summary("FAIL", failures=1)), "SLICE_GPU.a"),
    ],
)
def test_exactly_what_is_broken_fails(broken: Run, check: str) -> None:
    found = judged(broken)
    assert found.status is Status.FAIL
    assert check in failures(found)
    assert all(one.remediation for one in found.verdicts if one.status is Status.FAIL and one.area == "RUN")


def test_an_exit_status_counts_whatever_the_result_file_says() -> None:
    assert "exit status 1" in failures(judged(run(exit_status=1, outcome=Outcome.PASSED)))["RUN.ended"]
    assert "cut off" in failures(judged(run(exit_status=70)))["RUN.ended"]


def test_a_script_that_left_maas_fails() -> None:
    assert "RUN.current_revision" in failures(judged(run(), current=None))


def test_a_result_file_that_says_more_than_the_summary_fails() -> None:
    text = line("WARN", "a", "d") + summary("WARN", warnings=1)
    assert (
        "says passed, the summary WARN"
        in failures(judged(run(text, result=result(text, "passed", "WARN"))))["RUN.evidence"]
    )
    found = judged(run(text, result=result(text, "degraded", "WARN"), outcome=Outcome.DEGRADED))
    assert found.status is Status.WARN


def test_a_machine_of_no_class_is_skip_and_fails_where_the_node_has_one() -> None:
    text = line("INFO", "hardware_class", "no hardware class for DMI vendor 'x'", "SLICE_SUMMARY")
    skipped = run(text, outcome=Outcome.SKIPPED, result=result(text, "skipped", "SKIP"))
    found = judged(skipped, approved=Topology())
    assert found.status is Status.SKIP
    assert {one.check for one in found.verdicts if one.status is Status.PASS} == {
        "current_revision",
        "ended",
        "evidence",
    }
    assert "TOPOLOGY.hardware_class" in failures(judged(skipped))


def test_a_skip_that_maas_does_not_know_of_fails() -> None:
    text = line("INFO", "hardware_class", "box", "SLICE_SUMMARY")
    found = judged(run(text, result=result(text, "skipped", "SKIP")), approved=Topology("box"))
    assert failures(found) == {"RUN.evidence": "the result file says skipped, MAAS passed"}


def test_a_script_without_an_inventory_is_not_compared_with_the_topology() -> None:
    text = line("PASS", "a", "d") + summary()
    assert {one.area for one in judged(run(text)).verdicts} == {"RUN", "SLICE_GPU"}


def test_result_files() -> None:
    found = parse_result("status: degraded\nresults:\n  failures: 2\n  evidence: [a, b]\n")
    assert (found.status, found.get("failures"), found.evidence) == (ResultStatus.DEGRADED, "2", ("a", "b"))
    assert parse_result("") == parse_result(" \n")
    assert parse_result("status: passed\nresults: {evidence: {a: b}}\n").defects
    assert parse_result("status: 2026-13-99\n").defects
    assert parse_result("status: !!python/object:os.system x\n").defects


@pytest.mark.process
@pytest.mark.parametrize(("verdict", "status"), [("passed", Status.PASS), ("degraded", Status.FAIL)])
def test_what_the_shell_fragments_print_and_write_is_judged(tmp_path: Path, verdict: str, status: Status) -> None:
    report = "evidence_pass" if verdict == "passed" else "evidence_fail"
    program = (
        'LC_ALL=C; export LC_ALL; set -eu; for part in log file evidence result; do . "$1/$part.sh"; done\n'
        "evidence_begin one; evidence_fact SLICE_SUMMARY hardware_class box\n"
        f"{report} SLICE_GPU one 'it is \"so\": \\\\ and $HOME' 'do it'\n"
        'evidence_summary SLICE_SUMMARY box; result_value verdict "$evidence_verdict"; result_value count 3\n'
        f'result_write "$2" {verdict}\n'
    )
    lib = Path(__file__).parents[2] / "templates" / "lib"
    done = start(["sh", "-c", program, "sh", str(lib), str(tmp_path / "result.yaml")], timeout=20)
    written = (tmp_path / "result.yaml").read_text()
    outcome = Outcome.PASSED if verdict == "passed" else Outcome.DEGRADED
    found = judged(run(done.stdout, result=written, outcome=outcome), approved=Topology("box"))
    assert found.status is status
    assert "RUN.evidence" not in failures(found)
    assert parse_result(written).get("count") == "3"


def test_a_script_that_runs_on_request_need_not_have_run() -> None:
    never = judged(None, on_request=True)
    assert (never.status, never.stale) == (Status.SKIP, False)
    assert judged(None).stale
    assert not judged(run()).stale
    old = judged(run(revision=6), on_request=True)
    assert (old.status, old.stale) == (Status.WARN, False)
    assert judged(run(revision=6)).stale
    assert judged(run(stdout=""), on_request=True).status is Status.FAIL


def test_a_run_that_has_not_ended_is_judged_by_nothing_else() -> None:
    for unfinished in (Outcome.PENDING, Outcome.RUNNING):
        found = judged(run(stdout="", outcome=unfinished, exit_status=None, revision=None))
        assert [one.check for one in found.verdicts] == ["ended"]
    assert set(failures(judged(run(stdout="", problem="no base64")))) == {"RUN.readable"}


def test_no_revision_is_never_the_current_one() -> None:
    assert failures(judged(run(revision=None)))["RUN.current_revision"] == "ran no revision, MAAS holds 7"
    assert failures(judged(run(revision=6)))["RUN.current_revision"] == "ran revision 6, MAAS holds 7"
    assert not judged(run(revision=None), current=None).current


def test_a_skip_names_its_reason() -> None:
    text = line("INFO", "hardware_class", "no hardware class", "SLICE_SUMMARY")
    found = judged(run(text, outcome=Outcome.SKIPPED, result=result(text, "skipped", "SKIP")), approved=Topology())
    assert [one.detail for one in found.verdicts if one.check == "applies"] == ["no hardware class"]
    silent = judged(run("", outcome=Outcome.SKIPPED, result="status: skipped\n"))
    assert silent.status is Status.SKIP
    assert [one.detail for one in silent.verdicts if one.check == "applies"] == ["the script gives no reason"]
    for other in (run(), run(stdout=""), run(stdout="", result="")):
        assert "applies" not in {one.check for one in judged(other).verdicts}


def test_a_skip_over_checks_fails() -> None:
    found = judged(run(outcome=Outcome.SKIPPED, result=result(good(), "skipped")))
    assert failures(found) == {"RUN.evidence": "the result file says skipped, the summary PASS"}
    assert "applies" not in {one.check for one in found.verdicts}


def test_evidence_of_a_result_file_that_is_no_text() -> None:
    assert [one.message for one in parse_result("status: passed\nresults: {evidence: [1]}\n").defects] == [
        "`evidence` of the result file is no list of texts"
    ]
    [broken] = parse_result("status: passed\nresults: [\n").defects
    assert (broken.line, "cannot be read" in broken.message) == (3, True)
