"""A small HTTP server for the stand-in MAAS: requests and answers as values, forms, faults on demand.

Listens on 127.0.0.1 only. Form decoding follows Django: a part with a file name is a file, base64 as
transfer encoding is undone, bytes that are no UTF-8 become U+FFFD.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from .maas_faults import Fault, FaultKind, Faults


@dataclass(frozen=True, slots=True)
class Request:
    """A request: the path is percent-decoded, `query` and `fields` hold all values of a name, `files` the texts."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    fields: Mapping[str, list[str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(self, name: str, default: str | None = None) -> str | None:
        """The last value of a parameter of the query."""
        return self.query.get(name, [default])[-1]

    def form(self, name: str, default: str | None = None) -> str | None:
        """The last value of a form field."""
        return self.fields.get(name, [default])[-1]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: status, body, type; `headers` are further ones."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:  # noqa: ANN401 - whatever the body holds
        """The body, decoded."""
        return json.loads(self.body)


def json_response(value: object, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(status, json.dumps(value).encode(), "application/json; charset=utf-8")


def text_response(status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> Response:
    """An answer in plain text."""
    return Response(status, text.encode(), content_type)


def parse_request(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
    """A request from its parts; `headers` have lower-case names."""
    url = urlsplit(target)
    fields, files = parse_form(headers.get("content-type", ""), body)
    query = parse_qs(url.query, keep_blank_values=True)
    return Request(method, unquote(url.path), query, fields, files, headers)


def parse_form(content_type: str, body: bytes) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The fields and files of a form, urlencoded or multipart."""
    kind = _headers(f"Content-Type: {content_type}")
    if kind.get_content_type() == "application/x-www-form-urlencoded":
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True), {}
    fields: dict[str, list[str]] = {}
    files: dict[str, str] = {}
    boundary = kind.get_boundary()
    if kind.get_content_type() != "multipart/form-data" or not boundary:
        return fields, files
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]:
        if part.startswith(b"--"):
            break
        head, _, content = part.partition(b"\r\n\r\n")
        header = _headers(head.decode("utf-8", "surrogateescape"))
        name = str(header.get_param("name", "", "content-disposition"))
        if str(header.get("content-transfer-encoding", "")).lower() == "base64":
            content = base64.b64decode(content)
        text = content.decode("utf-8", "replace")
        if header.get_filename() is None:
            fields.setdefault(name, []).append(text)
        else:
            files[name] = text
    return fields, files


def _headers(text: str) -> Message:
    """Header lines; not by a parser of messages, which would get ready for a body, too."""
    headers = Message()
    for line in re.sub(r"\r?\n[ \t]+", " ", text).splitlines():
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip()] = value.strip()
    return headers


class Server:
    """Serves `handle` in threads until closed; `faults` are applied before and after it. An answer takes at least
    `latency` seconds.

    `tls` makes it https. `url` is where it listens, without a slash at the end.
    """

    def __init__(
        self,
        handle: Callable[[Request], Response],
        faults: Faults,
        *,
        port: int = 0,
        latency: float = 0.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._handle = handle
        self._faults = faults
        self._latency = latency
        self._http = _Http(("127.0.0.1", port), _handler(self.respond))
        self._http.tls = tls
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def respond(self, request: Request) -> tuple[Response | None, bool]:
        """The answer (None: close the connection without one), and whether its body is to be cut in half."""
        if request.path.startswith("/lab/"):
            return self._handle(request), False  # the lab's own calls: neither counted nor hit
        started = time.monotonic()
        answer = self._answer(request)
        time.sleep(max(0.0, self._latency - (time.monotonic() - started)))
        return answer

    def _answer(self, request: Request) -> tuple[Response | None, bool]:
        fault = self._faults.take(request.method, request.path)
        if fault is None:
            return self._handle(request), False
        if fault.kind is FaultKind.SLOW:
            time.sleep(fault.seconds)
            return self._handle(request), False
        if fault.kind is FaultKind.DROP_BEFORE:
            return None, False
        if fault.kind.instead:
            return instead_of(fault), False
        response = self._handle(request)
        if fault.kind is FaultKind.DROP_AFTER:
            return None, False
        if fault.kind is FaultKind.BAD_GATEWAY_AFTER:
            return text_response(502, "<html>502 Bad Gateway</html>", "text/html"), False
        if fault.kind is FaultKind.NOT_JSON:
            return Response(200, b"<html>a login page</html>", "text/html"), False
        return response, True

    def close(self) -> None:
        """Stop listening and end the connections."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def instead_of(fault: Fault) -> Response:
    """What a proxy or a loaded MAAS answers without having done anything."""
    after = {"Retry-After": f"{fault.seconds:g}"}
    if fault.kind is FaultKind.CONFLICT:
        return Response(409, b"Conflict, please retry.", headers=after)
    status = HTTPStatus.SERVICE_UNAVAILABLE if fault.kind is FaultKind.UNAVAILABLE else HTTPStatus.BAD_GATEWAY
    page = f"<html>{status.value} {status.phrase}</html>".encode()
    return Response(status, page, "text/html", after if fault.seconds else {})


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def finish_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in socketserver
        if self.tls:
            request = self.tls.wrap_socket(request, server_side=True)  # here, in the connection's own thread
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Clients that go away are what the stand-in is for; no traceback for them."""


def _handler(respond: Callable[[Request], tuple[Response | None, bool]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            response, cut = respond(parse_request(self.command, self.path, headers, body))
            if response is None:
                self.close_connection = True
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(response.status)
            self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(response.body)))
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(response.body[: len(response.body) // 2] if cut else response.body)
            self.close_connection = self.close_connection or cut

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815 - names of http.server

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler
