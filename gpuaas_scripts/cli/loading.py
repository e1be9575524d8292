"""Loads and plans a site for a verb, with all findings of all stations at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..artifacts import Plan, approvals
from ..checks.shell_contract import check_library
from ..config.check import suggestion
from ..config.rules import check_site
from ..config.site import WHOLE, load
from ..errors import Finding, FindingsError, GpuaasError, Severity
from ..planner import make_plan
from ..renderers import render
from ..templates import Library

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ..config.site import Loaded, Share


@dataclass(frozen=True, slots=True)
class Checked:
    """A site with its plan and everything found on the way."""

    loaded: Loaded
    plan: Plan
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> list[Finding]:
        """The findings that keep other verbs from going on."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]


def check(name: str, root: Path, assume_profile: Mapping[str, str] | None = None, share: Share = WHOLE) -> Checked:
    """Load, check and plan a site (or a share of its nodes); nothing is raised for findings."""
    loaded = load(name, root, assume_profile=assume_profile, share=share)
    library = Library.for_root(root)
    plan = make_plan(loaded.site, library)
    found = [*loaded.findings, *check_site(loaded.site), *plan.findings, *_contract(library, share), *approvals(plan)]
    return Checked(loaded, plan, tuple(dict.fromkeys(found)))


def _contract(library: Library, share: Share) -> list[Finding]:
    """The contract of the templates; looked at by the first share only."""
    return check_library(library) if share.first else []


def check_all(name: str, root: Path) -> Checked:
    """Like `check`, and what only rendering finds: every artifact is rendered, and nothing written."""
    checked = check(name, root)
    if checked.errors:
        return checked
    try:
        for _ in render(checked.plan):
            pass
    except FindingsError as error:
        return replace(checked, findings=(*checked.findings, *error.findings))
    return checked


def planned(name: str, root: Path, assume_profile: Mapping[str, str] | None = None) -> Checked:
    """Like `check`, for verbs that cannot go on with errors: these raise FindingsError."""
    checked = check(name, root, assume_profile)
    refuse(name, checked.findings)
    return checked


def refuse(name: str, findings: Sequence[Finding]) -> None:
    """Raise FindingsError when there is an error among the findings."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        plural = "s" if len(errors) > 1 else ""
        raise FindingsError(f"site {name} has {len(errors)} error{plural}; nothing was done", errors)


def require_nodes(plan: Plan, names: Sequence[str]) -> None:
    """A GpuaasError when the planned site lacks one of the nodes."""
    require_known(plan.site.name, [node.name for node in plan.site.nodes], names)


def require_known(site: str, known: Sequence[str], names: Sequence[str]) -> None:
    """A GpuaasError when one of the names is not a node that the site is known to have."""
    for name in names:
        if name not in known:
            raise GpuaasError(f"site {site} has no node {name!r}", hint=suggestion(name, known))
