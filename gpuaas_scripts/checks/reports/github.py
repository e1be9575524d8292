"""The report as GitHub workflow commands, which a job shows at the lines of a pull request.

Source of the form and its escaping: GitHub's "Workflow commands for GitHub Actions" and the
`command` module of actions/toolkit: a message escapes `%`, CR and LF, a property also `:` and `,`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...errors import Finding
    from ..base import Skip
    from ..lint import Report


def render(report: Report) -> str:
    """One line for each finding and each skip."""
    lines = [_finding(finding) for finding in report.findings] + [_skip(skip) for skip in report.skips]
    return "".join(f"{line}\n" for line in lines)


def _finding(finding: Finding) -> str:
    place = finding.location
    properties: dict[str, object] = {"file": place.file}
    if place.line:
        properties |= {"line": place.line, "col": place.column, "endColumn": place.column + place.length}
    text = finding.message
    if finding.hint:
        text += f"\nhint: {finding.hint}"
    return _command(str(finding.severity), properties | {"title": finding.code}, text)


def _skip(skip: Skip) -> str:
    package = f" (install {skip.package})" if skip.package else ""
    return _command("warning", {"title": f"lint skipped: {skip.check}"}, f"{skip.reason}{package}")


def _command(name: str, properties: dict[str, object], message: str) -> str:
    told = ",".join(f"{key}={_property(str(value))}" for key, value in properties.items())
    return f"::{name} {told}::{_message(message)}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
