"""Rules across fields and nodes: what no single value can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..errors import Finding
    from .site import Site


def check_site(site: Site) -> list[Finding]:
    """All findings of the rules for a site; none of them writes anything."""
    return []
