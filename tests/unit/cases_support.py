"""Runs a case of tests/cases/: a small repository through all stations, in memory.

A case holds site-configs/, templates/ where it needs some, and expected.yaml:

    about: what the case shows
    findings:              # exactly these; none where absent
      - {code: GS104, at: "site-configs/nodes/one/n1.yaml:3:12", severity: error, message: part of it}
        # severity is `error` where absent; `also: [place]` and `hint: part of it` are compared where given
    resolved:              # node to key to value, as templates get it
      n1: {network.bridge.name: ovsbr0}
    hidden: [text]         # must not stand in anything shown to the user
    user_data: n1          # print this node's user data as well
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gpuaas_scripts.artifacts import approvals
from gpuaas_scripts.checks.shell_contract import check_library
from gpuaas_scripts.config import keys, report
from gpuaas_scripts.config.rules import check_site, check_sites
from gpuaas_scripts.config.site import Loaded, load, site_names
from gpuaas_scripts.errors import Finding, FindingsError, Severity
from gpuaas_scripts.planner import make_plan
from gpuaas_scripts.renderers import render, user_data
from gpuaas_scripts.templates import Library

CASES = Path(__file__).parent.parent / "cases"


def folders() -> list[Path]:
    """The case folders, sorted."""
    return sorted(path.parent for path in CASES.glob("*/expected.yaml"))


def starts_processes(case: Path) -> bool:
    """Whether the case holds shell, whose syntax tree another program makes."""
    return any((case / "templates").rglob("*.sh"))


def expected(case: Path) -> dict[str, Any]:
    """The content of expected.yaml."""
    data: dict[str, Any] = yaml.safe_load((case / "expected.yaml").read_text("utf-8"))
    return data


@dataclass(slots=True)
class Result:
    """What the stations made of a case: findings in the order shown, sites, and all text shown."""

    findings: list[Finding] = field(default_factory=list)
    sites: list[Loaded] = field(default_factory=list)
    shown: str = ""

    def value(self, node: str, key: str) -> object:
        """The value of a key for a node, lists and tables as lists."""
        config = {one.name: one for loaded in self.sites for one in loaded.site.nodes}[node]
        wanted = keys.find(key)
        start = config.config if wanted.root == "node" else config.hardware and config.hardware.facts
        return _plain(keys.shape(wanted.read(start)))


def run(case: Path) -> Result:
    """The case through load, rules, plan, contract and, where nothing is wrong so far, rendering."""
    result = Result()
    library = Library([case / "templates"])  # without the packaged ones: a case stands on its own
    for name in site_names(case):
        loaded = load(name, case)
        plan = make_plan(loaded.site, library)
        result.sites.append(loaded)
        result.findings += [*loaded.findings, *check_site(loaded.site), *plan.findings, *approvals(plan)]
        if starts_processes(case):
            result.findings += check_library(library)
        if not any(finding.severity is Severity.ERROR for finding in result.findings):
            try:
                for _ in render(plan):
                    pass
                if node := expected(case).get("user_data"):
                    user_data(plan, node)
            except FindingsError as error:
                result.findings += error.findings
    result.findings += check_sites([loaded.site for loaded in result.sites])
    result.findings = report.sort(result.findings)
    texts = [report.text(finding, case.joinpath, lambda text, _: text) for finding in result.findings]
    data = json.dumps([report.as_data(finding) for finding in result.findings], default=str)
    result.shown = "\n".join([*texts, *map(str, result.findings), data])
    return result


def _plain(value: object) -> object:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
