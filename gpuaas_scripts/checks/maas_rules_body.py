"""A MAAS script's metadata against what its body does: changes, restarts, results, the runner's variables.

Judged by the syntax tree of the body; a body in another language than shell is not judged.
Source: MAAS 3.7 `metadataserver.models.scriptset` (which scripts run), `scriptresult` (what is read
from $RESULT_PATH), the node's `maas-run-remote-scripts`, and a running region.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from ..errors import Severity
from ..maas.fields import ScriptType
from .maas_rules_tools import Change, change_of, restarts
from .shell_calls import DYNAMIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .maas_rules_block import Script
    from .shell_calls import Call, Write

_RESULT = "RESULT_PATH"
_STATUSES = ("passed", "failed", "degraded", "timedout", "skipped")
_KEY = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z_][\w.-]*|\S*" + DYNAMIC + r"\S*) *:(?: +(?P<value>.*))?$")
_PREFLIGHT = re.compile(r"pre-?flight", re.IGNORECASE)
_TOP = ("status", "results", "link_connected")


def check_body(script: Script) -> Iterator[Finding]:
    """All rules that need the body."""
    if script.calls.broken:
        return  # that it cannot be parsed is a finding of other checks
    changes = [(call, change) for call in script.calls.calls if (change := change_of(call)) is not None]
    yield from _selection(script, changes)
    yield from _destruction(script, changes)
    yield from _restarting(script, changes)
    yield from _results(script)


def _said(call: Call) -> str:
    words = " ".join(word.replace(DYNAMIC, "…") for word in (call.name, *call.words[1:3]))
    return words if len(words) <= 40 else f"{words[:37]}..."


def _selection(script: Script, changes: list[tuple[Call, Change]]) -> Iterator[Finding]:
    """Scripts that change something run only when they are asked for; those that must run do so by themselves."""
    hint = "add the tag noauto; whoever wants it names the script, or one of its other tags"
    if script.runs_by_itself:
        for call, change in changes[:1]:
            message = f"`{_said(call)}` changes {change}, and the script runs on every commissioning of every machine"
            yield script.text.finding("GS450", message, call.line, call.column, hint=hint, length=len(call.name))
        if not changes and script.flag("destructive"):
            message = "destructive, and without the tag noauto: the script runs on every commissioning of every machine"
            yield script.tell("GS450", message, ("destructive",), hint)
    elif not changes and _is_idle_preflight(script):
        message = "tagged noauto: this preflight runs only where somebody names it, and other machines go unchecked"
        path = ("tags", script.tags.index("noauto")) if isinstance(script.data["tags"], list) else ("tags",)
        yield script.tell("GS452", message, path, "remove the tag: a script that only reads may always run")


def _is_idle_preflight(script: Script) -> bool:
    """Whether it calls itself a preflight, and is kept from running by itself."""
    kept = "noauto" in script.tags and script.script_type is ScriptType.COMMISSIONING
    named = _PREFLIGHT.search(f"{script.name} {script.data.get('title', '')}")
    return kept and bool(named) and not script.flag("destructive")


def _destruction(script: Script, changes: list[tuple[Call, Change]]) -> Iterator[Finding]:
    if script.flag("destructive"):
        return
    for call, change in changes:
        if change is Change.DISKS:
            message = f"`{_said(call)}` destroys data, and the metadata does not say destructive: "
            if script.script_type is ScriptType.TESTING:
                message += "MAAS lets it run on deployed machines"
            else:
                message += "MAAS warns nobody"
            yield script.text.finding(
                "GS451", message, call.line, call.column, hint="add `destructive: true`", length=len(call.name)
            )
            return


def _restarting(script: Script, changes: list[tuple[Call, Change]]) -> Iterator[Finding]:
    calls = [call for call in script.calls.calls if restarts(call)]
    if calls and not script.flag("may_reboot"):
        message = f"`{_said(calls[0])}`, and the metadata does not say may_reboot: MAAS takes the machine for lost"
        place = calls[0]
        yield script.text.finding(
            "GS448", message, place.line, place.column, hint="add `may_reboot: true`", length=len(place.name)
        )
    if script.flag("may_reboot") and script.runs_by_itself and not changes and not script.flag("destructive"):
        message = "may_reboot without the tag noauto: every commissioning of every machine may restart it"
        hint = "add the tag noauto, or for_hardware with a tag to ask for"
        yield script.tell("GS453", message, ("may_reboot",), hint, severity=Severity.WARNING)


def _results(script: Script) -> Iterator[Finding]:
    """What the body writes into $RESULT_PATH, as far as it can be seen, against what is declared."""
    writes = [write for write in script.calls.writes if write.variable == _RESULT]
    reported, all_seen, problems = _reports(script, writes)
    yield from problems
    declared = script.data.get("results")
    names = (
        set(declared) if isinstance(declared, (list, dict)) and all(isinstance(one, str) for one in declared) else set()
    )
    for name, (line, column) in reported.items():
        if name not in names:
            close = get_close_matches(name, names, n=1, cutoff=0.6)
            hint = f"did you mean {close[0]}?" if close else f"declare it: `results: {{{name}: {{title: …}}}}`"
            message = f"the result {name} is reported and not declared: MAAS shows it without a title"
            yield script.text.finding("GS455", message, line, column, hint=hint, severity=Severity.WARNING)
    if all_seen and reported:
        for name in sorted(names - set(reported)):
            path = ("results", name) if isinstance(declared, dict) else ("results",)
            message = f"the result {name} is declared and never reported"
            yield script.tell("GS455", message, path, "report it, or remove it", key=True, severity=Severity.WARNING)


def _reports(script: Script, writes: list[Write]) -> tuple[dict[str, tuple[int, int]], bool, list[Finding]]:
    """Names that are reported and where; whether everything that is written can be seen; bad statuses."""
    reported: dict[str, tuple[int, int]] = {}
    all_seen = True
    problems: list[Finding] = []
    for call in script.calls.calls:
        if call.name == "result_value" and len(call.words) > 1:
            if DYNAMIC in call.words[1]:
                all_seen = False
            else:
                reported.setdefault(call.words[1], (call.line, call.column))
        elif call.name == "result_write":
            reported.setdefault("evidence", (call.line, call.column))
    inside = False
    for write in writes:
        if write.text is None:
            all_seen = False
            continue
        for offset, line in enumerate(write.text.split("\n")):
            match = _KEY.match(line)
            if match is None:
                continue
            place = (
                (write.line + offset, match.start("key") + 1)
                if offset or write.column == 1
                else (write.line, write.column)
            )
            if not match["indent"]:
                inside = match["key"] == "results"
                problems += _top(script, match["key"], match["value"] or "", place)
            elif inside and DYNAMIC in match["key"]:
                all_seen = False
            elif inside:
                reported.setdefault(match["key"], place)
    used = any(read.name == _RESULT for read in script.calls.reads)
    return reported, all_seen and (bool(writes) or not used), problems


def _top(script: Script, key: str, value: str, place: tuple[int, int]) -> Iterator[Finding]:
    """A key at the top of the results file."""
    said = value.strip().strip("\"'")
    if key == "status" and said and DYNAMIC not in said and said not in _STATUSES:
        close = get_close_matches(said.lower(), _STATUSES, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}? " if close else ""
        message = f"MAAS knows no status {said!r}: it drops the whole file, and the exit status alone counts"
        yield script.text.finding("GS458", message, *place, hint=f"{hint}must be one of {', '.join(_STATUSES)}")
    elif key not in _TOP and DYNAMIC not in key:
        close = get_close_matches(key, _TOP, n=1, cutoff=0.5)
        message = f"MAAS does not look at `{key}` at the top of the results file"
        hint = f"did you mean {close[0]}?" if close else "values belong below `results:`"
        yield script.text.finding("GS458", message, *place, hint=hint)
