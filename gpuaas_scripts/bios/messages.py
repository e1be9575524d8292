"""Error bodies of BMCs and message lines of RACADM, judged by message id.

An id is judged by its suffix: `IDRAC.2.9.SYS011` and `IDRAC.1.6.SYS011` say the same, the middle
follows the firmware. HTTP status and text only decide where no known id is there. Sources: Dell's
iDRAC message registry, DMTF's Base registry (DSP8011).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST_TEXT = 400


class Meaning(StrEnum):
    """What an answer means for a BIOS change, whatever the vendor and firmware."""

    SUCCESS = "success"
    LOCKDOWN = "lockdown"
    SESSION_LIMIT = "session limit"
    NOT_READY = "not ready"
    LOGIN = "login"
    PRIVILEGE = "privilege"
    JOB_EXISTS = "job exists"
    NOTHING_PENDING = "nothing pending"
    BAD_VALUE = "bad value"
    READ_ONLY = "read-only"
    MOVED = "moved"
    NOT_FOUND = "not found"
    UNKNOWN = "unknown"


WAIT: frozenset[Meaning] = frozenset({Meaning.SESSION_LIMIT, Meaning.NOT_READY})
"""Answers that pass by themselves: ask again, with a limit."""

IDS: dict[str, Meaning] = {
    id_: meaning
    for meaning, ids in {
        Meaning.LOCKDOWN: "SYS406 SYS291 BIOS031 JCP041 RAC1201 RAC095",
        Meaning.SESSION_LIMIT: "RAC0218 SessionLimitExceeded",
        Meaning.NOT_READY: "SWC0700 RAC0508 RAC0509 LC060 JCP024 BIOS009 SYS518 ServiceTemporarilyUnavailable",
        Meaning.LOGIN: "SYS415 SYS416 NoValidSession",
        Meaning.PRIVILEGE: "SYS012 RAC0506 RAC1115 InsufficientPrivilege",
        Meaning.JOB_EXISTS: "SYS011 BIOS006 BIOS007 BIOS011 RAC0679 LC063 RAC1038 JCP015 JCP029 JCP030 JCP031 SYS431",
        Meaning.NOTHING_PENDING: "BIOS008 BIOS012 SYS023 RAC035 RAC037 RAC1023 RAC1035",
        Meaning.BAD_VALUE: "SYS409 SYS424 SYS425 SYS426 SYS429 BIOS013 BIOS014 RAC947 RAC1018 RAC1019 RAC1020 RAC917 "
        "SYS436 SYS447 SYS448 PropertyValueNotInList PropertyValueTypeError PropertyValueFormatError "
        "PropertyValueOutOfRange PropertyUnknown SYS405 MalformedJSON",
        Meaning.READ_ONLY: "SYS410 SYS444 SYS443 SYS024 SYS006 SYS019 SYS419 SYS427 BIOS015 BIOS016 BIOS024 "
        "RAC029 RAC036 RAC1025 PropertyNotWritable",
        Meaning.MOVED: "PreconditionFailed PreconditionRequired SYS404",
        Meaning.NOT_FOUND: "SYS403 ResourceMissingAtURI ResourceNotFound",
        Meaning.SUCCESS: "Success SYS001 SYS413 SYS414 SYS430 SystemResetRequired PR19 JCP007 JCP037 "
        "RAC1017 RAC1024 RAC1036 BIOS001 SettingsApplied",
    }.items()
    for id_ in ids.split()
}
"""Suffix of a message id to its meaning. RAC1023 also stands for other reasons a job is not created."""

_ORDER = tuple(meaning for meaning in Meaning if meaning is not Meaning.SUCCESS)
_BY_STATUS = {
    401: Meaning.LOGIN,
    403: Meaning.PRIVILEGE,
    404: Meaning.NOT_FOUND,
    412: Meaning.MOVED,
    428: Meaning.MOVED,
    429: Meaning.NOT_READY,
    503: Meaning.NOT_READY,
}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a BMC. `id` is the suffix (`SYS011`); `related` are names of attributes; the text is one line."""

    id: str
    text: str = ""
    resolution: str = ""
    severity: str = ""
    related: tuple[str, ...] = ()

    @property
    def meaning(self) -> Meaning:
        """What the id alone says; UNKNOWN for an id that is not in the table."""
        return IDS.get(self.id, Meaning.UNKNOWN)

    def __str__(self) -> str:
        return f"{self.id}: {self.text}" if self.text else self.id


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer as judged: its meaning, and the messages that came with it, those that decided first."""

    meaning: Meaning
    messages: tuple[Message, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The suffixes of the message ids."""
        return tuple(message.id for message in self.messages)

    def __str__(self) -> str:
        return "; ".join(str(message) for message in self.messages) or str(self.meaning)


def suffix(message_id: str) -> str:
    """The part of a message id that does not depend on the firmware: `IDRAC.2.9.SYS011` gives `SYS011`."""
    return message_id.rsplit(".", 1)[-1].strip()


def one_line(text: object) -> str:
    """Text of a BMC made safe to show: one line, no control characters, at most 400 characters."""
    if not isinstance(text, str):
        return ""
    if text.isprintable() and "  " not in text:
        line = text.strip()  # nearly all of them; a registry has thousands
    else:
        line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


def parse_messages(body: bytes | str | object) -> tuple[Message, ...]:
    """The messages of an answer's body: bytes, text, or JSON that is parsed already.

    A body that is no JSON, cut off, or of another shape has none; it never raises.
    """
    document = body
    if isinstance(body, bytes | str):
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return ()
    if not isinstance(document, dict):
        return ()
    error = document.get("error")
    found: list[Message] = []
    for holder in (error, document):
        if isinstance(holder, dict) and isinstance(infos := holder.get("@Message.ExtendedInfo"), list):
            found += [message for info in infos if (message := _message(info))]
    if not found and isinstance(error, dict) and isinstance(code := error.get("code"), str):
        found = [Message(suffix(code), one_line(error.get("message")))]
    return tuple(found)


def _message(info: object) -> Message | None:
    if not isinstance(info, dict) or not isinstance(full := info.get("MessageId"), str):
        return None
    related = info.get("RelatedProperties")
    names = related if isinstance(related, list) else []
    return Message(
        id=one_line(suffix(full)),
        text=one_line(info.get("Message")),
        resolution=one_line(info.get("Resolution")),
        severity=one_line(info.get("MessageSeverity") or info.get("Severity")),
        related=tuple(one_line(name).rsplit("/", 1)[-1] for name in names if isinstance(name, str)),
    )


def judge(status: int, body: bytes | str | object) -> Judged:
    """What an answer of a BMC means: its HTTP status and its body.

    A success needs a status of 2xx and no message that says otherwise: a known refusal, or an
    unknown message of severity Warning or Critical.
    """
    return judge_messages(status, parse_messages(body))


def judge_messages(status: int, messages: Iterable[Message]) -> Judged:
    """As `judge`, for messages that are parsed already."""
    all_of_them = tuple(messages)
    good = 200 <= status < 300
    for meaning in _ORDER[:-1]:
        deciding = tuple(message for message in all_of_them if message.meaning is meaning)
        if deciding:
            rest = tuple(message for message in all_of_them if message.meaning is not meaning)
            return Judged(meaning, deciding + rest)
    if good:
        doubtful = any(m.meaning is Meaning.UNKNOWN and m.severity in {"Warning", "Critical"} for m in all_of_them)
        return Judged(Meaning.UNKNOWN if doubtful else Meaning.SUCCESS, all_of_them)
    return Judged(_BY_STATUS.get(status, Meaning.UNKNOWN), all_of_them)
