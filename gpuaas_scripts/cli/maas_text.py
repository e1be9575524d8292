"""What an upload would do, as text for people and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..maas.plan import Verdict, content_diff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..maas.plan import Change, Prune
    from ..maas.state import HeldScript
    from ..maas.tags import TagPlan
    from .maas_compare import Compared
    from .maas_repo import Repository

_COLOURS = {
    Verdict.CREATE: "green",
    Verdict.UPDATE: "yellow",
    Verdict.UNCHANGED: None,
    Verdict.DRIFT: "magenta",
    Verdict.FOREIGN: "magenta",
    Verdict.CONFLICT: "red",
    Verdict.BUILTIN: "red",
    Verdict.INVALID: "red",
}
_WIDTH = 10
_LONG = 200
_HINTS = {
    Verdict.DRIFT: "--force overwrites it",
    Verdict.FOREIGN: "--adopt takes it over, as a new revision",
    Verdict.CONFLICT: "scripts are global to a region: one site only can have it",
    Verdict.BUILTIN: "give ours another name",
}
_SENT_ALWAYS = ("tags", "timeout")


def lines(found: Compared, repository: Repository) -> Iterator[str]:
    """The plan, a text for each script and tag that is not as it should be, and the number of those that are."""
    chosen = {change.name for change in found.chosen}
    for change in found.scripts.changes:
        if change.verdict is not Verdict.UNCHANGED:
            yield change_text(change, chosen=change.name in chosen)
    for name, keys in repository.withheld.items():
        if not found.choice.names:
            yield f"{_word('withheld', 'red')} {name}"
            yield f"    waits for approved values: {', '.join(keys)}; left as it is in MAAS"
    for item in found.scripts.prune:
        yield _prune(item, found)
    yield from _tags(found.tags)
    same = sum(change.verdict is Verdict.UNCHANGED for change in found.scripts.changes)
    if same:
        yield f"{_word('unchanged', None)} {same} script{'' if same == 1 else 's'}"


def _word(text: str, colour: str | None) -> str:
    return click.style(f"{text:<{_WIDTH}}", fg=colour, bold=colour is not None)


def change_text(change: Change, *, chosen: bool) -> str:
    """One change: what MAAS holds, the fields that differ, and the diff of the contents."""
    told = [f"{_word(change.verdict, _COLOURS[change.verdict])} {change.name}{_size(change)}"]
    if change.problem:
        left = "" if chosen else f"; {_HINTS[change.verdict]}" if change.verdict in _HINTS else ""
        told.append(f"    {change.problem}{left}")
    if change.held and change.verdict is not Verdict.BUILTIN:
        told.append(f"    in MAAS: {_revision(change.held)}")
    told += [f"    {text}" for text in _fields(change)]
    if change.held and change.content_differs:
        told.append(content_diff(change).rstrip("\n"))
    return "\n".join(told)


def _size(change: Change) -> str:
    if change.verdict is not Verdict.CREATE:
        return ""
    return f"  ({change.wanted.source}: {len(change.wanted.content.splitlines())} lines)"


def _revision(held: HeldScript) -> str:
    head = held.head
    stamp = head.stamp
    by = (
        f"of site {stamp.site}, commit {stamp.commit}"
        if stamp
        else f"comment {head.comment!r}"
        if head.comment
        else "no comment"
    )
    return f"revision {head.id}, {head.created} ({by})"


def _fields(change: Change) -> Iterator[str]:
    for item in change.fields:
        note = ""
        if item in change.kept and item.name in _SENT_ALWAYS:
            note = "   (MAAS ignores it in the script; sent as a field)"
        elif item in change.kept:
            note = "   (MAAS would keep it silently; a reset is sent)"
        yield f"{item.name}: {_short(item.held)} → {_short(item.wanted)}{note}"


def _short(text: str) -> str:
    text = text.replace("\n", "\\n") or "''"
    return text if len(text) <= _LONG else f"{text[:_LONG]}… ({len(text)} characters)"


def _prune(item: Prune, found: Compared) -> str:
    results = "all its results go with it"
    edited = ", changed by hand since our last upload" if item.edited else ""
    if item in found.deletions:
        return f"{_word('delete', 'red')} {item.held.name}\n    no longer in the site{edited}; {results}"
    how = "--prune --force deletes it" if item.edited else "--prune deletes it"
    return f"{_word('leftover', 'yellow')} {item.held.name}\n    no longer in the site{edited}; {how}, and {results}"


def _tags(plan: TagPlan) -> Iterator[str]:
    for name in plan.create:
        yield f"{_word('create', 'green')} tag {name}"
    for item in plan.give:
        nodes = ", ".join(f"{node.name} ({node.system_id})" for node in item.nodes)
        yield f"{_word('tag', 'green')} {item.tag}: {nodes}"
    for problem in plan.problems:
        yield f"{_word('problem', 'red')} {problem}"
    if plan.unknown:
        names = ", ".join(node.name for node in plan.unknown)
        yield f"{_word('no id', None)} {names}: no maas.system_id, so no tags are given"


def as_data(found: Compared, repository: Repository) -> dict[str, Any]:
    """The plan as data for JSON."""
    chosen = {change.name for change in found.chosen}
    return {
        "site": repository.site,
        "maas": {"url": found.url, "version": found.version},
        "commit": found.commit,
        "scripts": [_change_data(change, chosen=change.name in chosen) for change in found.scripts.changes],
        "leftover": [
            {"name": item.held.name, "edited": item.edited, "delete": item in found.deletions}
            for item in found.scripts.prune
        ],
        "withheld": {name: list(keys) for name, keys in repository.withheld.items()},
        "tags": {
            "create": list(found.tags.create),
            "give": {item.tag: [node.system_id for node in item.nodes] for item in found.tags.give},
            "problems": list(found.tags.problems),
            "without_system_id": [node.name for node in found.tags.unknown],
        },
    }


def _change_data(change: Change, *, chosen: bool) -> dict[str, Any]:
    return {
        "name": change.name,
        "verdict": str(change.verdict),
        "apply": chosen,
        "problem": change.problem,
        "revision": change.held.head.id if change.held else None,
        "content_differs": change.content_differs,
        "fields": [
            {"name": item.name, "held": item.held, "wanted": item.wanted, "kept_by_maas": item in change.kept}
            for item in change.fields
        ],
        "diff": content_diff(change) if change.held and change.content_differs else "",
    }
