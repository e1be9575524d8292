"""The report as SARIF 2.1.0 (OASIS, Static Analysis Results Interchange Format), as code hosts read it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ... import __version__
from .rules import help_uri, meaning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...errors import Finding, Location
    from ..base import Skip
    from ..lint import Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "SRCROOT"


def render(report: Report) -> str:
    """One SARIF log with one run, with a newline at the end."""
    codes = sorted({finding.code for finding in report.findings})
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "gpuaas-gen lint",
                "version": __version__,
                "rules": [_rule(code) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {"executionSuccessful": True, "toolExecutionNotifications": [_notification(skip) for skip in report.skips]}
        ],
        "results": [_result(finding, codes) for finding in report.findings],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> dict[str, Any]:
    known = meaning(code)
    rule: dict[str, Any] = {"id": code}
    if known is not None:
        rule |= {"shortDescription": {"text": known.title}, "fullDescription": {"text": known.explanation}}
        rule |= {"help": {"text": known.explanation}}
    if help_uri(code):
        rule["helpUri"] = help_uri(code)
    return rule


def _result(finding: Finding, codes: Sequence[str]) -> dict[str, Any]:
    text = finding.message + (f"\nhint: {finding.hint}" if finding.hint else "")
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": str(finding.severity),
        "message": {"text": text},
        "locations": [_location(finding.location)],
    }
    if finding.also:
        result["relatedLocations"] = [_location(place) for place in dict.fromkeys(finding.also)]
    return result


def _location(place: Location) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": _artifact(place.file)}
    if place.line:
        start = max(place.column, 1)
        physical["region"] = {"startLine": place.line, "startColumn": start, "endColumn": start + place.length}
    return {"physicalLocation": physical}


def _artifact(file: str) -> dict[str, str]:
    escaped = quote(os.fsencode(file))  # a name need not be UTF-8
    return {"uri": f"file://{escaped}"} if file.startswith("/") else {"uri": escaped, "uriBaseId": _ROOT}


def _notification(skip: Skip) -> dict[str, Any]:
    package = f"; install {skip.package}" if skip.package else ""
    return {"level": "warning", "message": {"text": f"skipped {skip.check}: {skip.reason}{package}"}}
