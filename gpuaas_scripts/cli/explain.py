"""`gpuaas-gen explain`: a value, which file set it, what it overrode, and what uses it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from ..errors import FindingsError, GpuaasError
from .console import Console, complete_key, complete_node, complete_profile, find_root, site_option, verb

if TYPE_CHECKING:
    from pathlib import Path

    from ..config.explain import Explained, Said
    from ..config.query import Query
    from ..config.site import Node, Profile
    from .loading import Checked
    from .uses import Use


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is said about a key of one node, profile, class or site; `overriders` only for profiles."""

    subject: str
    name: str
    explained: Explained
    uses: list[Use]
    overriders: list[tuple[Node, list[Explained]]]


@click.command("explain")
@click.argument("key", required=False, shell_complete=complete_key)
@site_option
@click.option("--node", shell_complete=complete_node, help="Explain it for this node.")
@click.option(
    "--profile",
    shell_complete=complete_profile,
    help="Explain it for this profile; with --node, as if the node had the profile.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    key: str | None,
    site: str,
    node: str | None,
    profile: str | None,
    as_json: bool,
) -> None:
    """Show a value of the resolved configuration: who set it, what that overrode, which templates use it.

    KEY is such as network.bridge.address, slots[2].nvme, hardware.memory or site.maas.url; a mapping shows all
    values below it. Without --node and --profile, it is told for each profile of the site, with the nodes that
    override it. Without KEY, the whole configuration of the node or profile is printed as YAML.

    \b
    Examples:
      gpuaas-gen explain network.bridge.address --site maas280
      gpuaas-gen explain 'slots[2].nvme' --site maas280 --node j22u05
      gpuaas-gen explain network --site maas280 --profile slice-vm --json
      gpuaas-gen explain --site maas280 --node j22u05
    """
    from ..config.keys import UnknownKeyError
    from ..config.query import find
    from .loading import check

    if key is None and node is None and profile is None:
        raise click.UsageError("give a KEY, or --node or --profile for the whole configuration")
    try:
        query = find(key) if key is not None else None
    except UnknownKeyError as error:
        raise GpuaasError(str(error), hint="all keys: gpuaas-gen schema node") from None
    root = find_root(console, explicit_root)
    checked = check(site, root, {node: profile} if node and profile else None)
    found_node = _node(checked, node) if node else None
    found_profile = _profile(checked, profile) if profile else None
    _mention_errors(console, checked)
    if query is None:
        _print_whole(console, found_node, found_profile, as_json=as_json)
        return
    answers = _answers(checked, query, found_node, found_profile)
    if as_json:
        console.data(json.dumps([_as_data(answer) for answer in answers], indent=2))
        return
    from .explain_text import lines

    for answer in answers:
        text = lines(answer.name, answer.explained, answer.uses, answer.overriders)
        console.data("\n".join(text))


def _node(checked: Checked, name: str) -> Node:
    from .loading import require_nodes

    if name in checked.loaded.broken_nodes:
        errors = checked.loaded.errors
        raise FindingsError(f"node {name} cannot be explained: its configuration has errors", errors)
    require_nodes(checked.plan, [name])
    return next(node for node in checked.plan.site.nodes if node.name == name)


def _profile(checked: Checked, name: str) -> Profile:
    from ..config.check import suggestion

    profiles = checked.plan.site.profiles
    if name not in profiles:
        raise GpuaasError(f"there is no profile {name!r}", hint=suggestion(name, profiles))
    return profiles[name]


def _mention_errors(console: Console, checked: Checked) -> None:
    count, site = len(checked.errors), checked.plan.site.name
    if count:
        console.info(
            f"site {site} has {count} error{'s' if count > 1 else ''} (gpuaas-gen validate --site {site}); "
            "this is what could be loaded"
        )


def _print_whole(console: Console, node: Node | None, profile: Profile | None, *, as_json: bool) -> None:
    from ..config.plain import as_data, below
    from ..renderers.yaml_text import dump

    data: dict[str, object] = {}
    subject = node or profile
    if subject is not None:
        plain = as_data(subject.config, subject.approvals)
        data |= plain if isinstance(plain, dict) else {}
    if node is not None and node.hardware is not None:
        data["hardware"] = as_data(node.hardware.facts, below(node.hardware.approvals, "hardware"))
    console.data(json.dumps(data, indent=2) if as_json else dump(data).rstrip("\n"))


def _answers(checked: Checked, query: Query, node: Node | None, profile: Profile | None) -> list[_Answer]:
    from ..config.explain import Explainer
    from ..config.query import Root
    from .uses import uses

    site, plan = checked.plan.site, checked.plan
    explainer = Explainer(site)
    if query.root is Root.SITE:
        return [_Answer("site", f"site {site.name}", explainer.site(query), uses(plan, query), [])]
    if query.root is Root.HARDWARE:
        if node is not None and node.hardware is None:
            raise GpuaasError(f"node {node.name} has no hardware class", hint="name one: hardware_class: NAME")
        used = {entry.hardware.name for entry in site.nodes if entry.hardware} or set(site.hardware)
        names = [node.hardware.name] if node is not None and node.hardware else sorted(used)
        return [
            _Answer(
                "hardware_class",
                f"hardware class {name}",
                explainer.hardware(site.hardware[name], query),
                uses(plan, query),
                [],
            )
            for name in names
        ]
    if node is not None:
        assumed = profile.name if profile is not None else ""
        explained = explainer.node(node, query, assumed=assumed)
        return [_Answer("node", f"node {node.name}", explained, uses(plan, query, node=node.name), [])]
    used = {entry.profile.name for entry in site.nodes} | set(site.file.profiles)
    chosen = [profile] if profile is not None else [site.profiles[name] for name in sorted(used & set(site.profiles))]
    return [
        _Answer(
            "profile",
            f"profile {entry.name}",
            explainer.profile(entry, query),
            uses(plan, query, profile=entry.name),
            explainer.overriders(entry, query),
        )
        for entry in chosen or site.profiles.values()
    ]


def _as_data(answer: _Answer) -> dict[str, object]:
    data: dict[str, object] = {"subject": answer.subject, "name": answer.name.rpartition(" ")[2]}
    data |= _explained_data(answer.explained)
    data["used_by"] = [
        {"template": use.reference, "settings": list(use.settings), "artifacts": list(use.artifacts)}
        for use in answer.uses
    ]
    if answer.subject == "profile":
        data["overridden_by"] = [
            {"node": node.name, "values": [_explained_data(value) for value in values]}
            for node, values in answer.overriders
        ]
    return data


def _explained_data(explained: Explained) -> dict[str, object]:
    data: dict[str, object] = {
        "key": explained.key,
        "value": explained.value,
        "to_be_approved": explained.to_be_approved,
    }
    if explained.below:
        data["below"] = [_explained_data(value) for value in explained.below]
    else:
        data["layers"] = [_said_data(said) for said in explained.said]
    return data


def _said_data(said: Said) -> dict[str, object]:
    place = said.place
    return {
        "layer": said.layer,
        "says": str(said.says),
        "value": said.value,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
    }
