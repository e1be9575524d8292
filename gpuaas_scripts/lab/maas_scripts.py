"""The scripts of the stand-in MAAS: the calls below `scripts/`.

Source: answers of a running MAAS 3.7.3, and its `maasserver.api.scripts`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from ..maas import fields as kinds
from . import maas_script_form as forms
from .maas_http import Request, Response, json_response, text_response
from .maas_script import Revision, Script, as_json
from .maas_script_form import CrashError

BUILTIN = (
    *("20-maas-01-install-lldpd", "20-maas-02-dhcp-unconfigured-ifaces", "20-maas-03-machine-resources"),
    *("30-maas-01-bmc-config", "40-maas-01-machine-config-hints", "50-maas-01-commissioning", "maas-capture-lldpd"),
    *("maas-get-fruid-api-data", "maas-kernel-cmdline", "maas-list-modaliases", "maas-lshw", "maas-serial-ports"),
    "maas-support-info",
)
"""Commissioning scripts that every MAAS brings along."""


class ScriptStore:
    """All scripts. `now` gives the time of a revision, `on_delete` is told a deleted script's id."""

    def __init__(self, now: Callable[[], float], on_delete: Callable[[int], None]) -> None:
        self._now = now
        self._on_delete = on_delete
        self._ids = itertools.count(900)
        self._revisions = itertools.count(1000)
        self.scripts: list[Script] = []
        for name in BUILTIN:
            self._add_builtin(Script(name=name, script_type=0))
        smart = Script(name="smartctl-validate", hardware_type=3, parallel=1, tags=["commissioning"])
        smart.title, smart.description = "Storage status", "Validate SMART health for all drives in parallel."
        smart.parameters = {"storage": {"type": "storage", "argument_format": "{path}"}}
        smart.packages, smart.timeout = {"apt": ["smartmontools"]}, kinds.duration("300")
        self._add_builtin(smart)

    def _add_builtin(self, script: Script) -> None:
        script.id, script.default = next(self._ids), True
        script.history = [self.revision(f"#!/bin/sh\n# {script.name}, as MAAS ships it\n", "Created by maas-None")]
        script.save_tags()
        self.scripts.append(script)

    def revision(self, data: str, comment: str | None) -> Revision:
        """A new revision."""
        created = format_datetime(datetime.fromtimestamp(self._now(), UTC))
        return Revision(next(self._revisions), comment, created, data)

    def find(self, name: str) -> Script | None:
        """A script by name, or by id when the name is a number."""
        for script in self.scripts:
            if script.id == int(name) if name.isdigit() else script.name == name:
                return script
        return None

    def collection(self, request: Request, op: str | None, admin: bool) -> Response:
        """A call of `scripts/`."""
        if request.method == "GET" and op is None:
            return self._list(request)
        if request.method == "POST" and op is None:
            return self._submit(request, None) if admin else _admins_only()
        return unknown(request, op)

    def one(self, request: Request, name: str, op: str | None, admin: bool) -> Response:
        """A call of `scripts/NAME`."""
        calls: dict[tuple[str, str | None], Callable[[Request, Script], Response]] = {
            ("GET", None): self._read,
            ("GET", "download"): _download,
            ("PUT", None): self._submit,
            ("DELETE", None): self._delete,
            ("POST", "revert"): _revert,
            ("POST", "add_tag"): _add_tag,
            ("POST", "remove_tag"): _remove_tag,
        }
        call = calls.get((request.method, op))
        if call is None:
            return unknown(request, op)
        if request.method != "GET" and not admin:
            return _admins_only()
        script = self.find(name)
        return call(request, script) if script else missing("Script")

    def _list(self, request: Request) -> Response:
        found = self.scripts
        for key in ("type", "hardware_type"):
            text = request.get(key)
            if text is None:
                continue
            try:
                kind = kinds.script_type(text) if key == "type" else kinds.hardware_type(text)
            except ValueError:
                return text_response(400, _REFUSALS[key])
            found = [item for item in found if (item.script_type if key == "type" else item.hardware_type) == kind]
        if filters := request.get("filters"):
            words = set(filters.split(","))
            found = [item for item in found if item.name in words or words & set(item.tags)]
        # Any text switches this on, "false" too.
        return json_response([as_json(item, contents=bool(request.get("include_script"))) for item in found])

    def _read(self, request: Request, script: Script) -> Response:
        return json_response(as_json(script, contents=bool(request.get("include_script"))))

    def _submit(self, request: Request, script: Script | None) -> Response:
        data: dict[str, Any] = {name: values[-1] for name, values in request.fields.items()}
        if "script" in request.files:
            data["script"] = request.files["script"]
        elif len(request.files) == 1:
            ((data["name"], data["script"]),) = request.files.items()
        try:
            form = forms.submit(data, script, lambda name: any(item.name == name for item in self.scripts))
        except CrashError as error:
            return text_response(500, str(error))
        if form.errors:
            return json_response({name: texts for name, texts in form.errors.items() if name}, 400)
        stored = script or Script(id=next(self._ids))
        forms.apply(form, stored, self.revision)
        if script is None:
            self.scripts.append(stored)
        return json_response(as_json(stored))

    def _delete(self, request: Request, script: Script) -> Response:
        if script.default:
            return text_response(400, "Unable to delete default script")
        self.scripts.remove(script)
        self._on_delete(script.id)
        return Response(204, content_type="text/plain")


_REFUSALS = {
    "type": "Script type must be commissioning, testing or release",
    "hardware_type": "Hardware type must be node, cpu, memory, storage, or gpu",
}


def _admins_only() -> Response:
    return text_response(403, "This method is reserved for admin users.")


def missing(kind: str) -> Response:
    """What MAAS answers when there is no such object."""
    return text_response(404, f"No {kind} matches the given query.", "text/plain")


def unknown(request: Request, op: str | None) -> Response:
    """What MAAS answers to a call that an object does not have."""
    if request.method == "PATCH":
        return text_response(405, "", "text/html; charset=utf-8")
    return text_response(400, f"Unrecognised signature: method={request.method} op={op}")


def _download(request: Request, script: Script) -> Response:
    revision = request.get("revision") or request.get("rev")
    data = script.history[0].data
    if revision is not None:
        if not revision.lstrip("-").isdigit():
            return text_response(400, "Invalid revision: Please enter an integer value")
        found = [item.data for item in script.history if item.id == int(revision)]
        if not found:
            return text_response(400, f"{revision} not found in history")
        data = found[0]
    return Response(200, data.encode("utf-8", "surrogatepass"), "application/binary")


def _revert(request: Request, script: Script) -> Response:
    """Deletes the newer revisions; the other fields stay as they are."""
    text = request.form("to") or ""
    if not text.lstrip("-").isdigit():
        return text_response(400, "Invalid to: Please enter an integer value")
    if script.default:
        return text_response(400, "Unable to revert default script")
    to = int(text)
    if to < 0 and -to >= len(script.history):
        return text_response(400, "Goes too far back.")
    index = -to if to <= 0 else next((i for i, item in enumerate(script.history) if item.id == to), None)
    if index is None:
        return text_response(400, f"{to} not found in history")
    script.history = script.history[index:]
    script.save_tags()
    return json_response(as_json(script))


def _add_tag(request: Request, script: Script) -> Response:
    tag = request.form("tag") or ""
    if "," in tag:
        return text_response(400, 'Tag may not contain a ",".')
    if tag not in script.tags:
        script.tags.append(tag)
    script.save_tags()
    return json_response(as_json(script))


def _remove_tag(request: Request, script: Script) -> Response:
    script.tags = [tag for tag in script.tags if tag != request.form("tag")]
    script.save_tags()
    return json_response(as_json(script))
