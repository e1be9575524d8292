"""API keys, URLs, and logins of the maas command line tool."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gpuaas_scripts.sinks.maas_login import PROFILE_PLACES, ApiKey, Connection, LoginError, read_profile

KEY = "consumer1:token2:secret3"


def store(path: Path, **profiles: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE profiles (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, data BLOB)")
        for name, data in profiles.items():
            text = data if isinstance(data, str) else json.dumps(data)
            database.execute("INSERT INTO profiles (name, data) VALUES (?, ?)", (name, text))


def login(**more: object) -> dict[str, object]:
    return {"name": "lab", "url": "http://maas.invalid:5240/MAAS/api/2.0/", "credentials": KEY.split(":"), **more}


@pytest.mark.parametrize("place", PROFILE_PLACES)
def test_a_login_is_found_and_nothing_is_written(tmp_path: Path, place: str) -> None:
    path = tmp_path / place
    store(path, lab=login(), other=login())
    before = (path.read_bytes(), sorted(path.parent.iterdir()), path.stat().st_mtime_ns)
    found = read_profile("lab", tmp_path)
    assert (found.url, found.key.parts()) == ("http://maas.invalid:5240/MAAS/api/2.0/", tuple(KEY.split(":")))
    assert found.connection().base == "http://maas.invalid:5240/MAAS/api/2.0/"
    assert (path.read_bytes(), sorted(path.parent.iterdir()), path.stat().st_mtime_ns) == before


def test_the_tools_database_is_opened_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(tmp_path / PROFILE_PLACES[0], lab=login())
    opened = []
    real = sqlite3.connect

    def connect(name: str, **settings: Any) -> sqlite3.Connection:  # noqa: ANN401
        opened.append(name)
        return real(name, **settings)

    monkeypatch.setattr(sqlite3, "connect", connect)
    read_profile("lab", tmp_path)
    assert [name.partition("?")[2] for name in opened] == ["mode=ro"]


def test_certificates_of_a_login(tmp_path: Path) -> None:
    pem = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
    store(
        tmp_path / PROFILE_PLACES[0],
        text=login(cacerts=pem),
        file=login(cacerts="/etc/ca.pem"),
        none=login(cacerts=None),
    )
    assert read_profile("text", tmp_path).ca_text == pem
    assert read_profile("file", tmp_path).ca_file == Path("/etc/ca.pem")
    none = read_profile("none", tmp_path)
    assert (none.ca_text, none.ca_file) == ("", None)


def test_a_login_with_its_key_as_one_text(tmp_path: Path) -> None:
    store(tmp_path / PROFILE_PLACES[0], lab=login(credentials=KEY))
    assert read_profile("lab", tmp_path).key.parts() == ("consumer1", "token2", "secret3")


def test_an_unknown_login_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(LoginError, match="there are none"):
        read_profile("x", tmp_path)
    store(tmp_path / PROFILE_PLACES[0], lab=login())
    store(tmp_path / PROFILE_PLACES[1], prod=login())
    with pytest.raises(LoginError, match="there are: lab, prod"):
        read_profile("x", tmp_path)


@pytest.mark.parametrize(
    "data",
    [
        '{"credentials": "secret3", ',
        '["secret3"]',
        {"credentials": KEY},
        login(credentials=[]),
        login(credentials=["consumer1", "secret3"]),
        login(credentials=[1, 2, 3]),
    ],
)
def test_a_login_that_cannot_be_used_shows_no_secret(tmp_path: Path, data: object) -> None:
    store(tmp_path / PROFILE_PLACES[0], lab=data)
    with pytest.raises(LoginError) as caught:
        read_profile("lab", tmp_path)
    assert "secret3" not in f"{caught.value} {caught.value.hint} {caught.value.__cause__}"


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / PROFILE_PLACES[0]).write_bytes(b"no database " * 100)
    with pytest.raises(LoginError, match="not a database"):
        read_profile("lab", tmp_path)


@pytest.mark.parametrize("text", ["", "a:b", "a:b:c:d", "a::c", "a b:c:d"])
def test_a_key_of_another_form_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(LoginError) as caught:
        ApiKey(text)
    assert not text or text not in str(caught.value)


def test_a_key_does_not_print() -> None:
    key = ApiKey(f" {KEY}\n")
    shown = f"{key} {key!r} {Connection('http://x/MAAS', key)!r}"
    assert not [part for part in KEY.split(":") if part in shown]
    assert key.redacted("consumer1 and secret3, token2") == "*** and ***, ***"


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://m:5240/MAAS", "http://m:5240/MAAS/api/2.0/"),
        ("http://m:5240/MAAS/", "http://m:5240/MAAS/api/2.0/"),
        ("https://m/MAAS/api/2.0/", "https://m/MAAS/api/2.0/"),
        ("http://[2001:db8::1]:5240/MAAS/", "http://[2001:db8::1]:5240/MAAS/api/2.0/"),
    ],
)
def test_the_address_of_the_api(url: str, base: str) -> None:
    assert Connection(url, ApiKey(KEY)).base == base


@pytest.mark.parametrize("url", ["m:5240/MAAS", "ftp://m/MAAS", "http:///MAAS", "http://user:pass@m/MAAS"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(LoginError) as caught:
        _ = Connection(url, ApiKey(KEY)).base
    assert "pass" not in str(caught.value).replace("password", "")
