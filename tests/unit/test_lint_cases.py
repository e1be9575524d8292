"""The corpus of files and sites to lint, bad and good: each gives exactly the findings it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lint_support
import pytest
from checks_support import BY_TOOL

from gpuaas_scripts.checks.registry import owners

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

FOLDERS = lint_support.folders()
FINDING_KEYS = {"code", "at", "severity", "message_contains"}


Key = tuple[str, str, str]


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: case.name)
def test_case(case: Path) -> None:
    """Exactly the expected findings. Where a tool is missing, what only it finds may be missing, and it is told."""
    wanted = lint_support.expected(case)
    assert set(wanted) <= {"about", "real", "findings"}
    report = lint_support.run(case)
    shown = "\n".join(map(str, report.findings))
    found: dict[Key, list[str]] = {}
    for one in report.told:
        assert one.check in owners(one.finding.code) or one.check in ("reading", "suppressions")
        key = (one.finding.code, str(one.finding.location), str(one.finding.severity))
        found.setdefault(key, []).append(one.finding.message)
    skipped = {skip.check for skip in report.skips}
    excused = False
    for one in wanted["findings"]:
        assert set(one) <= FINDING_KEYS
        messages = found.get((one["code"], one["at"], one.get("severity", "error")), [])
        words = one.get("message_contains", "")
        match = next((message for message in messages if words in message), None)
        if match is None and one["code"] in BY_TOOL and owners(one["code"]) & skipped:
            excused = True
            continue
        assert match is not None, f"missing: {one}\nfound:\n{shown}"
        messages.remove(match)
    left = {key: messages for key, messages in found.items() if messages}
    assert not left, f"not expected: {left}"
    if excused:
        pytest.skip(f"needs what is not installed: {', '.join(sorted(skip.reason for skip in report.skips))}")
