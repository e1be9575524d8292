"""Reads templates/: scripts, units and files, each with a description of what it needs.

The packaged templates come first; a templates/ folder beside site-configs/ adds to them or
replaces one by one (a whole script, unit or file folder, or one library fragment).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from . import folders
from .config import check, source
from .config.model.base import Model, doc
from .config.parsed import Parsed
from .config.scalars import AbsolutePath, FileMode, Line, Name
from .errors import Finding, Location, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .config.source import Document, KeyPath

FOLDER = folders.TEMPLATES


class Scope(StrEnum):
    """The widest set of machines on which an artifact is the same, byte for byte."""

    SITE = "site"
    PROFILE = "profile"
    NODE = "node"


class SettingModel(Model, frozen=True, rename={"from_": "from"}):
    """One value that a template takes from the configuration."""

    from_: Annotated[Line | None, doc("key of the resolved configuration, such as network.bridge.name")] = None
    table: Annotated[Line | None, doc("'hardware': one row for each hardware class of the site")] = None
    value: Annotated[Line | None, doc("a constant of the template")] = None
    columns: Annotated[tuple[Line, ...], doc("keys below the list or table: one column each")] = ()
    description: Annotated[Line | None, doc("what it is for")] = None
    optional: Annotated[bool, doc("render as empty text where no value is set")] = False


class Install(Model, frozen=True):
    """Where a host script goes."""

    path: Annotated[AbsolutePath | None, doc("path on the host")] = None
    mode: Annotated[FileMode, doc("mode on the host")] = "0755"


class MaasMetadata(Model, frozen=True):
    """MAAS's script metadata (version 1.0), as far as it is used here."""

    title: Annotated[Line | None, doc("title shown in MAAS")] = None
    description: Annotated[Line | None, doc("description shown in MAAS")] = None
    script_type: Annotated[Line, doc("commissioning, testing or release")] = "commissioning"
    hardware_type: Annotated[Line, doc("node, cpu, memory, storage, network or gpu")] = "node"
    timeout: Annotated[Line | None, doc('time limit in quotes, such as "00:10:00"')] = None
    parallel: Annotated[Line | None, doc("disabled, instance or any")] = None
    tags: Annotated[tuple[Line, ...], doc("tags of the script")] = ()
    packages: Annotated[dict[str, Any], doc("packages: {apt: […]}")] = {}
    parameters: Annotated[dict[str, Any], doc("parameters that a run may be given")] = {}
    results: Annotated[dict[str, Any], doc("results that the script reports")] = {}
    for_hardware: Annotated[tuple[Line, ...], doc("hardware that selects the script")] = ()
    noauto: Annotated[bool, doc("keep the script out of the automatic commissioning set (MAAS's tag noauto)")] = False
    may_reboot: Annotated[bool, doc("the script may reboot the machine")] = False
    destructive: Annotated[bool, doc("the script destroys data")] = False
    recommission: Annotated[bool, doc("run again after configuration changes")] = False


class ScriptModel(Model, frozen=True):
    """scripts/<name>/script.yaml."""

    description: Annotated[Line | None, doc("what the script is for, in one line")] = None
    scope: Annotated[Scope, doc("site for MAAS scripts, profile for host scripts")] = Scope.PROFILE
    maas: Annotated[MaasMetadata | None, doc("MAAS metadata: makes it a MAAS script")] = None
    install: Annotated[Install | None, doc("place on the host: makes it a host script")] = None
    fragments: Annotated[tuple[Name, ...], doc("library fragments, lib/<name>.sh, in this order")] = ()
    settings: Annotated[dict[Line, SettingModel], doc("constants of the settings block")] = {}
    node_env: Annotated[dict[Line, SettingModel], doc("values of node.env that the script reads")] = {}


class UnitModel(Model, frozen=True):
    """units/<name>/unit.yaml."""

    description: Annotated[Line | None, doc("what the unit is for, in one line")] = None
    scope: Annotated[Scope, doc("how wide it is the same")] = Scope.PROFILE
    path: Annotated[AbsolutePath | None, doc("path on the host; default /etc/systemd/system/<name>")] = None
    enable: Annotated[bool, doc("enable and start it on the host")] = False
    settings: Annotated[dict[Line, SettingModel], doc("values given to the template")] = {}


class Builder(StrEnum):
    """Files that are built in Python instead of rendered from a template."""

    DPU_PLAN = "dpu-plan"
    NETPLAN_IPOIB = "netplan-ipoib"


class FileModel(Model, frozen=True):
    """files/<name>/file.yaml."""

    description: Annotated[Line | None, doc("what the file is for, in one line")] = None
    scope: Annotated[Scope, doc("how wide it is the same")] = Scope.PROFILE
    path: Annotated[AbsolutePath | None, doc("path on the host")] = None
    mode: Annotated[FileMode, doc("mode on the host")] = "0644"
    owner: Annotated[Line, doc("owner and group on the host")] = "root:root"
    builder: Annotated[Builder | None, doc("builds the file in Python, instead of content.j2")] = None
    when: Annotated[dict[Line, Line], doc("keys and values it is for, such as bf3.mode: dpu")] = {}
    settings: Annotated[dict[Line, SettingModel], doc("values given to the template")] = {}


class TemplateKind(StrEnum):
    """The three kinds of templates, by their folder."""

    SCRIPT = "scripts"
    UNIT = "units"
    FILE = "files"


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text file of templates/: its name as shown and its content."""

    file: str
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    """One script, unit or file: its description file and its text."""

    kind: TemplateKind
    name: str
    document: Document
    model: ScriptModel | UnitModel | FileModel
    body: SourceText | None
    fragments: tuple[SourceText, ...] = ()
    parts: tuple[SourceText, ...] = ()
    """What a script's body is divided into: the further *.sh of its folder, by name."""

    @property
    def bodies(self) -> tuple[SourceText, ...]:
        """The body and its parts; empty where the body is missing or the artifact is built in Python."""
        return (self.body, *self.parts) if self.body is not None else ()

    @property
    def reference(self) -> str:
        """A name that is stable in the manifest, such as `scripts/gpuaas-slice-network-baseline`."""
        return f"{self.kind}/{self.name}"

    @property
    def sources(self) -> tuple[str, ...]:
        """All files that the template consists of, sorted."""
        return tuple(sorted({self.document.file, *(text.file for text in (*self.fragments, *self.bodies))}))

    def locate(self, path: KeyPath, *, key: bool = False) -> Location:
        """A place in the description file."""
        return self.document.locate(path, key=key)


_MODELS: dict[TemplateKind, tuple[str, str, type[ScriptModel | UnitModel | FileModel]]] = {
    TemplateKind.SCRIPT: ("script.yaml", "body.sh", ScriptModel),
    TemplateKind.UNIT: ("unit.yaml", "unit.j2", UnitModel),
    TemplateKind.FILE: ("file.yaml", "content.j2", FileModel),
}


def place_of(shown: str, root: Path) -> Path:
    """Where a file shown as `templates/…` or as a path below `root` is: the repository's own, or the packaged one."""
    own = root / shown
    if shown.startswith(f"{FOLDER}/") and not own.exists():
        return packaged_folder() / shown.removeprefix(f"{FOLDER}/")
    return own


def packaged_folder() -> Path:
    """The templates that came with the program: in the wheel, or beside the package in a checkout."""
    return folders.packaged_templates()


class Library:
    """All templates that a repository can use, and what is wrong with them."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self.folders = tuple(folders)
        self.findings: list[Finding] = []
        self.templates: dict[TemplateKind, dict[str, Template]] = {}
        self.parsed = Parsed("templates", *map(str, self.folders))
        for kind in TemplateKind:
            self.templates[kind] = {name: self._read(kind, name, place) for name, place in self._found(kind).items()}
        self.parsed.keep()

    @classmethod
    def for_root(cls, root: Path) -> Library:
        """The packaged templates, with those of the repository at `root` on top."""
        own = root / FOLDER
        packaged = packaged_folder()
        folders = [packaged]
        if own.is_dir() and own.resolve() != packaged.resolve():
            folders.append(own)
        return cls(folders)

    @cached_property
    def fragments(self) -> dict[str, Path]:
        """Library fragments by name."""
        return {path.stem: path for folder in self.folders for path in sorted((folder / "lib").glob("*.sh"))}

    def names(self, kind: TemplateKind) -> list[str]:
        """Names of all templates of a kind."""
        return sorted(self.templates[kind])

    def _found(self, kind: TemplateKind) -> dict[str, Path]:
        places: dict[str, Path] = {}
        for folder in self.folders:
            if (folder / kind).is_dir():
                for place in sorted((folder / kind).iterdir()):
                    if place.is_dir() and not place.name.startswith((".", "__")):
                        places[place.name] = place
        return dict(sorted(places.items()))

    def _read(self, kind: TemplateKind, name: str, place: Path) -> Template:
        description, body_name, model_type = _MODELS[kind]
        shown = f"{FOLDER}/{kind}/{name}"
        document = self._document(place / description, f"{shown}/{description}")
        data: Any = document.data
        for problem in reversed(check.problems(data, model_type, partial=False)):
            self._add(problem.code, problem.message, document.locate(problem.path, key=problem.at_key), problem.hint)
            data = check.without(data, problem.path)
        try:
            model = check.convert(data, model_type)
        except msgspec.ValidationError:
            model = model_type()
        body = place / body_name
        text = self._text(body, f"{shown}/{body_name}") if body.is_file() else None
        if text is None and getattr(model, "builder", None) is None:
            self._add(
                "GS301", f"{body_name} is missing", Location(f"{shown}/{description}", 1, 1), f"add {shown}/{body_name}"
            )
        parts = sorted(path for path in place.glob("*.sh") if path != body and path.is_file())
        texts = tuple(self._text(path, f"{shown}/{path.name}") for path in parts) if body_name == "body.sh" else ()
        return Template(kind, name, document, model, text, self._fragments_of(model, document), texts)

    def _text(self, path: Path, shown: str) -> SourceText:
        text, finding = source.decode(path.read_bytes(), shown)
        if finding is not None and finding not in self.findings:
            self.findings.append(finding)
        return SourceText(shown, text)

    def _document(self, path: Path, shown: str) -> Document:
        if not path.is_file():
            self._add("GS301", "the description file is missing", Location(shown), f"add {shown}")
            return source.Document(shown, "", {})
        document = self.parsed.read(path, shown)
        self.findings += document.findings
        return document

    def _fragments_of(self, model: object, document: Document) -> tuple[SourceText, ...]:
        found = []
        for index, name in enumerate(getattr(model, "fragments", ())):
            path = self.fragments.get(name)
            if path is None:
                hint = check.suggestion(name, self.fragments)
                self._add("GS302", f"no library fragment {name!r}", document.locate(("fragments", index)), hint)
                continue
            found.append(self._text(path, f"{FOLDER}/lib/{name}.sh"))
        return tuple(found)

    def _add(self, code: str, message: str, location: Location, hint: str) -> None:
        self.findings.append(Finding(code, Severity.ERROR, message, location, hint))
