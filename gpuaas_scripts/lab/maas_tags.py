"""The machine tags of the stand-in MAAS: the calls below `tags/`.

Source: answers of a running MAAS 3.7.3. Unknown system ids and comma lists are taken and do nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from .maas_http import Request, Response, json_response, text_response
from .maas_machine import Machine
from .maas_script import API
from .maas_scripts import missing, unknown


@dataclass(slots=True)
class Tag:
    """A tag of machines."""

    name: str
    definition: str = ""
    comment: str = ""
    kernel_opts: str = ""


class TagStore:
    """All tags; `machines` are those that can carry them, `shown` makes a machine's answer."""

    def __init__(self, machines: Mapping[str, Machine], shown: Callable[[Machine], dict[str, Any]]) -> None:
        self._machines = machines
        self._shown = shown
        self.tags: dict[str, Tag] = {"virtual": Tag("virtual")}

    def collection(self, request: Request, op: str | None, admin: bool) -> Response:
        """A call of `tags/`."""
        if request.method == "GET" and op is None:
            return json_response([_json(tag) for tag in self.tags.values()])
        if request.method != "POST" or op is not None:
            return unknown(request, op)
        if not admin:
            return text_response(403, "")
        return self._write(request, None)

    def one(self, request: Request, name: str, op: str | None, admin: bool) -> Response:
        """A call of `tags/NAME/`."""
        if request.method != "GET" and not admin:
            return text_response(403, "")
        tag = self.tags.get(name)
        if tag is None:
            return missing("Tag")
        if (request.method, op) == ("GET", None):
            return json_response(_json(tag))
        if request.method == "GET" and op in ("machines", "nodes"):
            return json_response([self._shown(item) for item in self._machines.values() if name in item.tags])
        if (request.method, op) == ("PUT", None):
            return self._write(request, tag)
        if (request.method, op) == ("DELETE", None):
            del self.tags[name]
            for machine in self._machines.values():
                machine.tags.discard(name)
            return Response(204, content_type="text/plain")
        if (request.method, op) == ("POST", "update_nodes"):
            return self._update_nodes(request, tag)
        return unknown(request, op)

    def _write(self, request: Request, old: Tag | None) -> Response:
        tag = Tag(**asdict(old)) if old else Tag("")
        for key in ("name", "definition", "comment", "kernel_opts"):
            if (value := request.form(key)) is not None:
                setattr(tag, key, value)
        if not tag.name:
            return json_response({"name": ["This field is required."]}, 400)
        if not re.fullmatch(r"[A-Za-z0-9_-]+", tag.name, re.ASCII):
            return json_response({"name": ["Enter a valid value."]}, 400)
        if tag.name in self.tags and (old is None or old.name != tag.name):
            return json_response({"name": ["Tag with this Name already exists."]}, 400)
        if tag.definition.count("[") != tag.definition.count("]"):
            return json_response({"definition": ["Invalid xpath expression: Invalid expression"]}, 400)
        if old and old.name != tag.name:
            del self.tags[old.name]
            for machine in self._machines.values():
                if old.name in machine.tags:
                    machine.tags = machine.tags - {old.name} | {tag.name}
        self.tags[tag.name] = tag
        return json_response(_json(tag))

    def _update_nodes(self, request: Request, tag: Tag) -> Response:
        definition = request.form("definition")
        if definition is not None and definition != tag.definition:
            text = f"Definition supplied '{definition}' doesn't match current definition '{tag.definition}'"
            return text_response(409, text)
        added = [self._machines[item] for item in request.fields.get("add", []) if item in self._machines]
        removed = [self._machines[item] for item in request.fields.get("remove", []) if item in self._machines]
        for machine in added:
            machine.tags.add(tag.name)
        for machine in removed:
            machine.tags.discard(tag.name)
        return json_response({"added": len(added), "removed": len(removed)})


def _json(tag: Tag) -> dict[str, Any]:
    return {**asdict(tag), "resource_uri": f"{API}/tags/{quote(tag.name)}/"}
