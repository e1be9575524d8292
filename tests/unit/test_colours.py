"""The table of both colours: what a script declares against what its tests have seen."""

from __future__ import annotations

import pytest

from gpuaas_scripts.lab.colours import Declared, as_text, declared, table

pytestmark = pytest.mark.process

SCRIPT = """\
evidence_summary() {
  evidence_fail "$area" "$check" 'was not reported' 'report it'
}
guards='disk_free disk_known'
main() {
  evidence_begin nat bridge $guards
  evidence_pass AREA nat 'seen'
  evidence_fail AREA nat 'not there' 'add it'
  evidence_warn AREA bridge 'odd' 'look at it'
  for guard in $guards; do
    evidence_fail AREA "$guard" 'held' 'free it'
  done
  evidence_pass AREA extra 'seen'
}
"""


def line(status: str, check: str, remediation: str = "mend_it", test: str = "test_a") -> str:
    told = f" remediation={remediation}" if remediation else ""
    return f"script\tdash\t{test}\tGPUAAS_AREA status={status} check={check} detail=x{told}"


def test_declared_are_the_words_of_evidence_begin_and_what_is_reported() -> None:
    assert declared("script", SCRIPT) == [
        Declared("script", "nat", can_fail=True),
        Declared("script", "bridge", can_fail=False),
        Declared("script", "disk_free", can_fail=True),
        Declared("script", "disk_known", can_fail=True),
    ]


def test_a_name_that_only_running_tells_is_told_by_the_runs() -> None:
    text = "main() {\n  evidence_begin $(names)\n  evidence_fail A nat x y\n}\n"
    assert declared("script", text) == []
    rows = table({"script": text}, [line("PASS", "bridge", ""), line("PASS", "nat", ""), line("FAIL", "nat")])
    assert [(row.check, row.complete) for row in rows] == [("bridge", False), ("nat", True)]


def test_a_script_that_never_ran_is_not_complete() -> None:
    [row] = table({"script": "main() {\n  evidence_begin $(names)\n}\n"}, [])
    assert not row.complete
    assert table({"script": "main() {\n  :\n}\n"}, []) == []


def test_functions_that_pass_a_check_on_report_it() -> None:
    text = """\
fail() {
  evidence_fail AREA "$1" "$2" "$3"
}
warn() {
  evidence_warn AREA "$1" "$2" "$3"
}
main() {
  evidence_begin "$@"
  fail nat x y
  warn bridge x y
}
"""
    rows = table({"script": text}, [line("WARN", "bridge"), line("WARN", "nat"), line("PASS", "nat", "")])
    assert [(row.check, row.broken) for row in rows] == [("bridge", "a"), ("nat", "")]


def test_inventory_and_the_summary_are_no_checks() -> None:
    assert table({"script": SIMPLE}, [line("INFO", "disk", ""), line("PASS", "summary", "")])[1:] == []


def test_what_a_script_never_calls_right_is_right_when_it_is_skipped() -> None:
    never = "main() {\n  evidence_begin cycle\n  evidence_fail A cycle x y\n}\n"
    lines = [line("SKIP", "cycle", ""), line("FAIL", "cycle")]
    assert [row.complete for row in table({"script": never}, lines)] == [True]
    sometimes = never.replace("  evidence_fail", "  evidence_pass A cycle x\n  evidence_fail")
    assert [row.complete for row in table({"script": sometimes}, lines)] == [False]


SIMPLE = "main() {\n  evidence_begin nat\n  evidence_pass A nat x\n  evidence_fail A nat x y\n}\n"
WARNS = "main() {\n  evidence_begin nat\n  evidence_pass A nat x\n  evidence_warn A nat x y\n}\n"


@pytest.mark.parametrize(
    ("evidence", "complete"),
    [
        ([line("PASS", "nat", ""), line("FAIL", "nat")], True),
        ([line("PASS", "nat", "")], False),
        ([line("FAIL", "nat")], False),
        ([line("PASS", "nat", ""), line("WARN", "nat")], False),
        ([line("PASS", "nat", ""), line("SKIP", "nat", "")], False),
        ([line("PASS", "nat", ""), line("FAIL", "nat", "")], False),
        ([line("PASS", "nat", ""), line("FAIL", "nat"), line("FAIL", "nat", "")], False),
        ([line("PASS", "nat", ""), line("FAIL", "other")], False),
        ([line("PASS", "nat", ""), line("FAIL", "nat").replace("script", "other", 1)], False),
        ([], False),
    ],
)
def test_a_row_is_complete_when_both_colours_were_seen_with_a_remediation(evidence: list[str], complete: bool) -> None:
    row, *_ = table({"script": SIMPLE}, evidence)
    assert row.complete is complete


def test_a_warning_is_the_broken_colour_only_of_what_cannot_fail() -> None:
    [row] = table(
        {"script": WARNS}, [line("PASS", "nat", ""), line("WARN", "nat", test="test_warned-2c_and_more-5fso")]
    )
    assert row.complete
    assert row.broken == "warned, and more_so"


def test_the_table_names_the_first_test_of_each_colour_and_what_is_missing() -> None:
    evidence = [line("PASS", "nat", "", "first"), line("PASS", "nat", "", "second"), line("FAIL", "nat", "", "quiet")]
    text = as_text(table({"script": SIMPLE}, evidence))
    assert text.splitlines()[1].split() == ["script", "nat", "first", "quiet", "(no", "remediation)"]
    assert as_text(table({"script": SIMPLE}, [])).splitlines()[1].split() == ["script", "nat", "-", "-"]
