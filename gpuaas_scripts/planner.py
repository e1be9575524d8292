"""Plans what a site gets: every artifact with its scope, place, values and what is missing for it.

Pure: a site and templates in, a plan out. Rendering (renderers/) turns the plan into text.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .artifacts import BASE_ENV, NODE_ENV, Artifact, ArtifactKind, Plan
from .config import keys
from .errors import FindingsError, Location, Severity
from .needs import Need, Needs, ValueSource
from .templates import FileModel, Library, Scope, ScriptModel, Template, TemplateKind, UnitModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .config.keys import Value
    from .config.site import Node, Profile, Site
    from .config.source import KeyPath


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
    needs = Needs(library)
    site_artifacts = tuple(_site_artifacts(site, needs))
    profile_artifacts: dict[str, tuple[Artifact, ...]] = {}
    node_artifacts: dict[str, tuple[Artifact, ...]] = {}
    for name in sorted(site.profiles_in_use):
        planner = _ProfilePlanner(site, site.profiles[name], needs)
        profile_artifacts[name] = planner.artifacts
        for node in site.nodes:
            if node.profile.name == name:
                node_artifacts[node.name] = planner.node(node)
    needs.report_absent()
    uses = {key: tuple(sorted(names)) for key, names in sorted(needs.uses.items())}
    ordered = {name: node_artifacts[name] for name in sorted(node_artifacts)}
    findings = tuple(dict.fromkeys(needs.findings))
    return Plan(site, site_artifacts, profile_artifacts, ordered, uses, findings)


def _site_marks(site: Site) -> tuple[KeyPath, ...]:
    """Markers of the site's own keys; those of its defaults are the nodes'."""
    return tuple(("site", *path) for path in site.approvals if path[0] not in ("defaults", "profiles"))


def _site_artifacts(site: Site, needs: Needs) -> Iterator[Artifact]:
    values_from = ValueSource(Scope.SITE, "", site.source.locate(()), site, marks=_site_marks(site))
    for index, name in enumerate(site.file.scripts):
        locate = partial(site.source.locate, ("scripts", index))
        template = needs.template(TemplateKind.SCRIPT, name, locate)
        if template is None:
            continue
        if not isinstance(template.model, ScriptModel) or template.model.maas is None:
            needs.add("GS305", f"{name} is a host script, not a MAAS script", locate(), "name it in a profile instead")
            continue
        values, missing = needs.values(_settings(template, needs), values_from)
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


class _ProfilePlanner:
    """Plans one profile and the nodes that have it."""

    def __init__(self, site: Site, profile: Profile, needs: Needs) -> None:
        self.site = site
        self.profile = profile
        self.needs = needs
        self.marks = _site_marks(site)
        self.templates = list(self._templates())
        self._refuse_shared_targets()
        self.env_needs = self._env_needs()
        self.wide = [template for template in self.templates if template.model.scope is not Scope.NODE]
        self.narrow = [template for template in self.templates if template.model.scope is Scope.NODE]
        wide = [
            need.key
            for template in self.wide
            for need, _ in (*_settings(template, needs), *needs.conditions(template))
            if need.key is not None
        ]
        self.wide_values = {key: key.read(profile.config) for key in wide if key.root == "node"}
        files = tuple(self._wide())
        self.part = self._profile_part(files)
        self.artifacts = (*files, self.part)

    def _templates(self) -> Iterator[Template]:
        listed = self.profile.file.artifacts
        for kind, names in (
            (TemplateKind.SCRIPT, listed.scripts),
            (TemplateKind.UNIT, listed.units),
            (TemplateKind.FILE, listed.files),
        ):
            for index, name in enumerate(names):
                locate = partial(self.profile.source.locate, ("artifacts", str(kind), index))
                template = self.needs.template(kind, name, locate)
                if template is None:
                    continue
                if isinstance(template.model, ScriptModel) and template.model.install is None:
                    hint = "name it in the site's `scripts` instead"
                    self.needs.add("GS305", f"{name} is a MAAS script, not a host script", locate(), hint)
                    continue
                if template.model.scope is Scope.SITE:
                    place = template.locate(("scope",))
                    self.needs.add("GS308", "only MAAS scripts have the scope site", place, "write profile or node")
                    continue
                yield template

    def _refuse_shared_targets(self) -> None:
        owners: dict[str, Template] = {}
        for template in self.templates:
            target = _target(template)
            other = owners.setdefault(target, template)
            if other is not template:
                place = template.locate(("install" if template.kind is TemplateKind.SCRIPT else "path",))
                message = f"{target} is also the target of {other.reference}"
                hint = f"give one of the two another path, or take one out of profile {self.profile.name}"
                self.needs.add("GS309", message, place, hint)

    def _wide(self) -> Iterator[Artifact]:
        values_from = ValueSource(
            Scope.PROFILE,
            f"profile {self.profile.name}",
            self.profile.source.locate(()),
            self.site,
            self.profile.config,
            marks=(*self.profile.approvals, *self.marks),
        )
        root = f"profiles/{self.profile.name}/root"
        yield from self._planned(self.wide, values_from, self.profile.name, root)

    def _planned(
        self, templates: Sequence[Template], values_from: ValueSource, owner: str, root: str
    ) -> Iterator[Artifact]:
        """The artifacts of templates; of files only those whose conditions hold."""
        for template in templates:
            applies, undecided = self.needs.applies(template, values_from)
            if applies:
                values, missing = self.needs.values(_settings(template, self.needs), values_from)
                missing = tuple(dict.fromkeys((*undecided, *missing)))
                yield _artifact(template, values_from.scope, owner, root, values, missing)

    def _profile_part(self, files: tuple[Artifact, ...]) -> Artifact:
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

    def _env_needs(self) -> tuple[tuple[Need, str], ...]:
        """What node.env holds for the scripts of the profile, each name once."""
        found: dict[str, tuple[Need, str]] = {}
        for template in self.templates:
            for need in self.needs.of(template, "node_env"):
                known, reference = found.setdefault(need.name, (need, template.reference))
                if known.key != need.key:
                    message = f"{need.name} comes from another key in {reference}"
                    self.needs.add("GS303", message, need.locate(), "give one of the two another name")
        return tuple(found.values())

    def node(self, node: Node) -> tuple[Artifact, ...]:
        """The node's own artifacts: node.env, its files, its part of the user data, and the whole of it."""
        self._refuse_node_values(node)
        values_from = ValueSource(
            Scope.NODE,
            f"node {node.name}",
            Location(node.source.shown_as, 1, 1),
            self.site,
            node.config,
            node.hardware.facts if node.hardware else None,
            (*node.approvals, *(node.hardware.approvals if node.hardware else ()), *self.marks),
        )
        root = f"nodes/{node.name}/root"
        files = [self._node_env(node, values_from), *self._planned(self.narrow, values_from, node.name, root)]
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
            missing=_union((self.part, part)),
        )
        return (*files, part, whole)

    def _node_env(self, node: Node, values_from: ValueSource) -> Artifact:
        names = (self.site.name, node.name, self.profile.name, node.hardware.name if node.hardware else "")
        values: dict[str, Value] = dict(zip(BASE_ENV, names, strict=True))
        asked, missing = self.needs.values(self.env_needs, values_from)
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
            values=values | asked,
            missing=missing,
        )

    def _refuse_node_values(self, node: Node) -> None:
        """A finding for each value that the node (or its class) sets and that a profile artifact uses."""
        for key, shared in self.wide_values.items():
            value = key.read(node.config)
            if value is not shared and value != shared:
                self.needs.add(
                    "GS310",
                    f"{key.text} is set for node {node.name}, but what uses it is the same on all nodes of "
                    f"profile {self.profile.name}",
                    node.locate(key.path),
                    "set it in the site or the profile, or give the node a profile of its own",
                )


def _settings(template: Template, needs: Needs) -> list[tuple[Need, str]]:
    return [(need, template.reference) for need in needs.of(template, "settings")]


def _target(template: Template) -> str:
    """Where the artifact goes on the host."""
    model = template.model
    if isinstance(model, ScriptModel):
        return (model.install.path if model.install else None) or f"/usr/local/sbin/{template.name}"
    if isinstance(model, UnitModel):
        return model.path or f"/etc/systemd/system/{template.name}"
    return model.path or f"/etc/{template.name}"


def _artifact(
    template: Template, scope: Scope, owner: str, root: str, values: dict[str, Value], missing: tuple[str, ...]
) -> Artifact:
    model, target = template.model, _target(template)
    kind, mode, file_owner = ArtifactKind.UNIT, "0644", "root:root"
    if isinstance(model, ScriptModel):
        kind, mode = ArtifactKind.SCRIPT, model.install.mode if model.install else "0755"
    elif isinstance(model, FileModel):
        kind, mode, file_owner = ArtifactKind.FILE, model.mode, model.owner
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
