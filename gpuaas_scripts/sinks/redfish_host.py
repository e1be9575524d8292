"""Power, boot and resets of a server, as its Redfish `ComputerSystem` tells (DSP2046)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .bmc import BmcError, Host, Reset, Trouble
from .redfish_find import inner, optional, target_of
from .redfish_http import Document, RedfishSession

if TYPE_CHECKING:
    from collections.abc import Iterable

_POST = {
    *("PrimaryProcessorInitializationStarted", "BusInitializationStarted", "MemoryInitializationStarted"),
    *("SecondaryProcessorInitializationStarted", "PCIResourceConfigStarted"),
    *("SystemHardwareInitializationComplete", "SetupEntered"),
}
_KINDS: dict[Reset, tuple[str, ...]] = {
    Reset.RESTART: ("GracefulRestart",),
    Reset.FORCE: ("ForceRestart", "PowerCycle"),
    Reset.SHUTDOWN: ("GracefulShutdown",),
    Reset.POWER_ON: ("On", "ForceOn"),
}
_UNTOLD = ("ForceRestart", "On")
"""What is taken for granted where a BMC lists no reset types."""


async def read_host(session: RedfishSession, system: Document, services: str) -> Host:
    """How the server stands. `services`: iDRAC's, asked where there is no BootProgress."""
    last = inner(system, "BootProgress").get("LastState")
    power = system.get("PowerState")
    on = None if not isinstance(power, str) else power not in {"Off", "PoweringOff"}
    post: bool | None = None
    running: bool | None = None
    if isinstance(last, str):
        post, running = last in _POST, last == "OSRunning"
    elif services:
        status = await _server_status(session, services)
        post = {"InPOST": True, "OutOfPOST": False, "PoweredOff": False}.get(status)
    allowed = set(await _allowed(session, system))
    reset_time = system.get("LastResetTime")
    return Host(
        on=on,
        in_post=post,
        os_running=running,
        last_reset=reset_time if isinstance(reset_time, str) else "",
        resets=frozenset(kind for kind, names in _KINDS.items() if set(names) & allowed),
    )


async def reset_type(session: RedfishSession, system: Document, kind: Reset) -> str:
    """What this BMC calls a reset. Raises BmcError when it does not offer it."""
    allowed = await _allowed(session, system)
    found = next((name for name in _KINDS[kind] if name in allowed), "")
    if not found or not target_of(system, "ComputerSystem.Reset"):
        raise BmcError(Trouble.NOT_FOUND, f"{session.target.label}: it offers no {kind}; it has {', '.join(allowed)}")
    return found


async def _allowed(session: RedfishSession, system: Document) -> tuple[str, ...]:
    """The reset types that the action lists, by itself or in its ActionInfo."""
    action = inner(system, "Actions", "#ComputerSystem.Reset")
    listed, path = action.get("ResetType@Redfish.AllowableValues"), action.get("@Redfish.ActionInfo")
    if not isinstance(listed, list) and isinstance(path, str):
        parameters = (await session.get(path)).get("Parameters")
        found = [p for p in parameters if isinstance(p, dict)] if isinstance(parameters, list) else []
        listed = next((p.get("AllowableValues") for p in found if p.get("Name") == "ResetType"), None)
    return _texts(listed) if isinstance(listed, list) else _UNTOLD


def _texts(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(value for value in values if isinstance(value, str))


async def _server_status(session: RedfishSession, services: str) -> str:
    """iDRAC's word for it. The action changes nothing, so that a lost answer is no more than unknown."""
    try:
        path = target_of(await optional(session, services), "GetRemoteServicesAPIStatus")
        reply = await session.ask("POST", path, {}) if path else None
        document = json.loads(reply.body or b"{}") if reply and reply.status == 200 else {}
    except (BmcError, ValueError):
        return ""
    status = document.get("ServerStatus") if isinstance(document, dict) else ""
    return status if isinstance(status, str) else ""
