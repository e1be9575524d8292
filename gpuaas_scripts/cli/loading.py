"""Loads and plans a site for a verb, with all findings of all stations at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..checks.shell_contract import check_library
from ..config.check import suggestion
from ..config.rules import check_site
from ..config.site import load
from ..errors import Finding, FindingsError, GpuaasError, Severity
from ..plan import Plan, approvals, make_plan
from ..templates import Library

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ..config.site import Loaded


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


def check(name: str, root: Path, assume_profile: Mapping[str, str] | None = None) -> Checked:
    """Load, check and plan a site; nothing is raised for findings."""
    loaded = load(name, root, assume_profile=assume_profile)
    library = Library.for_root(root)
    plan = make_plan(loaded.site, library)
    found = [*loaded.findings, *check_site(loaded.site), *plan.findings, *check_library(library), *approvals(plan)]
    return Checked(loaded, plan, tuple(dict.fromkeys(found)))


def planned(name: str, root: Path, assume_profile: Mapping[str, str] | None = None) -> Checked:
    """Like `check`, for verbs that cannot go on with errors: these raise FindingsError."""
    checked = check(name, root, assume_profile)
    if checked.errors:
        count = len(checked.errors)
        raise FindingsError(
            f"site {name} has {count} error{'s' if count > 1 else ''}; nothing was done", checked.errors
        )
    return checked


def require_nodes(plan: Plan, names: Sequence[str]) -> None:
    """A GpuaasError when the site lacks one of the nodes."""
    known = [node.name for node in plan.site.nodes]
    for name in names:
        if name not in known:
            raise GpuaasError(f"site {plan.site.name} has no node {name!r}", hint=suggestion(name, known))
