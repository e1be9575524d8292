"""The Redfish backend: any BMC with a `Bios` resource and a settings object; complete for iDRAC (jobs, lockdown)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from ..bios.messages import Judged, Meaning, Message
from ..bios.registry import BiosError
from ..bios.state import ApplyTime, Documents, Job, capabilities, parse_job, read_state
from .bmc import Answer, BmcError, Fate, Host, Reading, Reset, Schedule, Target, Trouble, Watch
from .redfish_find import Places, find_places, inner, read_registry, target_of
from .redfish_host import read_host, reset_type
from .redfish_http import Document, RedfishSession, link, unusable

if TYPE_CHECKING:
    from types import TracebackType

    from ..bios.registry import Registry, Value
    from .redfish_wire import Reply

_WHOLE = {"$expand": "*($levels=1)"}
_LOCKDOWN = "Lockdown.1.SystemLockdown"


class RedfishBmc:
    """A `Bmc` over Redfish. Its registry is read once: what it says of read-only is as of the first `read`."""

    def __init__(self, target: Target, watch: Watch | None = None) -> None:
        self._target = target
        self._session = RedfishSession(target, watch)
        self._places: Places | None = None
        self._registry: Registry | None = None
        self._settings: Document = {}
        self._settings_path = ""
        self._apply_times: tuple[ApplyTime, ...] = ()

    @property
    def target(self) -> Target:
        """The BMC it talks to."""
        return self._target

    async def __aenter__(self) -> Self:
        """Log in. Raises BmcError, GpuaasError; then no session is left."""
        await self._session.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log out, also while being cancelled."""
        await self._session.close()

    async def read(self, asked: Collection[str]) -> Reading:
        """Registry and state, see `Bmc.read`."""
        places = await self._find()
        bios = await self._session.get(places.bios)
        etag = await self._read_settings(bios)
        if self._registry is None:
            self._registry = await read_registry(self._session, places, bios)
        documents = Documents(
            bios=bios,
            settings=self._settings,
            jobs=await self.jobs(),
            has_jobs=bool(places.jobs),
            lockdown=await self._lockdown(places),
            vendor=places.vendor,
            model=places.model,
            bios_version=places.bios_version,
        )
        try:
            return Reading(self._registry, read_state(documents, self._registry, asked), etag)
        except BiosError as error:
            raise unusable(self.target.label, error) from None

    async def jobs(self) -> tuple[Job, ...]:
        """All jobs that the BMC knows, see `Bmc.jobs`."""
        path = (await self._find()).jobs
        found: list[Job] = []
        query: Mapping[str, str] | None = _WHOLE
        while path:
            try:
                page = await self._session.get(path, query)
            except BmcError as error:
                if query is None or error.trouble not in {Trouble.BAD_VALUE, Trouble.UNKNOWN}:
                    raise
                query = None  # a firmware that does not expand
                continue
            listed = page.get("Members")
            for entry in listed if isinstance(listed, list) else []:
                whole = isinstance(entry, dict) and "Id" in entry
                document = entry if whole else await self._session.get(link({"m": entry}, "m"))
                found.append(self._parse_job(document))
            following = page.get("Members@odata.nextLink")
            path, query = (following if isinstance(following, str) else ""), None
        return tuple(found)

    async def job(self, id_: str) -> Job | None:
        """One job, see `Bmc.job`."""
        places = await self._find()
        if not places.jobs:
            return None
        try:
            return self._parse_job(await self._session.get(f"{places.jobs}/{id_}"))
        except BmcError as error:
            if error.trouble is Trouble.NOT_FOUND:
                return None
            raise

    async def host(self) -> Host:
        """Power and boot, see `Bmc.host`."""
        places = await self._find()
        system = await self._session.get(places.system)
        return await read_host(self._session, system, places.services)

    async def stage(self, changes: Mapping[str, Value], schedule: Schedule | None, etag: str) -> Answer:
        """Stage values, see `Bmc.stage`. The ETag is echoed only where the settings have one."""
        if not self._settings_path:
            await self._read_settings(await self._session.get((await self._find()).bios))
        body: dict[str, object] = {"Attributes": dict(changes)}
        if schedule is not None and (self._apply_times or schedule.apply_time is not ApplyTime.ON_RESET):
            body = {"@Redfish.SettingsApplyTime": self._apply_time(schedule), **body}
        return await self._write("PATCH", self._settings_path, body, {"If-Match": etag} if etag else None)

    async def create_job(self) -> Answer:
        """Make the job for what is staged, see `Bmc.create_job`."""
        places = await self._find()
        if not places.jobs:
            raise BmcError(Trouble.NOT_FOUND, f"{self.target.label}: it has no job queue")
        if not self._settings_path:
            await self._read_settings(await self._session.get(places.bios))
        return await self._write("POST", places.jobs, {"TargetSettingsURI": self._settings_path})

    async def delete_job(self, id_: str) -> Answer:
        """Delete a job, see `Bmc.delete_job`."""
        return await self._write("DELETE", f"{(await self._find()).jobs}/{id_}")

    async def clear_pending(self) -> Answer:
        """Drop what is staged, see `Bmc.clear_pending`. Raises BmcError where the BMC cannot."""
        await self._read_settings(await self._session.get((await self._find()).bios))
        path = target_of(self._settings, "ClearPending")
        if not path:
            raise BmcError(Trouble.NOT_FOUND, f"{self.target.label}: it cannot drop staged values")
        return await self._write("POST", path, {})

    async def reset(self, kind: Reset) -> Answer:
        """One step of power, see `Bmc.reset`. Raises BmcError when it is not offered."""
        system = await self._session.get((await self._find()).system)
        name = await reset_type(self._session, system, kind)
        return await self._write("POST", target_of(system, "ComputerSystem.Reset"), {"ResetType": name})

    async def drop_session(self, location: str) -> bool:
        """Close an earlier session of ours, see `Bmc.drop_session`."""
        if not location or location == self._session.location:
            return not location
        try:
            return await self._session.drop(location)
        except BmcError:
            return False

    def _parse_job(self, document: object) -> Job:
        try:
            return parse_job(document)
        except BiosError as error:
            raise unusable(self.target.label, error) from None

    async def _find(self) -> Places:
        if self._places is None:
            self._places = await find_places(self._session)
        return self._places

    async def _read_settings(self, bios: Document) -> str:
        """Read the settings object that `bios` links to; its ETag. Raises BmcError when there is none."""
        self._settings_path = link(inner(bios, "@Redfish.Settings"), "SettingsObject")
        if not self._settings_path:
            raise BmcError(Trouble.NOT_FOUND, f"{self.target.label}: its BIOS has no settings object to write to")

        def parse(body: bytes) -> Document:
            document = json.loads(body)
            if not isinstance(document, dict):
                raise ValueError("no object")
            return document

        self._settings, etag = await self._session.fetch(self._settings_path, parse)
        self._apply_times = capabilities(bios, self._settings, jobs=True).apply_times
        return etag

    async def _lockdown(self, places: Places) -> bool | None:
        """Whether iDRAC's lockdown is on. The document holds password hashes: nothing else of it is kept."""
        if not places.lockdown:
            return None
        try:
            document = await self._session.get(places.lockdown)
        except BmcError as error:
            if error.trouble in {Trouble.NOT_FOUND, Trouble.PRIVILEGE}:
                return None
            raise
        flag = inner(document, "Attributes").get(_LOCKDOWN)
        return {"Enabled": True, "Disabled": False}.get(flag) if isinstance(flag, str) else None

    def _apply_time(self, schedule: Schedule) -> dict[str, Any]:
        if schedule.apply_time not in self._apply_times:
            offered = ", ".join(self._apply_times) or "none"
            message = f"{self.target.label}: it offers no {schedule.apply_time}; it has {offered}"
            raise BmcError(Trouble.NOT_FOUND, message)
        asked: dict[str, Any] = {"ApplyTime": str(schedule.apply_time)}
        if schedule.start:
            asked["MaintenanceWindowStartTime"] = schedule.start
            asked["MaintenanceWindowDurationInSeconds"] = schedule.seconds
        return asked

    async def _write(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        what = f"{self.target.label}: {method} {path}"
        try:
            reply = await self._session.ask(method, path, body, headers)
        except BmcError as error:
            if error.trouble is not Trouble.LOST:
                raise
            return Answer(Fate.LOST, Judged(Meaning.UNKNOWN, (Message("", str(error)),)), what=what)
        return _answer(what, reply)


def _answer(what: str, reply: Reply) -> Answer:
    """What is known after an answer: one that cannot be read, or that says nothing, is as good as lost."""
    if 200 <= reply.status < 300:
        if not reply.readable:
            text = f"status {reply.status} with a body that is no JSON, or cut off"
            return Answer(Fate.LOST, Judged(Meaning.UNKNOWN, (Message("", text),)), what=what)
        if reply.judged.meaning is Meaning.SUCCESS:
            return Answer(Fate.DONE, reply.judged, _job_id(reply.location), what)
        return Answer(Fate.LOST if reply.judged.meaning is Meaning.UNKNOWN else Fate.REFUSED, reply.judged, what=what)
    if reply.status >= 500 and not reply.judged.messages:
        text = f"status {reply.status} without a message"
        return Answer(Fate.LOST, Judged(Meaning.UNKNOWN, (Message("", text),)), what=what)
    return Answer(Fate.REFUSED, reply.judged, what=what)


def _job_id(location: str) -> str:
    """The job's id in the Location of an answer; iDRAC names a task or a job, both end in it."""
    last = urlsplit(location).path.rstrip("/").rsplit("/", 1)[-1]
    return last if last.startswith("JID_") else ""
