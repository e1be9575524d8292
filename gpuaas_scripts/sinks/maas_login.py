"""Where a MAAS is and with which key it is asked; reading logins of the `maas` command line tool.

Source of the profiles' form: MAAS 3.7 `apiclient` and `maascli.config` (sqlite, table `profiles`, JSON).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from ..errors import GpuaasError
from ..run import MASK

API_PATH = "/api/2.0/"
PROFILE_PLACES = (".maascli.db", "snap/maas/current/.maascli.db")
"""Where the `maas` tool keeps its logins, below the home folder; the second is that of the snap."""


class LoginError(GpuaasError):
    """No usable login; the text never holds any part of a key."""


class ApiKey:
    """A MAAS API key, which prints as `***`."""

    __slots__ = ("consumer", "secret", "token")

    def __init__(self, text: str) -> None:
        """From `consumer:token:secret`. Raises LoginError, without the text."""
        parts = text.strip().split(":")
        if len(parts) != 3 or not all(re.fullmatch(r"[!-~]+", part) for part in parts):
            raise LoginError(
                "the MAAS API key is not of the form consumer:token:secret",
                hint="copy it from the MAAS user's preferences, or `maas apikey --username NAME` on the region",
            )
        self.consumer, self.token, self.secret = parts

    def __repr__(self) -> str:
        return f"ApiKey({MASK})"

    def parts(self) -> tuple[str, str, str]:
        """Consumer key, token key and token secret, for signing."""
        return self.consumer, self.token, self.secret

    def redacted(self, text: str) -> str:
        """`text` without any part of the key."""
        for part in sorted(self.parts(), key=len, reverse=True):
            text = text.replace(part, MASK)
        return text


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a MAAS: `url` (…/MAAS/ or …/MAAS/api/2.0/), the key, and limits in seconds and numbers.

    Certificates are always checked: against `ca_file` or `ca_text` (PEM) where given, else the system's. An
    attempt takes at most `timeout_s`; what is safe to repeat is tried `attempts` times, first after `backoff_s`.
    """

    url: str
    key: ApiKey
    ca_file: Path | None = None
    ca_text: str = ""
    timeout_s: float = 60.0
    attempts: int = 5
    backoff_s: float = 0.25
    concurrency: int = 4

    @property
    def base(self) -> str:
        """The API's address, with a slash at the end. Raises LoginError for what is no address of a MAAS."""
        url = urlsplit(self.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise LoginError("the MAAS URL must be like http://10.0.0.2:5240/MAAS/")
        if url.username is not None or url.password is not None:
            raise LoginError("the MAAS URL must not hold a user name or password")
        path = url.path.rstrip("/")
        if not re.search(r"/api/[0-9.]+$", path):
            path += API_PATH.rstrip("/")
        return f"{url.scheme}://{url.netloc}{path}/"


@dataclass(frozen=True, slots=True)
class CliProfile:
    """A login of the `maas` tool: its URL and key, and the CA's certificates when it was told any."""

    name: str
    url: str
    key: ApiKey
    ca_file: Path | None = None
    ca_text: str = ""

    def connection(self) -> Connection:
        """How to reach that MAAS."""
        return Connection(self.url, self.key, ca_file=self.ca_file, ca_text=self.ca_text)


def read_profile(name: str, home: Path | None = None) -> CliProfile:
    """The `maas` tool's login `name`, read without changing anything below `home` (default: the user's).

    Raises LoginError when there is none; the text names the logins that there are.
    """
    known: list[str] = []
    home = home or Path.home()
    for place in PROFILE_PLACES:
        path = home / place
        if not path.is_file():
            continue
        for found, data in _rows(path):
            if found == name:
                return _profile(name, data, path)
            known.append(found)
    there = f"there are: {', '.join(sorted(set(known)))}" if known else "there are none"
    raise LoginError(f"the maas tool has no login {name!r}; {there}", hint="maas login NAME URL KEY makes one")


def _rows(path: Path) -> Iterator[tuple[str, object]]:
    import sqlite3

    try:
        # Read-only: opening it otherwise could create files beside it.
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=5)) as database:
            yield from database.execute("SELECT name, data FROM profiles ORDER BY name").fetchall()
    except sqlite3.Error as error:
        raise LoginError(f"{path}: {error}") from error


def _profile(name: str, data: object, path: Path) -> CliProfile:
    try:
        values = json.loads(data if isinstance(data, str | bytes) else "")
        if not isinstance(values, Mapping):
            raise ValueError("no mapping")
        credentials, url = values.get("credentials"), values["url"]
        text = credentials if isinstance(credentials, str) else ":".join(credentials or ())
    except (ValueError, KeyError, TypeError):
        raise LoginError(f"{path}: login {name} cannot be read") from None  # the cause may show the key
    if not text:
        raise LoginError(f"{path}: login {name} is anonymous", hint="log in with an API key")
    cacerts = str(values.get("cacerts") or "")
    if not cacerts or "-----BEGIN" in cacerts:
        return CliProfile(name, str(url), ApiKey(text), ca_text=cacerts)
    return CliProfile(name, str(url), ApiKey(text), ca_file=Path(cacerts))
