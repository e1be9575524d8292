"""Evidence lines: what the shell fragment prints is read back whole, and nothing unreadable is dropped."""

from __future__ import annotations

from pathlib import Path

import pytest
from evidence_support import good, gpu, inventory, line, summary

from gpuaas_scripts.evidence.parse import Defect, Line, Status, parse, read_line
from gpuaas_scripts.run import run

LIB = Path(__file__).parents[2] / "templates" / "lib"


def messages(text: str, **options: bool) -> list[str]:
    return [defect.message for defect in parse(text, **options).defects]


def test_a_whole_report_is_read_without_a_defect() -> None:
    report = parse(good())
    assert report.defects == ()
    assert report.passed
    assert [line.check for line in report.checks] == ["gpu_count"]
    assert report.summary is not None
    assert report.summary.get("failures") == "0"
    assert [line.detail for line in report.facts("gpu")] == ["0000:1b:00.0", "0000:3d:00.0"]
    assert report.facts("gpu")[1].get("numa") == "1"


def test_a_line_has_all_its_parts() -> None:
    found = read_line("GPUAAS_SLICE_KVM status=FAIL check=kvm_device detail=/dev/kvm\\ is\\ missing remediation=look")
    assert found == Line(1, "SLICE_KVM", Status.FAIL, "kvm_device", "/dev/kvm is missing", "look")


@pytest.mark.process
@pytest.mark.parametrize(
    "detail",
    ["plain", "", "two  blanks", 'it\'s "quoted"', "a=b c=d", "$(id) `id` \\ * ? ~ # ; & | < >", "tab\tnew\nline", "é"],
)
def test_what_the_shell_fragment_prints_is_read_back(detail: str) -> None:
    program = (
        'LC_ALL=C; export LC_ALL; set -eu; . "$1/log.sh"; . "$1/evidence.sh"; evidence_begin one two three\n'
        'evidence_fact SLICE_GPU gpu "$2" numa "$2"\n'
        'evidence_pass SLICE_GPU one "$2"; evidence_fail SLICE_GPU two "$2" "$2"\n'
        'evidence_stands_on SLICE_GPU three two || :; evidence_summary SLICE_SUMMARY "$2"\n'
    )
    done = run(["sh", "-c", program, "sh", str(LIB), detail], timeout=20)
    report = parse(done.stdout)
    assert report.defects == ()
    shown = detail.replace("\n", "\\n").replace("\t", "\\t").replace("é", "\\xc3\\xa9")
    fact, one, two, three = report.lines
    assert (fact.detail, fact.get("numa"), one.detail, two.detail, two.remediation) == (shown,) * 5
    assert [entry.status for entry in report.checks] == [Status.PASS, Status.FAIL, Status.SKIP]
    assert three.detail == "stands on two, which is FAIL"
    assert not report.passed


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("GPUAAS_X status=PASS check=a", "lacks detail"),
        ("GPUAAS_X status=GOOD check=a detail=d", "'GOOD' must be one of PASS, FAIL, WARN, SKIP, INFO"),
        ("GPUAAS_X status=pass check=a detail=d", "'pass' must be one of"),
        ("GPUAAS_x status=PASS check=a detail=d", "is no area"),
        ("GPUAAS status=PASS check=a detail=d", "is no area"),
        ("GPUAAS_X status=PASS check='a b' detail=d", "must be a name"),
        ("GPUAAS_X status=PASS check=a detail=d e", "'e' is no key=value"),
        ("GPUAAS_X status=PASS status=FAIL check=a detail=d", "status stands in it twice"),
        ("GPUAAS_X status=PASS check=a detail='d", "quoting is broken"),
        ("GPUAAS_X status=PASS check=a detail=d\\", "quoting is broken"),
        ("GPUAAS_X status=PASS check=a detail=d\x1b[2J", "printable ASCII"),
        ("GPUAAS_X status=PASS check=a detail=\u202ed", "printable ASCII"),
    ],
)
def test_an_unreadable_line_is_a_defect(raw: str, says: str) -> None:
    found = read_line(raw)
    assert isinstance(found, Defect)
    assert says in found.message
    report = parse(good().replace(summary(), f"{raw}\n{summary()}"))
    assert [defect.message for defect in report.defects] == [found.message]
    assert report.severe
    assert not report.passed
    assert "\x1b" not in found.message
    assert found.message.isascii()


def test_text_between_is_told_and_does_not_spoil_the_report() -> None:
    report = parse(f"hello\n{good()}")
    assert [defect.message for defect in report.defects] == ["one line is no evidence; the first: hello"]
    assert not report.severe
    assert report.passed
    assert messages(f"a\nb\n{good()}") == ["2 lines are no evidence; the first: a"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the summary line is missing"),
        (inventory(), "the summary line is missing"),
        (good().replace(summary(), ""), "the summary line is missing"),
        (good() + gpu("0000:44:00.0"), "evidence follows the summary line"),
        (good() + summary(), "a second summary line"),
        (good().replace(summary(), summary("PASS", failures=1)), "failures=1, its lines 0"),
        (good().replace(summary(), line("PASS", "summary", "x")), "skipped=, its lines 0"),
        (inventory() + summary(), "no check was reported"),
        (line("FAIL", "a", "d") + summary("PASS", failures=1), "PASS over failed checks"),
        (line("FAIL", "a", "d") + summary("WARN", failures=1), "WARN over failed checks"),
        (line("WARN", "a", "d") + summary("PASS", warnings=1), "PASS over warnings"),
        (line("SKIP", "a", "stands on b, which is not checked") + summary("PASS", skipped=1), "stand on nothing: a"),
        (
            line("PASS", "a", "d") + line("FAIL", "a", "d") + summary("FAIL", failures=1),
            "a was reported before, in line 1",
        ),
        (good().rstrip("\n"), "cut off"),
    ],
)
def test_a_report_that_contradicts_itself_cannot_be_relied_on(text: str, says: str) -> None:
    report = parse(text)
    assert any(says in defect.message for defect in report.defects), report.defects
    assert report.severe
    assert not report.passed


def test_inventory_alone_is_whole_where_no_summary_is_needed() -> None:
    assert messages(inventory(), needs_summary=False) == []
    assert messages(inventory() + line("PASS", "a", "d"), needs_summary=False) != []


@pytest.mark.parametrize("cut", range(0, len(good()) - 1, 7))
def test_a_report_cut_off_anywhere_is_never_passed(cut: int) -> None:
    assert not parse(good()[:cut]).passed


def test_failures_are_no_pass() -> None:
    report = parse(line("FAIL", "a", "d", remediation="r") + summary("FAIL", failures=1))
    assert report.defects == ()
    assert not report.passed


def test_what_is_whole_has_no_defect_and_what_is_not_has_just_one() -> None:
    warned = line("WARN", "a", "d") + summary("WARN", warnings=1)
    blocked = line("SKIP", "a", "stands on b, which is not checked") + summary("WARN", skipped=1)
    skipped = line("SKIP", "a", "nothing to judge") + line("PASS", "b", "c, which is not checked")
    for text in (warned, blocked, skipped + summary(skipped=1)):
        assert messages(text) == []
    for text in ("", inventory() + summary("FAIL")):
        assert len(messages(text)) == 1


def test_a_report_without_a_summary_is_never_passed() -> None:
    report = parse(inventory(), needs_summary=False)
    assert not report.severe
    assert not report.passed


def test_facts_are_inventory_alone() -> None:
    report = parse(gpu("0000:1b:00.0") + line("PASS", "gpu", "d") + summary())
    assert [line.detail for line in report.facts("gpu")] == ["0000:1b:00.0"]


def test_a_defect_names_its_line() -> None:
    assert str(Defect(3, "broken")) == "line 3: broken"
    assert str(Defect(0, "broken")) == "broken"
