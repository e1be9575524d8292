"""The stand-in MAAS's description of its own calls, enough for python-libmaas.

Source of the form and the names: `describe/` of a running MAAS 3.7.3.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from .maas_script import API

# name, parameters, path below API, calls: "name METHOD op" (no op: a plain call)
_CALLS = (
    ("NodeScripts", (), "scripts/", ("create POST", "read GET")),
    (
        "NodeScript",
        ("name",),
        "scripts/{name}",
        (
            *("read GET", "update PUT", "delete DELETE", "download GET download"),
            *("revert POST revert", "add_tag POST add_tag", "remove_tag POST remove_tag"),
        ),
    ),
    ("NodeScriptResults", ("system_id",), "nodes/{system_id}/results/", ("read GET",)),
    ("NodeScriptResult", ("system_id", "id"), "nodes/{system_id}/results/{id}/", ("read GET", "delete DELETE")),
    ("Tags", (), "tags/", ("create POST", "read GET")),
    (
        "Tag",
        ("name",),
        "tags/{name}/",
        (
            *("read GET", "update PUT", "delete DELETE"),
            *("machines GET machines", "nodes GET nodes", "update_nodes POST update_nodes"),
        ),
    ),
    ("Machines", (), "machines/", ("create POST", "read GET", "is_registered GET is_registered")),
    (
        "Machine",
        ("system_id",),
        "machines/{system_id}/",
        ("read GET", "commission POST commission", "deploy POST deploy", "release POST release", "abort POST abort"),
    ),
    ("Users", (), "users/", ("whoami GET whoami",)),
    ("Maas", (), "maas/", ("get_config GET get_config",)),
)


def description(base: str) -> dict[str, Any]:
    """The description, with URIs below `base` (`http://127.0.0.1:5240`)."""
    resources: list[dict[str, Any]] = [_resource(base, *call) for call in _CALLS]
    version = _resource(base, "Version", (), "version/", ("read GET",))
    resources.append({**version, "anon": version["auth"], "auth": None})
    return {"doc": "MAAS API (stand-in)", "handlers": [], "resources": resources, "hash": digest()}


@cache
def digest() -> str:
    """The hash that MAAS sends with its answers as X-Maas-Api-Hash."""
    return hashlib.sha1(json.dumps(_CALLS).encode(), usedforsecurity=False).hexdigest()


def _resource(base: str, name: str, params: tuple[str, ...], path: str, calls: tuple[str, ...]) -> dict[str, Any]:
    actions = []
    for call in calls:
        word, method, op = (*call.split(), None)[:3]
        actions.append({"name": word, "method": method, "op": op, "restful": op is None, "doc": ""})
    full = f"{API}/{path}"
    handler = {"name": f"{name}Handler", "params": list(params), "path": full, "uri": base + full}
    return {"name": f"{name}Handler", "anon": None, "auth": {**handler, "actions": actions, "doc": ""}}
