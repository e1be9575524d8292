"""Small BMCs of other makers: only the shapes in which they differ from an iDRAC. Documents are our own.

HPE iLO: settings under `bios/settings` hold all attributes, Location names another host, an answer says
that a reset is needed. Supermicro: `Bios/SD`, names with a hash, no ETag. Lenovo XCC: `Bios/Pending`, If-Match
is required, reset types in an ActionInfo. NVIDIA DGX (AMI): two systems, `Bios/SD`, If-Match, names that are numbers.
"""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redfish_support import LIMITS, PASSWORD

from gpuaas_scripts.lab.idrac import Farm
from gpuaas_scripts.lab.idrac_bmc import Answer, Request, reply
from gpuaas_scripts.lab.idrac_faults import Fault, Seen
from gpuaas_scripts.lab.idrac_http import Listener
from gpuaas_scripts.lab.idrac_machine import Clock
from gpuaas_scripts.secrets import Secret
from gpuaas_scripts.sinks.bmc import Target, Tls

if TYPE_CHECKING:
    from collections.abc import Iterator

V1 = "/redfish/v1"


@dataclass(frozen=True)
class Shape:
    """How one maker's BMC looks. `off` and `on` are the values of its SR-IOV attribute."""

    vendor: str
    system: str
    settings: str
    attribute: str
    title: str
    off: str = "Disabled"
    on: str = "Enabled"
    registry: str = "BiosAttributeRegistry.v1_0_0"
    etag: bool = False
    first_system: str = ""
    action_info: bool = False
    boot_progress: bool = True
    foreign_location: bool = False
    graceful: bool = True


SHAPES = {
    "hpe": Shape(
        "HPE", "Systems/1", "bios/settings", "Sriov", "SR-IOV", registry="BiosAttributeRegistryU54.v1_2_68",
        etag=True, foreign_location=True, boot_progress=False,
    ),
    "supermicro": Shape(
        "Supermicro", "Systems/1", "Bios/SD", "SR_IOVSupport_0123", "SR-IOV Support", boot_progress=False,
    ),
    "lenovo": Shape(
        "Lenovo", "Systems/1", "Bios/Pending", "DevicesandIOPorts_SRIOV", "SR-IOV", etag=True, action_info=True,
        off="Disable", on="Enable",
    ),
    "nvidia": Shape(
        "NVIDIA", "Systems/DGX", "Bios/SD", "PCIS007", "SR-IOV Support", off="PCIS007Disabled", on="PCIS007Enabled",
        etag=True, first_system="Systems/HGX_Baseboard_0", graceful=False,
    ),
}  # fmt: skip


@dataclass
class _Options:
    latency: float = 0


@dataclass
class _Machine:
    options: _Options = field(default_factory=_Options)


@dataclass
class VendorBmc:
    """A BMC of another maker behind the stand-in's listener."""

    shape: Shape
    faults: list[Fault] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)
    machine: _Machine = field(default_factory=_Machine)
    sessions: set[str] = field(default_factory=set)
    made: Counter[str] = field(default_factory=Counter)
    booting: int = 0

    def __post_init__(self) -> None:
        others = {f"Other{number:02}": "Enabled" for number in range(30)}
        self.current: dict[str, Any] = {self.shape.attribute: self.shape.off, **others}
        self.settings = dict(self.current)

    @property
    def bios(self) -> str:
        return f"{V1}/{self.shape.system}/{self.shape.settings.split('/')[0]}"

    @property
    def etag(self) -> str:
        return f'W/"{hash(tuple(self.settings.items())) & 0xFFFF:x}"'

    def refuse(self, *_ids: str) -> Answer:
        return reply({}, 503)

    def drop_sessions(self) -> None:
        self.sessions.clear()

    def answer(self, request: Request) -> Answer:
        path = request.path.rstrip("/")
        if path == V1:
            return reply(self.root())
        if request.method == "POST" and path == f"{V1}/Sess":
            return self.login(request)
        if request.headers.get("x-auth-token") not in self.sessions:
            return reply({"error": {"@Message.ExtendedInfo": [{"MessageId": "Base.1.8.NoValidSession"}]}}, 401)
        if request.method == "GET":
            document = self.documents().get(path)
            if document is None:
                return reply({"error": {"code": "Base.1.8.ResourceMissingAtURI", "message": "missing"}}, 404)
            tagged = self.shape.etag and path == f"{V1}/{self.shape.system}/{self.shape.settings}"
            return reply(document, ETag=self.etag) if tagged else reply(document)
        return self.change(request, path)

    def login(self, request: Request) -> Answer:
        if json.loads(request.body) != {"UserName": "root", "Password": PASSWORD}:
            return reply({}, 401)
        self.made["sessions"] += 1
        token = f"token-{self.made['sessions']}"
        self.sessions.add(token)
        path = f"{V1}/Sess/{token}"
        location = f"https://ilo-name.example{path}" if self.shape.foreign_location else path
        return reply({}, 201, Location=location, X_Auth_Token=token)

    def change(self, request: Request, path: str) -> Answer:
        if request.method == "DELETE" and path.startswith(f"{V1}/Sess/"):
            self.sessions.discard(path.rsplit("/", 1)[-1])
            return Answer(204)
        if request.method == "PATCH" and path == f"{V1}/{self.shape.system}/{self.shape.settings}":
            return self.stage(request)
        if request.method == "POST" and path == f"{V1}/{self.shape.system}/Actions/ComputerSystem.Reset":
            self.made[f"reset {json.loads(request.body)['ResetType']}"] += 1
            self.current, self.booting = dict(self.settings), 3
            return Answer(204, effect=True)
        return reply({}, 405)

    def stage(self, request: Request) -> Answer:
        body = json.loads(request.body)
        if set(body) != {"Attributes"}:
            return reply({"error": {"@Message.ExtendedInfo": [{"MessageId": "Base.1.8.PropertyUnknown"}]}}, 400)
        tag = request.headers.get("if-match")
        if self.shape.etag and tag != self.etag:
            return reply({"error": {"code": "Base.1.8.PreconditionFailed"}}, 428 if tag is None else 412)
        if not self.shape.etag and tag is not None:
            return reply({}, 400)
        self.made["patch"] += 1
        self.settings |= body["Attributes"]
        message = {"MessageId": "iLO.2.14.SystemResetRequired", "Severity": "Warning"}
        return reply({"error": {"@Message.ExtendedInfo": [message]}}, 200, True)

    def root(self) -> dict[str, Any]:
        return {
            "Vendor": self.shape.vendor,
            "Links": {"Sessions": {"@odata.id": f"{V1}/Sess"}},
            "Systems": {"@odata.id": f"{V1}/Systems"},
            "Registries": {"@odata.id": f"{V1}/Registries"},
        }

    def documents(self) -> dict[str, dict[str, Any]]:
        shape = self.shape
        systems = [name for name in (shape.first_system, shape.system) if name]
        registry = f"{V1}/Registries/{shape.registry}"
        uri = f"{V1}/registrystore/en/bios"
        return {
            f"{V1}/Systems": {"Members": [{"@odata.id": f"{V1}/{name}"} for name in systems]},
            **({f"{V1}/{shape.first_system}": {"Id": "HGX"}} if shape.first_system else {}),
            f"{V1}/{shape.system}": self.system(),
            f"{V1}/{shape.system}/ResetActionInfo": {
                "Parameters": [{"Name": "ResetType", "AllowableValues": self.resets()}]
            },
            self.bios: {
                "AttributeRegistry": shape.registry,
                "Attributes": self.current,
                "@Redfish.Settings": {"SettingsObject": {"@odata.id": f"{V1}/{shape.system}/{shape.settings}"}},
            },
            f"{V1}/{shape.system}/{shape.settings}": {"Attributes": self.settings},
            f"{V1}/Registries": {
                "Members": [{"@odata.id": f"{V1}/Registries/Base.1.8.0"}, {"@odata.id": registry}],
            },
            registry: {
                "Location": [
                    {"Language": "ja", "Uri": f"{V1}/registrystore/ja/bios"},
                    {"Language": "en", "Uri": {"extref": uri} if shape.vendor == "HPE" else uri},
                ]
            },
            uri: self.registry(),
        }

    def resets(self) -> list[str]:
        return ["On", "ForceOff", "ForceRestart", *(["GracefulRestart"] if self.shape.graceful else [])]

    def system(self) -> dict[str, Any]:
        path = f"{V1}/{self.shape.system}"
        self.booting = max(self.booting - 1, 0)
        action: dict[str, Any] = {"target": f"{path}/Actions/ComputerSystem.Reset"}
        if self.shape.action_info:
            action["@Redfish.ActionInfo"] = f"{path}/ResetActionInfo"
        else:
            action["ResetType@Redfish.AllowableValues"] = self.resets()
        boot = {"BootProgress": {"LastState": "MemoryInitializationStarted" if self.booting else "OSRunning"}}
        return {
            "Manufacturer": self.shape.vendor,
            "Model": "A model",
            "BiosVersion": "1.0",
            "PowerState": "On",
            "Bios": {"@odata.id": self.bios},
            "Actions": {"#ComputerSystem.Reset": action},
            **(boot if self.shape.boot_progress else {}),
        }

    def registry(self) -> dict[str, Any]:
        entries = [self.entry(self.shape.attribute, self.shape.title, self.shape.on, self.shape.off)]
        entries += [self.entry(f"Other{number:02}", f"Other {number}", "Enabled", "Disabled") for number in range(30)]
        return {"Id": self.shape.registry, "RegistryEntries": {"Attributes": entries, "Dependencies": []}}

    @staticmethod
    def entry(name: str, title: str, *values: str) -> dict[str, Any]:
        return {
            "AttributeName": name,
            "DisplayName": title,
            "Type": "Enumeration",
            "ReadOnly": False,
            "Value": [{"ValueName": value} for value in values],
        }


@dataclass
class Vendor:
    """A running one, with the target to reach it."""

    bmc: VendorBmc
    target: Target


@contextmanager
def vendor(folder: Path, name: str) -> Iterator[Vendor]:
    """A BMC of the maker `name`, as long as the block lasts."""
    import asyncio
    import threading

    farm = Farm([], folder / "tls", Clock(0))
    made, loop = VendorBmc(SHAPES[name]), asyncio.new_event_loop()
    listener = Listener(made, farm.certificate.context(), farm.defects)  # type: ignore[arg-type]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(listener.start(), loop).result(10)
        tls = Tls(ca_file=farm.certificate.certificate)
        yield Vendor(
            made, Target("host-1", f"https://127.0.0.1:{listener.port}", "root", Secret(PASSWORD), tls, LIMITS)
        )
    finally:
        asyncio.run_coroutine_threadsafe(listener.stop(), loop).result(10)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.05), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
    assert not farm.defects, farm.defects[0]
