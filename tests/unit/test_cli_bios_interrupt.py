"""Runs that end early by SIGINT, SIGTERM, SIGHUP and SIGKILL: what status tells, and that resume completes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bios_cli_support import POLL, Lab, lab

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.process

GEN = str(Path(sys.executable).with_name("gpuaas-gen"))
GO = ("--yes", "--reset", "force", *POLL)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Lab]:
    """A stand-in whose restart takes long enough to interrupt it."""
    with lab(tmp_path, rate=20) as made:
        yield made


def start(here: Lab) -> subprocess.Popen[str]:
    words = [GEN, "bios", "apply", "--site", "lab", "--apply", *GO, "--root", str(here.root)]
    words += ["--records", str(here.records)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_closes_the_session(slow: Lab, number: signal.Signals) -> None:
    process = start(slow)
    wait_for(lambda: slow.bmc().machine.resets)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert f"stopped by {number.name}" in err
    assert "Traceback" not in err
    assert out == ""
    assert slow.no_session_is_open()
    status = slow.gen("status")
    assert status.code == 3
    assert "a session may still be open" not in status.out
    ran = slow.gen("resume", *GO)
    assert ran.code == 0, ran.err
    assert (slow.bmc().queue.made, slow.bmc().machine.resets) == (1, 1), "nothing was done twice"


def test_after_a_kill_status_tells_of_the_session_and_resume_completes(slow: Lab) -> None:
    process = start(slow)
    wait_for(lambda: slow.bmc().machine.resets)
    process.kill()
    process.communicate(timeout=30)
    assert not slow.no_session_is_open()
    status = slow.gen("status")
    assert status.code == 3
    assert "a session may still be open: /redfish/v1/SessionService/Sessions/" in status.out
    ran = slow.gen("resume", *GO)
    assert ran.code == 0, ran.err
    assert slow.no_session_is_open(), "the one that was left open is closed"
    assert (slow.bmc().queue.made, slow.bmc().machine.resets) == (1, 1), "nothing was done twice"
    assert slow.gen("status").code == 0


def test_a_second_run_beside_the_first_is_refused(slow: Lab) -> None:
    process = start(slow)
    wait_for(lambda: slow.bmc().queue.made)
    ran = slow.gen("resume", *GO)
    assert ran.code == 2
    assert "another gpuaas-gen works on this change now" in ran.err
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert slow.bmc().queue.made == 1
