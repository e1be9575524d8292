"""How racadm is called: where it runs, that its login is nowhere to be seen, and what an answer that fails means."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from racadm_support import PASSWORD, racadm

from gpuaas_scripts.bios.registry import BiosError
from gpuaas_scripts.sinks.racadm_call import Racadm as Place
from gpuaas_scripts.sinks.racadm_call import RacadmLostError, Reach, call

if TYPE_CHECKING:
    from gpuaas_scripts.lab.racadm import Racadm

__all__ = ["racadm"]

pytestmark = pytest.mark.process

VT = "BIOS.ProcSettings.ProcVirtualization"
KEY = "[Key=BIOS.Setup.1-1#ProcSettings]\n"


def far(**more: object) -> Place:
    return Place(Reach.REMOTE, "192.0.2.1", "root", PASSWORD, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("place", [Place(Reach.LOCAL), Place(Reach.SSH, "n1"), far()], ids=lambda place: place.reach)
def test_each_way_brings_the_same_answer(racadm: Racadm, place: Place) -> None:
    done = call(place, ("get", VT))
    assert done.stdout.startswith(KEY)
    assert done.returncode == 0


def test_remote_asks_for_the_login_and_checks_the_certificate(racadm: Racadm) -> None:
    call(far(), ("get", VT))
    state = racadm.read()
    assert state["calls"] == [["-r", "192.0.2.1", "-i", "-S", "get", VT]]
    assert state["given"] == [True, True]


def test_insecure_goes_on_and_never_hides_the_warning(racadm: Racadm) -> None:
    racadm.change(trusted=False)
    done = call(far(insecure=True), ("get", VT))
    assert done.stdout.startswith("Security Alert: Certificate is invalid")
    assert KEY in done.stdout
    assert "-S" not in racadm.read()["calls"][0]
    assert "--nocertwarn" not in racadm.read()["calls"][0]


def test_the_password_is_in_no_argument_list_and_no_environment(racadm: Racadm) -> None:
    """Every process that can be seen while the call runs is looked at, as `ps` would."""
    racadm.change(fault="hang")
    seen: list[bytes] = []
    told = threading.Event()

    def look() -> None:
        while not told.is_set():
            for place in Path("/proc").glob("[0-9]*"):
                for name in ("cmdline", "environ"):
                    try:
                        seen.append((place / name).read_bytes())
                    except OSError:
                        continue
            time.sleep(0.05)

    watcher = threading.Thread(target=look)
    watcher.start()
    with pytest.raises(RacadmLostError, match="no end after 2 s") as lost:
        call(far(), ("get", VT), timeout=2)
    told.set()
    watcher.join()
    assert any(b"192.0.2.1\0-i\0-S" in text for text in seen), "the call itself was not seen"
    assert not any(PASSWORD.encode() in text for text in seen)
    assert PASSWORD not in str(lost.value)
    assert lost.value.started


def test_a_password_never_becomes_an_argument(racadm: Racadm) -> None:
    with pytest.raises(BiosError, match="must not be an argument"):
        call(far(), ("set", "BIOS.SysSecurity.AssetTag", f"x{PASSWORD}"))
    assert racadm.read()["calls"] == []


@pytest.mark.parametrize("text", ["two\nlines", "tab\t"])
def test_a_login_is_one_line(text: str) -> None:
    with pytest.raises(BiosError, match="one line"):
        Place(Reach.REMOTE, "192.0.2.1", "root", text)


def test_a_host_is_no_option() -> None:
    with pytest.raises(BiosError, match="no host"):
        Place(Reach.SSH, "-oProxyCommand=touch /tmp/x")


def test_nothing_of_the_login_is_in_the_repr() -> None:
    assert PASSWORD not in repr(far())
    assert "root" not in repr(far())


def test_not_installed_was_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RacadmLostError, match="cannot start racadm") as lost:
        call(Place(Reach.LOCAL), ("get", VT))
    assert not lost.value.started
    assert "/opt/dell/srvadmin/bin" in lost.value.hint


def test_ssh_that_fails_is_lost_and_a_host_without_racadm_was_not_started(racadm: Racadm) -> None:
    with pytest.raises(RacadmLostError, match="not installed on this host") as lost:
        call(Place(Reach.SSH, "n1", program="racadm-is-not-here"), ("get", VT))
    assert not lost.value.started
    (racadm.program.parent / "ssh.broken").touch()
    with pytest.raises(RacadmLostError, match="No route to host") as lost:
        call(Place(Reach.SSH, "n1"), ("get", VT))
    assert lost.value.started
    assert "BatchMode=yes" in (racadm.program.parent / "ssh.log").read_text()


def test_words_reach_racadm_over_ssh_as_they_are(racadm: Racadm) -> None:
    words = ("set", "BIOS.BiosBootSettings.SetBootOrderEn", "a b;'$HOME'\"*")
    call(Place(Reach.SSH, "n1"), words)
    assert racadm.read()["calls"] == [list(words)]


def test_another_login_than_root_uses_sudo_that_never_asks(racadm: Racadm) -> None:
    folder = racadm.program.parent
    (folder / "id").write_text("#!/bin/sh\necho 1000\n")
    (folder / "sudo").write_text('#!/bin/sh\n[ "$1" = -n ] && shift && exec "$@"\n')
    (folder / "sudo").chmod(0o755)
    assert call(Place(Reach.SSH, "n1"), ("get", VT)).stdout.startswith(KEY)
    (folder / "sudo").write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    done = call(Place(Reach.SSH, "n1"), ("get", VT))
    assert (done.returncode, done.stderr) == (1, "sudo: a password is required\n")
