"""Reads the files of one site, layer by layer, and collects everything wrong in them."""

# A path object for each of thousands of files costs more than its name:
# ruff: noqa: PTH122, PTH208
from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ..errors import Finding, GpuaasError, Location, Severity
from . import check
from .layers import Layer, LayerName, SourceFile, merge_all, overlay
from .model import HardwareFile, NodeConfig, ProfileFile, SiteFile
from .parsed import Parsed
from .scalars import TO_BE_APPROVED
from .site import CONFIG_FOLDER, NAME, HardwareClass, Loaded, Node, Profile, Share, Site, site_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .source import Document, KeyPath

_F = TypeVar("_F", SiteFile, HardwareFile, ProfileFile)


class Loader:
    """Reads the files of one site; shared files once each."""

    def __init__(self, root: Path, name: str, assume_profile: dict[str, str], share: Share) -> None:
        self.share = share
        self.names: list[str] = []
        self.root = root
        self.name = name
        self.folder = root / CONFIG_FOLDER
        self.assume_profile = assume_profile
        self.parsed = Parsed(str(self.folder), name, str(share.number), str(share.count))
        self.findings: list[Finding] = []
        self.broken: list[str] = []
        self.hardware: dict[str, HardwareClass] = {}
        self.profiles: dict[str, Profile] = {}
        self.dropped: set[KeyPath] = set()
        self.profile_files: dict[str, tuple[SourceFile, ProfileFile, dict[str, Any]]] = {}
        self.class_defaults: dict[str, dict[str, Any]] = {}
        self.bases: dict[tuple[str | None, str], tuple[NodeConfig | None, list[KeyPath]]] = {}
        self.layers: dict[tuple[str | None, str], tuple[Layer, ...]] = {}

    def load(self) -> Loaded:
        if not NAME.match(self.name):
            hint = check.suggestion(self.name, site_names(self.root))
            raise GpuaasError(f"{self.name!r} is not a name of a site (a-z, 0-9 and '-')", hint=hint)
        self._require_folders()
        path = self.folder / "sites" / f"{self.name}.yaml"
        if not path.is_file():
            raise GpuaasError(
                f"site {self.name!r} does not exist: no {CONFIG_FOLDER}/sites/{self.name}.yaml in {self.root}",
                hint=check.suggestion(self.name, site_names(self.root)) + f"; or: gpuaas-gen init site {self.name}",
            )
        self.site_source = self._file("sites", self.name)
        document = self._document(self.site_source)
        site_file, self.site_data, approvals = self._model(document, SiteFile)
        for other in sorted((self.folder / "sites").glob("*.yml")):
            self._usable(other.name, f"{CONFIG_FOLDER}/sites")
        self._load_folder("hardware", self._load_hardware)
        self._load_folder("profiles", self._load_profile)
        for profile in _mapping(self.site_data.get("profiles")):
            if profile not in self.profile_files:
                self._unknown("profile", profile, document.locate(("profiles", profile), key=True))
        nodes = self._load_nodes()
        self.parsed.keep()
        unknown = sorted(set(self.assume_profile) - set(self.names))
        if unknown:
            known = check.suggestion(unknown[0], self.names)
            raise GpuaasError(f"--assume-profile names node {unknown[0]!r}, which site {self.name} lacks", hint=known)
        site = Site(
            self.name,
            self.root,
            self.site_source,
            site_file,
            nodes,
            self.profiles,
            self.hardware,
            tuple(approvals),
            frozenset(node.hardware.name for node in nodes if node.hardware),
            frozenset(node.profile.name for node in nodes),
            frozenset(self.dropped),
        )
        return Loaded(site, self.findings, self.broken)

    def _require_folders(self) -> None:
        """A GpuaasError where something that is no folder stands in a folder's place: it would count as empty."""
        for folder in ("sites", "hardware", "profiles", "nodes", f"nodes/{self.name}"):
            place = self.folder / folder
            if not place.is_dir() and os.path.lexists(place):
                raise GpuaasError(f"{CONFIG_FOLDER}/{folder} is not a folder", hint="remove it, or move it elsewhere")

    def _file(self, *parts: str) -> SourceFile:
        shown = "/".join((CONFIG_FOLDER, *parts)) + ".yaml"
        return SourceFile(shown, self.root / shown)

    def _document(self, file: SourceFile) -> Document:
        return self.parsed.read(file.path, file.shown_as)

    def _report(self, document: Document, problem: check.Problem) -> None:
        location = document.locate(problem.path, key=problem.at_key)
        self.findings.append(
            Finding(problem.code, Severity.ERROR, problem.message, location, problem.hint, secret=problem.secret)
        )

    def _model(self, document: Document, kind: type[_F]) -> tuple[_F, dict[str, Any], list[KeyPath]]:
        """A shared file as a model and as raw data, and its markers; wrong values are told and dropped.

        What was dropped from the nodes' values counts as awaited, so that it is not told again as
        missing by everything that needs it.
        """
        self.findings += document.findings
        data: Any = document.data
        for problem in reversed(check.problems(data, kind)):
            self._report(document, problem)
            data = check.without(data, problem.path)
            below = {"defaults": 1, "profiles": 2}.get(str(problem.path[0])) if problem.path else None
            if below is not None:
                self.dropped.add(problem.path[below:])
        clean, approvals = check.strip(data)
        try:
            model: _F = check.convert(clean, kind)
        except msgspec.ValidationError:
            return kind(), {}, approvals
        return model, data, approvals

    def _load_folder(self, folder: str, load_one: Any) -> None:
        place = self.folder / folder
        if place.is_dir():
            for file in sorted(os.listdir(place)):
                if self._usable(file, f"{CONFIG_FOLDER}/{folder}"):
                    load_one(file.removesuffix(".yaml"))

    def _usable(self, file: str, shown_folder: str) -> bool:
        """True for the name of a YAML file that is valid; a finding for what looks like one and would be ignored."""
        shown = f"{shown_folder}/{file}"
        stem, suffix = os.path.splitext(file)
        if suffix == ".yml":
            hint = f"rename it {stem}.yaml"
            self.findings.append(Finding("GS010", Severity.ERROR, "files end in .yaml here", Location(shown), hint))
            return False
        if suffix != ".yaml" or file.startswith("."):
            return False
        if not NAME.match(stem):
            self.findings.append(
                Finding(
                    "GS010",
                    Severity.ERROR,
                    f"{stem!r} is not a name",
                    Location(shown),
                    "use a-z, 0-9 and '-', at most 63 characters",
                )
            )
            return False
        return True

    def _load_hardware(self, name: str) -> None:
        file = self._file("hardware", name)
        document = self._document(file)
        model, data, approvals = self._model(document, HardwareFile)
        self.hardware[name] = HardwareClass(name, file, model.hardware, tuple(approvals))
        self.class_defaults[name] = _mapping(data.get("defaults"))

    def _load_profile(self, name: str) -> None:
        file = self._file("profiles", name)
        document = self._document(file)
        model, data, _ = self._model(document, ProfileFile)
        defaults = _mapping(data.get("defaults"))
        self.profile_files[name] = (file, model, defaults)
        layers = self._layers(None, name)
        config, approvals = self._base(None, name)
        self.profiles[name] = Profile(name, file, model, layers, config or NodeConfig(), tuple(approvals))

    def _layers(self, hardware: str | None, profile: str) -> tuple[Layer, ...]:
        """The layers below a node of that class and profile."""
        known = self.layers.get((hardware, profile))
        if known is None:
            known = (
                Layer(LayerName.PROFILE, self._file("profiles", profile), ("defaults",)),
                Layer(LayerName.SITE, self.site_source, ("defaults",)),
                Layer(LayerName.SITE_PROFILE, self.site_source, ("profiles", profile)),
            )
            if hardware is not None:
                known = (Layer(LayerName.HARDWARE, self._file("hardware", hardware), ("defaults",)), *known)
            self.layers[hardware, profile] = known
        return known

    def _base(self, hardware: str | None, profile: str) -> tuple[NodeConfig | None, list[KeyPath]]:
        """What all layers below the node say, and its markers; None when one of them is wrong."""
        known = self.bases.get((hardware, profile))
        if known is None:
            site_profiles = _mapping(self.site_data.get("profiles"))
            merged = merge_all(
                [
                    self.class_defaults.get(hardware or "", {}),
                    self.profile_files[profile][2],
                    _mapping(self.site_data.get("defaults")),
                    _mapping(site_profiles.get(profile)),
                ]
            )
            clean, marked = check.strip(merged)
            known = _converted(clean), [*marked, *sorted(self.dropped, key=str)]
            self.bases[hardware, profile] = known
        return known

    def _resolve(
        self, hardware: str | None, profile: str, raw: dict[str, Any], *, marks: bool
    ) -> tuple[NodeConfig | None, list[KeyPath]]:
        """The node's values laid over those of the layers below; `marks` says that they may hold markers."""
        base, below = self._base(hardware, profile)
        clean: object = raw
        marked: list[KeyPath] = []
        if marks:
            clean, marked = check.strip(raw)
        own = _converted(clean)
        if base is None or own is None:
            return None, marked
        return overlay(base, own, raw), [*(path for path in below if not _replaced(raw, path)), *marked]

    def _load_nodes(self) -> tuple[Node, ...]:
        folder = self.folder / "nodes" / self.name
        if not folder.is_dir():
            return ()
        shown = f"{CONFIG_FOLDER}/nodes/{self.name}"
        files = [file for file in sorted(os.listdir(folder)) if self._usable(file, shown)]
        self.names = [file.removesuffix(".yaml") for file in files]
        nodes: list[Node | None] = []
        for name in self.share.of(self.names):
            file = SourceFile(f"{shown}/{name}.yaml", folder / f"{name}.yaml")
            nodes.append(self._load_node(name, file, self._document(file)))
        return tuple(node for node in nodes if node is not None)

    def _load_node(self, name: str, file: SourceFile, document: Document) -> Node | None:
        self.findings += document.findings
        raw = document.data
        if document.findings and not raw:
            self.broken.append(name)  # unreadable: that is all that can be told
            return None
        before = len(self.findings)
        marks = _may_hold_markers(document.text)
        profile = self._named(document, raw, "profile", None)
        profile = self.assume_profile.get(name, profile)
        if profile is not None and profile not in self.profile_files:
            hint = check.suggestion(profile, self.profile_files)
            raise GpuaasError(f"profile {profile!r} does not exist", hint=hint)
        hardware = self._named(document, raw, "hardware_class", profile)
        config: NodeConfig | None = None
        approvals: list[KeyPath] = []
        if profile is not None:
            base, _ = self._base(hardware, profile)
            shared_name = base.hostname if base is not None else None
            above = {**raw, "hostname": raw.get("hostname", shared_name or name), "profile": profile}
            config, approvals = self._resolve(hardware, profile, above, marks=marks)
        if config is None or marks:
            self._node_problems(document, raw)
        if config is None or profile is None or len(self.findings) > before or document.findings:
            self.broken.append(name)
            return None
        layers = (*self._layers(hardware, profile), Layer(LayerName.NODE, file))
        return Node(
            name,
            file,
            config,
            self.hardware.get(hardware) if hardware else None,
            self.profiles[profile],
            layers,
            tuple(approvals),
        )

    def _named(self, document: Document, raw: dict[str, Any], key: str, profile: str | None) -> str | None:
        """The class or profile that a node names, itself or through a layer below it that can."""
        owner: SourceFile | Document = document
        path: KeyPath = (key,)
        value = raw.get(key)
        for file, data, below in self._layers_below(profile) if value is None else ():
            if value is None:
                owner, path, value = file, (*below, key), _at(data, (*below, key))
        known = self.hardware if key == "hardware_class" else self.profile_files
        kind = "hardware class" if key == "hardware_class" else "profile"
        if value is None:
            if key == "profile":
                hint = f"add `profile: NAME`; {check.suggestion('', known)}"
                place = Location(document.file, 1, 1)
                self.findings.append(Finding("GS110", Severity.ERROR, "the node has no profile", place, hint))
            return None
        if isinstance(value, str) and value in known:
            return value
        self._unknown(kind, str(value), owner.locate(path))
        return None

    def _layers_below(self, profile: str | None) -> Iterator[tuple[SourceFile, dict[str, Any], KeyPath]]:
        """Files that can name a node's class or profile, highest first: the file, its data, and where in it."""
        if profile is not None:
            yield self.site_source, self.site_data, ("profiles", profile)
        yield self.site_source, self.site_data, ("defaults",)
        if profile is not None:
            file, _, defaults = self.profile_files[profile]
            yield file, {"defaults": defaults}, ("defaults",)

    def _unknown(self, kind: str, name: str, place: Location) -> None:
        """A finding: no file for the profile or hardware class of that name."""
        profile = kind == "profile"
        known = self.profile_files if profile else self.hardware
        file = f"{CONFIG_FOLDER}/{'profiles' if profile else 'hardware'}/{name}.yaml"
        hint = f"{check.suggestion(name, known)}; or add {file}"
        self.findings.append(Finding("GS111", Severity.ERROR, f"{kind} {name!r} does not exist", place, hint))

    def _node_problems(self, document: Document, raw: dict[str, Any]) -> None:
        """Problems of the node's own file; those of shared files are told with these files."""
        for problem in check.problems(raw, NodeConfig):
            self._report(document, problem)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _converted(clean: object) -> NodeConfig | None:
    try:
        config: NodeConfig = check.convert(clean, NodeConfig)
    except msgspec.ValidationError:
        return None
    return config


def _at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _may_hold_markers(text: str) -> bool:
    """Whether a file can hold a null or a marker; most hold neither, and need no second look."""
    return TO_BE_APPROVED in text or "null" in text or "~" in text


def _replaced(raw: dict[str, Any], path: KeyPath) -> bool:
    """Whether a layer with these values replaces or unsets what stands at `path` below it."""
    value: Any = raw
    for part in path:
        if not isinstance(value, dict):
            return True
        if part not in value:
            return False
        value = value[part]
    return True
