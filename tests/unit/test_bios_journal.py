"""The journal of a BIOS change: written before each step, readable by its owner only, told right after a crash."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bios_support import registry, state

from gpuaas_scripts.bios.planning import make_plan
from gpuaas_scripts.sinks.bios_journal import (
    Entry,
    Journal,
    JournalError,
    ResetWish,
    Step,
    Wishes,
    busy,
    journals,
    read,
)
from gpuaas_scripts.sinks.bios_record import OpenSession, Record, unfinished
from gpuaas_scripts.sinks.bmc import SessionNote, SessionStep

if TYPE_CHECKING:
    from gpuaas_scripts.bios.plan import Plan

DESIRED = {"vt": "on"}


def plan(node: str = "host-1") -> Plan:
    return make_plan(node, DESIRED, registry(), state(DESIRED))


def create(folder: Path, node: str = "host-1") -> Journal:
    return Journal.create(folder, plan(node), Wishes(merge=True, reset=ResetWish.FORCE), "bmc.example")


def test_a_journal_holds_the_plan_and_what_came_after(tmp_path: Path) -> None:
    with create(tmp_path / "a" / "b") as journal:
        journal.add(Entry(step=Step.STAGE))
        journal.add(Entry(step=Step.STAGE, fate="done", job="JID_1"))
    record = Record(tuple(read(journal.path)))
    assert record.plan == plan()
    assert record.wishes == Wishes(merge=True, reset=ResetWish.FORCE)
    assert record.job == "JID_1"
    assert record.wanted == {"ProcVirtualization": "Enabled"}
    assert [entry.step for entry in record.entries] == [Step.BEGIN, Step.STAGE, Step.STAGE]
    assert all(entry.at > 1_000_000_000 for entry in record.entries)


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with create(tmp_path / "journals") as journal:
            assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
            assert stat.S_IMODE((tmp_path / "journals").stat().st_mode) == 0o700
    finally:
        os.umask(before)


def test_an_entry_is_on_the_disk_when_add_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (synced.append(descriptor), real(descriptor))[1])
    with create(tmp_path) as journal:
        assert len(synced) == 2, "the folder and the first line"
        journal.add(Entry(step=Step.STAGE))
        assert len(synced) == 3
        assert json.loads(journal.path.read_bytes().splitlines()[-1])["step"] == "stage"


def test_two_of_one_second_are_two_files(tmp_path: Path) -> None:
    with create(tmp_path) as first, create(tmp_path) as second:
        assert first.path != second.path
    assert journals(tmp_path) == [first.path, second.path]


def test_journals_of_a_node(tmp_path: Path) -> None:
    names = ["host-1", "host-1-b", "host"]
    for name in names:
        create(tmp_path, name).close()
    (tmp_path / "other.txt").touch()
    assert [Record(tuple(read(path))).plan.node for path in journals(tmp_path, "host-1")] == ["host-1"]
    assert len(journals(tmp_path)) == 3
    assert journals(tmp_path / "missing") == []


def test_a_full_disk_stops_before_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_words: object) -> int:
        raise OSError(28, "No space left on device")

    with create(tmp_path) as journal:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(JournalError, match="No space left on device") as caught:
            journal.add(Entry(step=Step.STAGE))
        assert str(journal.path) in str(caught.value)
        assert len(journal.entries) == 1


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="file"):
        create(tmp_path / "file" / "journals")


def test_a_cut_off_line_is_left_out_and_cut_away(tmp_path: Path) -> None:
    with create(tmp_path) as journal:
        journal.add(Entry(step=Step.STAGE))
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + b'{"step":"sta')
    assert len(read(journal.path)) == 2
    with Journal.reopen(journal.path) as again:
        again.add(Entry(step=Step.RESUME))
        assert [entry.step for entry in again.entries] == [Step.BEGIN, Step.STAGE, Step.RESUME]
    assert [entry.step for entry in read(journal.path)] == [Step.BEGIN, Step.STAGE, Step.RESUME]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a journal of a BIOS change"),
        ('{"step":"beg', "not a journal of a BIOS change"),
        ("[]\n", ":1: not a journal's line"),
        ('{"step":"stage"}\n', "not a journal of a BIOS change"),
        ('{"step":"begin","surprise":1}\n', "surprise"),
    ],
)
def test_what_is_no_journal(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    for attempt in (read, Journal.reopen):
        with pytest.raises(JournalError, match=said) as caught:
            attempt(path)
        assert str(path) in str(caught.value)
    assert path.read_text() == text


def test_another_format_is_told(tmp_path: Path) -> None:
    journal = create(tmp_path)
    journal.close()
    journal.path.write_text(
        journal.path.read_text().replace(
            '"format":1,"node":"host-1","address"', '"format":7,"node":"host-1","address"', 1
        )
    )
    with pytest.raises(JournalError, match="has format 7; this program reads format 1"):
        read(journal.path)


def test_a_missing_journal_and_a_symlink(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="No such file"):
        read(tmp_path / "none.jsonl")
    journal = create(tmp_path)
    journal.close()
    link = tmp_path / "link.jsonl"
    link.symlink_to(journal.path)
    with pytest.raises(JournalError):
        Journal.reopen(link)


@pytest.mark.process
def test_only_one_process_works_with_it(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from gpuaas_scripts.sinks.bios_journal import Journal\n"
        "journal = Journal.reopen(Path(sys.argv[1]))\nprint('open', flush=True)\nsys.stdin.read()\n"
    )
    journal = create(tmp_path)
    assert busy(journal.path)
    journal.close()
    assert not busy(journal.path)
    words = [sys.executable, "-c", code, str(journal.path)]
    other = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        assert busy(journal.path)
        with pytest.raises(JournalError, match="another gpuaas-gen works on this change"):
            Journal.reopen(journal.path)
        assert len(read(journal.path)) == 1, "reading needs no lock"
    finally:
        other.kill()
        other.communicate()
    assert not busy(journal.path)
    Journal.reopen(journal.path).close()


# What the entries tell.


def record(*entries: Entry) -> Record:
    begin = Entry(step=Step.BEGIN, at=100, format=1, node="host-1", plan=plan(), wishes=Wishes())
    return Record((begin, *entries))


def session(step: Step, at: float, location: str = "", seconds: int = 1800) -> Entry:
    return Entry(step=step, at=at, location=location, seconds=seconds)


def test_sessions_that_are_closed_are_not_open() -> None:
    told = record(session(Step.LOGIN, 100), session(Step.SESSION, 101, "/s/1"), session(Step.LOGOUT, 102, "/s/1"))
    assert told.open_sessions(103) == ()


def test_a_session_lives_from_its_last_use() -> None:
    told = record(session(Step.LOGIN, 100), session(Step.SESSION, 101, "/s/1"), Entry(step=Step.STAGE, at=500))
    assert told.open_sessions(501) == (OpenSession("/s/1", 2300),)
    assert told.open_sessions(2301) == ()


def test_a_login_without_an_answer_may_have_opened_one() -> None:
    assert record(session(Step.LOGIN, 100)).open_sessions(101) == (OpenSession("", 1900),)
    refused = record(session(Step.LOGIN, 100), session(Step.NO_SESSION, 101))
    assert refused.open_sessions(102) == ()
    again = record(session(Step.LOGIN, 100), session(Step.LOGIN, 110), session(Step.SESSION, 111, "/s/2"))
    assert again.open_sessions(112) == (OpenSession("/s/2", 1911), OpenSession("", 1900))


def test_a_session_of_an_earlier_process_is_not_prolonged() -> None:
    told = record(
        session(Step.LOGIN, 100),
        session(Step.SESSION, 101, "/s/1"),
        session(Step.LOGIN, 700),
        session(Step.SESSION, 701, "/s/2"),
        Entry(step=Step.RESUME, at=702),
        session(Step.LOGOUT, 703, "/s/2"),
    )
    assert told.open_sessions(704) == (OpenSession("/s/1", 1901),)
    killed = record(session(Step.SESSION, 701, "/s/2"), Entry(step=Step.RESUME, at=702), Entry(step=Step.STAGE, at=900))
    assert killed.open_sessions(1000) == (OpenSession("/s/2", 2700),)


def test_resets_and_what_is_known_of_them() -> None:
    told = record(
        Entry(step=Step.RESET, at=1, kind="graceful restart"),
        Entry(step=Step.RESET, at=2, kind="graceful restart", fate="not sent"),
        Entry(step=Step.RESET, at=3, kind="graceful restart"),
        Entry(step=Step.RESET, at=4, kind="graceful restart", fate="lost"),
        Entry(step=Step.RESET, at=5, kind="graceful restart"),
    )
    assert [(entry.at, entry.fate) for entry in told.resets()] == [(3, "lost"), (5, "")]


def test_a_resume_with_another_reset_begins_anew() -> None:
    begun = Entry(step=Step.RESET, at=1, kind="graceful restart")
    assert len(record(begun, Entry(step=Step.RESUME)).resets()) == 1
    told = record(begun, Entry(step=Step.RESUME, reset=ResetWish.FORCE))
    assert told.resets() == ()
    assert told.wishes.reset is ResetWish.FORCE


def test_the_end_counts_until_it_is_resumed() -> None:
    end = Entry(step=Step.END, end="waiting")
    assert record(end, session(Step.LOGOUT, 1, "/s/1")).end == end
    assert record(end, Entry(step=Step.RESUME)).end is None
    assert record().end is None


def test_the_last_unfinished_change_of_a_node(tmp_path: Path) -> None:
    assert unfinished(tmp_path, "host-1") is None
    with create(tmp_path) as journal:
        assert unfinished(tmp_path, "host-1") is None, "nothing was sent"
        journal.add(Entry(step=Step.STAGE))
        assert unfinished(tmp_path, "host-1") == journal.path
        assert unfinished(tmp_path, "host-1", journal.path) is None
        assert unfinished(tmp_path, "host-2") is None
        (tmp_path / "host-1-20990101T000000Z-000.jsonl").write_text("torn")
        assert unfinished(tmp_path, "host-1") == journal.path
        journal.add(Entry(step=Step.END, end="done"))
        assert unfinished(tmp_path, "host-1") is None


def test_what_happens_to_sessions_is_written_down(tmp_path: Path) -> None:
    with create(tmp_path) as journal:
        for step in SessionStep:
            journal.watch(SessionNote(step, "/s/1", 900))
    steps = [(entry.step, entry.location, entry.seconds) for entry in read(journal.path)[1:]]
    assert steps == [
        (Step.LOGIN, "/s/1", 900),
        (Step.SESSION, "/s/1", 900),
        (Step.NO_SESSION, "/s/1", 900),
        (Step.LOGOUT, "/s/1", 900),
    ]
