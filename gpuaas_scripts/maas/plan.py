"""What an upload would do: the scripts that a site wants against those that MAAS holds.

Pure. A plan names for each script what is to be done and the request that does it; after all requests
a new plan says unchanged. Sources of what MAAS keeps, ignores and refuses: MAAS 3.7 `maasserver.forms.script`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from ..errors import GpuaasError
from . import stamp
from .fields import FieldChange, Fields, differences, seconds_text
from .metadata import Metadata, MetadataError, normalised, parse
from .state import HeldScript

_CONTEXT = 3
"""Lines that a diff shows around what differs."""


class Verdict(StrEnum):
    """What an upload finds about one script.

    DRIFT: changed in MAAS by hand since our last upload, and not what we want. FOREIGN: a script of
    this name that nobody marked. CONFLICT: it carries another site's marker. BUILTIN: MAAS's own.
    INVALID: our script cannot be brought to MAAS as it says.
    """

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    DRIFT = "drift"
    FOREIGN = "foreign"
    CONFLICT = "conflict"
    BUILTIN = "builtin"
    INVALID = "invalid"


class Action(StrEnum):
    """A call of MAAS's API, by the names of its description."""

    CREATE = "NodeScripts.create"
    UPDATE = "NodeScript.update"
    DELETE = "NodeScript.delete"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A script of the site: its name in MAAS and its text; `source` is shown in diffs.

    `parsed` is the text's metadata where it was parsed before.
    """

    name: str
    content: str
    source: str = ""
    parsed: Metadata | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One call: the script's name (empty for a creation, whose name is in the metadata) and the fields to send."""

    action: Action
    name: str
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What an upload finds and would do about one script.

    `fields` are those that differ (without the content), `kept` those among them that MAAS would keep
    silently: the request resets each. `request` is None where nothing is or can be done. `problem`
    says why for INVALID, CONFLICT, BUILTIN, FOREIGN and DRIFT.
    """

    name: str
    verdict: Verdict
    wanted: Wanted
    held: HeldScript | None = None
    content_differs: bool = False
    fields: tuple[FieldChange, ...] = ()
    kept: tuple[FieldChange, ...] = ()
    request: Request | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Prune:
    """A script with our marker that the site no longer has; `edited`: somebody changed it by hand meanwhile."""

    held: HeldScript
    edited: bool
    request: Request


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """A site's upload: one change per wanted script, and the scripts that could be pruned, both by name."""

    site: str
    changes: tuple[Change, ...]
    prune: tuple[Prune, ...]

    def todo(self, *, force: bool = False, adopt: bool = False, prune: bool = False) -> tuple[Request, ...]:
        """The requests to carry out: creations and updates; with `force` also over drift, with `adopt` over foreign
        scripts, with `prune` the deletions (their results go with them), last.
        """
        verdicts = {Verdict.CREATE, Verdict.UPDATE}
        verdicts |= {Verdict.DRIFT} if force else set()
        verdicts |= {Verdict.FOREIGN} if adopt else set()
        chosen = [change.request for change in self.changes if change.verdict in verdicts]
        deletions = [item.request for item in self.prune] if prune else []
        return tuple(request for request in (*chosen, *deletions) if request)


def plan(site: str, commit: str, wanted: Iterable[Wanted], held: Mapping[str, HeldScript]) -> UploadPlan:
    """Compare all scripts of `site` with what MAAS holds (`state.parse_list`, with contents).

    `commit` goes into the comments. Raises GpuaasError when two wanted scripts have one name, ValueError when
    `site` is no site name, StateError when `held` came without contents.
    """
    stamp.marker(site)
    scripts = sorted(wanted, key=lambda item: item.name)
    names = {script.name for script in scripts}
    if len(names) != len(scripts):
        raise GpuaasError("two scripts of the site have the same name")
    changes = tuple(_change(site, commit, script, held.get(script.name)) for script in scripts)
    stale = [script for name, script in sorted(held.items()) if name not in names and script.sites == {site}]
    prune = tuple(
        Prune(script, edited_by_hand(script, site), Request(Action.DELETE, script.name))
        for script in stale
        if not script.default
    )
    return UploadPlan(site, changes, prune)


def _change(site: str, commit: str, wanted: Wanted, held: HeldScript | None) -> Change:
    try:
        metadata = wanted.parsed or parse(wanted.content)
        if metadata.name != wanted.name:
            raise MetadataError(f"its metadata names {metadata.name}, so that an update would rename the script")
    except MetadataError as error:
        return Change(wanted.name, Verdict.INVALID, wanted, held, problem=f"{wanted.source or wanted.name}: {error}")
    fields = marked(metadata.fields, site)
    if held is None:
        request = Request(Action.CREATE, "", _sent(site, commit, wanted, fields))
        return Change(wanted.name, Verdict.CREATE, wanted, content_differs=True, request=request)
    if held.default:
        return Change(wanted.name, Verdict.BUILTIN, wanted, held, problem="MAAS has a script of its own by this name")
    if others := held.sites - {site}:
        problem = f"marked as a script of site {', '.join(sorted(others))}"
        return Change(wanted.name, Verdict.CONFLICT, wanted, held, problem=problem)
    differs = held.content != normalised(wanted.content)
    changed = differences(held.fields, fields)
    if not differs and not changed:
        return Change(wanted.name, Verdict.UNCHANGED, wanted, held)
    kept = tuple(change for change in changed if _is_kept(change.name, metadata))
    resets = tuple(("type" if item.name == "script_type" else item.name, item.wanted) for item in kept)
    sent = _sent(site, commit, wanted, fields)
    own = {name for name, _ in sent}
    request = Request(Action.UPDATE, held.name, (*sent, *(reset for reset in resets if reset[0] not in own)))
    verdict, problem = _whose(site, held)
    return Change(wanted.name, verdict, wanted, held, differs, changed, kept, request, problem)


def marked(fields: Fields, site: str) -> Fields:
    """The fields of a script of ours: with the site's marker among the tags."""
    return replace(fields, tags=fields.tags | {stamp.marker(site)})


def _sent(site: str, commit: str, wanted: Wanted, fields: Fields) -> tuple[tuple[str, str], ...]:
    """What each creation and update sends: also the fields that MAAS takes from the metadata only at a creation."""
    comment = stamp.comment(site, commit, wanted.content)
    always = (("tags", ",".join(sorted(fields.tags))), ("timeout", seconds_text(fields.timeout)))
    return (("script", wanted.content), ("comment", comment), *always)


def _is_kept(field: str, metadata: Metadata) -> bool:
    """Whether an update that sends only the script leaves this field as it is.

    `parameters` and `results` follow any metadata; `packages` and `for_hardware` may be sent beside
    the metadata, everything else only when the metadata does not name it.
    """
    if field in ("parameters", "results"):
        return False
    return field in ("tags", "timeout") or field not in metadata.keys or _is_null(field, metadata)


def _is_null(field: str, metadata: Metadata) -> bool:
    return field in ("packages", "for_hardware") and getattr(metadata.fields, field) == getattr(Fields(), field)


def _whose(site: str, held: HeldScript) -> tuple[Verdict, str]:
    uploads = [revision for revision in held.revisions if revision.stamp and revision.stamp.site == site]
    if site not in held.sites and not uploads:
        return Verdict.FOREIGN, "a script of this name is in MAAS, and not from gpuaas-gen"
    if edited_by_hand(held, site):
        return Verdict.DRIFT, "changed in MAAS since the last upload"
    return Verdict.UPDATE, ""


def edited_by_hand(held: HeldScript, site: str) -> bool:
    """Whether a script of ours is no longer as some upload of ours left it: other content, or other fields.

    Contents are known again by the hashes in our comments, fields by what the content's metadata says. MAAS drops
    the comment of an upload that changes no content, so a script that was adopted with the very content it had counts
    as edited until its content changes.
    """
    known = {revision.stamp.digest for revision in held.revisions if revision.stamp and revision.stamp.site == site}
    if stamp.digest(held.content) not in known:
        return True
    try:
        return marked(parse(held.content).fields, site) != held.fields
    except MetadataError:
        return True


def content_diff(change: Change) -> str:
    """A unified diff from what MAAS holds to what is wanted; empty when the contents are the same."""
    import difflib

    before = (change.held.content if change.held else "").splitlines(keepends=True)
    after = normalised(change.wanted.content).splitlines(keepends=True)
    label = f"maas/{change.name}" + (f" revision {change.held.head.id}" if change.held else " (absent)")
    top = _alike(before, after)
    before, after = before[top:], after[top:]
    end = _alike(before[::-1], after[::-1])
    pairs = difflib.unified_diff(
        before[: len(before) - end], after[: len(after) - end], label, change.wanted.source or change.name, n=_CONTEXT
    )
    lines = []
    for line in pairs:
        text = re.sub(r"(?<=[-+])\d+", lambda match: str(int(match[0]) + top), line) if line[:2] == "@@" else line
        lines.append(text if text.endswith("\n") else f"{text}\n\\ No newline at end of file\n")
    return "".join(lines)


def _alike(some: list[str], others: list[str]) -> int:
    """How many lines need not be compared: those before the first difference, less what a diff shows of them."""
    pairs = enumerate(zip(some, others, strict=False))
    same = next((number for number, (one, other) in pairs if one != other), min(len(some), len(others)))
    return max(same - _CONTEXT, 0)


def verify(site: str, change: Change, after: HeldScript | None) -> tuple[str, ...]:
    """What is wrong with a script that was read back after `change` was applied; empty: all as wanted.

    Also says when somebody else wrote between the plan's reading and this one: MAAS has no preconditions.
    """
    if after is None:
        return (f"{change.name}: not in MAAS after the upload",)
    problems = []
    if after.content != normalised(change.wanted.content):
        problems.append(f"{change.name}: MAAS holds another content (revision {after.head.id}) than was uploaded")
    fields = marked(parse(change.wanted.content).fields, site)
    for item in differences(after.fields, fields):
        problems.append(f"{change.name}: {item.name} is {item.held!r} in MAAS, wanted {item.wanted!r}")
    before = change.held.revisions if change.held else ()
    ids = {revision.id for revision in after.revisions}
    if before and before[0].id not in ids:
        problems.append(f"{change.name}: somebody reverted or replaced the script meanwhile")
    seen = {revision.id for revision in before}
    others = [
        revision
        for revision in after.revisions
        if revision.id not in seen and (not revision.stamp or revision.stamp.site != site)
    ]
    problems += [f"{change.name}: somebody wrote revision {item.id} meanwhile ({item.comment!r})" for item in others]
    return tuple(problems)
