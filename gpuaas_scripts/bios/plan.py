"""Desired values against the state of a host: a verdict for each attribute, and the change set.

A plan holds the attributes that were asked for and nothing else of the host, never a secret. It goes
to JSON and back unchanged; who writes it to a file uses mode 0600.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from ..errors import ExitCode, GpuaasError
from .dependencies import Forced
from .registry import Value, same
from .state import ApplyTime

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1


class Verdict(StrEnum):
    """What has to be done about an attribute."""

    OK = "ok"
    CHANGE = "change"
    PENDING = "pending already"
    BLOCKED = "blocked"


class Block(StrEnum):
    """Why an attribute cannot be changed."""

    READ_ONLY = "read-only"
    LOCKDOWN = "lockdown"
    DEPENDENCY = "dependency"
    UNKNOWN = "unknown"
    BAD_VALUE = "bad value"
    SECRET = "secret"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Item:
    """One attribute. `asked` is the name as given, `name` the vendor's (empty when unknown).

    `current`, `pending` and `desired` are None where there is no such value. `unblock` says what to
    do about a block; `stands_on` names attributes of the same change that make this one writable;
    `note` is what a reader should know besides.
    """

    asked: str
    name: str
    verdict: Verdict
    current: Value | None = None
    pending: Value | None = None
    desired: Value | None = None
    block: Block | None = None
    unblock: str = ""
    stands_on: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to change on one host, and what stands in the way.

    `jobs` are the open jobs of the BMC, `others_pending` names of staged attributes that are not of
    this plan (values stay with the host).
    """

    node: str
    items: tuple[Item, ...]
    forced: tuple[Forced, ...] = ()
    jobs: tuple[str, ...] = ()
    others_pending: tuple[str, ...] = ()
    lockdown: bool | None = None
    apply_times: tuple[ApplyTime, ...] = ()
    vendor: str = ""
    model: str = ""
    bios_version: str = ""
    format: int = FORMAT

    @property
    def changes(self) -> dict[str, Value]:
        """The change set: what one write has to hold, by the vendor's names."""
        return {i.name: i.desired for i in self.items if i.verdict is Verdict.CHANGE and i.desired is not None}

    @property
    def reset_needed(self) -> bool:
        """Whether something waits for a reset, or will."""
        return any(item.verdict in {Verdict.CHANGE, Verdict.PENDING} for item in self.items)

    @property
    def counts(self) -> Counter[Verdict]:
        """Number of attributes by verdict."""
        return Counter(item.verdict for item in self.items)

    @property
    def exit_code(self) -> ExitCode:
        """OK when there is nothing to do, FINDINGS when something is blocked, else DRIFT."""
        if any(item.verdict is Verdict.BLOCKED for item in self.items):
            return ExitCode.FINDINGS
        return ExitCode.DRIFT if self.reset_needed else ExitCode.OK

    def refusals(self, *, merge: bool = False) -> tuple[str, ...]:
        """Why this plan must not be applied as it stands; empty when it may. `merge` keeps what others have staged."""
        reasons = [f"{item.asked}: {item.block}; {item.unblock}" for item in self.items if item.block]
        reasons += [f"a job is open: {job}" for job in self.jobs]
        if self.others_pending and not merge:
            names = ", ".join(self.others_pending)
            reasons.append(f"values that are not of this plan are staged: {names} (--merge keeps them)")
        return tuple(reasons)

    def moved(self, now: Plan) -> tuple[str, ...]:
        """What is otherwise in the same plan made `now`, one text for each; empty when the host stands as it did."""
        texts = []
        if self.node != now.node:
            texts.append(f"the plan is for {self.node}, not for {now.node}")
        for what, old, new in (
            ("BIOS version", self.bios_version, now.bios_version),
            ("lockdown", self.lockdown, now.lockdown),
            ("open jobs", ", ".join(self.jobs), ", ".join(now.jobs)),
            ("staged by others", ", ".join(self.others_pending), ", ".join(now.others_pending)),
        ):
            if old != new:
                texts.append(f"{what}: was {_shown(old)}, is {_shown(new)}")
        before = {item.name or item.asked: item for item in self.items}
        after = {item.name or item.asked: item for item in now.items}
        for name in sorted(before.keys() | after.keys()):
            texts += _item_moved(name, before.get(name), after.get(name))
        return tuple(texts)

    def recorded(self) -> dict[str, Value]:
        """The values that the changed attributes had: what a rollback asks for."""
        return {
            item.name: item.current
            for item in self.items
            if item.verdict in {Verdict.CHANGE, Verdict.PENDING} and item.current is not None
        }


def _shown(value: object) -> str:
    return "none" if value is None or value == "" else str(value)


def _item_moved(name: str, old: Item | None, new: Item | None) -> list[str]:
    if old is None or new is None:
        return [f"{name}: is in one of the two plans only"]
    texts = [
        f"{name}: {what} was {_shown(a)}, is {_shown(b)}"
        for what, a, b in (("current", old.current, new.current), ("pending", old.pending, new.pending))
        if not same(a, b)
    ]
    if not same(old.desired, new.desired):
        texts.append(f"{name}: desired was {_shown(old.desired)}, is {_shown(new.desired)}")
    if not texts and (old.verdict, old.block) != (new.verdict, new.block):
        texts.append(f"{name}: was {old.block or old.verdict}, is {new.block or new.verdict}")
    return texts


def to_json(plan: Plan) -> bytes:
    """The plan as JSON text, two blanks of indentation, a newline at the end."""
    return msgspec.json.format(msgspec.json.encode(plan), indent=2) + b"\n"


def from_json(data: bytes) -> Plan:
    """The plan in JSON text; raises GpuaasError for anything else, for unknown keys, and for another format."""
    try:
        plan = msgspec.json.decode(data, type=Plan)
        raw = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise GpuaasError(f"not a BIOS plan: {error}", hint="Write one with: gpuaas-gen bios plan -o FILE") from None
    if plan.format != FORMAT:
        raise GpuaasError(f"the plan has format {plan.format}; this program reads format {FORMAT}", hint="Plan again.")
    if _keys(raw) - _keys(msgspec.to_builtins(plan)):
        unknown = ", ".join(sorted(_keys(raw) - _keys(msgspec.to_builtins(plan))))
        raise GpuaasError(f"not a BIOS plan: unknown keys: {unknown}", hint="Plan again.")
    return plan


def _keys(document: object) -> set[str]:
    """All keys in a document, with the path to them (lists without their index)."""
    if isinstance(document, list | tuple):
        return {key for entry in document for key in _keys(entry)}
    if not isinstance(document, dict):
        return set()
    return {str(key) for key in document} | {f"{k}.{inner}" for k, value in document.items() for inner in _keys(value)}


def combined(items: Mapping[str, Item]) -> dict[str, Value]:
    """Desired values of the items that are to be changed, for the rules that judge them together."""
    return {n: i.desired for n, i in items.items() if i.verdict is Verdict.CHANGE and i.desired is not None}
