"""`gpuaas-gen user-data`: a node's user data as it is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from ..errors import Finding, FindingsError, Severity
from .console import Console, complete_node, find_root, site_option, verb

if TYPE_CHECKING:
    from pathlib import Path

    from ..artifacts import Artifact, Plan


@click.command("user-data")
@site_option
@click.option("--node", required=True, shell_complete=complete_node, help="The node.")
@click.option("--part", type=click.Choice(["profile", "node"]), help="Only this part: the profile's or the node's own.")
@verb
def command(console: Console, explicit_root: Path | None, site: str, node: str, part: str | None) -> None:
    """Print the user data of a node exactly as it is sent: the profile's part and the node's own, assembled.

    It never holds a secret: those that `deploy` adds when it sends it, as a last part, are named on stderr. While a
    value in it is to be approved, it is withheld (exit 2).

    \b
    Examples:
      gpuaas-gen user-data --site maas280 --node j22u11 > user-data
      gpuaas-gen user-data --site maas280 --node j22u11 --part node
    """
    from ..renderers import render
    from ..secret_files import secret_files
    from .loading import planned, require_nodes

    root = find_root(console, explicit_root)
    plan = planned(site, root).plan
    require_nodes(plan, [node])
    wanted = _wanted(plan, node, part)
    if wanted.missing:
        raise _withheld(plan, node, wanted)
    for rendered in render(_only(plan, node)):
        if rendered.artifact.path == wanted.path:
            content = rendered.content
    console.raw(content)
    for file in secret_files(plan, node):
        if part is None and file.reference:
            console.info(f"without the secret {file}: `deploy` adds it when it sends this, as a part of its own")


def _wanted(plan: Plan, node: str, part: str | None) -> Artifact:
    whole = plan.node_artifacts[node][-1]
    profile_part, node_part = whole.embeds
    return {"profile": profile_part, "node": node_part}.get(part or "", whole)


def _only(plan: Plan, node: str) -> Plan:
    """The plan of this one node and its profile."""
    entry = next(entry for entry in plan.site.nodes if entry.name == node)
    profile = entry.profile.name
    return replace(
        plan,
        site=replace(plan.site, nodes=(entry,)),
        site_artifacts=(),
        profile_artifacts={profile: plan.profile_artifacts[profile]},
        node_artifacts={node: plan.node_artifacts[node]},
    )


def _withheld(plan: Plan, node: str, wanted: Artifact) -> FindingsError:
    """What is missing, each with the place where the value is to be written."""
    from .missing import places

    found = [
        Finding(
            "GS202",
            Severity.ERROR,
            f"{key} is to be approved; the user data of {node} is withheld until then",
            place,
            "write the approved value in its place",
        )
        for key, place in places(plan, wanted)
    ]
    keys = ", ".join(wanted.missing)
    return FindingsError(f"the user data of {node} is withheld; missing: {keys}", found)
