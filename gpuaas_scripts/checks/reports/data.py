"""The report as JSON: findings, what could not be looked at, and counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ... import __version__
from ...config.report import as_data
from ...errors import Severity

if TYPE_CHECKING:
    from ..lint import Report


def render(report: Report) -> str:
    """One JSON object, indented, with a newline at the end."""
    data = {
        "generator": f"gpuaas-gen {__version__}",
        "findings": [as_data(one.finding) | {"check": one.check} for one in report.told],
        "skipped": [{"check": skip.check, "reason": skip.reason, "package": skip.package} for skip in report.skips],
        "counts": counts(report),
    }
    return json.dumps(data, indent=2) + "\n"


def counts(report: Report) -> dict[str, int]:
    """How much was found and looked at."""
    return {
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
        "skipped": len(report.skips),
        "suppressed": report.suppressed,
        "withheld": report.withheld,
        "checks": len(report.checks),
        "texts": report.texts,
    }
