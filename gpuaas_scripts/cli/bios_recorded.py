"""Changes that were begun: which are meant, which BMC each is about, and where they stand."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ..errors import GpuaasError
from .bios_run import find_hosts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ..sinks.bios_apply import Status
    from ..sinks.bios_record import OpenSession
    from .bios_hosts import Host
    from .bios_options import Choice
    from .bios_records import Found
    from .console import Console


_SESSIONS = frozenset({"login", "session", "no session", "logout"})
"""Steps of a journal that tell nothing of the change."""


def hosts_of(console: Console, explicit_root: Path | None, found: Iterable[Found], choice: Choice) -> dict[Path, Host]:
    """The host of each record, by the record's path. Raises GpuaasError, also when its BMC's address has changed."""
    sites: dict[str, list[Found]] = {}
    for one in found:
        sites.setdefault(choice.site or one.site, []).append(one)
    hosts: dict[Path, Host] = {}
    for site, records in sites.items():
        nodes = tuple(dict.fromkeys(one.node for one in records))
        asked = {item.asked: str(item.desired) for one in records for item in one.record.plan.items}
        chosen = replace(choice, site=site or None, nodes=nodes if site else (), attributes=asked or {"vt": "Enabled"})
        known = {host.name: host for host in find_hosts(console, explicit_root, chosen).hosts}
        for one in records:
            hosts[one.path] = _checked(one, known)
    return hosts


def _checked(one: Found, known: dict[str, Host]) -> Host:
    host = known.get(one.node)
    if host is None:
        names = ", ".join(known)
        raise GpuaasError(f"{one.path} is about {one.node}, not about {names}", hint="set IDRAC_HOST to its address")
    address = one.record.entries[0].address
    if address != host.target.address:
        raise GpuaasError(
            f"{one.path}: the change was begun at the BMC {address}; now {one.node} has {host.target.address}",
            hint="set the address back to go on, or look at that BMC by hand",
        )
    return host


def moment(seconds: float) -> str:
    """A Unix time for people, in this machine's zone."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def journal_lines(one: Found) -> Iterator[str]:
    """What the record alone tells."""
    record = one.record
    values = ", ".join(f"{name}={value}" for name, value in record.wanted.items())
    yield f"begun {moment(record.entries[0].at)}: {values or 'nothing to change'}"
    last = next(entry for entry in reversed(record.entries) if entry.step not in _SESSIONS)
    told = " ".join(part for part in (last.step, last.fate, last.text, last.end) if part)
    yield f"last entry {moment(last.at)}: {told}"
    if record.job:
        yield f"its job: {record.job}"
    for session in record.open_sessions(time.time()):
        yield session_line(session)


def session_line(session: OpenSession) -> str:
    """A session that may be open, for people."""
    where = session.location or "whose answer was lost"
    return f"a session may still be open: {where}, until {moment(session.until)} at the latest"


def word_of(one: Found, status: Status | None) -> str:
    """Where a change stands, in a word."""
    end = one.record.end
    if status is not None and (end is None or end.end == "waiting"):
        return str(status.stand.phase)
    if end is not None:
        return end.end
    return "interrupted" if one.record.checked is not None else "never begun"


def status_data(one: Found, status: Status | None, error: str = "") -> dict[str, Any]:
    """A record and where it stands, as data."""
    sessions = status.sessions if status is not None else one.record.open_sessions(time.time())
    job = status.stand.job if status is not None else None
    return {
        "site": one.site,
        "node": one.node,
        "record": str(one.path),
        "stand": word_of(one, status),
        "open": one.open,
        "text": (status.stand.text if status else "") or (one.record.end.text if one.record.end else ""),
        "wanted": one.record.wanted,
        "staged": dict(status.staged) if status is not None else None,
        "job": str(job) if job is not None else one.record.job,
        "sessions": [{"location": s.location, "until": moment(s.until)} for s in sessions],
        "error": error,
    }
