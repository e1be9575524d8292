"""cloud-config and user data: every case without cloud-init, its opinion where it is there, and merging."""

from __future__ import annotations

from typing import TYPE_CHECKING

import checks_support
import pytest

from gpuaas_scripts.checks import cloud_config, cloud_merging, cloud_schema, data_formats, shapes, tools
from gpuaas_scripts.checks.base import Skip, Text, TextKind, Tree
from gpuaas_scripts.errors import Severity
from gpuaas_scripts.renderers.cloud_init import MAX_USER_DATA, MERGE_TYPE, assemble
from gpuaas_scripts.run import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gpuaas_scripts.errors import Finding

pytestmark = pytest.mark.process

PATH = "profiles/p/user-data.yaml"
CHECKS = ("cloud_config", "user_data", "data_formats")


@pytest.mark.parametrize("case", checks_support.cases("cloud-", "netplan-readable"), ids=lambda case: case.name)
def test_case_without_cloud_init(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks_support.alone(monkeypatch)
    checks_support.judge(case, CHECKS)


def test_what_is_missing_is_skipped_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    checks_support.alone(monkeypatch)
    monkeypatch.setattr(cloud_schema, "available", lambda: False)
    packages = [skip.package for skip in checks_support.skips("cloud_config", {PATH: "#cloud-config\n{}\n"})]
    assert packages == ["python3-jsonschema", "cloud-init"]
    assert checks_support.skips("cloud_config", {"etc/app.yaml": "a: 1\n"}) == []


def test_the_schema_is_that_of_the_stated_version() -> None:
    assert cloud_schema.VERSION in next(cloud_config.Path(cloud_schema.__file__).parent.glob("data/cloud-init-*")).name
    assert {"runcmd", "write_files", "ansible", "power_state"} <= set(cloud_schema.top_level())


def _with_cloud_init(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(tools, "find", lambda name: program if name == "cloud-init" else None)
    monkeypatch.setattr(tools, "remembered", lambda check, source, version, content, ask: ask())


def test_what_cloud_init_says_beyond_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "Error: Cloud config schema errors: packages.0: 'x' is bad, runcmd.0: {} is not of type 'array'"
    program = checks_support.program(tmp_path, "cloud-init", f'[ "$1" = schema ] || exit 0\necho "{said}" >&2\nexit 1')
    _with_cloud_init(monkeypatch, program)
    text = "#cloud-config\npackages:\n  - jq\nruncmd:\n  - {}\n"
    told = [(str(one.location), one.message) for one in checks_support.found("cloud_config", {PATH: text})]
    assert (f"{PATH}:3:5", "cloud-init refuses packages.0: 'x' is bad") in told
    assert len(told) == 2, "what was found before is not told twice"
    quiet = checks_support.program(tmp_path, "fine", "exit 0")
    _with_cloud_init(monkeypatch, quiet)
    assert len(checks_support.found("cloud_config", {PATH: text})) == 1


def test_a_cloud_init_that_breaks_down_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_cloud_init(monkeypatch, checks_support.program(tmp_path, "cloud-init", "echo Traceback >&2; exit 1"))
    with pytest.raises(CommandError, match="Traceback"):
        checks_support.found("cloud_config", {PATH: "#cloud-config\npackages: [jq]\n"})


@pytest.mark.skipif(tools.find("cloud-init") is None, reason="cloud-init is not installed")
@pytest.mark.parametrize("case", checks_support.cases("cloud-"), ids=lambda case: case.name)
def test_case_with_cloud_init(case: Path) -> None:
    checks_support.judge(case, CHECKS)


def test_programs_of_packages_count_for_all_parts_of_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    checks_support.alone(monkeypatch)
    command = "#cloud-config\nruncmd:\n  - [ovs-vsctl, show]\n"
    assert [one.code for one in checks_support.found("cloud_config", {PATH: command})] == ["GS463"]
    other = {"profiles/p/more/user-data.yaml": "#cloud-config\npackages: [openvswitch-switch]\n"}
    assert checks_support.found("cloud_config", {PATH: command, **other}) == []
    installs = "#cloud-config\nruncmd:\n  - apt-get install -y openvswitch-switch\n  - [ovs-vsctl, show]\n"
    assert checks_support.found("cloud_config", {PATH: installs}) == []


@pytest.mark.parametrize(
    ("size", "severity"),
    [(MAX_USER_DATA // 2, None), (MAX_USER_DATA - 9, Severity.WARNING), (MAX_USER_DATA + 1, Severity.ERROR)],
)
def test_size(size: int, severity: Severity | None) -> None:
    text = "#cloud-config\n" + "#" * (size - 15) + "\n"
    told = [one.severity for one in checks_support.found("user_data", {PATH: text})]
    assert told == ([severity] if severity else [])


def test_what_the_renderer_assembles_is_well_formed_and_merges() -> None:
    one = "#cloud-config\npackages:\n  - jq\nwrite_files:\n  - path: /a\n    content: Zürich\n"
    two = "#cloud-config\nwrite_files:\n  - path: /b\n    content: b\n"
    whole = assemble([("one.yaml", one), ("two.yaml", two)]).content.decode()
    assert checks_support.found("user_data", {"nodes/n/user-data": whole}) == []
    plain = assemble([("one.yaml", one.replace("ü", "u")), ("two.yaml", two)]).content.decode()
    assert checks_support.found("user_data", {"nodes/n/user-data": plain}) == []
    replacing = plain.replace(f"Merge-Type: {MERGE_TYPE}\n", "")
    assert [one.code for one in checks_support.found("user_data", {"nodes/n/user-data": replacing})] == ["GS469"]


@pytest.mark.parametrize(
    ("rule", "first", "second", "loses"),
    [
        ("dict(replace)+list()+str()", ["a"], ["b"], True),
        ("dict(replace)+list()+str()", "a", "a", False),
        (MERGE_TYPE, ["a"], ["b"], False),
        (MERGE_TYPE, {"x": ["a"]}, {"x": ["b"], "y": 1}, False),
        (MERGE_TYPE, {"x": "a"}, {"x": "b"}, True),
        ("list(append)+dict(no_replace)+str()", ["a"], ["b"], True),
        ("list()+dict(no_replace,recurse_list)+str()", ["a"], ["b"], True),
        ("list(prepend)+dict(recurse_array)+str()", ["a"], ["b"], False),
    ],
)
def test_what_merging_loses(rule: str, first: object, second: object, loses: bool) -> None:
    """As cloud-init's own mergers, with which all of this was compared."""
    parsed = cloud_merging.parse_rule(rule)
    assert parsed is not None
    lost = cloud_merging.lost_by("key", first, second, parsed)
    assert bool(lost) is loses
    if lost:
        assert ("later value replaces" in lost[1]) is rule.startswith("dict(replace)")


@pytest.mark.parametrize("rule", ["list(apend)", "dict{replace}", "set()", "list(append)+dict(recurse_lists)"])
def test_what_is_no_merge_rule(rule: str) -> None:
    assert cloud_merging.parse_rule(rule) is None


def _of_site(content: str, number: int) -> Text:
    return Text(f"n{number}", content, TextKind.CLOUD_CONFIG, artifact=object())  # type: ignore[arg-type]


def test_one_of_each_shape_is_looked_at_and_all_of_a_bad_one() -> None:
    looked: list[str] = []

    def look(text: Text) -> Iterator[Finding | Skip]:
        looked.append(text.path)
        if "bad" in text.content.split("content: |")[0]:
            yield text.finding("GS460", "bad", 1)

    part = "#cloud-config\n# node {0}\nwrite_files:\n  - path: {1}\n    content: |\n      of {0}\n"
    texts = [_of_site(part.format(number, "/a"), number) for number in range(5)]
    texts += [_of_site(part.format(number, "/bad"), number) for number in range(5, 8)]
    answers = list(shapes.once_for_each_shape(texts, look))
    assert looked == ["n0", "n5", "n6", "n7"]
    assert len(answers) == 3


def test_values_of_a_known_shape_are_looked_at_by_its_check() -> None:
    looked: list[str] = []

    def look(text: Text) -> Iterator[Finding | Skip]:
        looked.append(text.path)
        yield from ()

    texts = [_of_site(f"#\na: {number}\n", number) for number in range(4)]
    list(shapes.once_for_each_shape(texts, look, numbers=True, fits=lambda text: text.path != "n2"))
    assert looked == ["n0", "n2"]


def test_shapes_keep_what_a_check_looks_at() -> None:
    text = 'a:\n  - path: /x\n    permissions: "0600"\n    content: |\n      one\n\n      two\n  - path: /y\n'
    assert shapes.shape(text) == 'a:\n  - path: /x\n    permissions: "0600"\n    content: |\n  - path: /y\n'
    assert shapes.shape("x: 10.0.0.1/24\n", numbers=True) == shapes.shape("x: 10.99.0.1/16\n", numbers=True)
    assert shapes.shape("x: 1\n") != shapes.shape("x: 2\n")


@pytest.mark.parametrize("text", ["a: [1\n", "\t- a\n", "a: b: c\n", "- a\nb: c\n", "&a [*a]\n"])
def test_yaml_of_any_kind_does_not_raise(text: str) -> None:
    for check in (*CHECKS, "policy", "netplan"):
        for path in (PATH, "nodes/n/root/etc/netplan/60-x.yaml", "nodes/n/user-data"):
            checks_support.found(check, {path: f"#cloud-config\n{text}"})


def test_data_formats_takes_yaml_of_other_programs() -> None:
    assert list(data_formats.check(Tree(checks_support.tree({"a.yaml": "a: !vault x\n---\nb: 1\n"}).texts))) == []
