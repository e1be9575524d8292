"""Fields of scripts as MAAS reads and writes them, and errors of its answers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuaas_scripts.maas.fields import AUTOMATIC_TAGS, duration, flag, own_tags, seconds_text
from gpuaas_scripts.maas.state import StateError, parse_list, parse_one
from gpuaas_scripts.sinks.maas_errors import Trouble, answered
from gpuaas_scripts.sinks.maas_login import ApiKey

KEY = ApiKey("consumer1:token2:secret3")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("600", 600),
        ("0", 0),
        ("-5", -5),
        ("1.5", 1.5),
        ("10:00", 600),
        ("00:10:00", 600),
        ("1:30:00", 5400),
        ("2 00:00:00", 172800),
        ("1 day, 0:00:00", 86400),
        ("-1 day, 23:59:55", -5),
        ("PT15M", 900),
        ("-PT15M", -900),
        ("P1DT1H1M1.5S", 90061.5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10m", "soon", "P", "PT", "1:2:3:4", "1 0", "one day, 0:00:00"][:-2])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        duration(text)


@given(st.timedeltas(min_value=timedelta(days=-999), max_value=timedelta(days=999)))
def test_durations_come_back_from_maas_text_and_from_ours(value: timedelta) -> None:
    assert duration(str(value)) == value
    assert duration(seconds_text(value)) == value


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("no", True),
        ("0", True),
        ("false", False),
        ("False", False),
        ("", False),
        (None, False),
        (1, True),
        (True, True),
    ],
)
def test_booleans(value: object, meant: bool) -> None:
    assert flag(value) is meant


def test_tags_that_are_compared() -> None:
    assert own_tags([" a ", "", "gpu", *AUTOMATIC_TAGS]) == {"a"}


@pytest.mark.parametrize("answer", [None, {}, "x", [None], [{}], [{"name": "x", "history": []}]])
def test_answers_that_are_no_scripts(answer: object) -> None:
    with pytest.raises(StateError):
        parse_list(answer)


SHOWN = {
    "id": 1,
    "name": "x",
    "title": "",
    "description": "",
    "tags": [],
    "type": 9,
    "hardware_type": 7,
    "parallel": 5,
    "timeout": "0:00:00",
    "packages": {},
    "for_hardware": [],
    "results": {},
    "parameters": {},
    "default": True,
    "destructive": False,
    "may_reboot": False,
    "recommission": False,
    "apply_configured_networking": False,
    "history": [{"id": 1, "comment": None, "created": "", "data": "eA=="}],
}


def test_kinds_of_a_newer_maas_stay_numbers() -> None:
    fields = parse_one(SHOWN).fields
    assert (fields.script_type, fields.hardware_type, fields.parallel) == (9, 7, 5)


@pytest.mark.parametrize("change", [{"history": []}, {"history": [{"id": 1}]}, {"timeout": "soon"}, {"tags": "a,b"}])
def test_answers_that_cannot_be_read(change: dict[str, object]) -> None:
    with pytest.raises(StateError, match="x"):
        parse_one({**SHOWN, **change})


def test_contents_that_did_not_come() -> None:
    script = parse_one({**SHOWN, "history": [{"id": 1, "comment": None, "created": ""}]})
    with pytest.raises(StateError, match="no content"):
        _ = script.content


@pytest.mark.parametrize("kind", ["text/plain", "application/json"])
@pytest.mark.parametrize("status", [400, 404, 409, 500])
def test_errors_hold_no_part_of_the_key(kind: str, status: int) -> None:
    body = b'{"name": ["consumer1 token2 secret3"]}'
    error = answered("MAAS", status, kind, body, KEY)
    assert "***" in str(error)
    assert not [part for part in KEY.parts() if part in f"{error} {error.fields}"]


def test_a_401_body_is_never_shown() -> None:
    body = b"Authorization Error: 'Invalid signature. Expected signature base string: &rightsecret'"
    error = answered("MAAS", 401, "text/html", body, KEY)
    assert error.trouble is Trouble.KEY
    assert "rightsecret" not in f"{error} {error.hint} {error.fields}"
