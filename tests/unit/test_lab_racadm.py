"""The stand-in `racadm`, run as a program found in PATH: its texts, its state, and that our parsers read them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gpuaas_scripts.bios.messages import Meaning
from gpuaas_scripts.bios.racadm_text import (
    certificate_warned,
    parse_clear,
    parse_create,
    parse_get,
    parse_set,
    parse_view,
)
from gpuaas_scripts.bios.state import Outcome
from gpuaas_scripts.lab.idrac_attributes import PLANTED
from gpuaas_scripts.lab.racadm import Racadm, install
from gpuaas_scripts.run import CommandError, Completed, base_env, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

VT = "BIOS.ProcSettings.ProcVirtualization"
SETUP = "BIOS.Setup.1-1"


@pytest.fixture
def racadm(tmp_path: Path) -> Racadm:
    return install(tmp_path / "bin")


def call(racadm: Racadm, *words: str, stdin: str | None = None, timeout: float = 20) -> Completed:
    env = {**base_env(), "PATH": f"{racadm.program.parent}{os.pathsep}{os.environ['PATH']}"}
    return run(["racadm", *words], timeout=timeout, env=env, check=False, stdin=stdin)


def test_get_a_group_and_an_object(racadm: Racadm) -> None:
    done = call(racadm, "get", "BIOS.ProcSettings")
    assert done.stdout.startswith("[Key=BIOS.Setup.1-1#ProcSettings]\nLogicalProc=Disabled\n")
    values = parse_get(done.stdout, done.returncode).values
    assert (values["ProcVirtualization"].value, values["ProcCoreSpeed"].read_only) == ("Disabled", True)
    one = call(racadm, "get", VT)
    assert one.stdout == "[Key=BIOS.Setup.1-1#ProcSettings]\nProcVirtualization=Disabled\n"


def test_a_write_only_object_shows_no_value(racadm: Racadm) -> None:
    done = call(racadm, "get", "BIOS.SysSecurity.SetupPassword")
    assert "SetupPassword=******** (Write-Only)" in done.stdout
    assert PLANTED not in done.stdout
    assert PLANTED in racadm.object("SysSecurity", "SetupPassword")["value"]


def test_set_stages_and_wraps_its_message(racadm: Racadm) -> None:
    done = call(racadm, "set", VT, "Enabled")
    assert done.stdout.splitlines()[1:] == [
        "RAC1017: Successfully modified the object value and the change is in",
        "         pending state.",
    ]
    assert parse_set(done.stdout, done.returncode).meaning is Meaning.SUCCESS
    shown = call(racadm, "get", VT).stdout
    assert "ProcVirtualization=Disabled (Pending Value=Enabled)" in shown
    assert parse_get(shown, 0).values["ProcVirtualization"].pending == "Enabled"


@pytest.mark.parametrize(
    ("words", "id_", "meaning"),
    [
        (("set", VT, "On"), "RAC947", Meaning.BAD_VALUE),
        (("set", "BIOS.ProcSettings.Nothing", "x"), "RAC1018", Meaning.BAD_VALUE),
        (("get", "BIOS.Nothing"), "RAC1018", Meaning.BAD_VALUE),
        (("set", "BIOS.SysProfileSettings.ProcTurboMode", "Disabled"), "RAC1025", Meaning.READ_ONLY),
        (("jobqueue", "create", SETUP), "RAC1023", Meaning.NOTHING_PENDING),
        (("clearpending", SETUP), "RAC1035", Meaning.NOTHING_PENDING),
        (("dance",), "RAC917", Meaning.BAD_VALUE),
    ],
)
def test_errors(racadm: Racadm, words: tuple[str, ...], id_: str, meaning: Meaning) -> None:
    done = call(racadm, *words)
    assert id_ in done.stdout
    assert done.returncode == 1
    racadm.change(refusal_status=0)  # exit statuses are not documented: the text has to be enough
    for parse in (parse_set, parse_clear):
        assert parse(done.stdout, call(racadm, *words).returncode).meaning is meaning


def test_unsupported_and_lockdown(racadm: Racadm) -> None:
    state = racadm.read()
    state["groups"]["ProcSettings"]["ProcVirtualization"]["unsupported"] = True
    racadm.change(groups=state["groups"])
    assert "RAC1019:" in call(racadm, "set", VT, "Enabled").stdout
    call(racadm, "set", "BIOS.ProcSettings.LogicalProc", "Enabled")
    assert "Object value modified successfully" in call(racadm, "set", "iDRAC.Lockdown.SystemLockdown", "1").stdout
    for words in (("set", VT, "Enabled"), ("jobqueue", "create", SETUP)):
        assert parse_set(call(racadm, *words).stdout, 1).meaning is Meaning.LOCKDOWN
    assert (
        "#LogicalProc=Disabled (Pending Value=Enabled)" in call(racadm, "get", "BIOS.ProcSettings.LogicalProc").stdout
    )
    assert "SystemLockdown=Enabled" in call(racadm, "get", "iDRAC.Lockdown").stdout


@pytest.mark.parametrize(
    ("ending", "outcomes", "value"),
    [
        ("PR19", [Outcome.WAITING, Outcome.RUNNING, Outcome.SUCCESS, Outcome.SUCCESS], "Enabled"),
        ("PR31", [Outcome.WAITING, Outcome.RUNNING, Outcome.WITH_ERRORS], "Disabled"),
        ("PR21", [Outcome.WAITING, Outcome.RUNNING, Outcome.FAILED], "Disabled"),
        ("PR30", [Outcome.STUCK, Outcome.STUCK, Outcome.STUCK], "Disabled"),
    ],
)
def test_a_job_and_its_endings(racadm: Racadm, ending: str, outcomes: list[Outcome], value: str) -> None:
    racadm.change(ending=ending)
    call(racadm, "set", "BIOS.ProcSettings.LogicalProc", "Enabled")
    call(racadm, "set", VT, "Enabled")
    done = call(racadm, "jobqueue", "create", SETUP, "-r", "pwrcycle", "-s", "TIME_NOW")
    made = parse_create(done.stdout, done.returncode)
    assert made.judged.meaning is Meaning.SUCCESS
    assert made.reboot == made.commit.replace("JID", "RID")
    seen = [parse_view(call(racadm, "jobqueue", "view", "-i", made.commit).stdout, 0).jobs[0].outcome for _ in outcomes]
    assert seen == outcomes
    assert racadm.object("ProcSettings", "ProcVirtualization")["value"] == value


def test_a_job_without_a_reset_waits_for_one(racadm: Racadm) -> None:
    call(racadm, "set", VT, "Enabled")
    made = parse_create(call(racadm, "jobqueue", "create", SETUP).stdout, 0)
    assert made.reboot == ""
    view = ("jobqueue", "view", "-i", made.commit)
    assert [parse_view(call(racadm, *view).stdout, 0).jobs[0].outcome for _ in range(2)] == [Outcome.WAITING] * 2
    assert parse_clear(call(racadm, "clearpending", SETUP).stdout, 1).ids == ("RAC1038",)
    assert "RAC1023" in call(racadm, "jobqueue", "create", SETUP).stdout  # one at a time
    call(racadm, "serveraction", "powercycle")
    outcomes = [parse_view(call(racadm, *view).stdout, 0).jobs[0].outcome for _ in range(3)]
    assert outcomes[-1] is Outcome.SUCCESS


def test_clear_and_delete(racadm: Racadm) -> None:
    call(racadm, "set", VT, "Enabled")
    done = call(racadm, "clearpending", SETUP)
    assert parse_clear(done.stdout, done.returncode).meaning is Meaning.SUCCESS
    assert "Pending" not in call(racadm, "get", VT).stdout
    call(racadm, "set", VT, "Enabled")
    made = parse_create(call(racadm, "jobqueue", "create", SETUP).stdout, 0)
    assert call(racadm, "jobqueue", "delete", "-i", made.commit).returncode == 0
    assert "Pending" not in call(racadm, "get", VT).stdout  # deleting a job drops what is staged


def test_remote_calls_warn_of_the_certificate_or_stop(racadm: Racadm) -> None:
    far = ("-r", "192.0.2.1", "-u", "root", "-i")
    login = "root\nsecret\n"
    warned = call(racadm, *far, "get", VT, stdin=login)
    assert certificate_warned(warned.stdout)
    assert parse_get(warned.stdout, warned.returncode).certificate_warning
    stopped = call(racadm, *far, "-S", "set", VT, "Enabled", stdin=login)
    assert (stopped.returncode, parse_set(stopped.stdout, 1).meaning) == (1, Meaning.UNKNOWN)
    assert "pending" not in racadm.object("ProcSettings", "ProcVirtualization")
    racadm.change(trusted=True)
    assert not certificate_warned(call(racadm, *far, "-S", "get", VT, stdin=login).stdout)
    assert racadm.read()["given"] == [True, True]
    assert "secret" not in racadm.state.read_text()


@pytest.mark.parametrize("fault", ["garbage", "library"])
def test_faults_exit_0_and_are_no_success(racadm: Racadm, fault: str) -> None:
    racadm.change(fault=fault)
    for words in (("set", VT, "Enabled"), ("get", VT), ("jobqueue", "create", SETUP), ("clearpending", SETUP)):
        done = call(racadm, *words)
        assert done.returncode == 0
        assert parse_set(done.stdout, 0).meaning is Meaning.UNKNOWN
        assert parse_get(done.stdout, 0).judged.meaning is Meaning.UNKNOWN
        assert parse_create(done.stdout, 0).judged.meaning is Meaning.UNKNOWN


def test_a_call_that_hangs_is_recorded(racadm: Racadm) -> None:
    racadm.change(fault="hang")
    with pytest.raises(CommandError, match="no end after"):
        call(racadm, "get", VT, timeout=1)
    assert racadm.read()["calls"] == [["get", VT]]
