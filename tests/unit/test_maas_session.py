"""Sessions with the stand-in MAAS over real connections: calls, failures, retries, and no secret in any text."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from maas_support import SITE, ask, block, compare, held, script, upload, want

from gpuaas_scripts.errors import ExitCode, GpuaasError
from gpuaas_scripts.lab.maas import ADMIN, PLAIN, Region, StandIn, example_machines
from gpuaas_scripts.lab.maas_faults import Fault, FaultKind, Faults
from gpuaas_scripts.lab.maas_http import Request, Response, Server, text_response
from gpuaas_scripts.maas.plan import Verdict, plan
from gpuaas_scripts.sinks.maas_errors import MaasError, Trouble
from gpuaas_scripts.sinks.maas_login import ApiKey, Connection, LoginError
from gpuaas_scripts.sinks.maas_session import MaasSession, connect
from gpuaas_scripts.sinks.maas_upload import Fate, Sent, carry_out

pytestmark = pytest.mark.process

T = TypeVar("T")
FAST = 0.01


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def lab() -> Iterator[StandIn]:
    with StandIn() as standin:
        for machine in example_machines():
            standin.region.add_machine(machine)
        yield standin


def at(lab: StandIn, key: str = ADMIN.key, **settings: Any) -> Connection:  # noqa: ANN401
    return Connection(lab.url, ApiKey(key), **{"backoff_s": FAST, "timeout_s": 5.0, **settings})


def run(connection: Connection, work: Callable[[MaasSession], Awaitable[T]]) -> T:
    async def inside() -> T:
        async with connect(connection) as session:
            return await work(session)

    return asyncio.run(inside())


def fails(connection: Connection, work: Callable[[MaasSession], Awaitable[object]]) -> MaasError:
    with pytest.raises(MaasError) as caught:
        run(connection, work)
    error = caught.value
    assert error.exit_code is ExitCode.REMOTE
    assert "\n" not in str(error)
    shown = "".join([str(error), error.hint, repr(error), repr(error.fields), *traceback.format_exception(error)])
    for key in (ADMIN.key, PLAIN.key):
        assert not [part for part in key.split(":") if part in shown]
    return error


def whoami(session: MaasSession) -> Awaitable[str]:
    return session.whoami()


def test_calls_of_all_kinds(lab: StandIn) -> None:
    name = "50-a%41b@c+d"

    async def work(session: MaasSession) -> None:
        assert session.version == "3.7.3"
        made = await session.call("NodeScripts.create", data=[("script", block(f"name: '{name}'")), ("tags", "a,b")])
        assert made["name"] == name
        assert (await session.call("NodeScript.read", {"name": name}))["tags"] == ["a", "b", "node"]
        changed = await session.call("NodeScript.update", {"name": name}, [("title", "Größe")])
        assert changed["title"] == "Größe"
        text = await session.call("NodeScript.download", {"name": name})
        assert text == block(f"name: '{name}'").encode()
        await session.call("Tags.create", data=[("name", "t")])
        done = await session.call("Tag.update_nodes", {"name": "t"}, [("add", "lab001"), ("add", "lab002")])
        assert done == {"added": 2, "removed": 0}
        listed = await session.call("Machines.read", data=[("id", "lab001"), ("id", "lab003")])
        assert [machine["hostname"] for machine in listed] == ["lab-node-1", "lab-node-3"]
        await session.call("Machine.commission", {"system_id": "lab001"}, [("testing_scripts", "none")])
        where = {"system_id": "lab001", "id": "current-commissioning"}
        result = await session.call("NodeScriptResult.read", where, [("include_output", "true")])
        assert len(result["results"]) == 13
        assert await session.call("NodeScript.delete", {"name": name}) is None

    run(at(lab), work)
    assert name not in held(lab.region)


def test_an_unchanged_site_costs_two_requests(lab: StandIn) -> None:
    wanted = [want({"name": f"50-{number}"}) for number in range(20)]
    upload(lab.region, *wanted)
    for expected in (3, 2):  # the description is known from then on
        lab.faults.clear()
        scripts = run(at(lab), lambda session: session.scripts())
        assert {change.verdict for change in plan(SITE, "abc", wanted, scripts).changes} == {Verdict.UNCHANGED}
        assert (lab.faults.total, lab.faults.writes) == (expected, 0)
    lab.region.version = "3.8.0"
    lab.faults.clear()
    run(at(lab), whoami)
    assert lab.faults.total == 3


def test_a_broken_cache_costs_a_request_only(lab: StandIn, tmp_path: Path) -> None:
    run(at(lab), whoami)
    for path in (tmp_path / "cache").rglob("*"):
        if path.is_file():
            path.write_bytes(b"{")
    assert run(at(lab), whoami) == "admin"


def test_addresses_that_the_server_reports_are_not_followed(lab: StandIn) -> None:
    lab.region.base = "https://inside.invalid:1"
    assert run(at(lab), whoami) == "admin"


def test_a_wrong_secret_is_not_answered_with_the_right_one(lab: StandIn) -> None:
    consumer, token, _ = ADMIN.key.split(":")
    # The stand-in answers as MAAS does: with the right secret.
    header = f'OAuth oauth_consumer_key="{consumer}", oauth_token="{token}", oauth_signature="%26x"'
    headers = {"authorization": f'{header}, oauth_timestamp="{int(time.time())}", oauth_nonce="n"'}
    answer = lab.region.handle(Request("GET", "/MAAS/api/2.0/users/", {"op": ["whoami"]}, headers=headers))
    assert "labsecret" in answer.body.decode()
    error = fails(at(lab, f"{consumer}:{token}:mistyped"), whoami)
    assert (error.trouble, error.status) == (Trouble.KEY, 401)
    assert "API key" in str(error)


@pytest.mark.parametrize("key", ["x:labtoken:labsecret", "labconsumer:x:labsecret"])
def test_an_unknown_key(lab: StandIn, key: str) -> None:
    assert fails(at(lab, key), whoami).trouble is Trouble.KEY


def test_clocks_that_differ() -> None:
    with StandIn(Region(clock=lambda: time.time() + 3600)) as lab:
        error = fails(at(lab), whoami)
    assert error.trouble is Trouble.CLOCK
    assert "3600 s" in str(error)


def test_a_user_who_is_no_administrator(lab: StandIn) -> None:
    error = fails(at(lab, PLAIN.key), lambda session: session.call("NodeScripts.create", data=[("name", "50-a")]))
    assert (error.trouble, error.status) == (Trouble.FORBIDDEN, 403)
    assert "administrator" in error.hint


def test_a_refusal_names_the_fields_without_echoed_secrets(lab: StandIn) -> None:
    data = [("name", "labsecret 1"), ("script", "#!/bin/sh\n")]
    error = fails(at(lab), lambda session: session.call("NodeScripts.create", data=data))
    assert (error.trouble, error.status) == (Trouble.REFUSED, 400)
    assert error.fields.keys() == {"name"}
    assert "disallowed characters" in str(error)


def test_nobody_listens() -> None:
    with StandIn() as lab:
        connection = at(lab, attempts=2)
    assert fails(connection, whoami).trouble is Trouble.UNREACHABLE


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (200, "<html>hello</html>", "text/html"),
        (200, "{}", "application/json"),
        (404, "not found", "text/plain"),
        (410, "The 2.0 API is no longer available.", "text/plain"),
        (302, "", "text/html"),
    ],
)
def test_not_a_maas(status: int, text: str, kind: str) -> None:
    def handle(request: Request) -> Response:
        return text_response(status, text, kind)

    server = Server(handle, Faults())
    try:
        error = fails(Connection(f"{server.url}/MAAS/", ApiKey(ADMIN.key), attempts=2, backoff_s=FAST), whoami)
    finally:
        server.close()
    assert error.trouble in (Trouble.NOT_MAAS, Trouble.MISSING)


def test_a_redirection_is_not_followed(lab: StandIn) -> None:
    def handle(request: Request) -> Response:
        return Response(302, headers={"Location": lab.url + request.path.removeprefix("/MAAS/")})

    server = Server(handle, Faults())
    try:
        error = fails(Connection(f"{server.url}/MAAS/", ApiKey(ADMIN.key)), whoami)
    finally:
        server.close()
    assert (error.trouble, error.status) == (Trouble.NOT_MAAS, 302)
    assert lab.faults.total == 0


CA = """
[ca]
default_ca = lab
[lab]
database = index
new_certs_dir = .
serial = serial
default_md = sha256
policy = policy
x509_extensions = names
[policy]
commonName = supplied
[names]
subjectAltName = IP:127.0.0.1
"""


def certificate(folder: Path, first: str, last: str) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 that is valid from `first` to `last`, and its key."""
    (folder / "ca.cnf").write_text(CA)
    (folder / "index").write_text("")
    (folder / "serial").write_text("01\n")
    request = "openssl req -new -newkey rsa:2048 -nodes -keyout key.pem -out lab.csr -subj /CN=lab"
    sign = "openssl ca -batch -selfsign -config ca.cnf -keyfile key.pem -in lab.csr -out cert.pem -notext"
    for command in (request, f"{sign} -startdate {first} -enddate {last}"):
        subprocess.run(command.split(), cwd=folder, capture_output=True, check=True)
    return folder / "key.pem", folder / "cert.pem"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[StandIn, Path]]:
    key, cert = certificate(tmp_path, "20200101000000Z", "20990101000000Z")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with StandIn(tls=context) as lab:
        yield lab, cert


def test_a_certificate_is_checked_against_the_named_ca(secure: tuple[StandIn, Path]) -> None:
    lab, cert = secure
    assert run(at(lab, ca_file=cert), whoami) == "admin"
    assert run(at(lab, ca_text=cert.read_text()), whoami) == "admin"
    error = fails(at(lab, attempts=2), whoami)
    assert error.trouble is Trouble.TLS
    assert "self-signed" in str(error)


def test_without_a_named_ca_the_systems_certificates_count(secure: tuple[StandIn, Path]) -> None:
    lab, cert = secure
    code = (
        "import asyncio, sys; from gpuaas_scripts.sinks.maas_session import connect\n"
        "from gpuaas_scripts.sinks.maas_login import ApiKey, Connection\n"
        "async def ask():\n"
        "    async with connect(Connection(sys.argv[1], ApiKey(sys.argv[2]), attempts=1)) as session:\n"
        "        return await session.whoami()\n"
        "try: print(asyncio.run(ask()))\n"
        "except Exception as error: print(error)\n"
    )

    def said(**more: str) -> str:
        command = [sys.executable, "-c", code, lab.url, ADMIN.key]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, **more}
        ).stdout.strip()

    assert said(SSL_CERT_FILE=str(cert)) == "admin"
    assert "self-signed certificate" in said()


def test_an_expired_certificate(tmp_path: Path) -> None:
    key, cert = certificate(tmp_path, "20200101000000Z", "20210101000000Z")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with StandIn(tls=context) as lab:
        error = fails(at(lab, ca_file=cert), whoami)
    assert error.trouble is Trouble.TLS
    assert "expired" in str(error)


def test_a_ca_file_that_is_none(lab: StandIn, tmp_path: Path) -> None:
    connection = Connection(lab.url.replace("http:", "https:"), ApiKey(ADMIN.key), ca_file=tmp_path / "none.pem")
    with pytest.raises(LoginError, match=r"none\.pem"):
        run(connection, whoami)


CREATE = [("script", block("name: 50-a"))]


def create(session: MaasSession) -> Awaitable[Any]:
    return session.call("NodeScripts.create", data=CREATE)


@pytest.mark.parametrize("kind", [FaultKind.CONFLICT])
def test_a_creation_is_repeated_when_maas_says_it_had_no_effect(lab: StandIn, kind: FaultKind) -> None:
    lab.faults.add(Fault(kind, "POST", times=2))
    assert run(at(lab), create)["name"] == "50-a"
    assert lab.faults.writes == 3


@pytest.mark.parametrize(
    "kind",
    [
        *(FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.BAD_GATEWAY, FaultKind.BAD_GATEWAY_AFTER),
        *(FaultKind.TRUNCATED, FaultKind.NOT_JSON),
    ],
)
def test_a_creation_whose_answer_was_lost_is_not_repeated(lab: StandIn, kind: FaultKind) -> None:
    lab.faults.add(Fault(kind, "POST"))
    error = fails(at(lab), create)
    assert error.uncertain
    assert lab.faults.writes == 1


def test_a_creation_is_not_repeated_because_a_gateway_asks_to_come_again(lab: StandIn) -> None:
    lab.faults.add(Fault(FaultKind.UNAVAILABLE, "POST", seconds=FAST))
    assert fails(at(lab), create).status == 503
    assert lab.faults.writes == 1


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind not in (FaultKind.SLOW, FaultKind.NOT_JSON)])
@pytest.mark.parametrize("times", [1, 2])
def test_an_update_is_repeated(lab: StandIn, kind: FaultKind, times: int) -> None:
    upload(lab.region, want({"name": "50-a"}))
    lab.faults.add(Fault(kind, "PUT", times=times))
    data = [("script", block("name: 50-a", "title: new"))]
    done = run(at(lab), lambda session: session.call("NodeScript.update", {"name": "50-a"}, data))
    assert (done["title"], len(done["history"])) == ("new", 2)


def test_attempts_end(lab: StandIn) -> None:
    lab.faults.add(Fault(FaultKind.UNAVAILABLE, "GET", "users", times=99))
    error = fails(at(lab, attempts=3), whoami)
    assert (error.status, lab.faults.counts["GET /MAAS/api/2.0/users/"]) == (503, 3)


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.BAD_GATEWAY_AFTER, FaultKind.TRUNCATED])
def test_a_deletion_that_was_done_and_not_answered_is_done(lab: StandIn, kind: FaultKind) -> None:
    upload(lab.region, want({"name": "50-a"}))
    lab.faults.add(Fault(kind, "DELETE"))
    assert run(at(lab), lambda session: session.call("NodeScript.delete", {"name": "50-a"})) is None


def test_a_deletion_of_what_never_was_is_an_error(lab: StandIn) -> None:
    error = fails(at(lab), lambda session: session.call("NodeScript.delete", {"name": "50-a"}))
    assert error.trouble is Trouble.MISSING


def test_an_answer_that_takes_too_long(lab: StandIn) -> None:
    lab.faults.add(Fault(FaultKind.SLOW, "POST", seconds=1.0))
    error = fails(at(lab, timeout_s=0.2), create)
    assert (error.trouble, error.uncertain) == (Trouble.TIMEOUT, True)


OLD = [want({"name": f"50-{number}", "script_type": "commissioning"}) for number in range(3)]
NEW = [want({"name": f"50-{number}", "script_type": "commissioning"}, "echo new\n") for number in (1, 2, 3, 4)]


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind is not FaultKind.SLOW])
def test_each_request_fails_in_turn_and_a_second_upload_converges(lab: StandIn, kind: FaultKind, number: int) -> None:
    """Two creations, two updates, one deletion; the fault hits every attempt at one of them."""
    upload(lab.region, *OLD)
    ask(lab.region, "POST", "machines/lab001/?op=commission", testing_scripts="none")
    ask(lab.region, "GET", "machines/lab001/")
    target = [("POST", "scripts/$"), ("POST", "scripts/$"), ("PUT", "50-1"), ("PUT", "50-2"), ("DELETE", "50-0")][
        number
    ]
    lab.faults.add(Fault(kind, *target, skip=int(number == 1), times=1 if target[0] == "POST" else 3))

    async def work(session: MaasSession) -> tuple[Sent, ...]:
        found = plan(SITE, "abc", NEW, await session.scripts())
        return await carry_out(session, found.todo(prune=True))

    first = run(at(lab, attempts=3), work)
    assert len(first) == 5
    if any(item.fate is not Fate.DONE for item in first[:4]):
        assert first[4].fate is Fate.NOT_SENT
        assert "50-0" in held(lab.region)
    again = run(at(lab, attempts=3), work)
    assert {item.fate for item in again} <= {Fate.DONE}
    assert {change.verdict for change in compare(lab.region, NEW).changes} == {Verdict.UNCHANGED}
    assert not compare(lab.region, NEW).prune
    names = [item["name"] for item in ask(lab.region, "GET", "scripts/").json()]
    assert len(names) == len(set(names))
    assert [len(held(lab.region)[f"50-{item}"].revisions) for item in (1, 2, 3, 4)] == [2, 2, 1, 1]
    results = ask(lab.region, "GET", "nodes/lab001/results/current-commissioning/?filters=50-1,50-2").json()
    assert len(results["results"]) == 2


def test_after_a_refused_key_nothing_more_is_sent(lab: StandIn) -> None:
    found = compare(lab.region, [want({"name": f"50-{number}"}) for number in range(20)])
    sent = run(at(lab, PLAIN.key, concurrency=2), lambda session: carry_out(session, found.todo()))
    assert {item.fate for item in sent} == {Fate.FAILED, Fate.NOT_SENT}
    assert lab.faults.writes <= 3


def test_calls_are_made_at_once_up_to_the_limit() -> None:
    with StandIn(latency=0.1) as lab:

        async def work(session: MaasSession) -> float:
            started = time.monotonic()
            await asyncio.gather(*(session.whoami() for _ in range(16)))
            return time.monotonic() - started

        seconds = run(at(lab, concurrency=8), work)
    assert 0.2 <= seconds < 0.8  # one after the other: 1.6


def test_the_stand_in_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "gpuaas_scripts.lab.maas", "--seconds", "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, key = process.stdout.readline().strip(), process.stdout.readline().strip()
        try:
            assert url.startswith("http://127.0.0.1:")

            async def work(session: MaasSession) -> str:
                await session.call("Machine.commission", {"system_id": "lab001"}, [("testing_scripts", "none")])
                return str((await session.call("Machine.read", {"system_id": "lab001"}))["status_name"])

            assert run(Connection(url, ApiKey(key)), work) == "Commissioning"
        finally:
            process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize("first", ["", "import macaroonbakery.httpbakery, aiohttp; "])
def test_what_a_key_does_not_need_is_not_loaded_and_not_hidden(first: str) -> None:
    code = (
        f"{first}import sys; from gpuaas_scripts.sinks.maas_bones import bones; "
        "unused = {'macaroonbakery', 'macaroonbakery.httpbakery', 'aiohttp'}; before = unused & set(sys.modules); "
        "bones().SessionAPI; assert unused & set(sys.modules) == before; "
        "import macaroonbakery.httpbakery; macaroonbakery.httpbakery.Client; import aiohttp; aiohttp.ClientSession"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_scripts_with_shell_of_all_kinds_arrive_as_they_are(lab: StandIn) -> None:
    wanted = want({"name": "50-a"}, "--\r\nContent-Type: x\r\n\n\tprintf '%s' \"${a#b}\" é ✓\n\n\n")

    async def work(session: MaasSession) -> bytes:
        await carry_out(session, plan(SITE, "abc", [wanted], await session.scripts()).todo())
        return bytes(await session.call("NodeScript.download", {"name": "50-a"}))

    assert run(at(lab), work).decode() == script({"name": "50-a"}, wanted.content.split("---\n")[-1]).replace(
        "\r\n", "\n"
    )


@pytest.mark.parametrize(("module", "package"), [("httptools", "httptools"), ("maas.client.bones", "python-libmaas")])
def test_a_package_that_is_missing_is_named(
    lab: StandIn, monkeypatch: pytest.MonkeyPatch, module: str, package: str
) -> None:
    async def nothing(_: MaasSession) -> None:
        """The session is never made."""

    if module in sys.modules:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr("gpuaas_scripts.sinks.maas_bones.import_module", _missing)
    if module == "httptools":
        monkeypatch.setitem(sys.modules, module, None)  # type: ignore[arg-type]
    with pytest.raises(GpuaasError, match=f"^{package} is not installed$") as caught:
        run(at(lab), nothing)
    assert caught.value.hint == "pip install 'gpuaas-scripts[maas]'"


def _missing(name: str) -> Any:  # noqa: ANN401
    raise ImportError(name)
