"""Which secrets a node's host needs in files, by reference: what is rendered never holds one.

Pure: a plan in, references out. They are resolved (`secrets.resolve`) when user data is sent, and at no other time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .secrets import SecretFile

if TYPE_CHECKING:
    from .artifacts import Plan

NODE_AGENT_SECRET = "/etc/gpuaas/node-agent.secret"  # noqa: S105 - a path, no secret
"""Where the node agent's unit and its installer expect the enrolment secret."""

_NODE_AGENT = frozenset({"gpuaas-node-agent.service", "gpuaas-node-agent-install"})
_ENROLMENT = ("node_agent", "enrolment")


def secret_files(plan: Plan, node: str) -> tuple[SecretFile, ...]:
    """The secret files of a node: the node agent's, where its profile has the agent's unit or installer."""
    if not any(artifact.name in _NODE_AGENT for artifact in plan.of_node(node)):
        return ()
    entry = next(entry for entry in plan.site.nodes if entry.name == node)
    reference = entry.config.node_agent.enrolment
    pending = any(_ENROLMENT[: len(marked)] == marked for marked in entry.approvals)
    place = str(entry.locate(_ENROLMENT)) if reference or pending else entry.source.shown_as
    return (SecretFile(NODE_AGENT_SECRET, ".".join(_ENROLMENT), place, reference, pending),)
