"""Plans and results as text for people: a table for one host, one line each for many, and a summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..bios.plan import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..bios.plan import Item, Plan
    from ..bios.registry import Value
    from ..sinks.bios_fleet import Result

_WORDS = {Verdict.OK: "ok", Verdict.CHANGE: "to change", Verdict.PENDING: "pending already", Verdict.BLOCKED: "blocked"}


def counted(number: int, noun: str) -> str:
    """`1 host`, `2 hosts`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def shown(value: Value | None) -> str:
    """A value, `-` for none."""
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None else str(value) or '""'


def summary_of(plan: Plan) -> str:
    """One line on a plan: counts, what blocks it, and whether a reset is needed."""
    parts = [f"{plan.counts[v]} {_WORDS[v]}" for v in _WORDS if plan.counts[v]] or ["nothing wanted"]
    if plan.jobs:
        parts.append(f"{counted(len(plan.jobs), 'job')} open")
    if plan.others_pending:
        parts.append(f"{counted(len(plan.others_pending), 'value')} staged by others")
    if plan.reset_needed:
        parts.append("needs a reset")
    return ", ".join(parts)


def line_of(plan: Plan) -> str:
    """One line for a host among many: the summary, then each change and block."""
    texts = [f"{i.name} {shown(i.current)}→{shown(i.desired)}" for i in plan.items if i.verdict is Verdict.CHANGE]
    texts += [f"{i.asked} blocked: {i.block}" for i in plan.items if i.block]
    detail = f": {'; '.join(texts)}" if texts else ""
    return f"{plan.node}  {summary_of(plan)}{detail}"


def failure_of(result: Result[Any]) -> str:
    """One line for a host that failed; the message names it already."""
    text = str(result.error).splitlines()[0] if result.error else ""
    return text if result.host in text else f"{result.host}: {text}"


def table_of(plan: Plan) -> str:
    """A plan in full."""
    lockdown = {None: "lockdown unknown", True: "LOCKDOWN ON", False: "lockdown off"}[plan.lockdown]
    about = ", ".join(part for part in (plan.model, f"BIOS {plan.bios_version}".strip(), lockdown) if part)
    lines = [f"{plan.node}: {about}", *_rows(plan)]
    for forced in plan.forced:
        lines.append(
            f"  the firmware also sets {forced.attribute} = {shown(forced.value)} ({_because(forced.because)})"
        )
    lines += [f"  open job: {job}" for job in plan.jobs]
    if plan.others_pending:
        lines.append(f"  staged by others: {', '.join(plan.others_pending)}")
    lines.append(f"  {summary_of(plan)}")
    return "\n".join(lines)


def _because(names: tuple[str, ...]) -> str:
    return f"follows from {', '.join(names)}"


def _rows(plan: Plan) -> Iterator[str]:
    head = ("attribute", "current", "pending", "desired", "verdict")
    rows = [(_name(i), shown(i.current), shown(i.pending), shown(i.desired), _verdict(i)) for i in plan.items]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(4)]
    for number, row in enumerate((head, *rows)):
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        yield "  " + "  ".join((*cells, row[4])).rstrip()
        if number and (notes := _notes(plan.items[number - 1])):
            yield from (f"      {note}" for note in notes)


def _name(item: Item) -> str:
    return f"{item.asked} ({item.name})" if item.name not in {item.asked, ""} else item.asked


def _verdict(item: Item) -> str:
    return f"blocked: {item.block}" if item.block else str(item.verdict)


def _notes(item: Item) -> list[str]:
    notes = [f"to unblock: {item.unblock}"] if item.unblock else []
    if item.stands_on:
        notes.append(f"becomes writable with {', '.join(item.stands_on)} in the same change")
    return notes + ([item.note] if item.note else [])
