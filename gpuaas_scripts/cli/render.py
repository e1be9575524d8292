"""`gpuaas-gen render`: write the tree, or compare it with what is there."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ExitCode
from .console import Console, complete_node, find_root, site_option, verb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..plan import Plan
    from ..sinks.tree import Change, TreeFile


@click.command("render")
@site_option
@click.option(
    "--node", "nodes", multiple=True, shell_complete=complete_node, help="Replace only this node's files (repeatable)."
)
@click.option("--check", "mode", flag_value="check", help="Change nothing; exit 3 when the tree differs.")
@click.option(
    "--diff", "mode", flag_value="diff", help="Change nothing; print what would change; exit 3 when anything would."
)
@click.option("--output", type=click.Path(path_type=Path), help="Folder that gets <site>/ (default: generated).")
@click.option(
    "--assume-profile",
    "assumed",
    multiple=True,
    metavar="NODE=PROFILE",
    help="Render as if the node had that profile (with --output, --check or --diff).",
)
@click.option("--json", "as_json", is_flag=True, help="What changed as JSON.")
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    site: str,
    nodes: tuple[str, ...],
    mode: str | None,
    output: Path | None,
    assumed: tuple[str, ...],
    as_json: bool,
) -> int:
    """Write generated/<site>: every script, unit, file and user-data part of the site.

    The whole site is always computed; nothing is written when anything is wrong with it.

    \b
    Examples:
      gpuaas-gen render --site maas280
      gpuaas-gen render --site maas280 --check
      gpuaas-gen render --site maas280 --diff
      gpuaas-gen render --site maas280 --assume-profile j22u05=slice-vm --output /tmp/switched
    """
    from ..sinks import tree
    from .loading import planned, require_nodes

    profiles = _assumed(assumed)
    if profiles and not output and mode is None:
        raise click.UsageError("--assume-profile needs --output DIR, --check or --diff: generated/ says what is")
    root = find_root(console, explicit_root)
    checked = planned(site, root, profiles)
    require_nodes(checked.plan, nodes)
    place = (output or root / "generated") / site
    files = _files(checked.plan, place, frozenset(nodes))
    if mode is None:
        changes = tree.write(place, files, notify=console.info)
    elif mode == "check":
        changes = tree.compare(place, files, notify=console.info)
    else:
        from .diff import Diff

        diff = Diff(_shown(place, root))
        changes = tree.compare(place, files, on_change=diff.add, notify=console.info)
        if not as_json:
            for text in diff.lines():
                console.data(text)
    _report(console, checked.plan, place, root, changes, mode, as_json=as_json)
    return ExitCode.DRIFT if changes and mode is not None else ExitCode.OK


def _assumed(pairs: tuple[str, ...]) -> dict[str, str]:
    profiles: dict[str, str] = {}
    for pair in pairs:
        node, equals, profile = pair.partition("=")
        if not (node and equals and profile):
            raise click.UsageError(f"--assume-profile takes NODE=PROFILE, not {pair!r}")
        profiles[node] = profile
    return profiles


def _files(plan: Plan, place: Path, nodes: frozenset[str]) -> Iterator[TreeFile]:
    """The files of the tree: rendered ones and, last, the manifest. With `nodes`, all others as they are."""
    from ..manifest import NAME, Manifest
    from ..render import render
    from ..sinks.tree import TreeFile

    manifest = Manifest(plan.site.name)
    if nodes:
        yield from _kept(place, nodes, manifest)
    for rendered in render(plan):
        artifact = rendered.artifact
        if nodes and artifact.owner_node not in nodes:
            continue
        manifest.add(rendered)
        if artifact.written:
            yield TreeFile(artifact.path, rendered.content, artifact.executable)
    manifest.withhold(artifact for artifact in plan.artifacts() if not nodes or artifact.owner_node in nodes)
    yield TreeFile(NAME, manifest.content())


def _kept(place: Path, nodes: frozenset[str], manifest: object) -> Iterator[TreeFile]:
    """What --node leaves alone: the files that are there, and their lines of the manifest."""
    from ..manifest import NAME, Manifest
    from ..sinks.tree import TreeFile

    assert isinstance(manifest, Manifest)  # noqa: S101 - for the type checker; the import is lazy
    mine = tuple(f"nodes/{node}/" for node in nodes)
    if (place / NAME).is_file():
        manifest.keep((place / NAME).read_bytes(), lambda path: not path.startswith(mine))
    for folder, folders, names in os.walk(place):
        folders.sort()
        for name in sorted(names):
            file = Path(folder) / name
            path = file.relative_to(place).as_posix()
            if path != NAME and not path.startswith(mine) and file.is_file() and not file.is_symlink():
                yield TreeFile(path, file.read_bytes(), os.access(file, os.X_OK) and bool(file.stat().st_mode & 0o100))


def _shown(place: Path, root: Path) -> str:
    return str(place.relative_to(root)) if place.is_relative_to(root) else str(place)


def _report(
    console: Console,
    plan: Plan,
    place: Path,
    root: Path,
    changes: tuple[Change, ...],
    mode: str | None,
    *,
    as_json: bool,
) -> None:
    withheld = [artifact for artifact in plan.artifacts() if artifact.missing]
    if as_json:
        console.data(
            json.dumps(
                {
                    "site": plan.site.name,
                    "output": _shown(place, root),
                    "written": mode is None and bool(changes),
                    "changes": [{"path": c.path, "kind": str(c.kind), "detail": c.detail} for c in changes],
                    "withheld": [{"path": a.path, "missing": list(a.missing)} for a in withheld],
                },
                indent=2,
            )
        )
    elif mode == "check" or (mode is None and console.verbose):
        for change in changes:
            console.data(
                f"{change.kind}: {_shown(place, root)}/{change.path}" + (f" ({change.detail})" if change.detail else "")
            )
    done = f"{len(changes)} change{'' if len(changes) == 1 else 's'}" if changes else "nothing to do"
    if mode is not None:
        done = (
            f"differs from the sources: {done}; to mend: gpuaas-gen render --site {plan.site.name}"
            if changes
            else "up to date"
        )
    if withheld:
        done += f"; {len(withheld)} withheld, waiting for approved values (gpuaas-gen show --site {plan.site.name})"
    console.info(f"{_shown(place, root)}: {done}")
