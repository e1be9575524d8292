"""Writes verdicts: text for people, JSON for programs, JUnit XML for CI.

Source of the XML's form: junit-10.xsd of Jenkins' xunit plugin, which GitLab and others read, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from .judge import Judged, Verdict
from .parse import Status

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold (its production 2, Char)."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that would act on a terminal; newline and tab stay."""

_LOUD = (Status.FAIL, Status.WARN)


def text(
    judged: Sequence[Judged],
    *,
    everything: bool,
    output: bool,
    paint: Callable[[str, Status], str] = lambda said, _: said,
) -> str:
    """One block for each script on each node: what is not right, and with `everything` also what is, and scripts that
    nobody has asked for.

    With `output`, what the script printed follows. `paint` colours a status.
    """
    blocks = []
    for one in judged:
        if not everything and one.status is Status.SKIP and one.run is None:
            continue
        counts = ", ".join(f"{one.count(status)} {status}" for status in Status if one.count(status))
        ended = f", ended {one.ended}" if one.ended else ""
        lines = [f"{paint(one.status, one.status)} {one.name}: {counts}{ended}"]
        for verdict in one.verdicts:
            if everything or verdict.status in _LOUD:
                lines += _told(verdict, paint)
        if output and one.run is not None:
            lines += _output(one)
        blocks.append("\n".join(lines))
    return "\n".join(blocks)


def _told(verdict: Verdict, paint: Callable[[str, Status], str]) -> list[str]:
    padded = paint(f"{verdict.status:<4}", verdict.status)
    lines = [f"  {padded} {verdict.area}.{verdict.check}: {clean(verdict.detail)}"]
    if verdict.remediation:
        lines.append(f"       {clean(verdict.remediation)}")
    return lines


def _output(one: Judged) -> list[str]:
    lines = []
    run = one.run
    for name, said in (("stdout", run.stdout), ("stderr", run.stderr), ("result", run.result)) if run else ():
        lines.append(f"  --- {name}{'' if said else ' (nothing)'}")
        lines += [f"  | {clean(line)}" for line in said.splitlines()]
    return lines


def clean(said: str) -> str:
    """A text of a machine without what would act on a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", said)


def as_data(judged: Sequence[Judged], *, output: bool) -> list[dict[str, Any]]:
    """The verdicts as plain data, with the scripts' output where asked."""
    found = []
    for one in judged:
        entry: dict[str, Any] = {
            "node": one.node,
            "script": one.script,
            "status": str(one.status),
            "ended": one.ended,
            "current_revision": one.current,
            "verdicts": [
                {
                    "area": verdict.area,
                    "check": verdict.check,
                    "status": str(verdict.status),
                    "detail": verdict.detail,
                    "remediation": verdict.remediation,
                }
                for verdict in one.verdicts
            ],
        }
        if output and one.run is not None:
            entry["output"] = {"stdout": one.run.stdout, "stderr": one.run.stderr, "result": one.run.result}
        found.append(entry)
    return found


def as_json(judged: Sequence[Judged], *, site: str, output: bool) -> str:
    """The verdicts as JSON text."""
    failed = [one for one in judged if one.status is Status.FAIL]
    data = {"site": site, "failed": len(failed), "results": as_data(judged, output=output)}
    return json.dumps(data, indent=2, ensure_ascii=False)


def as_junit(judged: Sequence[Judged], *, site: str, output: bool) -> str:
    """A JUnit document: a suite for each script on each node, a case for each check."""
    root = Element("testsuites", name=f"gpuaas-gen results {site}")
    for one in judged:
        counts = {
            "tests": len(one.verdicts),
            "failures": one.count(Status.FAIL),
            "errors": 0,
            "skipped": one.count(Status.SKIP),
        }
        attributes = {"name": one.name} | {name: str(count) for name, count in counts.items()}
        suite = SubElement(root, "testsuite", attributes)
        for verdict in one.verdicts:
            _case(suite, one, verdict)
        if output and one.run is not None:
            SubElement(suite, "system-out").text = _xml(one.run.stdout)
            SubElement(suite, "system-err").text = _xml(one.run.stderr)
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    indent(root)
    made: str = tostring(root, encoding="unicode", short_empty_elements=True)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{made}'


def _case(suite: Element, one: Judged, verdict: Verdict) -> None:
    name = f"{verdict.area}.{verdict.check}"
    case = SubElement(suite, "testcase", classname=one.name.replace(" ", "."), name=_xml(name))
    said = f"{verdict.detail}\n{verdict.remediation}" if verdict.remediation else verdict.detail
    if verdict.status is Status.FAIL:
        SubElement(case, "failure", type="FAIL", message=_xml(verdict.detail)).text = _xml(said)
    elif verdict.status is Status.SKIP:
        SubElement(case, "skipped", message=_xml(verdict.detail))
    elif verdict.status is Status.WARN:
        SubElement(case, "system-out").text = _xml(f"WARN: {said}")


def _xml(said: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", said)
