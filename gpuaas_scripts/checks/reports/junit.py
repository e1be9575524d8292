"""The report as JUnit XML: a suite for each check, a failed case for each finding.

Form: junit-10.xsd of Jenkins' xunit plugin, which GitLab and others read, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..registry import CHECKS

if TYPE_CHECKING:
    from ...errors import Finding
    from ..base import Skip
    from ..lint import Report

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold (its production 2, Char)."""


def render(report: Report) -> str:
    """A whole document, with a newline at the end."""
    root = Element("testsuites", name="gpuaas-gen lint")
    for check in dict.fromkeys([*report.checks, *(one.check for one in report.told), *(s.check for s in report.skips)]):
        findings = [one.finding for one in report.told if one.check == check]
        _suite(root, check, findings, [skip for skip in report.skips if skip.check == check])
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    indent(root)
    text: str = tostring(root, encoding="unicode", short_empty_elements=True)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _suite(root: Element, check: str, findings: list[Finding], skips: list[Skip]) -> None:
    cases = len(findings) + len(skips) or 1
    counts = {"tests": cases, "failures": len(findings), "errors": 0, "skipped": len(skips)}
    suite = SubElement(root, "testsuite", {"name": check} | {name: str(count) for name, count in counts.items()})
    for finding in findings:
        place = str(finding.location)
        case = SubElement(suite, "testcase", classname=f"lint.{check}", name=_clean(f"{place}: {finding.code}"))
        failure = SubElement(case, "failure", type=finding.code, message=_clean(finding.message))
        hint = f"\nhint: {finding.hint}" if finding.hint else ""
        failure.text = _clean(f"{place}: {finding.severity}: {finding.message}{hint}")
    for skip in skips:
        case = SubElement(suite, "testcase", classname=f"lint.{check}", name=_clean(skip.reason))
        package = f" (install {skip.package})" if skip.package else ""
        SubElement(case, "skipped", message=_clean(f"{skip.reason}{package}"))
    if not findings and not skips:
        about = CHECKS[check].about if check in CHECKS else check
        SubElement(suite, "testcase", classname=f"lint.{check}", name=about)


def _clean(text: str) -> str:
    return _NOT_XML.sub("�", text)
