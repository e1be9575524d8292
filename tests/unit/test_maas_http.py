"""HTTP with a MAAS on the wire: every form of an answer that servers and proxies give, and what is none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from gpuaas_scripts.sinks.maas_errors import MaasError, Trouble
from gpuaas_scripts.sinks.maas_http import Answer, MaasHttp
from gpuaas_scripts.sinks.maas_login import ApiKey, Connection

T = TypeVar("T")
END = b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
HELLO = OK + b"Content-Length: 5" + END + b"hello"


def run(work: Callable[[MaasHttp], Awaitable[T]], *answers: bytes, close: bool = True) -> tuple[T, list[bytes], int]:
    """What `work` gives with a server that sends `answers` in turn; the requests; how many connections were made.

    With `close` the server closes the connection after the last one.
    """
    left, asked, made = [*answers], list[bytes](), 0
    writers: list[asyncio.StreamWriter] = []  # one that nobody holds closes its connection, from Python 3.13 on

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal made
        made += 1
        writers.append(writer)
        while left:
            try:
                asked.append(await reader.readuntil(END))
            except asyncio.IncompleteReadError:
                break
            writer.write(left.pop(0))
        if close:
            writer.close()

    async def inside() -> T:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/MAAS/"
        async with server, MaasHttp(Connection(url, ApiKey("a:b:c"), timeout_s=0.5)) as http:
            try:
                return await work(http)
            finally:
                for writer in writers:
                    writer.close()

    return asyncio.run(inside()), asked, made


def version(http: MaasHttp) -> Awaitable[Answer]:
    return http.request("GET", f"{http.base}version/?a=b", headers={"X-Y": "z"})


def fails(*answers: bytes, method: str = "GET", close: bool = True) -> MaasError:
    async def work(http: MaasHttp) -> None:
        await http.request(method, f"{http.base}scripts/", b"" if method == "POST" else None)

    with pytest.raises(MaasError) as caught:
        run(work, *answers, close=close)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        HELLO,
        b"HTTP/1.1 100 Continue" + END + HELLO,
        OK + b"\r\nhello",
        b"HTTP/1.0 200 OK\r\ncontent-type:text/plain" + END + b"hello",
        OK + b"Transfer-Encoding: chunked" + END + b"2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-After: 1\r\n\r\n",
    ],
)
def test_an_answer_of_any_form_arrives_whole(text: bytes) -> None:
    answer, asked, _ = run(version, text)
    assert (answer.status, answer.content, answer.content_type) == (200, b"hello", "text/plain")
    assert asked[0].startswith(b"GET /MAAS/api/2.0/version/?a=b HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Y: z\r\n" in asked[0]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-",
        OK + b"Content-Length: 6" + END + b"hello",
        OK + b"Transfer-Encoding: chunked" + END + b"5\r\nhel",
        OK + b"Transfer-Encoding: chunked" + END + b"5\r\nhello\r\n",
    ],
)
def test_an_answer_that_is_cut_off_is_none(text: bytes) -> None:
    assert (fails(text).trouble, fails(text).uncertain) == (Trouble.CUT, False)
    assert fails(text, method="POST").uncertain


@pytest.mark.parametrize(
    "text",
    [
        b"SSH-2.0-OpenSSH_9.6" + END,
        b"HTTP/1.1 2000" + END,
        OK + b"Content-Length: five" + END,
        OK + b"Content-Length: -5" + END + b"hello",
        OK + b"Transfer-Encoding: chunked" + END + b"x\r\n",
        OK + b"X: " + b"y" * 2_000_000 + END,
    ],
)
def test_what_is_no_http_is_said(text: bytes) -> None:
    error = fails(text)
    assert error.trouble is Trouble.NOT_MAAS
    assert str(error).endswith("GET scripts/: answered no HTTP")


@pytest.mark.parametrize("text", [b"HTTP/1.1 200 OK\r\n", OK + b"Content-Length: 6" + END + b"hello"])
def test_an_answer_that_does_not_end_is_given_up(text: bytes) -> None:
    error = fails(text, method="POST", close=False)
    assert (error.trouble, error.uncertain) == (Trouble.TIMEOUT, True)


@pytest.mark.parametrize(
    ("first", "connections"),
    [
        (HELLO, 1),
        (b"HTTP/1.1 204 No Content" + END, 1),
        (OK + b"Transfer-Encoding: chunked" + END + b"5\r\nhello\r\n0\r\n\r\n", 1),
        (OK + b"Connection: Close\r\nContent-Length: 5" + END + b"hello", 2),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5" + END + b"hello", 2),
    ],
)
def test_a_connection_is_kept_as_long_as_the_server_says(first: bytes, connections: int) -> None:
    async def work(http: MaasHttp) -> None:
        await version(http)
        assert (await version(http)).content == b"hello"

    assert run(work, first, HELLO, close=False)[2] == connections


def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(http: MaasHttp) -> None:
        await version(http)
        await version(http)

    monkeypatch.setattr("gpuaas_scripts.sinks.maas_http._IDLE_S", 0.0)
    assert run(work, HELLO, HELLO, close=False)[2] == 2


def test_a_connection_that_the_server_closed_meanwhile_is_not_used_again() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(END)
        writer.write(HELLO)
        writer.close()

    async def inside() -> list[int]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/MAAS/"
        found = []
        async with server, MaasHttp(Connection(url, ApiKey("a:b:c"))) as http:
            for _ in range(2):
                found.append((await http.request("POST", f"{http.base}scripts/", b"")).status)
                await asyncio.sleep(0.05)
        return found

    assert asyncio.run(inside()) == [200, 200]


def test_a_name_that_nobody_has_cannot_be_reached() -> None:
    async def inside() -> None:
        async with MaasHttp(Connection("http://nowhere.invalid/MAAS/", ApiKey("a:b:c"))) as http:
            await version(http)

    with pytest.raises(MaasError, match="cannot connect: ") as caught:
        asyncio.run(inside())
    assert caught.value.trouble is Trouble.UNREACHABLE
