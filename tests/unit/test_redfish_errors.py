"""Every row of what an iDRAC refuses, by every id of it: the message, the hint and the exit code that a user gets."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redfish_support import NAMES, PASSWORD, lab

from gpuaas_scripts.errors import ExitCode
from gpuaas_scripts.lab.idrac_bmc import Answer as Sent
from gpuaas_scripts.lab.idrac_bmc import Request, reply
from gpuaas_scripts.lab.idrac_errors import TABLE, Refusal
from gpuaas_scripts.sinks.bmc import Answer, BmcError, Fate, Reset, Trouble
from gpuaas_scripts.sinks.redfish_bmc import RedfishBmc

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from redfish_support import Lab

BLOCKED, REMOTE = ExitCode.FINDINGS, ExitCode.REMOTE
ROWS = {
    Trouble.READ_ONLY: ("SYS410 SYS444 SYS443 SYS024", BLOCKED, "depends on another one"),
    Trouble.BAD_VALUE: ("SYS409 SYS424 SYS426 SYS429 BIOS013 BIOS014", BLOCKED, "does not take this name or value"),
    Trouble.LOCKDOWN: ("SYS406 SYS291 BIOS031 JCP041 RAC1201", BLOCKED, "turn System Lockdown Mode off"),
    Trouble.LOGIN: ("SYS415 SYS416", REMOTE, "check user and password"),
    Trouble.PRIVILEGE: ("SYS012 RAC0506", REMOTE, "an account that may configure"),
    Trouble.JOB_EXISTS: ("SYS011 BIOS006 BIOS007 RAC0679 LC063", BLOCKED, "wait for the open job"),
    Trouble.NOTHING_PENDING: ("BIOS008 SYS023", BLOCKED, "what was staged is gone"),
    Trouble.SESSION_LIMIT: ("RAC0218", REMOTE, "close sessions"),
    Trouble.NOT_READY: ("SWC0700", REMOTE, "wait until the BMC"),
}
CASES = [(trouble, id_) for trouble, (ids, _, _) in ROWS.items() for id_ in ids.split()]


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


def write(one: Lab, work: Callable[[RedfishBmc], Awaitable[Answer]], user: str = "root") -> Answer:
    async def run() -> Answer:
        async with RedfishBmc(one.target(user=user)) as bmc:
            return await work(bmc)

    return asyncio.run(run())


async def stage(bmc: RedfishBmc) -> Answer:
    return await bmc.stage({"ProcVirtualization": "Enabled"}, None, "")


def refusal(id_: str, prefix: str) -> Sent:
    """The body of a refusal, also for ids that the stand-in has no use for."""
    if id_ in TABLE:
        made = Refusal(id_, args=("ProcVirtualization",), attribute="ProcVirtualization")
        return reply(made.body(prefix), made.status)
    info = {"MessageId": f"{prefix}.{id_}", "Message": f"Text of {id_}.", "Severity": "Critical"}
    return reply({"error": {"@Message.ExtendedInfo": [info]}}, 400)


@pytest.mark.parametrize("prefix", ["IDRAC.2.9", "IDRAC.1.6", "IDRAC.10.20"])
@pytest.mark.parametrize(("trouble", "id_"), CASES)
def test_a_refused_write(one: Lab, trouble: Trouble, id_: str, prefix: str) -> None:
    answer = one.standin.answer

    def refusing(request: Request) -> Sent:
        return refusal(id_, prefix) if request.method == "PATCH" else answer(request)

    one.standin.answer = refusing  # type: ignore[method-assign]
    made = write(one, stage)
    error = made.error()
    _, code, hint = ROWS[trouble]
    assert (made.fate, error.trouble, error.exit_code) == (Fate.REFUSED, trouble, code)
    path = "/redfish/v1/Systems/System.Embedded.1/Bios/Settings"
    assert str(error).startswith(f"host-1 (BMC {one.farm.urls[0]}): PATCH {path}: {trouble} ({id_}: ")
    assert hint in error.hint
    assert "\n" not in str(error)
    assert not one.standin.machine.pending


def test_an_id_that_nobody_knows_shows_text_and_advice(one: Lab) -> None:
    answer = one.standin.answer
    info = {"MessageId": "IDRAC.2.9.XYZ999", "Message": "New\nkind of\x1b[31m trouble.", "Resolution": "Do this."}

    def refusing(request: Request) -> Sent:
        return (
            reply({"error": {"@Message.ExtendedInfo": [info]}}, 400) if request.method == "PATCH" else answer(request)
        )

    one.standin.answer = refusing  # type: ignore[method-assign]
    error = write(one, stage).error()
    assert str(error).endswith("unknown (XYZ999: New kind of [31m trouble.)")
    assert (error.hint, error.exit_code) == ("Do this.", REMOTE)


@pytest.mark.parametrize(
    ("status", "body", "fate"),
    [
        (
            200,
            b'{"error":{"@Message.ExtendedInfo":[{"MessageId":"IDRAC.2.9.SYS410","Severity":"Warning"}]}}',
            "refused",
        ),
        (200, b'{"error":{"@Message.ExtendedInfo":[{"MessageId":"X.1.New","Severity":"Warning"}]}}', "lost"),
        (500, b"", "lost"),
        (502, b"<html>proxy</html>", "lost"),
        (202, b'{"cut', "lost"),
        (400, b"<html>no</html>", "refused"),
        (204, b"", "done"),
    ],
)
def test_a_success_is_only_what_says_so(one: Lab, status: int, body: bytes, fate: str) -> None:
    answer = one.standin.answer
    one.standin.answer = lambda request: (  # type: ignore[method-assign]
        Sent(status, body) if request.method == "PATCH" else answer(request)
    )
    assert write(one, stage).fate == fate


def test_a_password_in_an_answer_is_not_shown(one: Lab) -> None:
    answer = one.standin.answer
    info = {"MessageId": "IDRAC.2.9.SYS410", "Message": f"no {PASSWORD} here", "Resolution": f"{PASSWORD}?"}

    def refusing(request: Request) -> Sent:
        return (
            reply({"error": {"@Message.ExtendedInfo": [info]}}, 400) if request.method == "PATCH" else answer(request)
        )

    one.standin.answer = refusing  # type: ignore[method-assign]
    made = write(one, stage)
    assert PASSWORD not in f"{made} {made.error()} {made.error().hint}"
    assert "no *** here" in str(made.error())


# What the firmware refuses by itself, as it stands.


async def stage_all(bmc: RedfishBmc, **values: str | int) -> Answer:
    return await bmc.stage(values, None, "")


def real(
    one: Lab, trouble: Trouble, id_: str, work: Callable[[RedfishBmc], Awaitable[Answer]], user: str = "root"
) -> None:
    made = write(one, work, user)
    assert (made.fate, made.error().trouble) == (Fate.REFUSED, trouble)
    assert id_ in made.judged.ids


def test_lockdown(one: Lab) -> None:
    one.direct(lockdown=True)
    real(one, Trouble.LOCKDOWN, "SYS406", stage)
    assert asyncio.run(one.read(*NAMES)).state.lockdown is True


def test_values_and_names(one: Lab) -> None:
    real(one, Trouble.BAD_VALUE, "SYS426", lambda bmc: stage_all(bmc, ProcVirtualization="Maybe"))
    real(one, Trouble.BAD_VALUE, "SYS429", lambda bmc: stage_all(bmc, NoSuchName="Enabled"))
    real(one, Trouble.READ_ONLY, "SYS410", lambda bmc: stage_all(bmc, SystemServiceTag="ABC"))


def test_a_user_without_the_privilege(one: Lab) -> None:
    real(one, Trouble.PRIVILEGE, "SYS012", stage, "viewer")
    real(one, Trouble.PRIVILEGE, "RAC0506", lambda bmc: bmc.reset(Reset.FORCE), "viewer")
    assert one.standin.machine.resets == 0


def test_a_job_in_the_way(one: Lab) -> None:
    async def twice(bmc: RedfishBmc) -> Answer:
        await stage(bmc)
        assert (await bmc.create_job()).job.startswith("JID_")
        return await bmc.create_job()

    real(one, Trouble.JOB_EXISTS, "SYS011", twice)
    real(one, Trouble.JOB_EXISTS, "SYS011", stage)
    real(one, Trouble.JOB_EXISTS, "SYS011", lambda bmc: bmc.clear_pending())


def test_nothing_to_commit_or_to_clear(one: Lab) -> None:
    real(one, Trouble.NOTHING_PENDING, "BIOS008", lambda bmc: bmc.create_job())
    real(one, Trouble.NOTHING_PENDING, "SYS023", lambda bmc: bmc.clear_pending())


def test_clearing_and_deleting(one: Lab) -> None:
    async def work(bmc: RedfishBmc) -> Answer:
        await stage(bmc)
        assert (await bmc.clear_pending()).fate is Fate.DONE
        assert not one.standin.machine.pending
        await stage(bmc)
        job = (await bmc.create_job()).job
        assert [found.id for found in await bmc.jobs()] == [job]
        made = await bmc.delete_job(job)
        assert await bmc.job(job) is None
        return made

    assert write(one, work).fate is Fate.DONE
    assert not one.standin.queue.jobs


def test_an_etag_that_is_old(one: Lab) -> None:
    async def work(bmc: RedfishBmc) -> Answer:
        etag = (await bmc.read(NAMES)).etag
        assert etag
        await stage(bmc)
        return await bmc.stage({"SriovGlobalEnable": "Enabled"}, None, etag)

    real(one, Trouble.MOVED, "SYS404", work)


def test_a_system_without_a_bios(one: Lab) -> None:
    answer = one.standin.answer

    def without(request: Request) -> Sent:
        made = answer(request)
        body = made.body.replace(b'"Bios"', b'"Else"') if request.path.endswith("System.Embedded.1") else made.body
        return Sent(made.status, body, made.headers, made.effect)

    one.standin.answer = without  # type: ignore[method-assign]
    with pytest.raises(BmcError, match="no system of it has a BIOS resource") as caught:
        asyncio.run(one.read(*NAMES))
    assert caught.value.exit_code is REMOTE


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/BiosRegistry", b'{"RegistryEntries": {}}', "the BIOS attribute registry is not one"),
        ("/BiosRegistry", b'{"RegistryEntries": {"Attributes": []}}', "the BIOS attribute registry is empty"),
        (
            "/Bios",
            b'{"@Redfish.Settings": {"SettingsObject": {"@odata.id": "/redfish/v1/Systems"}}}',
            "no BIOS attributes",
        ),
        ("/Bios", b"{}", "no settings object"),
        ("/Bios", b"[]", "no JSON"),
        ("/Dell/Jobs", b'{"Members": [{"Id": 5}]}', "no job: it has no Id"),
        ("/v1/", b"{}", "names no systems"),
    ],
)
def test_a_document_of_another_shape_is_told_with_its_host(one: Lab, path: str, body: bytes, said: str) -> None:
    answer = one.standin.answer
    one.standin.answer = lambda request: (  # type: ignore[method-assign]
        Sent(200, body) if request.method == "GET" and request.path.endswith(path) else answer(request)
    )
    with pytest.raises(BmcError, match=said) as caught:
        asyncio.run(one.read(*NAMES))
    assert str(caught.value).startswith(f"host-1 (BMC {one.farm.urls[0]}): ")
    assert caught.value.exit_code is REMOTE
    assert caught.value.hint
    assert one.open_sessions == 0
