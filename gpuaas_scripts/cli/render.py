"""`gpuaas-gen render`: write the tree, or compare it with what is there."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ExitCode, GpuaasError
from .console import Console, complete_node, find_root, site_option, verb

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ..sinks.known import Sources
    from ..sinks.tree import Change, TreeFile
    from .kept import Item


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
    from ..config.site import node_count
    from ..shards import count_for
    from ..sinks import known

    profiles = _assumed(assumed)
    if profiles and not output and mode is None:
        raise click.UsageError("--assume-profile needs --output DIR, --check or --diff: generated/ says what is")
    root = find_root(console, explicit_root)
    place = (output or root / "generated") / site
    words = [str(root), site, *sorted(assumed)]
    sources = sources_of(root, site, words)
    same = None if nodes else known.manifest_of(sources)
    manifest = known.held(place, same) if same else None
    if manifest is not None:
        waiting = {entry["path"]: tuple(entry["missing"]) for entry in manifest["withheld"]}
        _report(console, Outcome(site, shown(place, root), mode, (), waiting), as_json=as_json)
        return ExitCode.OK
    from .kept import Kept
    from .loading import require_known
    from .rendering import rendering

    kept = Kept("\0".join(words), sources)
    count = node_count(root, site)
    with rendering(site, root, profiles, count_for(count - len(kept.nodes())), kept) as made:
        require_known(site, made.nodes, nodes)
        withheld: dict[str, tuple[str, ...]] = {}
        items = console.progress(made.items, 5 * count, "artifacts")
        files = tree_files(items, withheld, site, place, frozenset(nodes))
        changes = _apply(console, root, place, files, mode, as_json=as_json)
    if sources_of(root, site, words) == sources:  # they did not change while they were read
        kept.write()
        if not nodes and (mode is None or not changes):
            known.remember(sources, place)
    _report(console, Outcome(site, shown(place, root), mode, changes, withheld), as_json=as_json)
    return ExitCode.DRIFT if changes and mode is not None else ExitCode.OK


def sources_of(root: Path, site: str, words: Sequence[str]) -> Sources:
    """Everything that a render reads: configuration, templates, and the program itself."""
    from .. import folders
    from ..sinks import known

    folder = root / folders.CONFIG
    own = [folder / "sites" / f"{site}.yaml", folder / "hardware", folder / "profiles"]
    program = Path(__file__).parents[1]
    return known.look(
        folder / "nodes" / site, [*own, root / folders.TEMPLATES, folders.packaged_templates(), program], words
    )


def _apply(
    console: Console, root: Path, place: Path, files: Iterator[TreeFile], mode: str | None, *, as_json: bool
) -> tuple[Change, ...]:
    from ..sinks import tree

    if mode is None:
        return tree.write(place, files, notify=console.info)
    if mode == "check":
        return tree.compare(place, files, notify=console.info)
    from .diff import Diff

    diff = Diff(shown(place, root))
    changes = tree.compare(place, files, on_change=diff.add, notify=console.info)
    if not as_json:
        for text in diff.lines():
            console.data(text)
    return changes


def _assumed(pairs: tuple[str, ...]) -> dict[str, str]:
    profiles: dict[str, str] = {}
    for pair in pairs:
        node, equals, profile = pair.partition("=")
        if not (node and equals and profile):
            raise click.UsageError(f"--assume-profile takes NODE=PROFILE, not {pair!r}")
        profiles[node] = profile
    return profiles


def tree_files(
    items: Iterable[Item], withheld: dict[str, tuple[str, ...]], site: str, place: Path, nodes: frozenset[str]
) -> Iterator[TreeFile]:
    """The files of the tree: rendered ones and, last, the manifest. With `nodes`, all others as they are.

    Notes in `withheld` which artifacts wait for which keys.
    """
    from ..manifest import NAME, Manifest
    from ..sinks.tree import TreeFile

    manifest = Manifest(site)
    if nodes:
        yield from _kept(place, nodes, manifest)
    for item in items:
        if item.missing:
            withheld[item.lines.path] = item.missing
        if nodes and item.node not in nodes:
            continue
        manifest.add(item.lines)
        if item.content is not None:
            yield TreeFile(item.lines.path, item.content, item.executable)
    yield TreeFile(NAME, manifest.content())


def _kept(place: Path, nodes: frozenset[str], manifest: object) -> Iterator[TreeFile]:
    """What --node leaves alone: the files that are there, and their lines of the manifest."""
    from ..manifest import NAME, Manifest
    from ..sinks.tree import TreeFile

    assert isinstance(manifest, Manifest)  # noqa: S101 - for the type checker; the import is lazy
    mine = tuple(f"nodes/{node}/" for node in nodes)
    if (place / NAME).is_file():
        try:
            manifest.keep((place / NAME).read_bytes(), lambda path: not path.startswith(mine))
        except (AttributeError, KeyError, TypeError):
            raise GpuaasError(f"{place / NAME} is damaged", hint="render the whole site, without --node") from None
    for folder, folders, names in os.walk(place):
        folders.sort()
        for name in sorted(names):
            file = Path(folder) / name
            path = file.relative_to(place).as_posix()
            if path != NAME and not path.startswith(mine) and file.is_file() and not file.is_symlink():
                yield TreeFile(path, file.read_bytes(), os.access(file, os.X_OK) and bool(file.stat().st_mode & 0o100))


def shown(place: Path, root: Path) -> str:
    return str(place.relative_to(root)) if place.is_relative_to(root) else str(place)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a render did or, with `mode` check or diff, would do."""

    site: str
    place: str
    mode: str | None
    changes: tuple[Change, ...]
    withheld: dict[str, tuple[str, ...]]


def _report(console: Console, outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        console.data(json.dumps(_as_data(outcome), indent=2))
    elif outcome.mode == "check" or (outcome.mode is None and console.verbose):
        for change in outcome.changes:
            detail = f" ({change.detail})" if change.detail else ""
            console.data(f"{change.kind}: {outcome.place}/{change.path}{detail}")
    count = len(outcome.changes)
    done = f"{count} change{'' if count == 1 else 's'}" if count else "nothing to do"
    if outcome.mode is not None:
        done = f"differs from the sources: {done}; to mend: gpuaas-gen render --site {outcome.site}"
        done = done if count else "up to date"
    if outcome.withheld:
        done += f"; {len(outcome.withheld)} withheld, waiting for approved values"
        done += f" (gpuaas-gen show --site {outcome.site})"
    console.info(f"{outcome.place}: {done}")


def _as_data(outcome: Outcome) -> dict[str, object]:
    return {
        "site": outcome.site,
        "output": outcome.place,
        "written": outcome.mode is None and bool(outcome.changes),
        "changes": [{"path": one.path, "kind": str(one.kind), "detail": one.detail} for one in outcome.changes],
        "withheld": [{"path": path, "missing": list(missing)} for path, missing in outcome.withheld.items()],
    }
