"""What can go wrong with a MAAS, each as one clear line, and never with a secret in it.

Source of the texts that are recognised: answers of a running MAAS 3.7.3. Its 401 body can hold the right secret
when a wrong one was sent, so that a 401 body is looked at and never shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus

from ..errors import ExitCode, GpuaasError
from .maas_login import ApiKey

_SHOWN = 300


class Trouble(StrEnum):
    """What kind of failure it is."""

    UNREACHABLE = "unreachable"
    TLS = "tls"
    TIMEOUT = "timeout"
    CUT = "cut"
    NOT_MAAS = "not-maas"
    KEY = "key"
    CLOCK = "clock"
    FORBIDDEN = "forbidden"
    MISSING = "missing"
    REFUSED = "refused"
    CONFLICT = "conflict"
    SERVER = "server"


class MaasError(GpuaasError):
    """A MAAS that cannot be used, or a call that it refused. Exit code 4.

    `status` is the HTTP status (0: there was no answer). `fields` are a refusal's texts by field. With `uncertain`, the
    request may have had its effect: look before sending it again.
    """

    def __init__(
        self,
        trouble: Trouble,
        message: str,
        *,
        hint: str = "",
        status: int = 0,
        fields: Mapping[str, str] | None = None,
        uncertain: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.REMOTE)
        self.trouble = trouble
        self.status = status
        self.fields = dict(fields or {})
        self.uncertain = uncertain
        self.retry_after: float | None = None
        """Seconds after which MAAS asks to send the request again; it had no effect."""


def answered(what: str, status: int, content_type: str, content: bytes, key: ApiKey) -> MaasError:
    """The error of an answer that is no success; `what` names the call ("MAAS at URL: GET scripts/")."""
    text = content.decode("utf-8", "replace")
    if status == HTTPStatus.UNAUTHORIZED:
        return _unauthorized(what, text)
    fields = _fields(content_type, text, key)
    said = key.redacted(_one_line(content_type, text)) if not fields else _joined(fields)
    name = f"{status} {_phrase(status)}"
    message = f"{what}: {name}{': ' + said if said else ''}"
    if status == HTTPStatus.FORBIDDEN:
        return MaasError(
            Trouble.FORBIDDEN, message, hint="the API key's user must be an administrator of MAAS", status=status
        )
    if status == HTTPStatus.GONE or "Unknown API endpoint" in text:
        return MaasError(Trouble.NOT_MAAS, message, hint="the program speaks API 2.0 only", status=status)
    if status // 100 == 3:
        return MaasError(
            Trouble.NOT_MAAS, message, hint="give the address that the redirection leads to", status=status
        )
    trouble = {HTTPStatus.NOT_FOUND: Trouble.MISSING, HTTPStatus.CONFLICT: Trouble.CONFLICT}.get(
        HTTPStatus(status) if status in set(HTTPStatus) else HTTPStatus.BAD_REQUEST,
        Trouble.SERVER if status >= 500 else Trouble.REFUSED,
    )
    # A gateway's error does not say whether MAAS did it.
    uncertain = status in (HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT)
    return MaasError(trouble, message, status=status, fields=fields, uncertain=uncertain)


def _unauthorized(what: str, text: str) -> MaasError:
    """Only recognised, never shown."""
    if match := re.search(r"Expired timestamp: given (\d+) and now (\d+)", text):
        seconds = int(match[2]) - int(match[1])
        message = f"{what}: MAAS's clock and this machine's differ by {seconds} s, more than the 300 s that MAAS allows"
        return MaasError(Trouble.CLOCK, message, hint="set the clocks (NTP)", status=401)
    if "Nonce already used" in text:
        # Sent a second time by what lies between (proxies do so when a kept connection breaks), so the first one
        # arrived and its answer was lost: no matter of the key.
        return MaasError(Trouble.CUT, f"{what}: the request arrived twice", status=401, uncertain=True)
    hint = "check the API key: `gpuaas-gen doctor` tries it, MAAS's user preferences show it"
    return MaasError(Trouble.KEY, f"{what}: 401 Unauthorized: MAAS does not accept the API key", hint=hint, status=401)


def _fields(content_type: str, text: str, key: ApiKey) -> dict[str, str]:
    """The texts of a refusal by field; MAAS answers them in JSON."""
    if "json" not in content_type:
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(value, Mapping):
        return {}
    joined = {
        str(name): "; ".join(map(str, texts)) if isinstance(texts, list) else str(texts)
        for name, texts in value.items()
    }
    return {name: key.redacted(said)[:_SHOWN] for name, said in joined.items()}


def _joined(fields: Mapping[str, str]) -> str:
    return ", ".join(f"{name}: {text}" for name, text in fields.items())


def _one_line(content_type: str, text: str) -> str:
    """The beginning of a plain answer; a page of HTML says nothing that the status does not."""
    if "html" in content_type or text.lstrip().startswith("<"):
        return ""
    return re.sub(r"\s+", " ", text).strip()[:_SHOWN]


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
