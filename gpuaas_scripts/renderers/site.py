"""Renders the artifacts of a plan, one by one, in the order of the plan."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from ..artifacts import NODE_ENV_COMPLETE, Artifact, ArtifactKind, Plan
from ..errors import Finding, FindingsError, Location, Severity
from ..templates import Builder, FileModel, Scope, ScriptModel, UnitModel
from . import cloud_init, dpu_plan, netplan
from .banner import banner
from .maas_metadata import metadata
from .quote import QuoteError
from .script import Composed, assignments, compose
from .yaml_text import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ..config.keys import Value
    from ..config.site import Node
    from .cloud_init import Assembled

BUILDERS: dict[Builder, Callable[[Mapping[str, Value]], str]] = {
    Builder.NETPLAN_IPOIB: lambda values: dump(netplan.ipoib(values)),
    Builder.DPU_PLAN: dpu_plan.dpu_plan,
}
"""What builds a file in Python, by the name that `builder:` of a file template gives: values in, text out."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered artifact: what it holds and, for a script, where its lines come from."""

    artifact: Artifact
    body: bytes | Assembled
    composed: Composed | None = None

    @property
    def content(self) -> bytes:
        """Its bytes."""
        return self.body if isinstance(self.body, bytes) else self.body.content

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.body) if isinstance(self.body, bytes) else self.body.size

    @property
    def sha256(self) -> str:
        """Digest of its bytes, in hexadecimal."""
        return sha256(self.body).hexdigest() if isinstance(self.body, bytes) else self.body.sha256


def render(plan: Plan) -> Iterator[Rendered]:
    """Every artifact that is not withheld, the assembled user data included.

    After the last one, raises FindingsError when values could not be written in their format: all
    of them at once.
    """
    renderer = _Renderer(plan)
    yield from renderer.all()
    if renderer.findings:
        count = len(renderer.findings)
        raise FindingsError(f"site {plan.site.name} cannot be rendered: {count} error(s)", renderer.findings)


def user_data(plan: Plan, node: str) -> bytes:
    """The assembled user data of one node; raises GpuaasError naming the missing keys when it is withheld."""
    for rendered in _Renderer(plan).of_node(node):
        if rendered.artifact.kind is ArtifactKind.USER_DATA:
            return rendered.content
    artifact = plan.node_artifacts[node][-1]
    finding = Finding(
        "GS202",
        Severity.ERROR,
        f"the user data of {node} is withheld: {', '.join(artifact.missing)} to be approved",
        Location(next(entry.source.shown_as for entry in plan.site.nodes if entry.name == node)),
        "set the approved values",
    )
    raise FindingsError(f"the user data of {node} is withheld", [finding])


class _Renderer:
    """Renders one plan; keeps what wider scopes made for those that embed it."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.findings: list[Finding] = []
        self.texts: dict[str, str] = {}
        self.shared_sources = (plan.site.source.shown_as,)

    def all(self) -> Iterator[Rendered]:
        yield from self.shared()
        for node in self.plan.site.nodes:
            yield from self._node(node)

    def shared(self) -> Iterator[Rendered]:
        for artifact in self.plan.site_artifacts:
            yield from self._rendered(artifact, f"site {self.plan.site.name}", self._site_sources())
        for artifacts in self.plan.profile_artifacts.values():
            yield from self._profile(artifacts)

    def of_node(self, name: str) -> Iterator[Rendered]:
        node = next(node for node in self.plan.site.nodes if node.name == name)
        for _ in self._profile(self.plan.profile_artifacts[node.profile.name]):
            pass
        yield from self._node(node)

    def _site_sources(self) -> tuple[str, ...]:
        site = self.plan.site
        return (*self.shared_sources, *(site.hardware[name].source.shown_as for name in sorted(site.classes_in_use)))

    def _profile(self, artifacts: tuple[Artifact, ...]) -> Iterator[Rendered]:
        for artifact in artifacts:
            profile = self.plan.site.profiles[artifact.owner]
            sources = (*self.shared_sources, profile.source.shown_as)
            yield from self._rendered(artifact, f"site {self.plan.site.name}, profile {profile.name}", sources)

    def _node(self, node: Node) -> Iterator[Rendered]:
        sources = [*self.shared_sources, node.profile.source.shown_as, node.source.shown_as]
        if node.hardware:
            sources.append(node.hardware.source.shown_as)
        head = banner(f"site {self.plan.site.name}, node {node.name}", sorted(sources))
        made: list[str] = []
        for artifact in self.plan.node_artifacts[node.name]:
            yield from self._rendered(artifact, f"site {self.plan.site.name}, node {node.name}", sources, head)
            made.append(artifact.path)
        for path in made:  # a node's texts are needed by nobody else
            self.texts.pop(path, None)

    def _rendered(
        self, artifact: Artifact, subject: str, sources: tuple[str, ...] | list[str], head: str = ""
    ) -> Iterator[Rendered]:
        if artifact.missing:
            return
        template = artifact.template
        if not head or template is not None:
            own = template.sources if template is not None else ()
            head = banner(subject, sorted({*sources, *own}))
        try:
            text, composed = self._text(artifact, head)
        except QuoteError as error:
            self._problem(artifact, str(error))
            return
        if artifact.kind is not ArtifactKind.USER_DATA:
            self.texts[artifact.path] = text
            yield Rendered(artifact, text.encode(), composed)
        else:
            yield Rendered(artifact, self._assembled(artifact))

    def _text(self, artifact: Artifact, head: str) -> tuple[str, Composed | None]:
        template = artifact.template
        if template is not None and isinstance(template.model, ScriptModel):
            block = metadata(template.name, template.model.maas) + "\n" if template.model.maas else ""
            composed = compose(head, block, artifact.values, template.fragments, *template.bodies)
            return composed.text, composed
        if artifact.kind is ArtifactKind.NODE_ENV:
            return f"{head}{assignments(artifact.values)}{NODE_ENV_COMPLETE}='yes'\n", None
        if artifact.kind is ArtifactKind.USER_DATA_PART:
            return self._part(artifact, head), None
        if artifact.kind is ArtifactKind.USER_DATA:
            return "", None
        return self._file(artifact, head), None

    def _file(self, artifact: Artifact, head: str) -> str:
        template = artifact.template
        assert template is not None  # noqa: S101 - only kinds without one were handled above
        builder = template.model.builder if isinstance(template.model, FileModel) else None
        if builder is not None:
            return _under(head, BUILDERS[builder](artifact.values))
        from .jinja import TemplateProblemError
        from .jinja import render as render_template

        assert template.body is not None  # noqa: S101 - the library reports a missing body
        try:
            text = render_template(template.body, artifact.values)
        except TemplateProblemError as error:
            place = Location(template.body.file, error.line, 1)
            hint = "declare the setting, and put every value through a filter"
            self.findings.append(Finding("GS307", Severity.ERROR, str(error), place, hint))
            return head
        return _under(head, text)

    def _part(self, artifact: Artifact, head: str) -> str:
        files = [
            cloud_init.write_file(item.target, self.texts[item.path], mode=item.mode, owner=item.file_owner)
            for item in artifact.embeds
            if item.path in self.texts
        ]
        data: dict[str, object] = {}
        packages = artifact.values.get("packages")
        if isinstance(packages, tuple) and packages and not _installs_packages(artifact):
            data |= {"package_update": True, "packages": [str(package) for package in packages]}
        if files:
            data["write_files"] = files
        commands = _start_commands(artifact)
        if commands:
            data["runcmd"] = commands
        return cloud_init.cloud_config(data, banner=head)

    def _assembled(self, artifact: Artifact) -> Assembled:
        parts = [(f"{part.scope}.yaml", self.texts[part.path]) for part in artifact.embeds]
        return cloud_init.assemble(parts)

    def _problem(self, artifact: Artifact, message: str) -> None:
        place = artifact.template.locate(()) if artifact.template else Location(artifact.path)
        self.findings.append(
            Finding(
                "GS320", Severity.ERROR, f"{artifact.path}: {message}", place, "change the value in the configuration"
            )
        )


def _under(head: str, text: str) -> str:
    """The text under its banner."""
    first, newline, rest = text.rstrip("\n").partition("\n")
    if first.startswith("#!"):  # tells the kernel what runs the file, and only in the first line
        return f"{first}{newline}{head}{rest}\n"
    return head + first + newline + rest + "\n"


def _installs_packages(artifact: Artifact) -> bool:
    """Whether a script of the part takes the packages as a setting: then it installs them, and cloud-init does not."""
    models = [item.template.model for item in artifact.embeds if item.template is not None]
    return any(
        setting.from_ == "packages"
        for model in models
        if isinstance(model, ScriptModel)
        for setting in model.settings.values()
    )


def _start_commands(artifact: Artifact) -> list[list[str]]:
    """Commands that start what the part installs. The work itself is the units'."""
    units = [
        item.name
        for item in artifact.embeds
        if item.template is not None and isinstance(item.template.model, UnitModel) and item.template.model.enable
    ]
    if artifact.scope is not Scope.PROFILE or not units:
        return []
    return [
        ["systemctl", "daemon-reload"],
        ["systemctl", "enable", *units],
        ["systemctl", "start", "--no-block", *units],
    ]
