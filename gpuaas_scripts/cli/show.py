"""`gpuaas-gen show`: the artifacts of a site or node, and what is withheld."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from .console import Console, complete_node, find_root, site_option, verb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..artifacts import Artifact, Plan

_KIB = 1024
_HEAD = ("KIND", "SCOPE", "MODE", "SIZE", "SHA-256", "WHAT FOR")
_SHORT = 10
"""Digits of a hash that the table shows."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """An artifact with the size in bytes and hash of its content; both are None when it is withheld."""

    artifact: Artifact
    size: int | None = None
    digest: str | None = None


@click.command("show")
@site_option
@click.option("--node", shell_complete=complete_node, help="Only what this node gets.")
@click.option("--json", "as_json", is_flag=True, help="Everything in full, as JSON.")
@verb
def command(console: Console, explicit_root: Path | None, site: str, node: str | None, as_json: bool) -> None:
    """List artifacts: kind, scope, path below generated/<site>, place on the host, mode, size, hash, purpose.

    What waits for approved values is listed last, with the missing keys and where to write them.

    \b
    Examples:
      gpuaas-gen show --site maas280
      gpuaas-gen show --site maas280 --node j22u11 --json
    """
    from .loading import planned, require_nodes

    root = find_root(console, explicit_root)
    plan = planned(site, root).plan
    require_nodes(plan, [node] if node else [])
    shown = _shown(console, plan, node)
    if as_json:
        console.data(json.dumps([_as_data(plan, one) for one in shown], indent=2))
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in _lines(plan, shown, width):
        console.data(line)


def _shown(console: Console, plan: Plan, node: str | None) -> list[_Shown]:
    from ..renderers import render

    artifacts = list(plan.of_node(node) if node else plan.artifacts())
    made: dict[str, _Shown] = {}
    wanted = {artifact.path for artifact in artifacts}
    for rendered in console.progress(render(plan), sum(1 for _ in plan.artifacts()), "artifacts"):
        if rendered.artifact.path in wanted:
            digest = hashlib.sha256(rendered.content).hexdigest()
            made[rendered.artifact.path] = _Shown(rendered.artifact, len(rendered.content), digest)
    return [made.get(artifact.path, _Shown(artifact)) for artifact in artifacts]


def _lines(plan: Plan, shown: list[_Shown], width: int | None) -> Iterator[str]:
    """The table; `width` is the terminal's in columns, None where lines may be of any length."""
    rendered = [one for one in shown if one.size is not None]
    rows = [_row(one) for one in rendered]
    widths = [max(map(len, column)) for column in zip(_HEAD, *rows, strict=True)][:-1]
    yield _cut(_line(_HEAD, widths), width)
    for one, row in zip(rendered, rows, strict=True):
        yield _cut(_line(row, widths), width)
        yield from _places(one.artifact, width)
        if limit := _limit(one):
            yield f"    {one.artifact.owner}: {limit}"
    for one in shown:
        if one.size is None:
            yield _cut(f"withheld: {one.artifact.kind}, {one.artifact.scope}: {one.artifact.purpose}", width)
            yield from _places(one.artifact, width)
            yield from _missing(plan, one.artifact)


def _row(one: _Shown) -> tuple[str, ...]:
    artifact = one.artifact
    size, digest = one.size or 0, one.digest or ""
    mode = artifact.mode or "-"
    return (str(artifact.kind), str(artifact.scope), mode, size_text(size), digest[:_SHORT], artifact.purpose)


def _places(artifact: Artifact, width: int | None) -> Iterator[str]:
    """Path below generated/<site> and place on the host; the assembled user data has neither."""
    from ..artifacts import ArtifactKind

    if artifact.kind is not ArtifactKind.USER_DATA:
        yield _cut(f"    {artifact.path}", width, keep_end=True)
    if artifact.target:
        yield _cut(f"      → {artifact.target}", width, keep_end=True)


def _missing(plan: Plan, artifact: Artifact) -> Iterator[str]:
    from .missing import places

    for key, place in places(plan, artifact):
        yield f"    missing: {key} ({place})"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells[:-1], widths, strict=True)]
    return "  ".join([*padded, cells[-1]])


def _limit(one: _Shown) -> str:
    """For user data: its size and the limit."""
    from ..artifacts import ArtifactKind
    from ..renderers.cloud_init import MAX_USER_DATA

    if one.artifact.kind is not ArtifactKind.USER_DATA or one.size is None:
        return ""
    return f"{size_text(one.size)} of at most {size_text(MAX_USER_DATA)}"


def _cut(text: str, width: int | None, *, keep_end: bool = False) -> str:
    """The text in at most `width` columns; with `keep_end`, what is too much is left out before its last third."""
    if width is None or len(text) <= width:
        return text
    if not keep_end:
        return text[: max(width - 1, 0)] + "…"
    end = width // 3
    return text[: width - end - 1] + "…" + text[len(text) - end :]


def size_text(size: int) -> str:
    """A size in bytes for people: `812 B`, `12.4 KiB`, `1.0 MiB`."""
    if size < _KIB:
        return f"{size} B"
    return f"{size / _KIB:.1f} KiB" if size < _KIB * _KIB else f"{size / _KIB / _KIB:.1f} MiB"


def _as_data(plan: Plan, one: _Shown) -> dict[str, object]:
    from ..artifacts import ArtifactKind
    from ..renderers.cloud_init import MAX_USER_DATA
    from .missing import places

    artifact = one.artifact
    data: dict[str, object] = {
        "kind": str(artifact.kind),
        "name": artifact.name,
        "scope": str(artifact.scope),
        "owner": artifact.owner or None,
        "path": artifact.path,
        "written": artifact.written,
        "target": artifact.target or None,
        "mode": artifact.mode or None,
        "file_owner": artifact.file_owner if artifact.target else None,
        "size": one.size,
        "sha256": one.digest,
        "purpose": artifact.purpose,
        "source": artifact.reference,
        "sources": list(artifact.template.sources) if artifact.template else [],
        "embeds": [inner.path for inner in artifact.embeds],
        "missing": list(artifact.missing),
        "missing_at": [
            {"key": key, "file": place.file, "line": place.line, "column": place.column}
            for key, place in (places(plan, artifact) if artifact.missing else [])
        ],
    }
    if artifact.kind is ArtifactKind.USER_DATA:
        data["size_limit"] = MAX_USER_DATA
    return data
