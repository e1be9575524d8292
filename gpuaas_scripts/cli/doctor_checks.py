"""Tries a site's credentials: secrets, the MAAS, BMCs by IPMI and Redfish. Reads only, and prints nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.model.hardware import BmcKind
from ..errors import GpuaasError
from ..evidence.parse import Status
from ..secrets import Secret, SecretError, resolve
from ..sinks import ipmi

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..config.model.node import Login
    from ..config.site import Node, Site
    from ..sinks.bmc import Tls
    from ..sinks.maas_login import Connection
    from ..sinks.maas_session import MaasSession

_AT_ONCE = 16
_SPEAK_REDFISH = (None, BmcKind.IDRAC9, BmcKind.IDRAC10, BmcKind.REDFISH)
_PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt: what was tried (`secret`, `maas`, `machine`, `ipmi`, `redfish`), with what, and what it came to.

    `remote` says whether another machine gave the answer, or none.
    """

    what: str
    subject: str
    status: Status
    detail: str
    hint: str = ""
    remote: bool = False


def try_secrets(found: dict[str, list[str]]) -> list[Tried]:
    """Resolve every reference; a file that others may read is a warning."""
    tried = []
    for reference, keys in found.items():
        used = keys[0] if len(keys) == 1 else f"{keys[0]} and {len(keys) - 1} more"
        try:
            resolve(reference, used)
        except SecretError as error:
            tried.append(Tried("secret", reference, Status.FAIL, str(error), error.hint))
            continue
        place = Path(reference.removeprefix("file:"))
        if reference.startswith("file:") and place.stat().st_mode & 0o077:
            mode = f"{place.stat().st_mode & 0o777:04o}"
            tried.append(
                Tried("secret", reference, Status.WARN, f"others may read it (mode {mode})", f"chmod 600 {place}")
            )
        else:
            tried.append(Tried("secret", reference, Status.PASS, f"leads to a secret ({used})"))
    return tried


async def try_maas(session: MaasSession, where: str, nodes: Sequence[Node]) -> list[Tried]:
    """The login with its rights, then the machine of each node. Raises MaasError for a MAAS that cannot be used."""
    who = await session.call("Users.whoami")
    name, admin = str(who.get("username", "")), who.get("is_superuser") is True
    about = f"MAAS {session.version}, logged in as {name}"
    if admin:
        tried = [Tried("maas", where, Status.PASS, f"{about}, an administrator", remote=True)]
    else:
        hint = "give the user administrator's rights in MAAS, or use another user's key"
        tried = [Tried("maas", where, Status.FAIL, f"{about}, who is no administrator", hint, remote=True)]
    return tried + list(await asyncio.gather(*(_machine(session, node) for node in nodes)))


async def _machine(session: MaasSession, node: Node) -> Tried:
    """Whether the node's system id is its machine's."""
    from .nodes import machine_of

    try:
        machine = await machine_of(session, node)
    except GpuaasError as error:
        return Tried("machine", node.name, Status.FAIL, str(error), error.hint, remote=True)
    detail = f"{machine.system_id} is {machine.hostname}, {machine.state}"
    return Tried("machine", node.name, Status.PASS, detail, remote=True)


def unusable(where: str, error: GpuaasError, nodes: Sequence[Node], *, remote: bool) -> list[Tried]:
    """What a MAAS that cannot be asked comes to."""
    tried = [Tried("maas", where, Status.FAIL, str(error), error.hint, remote=remote)]
    return tried + [Tried("machine", node.name, Status.SKIP, "stands on maas, which is FAIL") for node in nodes]


def maas(
    site: Site, nodes: Sequence[Node], connect: Callable[[], Connection], shown: Callable[[Connection], str]
) -> list[Tried]:
    """Everything about the MAAS; `connect` finds out where it is and with which key, `shown` names it."""
    from ..sinks.maas_errors import MaasError
    from .maas_connection import with_session

    where = site.file.maas.url or site.name
    try:
        connection = connect()
        where = shown(connection)
        return with_session(connection, lambda session: try_maas(session, where, nodes))
    except MaasError as error:
        return unusable(where, error, nodes, remote=True)
    except GpuaasError as error:
        return unusable(where, error, nodes, remote=False)


async def try_bmcs(nodes: Sequence[Node], tls: Callable[[str], Tls]) -> list[Tried]:
    """IPMI and Redfish of each node, many at once; `tls` says how a BMC is verified, given its pinned fingerprint."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(node: Node) -> list[Tried]:
        async with room:
            return [await _ipmi(node), await _redfish(node, tls)]

    return [tried for found in await asyncio.gather(*(one(node) for node in nodes)) for tried in found]


async def _ipmi(node: Node) -> Tried:
    login = _login(node, "ipmi", node.config.bmc.ipmi)
    if isinstance(login, Tried):
        return login
    if not ipmi.installed():
        reason = f"ipmitool is not installed: nobody tried the login of {login.user}"
        return Tried("ipmi", node.name, Status.SKIP, reason, f"install the package {ipmi.PACKAGE}")
    answer = await asyncio.to_thread(ipmi.power_state, login.address, login.user, login.password)
    subject = f"{node.name} {login.user}@{login.address}"
    if answer.works:
        return Tried("ipmi", subject, Status.PASS, answer.text, remote=True)
    hint = "is IPMI over LAN on, and are user and password those of IPMI? Redfish may have others"
    return Tried("ipmi", subject, Status.FAIL, answer.text, hint, remote=True)


async def _redfish(node: Node, tls: Callable[[str], Tls]) -> Tried:
    kind = node.hardware.facts.bmc_kind if node.hardware else None
    if kind not in _SPEAK_REDFISH:
        return Tried("redfish", node.name, Status.SKIP, f"its BMC is {kind}, which speaks no Redfish")
    login = _login(node, "redfish", node.config.bmc.redfish)
    if isinstance(login, Tried):
        return login
    from ..sinks.bmc import Limits, Target
    from ..sinks.redfish_http import RedfishSession

    bmc = node.config.bmc
    address = f"{login.address}:{bmc.port}" if bmc.port else login.address
    limits = Limits(answer=_PATIENCE_S, patience=_PATIENCE_S, attempts=2)
    session = RedfishSession(
        Target(node.name, address, login.user, login.password, tls(bmc.certificate_sha256 or ""), limits)
    )
    subject = f"{node.name} {login.user}@{address}"
    try:
        await session.open()
        try:
            systems = await session.get("/redfish/v1/Systems")  # only with a login
        finally:
            await session.close()
    except GpuaasError as error:
        return Tried("redfish", subject, Status.FAIL, str(error), error.hint, remote=True)
    count = len(systems.get("Members") or [])
    return Tried("redfish", subject, Status.PASS, f"logged in, {count} system(s) seen, logged out", remote=True)


@dataclass(frozen=True, slots=True)
class _Login:
    address: str
    user: str
    password: Secret


def _login(node: Node, what: str, login: Login) -> _Login | Tried:
    """A login with its password resolved, or why there is none."""
    config = node.config.bmc
    if node.hardware and node.hardware.facts.bmc_kind is BmcKind.NONE:
        return Tried(what, node.name, Status.SKIP, "the machine has no BMC")
    values = {"bmc.address": config.address, f"bmc.{what}.username": login.username}
    values[f"bmc.{what}.password"] = login.password
    for key, value in values.items():
        if not value:
            path = tuple(key.split("."))
            awaited = any(path[: len(marked)] == marked for marked in node.approvals)
            state = "is to be approved" if awaited else "is not set"
            place = node.locate(path) if awaited else node.source.shown_as
            return Tried(what, node.name, Status.SKIP, f"{place}: {key} {state}")
    user = str(login.username)
    try:
        if user.startswith(("env:", "file:/")):
            user = resolve(user, f"bmc.{what}.username of {node.name}").reveal()
        password = resolve(str(login.password), f"bmc.{what}.password of {node.name}")
    except SecretError as error:
        return Tried(what, node.name, Status.SKIP, f"stands on a secret: {error}")
    return _Login(str(config.address), user, password)
