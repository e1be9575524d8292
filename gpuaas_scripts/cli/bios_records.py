"""Where the journals of BIOS changes are, and which one is meant: a folder of records, below it one for each site."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import GpuaasError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from ..sinks.bios_record import Record

ONE_HOST = "_host"
"""Folder of the records of IDRAC_HOST, which has no site."""


def default_folder() -> Path:
    """$XDG_STATE_HOME/gpuaas-gen/bios (XDG Base Directory: state that outlives a restart, and is no setting)."""
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "gpuaas-gen" / "bios"


def records_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option --records; the command is called with `records`, a Path or None."""
    option = click.option(
        "--records",
        type=click.Path(path_type=Path, file_okay=False),
        help="Folder of the records (default: ~/.local/state/gpuaas-gen/bios).",
    )
    return option(function)


def folder_of(records: Path | None, site: str | None) -> Path:
    """The folder of one site's records."""
    return (records or default_folder()) / (site or ONE_HOST)


@dataclass(frozen=True, slots=True)
class Found:
    """A record: its file, its site (empty for the host of IDRAC_HOST), and what stands in it."""

    path: Path
    site: str
    record: Record

    @property
    def node(self) -> str:
        """The host it is about."""
        return self.record.plan.node

    @property
    def open(self) -> bool:
        """Whether there is something to go on with: it was interrupted, or waits for a restart."""
        end = self.record.end
        return (end is None and self.record.checked is not None) or (end is not None and end.end == "waiting")

    @property
    def wrong(self) -> bool:
        """Whether it came out wrong, or nobody knows how: something to look at."""
        end = self.record.end
        return end is not None and end.end in {"failed", "uncertain"}


def find(records: Path | None, site: str | None, nodes: tuple[str, ...], paths: tuple[Path, ...]) -> list[Found]:
    """The records at `paths`, or the last one of every node (of `site`, of `nodes`), sorted by site and node.

    Raises GpuaasError for a path that is no record, and for a node that has none.
    """
    if paths:
        return [read_one(path) for path in paths]
    base = records or default_folder()
    sites = (
        [site] if site else sorted(entry.name for entry in base.iterdir() if entry.is_dir()) if base.is_dir() else []
    )
    found = [one for name in sites for one in _last(base / name) if not nodes or one.node in nodes]
    for node in nodes:
        if not any(one.node == node for one in found):
            raise GpuaasError(f"there is no record of a change of {node} in {base / (site or '')}")
    return found


def read_one(path: Path) -> Found:
    """One record. Its site is the name of its folder. Raises GpuaasError."""
    from ..sinks.bios_journal import read
    from ..sinks.bios_record import Record

    site = path.resolve().parent.name
    return Found(path, "" if site == ONE_HOST else site, Record(tuple(read(path))))


def own_job(folder: Path, node: str) -> str:
    """The job of the node's last change where that waits or was interrupted; empty for none."""
    last = next((one for one in _last(folder) if one.node == node), None) if folder.is_dir() else None
    return last.record.job if last is not None and last.open else ""


def _last(folder: Path) -> Iterator[Found]:
    """The last record of each node that has changed something or may have; else the last one of all."""
    from ..sinks.bios_journal import journals

    by_node: dict[str, list[Path]] = {}
    for path in journals(folder):
        by_node.setdefault(path.name.rsplit("-", 2)[0], []).append(path)
    for _, paths in sorted(by_node.items()):
        last = [read_one(path) for path in paths[-3:]]
        yield next((one for one in reversed(last) if one.record.checked is not None), last[-1])
