"""Passwords, session tokens and what an iDRAC plants among its attributes are in nothing that we show or keep."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redfish_support import NAMES, PASSWORD, Lab, lab

from gpuaas_scripts.bios.plan import to_json
from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.idrac_access import Access, Session
from gpuaas_scripts.lab.idrac_attributes import PLANTED
from gpuaas_scripts.sinks.bios_journal import ResetWish
from gpuaas_scripts.sinks.redfish_bmc import RedfishBmc
from gpuaas_scripts.sinks.redfish_wire import RedfishWire

if TYPE_CHECKING:
    from collections.abc import Iterator

DRIVER = Path(__file__).with_name("redfish_driver.py")


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens of all sessions."""
    given: list[str] = []
    real = Access.login

    def login(access: Access, user: object, password: object) -> tuple[str, Session]:
        token, session = real(access, user, password)
        given.append(token)
        return token, session

    monkeypatch.setattr(Access, "login", login)
    return given


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Lab]:
    with lab(tmp_path) as made:
        yield made


def clean(text: str, tokens: list[str]) -> None:
    assert tokens, "nobody logged in"
    for secret in (PASSWORD, PLANTED, *tokens):
        assert secret not in text


def kept(one: Lab) -> str:
    """All that lies in the folders of the change."""
    files = [path for path in one.folder.rglob("*") if path.is_file() and "tls" not in path.parts]
    assert files
    return "\n".join(path.read_text() for path in files)


def test_the_planted_are_there_to_be_found(one: Lab) -> None:
    async def bodies() -> str:
        async with RedfishBmc(one.target()) as bmc:
            await bmc.read(NAMES)
            assert bmc._places is not None
            reply = await bmc._session.ask("GET", bmc._places.lockdown)
            return reply.body.decode()

    assert PLANTED in asyncio.run(bodies())


@pytest.mark.parametrize("fault", ["", "drop-after", "garbage", "truncated", "401", "503"])
def test_a_change_and_its_logs(one: Lab, tokens: list[str], caplog: pytest.LogCaptureFixture, fault: str) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("asyncio").setLevel(logging.DEBUG)
    plan = asyncio.run(one.plan())
    if fault:
        one.direct(faults=[{"kind": fault, "skip": skip} for skip in (0, 3, 7, 9, 13, 16, 20, 30)])
    text = ""
    try:
        text += repr(asyncio.run(one.apply(plan), debug=True))
    except GpuaasError as error:
        text += f"{error!r} {error} {error.hint} {''.join(traceback.format_exception(error))}"
    text += repr(one.told) + repr(one.record) + repr(asyncio.run(one.read(*NAMES))) + repr(one.target())
    clean(text + caplog.text + kept(one) + to_json(plan).decode(), tokens)


@pytest.mark.parametrize("path", ["Sessions", "/Bios$", "DellAttributes", "/BiosRegistry$", "Reset$"])
def test_a_traceback_of_a_defect(one: Lab, tokens: list[str], monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    once = RedfishWire.once

    async def defect(self: RedfishWire, method: str, asked: str, *words: object, **more: object) -> object:
        reply = await once(self, method, asked, *words, **more)  # type: ignore[arg-type]
        if method != "DELETE" and re.search(path, asked):
            raise ZeroDivisionError
        return reply

    monkeypatch.setattr(RedfishWire, "once", defect)

    async def work() -> None:
        await one.apply(await one.plan(), reset=ResetWish.FORCE)

    with pytest.raises(ZeroDivisionError) as caught:
        asyncio.run(work())
    text = "".join(traceback.format_exception(caught.value))
    clean(text + (kept(one) if one.journals.exists() else ""), tokens)


@pytest.mark.process
def test_output_and_argument_lists_of_a_process(one: Lab, tokens: list[str]) -> None:
    plan = one.folder / "plan.json"
    plan.write_bytes(to_json(asyncio.run(one.plan())))
    one.direct(faults=[{"kind": "slow", "path": "/Bios$", "seconds": 0.5}])
    words = [sys.executable, "-X", "dev", str(DRIVER), one.farm.urls[0], str(one.farm.certificate.certificate)]
    process = subprocess.Popen(
        [*words, str(one.journals), str(plan), "after", "-1"],
        env={**os.environ, "GPUAAS_TEST_PASSWORD": PASSWORD, "PYTHONASYNCIODEBUG": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lists = ""
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError):
                lists += Path(f"/proc/{process.pid}/cmdline").read_text()
            if len(tokens) > 1:
                break
        said = process.communicate(timeout=30)[0]
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "redfish_driver" in lists
    clean(said + lists + kept(one), tokens)
