"""One stand-in iDRAC: a request in, an answer out. No sockets here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import idrac_resources as show
from .idrac_access import Access
from .idrac_errors import Refusal
from .idrac_faults import Fault, Seen
from .idrac_jobs import Queue
from .idrac_machine import Clock, Machine, Options
from .idrac_registry import registry_body
from .idrac_settings import clear, commit, write_settings


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; header names in small letters, `path` without query."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    query: str = ""

    def json(self) -> object:
        """The body as JSON; raises Refusal."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise Refusal("SYS405") from None


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. `effect`: it was a write that changed something."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    effect: bool = False


def reply(document: object, status: int = 200, effect: bool = False, **headers: str) -> Answer:
    """An answer with a JSON document; `_` in header names stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps(document).encode(), named, effect)


_DONE = {"@Message.ExtendedInfo": [{"MessageId": "Base.1.12.Success", "Message": "Successfully Completed Request"}]}
_GUARDED = re.compile(r"/Bios|/Jobs")


class Bmc:
    """A stand-in with its machine, job queue, sessions, faults and counters."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.machine = Machine(options, clock)
        self.queue = Queue(self.machine)
        self.access = Access(self.machine)
        self.faults: list[Fault] = []
        self.seen = Seen()
        self._routes: tuple[tuple[str, re.Pattern[str], Callable[..., Answer]], ...] = tuple(
            (method, re.compile(f"{pattern}/?"), action) for method, pattern, action in self._table()
        )

    @property
    def prefix(self) -> str:
        """What the firmware puts before message ids."""
        return self.machine.options.generation.prefix

    def answer(self, request: Request) -> Answer:
        """The answer to a request, with its effect done."""
        self.machine.settle()
        try:
            return self._dispatch(request)
        except Refusal as refusal:
            return reply(refusal.body(self.prefix), refusal.status)

    def refuse(self, *ids: str) -> Answer:
        """The answer that refuses with these message ids."""
        refusal = Refusal(*ids)
        return reply(refusal.body(self.prefix), refusal.status)

    def drop_sessions(self) -> None:
        """End all sessions, as a restart of the iDRAC does."""
        self.access.sessions.clear()

    def _dispatch(self, request: Request) -> Answer:
        open_paths = {"/redfish", "/redfish/", show.ROOT, f"{show.ROOT}/"}
        login = request.method == "POST" and request.path.rstrip("/") == show.SESSIONS
        user = "" if request.path in open_paths or login else self.access.user_of(request.headers)
        if self.machine.not_ready and _GUARDED.search(request.path):
            raise Refusal("SWC0700")
        known = False
        for method, pattern, action in self._routes:
            if match := pattern.fullmatch(request.path):
                known = True
                if method == request.method:
                    return action(request, user, *match.groups())
        raise Refusal("SYS402") if known else Refusal("SYS403", args=(request.path,))

    def _table(self) -> tuple[tuple[str, str, Callable[..., Answer]], ...]:
        """Method, path, action. Dots in the constants match themselves well enough."""
        m, q = self.machine, self.queue

        def get(path: str, make: Callable[[], Any]) -> tuple[str, str, Callable[..., Answer]]:
            return "GET", path, lambda *_: reply(make())

        def links(path: str, *targets: str) -> tuple[str, str, Callable[..., Answer]]:
            return get(path, lambda: show.collection(path, map(show.link, targets)))

        job = r"/(JID_[0-9]+)"
        return (
            get("/redfish", lambda: {"v1": f"{show.ROOT}/"}),
            get(show.ROOT, lambda: show.service_root(m)),
            get(f"{show.ROOT}/SessionService", lambda: show.session_service(m)),
            get(show.SESSIONS, self._sessions),
            ("POST", show.SESSIONS, self._login),
            ("GET", f"{show.SESSIONS}/([0-9]+)", self._session),
            ("DELETE", f"{show.SESSIONS}/([0-9]+)", self._logout),
            links(f"{show.ROOT}/Systems", show.SYSTEM),
            get(show.SYSTEM, lambda: show.system(m)),
            ("POST", show.RESET, self._reset),
            ("GET", show.BIOS, lambda *_: self._tagged(show.bios(m))),
            ("GET", show.SETTINGS, lambda *_: self._tagged(show.settings(m))),
            ("PATCH", show.SETTINGS, self._write),
            ("POST", show.CLEAR, self._clear),
            ("GET", show.REGISTRY, lambda *_: Answer(200, registry_body(m.options.generation, m.read_only()))),
            links(f"{show.ROOT}/Registries", f"{show.ROOT}/Registries/BiosAttributeRegistry.v1_0_0"),
            get(f"{show.ROOT}/Registries/BiosAttributeRegistry.v1_0_0", show.registry_file),
            links(f"{show.ROOT}/Managers", show.MANAGER),
            get(show.MANAGER, lambda: show.manager(m)),
            get(show.DELL_ATTRIBUTES, lambda: show.dell_attributes(m)),
            ("PATCH", show.DELL_ATTRIBUTES, self._set_lockdown),
            get(show.LC_SERVICE, show.lc_service),
            ("POST", show.LC_STATUS, lambda *_: reply(show.remote_services(m))),
            ("GET", show.JOBS, lambda r, _: self._jobs(r, show.JOBS)),
            ("POST", show.JOBS, self._commit),
            ("GET", show.DELL_JOBS, lambda r, _: self._jobs(r, show.DELL_JOBS)),
            ("POST", show.DELL_JOBS, self._commit),
            ("GET", f"{show.DELL_JOBS}{job}", lambda _r, _u, id_: reply(show.dell_job(self._job(id_)))),
            ("GET", f"{show.JOBS}{job}", lambda _r, _u, id_: reply(show.dell_job(self._job(id_)))),
            ("DELETE", f"{show.DELL_JOBS}{job}", self._delete_job),
            ("DELETE", f"{show.JOBS}{job}", self._delete_job),
            links(f"{show.ROOT}/JobService", f"{show.ROOT}/JobService/Jobs"),
            get(
                f"{show.ROOT}/JobService/Jobs",
                lambda: show.collection(
                    f"{show.ROOT}/JobService/Jobs", [show.link(f"{show.ROOT}/JobService/Jobs/{id_}") for id_ in q.jobs]
                ),
            ),
            (
                "GET",
                f"{show.ROOT}/JobService/Jobs{job}",
                lambda _r, _u, id_: reply(show.service_job(self._job(id_), self.prefix)),
            ),
            ("GET", f"{show.TASKS}{job}", self._task),
        )

    def _tagged(self, document: dict[str, object]) -> Answer:
        if not self.machine.options.generation.etags:
            return reply(document)
        return reply(document, ETag=self._etag(document))

    def _etag(self, document: dict[str, object]) -> str:
        text = json.dumps(document["Attributes"], sort_keys=True).encode()
        return f'"{hashlib.sha256(text).hexdigest()[:16]}"'

    def _sessions(self) -> dict[str, object]:
        ids = [session.id for session in self.access.sessions.values()]
        return show.collection(show.SESSIONS, [show.link(f"{show.SESSIONS}/{id_}") for id_ in ids])

    def _login(self, request: Request, _user: str) -> Answer:
        body = request.json()
        asked = body if isinstance(body, dict) else {}
        token, session = self.access.login(asked.get("UserName"), asked.get("Password"))
        path = f"{show.SESSIONS}/{session.id}"
        document = {"@odata.id": path, "Id": session.id, "UserName": session.user, "Password": None}
        return reply(document, 201, Location=path, X_Auth_Token=token)

    def _session(self, _request: Request, _user: str, id_: str) -> Answer:
        session = next((session for session in self.access.sessions.values() if session.id == id_), None)
        if session is None:
            raise Refusal("SYS403", args=(f"Sessions/{id_}",))
        return reply({"@odata.id": f"{show.SESSIONS}/{id_}", "Id": id_, "UserName": session.user, "Password": None})

    def _logout(self, _request: Request, _user: str, id_: str) -> Answer:
        self.access.close(id_)
        return reply(_DONE)

    def _write(self, request: Request, user: str) -> Answer:
        self.access.may_write(user, "SYS012")
        wanted = request.headers.get("if-match")
        tags = {"*", self._etag(show.settings(self.machine))} if self.machine.options.generation.etags else set()
        if wanted is not None and wanted not in tags:
            raise Refusal("SYS404")
        before = dict(self.machine.pending)
        written = write_settings(self.machine, self.queue, request.json())
        if written.job:
            return reply({}, 202, True, Location=f"{show.TASKS}/{written.job.id}")
        return reply(_DONE, 200, before != self.machine.pending)

    def _action(self, request: Request, user: str) -> None:
        self.access.may_write(user, "RAC0506")
        if "if-match" in request.headers:
            raise Refusal("SYS404")

    def _clear(self, request: Request, user: str) -> Answer:
        self._action(request, user)
        clear(self.machine, self.queue)
        return reply(_DONE, 200, True)

    def _commit(self, request: Request, user: str) -> Answer:
        self._action(request, user)
        job = commit(self.machine, self.queue, request.json())
        return Answer(200, b"", {"Location": f"{show.JOBS}/{job.id}"}, True)

    def _reset(self, request: Request, user: str) -> Answer:
        self._action(request, user)
        body = request.json()
        self.machine.reset(str(body.get("ResetType")) if isinstance(body, dict) else "")
        return Answer(204, effect=True)

    def _set_lockdown(self, request: Request, user: str) -> Answer:
        self.access.may_write(user, "SYS012")
        body = request.json()
        attributes = body.get("Attributes") if isinstance(body, dict) else None
        flag = attributes.get("Lockdown.1.SystemLockdown") if isinstance(attributes, dict) else None
        if flag not in {"Enabled", "Disabled"} or len(attributes or {}) != 1:
            raise Refusal("SYS426", args=(str(flag), "Lockdown.1.SystemLockdown"))
        self.machine.lockdown = flag == "Enabled"
        return reply(_DONE, 200, True)

    def _jobs(self, request: Request, path: str) -> Answer:
        whole = "$expand" in request.query
        jobs = self.queue.jobs.values()
        members = [show.dell_job(job) if whole else show.link(f"{path}/{job.id}") for job in jobs]
        return reply(show.collection(path, members))

    def _job(self, id_: str) -> Any:  # noqa: ANN401
        if id_ not in self.queue.jobs:
            raise Refusal("SYS403", args=(id_,))
        return self.queue.jobs[id_]

    def _delete_job(self, request: Request, user: str, id_: str) -> Answer:
        self._action(request, user)
        self.queue.delete(id_)
        return reply(_DONE, 200, True)

    def _task(self, _request: Request, _user: str, id_: str) -> Answer:
        job = self._job(id_)
        if job.ended is not None and self.machine.now > job.ended + self.machine.options.task_seconds:
            raise Refusal("SYS403", args=(id_,))
        return reply(show.task(job, self.prefix))
