"""The results of the stand-in MAAS: the calls below `nodes/ID/results/`.

Source: answers of a running MAAS 3.7.3. A script's status is what its YAML says, else what its exit status says;
the machine fails on a non-zero exit whatever the YAML says.
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import yaml

from .maas_http import Request, Response, json_response, text_response
from .maas_machine import Machine, Outcome, Ran
from .maas_script import API, Script
from .maas_scripts import missing, unknown

KINDS = {"commissioning": 0, "installation": 1, "testing": 2}
_BAD = (Outcome.FAILED, Outcome.TIMEDOUT)
_ORDER = (Outcome.PENDING, Outcome.RUNNING, Outcome.ABORTED, *_BAD, Outcome.DEGRADED)


@dataclass(slots=True)
class Result:
    """One script on one machine; `revision` is the one that ran, None before."""

    id: int
    script: Script
    created: float
    parameters: dict[str, Any]
    outcome: Outcome = Outcome.PENDING
    revision: int | None = None
    ran: Ran | None = None
    ended: float | None = None


@dataclass(slots=True)
class ResultSet:
    """The results of one commissioning, test or installation of a machine."""

    id: int
    system_id: str
    kind: str
    results: list[Result] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """The worst of all results; skipped ones count as passed."""
        found = {result.outcome for result in self.results}
        return next((outcome for outcome in _ORDER if outcome in found), Outcome.PASSED)

    @property
    def failed(self) -> bool:
        """Whether the machine fails for it."""
        return any(item.outcome in _BAD or (item.ran and item.ran.exit_status) for item in self.results)


class ResultStore:
    """All results of all machines. `now` gives seconds since 1970."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._ids = itertools.count(100)
        self._result_ids = itertools.count(600)
        self.sets: list[ResultSet] = []

    def begin(self, machine: Machine, kind: str, scripts: list[tuple[Script, dict[str, Any]]]) -> ResultSet:
        """A new current set of `kind` with pending results."""
        made = ResultSet(next(self._ids), machine.system_id, kind)
        made.results = [Result(next(self._result_ids), script, self._now(), given) for script, given in scripts]
        machine.sets[kind] = made.id
        self.sets.append(made)
        return made

    def current(self, machine: Machine, kind: str) -> ResultSet | None:
        """The machine's current set of `kind`."""
        return next((item for item in self.sets if item.id == machine.sets.get(kind)), None)

    def finish(self, machine: Machine, found: ResultSet) -> None:
        """Let the machine run what is pending."""
        for result in found.results:
            if result.outcome is Outcome.PENDING:
                result.ran = machine.runs.get(result.script.name, Ran())
                result.revision = result.script.history[0].id
                result.outcome = _judged(result.ran)
                result.ended = self._now()

    def abort(self, found: ResultSet) -> None:
        """Give up what is pending."""
        for result in found.results:
            if result.outcome is Outcome.PENDING:
                result.outcome = Outcome.ABORTED

    def drop(self, script_id: int) -> None:
        """A deleted script's results go with it."""
        for item in self.sets:
            item.results = [result for result in item.results if result.script.id != script_id]

    def collection(self, request: Request, machine: Machine, op: str | None) -> Response:
        """A call of `nodes/ID/results/`."""
        if request.method != "GET" or op is not None:
            return unknown(request, op)
        kind = request.get("type")
        if kind is not None and kind not in KINDS and kind not in map(str, KINDS.values()):
            return text_response(400, "Invalid result type name")
        found = [item for item in self.sets if item.system_id == machine.system_id]
        if kind is not None:
            found = [item for item in found if kind in (item.kind, str(KINDS[item.kind]))]
        return json_response([_json(item, request) for item in found])

    def one(self, request: Request, machine: Machine, word: str, op: str | None) -> Response:
        """A call of `nodes/ID/results/WORD/`, where the word is an id or `current-commissioning` and the like."""
        kind = word.removeprefix("current-")
        if word.startswith("current-") and kind in KINDS:
            found = self.current(machine, kind)
            if found is None:
                return text_response(400, f"No current {kind} script set exists for this node.")
        elif word.isdigit():
            sets = [item for item in self.sets if item.id == int(word) and item.system_id == machine.system_id]
            if not sets:
                return missing("ScriptSet")
            found = sets[0]
        else:
            return text_response(
                400,
                f'Unknown id "{word}" must be current-commissioning, current-testing, current-installation,'
                " or the id number of a specific result.",
            )
        if (request.method, op) == ("GET", None):
            return json_response(_json(found, request))
        if (request.method, op) == ("DELETE", None):
            self.sets.remove(found)
            machine.sets = {key: value for key, value in machine.sets.items() if value != found.id}
            return Response(204, content_type="text/plain")
        return unknown(request, op)


def _judged(ran: Ran) -> Outcome:
    try:
        said = yaml.safe_load(ran.result)
    except yaml.YAMLError:
        said = None
    status = said.get("status") if isinstance(said, dict) else None
    if isinstance(status, str) and status.upper() in Outcome.__members__:
        return Outcome[status.upper()]
    if ran.exit_status == 124:
        return Outcome.TIMEDOUT
    return Outcome.FAILED if ran.exit_status else Outcome.PASSED


def _json(found: ResultSet, request: Request) -> dict[str, Any]:
    filters = request.get("filters")
    words = set(filters.split(",")) if filters else None
    results = [
        _result(item, output=bool(request.get("include_output")))
        for item in found.results
        if words is None or item.script.name in words or words & set(item.script.tags)
    ]
    ends = [item.ended for item in found.results if item.ended]
    return {
        "id": found.id,
        "system_id": found.system_id,
        "type": KINDS[found.kind],
        "type_name": found.kind.capitalize(),
        "status": found.outcome,
        "status_name": found.outcome.label,
        "started": _date(min(ends, default=None)),
        "ended": _date(max(ends, default=None)),
        "last_ping": _date(max(ends, default=None)),
        "runtime": "0:00:00" if ends else "",
        "results": results,
        "resource_uri": f"{API}/nodes/{found.system_id}/results/{found.id}/",
    }


def _result(item: Result, *, output: bool) -> dict[str, Any]:
    ran = item.ran
    shown: dict[str, Any] = {
        "id": item.id,
        "name": item.script.name,
        "created": _date(item.created),
        "updated": _date(item.ended or item.created),
        "status": item.outcome,
        "status_name": item.outcome.label,
        "exit_status": ran.exit_status if ran else None,
        "started": _date(item.ended),
        "ended": _date(item.ended),
        "runtime": str(timedelta()) if ran else "",
        "starttime": item.ended or "",
        "endtime": item.ended or "",
        "estimated_runtime": "0:00:00" if ran else "Unknown",
        "parameters": item.parameters,
        "script_id": item.script.id,
        "script_revision_id": item.revision,
        "suppressed": False,
    }
    if output:
        texts = {"output": ran.stdout + ran.stderr, "stdout": ran.stdout, "stderr": ran.stderr} if ran else {}
        texts["result"] = ran.result if ran else ""
        for name in ("output", "stdout", "stderr", "result"):
            shown[name] = base64.b64encode(texts.get(name, "").encode()).decode()
    return shown


def _date(when: float | None) -> str | None:
    return format_datetime(datetime.fromtimestamp(when, UTC)) if when else None
