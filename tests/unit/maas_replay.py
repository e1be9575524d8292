"""Takes the stand-in MAAS through recorded requests, with those between them that were not recorded."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from maas_support import block

from gpuaas_scripts.lab.maas import ADMIN, PLAIN, Region
from gpuaas_scripts.lab.maas_auth import User
from gpuaas_scripts.lab.maas_http import Request, Response
from gpuaas_scripts.lab.maas_machine import Machine, Ran


class Replay:
    """A region that is taken through the recorded requests, with those between them that were not recorded."""

    def __init__(self) -> None:
        key = "REDACTED:REDACTED:REDACTED"
        self.now = 1795190000.0
        self.region = Region([User("admin", key, admin=True), PLAIN], clock=lambda: self.now, seconds=1e9)
        self.ids: dict[str, str] = {}
        self.machine: User | None = None
        for number, system_id in enumerate(("ksbmpk", "rqr4xf", "ax7mhp"), start=1):
            machine = Machine(system_id, f"node{number}", macs=(f"52:54:00:aa:00:0{number}",))
            login = self.region.add_machine(machine)
            self.machine = login if number == 1 else self.machine

    def send(self, method: str, path: str, user: User | None = ADMIN, **parts: Any) -> Response:  # noqa: ANN401
        url = urlsplit(path)
        query = parse_qs(url.query, keep_blank_values=True)
        full = url.path if url.path.startswith("/MAAS") else f"/MAAS/api/2.0{url.path}"
        request = Request(method, unquote(full), query, **parts)
        if parts.get("headers"):
            return self.region.handle(request)
        return self.region.call(request, user)

    def replay(self, exchange: dict[str, Any]) -> Response:
        asked = exchange["request"]
        url = urlsplit(asked["url"])
        path = url.path + (f"?{url.query}" if url.query else "")
        path = re.sub(r"(?<=scripts/)(\d+)$|(?<=revision=)(\d+)", lambda found: self.ids.get(found[0], found[0]), path)
        fields: dict[str, list[str]] = {}
        pairs = asked["fields"].items() if isinstance(asked["fields"], dict) else asked["fields"] or []
        for name, value in pairs:
            fields.setdefault(name, []).append(self.ids.get(value, value) if name == "to" else str(value))
        files = {name: part["content"] for name, part in (asked["files"] or {}).items()}
        headers = {name.lower(): value for name, value in (asked["extra_headers"] or {}).items()}
        user = {"admin": ADMIN, "plain": PLAIN, "(the machine)": self.machine}.get(asked["as_user"])
        if asked["as_user"] == "(unknown consumer)":
            headers = {"authorization": oauth("other", "REDACTED", "REDACTED")}
        if asked["as_user"] == "(admin, wrong token key)":
            headers = {"authorization": oauth("REDACTED", "wrong", "REDACTED")}
        if found := re.search(r'oauth_timestamp="(\d+)"', headers.get("authorization", "")):
            self.now = max(self.now, float(found[1]))
        return self.send(asked["method"], path, user, fields=fields, files=files, headers=headers)

    def learn(self, recorded: object, ours: object) -> None:
        """Note which id of ours stands for which recorded one."""
        if isinstance(recorded, dict) and isinstance(ours, dict):
            if "id" in recorded and "id" in ours:
                self.ids[str(recorded["id"])] = str(ours["id"])
            for key in recorded.keys() & ours.keys():
                self.learn(recorded[key], ours[key])
        if isinstance(recorded, list) and isinstance(ours, list):
            for one, other in zip(recorded, ours, strict=False):
                self.learn(one, other)

    def create(self, name: str, *lines: str, content: str = "", **fields: str) -> None:
        """A script that was created by a request which is not among the recorded ones."""
        text = content or block(f"name: {name}", "script_type: commissioning", *lines)
        sent = {"name": [name]} if content else {}
        done = self.send("POST", "/scripts/", fields={**sent, **many(fields)}, files={"script": text})
        assert done.status == 200, (name, done.body)

    def update(self, name: str, content: str | None = None, **fields: str) -> None:
        files = {} if content is None else {"script": content}
        done = self.send("PUT", f"/scripts/{name}", fields=many(fields), files=files)
        assert done.status == 200, (name, done.body)

    def commission(self, system_id: str, scripts: str) -> None:
        fields = many({"testing_scripts": "none", "commissioning_scripts": scripts})
        done = self.send("POST", f"/machines/{system_id}/?op=commission", fields=fields)
        assert done.status == 200, done.body

    def deploy(self, user_data: str) -> None:
        """Deploy the first machine, whatever it was at."""
        self.finish("ksbmpk")
        self.send("POST", "/machines/ksbmpk/?op=release")
        self.finish("ksbmpk")
        done = self.send("POST", "/machines/ksbmpk/?op=deploy", fields=many({"user_data": user_data}))
        assert done.status == 200, done.body

    def finish(self, system_id: str) -> None:
        """Let time pass until the machine is done."""
        self.region.machines.finish(self.region.machines.machines[system_id])


def many(fields: dict[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in fields.items()}


def oauth(consumer: str, token: str, secret: str) -> str:
    return (
        f'OAuth oauth_consumer_key="{consumer}", oauth_token="{token}", oauth_signature="%26{secret}",'
        ' oauth_timestamp="1795190000", oauth_nonce="n"'
    )


BENCH = (
    *("title: Bench one", "description: First benchmark", "hardware_type: node", "timeout: 00:10:00"),
    *("tags: [bench, noauto]", "parallel: disabled"),
)
ALL = (
    *("title: All keys", "description: every key", "tags: one, two", "hardware_type: storage", "parallel: instance"),
    *("results: {read_speed: {title: Read speed, description: MB/s}}", "timeout: 120", "may_reboot: true"),
    *("parameters: {storage: {type: storage}, runtime: {type: runtime, default: 60, min: 1, max: 3600}}",),
    "packages: {apt: smartmontools, snap: {name: x, channel: edge, mode: classic}, url: http://example.com/x.deb}",
    "for_hardware: ['pci:10de:2330', 'modalias:pci:v000010DEd*', 'usb:174c:07df', 'system_vendor:Dell Inc.']",
    *("recommission: true", "apply_configured_networking: true"),
)


def arrange(replay: Replay, number: str) -> None:
    """Do what was done before exchange `number` by requests that are not among the recorded ones."""
    scripts, machines = _SCRIPTS.get(number), _MACHINES.get(number)
    if scripts:
        scripts(replay)
    if machines:
        machines(replay)


def _before_commissioning(replay: Replay) -> None:
    for name in ("41-ok", "42-quiet", "45-badyaml", "46-nonutf8", "47-skipped", "48-degraded", "53-passed-yaml-exit1"):
        replay.create(name)
    replay.create("43-noauto", "tags: noauto, lab-only")
    replay.create("44-param", "parameters: {mode: {type: choice, choices: [fast, slow], default: fast}}")
    replay.create("54-fw", "tags: update_gpu", "for_hardware: pci:10de:2330")
    replay.create("55-fw", "tags: update_gpu", "for_hardware: pci:10de:2335")
    machine = replay.region.machines.machines["ksbmpk"]
    machine.hardware = frozenset({"pci:10de:2330"})
    machine.runs = {
        "45-badyaml": Ran(stdout="done\n", result="results: [not, a, dict]\n"),
        "47-skipped": Ran(result="status: skipped\n"),
        "48-degraded": Ran(result="status: degraded\n"),
        "53-passed-yaml-exit1": Ran(exit_status=1, result="status: passed\n"),
    }


def _race(replay: Replay) -> None:
    replay.create("99-race", content="#!/bin/sh\necho 0\n")
    for writer in (0, 5, 2, 3, 4, 1):
        replay.update("99-race", f"#!/bin/sh\necho w{writer}\n", comment=f"writer {writer}")


def _runtime_default(replay: Replay) -> None:
    for name in ("80-poison", "81-badtype"):
        assert replay.send("DELETE", f"/scripts/{name}").status == 204
    replay.create("82-runtime", "parameters: {runtime: {type: runtime, default: '60'}}")


def _int_default(replay: Replay) -> None:
    replay.update("82-runtime", block("name: 82-runtime", "parameters: {runtime: {type: runtime, default: 60}}"))


def _odd_scripts(replay: Replay) -> None:
    for name in ("98-name.out", "98-name.yaml", "98-cr", "98-exit-yaml"):
        replay.create(name)
    replay.finish("rqr4xf")


_SCRIPTS = {
    "005": lambda replay: replay.create(
        "50-bench-one",
        content=block("name: 50-bench-one", *BENCH[:2], "script_type: commissioning", *BENCH[2:]),
    ),
    "008": lambda replay: replay.create(
        "60-fields",
        content="#!/bin/bash\necho hi\n",
        title="T",
        description="D",
        tags="a,b",
        type="commissioning",
        hardware_type="cpu",
        timeout="300",
        comment="first",
    ),
    "018": lambda replay: replay.create("65-all", *ALL),
    "028": lambda replay: replay.create("70-latin1", content="#!/bin/sh\n# caf\ufffd\necho \ufffd\n"),
    "063": lambda replay: replay.update("65-all", "#!/bin/bash\necho two\n"),
    "065": lambda replay: replay.update("65-all", "#!/bin/bash\necho three\n", type="testing"),
    "078": lambda replay: replay.update("50-bench-one", title="By field", tags="bench,noauto,x", timeout="1800"),
    "085": lambda replay: replay.send("POST", "/scripts/50-bench-one?op=remove_tag", fields={"tag": ["lab7"]}),
    "090": lambda replay: replay.send("POST", "/scripts/50-bench-one?op=revert", fields={"to": ["-1"]}),
    "338": _before_commissioning,
    "371": lambda replay: [replay.create(name) for name in ("61-fail", "62-timeout")],
    "393": _runtime_default,
    "395": _int_default,
    "398": lambda replay: replay.create("83-pkgstr", "packages: jq"),
    "510": _race,
    "518": lambda replay: replay.update("99-race", title=""),
    "520": lambda replay: replay.update("99-race", ""),
    "528": lambda replay: replay.create("97-both", content="#!/bin/sh\necho file\n", script="#!/bin/sh\necho field\n"),
    "561": _odd_scripts,
}
_MACHINES = {
    "345": lambda replay: replay.finish("ksbmpk"),
    "366": lambda replay: replay.finish("ksbmpk"),
    "368": lambda replay: replay.commission("ksbmpk", "lab-only"),
    "370": lambda replay: (
        replay.finish("ksbmpk"),
        replay.commission("ksbmpk", "update_gpu"),
        replay.finish("ksbmpk"),
    ),
    "398": lambda replay: replay.commission("ax7mhp", "83-pkgstr"),
    "403": lambda replay: replay.deploy(base64.b64encode(b"#cloud-config\nruncmd: [echo hi]\n").decode()),
    "454": lambda replay: replay.deploy("#cloud-config\nnot base64!"),
    "456": lambda replay: replay.deploy("abcde"),
}
