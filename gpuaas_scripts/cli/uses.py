"""Which templates use a key of the configuration, and which artifacts come from them."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING

from ..artifacts import ArtifactKind
from ..config.query import Root, key_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..artifacts import Artifact, Plan
    from ..config.query import Query
    from ..templates import SettingModel, Template


_BUILT_IN = {
    "user-data/profile": ("packages",),
    "node.env": ("site.name", "profile", "hardware_class"),
}
"""Keys that artifacts without a template use, by their reference."""


@dataclass(frozen=True, slots=True)
class Use:
    """A template that uses a key: its settings that do, and the paths of the artifacts that hold the value.

    `settings` are empty where the use is not a template's setting.
    """

    reference: str
    settings: tuple[str, ...]
    artifacts: tuple[str, ...]


def uses(plan: Plan, query: Query, *, node: str = "", profile: str = "") -> list[Use]:
    """All uses of the key, or of one above or below it, in what a node, a profile or the whole site gets."""
    key = key_text(tuple(part for part in query.path if isinstance(part, str)))
    if query.root is not Root.NODE:
        key = f"{query.root}.{key}" if key else str(query.root)
    artifacts = list(_artifacts(plan, node, profile))
    found: list[Use] = []
    references = {artifact.reference: artifact.template for artifact in artifacts}
    for reference, template in sorted(references.items(), key=itemgetter(0)):
        names = tuple(sorted({name for name, used in _used_keys(template) if _touch(key, used)})) if template else ()
        built_in = any(_touch(key, used) for used in _BUILT_IN.get(reference, ()))
        if names or built_in:
            found.append(Use(reference, names, _paths(artifacts, reference, template, names)))
    return found


def _artifacts(plan: Plan, node: str, profile: str) -> Iterator[Artifact]:
    if node:
        yield from plan.of_node(node)
    elif profile:
        yield from plan.site_artifacts
        yield from plan.profile_artifacts.get(profile, ())
        for entry in plan.site.nodes:
            if entry.profile.name == profile:
                yield from plan.node_artifacts[entry.name]
    else:
        yield from plan.artifacts()


def _used_keys(template: Template) -> Iterator[tuple[str, str]]:
    """Names of settings and the keys that they take; `when`, and the keys that decide whether a file is rendered."""
    for section in ("settings", "node_env"):
        settings: dict[str, SettingModel] = getattr(template.model, section, {})
        for name, setting in settings.items():
            start = setting.table or setting.from_ or ""
            if not setting.columns:
                yield name, start
            for column in setting.columns:
                yield name, f"{start}.{column}"
    for key in getattr(template.model, "when", {}):
        yield "when", key


def _touch(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _paths(
    artifacts: list[Artifact], reference: str, template: Template | None, names: tuple[str, ...]
) -> tuple[str, ...]:
    """Paths of the artifacts that hold the values: the template's own, and node.env for what stands there."""
    env = set(names) & set(getattr(template.model, "node_env", {})) if template else set()
    own = template is None or bool(set(names) - env)
    return tuple(
        artifact.path
        for artifact in artifacts
        if (own and artifact.reference == reference)
        or (artifact.kind is ArtifactKind.NODE_ENV and env & set(artifact.values))
    )
