"""Verdicts as text, JSON and JUnit XML: the same content, and nothing of a machine acts on a terminal."""

from __future__ import annotations

import json
from xml.etree import ElementTree

from gpuaas_scripts.evidence import report
from gpuaas_scripts.evidence.judge import Judged, Outcome, Run, Verdict
from gpuaas_scripts.evidence.parse import Status

EVIL = "\x1b[31mred\x07\u202e\x00"
RUN = Run("40-lab", Outcome.PASSED, 0, 7, "today", f"out {EVIL}\n", "err\n", "status: passed\n")
JUDGED = (
    Judged(
        "n1",
        "40-lab",
        "today",
        current=True,
        verdicts=(
            Verdict("RUN", "ended", Status.PASS, "exit status 0"),
            Verdict("SLICE_GPU", "gpu_count", Status.FAIL, f"7 of 8 {EVIL}", "reseat <it> & look"),
            Verdict("SLICE_GPU", "gpu_link", Status.SKIP, "stands on gpu_count, which is FAIL"),
            Verdict("SLICE_NVME", "nvme_raw", Status.WARN, "not empty", "approve"),
        ),
        run=RUN,
    ),
    Judged("n2", "40-lab", "", current=False, verdicts=(Verdict("RUN", "ran", Status.FAIL, "never ran", "run it"),)),
)


def test_text_shows_what_is_loud_and_all_on_request() -> None:
    short = report.text(JUDGED, everything=False, output=False)
    assert short.splitlines()[0] == "FAIL n1 40-lab: 1 PASS, 1 FAIL, 1 WARN, 1 SKIP, ended today"
    assert "RUN.ended" not in short
    assert "gpu_link" not in short
    assert "reseat <it> & look" in short
    assert "FAIL n2 40-lab: 1 FAIL" in short
    whole = report.text(JUDGED, everything=True, output=False)
    assert "  PASS RUN.ended: exit status 0" in whole
    assert "  SKIP SLICE_GPU.gpu_link: stands on gpu_count, which is FAIL" in whole
    assert "out " not in whole


def test_text_shows_output_on_request_and_lets_nothing_act_on_a_terminal() -> None:
    text = report.text(JUDGED, everything=True, output=True)
    assert "  | out " in text
    assert "  | err" in text
    assert "  --- result" in text
    for char in "\x1b\x07\u202e\x00":
        assert char not in text


def test_json_holds_everything() -> None:
    data = json.loads(report.as_json(JUDGED, site="lab", output=False))
    assert (data["site"], data["failed"]) == ("lab", 2)
    first = data["results"][0]
    assert (first["node"], first["status"], first["current_revision"]) == ("n1", "FAIL", True)
    assert [one["status"] for one in first["verdicts"]] == ["PASS", "FAIL", "SKIP", "WARN"]
    assert first["verdicts"][1]["remediation"] == "reseat <it> & look"
    assert "output" not in first
    with_output = json.loads(report.as_json(JUDGED, site="lab", output=True))["results"]
    assert with_output[0]["output"]["stderr"] == "err\n"
    assert "output" not in with_output[1]


def test_junit_counts_and_names_every_check() -> None:
    root = ElementTree.fromstring(report.as_junit(JUDGED, site="lab", output=True))  # noqa: S314 - our own
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("5", "2", "0")
    first, second = root
    assert (first.get("name"), first.get("tests"), first.get("failures"), first.get("skipped")) == (
        *("n1 40-lab", "4", "1", "1"),
    )
    cases = {case.get("name"): case for case in first.findall("testcase")}
    assert set(cases) == {"RUN.ended", "SLICE_GPU.gpu_count", "SLICE_GPU.gpu_link", "SLICE_NVME.nvme_raw"}
    failure = cases["SLICE_GPU.gpu_count"].find("failure")
    assert failure is not None
    assert (failure.text or "").endswith("\nreseat <it> & look")
    assert cases["SLICE_GPU.gpu_link"].find("skipped") is not None
    assert list(cases["RUN.ended"]) == []
    assert (cases["SLICE_NVME.nvme_raw"].findtext("system-out") or "").startswith("WARN")
    assert (first.findtext("system-err") or "") == "err\n"
    assert second.find("testcase/failure") is not None


def test_a_script_that_nobody_asked_for_is_shown_on_request() -> None:
    never = Judged("n1", "60-burn", "", current=False, verdicts=(Verdict("RUN", "ran", Status.SKIP, "never"),))
    assert report.text([never], everything=False, output=False) == ""
    assert report.text([never], everything=True, output=False).startswith("SKIP n1 60-burn: 1 SKIP")
    skipped = Judged("n1", "40-lab", "", current=True, verdicts=never.verdicts, run=RUN)
    assert report.text([skipped], everything=False, output=False) == "SKIP n1 40-lab: 1 SKIP"
