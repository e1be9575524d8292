"""Which MAAS the verbs talk to, with which key, and one clear line for everything that can be wrong with it."""

from __future__ import annotations

import json
import socket
import sqlite3
import ssl
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support import repository
from test_maas_session import certificate
from upload_support import SCRIPT, prepare

from gpuaas_scripts.lab.maas import ADMIN, PLAIN, Region, StandIn
from gpuaas_scripts.lab.maas_faults import Fault, FaultKind, Faults
from gpuaas_scripts.lab.maas_http import Request, Response, Server, text_response
from gpuaas_scripts.sinks.maas_login import PROFILE_PLACES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Ran
    from upload_support import World

pytestmark = pytest.mark.process

PLANTED = "planted-secret-7"
VERBS = (("upload", "--dry-run"), ("upload", "--yes"), ("drift",), ("drift", "--json"), ("revert", SCRIPT, "--yes"))


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gpuaas_scripts.sinks.maas_session._MAX_WAIT_S", 0.01)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with StandIn() as lab:
        yield prepare(repository(tmp_path / "repository"), lab)


def one_line(ran: Ran, *parts: str, code: int = 4) -> None:
    """One error line with these parts, this exit code, and no secret."""
    assert ran.code == code, ran.both
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ran.err
    for part in parts:
        assert part in ran.err
    assert "Traceback" not in ran.both
    clean(ran)


def clean(ran: Ran) -> None:
    """No part of any key is shown."""
    for text in (PLANTED, *ADMIN.key.split(":"), *PLAIN.key.split(":")):
        assert text not in ran.both


# --- where the MAAS and the key come from ----------------------------------------------------------------


def login(home: Path, place: str, url: str, key: str = ADMIN.key, name: str = "lab") -> None:
    path = home / place
    path.parent.mkdir(parents=True, exist_ok=True)
    data = json.dumps({"name": name, "url": url, "credentials": key.split(":")})
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE profiles (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, data BLOB)")
        database.execute("INSERT INTO profiles (name, data) VALUES (?, ?)", (name, data))


SITE = "site-configs/sites/lab.yaml"
LINE = 'maas: {url: "http://192.0.2.2:5240/MAAS/", api_key: "env:LAB_MAAS_KEY"}'


def of_site(world: World, line: str, **env: str | None) -> Ran:
    """Compare with the MAAS that the site's file names."""
    world.repo.edit(SITE, LINE, line)
    world.render()
    return world.plain("drift", "--site", "lab", env=dict(env))


@pytest.mark.parametrize("place", PROFILE_PLACES)
def test_a_login_of_the_maas_tool(world: World, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    login(tmp_path, place, f"{world.lab.url}api/2.0/")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert world.plain("drift", "--site", "lab", "--profile", "lab").code == 3
    ran = world.plain("drift", "--site", "lab", "--profile", "prod")
    one_line(ran, "the maas tool has no login 'prod'; there are: lab", code=2)


def test_references_of_the_sites_file(world: World, tmp_path: Path) -> None:
    line = f'maas: {{url: "{world.lab.url}", api_key: "env:LAB_MAAS_KEY"}}'
    assert of_site(world, line, LAB_MAAS_KEY=ADMIN.key).code == 3
    one_line(
        world.plain("drift", "--site", "lab"), f"{SITE}: maas.api_key: the environment variable LAB_MAAS_KEY", code=2
    )
    file = tmp_path / "key"
    file.write_text(f"{ADMIN.key}\n")
    world.repo.edit(SITE, "env:LAB_MAAS_KEY", f"file:{file}")
    world.render()
    assert world.plain("drift", "--site", "lab").code == 3
    file.unlink()
    one_line(world.plain("drift", "--site", "lab"), str(file), "No such file", code=2)


def test_a_login_that_the_sites_file_names(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    login(tmp_path, PROFILE_PLACES[0], f"{world.lab.url}api/2.0/")
    assert of_site(world, "maas: {cli_profile: lab}").code == 3
    world.repo.edit(SITE, "maas: {cli_profile: lab}", f'maas: {{cli_profile: lab, url: "{world.lab.url}"}}')
    world.render()
    assert world.plain("drift", "--site", "lab").code == 3


def test_a_login_for_another_maas_than_the_sites_is_refused(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    login(tmp_path, PROFILE_PLACES[0], f"{world.lab.url}api/2.0/")
    ran = of_site(world, 'maas: {cli_profile: lab, url: "http://192.0.2.2:5240/MAAS/"}')
    one_line(ran, "maas.url is http://192.0.2.2:5240/MAAS/, but the login lab of the maas tool is for", code=2)
    assert world.lab.faults.total == 0
    assert world.plain("drift", "--site", "lab", "--profile", "lab").code == 3


def test_the_key_of_the_environment_with_the_url_of_the_sites_file(world: World) -> None:
    line = f'maas: {{url: "{world.lab.url}"}}'
    assert of_site(world, line, MAAS_API_KEY=ADMIN.key).code == 3
    one_line(world.plain("drift", "--site", "lab"), "there is no API key for the MAAS of site lab", code=2)


def test_the_url_of_the_command_line_with_the_key_of_the_sites_file(world: World) -> None:
    words = ("drift", "--site", "lab", "--url", world.lab.url)
    assert world.plain(*words, env={"LAB_MAAS_KEY": ADMIN.key}).code == 3
    both = {"LAB_MAAS_KEY": PLAIN.key.replace("plain", "x"), "MAAS_API_KEY": ADMIN.key}
    assert world.plain(*words, env=both).code == 3  # what is given now goes first


def test_a_site_without_a_maas(world: World) -> None:
    ran = of_site(world, "maas: {}")
    one_line(ran, f"{SITE}: the site's file names no MAAS", "--profile NAME", code=2)
    world.repo.edit(SITE, "maas: {}", "maas: {url: to-be-approved}")
    world.render()
    ran = world.plain("drift", "--site", "lab")
    one_line(ran, f"{SITE}:2:13: maas.url is to be approved", code=2)


def test_a_login_and_a_url_are_not_given_both(world: World) -> None:
    ran = world.plain("drift", "--site", "lab", "--profile", "x", "--url", world.lab.url)
    assert (ran.code, "give either --profile NAME or --url URL" in ran.err) == (2, True)


@pytest.mark.parametrize("key", [PLANTED, f"a:{PLANTED}", f"a:b:{PLANTED}:d", f"a b:c:{PLANTED}"])
def test_a_key_of_another_form(world: World, key: str) -> None:
    one_line(world.gen("drift", key=key), "is not of the form consumer:token:secret", code=2)


@pytest.mark.parametrize("url", ["m:5240/MAAS", f"http://user:{PLANTED}@m/MAAS", "ftp://m/MAAS"])
def test_a_url_that_is_none(world: World, url: str) -> None:
    one_line(world.gen("drift", url=url), "the MAAS URL must", code=2)


# --- what can be wrong with the MAAS ---------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_a_wrong_secret_is_not_answered_with_the_right_one(world: World, verb: tuple[str, ...]) -> None:
    consumer, token, _ = ADMIN.key.split(":")
    ran = world.gen(*verb, key=f"{consumer}:{token}:{PLANTED}")
    one_line(ran, "401 Unauthorized: MAAS does not accept the API key")


@pytest.mark.parametrize("verb", VERBS)
def test_nobody_listens(world: World, verb: tuple[str, ...]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        one_line(world.gen(*verb, url=f"http://127.0.0.1:{taken.getsockname()[1]}/MAAS/"), "cannot connect")


def test_a_name_that_nobody_has(world: World) -> None:
    one_line(world.gen("drift", url="http://maas.invalid/MAAS/"), "cannot connect")


def test_who_is_no_administrator(world: World) -> None:
    ran = world.gen("upload", "--yes", key=PLAIN.key)
    one_line(ran, "403 Forbidden", "must be an administrator")
    assert world.lab.faults.writes == 2  # both scripts at once, and nothing after
    assert "read back" not in ran.out
    world.upload()
    world.lab.region.machines.machines["lab001"].tags.clear()
    world.lab.faults.clear()
    one_line(world.gen("upload", "--yes", key=PLAIN.key), "403 Forbidden", "must be an administrator")
    assert world.lab.faults.writes == 1


def serving(world: World, answer: Response, *verb: str) -> Ran:
    server = Server(lambda _request: answer, Faults())
    try:
        return world.gen(*verb, url=f"{server.url}/MAAS/")
    finally:
        server.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (text_response(200, "<html>welcome</html>", "text/html"), "answered text/html instead of JSON"),
        (text_response(200, '{"version": 2}', "application/json"), "its version is no MAAS's"),
        (text_response(404, "not found"), "404 Not Found"),
        (text_response(410, "The 2.0 API is no longer available."), "410 Gone"),
        (Response(302, headers={"Location": "http://elsewhere.invalid/"}), "302 Found"),
    ],
)
def test_not_a_maas(world: World, answer: Response, said: str) -> None:
    one_line(serving(world, answer, "drift"), said)


def test_a_proxy_with_another_host_name_is_fine(world: World) -> None:
    world.lab.region.base = "https://inside.invalid:5443"

    def forward(request: Request) -> Response:
        return world.lab.region.handle(request)

    server = Server(forward, Faults())
    try:
        assert world.gen("upload", "--yes", url=f"{server.url}/MAAS/").code == 0
    finally:
        server.close()
    assert world.gen("drift").code == 0


def secure(folder: Path, first: str = "20200101000000Z", last: str = "20990101000000Z") -> tuple[StandIn, Path]:
    key, cert = certificate(folder, first, last)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return StandIn(tls=context), cert


def test_a_certificate_is_checked(world: World, tmp_path: Path) -> None:
    lab, cert = secure(tmp_path)
    with lab:
        one_line(world.gen("drift", url=lab.url), "the certificate is refused: self-signed certificate")
        assert world.gen("drift", "--cacert", str(cert), url=lab.url).code == 3
        named = lab.url.replace("127.0.0.1", "localhost")
        one_line(world.gen("drift", "--cacert", str(cert), url=named), "the certificate is refused: Hostname mismatch")
        one_line(
            world.gen("drift", "--cacert", str(tmp_path / "none.pem"), url=lab.url), "none.pem", "No such file", code=2
        )


def test_the_ca_of_the_sites_file(world: World, tmp_path: Path) -> None:
    lab, cert = secure(tmp_path)
    with lab:
        line = f'maas: {{url: "{lab.url}", api_key: "env:LAB_MAAS_KEY", ca_file: {cert}}}'
        assert of_site(world, line, LAB_MAAS_KEY=ADMIN.key).code == 3


def test_an_expired_certificate(world: World, tmp_path: Path) -> None:
    lab, cert = secure(tmp_path, last="20210101000000Z")
    with lab:
        one_line(world.gen("drift", "--cacert", str(cert), url=lab.url), "certificate has expired")


def test_clocks_that_differ(world: World) -> None:
    with StandIn(Region(clock=lambda: time.time() + 3600)) as lab:
        one_line(world.gen("drift", url=lab.url), "MAAS's clock and this machine's differ by 3600 s", "NTP")


def test_no_answer_in_time(world: World) -> None:
    world.lab.faults.add(Fault(FaultKind.SLOW, "GET", "version", times=9, seconds=0.5))
    one_line(world.gen("drift", "--timeout", "0.1"), "no answer within 0.1 s")


@pytest.mark.parametrize("kind", [FaultKind.UNAVAILABLE, FaultKind.BAD_GATEWAY, FaultKind.CONFLICT])
def test_what_does_not_pass_is_said(world: World, kind: FaultKind) -> None:
    world.lab.faults.add(Fault(kind, "GET", "scripts", times=99))
    one_line(world.gen("upload", "--yes"), "GET scripts/: ")


def test_an_answer_that_is_no_list_of_scripts(world: World) -> None:
    world.lab.faults.add(Fault(FaultKind.NOT_JSON, "GET", "scripts", times=99))
    one_line(world.gen("drift"), "instead of JSON")


def test_refusals_are_shown_without_the_key(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal that holds parts of the key, as an error page with all headers would."""
    real = world.lab.region.scripts.collection

    def refuse(request: Request, op: Any, admin: Any) -> Response:  # noqa: ANN401
        if request.method == "POST":
            return text_response(400, f"headers: {' '.join(ADMIN.key.split(':'))} {ADMIN.key}")
        return real(request, op, admin)

    monkeypatch.setattr(world.lab.region.scripts, "collection", refuse)
    ran = world.gen("upload", "--yes", "--json")
    assert ran.code == 4
    assert "headers: *** *** *** ***:***:***" in ran.both
    clean(ran)
