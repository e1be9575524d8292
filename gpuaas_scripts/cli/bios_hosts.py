"""Which BMCs are meant, who logs in, and what is wanted of each: from the site's files, or from IDRAC_* for one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..config.check import suggestion
from ..config.model.hardware import BmcKind
from ..errors import GpuaasError
from ..secrets import Secret, SecretError, resolve
from ..sinks.bmc import Limits, Target, Tls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..config.site import Node, Site
    from ..config.source import KeyPath
    from .bios_options import Choice

HOST, USER, PASSWORD = "IDRAC_HOST", "IDRAC_USER", "IDRAC_PASSWORD"  # names of variables, no password
_SPEAKS = {"redfish": {BmcKind.IDRAC9, BmcKind.IDRAC10, BmcKind.REDFISH}, "racadm": {BmcKind.IDRAC9, BmcKind.IDRAC10}}


@dataclass(frozen=True, slots=True)
class Host:
    """One host: its BMC, the wanted values by name, and the server's own name for ssh."""

    target: Target
    desired: Mapping[str, str]
    ssh_host: str = ""

    @property
    def name(self) -> str:
        """The node's name, or the BMC's address where there is no node."""
        return self.target.node


@dataclass(frozen=True, slots=True)
class Left:
    """A node that is not asked, and why; `place` is where to mend it."""

    node: str
    why: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.place + ': ' if self.place else ''}{self.node}: {self.why}"


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts to ask, and the nodes that cannot be asked."""

    hosts: tuple[Host, ...]
    left: tuple[Left, ...] = ()


def from_environment(choice: Choice) -> Hosts:
    """The one host of IDRAC_HOST. Raises GpuaasError for what is not set."""
    if choice.backend == "racadm" and choice.via == "ssh":
        raise GpuaasError("--racadm-via ssh needs --site: IDRAC_HOST is a BMC, and no server to log in to")
    missing = [name for name in (HOST, USER, PASSWORD) if not os.environ.get(name)]
    if missing and choice.backend == "racadm" and choice.via == "local":
        missing = []
    if missing:
        raise GpuaasError(
            f"which host? {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set",
            hint=f"give --site NAME, or export {HOST}, {USER} and {PASSWORD} for one host",
        )
    address = os.environ.get(HOST) or "localhost"
    target = Target(
        address, address, os.environ.get(USER, ""), Secret(os.environ.get(PASSWORD, "")), _tls(choice), _limits(choice)
    )
    return Hosts((Host(target, choice.attributes),))


def from_site(site: Site, choice: Choice) -> Hosts:
    """The nodes of a site that were asked for, all where none was named.

    Raises GpuaasError when a node that was named, or every one, cannot be asked.
    """
    known = {node.name: node for node in site.nodes}
    for name in choice.nodes:
        if name not in known:
            raise GpuaasError(f"site {site.name} has no node {name!r}", hint=suggestion(name, known))
    nodes = [known[name] for name in dict.fromkeys(choice.nodes)] or list(site.nodes)
    found: list[Host] = []
    left: list[Left] = []
    for node in nodes:
        one = _host(node, choice, alone=len(nodes) == 1)
        (found if isinstance(one, Host) else left).append(one)  # type: ignore[arg-type]
    if left and (choice.nodes or not found):
        raise GpuaasError("\n".join(["these nodes cannot be asked:", *(f"  {one}" for one in left)]), hint=_hint(left))
    if choice.backend == "racadm" and choice.via == "local" and len(found) > 1:
        raise GpuaasError("--racadm-via local is for this machine alone", hint="name it with --node")
    return Hosts(tuple(found), tuple(left))


def _hint(left: list[Left]) -> str:
    if any("environment variable" in one.why for one in left):
        return "export what the site's file refers to"
    return f"set the values there; for one --node, {HOST}, {USER} and {PASSWORD} stand in for what the site leaves open"


def _host(node: Node, choice: Choice, *, alone: bool) -> Host | Left:
    kind = node.hardware.facts.bmc_kind if node.hardware else None
    if kind is not None and kind not in _SPEAKS[choice.backend]:
        return Left(node.name, f"its BMC is {kind}, which does not speak {choice.backend}")
    desired = {**(node.hardware.facts.bios.attributes if node.hardware else {}), **choice.attributes}
    if not desired:
        place = node.hardware.source.shown_as if node.hardware else node.source.shown_as
        return Left(
            node.name, "nothing is wanted of it: hardware.bios.attributes is empty, and there is no --attr", place
        )
    server = node.config.hostname or node.name
    if choice.backend == "racadm" and choice.via != "remote":
        # Neither address nor login of the BMC takes part: racadm reaches it from inside.
        target = Target(node.name, server, "", Secret(""), Tls(), _limits(choice))
        return Host(target, desired, server)
    bmc, fill = node.config.bmc, os.environ if alone else {}
    address = str(bmc.address) if bmc.address else fill.get(HOST, "")
    if bmc.address and bmc.port:
        address = f"{address}:{bmc.port}"
    user = bmc.redfish.username or fill.get(USER, "")
    if not address or not user:
        path: KeyPath = ("bmc", "address") if not address else ("bmc", "redfish", "username")
        return Left(node.name, f"{'.'.join(map(str, path))} {_state(node, path)}", str(node.locate(path)))
    try:
        who = f"bmc.redfish of node {node.name}"
        name = resolve(user, who).reveal() if user.startswith(("env:", "file:/")) else user
        password = _password(node, fill, who)
    except SecretError as error:
        return Left(node.name, str(error))
    tls = _tls(choice, bmc.certificate_sha256 or "")
    return Host(Target(node.name, address, name, password, tls, _limits(choice)), desired, server)


def _password(node: Node, fill: Mapping[str, str], who: str) -> Secret:
    reference = node.config.bmc.redfish.password
    if reference:
        try:
            return resolve(reference, who)
        except SecretError:
            if not fill.get(PASSWORD):
                raise
    if fill.get(PASSWORD):
        return Secret(fill[PASSWORD])
    raise SecretError(f"{who}: bmc.redfish.password is not set")


def _state(node: Node, path: KeyPath) -> str:
    awaited = any(path[: len(marked)] == marked for marked in node.approvals)
    return "is to be approved" if awaited else "is not set"


def _tls(choice: Choice, fingerprint: str = "") -> Tls:
    return Tls(choice.ca_file, fingerprint, choice.insecure)


def _limits(choice: Choice) -> Limits:
    return Limits(answer=choice.timeout_s, patience=choice.wait_s)
