"""The machines of the stand-in MAAS: the calls below `machines/`, and what time does to a machine.

Source: answers of a running MAAS 3.7.3. What a machine is at is done `seconds` after it was asked for.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from .maas_commission import RefusedError, selected
from .maas_http import Request, Response, json_response, text_response
from .maas_machine import BUSY, Machine, Outcome, Status, as_json, decoded
from .maas_results import KINDS, ResultStore
from .maas_scripts import ScriptStore, missing, unknown

_DEPLOYABLE = (Status.READY, Status.ALLOCATED)
_RELEASABLE = (Status.DEPLOYED, Status.ALLOCATED, Status.FAILED_DEPLOYMENT)


class MachineStore:
    """All machines by system id. `now` gives seconds since 1970, `seconds` is how long any work takes."""

    def __init__(self, scripts: ScriptStore, results: ResultStore, now: Callable[[], float], seconds: float) -> None:
        self._scripts = scripts
        self._results = results
        self._now = now
        self._numbers = itertools.count(1)
        self.seconds = seconds
        self.machines: dict[str, Machine] = {}
        self.known_tags: Callable[[], set[str]] = set

    def shown(self, machine: Machine) -> dict[str, Any]:
        """A machine as MAAS answers it."""
        outcomes: dict[str, Outcome | None] = {}
        for kind in KINDS:
            found = self._results.current(machine, kind)
            outcomes[kind] = found.outcome if found else None
        return as_json(machine, outcomes)

    def settle(self) -> None:
        """End all work whose time has come."""
        for machine in self.machines.values():
            if machine.status in BUSY and self._now() >= machine.until:
                self.finish(machine)

    def finish(self, machine: Machine) -> None:
        """End what the machine is at, now."""
        failed = False
        for kind in ("commissioning", "testing") if machine.status in (Status.COMMISSIONING, Status.TESTING) else ():
            if found := self._results.current(machine, kind):
                self._results.finish(machine, found)
                failed = failed or found.failed
        after = {
            Status.COMMISSIONING: Status.FAILED_COMMISSIONING if failed else Status.READY,
            Status.TESTING: Status.FAILED_TESTING if failed else Status.READY,
            Status.DEPLOYING: Status.DEPLOYED,
            Status.RELEASING: Status.READY,
        }
        machine.status = after.get(machine.status, machine.status)
        machine.message = machine.status.label
        if machine.status is Status.READY:
            machine.owner, machine.user_data, machine.osystem, machine.series = None, None, "", ""

    def collection(self, request: Request, op: str | None, admin: bool) -> Response:
        """A call of `machines/`."""
        if (request.method, op) == ("GET", None):
            return self._list(request)
        if (request.method, op) == ("GET", "is_registered"):
            mac = (request.get("mac_address") or "").lower()
            return json_response(any(mac in machine.macs for machine in self.machines.values()))
        if (request.method, op) == ("POST", None):
            return self._create(request) if admin else text_response(403, "")
        return unknown(request, op)

    def one(self, request: Request, system_id: str, op: str | None, user: str, admin: bool) -> Response:
        """A call of `machines/ID/`."""
        machine = self.machines.get(system_id)
        if machine is None:
            return missing("Machine")
        if (request.method, op) == ("GET", None):
            return json_response(self.shown(machine))
        calls = {"commission": self._commission, "deploy": self._deploy, "release": self._release, "abort": self._abort}
        if request.method != "POST" or op not in calls:
            return unknown(request, op)
        if not admin:
            return text_response(403, "")
        before = self.shown(machine)
        refusal = calls[op](request, machine)
        if refusal is None and op in ("commission", "deploy"):
            machine.owner = user
        # An abort is answered with the machine as it was, but its owner.
        return refusal or json_response({**before, "owner": None} if op == "abort" else self.shown(machine))

    def _list(self, request: Request) -> Response:
        found = list(self.machines.values())
        wanted = [tag for value in request.query.get("tags", []) for tag in value.split(",")]
        known = {tag for machine in found for tag in machine.tags} | self.known_tags()
        if absent := [tag for tag in wanted if tag not in known]:
            names = ", ".join(f"'{tag}'" for tag in absent)
            return json_response({"tags": [f"No such tag(s): {names}."]}, 400)
        found = [machine for machine in found if set(wanted) <= machine.tags]
        for key, attribute in (("hostname", "hostname"), ("id", "system_id")):
            if values := request.query.get(key):
                found = [machine for machine in found if getattr(machine, attribute) in values]
        if macs := request.query.get("mac_address"):
            found = [machine for machine in found if set(macs) & set(machine.macs)]
        return json_response([self.shown(machine) for machine in found])

    def _create(self, request: Request) -> Response:
        number = next(self._numbers)
        machine = Machine(f"lab{number:03d}", request.form("hostname") or f"machine{number}")
        machine.macs = tuple(mac.lower() for mac in request.fields.get("mac_addresses", []))
        machine.architecture = request.form("architecture") or machine.architecture
        machine.power_type = request.form("power_type") or ""
        self.machines[machine.system_id] = machine
        return json_response(self.shown(machine))

    def _begin(self, machine: Machine, status: Status) -> None:
        machine.before, machine.status, machine.message = machine.status, status, status.label
        machine.until = self._now() + self.seconds

    def _commission(self, request: Request, machine: Machine) -> Response | None:
        if machine.status in (*BUSY, Status.DEPLOYED):
            text = f"Cannot commission: machine {machine.system_id} is in state {machine.status.label}."
            return text_response(409, text)
        try:
            scripts = selected(self._scripts.scripts, request.fields, machine, kind=0)
            tests = selected(self._scripts.scripts, request.fields, machine, kind=2)
        except RefusedError as error:
            return json_response(error.texts, error.status)
        self._begin(machine, Status.COMMISSIONING)
        self._results.begin(machine, "commissioning", scripts)
        if tests:
            self._results.begin(machine, "testing", tests)
        return None

    def _deploy(self, request: Request, machine: Machine) -> Response | None:
        if machine.status not in _DEPLOYABLE:
            return text_response(409, f"Can't deploy a machine that is in the '{machine.status.label}' state")
        self._begin(machine, Status.DEPLOYING)
        text = request.form("user_data")
        machine.user_data = decoded(text) if text is not None else None
        machine.osystem = request.form("osystem") or "ubuntu"
        machine.series = request.form("distro_series") or "noble"
        machine.ephemeral = request.form("ephemeral_deploy") == "true"
        machine.hardware_sync = request.form("enable_hw_sync") == "true"
        return None

    def _release(self, request: Request, machine: Machine) -> Response | None:
        if machine.status in (Status.READY, Status.RELEASING):
            return None
        if machine.status not in _RELEASABLE:
            text = f"Machine cannot be released in its current state ('{machine.status.label}')."
            return text_response(409, text)
        self._begin(machine, Status.RELEASING)
        return None

    def _abort(self, request: Request, machine: Machine) -> Response | None:
        kind = {Status.COMMISSIONING: "commissioning", Status.TESTING: "testing"}.get(machine.status)
        if kind is None and machine.status is not Status.DEPLOYING:
            text = f"Cannot abort in current state: node {machine.system_id} is in state {machine.status.label}."
            return text_response(409, text)
        found = self._results.current(machine, kind) if kind else None
        if found:
            self._results.abort(found)
        machine.status = Status.ALLOCATED if kind is None else machine.before
        machine.message, machine.owner = machine.status.label, None
        return None
