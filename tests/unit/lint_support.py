"""Runs a case of tests/lint/.

A case holds `input/` (files to lint by path, in the layout of a generated tree) or a small repository
(`site-configs/` and `templates/`), and expected.yaml. That is a list of findings, exactly these:

    - {code: SC2086, at: "maas/50-x.sh:12:8", severity: error, message_contains: part of it}

with severity `error` where absent, or a mapping with `about`, `real` (where it happened in the wild)
and `findings`, that list. Names are relative to `input/`, or those that a site's findings have.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import yaml

from gpuaas_scripts.checks.base import Skip, Tree
from gpuaas_scripts.checks.collect import tree_of_paths, tree_of_plan
from gpuaas_scripts.checks.lint import Report, lint
from gpuaas_scripts.checks.registry import CHECKS
from gpuaas_scripts.config.rules import check_site
from gpuaas_scripts.config.site import load, site_names
from gpuaas_scripts.errors import Finding, Severity
from gpuaas_scripts.planner import make_plan
from gpuaas_scripts.templates import Library

CASES = Path(__file__).parent.parent / "lint"


def folders() -> list[Path]:
    """The case folders, sorted."""
    return sorted(path.parent for path in CASES.glob("*/expected.yaml"))


def expected(case: Path) -> dict[str, Any]:
    """The content of expected.yaml as a mapping."""
    data = yaml.safe_load((case / "expected.yaml").read_text("utf-8"))
    return data if isinstance(data, dict) else {"findings": data or []}


def tree(case: Path) -> tuple[Tree, list[Finding | Skip]]:
    """The texts of a case; its site has no errors that `validate` would tell."""
    if (case / "input").is_dir():
        return tree_of_paths([case / "input"], case / "input")
    (name,) = site_names(case)
    loaded = load(name, case)
    plan = make_plan(loaded.site, Library([case / "templates"]))
    found = [*loaded.findings, *check_site(loaded.site), *plan.findings]
    errors = [str(finding) for finding in found if finding.severity is Severity.ERROR]
    assert not errors, errors
    return tree_of_plan(plan), []


def ready() -> list[str]:
    """The checks whose module is there."""
    return [name for name, entry in CHECKS.items() if find_spec(f"gpuaas_scripts.checks.{entry.module}")]


def run(case: Path) -> Report:
    """All checks over a case."""
    texts, problems = tree(case)
    return lint([texts], problems=problems, only=ready())
