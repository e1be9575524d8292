"""A stand-in for a MAAS region: API 2.0 with the quirks of a MAAS 3.7.3, on 127.0.0.1.

`Region` is MAAS without a network: requests in, answers out. `StandIn` serves one in a thread of this process;
`python -m gpuaas_scripts.lab.maas` serves one until it is ended. Source of every behaviour: answers
recorded from a running MAAS 3.7.3.
"""

from __future__ import annotations

import argparse
import re
import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from . import maas_describe
from .maas_auth import Gate, User
from .maas_faults import Fault, FaultKind, Faults
from .maas_http import Request, Response, Server, json_response, text_response
from .maas_machine import Disk, Machine
from .maas_machines import MachineStore
from .maas_results import ResultStore
from .maas_script import API
from .maas_scripts import ScriptStore, missing, unknown
from .maas_tags import TagStore

ADMIN = User("admin", "labconsumer:labtoken:labsecret", admin=True)
PLAIN = User("plain", "plainconsumer:plaintoken:plainsecret")

_CAPABILITIES = ("networks-management", "devices-management", "storage-deployment-ubuntu", "authenticate-api")
_BELOW = {
    "version": r"version/",
    "describe": r"describe/",
    "users": r"users/",
    "maas": r"maas/",
    "scripts": r"scripts/",
    "script": r"scripts/(?P<name>[^/]+)",
    "tags": r"tags/",
    "tag": r"tags/(?P<name>[^/]+)/",
    "machines": r"machines/",
    "machine": r"machines/(?P<name>[^/]+)/",
    "results": r"nodes/(?P<name>[^/]+)/results/",
    "result": r"nodes/(?P<name>[^/]+)/results/(?P<word>[^/]+)/",
}
_ROUTES = {name: re.compile(f"{re.escape(API)}/{below}") for name, below in _BELOW.items()}


class Region:
    """A MAAS region in memory, with its own scripts and no machines. `seconds` is how long machines work at anything.

    `clock` gives seconds since 1970; setting `base` changes what `describe` says the URIs are.
    """

    def __init__(
        self, users: Iterable[User] = (ADMIN, PLAIN), clock: Callable[[], float] = time.time, seconds: float = 0.0
    ) -> None:
        self.gate = Gate(list(users), clock)
        self.base = "http://127.0.0.1:5240"
        self.version = "3.7.3"
        self.results = ResultStore(clock)
        self.scripts = ScriptStore(clock, self.results.drop)
        self.machines = MachineStore(self.scripts, self.results, clock, seconds)
        self.tags = TagStore(self.machines.machines, self.machines.shown)
        self.machines.known_tags = lambda: set(self.tags.tags)
        self.settings: dict[str, object] = {"enable_disk_erasing_on_release": False}
        self._lock = threading.RLock()

    def add_machine(self, machine: Machine) -> User:
        """Enrol a machine; the answer is the machine's own login, for the metadata service."""
        self.machines.machines[machine.system_id] = machine
        user = User(machine.hostname, f"m{machine.system_id}:t{machine.system_id}:s", machine=machine.system_id)
        self.gate.add(user)
        return user

    def handle(self, request: Request) -> Response:
        """The answer to a request, credentials checked."""
        with self._lock:
            self.machines.settle()
            who = self.gate.user_of(request.headers)
            answer = who if isinstance(who, Response) else self.call(request, who)
        return Response(
            answer.status,
            answer.body,
            answer.content_type,
            {"X-Maas-Api-Hash": maas_describe.digest(), **answer.headers},
        )

    def call(self, request: Request, user: User | None) -> Response:
        """The answer to a request of `user` (None: without credentials)."""
        if request.path.startswith("/MAAS/metadata/"):
            return self._metadata(user)
        if match := re.fullmatch(r"/MAAS/api/(1\.0|3\.0)/.*", request.path):
            version = match[1]
            return text_response(
                410, f"The {version} API is no longer available. Please use API version 2.0.", "text/plain"
            )
        path, op = request.path, request.get("op")
        if called := re.fullmatch(r"(.*/)op-([a-z_]+)", path):
            path, op = called[1], called[2]
        for name, pattern in _ROUTES.items():
            if match := pattern.fullmatch(path):
                return self._route(name, match.groupdict(), request, op, user)
        return text_response(404, f"Unknown API endpoint: {request.path}.")

    def _route(
        self, route: str, words: dict[str, str], request: Request, op: str | None, user: User | None
    ) -> Response:
        if route == "version":
            return json_response({"capabilities": _CAPABILITIES, "version": self.version, "subversion": ""})
        if route == "describe":
            return json_response(maas_describe.description(self.base))
        if user is None or user.machine:
            return text_response(401, "Forbidden", "text/plain")
        name = words.get("name", "")
        if route == "users":
            shown = {"username": user.name, "is_superuser": user.admin, "is_local": True}
            return json_response({**shown, "resource_uri": f"{API}/users/{user.name}/"})
        if route == "maas":
            return self._setting(request, op, user.admin)
        if route == "scripts":
            return self.scripts.collection(request, op, user.admin)
        if route == "script":
            return self.scripts.one(request, name, op, user.admin)
        if route == "tags":
            return self.tags.collection(request, op, user.admin)
        if route == "tag":
            return self.tags.one(request, name, op, user.admin)
        if route == "machines":
            return self.machines.collection(request, op, user.admin)
        if route == "machine":
            return self.machines.one(request, name, op, user.name, user.admin)
        machine = self.machines.machines.get(name)
        if machine is None:
            return missing("Node")
        if not user.admin:
            return text_response(403, "")
        if route == "results":
            return self.results.collection(request, machine, op)
        return self.results.one(request, machine, words["word"], op)

    def _setting(self, request: Request, op: str | None, admin: bool) -> Response:
        """`maas/?op=get_config&name=NAME`."""
        if (request.method, op) != ("GET", "get_config"):
            return unknown(request, op)
        if not admin:
            return text_response(403, "")
        name = request.get("name") or ""
        if name not in self.settings:
            return json_response({name: [f"{name} is not a valid config setting (valid settings are: ...)."]}, 400)
        return json_response(self.settings[name])

    def _metadata(self, user: User | None) -> Response:
        machine = self.machines.machines.get(user.machine) if user else None
        if machine is None:
            return text_response(401, "Forbidden", "text/plain")
        if machine.user_data is None:
            return missing("NodeUserData")
        return Response(200, machine.user_data, "application/octet-stream")


class StandIn:
    """A region that listens, as a context manager. `url` is what a client is given (…/MAAS/).

    Beside the API, `/lab/counts`, `/lab/faults` and `/lab/finish` serve tests that run it in another process.
    """

    def __init__(
        self,
        region: Region | None = None,
        *,
        port: int = 0,
        latency: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.region = region or Region()
        self.faults = Faults()
        self._server = Server(self._handle, self.faults, port=port, latency=latency, tls=tls)
        self.region.base = self._server.url
        self.url = f"{self._server.url}/MAAS/"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening."""
        self._server.close()

    def _handle(self, request: Request) -> Response:
        if not request.path.startswith("/lab/"):
            return self.region.handle(request)
        if request.path == "/lab/counts":
            return json_response(self.faults.counts)
        if request.path == "/lab/clear":
            self.faults.clear()
        if request.path == "/lab/faults":
            words = {name: values[-1] for name, values in request.fields.items()}
            self.faults.add(
                Fault(
                    FaultKind(words["kind"]),
                    words.get("method", ""),
                    words.get("path", ""),
                    int(words.get("skip", "0")),
                    int(words.get("times", "1")),
                    float(words.get("seconds", "0")),
                )
            )
        if request.path == "/lab/finish":
            for machine in self.region.machines.machines.values():
                self.region.machines.finish(machine)
        return json_response({})


def example_machines() -> list[Machine]:
    """Machines to try things with."""
    disks = (Disk("sda", "LAB-OS-0001"), Disk("nvme0n1", "LAB-NVME-0001", 3_840_000_000_000))
    return [
        Machine(f"lab{number:03d}", f"lab-node-{number}", disks=disks, macs=(f"02:00:00:00:00:{number:02x}",))
        for number in (1, 2, 3)
    ]


def main(arguments: list[str] | None = None) -> None:
    """Serve a region until SIGTERM or SIGINT; the first line on stdout is its URL, the second its API key."""
    parser = argparse.ArgumentParser(prog="gpuaas_scripts.lab.maas", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds that every answer takes")
    parser.add_argument("--seconds", type=float, default=5.0, help="seconds that machines work at anything")
    options = parser.parse_args(arguments)
    region = Region(seconds=options.seconds)
    for machine in example_machines():
        region.add_machine(machine)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with StandIn(region, port=options.port, latency=options.latency) as standin:
        sys.stdout.write(f"{standin.url}\n{ADMIN.key}\n")
        sys.stdout.flush()
        ended.wait()


if __name__ == "__main__":
    main()
