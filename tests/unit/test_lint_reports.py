"""Reports of lint for other programs: valid in their format, whatever a finding says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator, ValidationError

from gpuaas_scripts.checks.base import Skip, Text, TextKind, Tree
from gpuaas_scripts.checks.lint import Report
from gpuaas_scripts.checks.registry import CHECKS, Told
from gpuaas_scripts.checks.reports import data, github, junit, sarif, text
from gpuaas_scripts.checks.reports.rules import meaning
from gpuaas_scripts.checks.reports.shellcheck_codes import SHELLCHECK
from gpuaas_scripts.codes import CODES
from gpuaas_scripts.errors import Finding, Location, Severity

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "sarif-2.1.0-subset.json").read_text())
ODD = "50%, a: b\r\nnext, <&\"'> ]]> \x00\x1b\ud800 é 😀"


def report(*findings: Finding, skips: tuple[Skip, ...] = (), check: str = "unit") -> Report:
    """A report of one check."""
    return Report(tuple(Told(check, one) for one in findings), skips, (check, "shells"), 7, 2, 1)


def finding(message: str = "wrong", **more: object) -> Finding:
    values: dict[str, object] = {
        "code": "GS400",
        "severity": Severity.ERROR,
        "message": message,
        "location": Location("a b/ü%.sh", 3, 5, 4),
        "hint": "mend it",
    }
    return Finding(**{**values, **more})  # type: ignore[arg-type]


SKIP = Skip("unit", "systemd-analyze is not installed", "systemd")
FULL = report(
    finding(),
    finding(ODD, severity=Severity.WARNING, code="SC2086", hint=""),
    finding(location=Location("whole")),
    finding(location=Location("/abs/x y\udcff.sh", 1, 1), also=(Location("b.sh", 2, 1), Location("b.sh", 2, 1))),
    skips=(SKIP, Skip("unit", ODD)),
)
EMPTY = report()


# --- SARIF


def validate(document: str) -> dict[str, object]:
    """The run of a valid SARIF log."""
    log = json.loads(document)
    Draft7Validator(SCHEMA, format_checker=Draft7Validator.FORMAT_CHECKER).validate(log)
    run: dict[str, object] = log["runs"][0]
    return run


def test_the_schema_refuses_what_is_no_sarif() -> None:
    """The other colour: the schema is not one that takes anything."""
    log = json.loads(sarif.render(FULL))
    Draft7Validator.check_schema(SCHEMA)
    for change in (
        {"version": "2.0.0"},
        {"runs": [{}]},
        {"runs": [log["runs"][0] | {"result": []}]},
        {"runs": [log["runs"][0] | {"results": [{"ruleId": "x"}]}]},
        {"runs": [log["runs"][0] | {"results": [{"message": {"text": "x"}, "level": "fatal"}]}]},
    ):
        with pytest.raises(ValidationError):
            Draft7Validator(SCHEMA).validate(log | change)


def test_sarif() -> None:
    run = validate(sarif.render(FULL))
    results = run["results"]
    assert isinstance(results, list)
    rules = run["tool"]["driver"]["rules"]  # type: ignore[index]
    assert [rule["id"] for rule in rules] == ["GS400", "SC2086"]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in results)
    assert [one["level"] for one in results] == ["error", "warning", "error", "error"]
    first = results[0]["locations"][0]["physicalLocation"]
    assert first["artifactLocation"] == {"uri": "a%20b/%C3%BC%25.sh", "uriBaseId": "SRCROOT"}
    assert first["region"] == {"startLine": 3, "startColumn": 5, "endColumn": 9}
    assert "region" not in results[2]["locations"][0]["physicalLocation"]
    assert results[3]["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///abs/x%20y%FF.sh"}
    assert len(results[3]["relatedLocations"]) == 1
    notes = run["invocations"][0]["toolExecutionNotifications"]  # type: ignore[index]
    assert notes[0]["message"]["text"] == "skipped unit: systemd-analyze is not installed; install systemd"
    assert rules[1]["helpUri"] == "https://www.shellcheck.net/wiki/SC2086"


def test_sarif_of_nothing() -> None:
    assert validate(sarif.render(EMPTY))["results"] == []


# --- JUnit: junit-10.xsd of Jenkins' xunit plugin, as tables: attributes (True: required), and children.

ATTRIBUTES = {
    "testsuites": {"name": False, "time": False, "tests": False, "failures": False, "errors": False},
    "testsuite": {
        **dict.fromkeys(("name", "tests", "failures", "errors"), True),
        **dict.fromkeys(("group", "time", "skipped", "timestamp", "hostname", "id", "package", "file"), False),
    },
    "testcase": {"name": True, "time": False, "classname": False, "group": False},
    "failure": {"type": False, "message": False},
    "error": {"type": False, "message": False},
    "skipped": {"type": False, "message": False},
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"testsuite", "testcase"},
    "testcase": {"skipped", "error", "failure"},
}


def parsed(document: str) -> Element:
    """The root element."""
    return fromstring(document.encode())  # noqa: S314 - our own text


def junit_problems(element: Element) -> list[str]:
    """What is not as the schema wants it."""
    known = ATTRIBUTES.get(element.tag, {})
    found = [f"{element.tag}: attribute {name}" for name in element.keys() - known.keys()]
    found += [f"{element.tag}: no {name}" for name, needed in known.items() if needed and element.get(name) is None]
    if element.tag not in ATTRIBUTES:
        found.append(f"element {element.tag}")
    if element.tag in CHILDREN and (element.text or "").strip():
        found.append(f"{element.tag}: text")
    for child in element:
        if child.tag not in CHILDREN.get(element.tag, set()):
            found.append(f"{element.tag}: {child.tag} within")
        found += junit_problems(child)
    return found


@pytest.mark.parametrize(
    "bad",
    [
        "<testsuites skipped='1'/>",
        "<testsuites><testcase name='x'/></testsuites>",
        "<testsuites><testsuite name='x'/></testsuites>",
        "<testsuites><testsuite name='x' tests='0' failures='0' errors='0'>x</testsuite></testsuites>",
        "<report/>",
    ],
)
def test_the_tables_refuse_what_is_no_junit(bad: str) -> None:
    assert junit_problems(parsed(bad))


def test_junit() -> None:
    root = parsed(junit.render(FULL))
    assert junit_problems(root) == []
    assert root.attrib == {"name": "gpuaas-gen lint", "tests": "7", "failures": "4", "errors": "0"}
    unit, shells = root
    assert unit.attrib == {"name": "unit", "tests": "6", "failures": "4", "errors": "0", "skipped": "2"}
    assert unit[0].attrib == {"classname": "lint.unit", "name": "a b/ü%.sh:3:5: GS400"}
    assert unit[0][0].attrib == {"type": "GS400", "message": "wrong"}
    assert unit[0][0].text == "a b/ü%.sh:3:5: error: wrong\nhint: mend it"
    assert unit[4][0].attrib == {"message": "systemd-analyze is not installed (install systemd)"}
    assert shells.attrib == {"name": "shells", "tests": "1", "failures": "0", "errors": "0", "skipped": "0"}
    assert shells[0].attrib["name"] == CHECKS["shells"].about


def test_junit_of_other_checks() -> None:
    """What is found while reading, or about suppressions, has a suite of its own."""
    root = parsed(junit.render(report(finding(), check="suppressions")))
    assert junit_problems(root) == []
    assert [suite.get("name") for suite in root] == ["suppressions", "shells"]


# --- GitHub


def unescape(value: str) -> str:
    """As the runner reads it: %25 last."""
    for code, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        value = value.replace(code, sign)
    return value


def read_command(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as the runner reads it."""
    match = re.fullmatch(r"::(\w+) ([^\n\r]*?)::([^\n\r]*)", line)
    assert match is not None, line
    properties = dict(one.split("=", 1) for one in match[2].split(","))
    return match[1], {name: unescape(value) for name, value in properties.items()}, unescape(match[3])


def test_github() -> None:
    lines = github.render(FULL).split("\n")
    assert lines.pop() == ""
    assert lines[0] == "::error file=a b/ü%25.sh,line=3,col=5,endColumn=9,title=GS400::wrong%0Ahint: mend it"
    assert read_command(lines[1])[2] == ODD
    assert read_command(lines[2]) == ("error", {"file": "whole", "title": "GS400"}, "wrong\nhint: mend it")
    assert read_command(lines[4]) == (
        "warning",
        {"title": "lint skipped: unit"},
        "systemd-analyze is not installed (install systemd)",
    )
    assert len(lines) == 6


def test_github_escapes_separators_in_properties() -> None:
    (line,) = github.render(report(finding(location=Location("a,b:c::d%2C.sh", 1, 1)))).splitlines()
    assert read_command(line)[1]["file"] == "a,b:c::d%2C.sh"


# --- JSON and text


def test_json() -> None:
    told = json.loads(data.render(FULL))
    assert told["counts"] == {
        "errors": 3,
        "warnings": 1,
        "skipped": 2,
        "suppressed": 1,
        "withheld": 2,
        "checks": 2,
        "texts": 7,
    }
    assert told["findings"][0] == {
        "check": "unit",
        "code": "GS400",
        "severity": "error",
        "message": "wrong",
        "file": "a b/ü%.sh",
        "line": 3,
        "column": 5,
        "hint": "mend it",
        "also": [],
    }
    assert told["skipped"][0] == {"check": "unit", "reason": "systemd-analyze is not installed", "package": "systemd"}


def test_text_shows_the_rendered_line_and_not_an_older_file(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_text("one\nold text\n")
    (tmp_path / "b.sh").write_text("on disk\n")
    trees = [Tree((Text("a.sh", "one\nnew text\n", TextKind.SHELL),))]
    place = text.places(trees, tmp_path.joinpath)
    told = report(
        finding(location=Location("a.sh", 2, 5, 4)),
        finding(location=Location("b.sh", 1, 1)),
        finding(location=Location("a.sh", 9, 1)),
        skips=(SKIP,),
    )
    assert list(text.entries(told, place, lambda words, _: words)) == [
        "a.sh:2:5: error[GS400]: wrong\n  2 | new text\n    |     ^^^^\n    = hint: mend it",
        "b.sh:1:1: error[GS400]: wrong\n  1 | on disk\n    | ^\n    = hint: mend it",
        "a.sh:9:1: error[GS400]: wrong\n    = hint: mend it",
        "SKIP unit: systemd-analyze is not installed; install systemd",
    ]


def test_a_secret_is_in_no_report() -> None:
    content = "token=hunter2-hunter2\n"
    place = text.places([Tree((Text("a.sh", content, TextKind.SHELL),))], Path)
    told = report(finding("a secret", location=Location("a.sh", 1, 7, 15), secret=True))
    shown = "".join(text.entries(told, place, lambda words, _: words))
    assert "token=***" in shown
    for form in (shown, *(module.render(told) for module in (sarif, junit, github, data))):
        assert "hunter2" not in form


@given(st.text(), st.text(), st.text(min_size=1))
def test_any_text_fits_any_form(message: str, hint: str, file: str) -> None:
    told = report(finding(message, hint=hint, location=Location(file, 1, 1)), skips=(Skip("unit", message, hint),))
    validate(sarif.render(told))
    assert junit_problems(parsed(junit.render(told))) == []
    assert json.loads(data.render(told))["findings"][0]["message"] == message
    name, properties, words = read_command(github.render(told).split("\n")[0])
    assert (name, properties["file"]) == ("error", file)
    assert words == (f"{message}\nhint: {hint}" if hint else message)


# --- what codes mean


def test_every_code_has_a_meaning() -> None:
    for code in (*CODES, *SHELLCHECK):
        known = meaning(code)
        assert known is not None
        assert known.title
        assert known.explanation
        assert len(known.title) <= 60
        assert not known.title.endswith(".")


def test_shellcheck_codes_name_their_page() -> None:
    known = meaning("SC2086")
    assert known is not None
    assert known.title == "an unquoted variable"
    assert known.explanation.endswith("https://www.shellcheck.net/wiki/SC2086")
    rare = meaning("SC1999")
    assert rare is not None
    assert "https://www.shellcheck.net/wiki/SC1999" in rare.explanation
    assert all(re.fullmatch(r"SC[123][0-9]{3}", code) for code in SHELLCHECK)


@pytest.mark.parametrize("code", ["", "GS", "GS999", "SC1", "SC20860", "XX1000", "gs400"])
def test_no_such_code(code: str) -> None:
    assert meaning(code) is None
