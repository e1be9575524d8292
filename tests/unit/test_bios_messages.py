"""Error bodies to meanings: the table, several ids at once, bodies that are no JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuaas_scripts.bios.messages import WAIT, Meaning, judge, one_line, parse_messages, suffix

TABLE = {
    Meaning.READ_ONLY: "SYS410 SYS444 SYS443 SYS024",
    Meaning.BAD_VALUE: "SYS409 SYS424 SYS426 SYS429 BIOS013 BIOS014",
    Meaning.LOCKDOWN: "SYS406 SYS291 BIOS031 JCP041 RAC1201",
    Meaning.LOGIN: "SYS415 SYS416",
    Meaning.PRIVILEGE: "SYS012 RAC0506",
    Meaning.JOB_EXISTS: "SYS011 BIOS006 BIOS007 RAC0679 LC063",
    Meaning.NOTHING_PENDING: "BIOS008 SYS023",
    Meaning.SESSION_LIMIT: "RAC0218",
    Meaning.NOT_READY: "SWC0700",
}


def body(*ids: str, severity: str = "Warning") -> dict[str, Any]:
    return {
        "error": {"@Message.ExtendedInfo": [{"MessageId": id_, "Message": "text", "Severity": severity} for id_ in ids]}
    }


@pytest.mark.parametrize(("meaning", "id_"), [(m, id_) for m, ids in TABLE.items() for id_ in ids.split()])
@pytest.mark.parametrize("prefix", ["IDRAC.1.6.", "IDRAC.2.9.", "IDRAC.3.0.", ""])
def test_every_id_means_the_same_whatever_the_firmware_and_status(meaning: Meaning, id_: str, prefix: str) -> None:
    for status in (200, 400, 401, 403, 503):
        assert judge(status, body(prefix + id_)).meaning is meaning


@pytest.mark.parametrize(
    ("ids", "meaning"),
    [
        (["IDRAC.1.6.SYS444", "IDRAC.1.6.SYS410"], Meaning.READ_ONLY),
        (["IDRAC.2.9.SYS410", "IDRAC.2.9.SYS406"], Meaning.LOCKDOWN),
        (["IDRAC.2.9.SYS413", "IDRAC.2.9.SYS011"], Meaning.JOB_EXISTS),
        (["Base.1.12.GeneralError", "IDRAC.2.9.SYS426"], Meaning.BAD_VALUE),
        (["Base.1.12.PropertyNotWritable"], Meaning.READ_ONLY),
    ],
)
def test_of_several_ids_the_telling_one_decides_and_comes_first(ids: list[str], meaning: Meaning) -> None:
    judged = judge(400, body(*ids))
    assert judged.meaning is meaning
    assert judged.messages[0].meaning is meaning
    assert set(judged.ids) == {suffix(id_) for id_ in ids}


@pytest.mark.parametrize(
    ("status", "answer", "meaning"),
    [
        (200, b"", Meaning.SUCCESS),
        (202, b"{}", Meaning.SUCCESS),
        (204, b"", Meaning.SUCCESS),
        (200, body("IDRAC.2.9.SYS430", severity="Informational"), Meaning.SUCCESS),
        (200, body("iLO.2.14.SystemResetRequired"), Meaning.SUCCESS),
        (200, body("IDRAC.2.9.NEW001", severity="Critical"), Meaning.UNKNOWN),
        (200, body("IDRAC.2.9.NEW001", severity="Informational"), Meaning.SUCCESS),
        (400, body("IDRAC.2.9.SYS413"), Meaning.UNKNOWN),
        (400, b"<html>", Meaning.UNKNOWN),
        (401, b"", Meaning.LOGIN),
        (403, b"", Meaning.PRIVILEGE),
        (404, b"", Meaning.NOT_FOUND),
        (412, b"", Meaning.MOVED),
        (503, b'{"error": {"@Mess', Meaning.NOT_READY),
        (500, b"", Meaning.UNKNOWN),
        (302, b"", Meaning.UNKNOWN),
    ],
)
def test_status_decides_where_no_id_does(status: int, answer: object, meaning: Meaning) -> None:
    assert judge(status, answer).meaning is meaning


def test_what_is_waited_for() -> None:
    assert {Meaning.SESSION_LIMIT, Meaning.NOT_READY} == WAIT


def test_messages_keep_what_a_user_needs() -> None:
    info = {
        "MessageId": "IDRAC.2.9.SYS011",
        "Message": "a\n b\x1b[31m",
        "RelatedProperties": ["#/Attributes/AssetTag", 3],
    }
    (message,) = parse_messages(json.dumps({"error": {"@Message.ExtendedInfo": [info, None, {"MessageId": 3}]}}))
    assert (message.id, message.text, message.related) == ("SYS011", "a b [31m", ("AssetTag",))


def test_messages_of_a_success_are_at_the_top() -> None:
    assert parse_messages({"@Message.ExtendedInfo": [{"MessageId": "Base.1.12.Success"}]})[0].id == "Success"


def test_a_code_alone_is_a_message() -> None:
    assert judge(400, {"error": {"code": "Base.1.8.PropertyUnknown", "message": "m"}}).meaning is Meaning.BAD_VALUE


@given(
    st.binary() | st.text() | st.recursive(st.none() | st.text(), lambda i: st.lists(i) | st.dictionaries(st.text(), i))
)
def test_no_body_makes_it_raise_or_a_failure_a_success(answer: object) -> None:
    for status in (302, 400, 500):
        assert judge(status, answer).meaning is not Meaning.SUCCESS


@given(st.text())
def test_text_of_a_bmc_is_one_printable_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 400


def test_deep_nesting_is_no_crash() -> None:
    assert judge(400, b"[" * 200_000).meaning is Meaning.UNKNOWN
