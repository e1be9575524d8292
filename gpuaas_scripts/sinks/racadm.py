"""The RACADM backend: `Bmc` by calls of Dell's `racadm`, which has no sessions and stages values one by one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from ..bios import racadm_text as text
from ..bios.messages import Judged, Meaning, Message, one_line
from ..bios.racadm_registry import GROUPS, VENDOR, Read, documents_of, parse_help, parse_system, registry_of
from ..bios.racadm_registry import wanted_names as wanted
from ..bios.registry import BiosError, racadm_object
from ..bios.state import Documents, read_state
from .bmc import Answer, BmcError, Fate, Host, Reading, Reset, Schedule, Target, Trouble, refused
from .racadm_call import READ_S, WRITE_S, Racadm, RacadmLostError, Reach, call

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import TracebackType

    from ..bios.racadm_registry import Help
    from ..bios.registry import Registry, Value
    from ..bios.state import Job
    from ..run import Completed

SETUP = "BIOS.Setup.1-1"
_ABSENT = {"RAC1018", "RAC1019"}
_NO_SUCH_JOB = "RAC992"
_DELETED = "RAC1032"
_POWER = ("Server power operation initiated successfully", "Server power operation successful")
_ACTIONS = {Reset.FORCE: "powercycle", Reset.SHUTDOWN: "graceshutdown", Reset.POWER_ON: "powerup"}
_TOLD: tuple[tuple[str, Trouble], ...] = (
    ("RAC1170", Trouble.TOOL),
    ("unable to process the requested subcommand", Trouble.TOOL),
    ("Unable to connect to RAC", Trouble.UNREACHABLE),
    ("Login failed", Trouble.LOGIN),
    ("sudo: a password is required", Trouble.TOOL),
)
"""What RACADM says when nothing has reached the BMC, or nothing was done by it."""
_HINTS = {
    "RAC1170": "make the links libssl.so and libcrypto.so to the versioned libraries, or install their -dev packages",
    "unable to process the requested subcommand": "run it on the server itself, with its IPMI drivers loaded, "
    "or use remote racadm",
    "sudo": "let this user run racadm by sudo without a password, or log in as root",
}


@dataclass(slots=True)
class RacadmBmc:
    """A backend towards one iDRAC. `ssh_host` is the server for `Reach.SSH`; TLS counts for `Reach.REMOTE`."""

    target: Target
    reach: Reach = Reach.REMOTE
    ssh_host: str = ""
    program: str = "racadm"
    _registry: Registry | None = field(default=None, repr=False)

    async def __aenter__(self) -> Self:
        """Raise BmcError for what RACADM cannot do: it takes neither a pinned certificate nor a CA file."""
        tls = self.target.tls
        if self.reach is Reach.REMOTE and (tls.fingerprint or tls.ca_file):
            raise BmcError(
                Trouble.TLS,
                f"{self.target.label}: remote racadm cannot check a pinned certificate or one of a CA file",
                hint="use --backend redfish; or --racadm-via ssh or local, which need no certificate; "
                "or put the CA into this machine's own store",
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to close."""

    async def read(self, asked: Collection[str]) -> Reading:
        """All groups, and help on the names in `asked`, from some twenty calls. Raises BmcError, BiosError."""
        groups = {}
        for group in GROUPS:
            done = await self._call("get", f"BIOS.{group}")
            values = text.parse_get(done.stdout, done.returncode)
            if values.judged.meaning is Meaning.SUCCESS:
                groups[group] = values.values
            elif not set(values.judged.ids) & _ABSENT:
                raise self._refused(f"get BIOS.{group}", values.judged, done)
        read = Read(groups)
        names = wanted(asked)
        helps = {name: said for name in names if (said := await self._help(read.group_of(name), name))}
        read = Read(groups, helps)
        registry = registry_of(read)
        self._registry = registry
        bios, settings = documents_of(read)
        system = await self._call("getsysinfo")
        told = parse_system(system.stdout, system.returncode)
        documents = Documents(
            bios=bios,
            settings=settings,
            jobs=await self.jobs(),
            has_jobs=True,
            lockdown=await self._lockdown(),
            vendor=VENDOR,
            model=told.model,
            bios_version=told.bios_version,
        )
        return Reading(registry, read_state(documents, registry, {*asked, *names}))

    async def jobs(self) -> tuple[Job, ...]:
        """The whole job queue."""
        done = await self._call("jobqueue", "view")
        viewed = text.parse_queue(done.stdout, done.returncode)
        if viewed.judged.meaning is not Meaning.SUCCESS:
            raise self._refused("jobqueue view", viewed.judged, done)
        return viewed.jobs

    async def job(self, id_: str) -> Job | None:
        """One job of the queue."""
        done = await self._call("jobqueue", "view", "-i", id_)
        viewed = text.parse_view(done.stdout, done.returncode)
        if viewed.judged.meaning is Meaning.SUCCESS:
            return next((job for job in viewed.jobs if job.id == id_), None)
        if _NO_SUCH_JOB in viewed.judged.ids:
            return None
        raise self._refused(f"jobqueue view -i {id_}", viewed.judged, done)

    async def host(self) -> Host:
        """Power of the server; RACADM does not tell about POST and OS."""
        done = await self._call("getsysinfo")
        power = parse_system(done.stdout, done.returncode).power.upper()
        on = {"ON": True, "OFF": False}.get(power)
        return Host(on=on, resets=frozenset(_ACTIONS))

    async def stage(self, changes: Mapping[str, Value], schedule: Schedule | None, etag: str) -> Answer:
        """One `set` for each value; those that depend on another one are tried again after it.

        No schedule is taken: the job is a step of its own. A refusal tells what was staged before it.
        """
        waiting = {name: str(value) for name, value in changes.items()}
        if odd := next((n for n, v in waiting.items() if v.startswith("-") or not v.isprintable()), None):
            raise BmcError(Trouble.BAD_VALUE, f"{self.target.label}: racadm cannot be given this value of {odd}")
        staged: list[str] = []
        while waiting:
            later: dict[str, str] = {}
            first: Answer | None = None
            for name, value in waiting.items():
                answer = await self._set(name, value)
                if answer.fate is Fate.DONE:
                    staged.append(name)
                elif answer.judged.meaning is Meaning.READ_ONLY:
                    later[name], first = value, first or answer
                else:
                    return _after(answer, staged)
            if first is not None and len(later) == len(waiting):
                return _after(first, staged)
            waiting = later
        return Answer(Fate.DONE, what=self._what("set"))

    async def create_job(self) -> Answer:
        """`jobqueue create`, without a reset: that is a step of its own."""
        words = ("jobqueue", "create", SETUP)
        done = await self._write(*words)
        if isinstance(done, Answer):
            return done
        made = text.parse_create(done.stdout, done.returncode)
        return self._answer(words, made.judged, done, made.commit)

    async def delete_job(self, id_: str) -> Answer:
        """`jobqueue delete` of one job, never of all."""
        if not id_.startswith("JID_") or not id_[4:].isdigit():
            raise BmcError(Trouble.NOT_FOUND, f"{self.target.label}: {id_!r} is no id of a job")
        words = ("jobqueue", "delete", "-i", id_)
        done = await self._write(*words)
        if isinstance(done, Answer):
            return done
        return self._answer(words, text.parse_said(done.stdout, done.returncode, _DELETED), done)

    async def clear_pending(self) -> Answer:
        """`clearpending`."""
        words = ("clearpending", SETUP)
        done = await self._write(*words)
        if isinstance(done, Answer):
            return done
        return self._answer(words, text.parse_clear(done.stdout, done.returncode), done)

    async def reset(self, kind: Reset) -> Answer:
        """`serveraction`."""
        if kind not in _ACTIONS:
            raise BmcError(Trouble.NOT_FOUND, f"{self.target.label}: racadm has no {kind}")
        words = ("serveraction", _ACTIONS[kind])
        done = await self._write(*words)
        if isinstance(done, Answer):
            return done
        said = done.returncode == 0 and any(line in _POWER for line in text.unfold(done.stdout))
        judged = text.parse_said(done.stdout, done.returncode, "")
        return self._answer(words, Judged(Meaning.SUCCESS) if said and not judged.messages else judged, done)

    async def drop_session(self, location: str) -> bool:
        """There are no sessions."""
        return True

    async def _set(self, name: str, value: str) -> Answer:
        words = ("set", self._object(name), value)
        done = await self._write(*words)
        if isinstance(done, Answer):
            return done
        return self._answer(words[:2], text.parse_set(done.stdout, done.returncode), done)

    def _object(self, name: str) -> str:
        """RACADM's name of an attribute; it has to be read before."""
        attribute = self._registry.attributes.get(name) if self._registry else None
        if attribute is None:
            raise BiosError(f"{self.target.label}: {name} is in no group that was read")
        return racadm_object(attribute)

    async def _help(self, group: str, name: str) -> Help | None:
        if not group:
            return None
        done = await self._call("help", f"BIOS.{group}.{name}")
        return parse_help(done.stdout, done.returncode, name)

    async def _lockdown(self) -> bool | None:
        done = await self._call("get", "iDRAC.Lockdown.SystemLockdown")
        values = text.parse_get(done.stdout, done.returncode).values
        flag = values["SystemLockdown"].value if "SystemLockdown" in values else None
        return {"Enabled": True, "Disabled": False}.get(flag or "")

    async def _call(self, *words: str) -> Completed:
        """A call that reads. Raises BmcError when it brings no answer of the BMC."""
        try:
            done = await asyncio.to_thread(call, self._racadm(), words, READ_S)
        except RacadmLostError as error:
            trouble = Trouble.UNREACHABLE if error.started else Trouble.TOOL
            raise BmcError(trouble, f"{self.target.label}: {error}", hint=error.hint) from None
        self._raise_undone(words, done)
        return done

    async def _write(self, *words: str) -> Completed | Answer:
        """A call that changes something; a lost one is an Answer. Raises BmcError when nothing was done."""
        try:
            done = await asyncio.to_thread(call, self._racadm(), words, WRITE_S)
        except RacadmLostError as error:
            if not error.started:
                raise BmcError(Trouble.TOOL, f"{self.target.label}: {error}", hint=error.hint) from None
            return Answer(Fate.LOST, _unknown(str(error)), what=self._what(*words))
        self._raise_undone(words, done)
        return done

    def _racadm(self) -> Racadm:
        if self.reach is not Reach.REMOTE:
            return Racadm(self.reach, self.ssh_host if self.reach is Reach.SSH else "", program=self.program)
        return Racadm(
            self.reach,
            self.target.address,
            self.target.user,
            self.target.password.reveal(),
            insecure=self.target.tls.insecure,
            program=self.program,
        )

    def _what(self, *words: str) -> str:
        return f"{self.target.label}: racadm {' '.join(words[:2])}"

    def _raise_undone(self, words: tuple[str, ...], done: Completed) -> None:
        """Raise BmcError for what RACADM says when it has done nothing."""
        said = f"{done.stdout}\n{done.stderr}"
        if self.reach is Reach.REMOTE and not self.target.tls.insecure and text.certificate_warned(done.stdout):
            raise BmcError(
                Trouble.TLS,
                f"{self._what(*words)}: the BMC's certificate is not trusted",
                hint="put its CA into this machine's store, use --backend redfish with --cacert or a pinned "
                "fingerprint, or --insecure",
            )
        errors = [line for line in text.unfold(said) if line.startswith(("ERROR", "RAC1170", "sudo:"))]
        for sign, trouble in _TOLD:
            if line := next((line for line in errors if sign in line), ""):
                hint = next((hint for known, hint in _HINTS.items() if known in line), "")
                raise BmcError(trouble, f"{self._what(*words)}: {one_line(line)}", hint=hint)

    def _answer(self, words: tuple[str, ...], judged: Judged, done: Completed, job: str = "") -> Answer:
        """Success, a refusal that is known, or an unknown text, of which nobody knows what was done."""
        what = self._what(*words)
        if judged.meaning is Meaning.SUCCESS:
            return Answer(Fate.DONE, judged, job, what)
        if judged.meaning is Meaning.UNKNOWN and not judged.messages:
            return Answer(Fate.LOST, _unknown(_said(done)), what=what)
        return Answer(Fate.REFUSED, judged, what=what)

    def _refused(self, words: str, judged: Judged, done: Completed) -> BmcError:
        told = judged if judged.messages else _unknown(_said(done))
        return refused(f"{self.target.label}: racadm {words}", told)


def _said(done: Completed) -> str:
    """What an unknown text says, in one line; nothing that could be a value."""
    lines = [line for line in text.unfold(done.stdout + "\n" + done.stderr) if "=" not in line]
    return f"exit status {done.returncode}, and a text that is not known: {one_line(lines[0] if lines else '')!r}"


def _unknown(said: str) -> Judged:
    return Judged(Meaning.UNKNOWN, (Message("racadm", one_line(said)),))


def _after(answer: Answer, staged: list[str]) -> Answer:
    """A refusal or loss, which also tells what stays staged."""
    if not staged:
        return answer
    return replace(answer, what=f"{answer.what} (staged before it: {', '.join(staged)})")
