"""Netplan files: their form and values, traps of a GPU fabric, and netplan's own opinion.

Facts: netplan's YAML reference (1.1); `netplan.c`/`parse.c` of netplan 1.1. netplan's generator is started
itself, not `netplan generate`, which would reload the systemd of this machine.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Severity
from ..run import run
from . import tools
from .base import Skip, TextKind
from .places import places
from .shapes import once_for_each_shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .base import Text, Tree
    from .places import Path as KeyPath
    from .places import Places

NAME = "netplan"
GENERATORS = ("/usr/libexec/netplan/generate", "/usr/lib/netplan/generate", "/lib/netplan/generate")
"""Where distributions put netplan's generator."""

_DATA = Path(__file__).parent / "data" / "netplan.json"
_RENDERERS = ("networkd", "NetworkManager")
_BOOLEANS = ("dhcp4", "dhcp6", "optional", "critical", "accept-ra", "wakeonlan", "ignore-carrier", "emit-lldp")
_SPELLED = {"true", "false", "yes", "no", "on", "off", "y", "n"}
_MAC = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?:(?::[0-9A-Fa-f]{2}){14})?\Z")
_IPV4 = re.compile(r"(?<![\w.])\d+\.\d+\.\d+\.\d+(?:/\d+)?(?![\w.])")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f.]*(?:/\d+)?(?![\w:.])")
_MTU = re.compile(r"^\s*mtu: *(\d+)", re.MULTILINE)
_ERROR = re.compile(r":(\d+):(\d+): (?:Error in network definition|Invalid YAML): (.*)")
_IB_DATAGRAM_MTU = 4092


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """Findings of all netplan files."""
    texts = tree.of(TextKind.NETPLAN)
    if not texts:
        return
    program = generator()
    if program is None:
        yield Skip(NAME, "netplan is not installed: its own opinion is not heard", "netplan.io")
    yield from once_for_each_shape(texts, lambda text: _file(text, program), numbers=True, fits=_values_fit)


def generator() -> str | None:
    """netplan's generator, None when it is not installed."""
    return next((path for path in GENERATORS if Path(path).is_file()), None)


@cache
def _keys() -> dict[str, list[str]]:
    data: dict[str, list[str]] = json.loads(_DATA.read_text("utf-8"))
    return data


def _values_fit(text: Text) -> bool:
    """Whether addresses and MTUs are valid, for a file whose form another one has shown to be right."""
    lines = "\n".join(line for line in text.content.split("\n") if not line.lstrip().startswith("#"))
    addresses = (*_IPV4.findall(lines), *(one for one in _IPV6.findall(lines) if not _MAC.match(one)))
    return all(_interface(one) for one in addresses) and all(68 <= int(one) <= 9216 for one in _MTU.findall(lines))


def _file(text: Text, program: str | None) -> Iterator[Finding | Skip]:
    document = places(text.content)
    if document.broken is not None:
        return  # told by data_formats
    found = list(_Form(text, document).findings())
    yield from found
    if program is not None:
        yield from _own_opinion(text, program, {finding.location.line for finding in found})


class _Form:
    """Looks at one file; collects findings with the places of keys and values."""

    def __init__(self, text: Text, document: Places) -> None:
        self.text = text
        self.document = document
        self.found: list[Finding] = []

    def add(
        self, path: KeyPath, message: str, hint: str = "", *, key: bool = False, severity: Severity = Severity.ERROR
    ) -> None:
        place = self.document.at(path, key=key)
        self.found.append(
            self.text.finding(
                "GS475", message, place.line, place.column, hint=hint, length=place.length, severity=severity
            )
        )

    def findings(self) -> list[Finding]:
        if self.text.target.endswith(".yml"):
            self.found.append(
                self.text.finding("GS475", "netplan reads files that end in .yaml only", 1, hint="rename it")
            )
        data = self.document.data
        network = data.get("network") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(network, dict):
            self.add((), "no mapping `network`: netplan configures nothing", "write `network:` with all else below it")
            return self.found
        for name in data:
            if name != "network":
                self.add((name,), f"netplan knows no key {name!r} at the top", "indent it below `network`", key=True)
        self._network(network)
        return self.found

    def _network(self, network: dict[str, Any]) -> None:
        if "version" not in network:
            self.add(("network",), "`version: 2` is missing", "add it", key=True)
        elif network["version"] != 2:
            self.add(("network", "version"), f"version {network['version']!r} does not exist", "write 2")
        if network.get("renderer", "networkd") not in _RENDERERS:
            self.add(("network", "renderer"), f"no renderer {network['renderer']!r}", f"one of {', '.join(_RENDERERS)}")
        for name, devices in network.items():
            path: KeyPath = ("network", name)
            if name not in _keys()["top"]:
                self.add(path, f"unknown key {name!r} in network", _close(name, _keys()["top"]), key=True)
            elif name in ("version", "renderer", "openvswitch"):
                continue
            elif not isinstance(devices, dict):
                self.add(path, f"{name} must be a mapping of interfaces: the indentation may be lost")
            else:
                for device, settings in devices.items():
                    self._device(name, (*path, device), settings)

    def _device(self, kind: str, path: KeyPath, settings: object) -> None:
        if kind == "nm-devices" or settings is None:
            return
        if not isinstance(settings, dict):
            self.add(path, f"{path[-1]} must be a mapping of settings: the indentation may be lost")
            return
        known = _keys()[kind]
        for name in settings:
            if name == "renderer" and settings[name] not in _RENDERERS:
                self.add((*path, name), f"no renderer {settings[name]!r}", f"one of {', '.join(_RENDERERS)}")
            if name not in known:
                self.add((*path, name), f"unknown key {name!r} in {path[-1]}", _close(str(name), known), key=True)
        for name in _BOOLEANS:
            value = settings.get(name)
            if value is not None and not isinstance(value, bool) and str(value).lower() not in _SPELLED:
                self.add((*path, name), f"{name} must be true or false, not {value!r}")
        self._addresses(path, settings)
        self._infiniband(path, settings)
        for index, route in enumerate(_list(settings.get("routes"))):
            self._route((*path, "routes", index), route)

    def _addresses(self, path: KeyPath, settings: dict[str, Any]) -> None:
        if settings.get("addresses") is not None and not isinstance(settings["addresses"], list):
            self.add((*path, "addresses"), "addresses must be a list", 'such as ["10.0.0.2/24"]')
        for index, entry in enumerate(_list(settings.get("addresses"))):
            address = next(iter(entry), "") if isinstance(entry, dict) else str(entry)
            place = (*path, "addresses", index)
            if not _interface(address):
                self.add(place, f"{address!r} is no address", "write an address with its prefix, such as 10.0.0.2/24")
            elif "/" not in address:
                self.add(place, f"{address} has no prefix length", f"write {address}/24, or what the network has")
        for old in ("gateway4", "gateway6"):
            if old in settings:
                hint = "write `routes: [{to: default, via: ADDRESS}]`"
                self.add((*path, old), f"{old} is deprecated", hint, key=True, severity=Severity.WARNING)
        servers = settings.get("nameservers")
        if servers is not None and not isinstance(servers, dict):
            self.add((*path, "nameservers"), "nameservers must be a mapping", "write `nameservers: {addresses: […]}`")
        elif servers is not None:
            for index, server in enumerate(_list(servers.get("addresses"))):
                if not _interface(str(server)) or "/" in str(server):
                    self.add((*path, "nameservers", "addresses", index), f"{server!r} is no address of a server")
        mtu = settings.get("mtu")
        if mtu is not None and (not isinstance(mtu, int) or not 68 <= mtu <= 65535):
            self.add((*path, "mtu"), f"mtu {mtu!r} is no size of a packet", "a whole number of bytes, such as 9000")
        mac = settings.get("macaddress")
        if mac is not None and not _MAC.match(str(mac)) and mac not in ("permanent", "random", "stable", "preserve"):
            self.add((*path, "macaddress"), f"{mac!r} is no MAC address", 'quote it: "52:54:00:12:34:56"')

    def _infiniband(self, path: KeyPath, settings: dict[str, Any]) -> None:
        mode, mtu = settings.get("infiniband-mode"), settings.get("mtu")
        warning = Severity.WARNING
        if mode is None:
            return
        if mode not in ("datagram", "connected"):
            self.add((*path, "infiniband-mode"), f"no mode {mode!r}", "datagram or connected")
        elif mode == "connected":
            message = (
                "connected mode: adapters since ConnectX-4 refuse it, and the interface does not come up as written"
            )
            self.add((*path, "infiniband-mode"), message, "use datagram", severity=warning)
        elif isinstance(mtu, int) and mtu > _IB_DATAGRAM_MTU:
            message = f"mtu {mtu} is more than datagram mode can carry ({_IB_DATAGRAM_MTU}): the kernel refuses it"
            self.add((*path, "mtu"), message, f"use 2044, or {_IB_DATAGRAM_MTU} where the fabric has 4 KiB")
        if settings.get("optional") is not True:
            message = f"{path[-1]} is not `optional: true`: with the fabric down, boot waits two minutes for it"
            self.add(path, message, "add `optional: true`", key=True, severity=warning)

    def _route(self, path: KeyPath, route: object) -> None:
        if not isinstance(route, dict):
            self.add(path, "a route must be a mapping", "such as {to: default, via: 10.0.0.1}")
            return
        for name in route:
            if name not in _keys()["routes"]:
                self.add(
                    (*path, name), f"unknown key {name!r} in a route", _close(str(name), _keys()["routes"]), key=True
                )
        to, via = route.get("to"), route.get("via")
        if to is None:
            self.add(path, "a route without `to`", "write `to: default`, or the network")
        elif str(to) != "default" and not _interface(str(to)):
            self.add((*path, "to"), f"{to!r} is no network", "write `default`, or a network such as 10.0.0.0/8")
        if via is not None and (not _interface(str(via)) or "/" in str(via)):
            self.add((*path, "via"), f"{via!r} is no address of a gateway")
        local = route.get("scope") in ("link", "host") or route.get("type", "unicast") != "unicast"
        if via is None and to is not None and not local:
            self.add(path, "a route without `via`: networkd drops it", "add the gateway, or `scope: link`")


def _own_opinion(text: Text, program: str, told: set[int]) -> Iterator[Finding | Skip]:
    def ask() -> str:
        with tempfile.TemporaryDirectory(prefix="gpuaas-lint-") as folder:
            file = Path(folder, "etc", "netplan", "60-lint.yaml")
            file.parent.mkdir(parents=True)
            file.touch(0o600)
            file.write_text(text.content, "utf-8")
            return run([program, "--root-dir", folder], timeout=tools.TIMEOUT, check=False).stderr

    build = str(Path(program).stat().st_mtime_ns)
    said = tools.remembered(NAME, Path(__file__), build, text.content, ask)
    for number, column, message in _ERROR.findall(said):
        if "is not defined" in message or "tool is required" in message:
            # Another file of the host may define the interface; this machine need not have the host's programs.
            yield Skip(NAME, f"{text.path}: netplan stopped at what only the host has ({message})")
        elif int(number) not in told:
            yield text.finding("GS475", f"netplan refuses it: {message}", int(number), int(column))


def _interface(value: str) -> bool:
    try:
        ipaddress.ip_interface(value)
    except ValueError:
        return False
    return True


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _close(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else f"one of {', '.join(known[:12])}, …"
