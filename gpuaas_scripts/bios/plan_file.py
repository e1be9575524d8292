"""What `bios plan -o` writes and `bios apply` reads: plans of any number of hosts. It holds no secret."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from ..errors import GpuaasError
from .plan import Plan, from_json

FORMAT = 1
_KEYS = {"format", "site", "backend", "hosts"}
_HOST_KEYS = {"address", "plan"}
_HINT = "Write one with: gpuaas-gen bios plan -o FILE"


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A plan, and the address of the BMC that it was made for."""

    address: str
    plan: Plan


@dataclass(frozen=True, slots=True)
class PlanFile:
    """Plans made in one run. `site` empty: for the one host of IDRAC_HOST. `backend` is `redfish` or `racadm`."""

    site: str
    backend: str
    hosts: tuple[HostPlan, ...]
    format: int = FORMAT

    def to_json(self) -> bytes:
        """JSON text with two blanks of indentation and a newline at the end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


def plan_file(data: bytes) -> PlanFile:
    """The plans in JSON text; raises GpuaasError for anything else, unknown keys and another format."""
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise GpuaasError(f"not a file of BIOS plans: {error}", hint=_HINT) from None
    if not isinstance(raw, dict) or set(raw) != _KEYS or not isinstance(raw["hosts"], list):
        raise GpuaasError(f"not a file of BIOS plans: it must hold {', '.join(sorted(_KEYS))}", hint=_HINT)
    if raw["format"] != FORMAT:
        told = f"the file has format {raw['format']}; this program reads format {FORMAT}"
        raise GpuaasError(told, hint="Plan again.")
    if not isinstance(raw["site"], str) or raw["backend"] not in {"redfish", "racadm"}:
        raise GpuaasError("not a file of BIOS plans: site is a name, backend is redfish or racadm", hint=_HINT)
    hosts = tuple(_host(entry) for entry in raw["hosts"])
    names = [host.plan.node for host in hosts]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise GpuaasError(f"the file holds two plans for {twice}", hint="Plan again.")
    return PlanFile(raw["site"], raw["backend"], hosts)


def _host(entry: object) -> HostPlan:
    if not isinstance(entry, dict) or set(entry) != _HOST_KEYS or not isinstance(entry["address"], str):
        raise GpuaasError(f"not a file of BIOS plans: a host has {', '.join(sorted(_HOST_KEYS))}", hint=_HINT)
    return HostPlan(entry["address"], from_json(msgspec.json.encode(entry["plan"])))
