"""The corpus of configurations, good and bad: each must give exactly the findings and values it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cases_support
import pytest

from gpuaas_scripts.config import check, report
from gpuaas_scripts.config.rules import check_site
from gpuaas_scripts.config.site import find_root, load, load_site, site_names
from gpuaas_scripts.errors import Finding, FindingsError, GpuaasError, Location, Severity

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = cases_support.folders()
EXPECTED_KEYS = {"about", "findings", "resolved", "hidden", "user_data"}
FINDING_KEYS = {"code", "at", "severity", "message", "hint", "also"}


def _params() -> list[Any]:
    marks = {True: [pytest.mark.process], False: []}
    return [pytest.param(case, id=case.name, marks=marks[cases_support.starts_processes(case)]) for case in FOLDERS]


@pytest.mark.parametrize("case", _params())
def test_case(case: Path) -> None:
    """Exactly the expected findings, in the order shown; resolved values; no hidden text anywhere."""
    wanted = cases_support.expected(case)
    assert set(wanted) <= EXPECTED_KEYS
    result = cases_support.run(case)
    found = [(finding.code, str(finding.location), str(finding.severity)) for finding in result.findings]
    listed = wanted.get("findings", [])
    assert found == [(one["code"], one["at"], one.get("severity", "error")) for one in listed]
    for finding, one in zip(result.findings, listed, strict=True):
        assert set(one) <= FINDING_KEYS
        assert one.get("message", "") in finding.message
        assert one.get("hint", "") in finding.hint
        if "also" in one:
            assert [str(place) for place in finding.also] == one["also"]
    for node, values in wanted.get("resolved", {}).items():
        assert {key: result.value(node, key) for key in values} == values
    for text in wanted.get("hidden", []):
        assert text not in result.shown


@pytest.mark.parametrize("case", _params())
def test_load_site_raises_exactly_for_errors(case: Path) -> None:
    """The library's entry: a site with errors of files or rules is refused, with all its findings."""
    for name in site_names(case):
        loaded = load(name, case)
        found = [*loaded.findings, *check_site(loaded.site)]
        if any(finding.severity is Severity.ERROR for finding in found):
            with pytest.raises(FindingsError) as raised:
                load_site(name, case)
            assert report.sort(raised.value.findings) == report.sort(found)
        else:
            assert [node.name for node in load_site(name, case).nodes] == [node.name for node in loaded.site.nodes]


def test_the_corpus_is_large_enough() -> None:
    """At least 45 bad cases and 12 good ones; a case that says nothing is neither."""
    wanted = [cases_support.expected(case) for case in FOLDERS]
    bad = [one for one in wanted if any(found.get("severity") != "warning" for found in one.get("findings", []))]
    good = [one for one in wanted if one not in bad and one.get("resolved")]
    assert len(bad) >= 45
    assert len(good) >= 12


def test_every_finding_says_how_to_go_on() -> None:
    """A message says what would be valid, or the hint how to get there."""
    for case in FOLDERS:
        if cases_support.starts_processes(case):
            continue
        for finding in cases_support.run(case).findings:
            assert finding.hint or "must be" in finding.message, finding


def test_assumed_profile(tmp_path: Path) -> None:
    """A node may be looked at with another profile; names that do not exist are refused."""
    case = cases_support.CASES / "good-order-of-layers"
    node = load("one", case, assume_profile={"n2": "plain"}).site.nodes[1]
    assert node.config.environment["D"] == "section"
    assert node.config.profile == "plain"
    with pytest.raises(GpuaasError, match="node 'n3'"):
        load("one", case, assume_profile={"n3": "plain"})
    with pytest.raises(GpuaasError, match="profile 'plane'"):
        load("one", case, assume_profile={"n2": "plane"})
    with pytest.raises(GpuaasError, match="site 'two' does not exist"):
        load("two", case)
    with pytest.raises(GpuaasError, match=r"no site-configs/ in"):
        find_root(tmp_path)
    assert find_root(case / "site-configs" / "nodes") == case


def test_excerpt_points_at_the_value() -> None:
    """The caret line underlines the value; tabs before it stay tabs."""
    case = cases_support.CASES / "unknown-key-suggestion"
    finding = cases_support.run(case).findings[1]
    assert report.text(finding, case.joinpath, lambda text, _: text).splitlines()[:4] == [
        "site-configs/nodes/one/n1.yaml:5:3: error[GS101]: unknown key 'adress'",
        "  5 |   adress: 192.0.2.7",
        "    |   ^^^^^^",
        "    = hint: did you mean 'address'? known: address, certificate_sha256, ipmi, mac, port, redfish",
    ]


def test_excerpt_without_secrets() -> None:
    """What may be a secret is masked from its first character on, and the caret stays below what is shown."""
    case = cases_support.CASES / "literal-secret-beside-other-problems"
    excerpts = [
        report.text(finding, case.joinpath, lambda text, _: text).splitlines()[1:3]
        for finding in cases_support.run(case).findings
    ]
    assert excerpts[:4] == [
        ["  3 |   ipmi: {username: 42, password: ***", "    |                    ^^"],
        ["  3 |   ipmi: {username: 42, password: ***", "    |                                  ^^^"],
        ["  4 |   redfish: {***", "    |             ^^^"],
        ["  4 |   redfish: {pasword: ***", "    |                      ^^^"],
    ]
    assert excerpts[-2:] == [
        ["  5 | maas: {api-key: ***", "    |        ^^^^^^^"],
        ["  2 | bmc: {ipmi: {password: ***", "    |                        ^^^"],
    ]


def test_excerpt_of_odd_lines(tmp_path: Path) -> None:
    """Tabs before the place stay tabs; a caret never goes beyond the line, and none is shown without a line."""
    (tmp_path / "x").write_text("\tkey: value\nshort\n")

    def lines(place: Location) -> list[str]:
        finding = Finding("GS104", Severity.ERROR, "wrong", place)
        return report.text(finding, tmp_path.joinpath, lambda text, _: text).splitlines()[1:]

    assert lines(Location("x", 1, 7, 5)) == ["  1 | \tkey: value", "    | \t     ^^^^^"]
    assert lines(Location("x", 1, 7, 50)) == ["  1 | \tkey: value", "    | \t     ^^^^^"]
    assert lines(Location("x", 2, 6)) == ["  2 | short", "    |      ^"]
    assert lines(Location("x", 3, 1)) == []
    assert lines(Location("x")) == []
    assert lines(Location("absent", 1, 1)) == []


def test_findings_are_shown_once_and_in_order() -> None:
    """Sorting drops repeated findings and orders by file, line, column."""
    case = cases_support.CASES / "whole-numbers"
    findings = cases_support.run(case).findings
    assert report.sort([*reversed(findings), *findings]) == findings
    assert [finding.location.line for finding in findings] == sorted(finding.location.line for finding in findings)


def test_suggestion() -> None:
    """A close name is suggested; all known ones are listed in order."""
    assert check.suggestion("adress", ["mac", "address"]) == "did you mean 'address'? known: address, mac"
    assert check.suggestion("zzz", ["mac", "address"]) == "known: address, mac"
    assert check.suggestion("zzz", []) == "known: none"


def test_problem_of_a_finding_is_hashable() -> None:
    """Findings are compared and de-duplicated by value."""
    findings: list[Finding] = cases_support.run(cases_support.CASES / "names").findings
    assert len({*findings, *findings}) == len(findings)
