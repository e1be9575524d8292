"""Sessions of the Redfish backend: always closed, waited for, renewed; certificates; repeated reads, single writes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redfish_support import LIMITS, NAMES, PASSWORD, lab

from gpuaas_scripts.errors import ExitCode
from gpuaas_scripts.secrets import Secret
from gpuaas_scripts.sinks.bmc import BmcError, Fate, SessionNote, SessionStep, Tls, Trouble
from gpuaas_scripts.sinks.redfish_bmc import RedfishBmc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from redfish_support import Lab

BIOS = "/Bios$"


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


def opened(one: Lab) -> tuple[int, int]:
    """Sessions opened and open now."""
    return one.standin.access.opened, one.open_sessions


def trouble_of(one: Lab, **changes: object) -> BmcError:
    """The error of a login and a read."""

    async def read() -> None:
        async with RedfishBmc(one.target(**changes)) as bmc:
            await bmc.read(NAMES)

    with pytest.raises(BmcError) as caught:
        asyncio.run(read())
    assert PASSWORD not in f"{caught.value} {caught.value.hint} {caught.value!r}"
    return caught.value


def test_a_read_opens_one_session_and_closes_it(one: Lab) -> None:
    reading = asyncio.run(one.read(*NAMES))
    assert [reading.state.current[name] for name in NAMES] == ["Disabled", "Disabled"]
    assert opened(one) == (1, 0)


def test_a_session_is_closed_when_the_work_fails(one: Lab) -> None:
    async def work() -> None:
        async with RedfishBmc(one.target()):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        asyncio.run(work())
    assert opened(one) == (1, 0)


def test_who_watches_is_told_before_and_after(one: Lab) -> None:
    notes: list[SessionNote] = []

    async def work() -> None:
        async with RedfishBmc(one.target(), notes.append):
            notes.append(SessionNote(SessionStep.NONE))

    one.direct(options={"session_timeout": 900})
    asyncio.run(work())
    path = "/redfish/v1/SessionService/Sessions/1"
    told = [(note.step, note.location, note.seconds) for note in notes]
    assert told == [
        (SessionStep.LOGIN, "", 1800),
        (SessionStep.OPEN, path, 1800),
        (SessionStep.OPEN, path, 900),
        (SessionStep.NONE, "", 1800),
        (SessionStep.LOGOUT, path, 900),
    ]


def test_a_refused_login_is_told_as_no_session(one: Lab) -> None:
    notes: list[SessionNote] = []

    async def work() -> None:
        async with RedfishBmc(one.target(password=Secret("wrong-one")), notes.append):
            pass

    with pytest.raises(BmcError):
        asyncio.run(work())
    assert [note.step for note in notes] == [SessionStep.LOGIN, SessionStep.NONE]


@pytest.mark.parametrize("password", ["wrong-but-long-enough", "x"])
def test_a_wrong_password(one: Lab, password: str) -> None:
    error = trouble_of(one, password=Secret(password))
    assert (error.trouble, error.exit_code) == (Trouble.LOGIN, ExitCode.REMOTE)
    assert str(error).startswith(f"host-1 (BMC {one.farm.urls[0]}): login as root: login (SYS415: ")
    assert "password" in error.hint
    assert one.standin.seen.by_kind["POST /redfish/v1/SessionService/Sessions"] == 1, "a refused login is not repeated"


def test_all_sessions_in_use(one: Lab) -> None:
    one.direct(foreign_sessions=8)
    began = time.monotonic()
    error = trouble_of(one)
    assert (error.trouble, error.exit_code) == (Trouble.SESSION_LIMIT, ExitCode.REMOTE)
    assert "RAC0218" in str(error)
    assert "web page" in error.hint
    assert LIMITS.patience <= time.monotonic() - began < 10


def test_a_session_that_gets_free_is_waited_for(one: Lab) -> None:
    async def work() -> None:
        one.direct(foreign_sessions=8)
        waiting = asyncio.ensure_future(one.read(*NAMES))
        await asyncio.sleep(0.15)
        assert not waiting.done()
        one.direct(foreign_sessions=7)
        await waiting

    asyncio.run(work())
    assert opened(one) == (1, 0)


def test_a_bmc_that_is_not_ready(one: Lab) -> None:
    one.direct(not_ready=True)
    error = trouble_of(one)
    assert (error.trouble, error.exit_code) == (Trouble.NOT_READY, ExitCode.REMOTE)
    assert "SWC0700" in str(error)
    assert opened(one) == (1, 0)


def test_readiness_is_waited_for(one: Lab) -> None:
    one.direct(faults=[{"kind": "not-ready", "path": BIOS, "count": 3}])
    asyncio.run(one.read(*NAMES))
    assert opened(one) == (1, 0)


def test_the_patience_is_for_waits_in_a_row(one: Lab) -> None:
    places = [BIOS, "/Bios/Settings$", "/BiosRegistry$", "/Jobs$"]
    one.direct(faults=[{"kind": "not-ready", "path": path, "count": 2} for path in places])
    one.limits = replace(LIMITS, patience=0.1, pause=0.04)
    asyncio.run(one.read(*NAMES))
    one.direct(faults=[{"kind": "not-ready", "path": BIOS, "count": 9}])
    assert trouble_of(one).trouble is Trouble.NOT_READY


def test_a_session_that_is_gone_is_renewed_once(one: Lab) -> None:
    one.direct(faults=[{"kind": "401", "path": BIOS}])
    asyncio.run(one.read(*NAMES))
    assert opened(one) == (2, 0)


def test_a_write_in_a_session_that_is_gone_is_sent_again(one: Lab) -> None:
    async def work() -> None:
        async with RedfishBmc(one.target()) as bmc:
            await bmc.read(NAMES)
            one.direct(drop_sessions=True)
            assert (await bmc.stage({"ProcVirtualization": "Enabled"}, None, "")).fate is Fate.DONE

    asyncio.run(work())
    assert opened(one) == (2, 0)
    assert one.standin.seen.writes == 1


@pytest.mark.parametrize("kind", ["drop-before", "drop-after", "drop-middle", "garbage", "truncated"])
@pytest.mark.parametrize("path", [BIOS, "/BiosRegistry$", "/Bios/Settings$", "/v1/$"])
def test_a_read_is_repeated(one: Lab, kind: str, path: str) -> None:
    one.direct(faults=[{"kind": kind, "path": path}])
    asyncio.run(one.read(*NAMES))
    assert opened(one) == (1, 0)


def test_a_read_is_given_up(one: Lab) -> None:
    one.direct(faults=[{"kind": "drop-before", "path": BIOS, "count": -1}])
    error = trouble_of(one)
    assert error.trouble is Trouble.LOST
    assert str(error).endswith("/Bios: the connection was cut")
    asked = one.standin.seen.by_kind["GET /redfish/v1/Systems/System.Embedded.1/Bios"]
    assert asked == LIMITS.attempts, "asked by the library or aiohttp besides"
    assert opened(one) == (1, 0)


def test_garbage_is_named(one: Lab) -> None:
    one.direct(faults=[{"kind": "garbage", "path": BIOS, "count": -1}])
    assert "no JSON" in str(trouble_of(one))


@pytest.mark.parametrize("kind", ["drop-before", "drop-after", "garbage"])
@pytest.mark.parametrize(("method", "path"), [("PATCH", "/Settings$"), ("POST", "Reset$"), ("POST", "/Jobs$")])
def test_a_write_is_sent_once(one: Lab, kind: str, method: str, path: str) -> None:
    from gpuaas_scripts.sinks.bmc import Reset

    one.direct(faults=[{"kind": kind, "method": method, "path": path}])

    async def work() -> Fate:
        async with RedfishBmc(one.target()) as bmc:
            if method == "PATCH":
                return (await bmc.stage({"ProcVirtualization": "Enabled"}, None, "")).fate
            if path == "Reset$":
                return (await bmc.reset(Reset.FORCE)).fate
            await bmc.stage({"ProcVirtualization": "Enabled"}, None, "")
            return (await bmc.create_job()).fate

    assert asyncio.run(work()) is Fate.LOST
    sent = [entry for entry in one.standin.seen.log if entry[0] == method and path.strip("$") in entry[1]]
    assert len(sent) == 1


def test_an_answer_that_does_not_come(one: Lab) -> None:
    one.direct(faults=[{"kind": "slow", "path": BIOS, "count": -1, "seconds": 5}])
    error = trouble_of(one, limits=replace(LIMITS, answer=0.2, attempts=2))
    assert error.trouble is Trouble.LOST
    assert "no answer within 0.2 s" in str(error)
    assert opened(one) == (1, 0)


def test_a_logout_is_repeated(one: Lab) -> None:
    one.direct(faults=[{"kind": "drop-before", "method": "DELETE", "count": 2}])
    asyncio.run(one.read(*NAMES))
    assert opened(one) == (1, 0)


def test_a_logout_that_cannot_be_done_ends(one: Lab) -> None:
    one.direct(faults=[{"kind": "drop-before", "method": "DELETE", "count": -1}])
    notes: list[SessionNote] = []

    async def work() -> None:
        async with RedfishBmc(one.target(limits=replace(LIMITS, logout=0.3)), notes.append):
            pass

    began = time.monotonic()
    asyncio.run(work())
    assert time.monotonic() - began < 5
    assert SessionStep.LOGOUT not in {note.step for note in notes}, "told as closed"
    assert one.open_sessions == 1


def test_a_cancelled_login_logs_out(one: Lab) -> None:
    one.direct(faults=[{"kind": "slow", "method": "POST", "path": "Sessions", "seconds": 0.3}])

    async def work() -> None:
        waiting = asyncio.ensure_future(one.read(*NAMES))
        while not one.standin.access.opened:
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(work())
    assert opened(one) == (1, 0)


def test_a_cancelled_read_logs_out(one: Lab) -> None:
    one.direct(faults=[{"kind": "slow", "path": BIOS, "seconds": 30}])

    async def work() -> None:
        waiting = asyncio.ensure_future(one.read(*NAMES))
        while not any(path.endswith("/Bios") for _, path, _ in one.standin.seen.log):
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(work())
    assert opened(one) == (1, 0)


def test_a_logout_is_not_broken_off(one: Lab) -> None:
    one.direct(faults=[{"kind": "drop-before", "method": "DELETE", "count": 2}])

    async def work() -> None:
        waiting = asyncio.ensure_future(one.read(*NAMES))
        while not one.standin.seen.by_method["DELETE"]:
            await asyncio.sleep(0.001)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(work())
    assert opened(one) == (1, 0)


@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("again", [False, True])
def test_a_signal_logs_out(one: Lab, number: signal.Signals, again: bool) -> None:
    one.direct(faults=[{"kind": "slow", "path": BIOS, "seconds": 30}])
    one.direct(faults=[{"kind": "slow", "method": "DELETE", "seconds": 0.4}])
    code = (
        "import sys, os\n"
        "from pathlib import Path\n"
        "from gpuaas_scripts.secrets import Secret\n"
        "from gpuaas_scripts.sinks.bmc import Target, Tls\n"
        "from gpuaas_scripts.sinks.interrupt import Interrupted, run_async\n"
        "from gpuaas_scripts.sinks.redfish_bmc import RedfishBmc\n"
        "target = Target('h', sys.argv[1], 'root', Secret(os.environ['P']), Tls(ca_file=Path(sys.argv[2])))\n"
        "async def main():\n"
        "    async with RedfishBmc(target) as bmc:\n"
        "        await bmc.read(())\n"
        "try:\n"
        "    run_async(main)\n"
        "except Interrupted as error:\n"
        "    print(error)\n"
    )
    words = [sys.executable, "-c", code, one.farm.urls[0], str(one.farm.certificate.certificate)]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, "P": PASSWORD}
    )
    try:
        while not any(path.endswith("/Bios") for _, path, _ in list(one.standin.seen.log)):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        if again:
            time.sleep(0.2)
            process.send_signal(number)
        said = process.communicate(timeout=20)[0]
    finally:
        process.kill()
    assert said == f"stopped by {number.name}\n"
    assert opened(one) == (1, 0)


def test_an_unknown_certificate_is_refused_before_anything_is_sent(one: Lab) -> None:
    error = trouble_of(one, tls=Tls())
    assert (error.trouble, error.exit_code) == (Trouble.TLS, ExitCode.REMOTE)
    assert "self-signed" in str(error)
    assert "--cacert" in error.hint
    assert not one.standin.seen.log


@pytest.mark.parametrize("shape", ["{}", "SHA256:{}"])
def test_a_pinned_certificate(one: Lab, shape: str) -> None:
    digits = one.farm.certificate.fingerprint
    colons = ":".join(digits[at : at + 2] for at in range(0, 64, 2)).upper()

    async def work(pin: str) -> None:
        async with RedfishBmc(one.target(tls=Tls(fingerprint=pin))) as bmc:
            await bmc.host()

    asyncio.run(work(shape.format(digits)))
    asyncio.run(work(shape.format(colons)))
    assert opened(one) == (2, 0)


def test_another_certificate_than_the_pinned_one(one: Lab) -> None:
    pin = Tls(fingerprint=one.farm.certificate.fingerprint)
    fresh = one.farm.change_certificate(0)
    error = trouble_of(one, tls=pin)
    assert error.trouble is Trouble.TLS
    assert fresh.fingerprint in str(error)
    assert "replaced" in error.hint
    assert not one.standin.seen.log, "the password was sent to a stranger"


def test_the_pin_holds_even_with_insecure(one: Lab) -> None:
    assert trouble_of(one, tls=Tls(fingerprint="0" * 64, insecure=True)).trouble is Trouble.TLS


@pytest.mark.parametrize("pin", ["abc", "0" * 40, "g" * 64])
def test_a_fingerprint_that_is_none(one: Lab, pin: str) -> None:
    error = trouble_of(one, tls=Tls(fingerprint=pin))
    assert "SHA-256" in str(error)
    assert "openssl x509" in error.hint


def test_insecure_verifies_nothing(one: Lab) -> None:
    async def work() -> None:
        async with RedfishBmc(one.target(tls=Tls(insecure=True))) as bmc:
            await bmc.host()

    asyncio.run(work())
    assert opened(one) == (1, 0)


@pytest.mark.parametrize("content", [None, "no certificate", "é"])
def test_a_ca_file_that_is_none(one: Lab, content: str | None) -> None:
    path = one.folder / "ca.pem"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    error = trouble_of(one, tls=Tls(ca_file=path))
    assert str(path) in str(error)
    assert error.trouble is Trouble.TLS


def test_nobody_listens(one: Lab) -> None:
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        address = f"https://127.0.0.1:{free.getsockname()[1]}"
        began = time.monotonic()
        error = trouble_of(one, address=address)
    assert (error.trouble, error.exit_code) == (Trouble.UNREACHABLE, ExitCode.REMOTE)
    assert str(error) == f"host-1 (BMC {address}): cannot connect: Connection refused"
    assert time.monotonic() - began < 8, "a dead BMC is not waited for"


@pytest.mark.parametrize("address", ["http://127.0.0.1", "https://user:secret@host", "https://host/path", ""])
def test_an_address_that_is_none(one: Lab, address: str) -> None:
    assert trouble_of(one, address=address).trouble in {Trouble.TLS, Trouble.UNREACHABLE}


def test_a_login_whose_answer_was_lost_is_told_of(one: Lab) -> None:
    one.direct(faults=[{"kind": "drop-after", "method": "POST", "path": "Sessions"}])
    notes: list[SessionNote] = []

    async def work() -> None:
        async with RedfishBmc(one.target(), notes.append):
            pass

    asyncio.run(work())
    steps = [SessionStep.LOGIN, SessionStep.LOGIN, SessionStep.OPEN, SessionStep.LOGOUT]
    assert [note.step for note in notes] == steps
    assert opened(one) == (2, 1), "the lost one lives until it expires"


def test_an_earlier_session_is_closed_and_a_foreign_one_is_not(one: Lab) -> None:
    async def work() -> None:
        lost, mine = RedfishBmc(one.target()), RedfishBmc(one.target())
        await lost._session.open()
        location = lost._session.location
        async with RedfishBmc(one.target(user="viewer")) as other, mine:
            assert await mine.drop_session(location)
            assert await mine.drop_session(location), "gone is gone"
            assert await mine.drop_session(other._session.location), "its number is somebody else's now"
            assert not await mine.drop_session(mine._session.location)
            assert one.open_sessions == 2
        await lost._session._wire.close()

    asyncio.run(work())
    assert opened(one) == (3, 0)
