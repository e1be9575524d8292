"""The stand-in iDRAC's sessions, faults, counters and certificates, by curl over TLS."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from idrac_support import Client, standing

from gpuaas_scripts.lab.idrac import Options, running
from gpuaas_scripts.lab.idrac_attributes import PLANTED
from gpuaas_scripts.lab.idrac_resources import BIOS, DELL_ATTRIBUTES, SESSIONS, SETTINGS, SYSTEM
from gpuaas_scripts.run import run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

VT = {"ProcVirtualization": "Enabled"}
EMPTY_REPLY, PARTIAL_FILE, RECEIVE_ERROR, UNTRUSTED = 52, 18, 56, 60
"""Exit statuses of curl."""


def test_a_session_from_login_to_logout(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        reply = client.login()
        location = reply.headers["location"]
        assert location.startswith(f"{SESSIONS}/")
        assert PLANTED not in reply.body.decode()
        client.token = reply.headers["x-auth-token"]
        assert client.send("GET", BIOS).status == 200
        assert client.send("DELETE", location).status == 200
        assert client.send("GET", BIOS).ids == ["IDRAC.2.9.SYS415"]
        assert (client.bmc.access.opened, client.bmc.access.closed) == (1, 1)


def test_a_session_ends_when_nobody_uses_it(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        client.token = client.login().headers["x-auth-token"]
        client.direct(advance=1700)
        assert client.send("GET", BIOS).status == 200  # each use lengthens it
        client.direct(advance=1700)
        assert client.send("GET", BIOS).status == 200
        client.direct(advance=1801)
        assert client.send("GET", BIOS).status == 401


def test_the_limit_counts_the_sessions_of_others_and_expiry_frees_it(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        client.direct(foreign_sessions=7)
        assert [client.login().status for _ in range(2)] == [201, 503]
        client.direct(advance=1801)
        assert client.login().status == 201


@pytest.mark.parametrize(
    ("kind", "exits", "effect"),
    [
        ("drop-before", {EMPTY_REPLY, RECEIVE_ERROR}, False),
        ("drop-after", {EMPTY_REPLY, RECEIVE_ERROR}, True),
        ("drop-middle", {PARTIAL_FILE, RECEIVE_ERROR}, True),
    ],
)
def test_dropped_connections_before_and_after_the_effect(
    tmp_path: Path, kind: str, exits: set[int], effect: bool
) -> None:
    with standing(tmp_path) as client:
        client.direct(faults=[{"kind": kind, "method": "PATCH"}])
        assert client.patch(**VT).exit in exits
        assert client.get(SETTINGS)["Attributes"] == (VT if effect else {})
        assert client.bmc.seen.writes == effect
        assert client.patch(LogicalProc="Enabled").exit == 0  # it strikes once


@pytest.mark.parametrize(
    ("kind", "status", "id_"), [("503", 503, "RAC0509"), ("401", 401, "SYS415"), ("not-ready", 400, "SWC0700")]
)
def test_refusals_on_demand_have_no_effect(tmp_path: Path, kind: str, status: int, id_: str) -> None:
    with standing(tmp_path) as client:
        client.direct(faults=[{"kind": kind, "path": "/Settings", "count": 2}])
        reply = client.patch(**VT)
        assert (reply.status, reply.ids) == (status, [f"IDRAC.2.9.{id_}"])
        assert client.send("GET", SETTINGS).status == status
        assert client.get(SETTINGS)["Attributes"] == {}


def test_a_401_in_the_middle_ends_the_session(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        client.token = client.login().headers["x-auth-token"]
        client.direct(faults=[{"kind": "401", "skip": 1}])
        assert [client.send("GET", SYSTEM).status for _ in range(3)] == [200, 401, 401]


@pytest.mark.parametrize("kind", ["garbage", "truncated"])
def test_bodies_that_are_no_json(tmp_path: Path, kind: str) -> None:
    with standing(tmp_path) as client:
        client.direct(faults=[{"kind": kind, "path": "/Bios$"}])
        reply = client.send("GET", BIOS)
        assert (reply.exit, reply.status) == (0, 200)
        with pytest.raises(ValueError):  # noqa: PT011
            json.loads(reply.body)
        assert client.get(BIOS)["Attributes"]


def test_slow_answers_and_latency_take_real_time(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        client.direct(faults=[{"kind": "slow", "seconds": 0.6}])
        began = time.monotonic()
        client.get(SYSTEM)
        assert time.monotonic() - began > 0.6
        client.direct(options={"latency": 0.4})
        began = time.monotonic()
        client.get(SYSTEM)
        assert time.monotonic() - began > 0.4


def test_a_changed_certificate_is_another_one_on_the_same_port(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        old, url = client.farm.certificate, client.farm.urls[0]
        assert client.send("GET", SYSTEM).exit == 0
        fresh = client.farm.change_certificate(0)
        assert client.farm.urls[0] == url
        assert fresh.fingerprint != old.fingerprint
        assert client.send("GET", SYSTEM).exit == UNTRUSTED
        client.cacert = fresh.certificate
        assert client.send("GET", SYSTEM).status == 200


def test_the_certificate_is_not_trusted_by_itself(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        other = tmp_path / "other.pem"
        other.write_text("")
        client.cacert = other
        assert client.send("GET", SYSTEM).exit != 0


def test_counters_and_wishes_over_http(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        client.login()
        client.patch(**VT)
        client.get(SYSTEM)
        seen = client.get("/lab")
        assert seen["sessions"] == {"open": 1, "opened": 1, "closed": 0}
        assert seen["requests"]["by_method"] == {"POST": 1, "PATCH": 1, "GET": 1}
        assert seen["requests"]["by_kind"][f"PATCH {SETTINGS}"] == 1
        assert (seen["writes"], seen["pending"], seen["time"]) == (1, 1, 0)
        assert client.send("POST", "/lab", {"advance": 7, "ending": "failed"}).document["time"] == 7
        assert client.send("POST", "/lab", {"surprise": 1}).status == 400
        assert client.get("/lab")["requests"]["by_method"]["GET"] == 1  # the lab's own door is not counted


def test_every_answer_in_turn_can_be_dropped(tmp_path: Path) -> None:
    """`skip` addresses the n-th request of a run."""
    with standing(tmp_path) as client:
        for number in range(3):
            client.direct(clear_faults=True, faults=[{"kind": "drop-after", "skip": number}])
            assert [client.send("GET", SYSTEM).exit == 0 for _ in range(3)] == [n != number for n in range(3)]


def test_secrets_are_planted_where_firmware_has_them(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        for path, names in (
            (BIOS, {"SHA256SetupPassword", "IscsiDev1Con1ChapSecret"}),
            (DELL_ATTRIBUTES, {"Users.2.SHA256Password"}),
        ):
            planted = {name for name, value in client.get(path)["Attributes"].items() if PLANTED in str(value)}
            assert names <= planted


def test_many_stand_ins_in_one_process_are_apart_and_on_loopback_only(tmp_path: Path) -> None:
    count = 300
    with running([Options(service_tag=f"LAB{n:04}") for n in range(count)], tmp_path / "tls") as farm:
        assert len(set(farm.urls)) == count
        first, last = Client(farm, tmp_path), Client(farm, tmp_path, index=count - 1)
        assert first.patch(**VT).status == 200
        assert last.get(SETTINGS)["Attributes"] == {}
        assert last.get(SYSTEM)["SKU"] == f"LAB{count - 1:04}"
        port = int(farm.urls[0].rsplit(":", 1)[1])
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", port), timeout=2)
        assert not farm.defects


def test_a_farm_in_a_process_of_its_own_ends_on_sigterm(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from gpuaas_scripts.lab.idrac import Options, serve\n"
        "def ready(farm): print(farm.urls[0], farm.certificate.certificate, flush=True)\n"
        "farm = serve([Options()] * 2, pathlib.Path(sys.argv[1]), ready)\n"
        "print(farm.bmcs[0].seen.by_method['GET'], len(farm.defects))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        url, certificate = child.stdout.readline().split()
        done = run(["curl", "-sS", "--cacert", certificate, f"{url}/redfish/v1"], timeout=20)
        assert json.loads(done.stdout)["Vendor"] == "Dell"
        child.terminate()
        assert child.communicate(timeout=20)[0] == "1 0\n"
        assert child.returncode == 0
    finally:
        child.kill()
        child.wait()
