"""Results of `bios` verbs for machines: JSON, and JUnit with a suite for each host and a case for each attribute."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..bios.plan import Plan, Verdict
from .bios_text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..bios.plan import Item
    from ..errors import ExitCode
    from ..sinks.bios_fleet import Result
    from .bios_hosts import Left

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold (its production 2, Char)."""


def as_json(hosts: Iterable[dict[str, Any]], left: Sequence[Left], code: ExitCode) -> str:
    """One document: each host's result, the nodes that were not asked, and the exit code."""
    told = [{"node": one.node, "why": one.why, "place": one.place} for one in left]
    return json.dumps({"hosts": list(hosts), "not_asked": told, "exit_code": int(code)}, indent=2, ensure_ascii=False)


def failure(result: Result[Any]) -> dict[str, Any]:
    """A host that failed, as data."""
    error = result.error
    return {"node": result.host, "error": str(error), "hint": error.hint if error else ""}


def plan_data(plan: Plan) -> dict[str, Any]:
    """A plan as data: the form of a plan file, less what only the program needs."""
    from ..bios.plan import to_json

    document: dict[str, Any] = json.loads(to_json(plan))
    document.pop("format")
    return {**document, "reset_needed": plan.reset_needed}


class Junit:
    """A JUnit document under construction. Form: junit-10.xsd of Jenkins' xunit plugin, which GitLab reads, too."""

    def __init__(self, name: str) -> None:
        self._root = Element("testsuites", name=name)
        self._suite = self._root

    def suite(self, name: str) -> None:
        """Begin the suite of a host."""
        self._suite = SubElement(self._root, "testsuite", name=_clean(name))

    def case(self, name: str, *, failure: str = "", error: str = "", skipped: str = "") -> None:
        """One case of the suite; passed when it is neither failed nor skipped."""
        case = SubElement(self._suite, "testcase", classname=self._suite.get("name", ""), name=_clean(name))
        for kind, text in (("failure", failure), ("error", error), ("skipped", skipped)):
            if text:
                SubElement(case, kind, message=_clean(text.splitlines()[0])).text = _clean(text)

    def plan(self, plan: Plan) -> None:
        """The suite of a plan; what is otherwise than wanted is a failure."""
        self.suite(plan.node)
        for item in plan.items:
            self.case(item.name or item.asked, failure=_wrong(item))

    def text(self) -> str:
        """The whole document, with a newline at the end."""
        total = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
        for suite in self._root:
            counts = {"tests": len(suite)}
            for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
                counts[key] = sum(case.find(tag) is not None for case in suite)
            for key, number in counts.items():
                suite.set(key, str(number))
                total[key] += number
        for key in ("tests", "failures", "errors"):
            self._root.set(key, str(total[key]))
        indent(self._root)
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(self._root, encoding="unicode")}\n'


def plans_junit(name: str, results: Sequence[Result[Plan]], left: Sequence[Left]) -> str:
    """Plans of many hosts as JUnit: a host that failed is an error, a node that was not asked is skipped."""
    made = Junit(name)
    for result in results:
        if result.value is not None:
            made.plan(result.value)
            continue
        made.suite(result.host)
        made.case("reading the host", error=str(result.error))
    for one in left:
        made.suite(one.node)
        made.case("reading the host", skipped=str(one))
    return made.text()


def _wrong(item: Item) -> str:
    if item.block:
        return f"{item.asked}: blocked: {item.block}; {item.unblock}"
    if item.verdict is Verdict.OK:
        return ""
    state = f" (pending: {shown(item.pending)})" if item.pending is not None else ""
    return f"{item.name} is {shown(item.current)}{state}, wanted is {shown(item.desired)}"


def _clean(text: str) -> str:
    return _NOT_XML.sub("�", text)
