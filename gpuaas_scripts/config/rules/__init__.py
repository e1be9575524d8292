"""Rules across fields, nodes and sites: what no single value can tell.

A rule that lacks a value it needs stays silent: absent values are told by the plan, and values
marked `to-be-approved` are nobody's fault yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import locate
from .capacity import check_capacity
from .drivers import check_drivers
from .identity import check_identities, check_maas_regions
from .modes import check_bf3, check_unchosen_modes
from .network import check_networks
from .secrets import check_environment
from .slots import check_slots

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ...errors import Finding
    from ..site import Site

NODE_RULES = (check_slots, check_capacity, check_networks, check_bf3, check_drivers, check_environment)
"""Rules that look at one node; each yields problems, which are located only when there are any."""


def check_site(site: Site) -> list[Finding]:
    """All findings of the rules for a site, each once; a problem of a shared file is told there."""
    findings = [locate(node, problem) for node in site.nodes for rule in NODE_RULES for problem in rule(node)]
    findings += check_unchosen_modes(site)
    findings += check_identities(site)
    return list(dict.fromkeys(findings))


def check_sites(sites: Iterable[Site]) -> list[Finding]:
    """Findings of the rules between sites; those of each site are `check_site`'s."""
    return check_maas_regions(list(sites))
