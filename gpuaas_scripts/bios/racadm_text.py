"""Outputs of RACADM, read. A success needs the text that says so and exit status 0; an unknown text is never one.

Formats: Dell's RACADM guide and outputs as people have posted them. Messages wrap over lines, the next
ones indented; remote RACADM puts a certificate warning before everything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from .messages import Judged, Meaning, Message, judge_messages, one_line
from .state import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

_MESSAGE = re.compile(r"^(?:ERROR:\s*)?(?P<id>[A-Z]{2,6}[0-9]{2,5})\s*:\s*(?P<text>.*)$")
_KEY = re.compile(r"^\[Key=(?P<key>[^\]]+)\]\s*$")
_VALUE = re.compile(r"^(?P<mark>#|!!)?(?P<name>[A-Za-z][A-Za-z0-9_]*)=(?P<value>.*)$")
_PENDING = re.compile(r"^(?P<value>.*?)\s*\(Pending Value=(?P<pending>.*)\)\s*$")
_JOB = re.compile(r"^\[Job ID=(?P<id>[JR]ID_[A-Za-z0-9]+)\]\s*$")
_FIELD = re.compile(r"^(?P<name>[A-Z][A-Za-z ]*?)\s*=\s*\[?(?P<value>.*?)\]?\s*$")
_COMMIT = re.compile(r"^(?P<which>Commit|Reboot) JID = (?P<id>[JR]ID_[A-Za-z0-9]+)\s*$")
_EMPTY_QUEUE = re.compile(r"(?:ParseComplete\n)?-+ ?JOB QUEUE ?-+(?:\n-+)?")
_MODIFIED = "Object value modified successfully"
_CERTIFICATE = "Security Alert: Certificate is invalid"


@dataclass(frozen=True, slots=True)
class RacadmValue:
    """One object. `value` and `pending` are None for a write-only object, `pending` also where nothing is staged."""

    name: str
    value: str | None = field(repr=False)
    pending: str | None = field(default=None, repr=False)
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Values:
    """Answer to `racadm get`: `values` by object name, empty unless `judged` is a success. `key` as printed."""

    judged: Judged
    key: str = ""
    values: Mapping[str, RacadmValue] = field(default_factory=lambda: MappingProxyType({}))
    certificate_warning: bool = False


@dataclass(frozen=True, slots=True)
class Created:
    """Answer to `racadm jobqueue create`: ids of the jobs, empty where none was made."""

    judged: Judged
    commit: str = ""
    reboot: str = ""


@dataclass(frozen=True, slots=True)
class Viewed:
    """Answer to `racadm jobqueue view`: the jobs as read."""

    judged: Judged
    jobs: tuple[Job, ...] = ()


def unfold(text: str) -> tuple[str, ...]:
    """Lines without line ends; a message that goes on in indented lines is one line again, blank lines go."""
    lines: list[str] = []
    for raw in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        goes_on = raw[:1] in {" ", "\t"} and raw.strip() and lines and _MESSAGE.match(lines[-1])
        if goes_on:
            lines[-1] = f"{lines[-1].rstrip()} {raw.strip()}"
        elif raw.strip():
            lines.append(raw.rstrip())
    return tuple(lines)


def certificate_warned(text: str) -> bool:
    """Whether remote RACADM warned that it does not trust the certificate, and went on."""
    return any(line.startswith(_CERTIFICATE) for line in unfold(text))


def _messages(text: str) -> tuple[Message, ...]:
    found = [_MESSAGE.match(line) for line in unfold(text)]
    return tuple(Message(match["id"], one_line(match["text"])) for match in found if match)


def _judge(status: int, text: str, success: frozenset[str]) -> Judged:
    """The verdict when the command says one of `success`; whatever else it says is a refusal or unknown."""
    messages = _messages(text)
    refused = judge_messages(500, [message for message in messages if message.id not in success])
    if refused.meaning is not Meaning.UNKNOWN:
        return refused
    said = any(message.id in success for message in messages)
    return Judged(Meaning.SUCCESS if said and status == 0 and not refused.messages else Meaning.UNKNOWN, messages)


def parse_get(text: str, status: int) -> Values:
    """Read the output of `racadm get GROUP[.OBJECT]`; `status` is the exit status."""
    judged = _judge(status, text, frozenset())
    warned = certificate_warned(text)
    lines = unfold(text)
    keys = [(number, match["key"]) for number, line in enumerate(lines) if (match := _KEY.match(line))]
    if judged.messages or status != 0 or len(keys) != 1:
        return Values(judged, certificate_warning=warned)
    start, key = keys[0]
    rows = [_value(line) for line in lines[start + 1 :]]
    values = {row.name: row for row in rows if row}
    if not values or len(values) != len(rows):  # a line that is no value: not the format that we know
        return Values(judged, key, certificate_warning=warned)
    return Values(Judged(Meaning.SUCCESS), key, MappingProxyType(values), warned)


def _value(line: str) -> RacadmValue | None:
    match = _VALUE.match(line)
    if not match:
        return None
    name, value, read_only = match["name"], match["value"].strip(), match["mark"] == "#"
    if value.endswith("(Write-Only)"):
        return RacadmValue(name, None, None, read_only)
    if staged := _PENDING.match(value):
        return RacadmValue(name, staged["value"], staged["pending"], read_only)
    return RacadmValue(name, value, None, read_only)


def parse_set(text: str, status: int) -> Judged:
    """Read the output of `racadm set`: a success is staged (RAC1017), or done where nothing stages it."""
    if status == 0 and any(line == _MODIFIED for line in unfold(text)) and not _messages(text):
        return Judged(Meaning.SUCCESS, (Message("", _MODIFIED),))
    return _judge(status, text, frozenset({"RAC1017"}))


def parse_create(text: str, status: int) -> Created:
    """Read the output of `racadm jobqueue create`. Without a commit id it is no success."""
    judged = _judge(status, text, frozenset({"RAC1024"}))
    ids = {match["which"]: match["id"] for line in unfold(text) if (match := _COMMIT.match(line))}
    if judged.meaning is not Meaning.SUCCESS:
        return Created(judged)
    if not ids.get("Commit", "").startswith("JID_"):
        return Created(Judged(Meaning.UNKNOWN, judged.messages))
    return Created(judged, ids["Commit"], ids.get("Reboot", ""))


def parse_clear(text: str, status: int) -> Judged:
    """Read the output of `racadm clearpending`: RAC1036 done, RAC1035 nothing staged, RAC1038 a job has it."""
    return _judge(status, text, frozenset({"RAC1036"}))


def parse_said(text: str, status: int, id_: str) -> Judged:
    """Read the output of a command whose success is told by message `id_`."""
    return _judge(status, text, frozenset({id_}))


def parse_view(text: str, status: int) -> Viewed:
    """Read the output of `racadm jobqueue view [-i JID]`. It is a success only if every job in it could be read."""
    judged = _judge(status, text, frozenset())
    blocks: list[tuple[str, dict[str, str]]] = []
    for line in unfold(text):
        if head := _JOB.match(line):
            blocks.append((head["id"], {}))
        elif blocks and (found := _FIELD.match(line)):
            blocks[-1][1][found["name"]] = found["value"]
    jobs = tuple(job for id_, fields in blocks if (job := _job(id_, fields)))
    if status != 0 or judged.messages or not jobs or len(jobs) != len(blocks):
        return Viewed(judged)
    return Viewed(Judged(Meaning.SUCCESS), jobs)


def parse_queue(text: str, status: int) -> Viewed:
    """Read the whole queue, `racadm jobqueue view`: its heading and nothing else is a queue without jobs.

    The entry JID_CLEARALL, which some firmware lists in an empty queue, is no job.
    """
    lines = [line for line in unfold(text) if not line.startswith((_CERTIFICATE, "Continuing execution."))]
    if status == 0 and _EMPTY_QUEUE.fullmatch("\n".join(lines)):
        return Viewed(Judged(Meaning.SUCCESS))
    viewed = parse_view(text, status)
    return Viewed(viewed.judged, tuple(job for job in viewed.jobs if job.id != "JID_CLEARALL"))


def _job(id_: str, fields: Mapping[str, str]) -> Job | None:
    if "Status" not in fields or "Message" not in fields:
        return None
    said = _MESSAGE.match(fields["Message"])
    percent = fields.get("Percent Complete", "")
    return Job(
        id=id_,
        state="".join(word[:1].upper() + word[1:] for word in one_line(fields["Status"]).split()),
        message_id=said["id"] if said else "",
        message=one_line(said["text"] if said else fields["Message"]),
        percent=int(percent) if percent.isascii() and percent.isdigit() and len(percent) < 4 else 0,
        name=one_line(fields.get("Job Name", "")),
    )
