"""Codes of findings: each one that the source gives is registered, explained and shown by a bad case."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import cases_support
import lint_support
import pytest

import gpuaas_scripts
from gpuaas_scripts.codes import CODES

PACKAGE = Path(gpuaas_scripts.__file__).parent
_CODE = re.compile(r"GS\d{3}\Z")


def codes_in(text: str) -> set[str]:
    """Codes that stand in a module as text, other than in docstrings' prose."""
    return {
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _CODE.match(node.value)
    }


def codes_of_source() -> dict[str, set[str]]:
    """Code to the modules that give it."""
    users: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if path == PACKAGE / "codes.py":
            continue
        for code in codes_in(path.read_text("utf-8")):
            users.setdefault(code, set()).add(str(path.relative_to(PACKAGE)))
    return users


def codes_of_cases() -> set[str]:
    """Codes that a case of one of the two corpora expects."""
    wanted = [cases_support.expected(case).get("findings", []) for case in cases_support.folders()]
    wanted += [lint_support.expected(case)["findings"] for case in lint_support.folders()]
    return {finding["code"] for findings in wanted for finding in findings}


def test_codes_are_found_in_source() -> None:
    """The search sees codes as arguments, and not those within other text."""
    assert codes_in('Finding("GS001", x)\n"""GS002 is prose"""\ny = ["GS003"]') == {"GS001", "GS003"}


def test_every_code_of_the_source_is_registered_and_every_registered_one_is_given() -> None:
    """A new code is added to codes.py in the same commit; a retired one leaves it."""
    assert set(codes_of_source()) == set(CODES)


def test_every_code_has_a_case() -> None:
    """A code without a case in tests/cases/ or tests/lint/ is not tested."""
    assert set(codes_of_source()) - codes_of_cases() == set()


@pytest.mark.parametrize("code", CODES)
def test_explanation(code: str) -> None:
    """A code has a title without a stop, and at least one full sentence on what to do."""
    title, explanation = CODES[code]
    assert title
    assert not title.endswith(".")
    assert explanation.endswith((".", "!"))
    assert len(title) <= 60


def test_a_rule_has_its_codes_to_itself() -> None:
    """A code of the rules is given by one module only."""
    for code, modules in codes_of_source().items():
        if any(module.startswith("config/rules/") for module in modules):
            assert len(modules) == 1, code
