"""Plans what a site gets: every artifact with its scope, place, values and what is missing for it.

Pure: a site and templates in, a plan out. Rendering (renderers/) turns the plan into text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from .config import check, keys
from .config.model.hardware import Hardware
from .errors import Finding, FindingsError, Location, Severity
from .templates import FileModel, Library, Scope, ScriptModel, Template, TemplateKind, UnitModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from .config.keys import Key, Value
    from .config.site import HardwareClass, Node, Profile, Site
    from .config.source import KeyPath
    from .templates import SettingModel

NODE_ENV = "/etc/gpuaas/node.env"
NODE_ENV_COMPLETE = "GPUAAS_NODE_ENV_COMPLETE"
BASE_ENV = ("GPUAAS_SITE", "GPUAAS_NODE", "GPUAAS_PROFILE", "GPUAAS_HARDWARE_CLASS")
"""Values of every node.env, whatever the scripts ask for."""


class ArtifactKind(StrEnum):
    """What an artifact is."""

    MAAS_SCRIPT = "maas-script"
    SCRIPT = "script"
    UNIT = "unit"
    FILE = "file"
    NODE_ENV = "node-env"
    USER_DATA_PART = "user-data-part"
    USER_DATA = "user-data"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file to render, or (kind user-data) one text to assemble when it is sent.

    `path` is relative to generated/<site>; `target` and `mode` are those on the host (empty for
    what is never a file there). `values` are the settings by name. `embeds` are the artifacts
    whose text this one holds. `missing` are the keys marked `to-be-approved` that withhold it.
    """

    kind: ArtifactKind
    name: str
    scope: Scope
    owner: str
    path: str
    purpose: str
    reference: str
    target: str = ""
    mode: str = ""
    file_owner: str = "root:root"
    values: Mapping[str, Value] = field(default_factory=dict)
    embeds: tuple[Artifact, ...] = ()
    missing: tuple[str, ...] = ()
    template: Template | None = None

    @property
    def executable(self) -> bool:
        """Whether the file in the tree is executable."""
        return self.kind in (ArtifactKind.MAAS_SCRIPT, ArtifactKind.SCRIPT)

    @property
    def owner_node(self) -> str:
        """The node it belongs to, '' for wider scopes."""
        return self.owner if self.scope is Scope.NODE else ""

    @property
    def written(self) -> bool:
        """Whether the artifact is a file of the tree."""
        return self.kind is not ArtifactKind.USER_DATA and not self.missing


@dataclass(frozen=True, slots=True)
class Plan:
    """All artifacts of a site: its own, each used profile's, each node's."""

    site: Site
    site_artifacts: tuple[Artifact, ...]
    profile_artifacts: dict[str, tuple[Artifact, ...]]
    node_artifacts: dict[str, tuple[Artifact, ...]]
    uses: dict[str, tuple[str, ...]]
    findings: tuple[Finding, ...] = ()

    def artifacts(self) -> Iterator[Artifact]:
        """Every artifact, in the order of scopes."""
        yield from self.site_artifacts
        for artifacts in self.profile_artifacts.values():
            yield from artifacts
        for artifacts in self.node_artifacts.values():
            yield from artifacts

    def of_node(self, name: str) -> tuple[Artifact, ...]:
        """What one node gets: the site's, its profile's and its own artifacts."""
        node = next(node for node in self.site.nodes if node.name == name)
        return (*self.site_artifacts, *self.profile_artifacts[node.profile.name], *self.node_artifacts[name])


@dataclass(frozen=True, slots=True)
class _Need:
    """One value that a template takes: its name, how to get it, and where it is declared."""

    name: str
    key: Key | None
    columns: tuple[str, ...]
    optional: bool
    declared: Location
    constant: str | None = None


def plan(site: Site, library: Library | None = None) -> Plan:
    """Plan the site; raises FindingsError when a template or a value it needs is wrong.

    `library` defaults to the packaged templates with those of the site's repository on top.
    """
    made = make_plan(site, library or Library.for_root(site.root))
    errors = [finding for finding in made.findings if finding.severity is Severity.ERROR]
    if errors:
        raise FindingsError(f"site {site.name} cannot be planned: {len(errors)} error(s)", made.findings)
    return made


def make_plan(site: Site, library: Library) -> Plan:
    """Plan the site; everything wrong is in `findings` of the plan."""
    return _Planner(site, library).plan()


class _ClassRow(Hardware, frozen=True):
    """A hardware class as a table row: its facts and its name."""

    name: str = ""


class _Planner:
    """Works through site, profiles and nodes; collects findings."""

    def __init__(self, site: Site, library: Library) -> None:
        self.site = site
        self.library = library
        self.findings: list[Finding] = list(library.findings)
        self.uses: dict[str, set[str]] = {}
        self.needs: dict[str, tuple[_Need, ...]] = {}
        self.absent: dict[tuple[str, str], tuple[Location, list[str]]] = {}

    def plan(self) -> Plan:
        used = sorted(self.site.profiles_in_use)
        site_artifacts = tuple(self._site_artifacts())
        profile_artifacts = {}
        node_artifacts = {}
        for name in used:
            planner = _ProfilePlanner(self, self.site.profiles[name])
            profile_artifacts[name] = planner.artifacts
            for node in self.site.nodes:
                if node.profile.name == name:
                    node_artifacts[node.name] = planner.node(node)
        self._report_absent()
        uses = {key: tuple(sorted(names)) for key, names in sorted(self.uses.items())}
        ordered = {name: node_artifacts[name] for name in sorted(node_artifacts)}
        return Plan(self.site, site_artifacts, profile_artifacts, ordered, uses, tuple(dict.fromkeys(self.findings)))

    def _site_artifacts(self) -> Iterator[Artifact]:
        for index, name in enumerate(self.site.file.scripts):
            locate = partial(self.site.source.locate, ("scripts", index))
            template = self.template(TemplateKind.SCRIPT, name, locate)
            if template is None:
                continue
            if not isinstance(template.model, ScriptModel) or template.model.maas is None:
                self.add(
                    "GS305", f"{name} is a host script, not a MAAS script", locate(), "name it in a profile instead"
                )
                continue
            values, missing = self.values(
                template, self._read_site, "", self.site.approvals, self.site.source.locate(())
            )
            yield Artifact(
                ArtifactKind.MAAS_SCRIPT,
                name,
                Scope.SITE,
                "",
                f"maas/{name}.sh",
                template.model.description or "",
                template.reference,
                values=values,
                missing=missing,
                template=template,
            )

    def template(self, kind: TemplateKind, name: str, locate: Callable[[], Location]) -> Template | None:
        """The template of that name; None with a finding where there is none."""
        template = self.library.templates[kind].get(name)
        if template is None:
            hint = check.suggestion(name, self.library.names(kind))
            self.add("GS304", f"no template {kind}/{name}", locate(), hint)
        return template

    def add(self, code: str, message: str, location: Location, hint: str = "") -> None:
        self.findings.append(Finding(code, Severity.ERROR, message, location, hint))

    def _read_site(self, need: _Need) -> Value:
        if need.key is None:
            used = self.site.classes_in_use
            classes = [_class_row(entry) for name, entry in sorted(self.site.hardware.items()) if name in used]
            return keys.rows(classes, need.columns)
        if need.key.root != "site":
            self.add(
                "GS311",
                f"{need.key.text} differs between nodes, but the script is the same for the whole site",
                need.declared,
                "use a key below site., or a table of the hardware classes",
            )
            return None
        return self.site.name if need.key.parts == ("name",) else keys.shape(need.key.read(self.site.file))

    def needs_of(self, template: Template, section: str = "settings") -> tuple[_Need, ...]:
        """What a template takes, read once; wrong keys are findings at their declaration."""
        cached = self.needs.get(f"{template.reference}/{section}")
        if cached is None:
            declared: dict[str, SettingModel] = getattr(template.model, section, {})
            found = [self._need(template, section, name, setting) for name, setting in declared.items()]
            cached = tuple(need for need in found if need is not None)
            self.needs[f"{template.reference}/{section}"] = cached
            for need in cached:
                if need.constant is None:
                    self.uses.setdefault(need.key.text if need.key else "hardware", set()).add(template.reference)
        return cached

    def _need(self, template: Template, section: str, name: str, setting: SettingModel) -> _Need | None:
        place = partial(template.locate, (section, name))
        try:
            if setting.value is not None:
                return _Need(name, None, (), setting.optional, place(), setting.value)
            if setting.table is not None:
                if setting.table != "hardware" or not setting.columns:
                    raise keys.UnknownKeyError("a table is `table: hardware` with columns")
                keys.columns(_ClassRow, setting.columns)
                return _Need(name, None, setting.columns, setting.optional, place())
            if setting.from_ is None:
                raise keys.UnknownKeyError(f"{name} has none of `from`, `table` and `value`")
            return _Need(name, keys.find(setting.from_), setting.columns, setting.optional, place())
        except keys.UnknownKeyError as error:
            self.add("GS306", str(error), place(), "name a key of the configuration: gpuaas-gen schema node")
            return None

    def values(
        self,
        template: Template,
        read: Callable[[_Need], Value],
        owner: str,
        approvals: Sequence[KeyPath],
        place: Location,
        section: str = "settings",
    ) -> tuple[dict[str, Value], tuple[str, ...]]:
        """The template's values, and the keys that withhold it; absent keys are noted for a finding."""
        values: dict[str, Value] = {}
        missing: list[str] = []
        for need in self.needs_of(template, section):
            value = read(need) if need.constant is None else need.constant
            values[need.name] = value
            if approvals and need.key is not None and _marked(need.key.path, approvals):
                missing.append(need.key.text)
            elif (value is None or value == ()) and not need.optional and need.key is not None:
                self.absent.setdefault((owner, need.key.text), (place, []))[1].append(template.reference)
        return values, tuple(missing)

    def _report_absent(self) -> None:
        for (owner, key), (place, references) in self.absent.items():
            whose = f" for {owner}" if owner else ""
            self.add(
                "GS201",
                f"{key} is not set{whose}; needed by {', '.join(sorted(set(references)))}",
                place,
                f"set {key}; where nobody may invent the value yet, write `to-be-approved`: "
                "what needs it is then withheld instead",
            )


class _ProfilePlanner:
    """Plans one profile and the nodes that have it."""

    def __init__(self, planner: _Planner, profile: Profile) -> None:
        self.planner = planner
        self.site = planner.site
        self.profile = profile
        self.templates = list(self._templates())
        scripts = [template for template in self.templates if template.kind is TemplateKind.SCRIPT]
        self.env_needs = self._env_needs(scripts)
        self.wide = [template for template in self.templates if template.model.scope is Scope.PROFILE]
        self.narrow = [template for template in self.templates if template.model.scope is Scope.NODE]
        self.wide_needs = [
            need for template in self.wide for need in planner.needs_of(template) if need.key is not None
        ]
        files = tuple(self._wide(template) for template in self.wide)
        self.artifacts = (*files, self._part(files))
        self.part = self.artifacts[-1]

    def _templates(self) -> Iterator[Template]:
        listed = self.profile.file.artifacts
        for kind, names in (
            (TemplateKind.SCRIPT, listed.scripts),
            (TemplateKind.UNIT, listed.units),
            (TemplateKind.FILE, listed.files),
        ):
            for index, name in enumerate(names):
                locate = partial(self.profile.source.locate, ("artifacts", str(kind), index))
                template = self.planner.template(kind, name, locate)
                if template is None:
                    continue
                if isinstance(template.model, ScriptModel) and template.model.install is None:
                    hint = "name it in the site's `scripts` instead"
                    self.planner.add("GS305", f"{name} is a MAAS script, not a host script", locate(), hint)
                    continue
                yield template

    def _wide(self, template: Template) -> Artifact:
        place = self.profile.source.locate(())
        owner = f"profile {self.profile.name}"
        values, missing = self.planner.values(template, self._read_profile, owner, self.profile.approvals, place)
        root = f"profiles/{self.profile.name}/root"
        return _artifact(template, Scope.PROFILE, self.profile.name, root, values, missing)

    def _read_profile(self, need: _Need) -> Value:
        return self._read(need, self.profile.config, None)

    def _read(self, need: _Need, config: Any, hardware: Hardware | None) -> Value:
        key = need.key
        if key is None:
            return None
        if key.root == "site":
            return self.site.name if key.parts == ("name",) else keys.shape(key.read(self.site.file))
        value = key.read(hardware if key.root == "hardware" else config)
        return keys.rows(value or (), need.columns) if need.columns else keys.shape(value)

    def _part(self, files: tuple[Artifact, ...]) -> Artifact:
        name = self.profile.name
        return Artifact(
            ArtifactKind.USER_DATA_PART,
            "user-data",
            Scope.PROFILE,
            name,
            f"profiles/{name}/user-data.yaml",
            f"first part of the user data of {name} nodes: installs what the whole profile shares",
            "user-data/profile",
            values={"packages": keys.shape(self.profile.config.packages)},
            embeds=files,
            missing=_union(files),
        )

    def _env_needs(self, scripts: Sequence[Template]) -> dict[str, tuple[_Need, str]]:
        needs: dict[str, tuple[_Need, str]] = {}
        for template in scripts:
            for need in self.planner.needs_of(template, "node_env"):
                known = needs.setdefault(need.name, (need, template.reference))
                if known[0].key != need.key:
                    self.planner.add(
                        "GS303",
                        f"{need.name} comes from another key in {known[1]}",
                        need.declared,
                        "give one of the two another name",
                    )
        return needs

    def node(self, node: Node) -> tuple[Artifact, ...]:
        """The node's own artifacts: node.env, its files, its part of the user data, and the whole of it."""
        self._refuse_node_values(node)
        facts = node.hardware.facts if node.hardware else None
        approvals = [*node.approvals, *(node.hardware.approvals if node.hardware else ())]
        read = partial(self._read, config=node.config, hardware=facts)
        place = Location(node.source.shown_as, 1, 1)
        owner = f"node {node.name}"
        root = f"nodes/{node.name}/root"
        files = [self._node_env(node, read, approvals, place)]
        for template in self.narrow:
            values, missing = self.planner.values(template, read, owner, approvals, place)
            files.append(_artifact(template, Scope.NODE, node.name, root, values, missing))
        part = Artifact(
            ArtifactKind.USER_DATA_PART,
            "user-data",
            Scope.NODE,
            node.name,
            f"nodes/{node.name}/user-data.yaml",
            "second part of the node's user data: its own files",
            "user-data/node",
            embeds=tuple(files),
            missing=_union(files),
        )
        whole = Artifact(
            ArtifactKind.USER_DATA,
            "user-data",
            Scope.NODE,
            node.name,
            f"nodes/{node.name}/user-data",
            "the node's user data as it is sent: both parts; print it with gpuaas-gen user-data",
            "user-data/assembled",
            embeds=(self.part, part),
            missing=tuple(dict.fromkeys((*self.part.missing, *part.missing))),
        )
        return (*files, part, whole)

    def _node_env(
        self, node: Node, read: Callable[[_Need], Value], approvals: Sequence[KeyPath], place: Location
    ) -> Artifact:
        values: dict[str, Value] = dict(
            zip(
                BASE_ENV,
                (self.site.name, node.name, self.profile.name, node.hardware.name if node.hardware else ""),
                strict=True,
            )
        )
        missing: list[str] = []
        for name, (need, reference) in self.env_needs.items():
            value = read(need)
            values[name] = value
            if need.key is None:
                continue
            if approvals and _marked(need.key.path, approvals):
                missing.append(need.key.text)
            elif (value is None or value == ()) and not need.optional:
                self.planner.absent.setdefault((f"node {node.name}", need.key.text), (place, []))[1].append(reference)
        return Artifact(
            ArtifactKind.NODE_ENV,
            "node.env",
            Scope.NODE,
            node.name,
            f"nodes/{node.name}/root{NODE_ENV}",
            "the node's own values, read by the host scripts",
            "node.env",
            target=NODE_ENV,
            mode="0600",
            values=values,
            missing=tuple(missing),
        )

    def _refuse_node_values(self, node: Node) -> None:
        """A finding for each value that the node (or its class) sets and that a profile artifact uses."""
        for need in self.wide_needs:
            key = need.key
            if key is None or key.root != "node":
                continue
            if key.read(node.config) != key.read(self.profile.config):
                self.planner.add(
                    "GS310",
                    f"{key.text} is set for node {node.name}, but what uses it is the same on all nodes of "
                    f"profile {self.profile.name}",
                    node.locate(key.path),
                    "set it in the site or the profile, or give the node a profile of its own",
                )


def _class_row(entry: HardwareClass) -> _ClassRow:
    return _ClassRow(**msgspec.structs.asdict(entry.facts), name=entry.name)


def _artifact(
    template: Template, scope: Scope, owner: str, root: str, values: dict[str, Value], missing: tuple[str, ...]
) -> Artifact:
    model = template.model
    kind, target, mode, file_owner = ArtifactKind.FILE, "", "0644", "root:root"
    if isinstance(model, ScriptModel):
        assert model.install is not None  # noqa: S101 - _templates lets no other one through
        kind, target, mode = (
            ArtifactKind.SCRIPT,
            model.install.path or f"/usr/local/sbin/{template.name}",
            model.install.mode,
        )
    elif isinstance(model, UnitModel):
        kind, target = ArtifactKind.UNIT, model.path or f"/etc/systemd/system/{template.name}"
    elif isinstance(model, FileModel):
        target, mode, file_owner = model.path or f"/etc/{template.name}", model.mode, model.owner
    return Artifact(
        kind,
        template.name,
        scope,
        owner,
        f"{root}{target}",
        model.description or "",
        template.reference,
        target=target,
        mode=mode,
        file_owner=file_owner,
        values=values,
        missing=missing,
        template=template,
    )


def _union(artifacts: Sequence[Artifact]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for artifact in artifacts for key in artifact.missing))


def _marked(path: KeyPath, approvals: Sequence[KeyPath]) -> bool:
    """Whether a marker stands at, above or below `path`."""
    return any(path[: len(marked)] == marked[: len(path)] for marked in approvals)


def approvals(plan: Plan) -> list[Finding]:
    """A warning for each `to-be-approved` marker, with what is withheld until it is a value."""
    withheld: dict[str, list[str]] = {}
    for artifact in plan.artifacts():
        for key in artifact.missing:
            withheld.setdefault(key, []).append(artifact.name)
    found: list[Finding] = []
    for node in plan.site.nodes:
        for path in node.approvals:
            found.append(_approval(path, node.locate(path), withheld))
        for path in node.hardware.approvals if node.hardware else ():
            assert node.hardware is not None  # noqa: S101 - for the type checker
            found.append(_approval(path, node.hardware.source.locate(path), withheld))
    for path in plan.site.approvals:
        if path[0] not in ("defaults", "profiles"):  # these are the nodes'
            found.append(_approval(("site", *path), plan.site.source.locate(path), withheld))
    return list(dict.fromkeys(found))


def _approval(path: KeyPath, place: Location, withheld: Mapping[str, Sequence[str]]) -> Finding:
    key = key_text(path)
    held = sorted({name for used, names in withheld.items() if _below(used, key) for name in names})
    until = f"; withheld until then: {', '.join(held)}" if held else ""
    return Finding(
        "GS210", Severity.WARNING, f"{key} is to be approved{until}", place, "write the approved value in its place"
    )


def key_text(path: KeyPath) -> str:
    """A path as text: `slots[2].nvme`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _below(used: str, marked: str) -> bool:
    return used == marked or marked.startswith((f"{used}.", f"{used}[")) or used.startswith(f"{marked}.")
