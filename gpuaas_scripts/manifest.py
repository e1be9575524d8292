"""MANIFEST.json of a rendered site: one artifact a line, sorted, so that merges rarely conflict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from . import __version__
from .artifacts import Artifact, ArtifactKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .renderers import Rendered

NAME = "MANIFEST.json"
GENERATOR = "gpuaas-gen"


class Lines(NamedTuple):
    """What a manifest says of one artifact: its entry, and the sources of its template."""

    path: str
    entry: str
    withheld: bool
    reference: str
    sources: tuple[str, ...]


def lines_of(rendered: Rendered) -> Lines:
    """The manifest's word on a rendered artifact."""
    artifact = rendered.artifact
    return _lines(artifact, _entry(artifact) | {"sha256": rendered.sha256, "size": rendered.size}, withheld=False)


def lines_of_withheld(artifact: Artifact) -> Lines:
    """The manifest's word on an artifact that is not rendered: which keys it waits for."""
    return _lines(artifact, _entry(artifact) | {"missing": list(artifact.missing)}, withheld=True)


def _lines(artifact: Artifact, entry: dict[str, Any], *, withheld: bool) -> Lines:
    sources = artifact.template.sources if artifact.template is not None and not withheld else ()
    return Lines(artifact.path, _line(entry), withheld, artifact.reference, sources)


class Manifest:
    """Collects lines while artifacts are rendered; `content` is the file."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.artifacts: list[tuple[str, str]] = []
        self.withheld: list[tuple[str, str]] = []
        self.sources: dict[str, tuple[str, ...]] = {}

    def add(self, lines: Lines) -> None:
        """Take over the lines of one artifact."""
        (self.artifacts if not lines.withheld else self.withheld).append((lines.path, lines.entry))
        if lines.sources:
            self.sources[lines.reference] = lines.sources

    def keep(self, content: bytes, keeps: Callable[[str], bool]) -> None:
        """Take over the lines of an earlier manifest whose path `keeps` is true for."""
        try:
            data = read(content)
        except ValueError:
            return
        for name, lines in (("artifacts", self.artifacts), ("withheld", self.withheld)):
            lines += [(entry["path"], _line(entry)) for entry in data[name] if keeps(entry["path"])]
        self.sources |= {name: tuple(files) for name, files in data["sources"].items()}

    def content(self) -> bytes:
        """The whole file."""
        sources = [f"{json.dumps(name)}: {json.dumps(list(files))}" for name, files in sorted(self.sources.items())]
        head = json.dumps({"generator": f"{GENERATOR} {__version__}", "site": self.site})[1:-1]
        return (
            f'{{{head},\n"sources": {{{_block(sources)}}},\n'
            f'"artifacts": [{_block(line for _, line in sorted(self.artifacts))}],\n'
            f'"withheld": [{_block(line for _, line in sorted(self.withheld))}]}}\n'
        ).encode()


def read(content: bytes) -> dict[str, Any]:
    """A manifest as data; raises ValueError when it is none of ours."""
    data = json.loads(content)
    if not isinstance(data, dict) or not str(data.get("generator", "")).startswith(GENERATOR):
        raise ValueError("not a manifest of gpuaas-gen")
    return data


def _entry(artifact: Artifact) -> dict[str, Any]:
    entry: dict[str, Any] = {"path": artifact.path, "kind": str(artifact.kind), "scope": str(artifact.scope)}
    if artifact.kind is not ArtifactKind.USER_DATA:
        entry["mode"] = artifact.mode or ("0755" if artifact.executable else "0644")
    if artifact.target:
        entry["target"] = artifact.target
    entry["source"] = artifact.reference
    return entry


def _line(entry: dict[str, Any]) -> str:
    return msgspec.json.encode(entry).decode()


def _block(lines: Iterable[str]) -> str:
    text = ",\n".join(lines)
    return f"\n{text}\n" if text else ""
