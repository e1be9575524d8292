"""Running the checks: every one is there, each is asked, and nothing that could not look passes unsaid."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import support

import gpuaas_scripts.checks
from gpuaas_scripts.checks.base import Skip, Text, TextKind, Tree
from gpuaas_scripts.checks.collect import tree_of_plan
from gpuaas_scripts.checks.lint import lint
from gpuaas_scripts.checks.registry import CHECKS, check_of, owners
from gpuaas_scripts.codes import CODES
from gpuaas_scripts.config.site import load
from gpuaas_scripts.errors import Severity
from gpuaas_scripts.planner import make_plan
from gpuaas_scripts.templates import Library

if TYPE_CHECKING:
    from gpuaas_scripts.checks.base import Check

TEXT = Text("a.sh", "#!/bin/sh\n", TextKind.SHELL)
TREE = Tree((TEXT,))


def nothing(_: Tree) -> list[Skip]:
    return []


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_of_the_list_is_there_and_says_what_it_is_about(name: str) -> None:
    assert find_spec(f"gpuaas_scripts.checks.{CHECKS[name].module}") is not None
    assert callable(check_of(name))
    assert CHECKS[name].about


@pytest.mark.parametrize("name", CHECKS)
def test_an_empty_tree_has_neither_findings_nor_skips(name: str) -> None:
    """A missing tool is no skip where there was nothing to look at."""
    assert list(check_of(name)(Tree(()))) == []


def test_every_code_of_lint_belongs_to_a_check() -> None:
    folder = Path(gpuaas_scripts.checks.__file__).parent
    for code in CODES:
        if code >= "GS410":
            assert owners(code), code
    for name, entry in CHECKS.items():
        tree = ast.parse((folder / f"{entry.module}.py").read_text())
        constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        for code in {one for one in constants if isinstance(one, str) and one in CODES}:
            assert name in owners(code), f"{name} gives {code}, which registry.py does not say"


def test_all_checks_run_once_for_each_tree_and_only_those_that_are_named() -> None:
    asked: list[tuple[str, Tree]] = []

    def find(name: str) -> Check:
        def check(tree: Tree) -> list[Skip]:
            asked.append((name, tree))
            return []

        return check

    other = Tree(())
    report = lint([TREE, other], find=find)
    assert sorted(asked, key=str) == sorted(((name, tree) for name in CHECKS for tree in (TREE, other)), key=str)
    assert report.checks == tuple(CHECKS)
    assert report.texts == 1
    asked.clear()
    assert lint([TREE], only=["unit", "shells"], find=find).checks == ("shells", "unit")
    assert {name for name, _ in asked} == {"shells", "unit"}


def test_findings_of_two_trees_about_one_place_are_told_once_and_sorted() -> None:
    found = [TEXT.finding("GS410", "b", 2), TEXT.finding("GS410", "a", 10), TEXT.finding("GS410", "c", 1)]
    skip = Skip("shells", "yash is not installed", "yash")
    report = lint([TREE, TREE], find=lambda name: lambda _: [*found, skip] if name == "shells" else [])
    assert [(one.location.line, one.message) for one in report.findings] == [(1, "c"), (2, "b"), (10, "a")]
    assert {one.check for one in report.told} == {"shells"}
    assert report.skips == (skip,)
    assert (report.count(Severity.ERROR), report.count(Severity.WARNING)) == (3, 0)


def test_what_could_not_be_read_is_part_of_the_report() -> None:
    finding, skip = TEXT.finding("GS404", "cannot be read", 0), Skip("reading", "x: not a text")
    report = lint([TREE], problems=[finding, skip], find=lambda _: nothing)
    assert report.findings == (finding,)
    assert report.told[0].check == "reading"
    assert report.skips == (skip,)


def test_a_finding_in_a_rendered_file_names_its_template_and_withheld_artifacts_are_counted(tmp_path: Path) -> None:
    support.repository(tmp_path)
    tree = tree_of_plan(make_plan(load("lab", tmp_path).site, Library([tmp_path / "templates"])))
    unit = next(text for text in tree.texts if text.kind is TextKind.UNIT)
    script = next(text for text in tree.texts if text.kind is TextKind.SHELL)
    line = script.content.split("\n").index("main() {") + 1
    found = [unit.finding("GS470", "made up", 1), script.finding("GS410", "made up", line)]
    report = lint([tree], find=lambda name: lambda _: found if name == "unit" else [])
    assert [(str(one.location), [str(place) for place in one.also]) for one in report.findings] == [
        (f"{unit.path}:1:1", ["templates/units/lab-hello.service/unit.j2"]),
        ("templates/scripts/lab-hello/body.sh:1:1", []),
    ]
    assert report.withheld == 3


@pytest.mark.process
def test_what_withheld_user_data_installs_counts_as_installed(tmp_path: Path) -> None:
    """A unit is not told to lack its script because the part that installs both waits for a value."""
    repository = support.repository(tmp_path)
    repository.edit("templates/files/lab-fabric/file.yaml", "scope: node", "scope: profile")
    repository.edit(
        "site-configs/profiles/worker.yaml", "  packages:", "    fabric: {address: to-be-approved}\n  packages:"
    )
    repository.edit("site-configs/nodes/lab/n1.yaml", "network:\n  fabric: {address: 10.30.0.1/16}\n", "")
    repository.edit("site-configs/nodes/lab/n2.yaml", "  fabric: {address: to-be-approved}\n", "")
    tree = tree_of_plan(make_plan(load("lab", tmp_path).site, Library([tmp_path / "templates"])))
    assert not any(text.path == "generated/lab/profiles/worker/user-data.yaml" for text in tree.texts)
    assert any(text.kind is TextKind.UNIT for text in tree.texts)
    assert "GS471" not in {finding.code for finding in lint([tree], only=["unit"]).findings}
    repository.edit("site-configs/profiles/worker.yaml", "  scripts: [lab-hello]\n", "")
    tree = tree_of_plan(make_plan(load("lab", tmp_path).site, Library([tmp_path / "templates"])))
    assert "GS471" in {finding.code for finding in lint([tree], only=["unit"]).findings}
