"""Loads and plans a site for a verb, with all findings of all stations at once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..checks.shell_contract import check_library
from ..config.check import suggestion
from ..config.rules import check_site
from ..config.site import CONFIG_FOLDER, load, site_names
from ..errors import Finding, FindingsError, GpuaasError, Severity
from ..plan import Plan, approvals, make_plan
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


def check(name: str, root: Path, assume_profile: Mapping[str, str] | None = None, share: Share = (0, 1)) -> Checked:
    """Load, check and plan a site (or a share of its nodes); nothing is raised for findings."""
    if "/" in name or name.startswith("."):
        raise GpuaasError(f"{name!r} is not a name of a site", hint=suggestion(name, site_names(root)))
    _require_folders(root, name)
    loaded = load(name, root, assume_profile=assume_profile, share=share)
    library = Library.for_root(root)
    plan = make_plan(loaded.site, library)
    found = [*loaded.findings, *check_site(loaded.site), *plan.findings, *check_library(library), *approvals(plan)]
    return Checked(loaded, plan, tuple(dict.fromkeys(found)))


def _require_folders(root: Path, site: str) -> None:
    """A GpuaasError where something that is no folder stands in a folder's place: it would count as empty."""
    for folder in ("sites", "hardware", "profiles", "nodes", f"nodes/{site}"):
        place = root / CONFIG_FOLDER / folder
        if not place.is_dir() and os.path.lexists(place):
            raise GpuaasError(f"{CONFIG_FOLDER}/{folder} is not a folder", hint="remove it, or move it elsewhere")


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
