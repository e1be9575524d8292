"""Scripts and requests for tests that use the stand-in MAAS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import yaml

from gpuaas_scripts.lab.maas import ADMIN, Region
from gpuaas_scripts.lab.maas_http import Request, Response
from gpuaas_scripts.maas import plan as planner
from gpuaas_scripts.maas.plan import Action, Change, UploadPlan, Wanted
from gpuaas_scripts.maas.state import HeldScript, parse_list

SITE = "example"


def block(*lines: str, body: str = "echo hi\n") -> str:
    """A script with these lines as its metadata block."""
    inner = "".join(f"# {line}\n" for line in lines)
    head = "#!/bin/bash\n# --- Start MAAS 1.0 script metadata ---\n"
    return f"{head}{inner}# --- End MAAS 1.0 script metadata ---\n{body}"


def script(metadata: Mapping[str, object], body: str = "echo hi\n") -> str:
    """A script with this metadata."""
    text = yaml.safe_dump(dict(metadata), allow_unicode=True, sort_keys=False, width=1000)
    return block(*text.splitlines(), body=body)


def ask(region: Region, method: str, path: str, *, content: str | None = None, **fields: str) -> Response:
    """A request of the administrator; `path` is below the API."""
    url = urlsplit(path)
    query = {name: [value] for name, _, value in (pair.partition("=") for pair in url.query.split("&")) if name}
    form = {name: [value] for name, value in fields.items()}
    files = {} if content is None else {"script": content}
    return region.call(Request(method, f"/MAAS/api/2.0/{url.path}", query, form, files), ADMIN)


def held(region: Region) -> dict[str, HeldScript]:
    """What the region holds, as the program reads it."""
    return parse_list(ask(region, "GET", "scripts/?include_script=true").json())


def compare(region: Region, wanted: Iterable[Wanted], site: str = SITE, commit: str = "abc123") -> UploadPlan:
    """The plan for these scripts."""
    return planner.plan(site, commit, wanted, held(region))


def apply(region: Region, requests: Iterable[planner.Request]) -> None:
    """Carry out requests of a plan; each must be accepted."""
    for request in requests:
        path = {Action.CREATE: "scripts/"}.get(request.action, f"scripts/{request.name}")
        method = {Action.CREATE: "POST", Action.UPDATE: "PUT", Action.DELETE: "DELETE"}[request.action]
        # As python-libmaas sends it: the script is a field like the others.
        form = {name: [value] for name, value in request.fields}
        answer = region.call(Request(method, f"/MAAS/api/2.0/{path}", {}, form), ADMIN)
        assert answer.status in (200, 204), (request, answer.body)


def upload(region: Region, *wanted: Wanted, site: str = SITE, force: bool = False, adopt: bool = False) -> UploadPlan:
    """Plan and apply; the plan is given back."""
    found = compare(region, wanted, site)
    apply(region, found.todo(force=force, adopt=adopt))
    return found


def only(found: UploadPlan) -> Change:
    """The one change of a plan of one script."""
    (change,) = found.changes
    return change


def want(metadata: Mapping[str, object], body: str = "echo hi\n") -> Wanted:
    """A wanted script; its name is that of the metadata."""
    return Wanted(str(metadata["name"]), script(metadata, body))
