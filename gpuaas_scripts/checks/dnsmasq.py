"""dnsmasq files: options, values, ranges; and `dnsmasq --test`.

Facts: dnsmasq(8) and option.c of dnsmasq 2.91: a comment starts at a `#` that begins a line or follows a blank,
outside of quotes; an unknown option keeps dnsmasq from starting.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Severity
from ..run import run
from . import tools
from .base import Skip, TextKind
from .shapes import once_for_each_shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .base import Text, Tree

NAME = "dnsmasq"
_DATA = Path(__file__).parent / "data" / "dnsmasq.json"
_NUMBERS = {
    "port": 65535,
    "query-port": 65535,
    "min-port": 65535,
    "max-port": 65535,
    "cache-size": None,
    "dhcp-lease-max": None,
    "edns-packet-max": 65535,
    "local-ttl": None,
    "neg-ttl": None,
    "max-ttl": None,
    "dns-forward-max": None,
}
_LEASE = re.compile(r"(?:\d+[smhdwSMHDW]?|infinite|deprecated)\Z")
_MODES = {"static", "proxy", "ra-only", "ra-names", "ra-stateless", "slaac", "off-link", "ra-advrouter"}
_SAID = re.compile(r"dnsmasq: (.*?) at line (\d+) of ")


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """Findings of all dnsmasq files."""
    texts = tree.of(TextKind.DNSMASQ)
    if not texts:
        return
    program = tools.find("dnsmasq")
    if program is None:
        yield Skip(NAME, "dnsmasq is not installed: its own opinion is not heard", "dnsmasq-base")
    yield from once_for_each_shape(texts, lambda text: _file(text, program))


@cache
def _options() -> dict[str, str]:
    """Option name to `flag`, `value` or `optional`."""
    data: dict[str, list[str]] = json.loads(_DATA.read_text("utf-8"))
    return {name: kind for kind, names in data.items() for name in names}


def _file(text: Text, program: str | None) -> Iterator[Finding]:
    found: list[Finding] = []
    seen: dict[str, tuple[int, int]] = {}
    ranges: list[tuple[int, int]] = []
    for number, line in enumerate(text.content.split("\n"), 1):
        body = _without_comment(line)
        if not body.strip():
            continue
        option, equals, value = body.partition("=")
        name, value = option.strip(), value.strip()
        column = body.index(name[0]) + 1 if name else 1
        at = len(option) + 2 + len(body[len(option) + 1 :]) - len(body[len(option) + 1 :].lstrip())
        seen.setdefault(name, (number, column))
        kind = _options().get(name)
        problem: tuple[str, str, int, int] | None = None
        if kind is None:
            problem = (*_unknown(name), column, len(name))
        elif kind == "flag" and equals:
            problem = (f"{name} takes no value: dnsmasq does not start", f"write {name} alone", column, len(name))
        elif kind == "value" and not equals:
            problem = (f"{name} needs a value: dnsmasq does not start", f"write {name}=…", column, len(name))
        elif equals:
            told = _value(name, value)
            problem = (*told, at, max(len(value), 1)) if told else None
        if problem:
            found.append(text.finding("GS476", problem[0], number, problem[2], hint=problem[1], length=problem[3]))
        if name == "dhcp-range":
            ranges.append((number, column))
    found += _together(text, seen, ranges)
    yield from found
    if program is not None:
        yield from _own_opinion(text, program, {finding.location.line for finding in found})


def _without_comment(line: str) -> str:
    quoted = False
    for index, sign in enumerate(line):
        if sign == '"':
            quoted = not quoted
        elif sign == "#" and not quoted and (index == 0 or line[index - 1].isspace()):
            return line[:index]
    return line


def _unknown(name: str) -> tuple[str, str]:
    if name.startswith("--"):
        return f"{name!r}: options have no dashes in a file: dnsmasq does not start", f"write {name.lstrip('-')}"
    close = difflib.get_close_matches(name, _options(), n=1)
    return f"no option {name!r}: dnsmasq does not start", f"did you mean {close[0]}?" if close else "see dnsmasq(8)"


def _value(name: str, value: str) -> tuple[str, str] | None:
    if name in _NUMBERS:
        most = _NUMBERS[name]
        if not value.isdigit() or (most is not None and int(value) > most):
            return f"{name}={value}: not a whole number{f' up to {most}' if most else ''}", ""
    elif name == "listen-address":
        for one in value.split(","):
            if not _address(one.strip()):
                return f"{one.strip()!r} is no address", "such as 10.0.0.1"
    elif name == "dhcp-range":
        return _range(value)
    elif name == "dhcp-host":
        return _host(value)
    elif name in ("address", "server", "local") and value.startswith("/"):
        target = value.rsplit("/", 1)[-1].split("@")[0].split("#")[0]
        if target and re.fullmatch(r"[\d.]+|[0-9A-Fa-f:]*:[0-9A-Fa-f:]*", target) and not _address(target):
            return f"{target!r} is no address", ""
    elif name == "server" and re.fullmatch(r"[\d.]+", value) and not _address(value):
        return f"{value!r} is no address", ""
    elif name == "dhcp-option" and re.match(r"option:[^,]*\s", value):
        return "a blank in the option's name", "write option:NAME,VALUE"
    return None


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.split("%")[0])
    except ValueError:
        return None


def _range(value: str) -> tuple[str, str] | None:
    hint = "START,END[,NETMASK][,LEASE], such as 10.0.0.100,10.0.0.199,12h"
    parts = [part.strip() for part in value.split(",")]
    while parts and re.match(r"(set:|tag:|interface:|net:)", parts[0]):
        parts.pop(0)
    if not parts or not parts[0]:
        return "dhcp-range without a start", hint
    if parts[0].startswith("::") or ":" in parts[0] or "constructor:" in value:
        return None  # IPv6 has many forms
    start = _address(parts[0])
    if start is None:
        return f"{parts[0]!r} is no address", hint
    if len(parts) < 2:
        return "dhcp-range without an end", hint
    if parts[1] in ("static", "proxy"):
        rest = parts[2:]
    else:
        end = _address(parts[1])
        if end is None:
            return f"{parts[1]!r} is no address", hint
        if int(end) < int(start):
            return f"the range ends ({end}) before it starts ({start})", hint
        rest = parts[2:]
    for part in rest:
        if re.fullmatch(r"\d+\.\d+\.\d+\.\d+", part):
            if not _address(part):
                return f"{part!r} is no netmask", hint
        elif not _LEASE.match(part) and part not in _MODES:
            return f"{part!r} is no lease time", "a number with s, m, h, d or w, such as 12h; or infinite"
    return None


def _host(value: str) -> tuple[str, str] | None:
    for part in (part.strip() for part in value.split(",")):
        if re.fullmatch(r"[\d.]+\.[\d.]+", part) and not _address(part):
            return f"{part!r} is no address", ""
        pieces = part.split(":")
        mac_like = len(pieces) >= 5 and part.count(":") < 8 and not part.startswith(("id:", "[", "set:", "tag:"))
        byte = re.compile(r"[0-9A-Fa-f]{1,2}|\*")
        if mac_like and (len(pieces) != 6 or not all(byte.fullmatch(piece) for piece in pieces)):
            return f"{part!r} is no MAC address", "six bytes, such as 52:54:00:12:34:56"
    return None


def _together(text: Text, seen: dict[str, tuple[int, int]], ranges: list[tuple[int, int]]) -> Iterator[Finding]:
    if "bind-interfaces" in seen and "bind-dynamic" in seen:
        line, column = max(seen["bind-interfaces"], seen["bind-dynamic"])
        message = "bind-interfaces and bind-dynamic exclude each other: dnsmasq does not start"
        yield text.finding("GS476", message, line, column, hint="keep bind-dynamic")
    bound = {"interface", "listen-address", "no-dhcp-interface", "except-interface", "conf-dir", "conf-file"}
    if ranges and not bound & set(seen):
        line, column = ranges[0]
        message = "no `interface`: dnsmasq answers DHCP on every interface of the host, the uplink included"
        yield text.finding("GS476", message, line, column, hint="add interface=BRIDGE", severity=Severity.WARNING)


def _own_opinion(text: Text, program: str, told: set[int]) -> Iterator[Finding]:
    def ask() -> str:
        with tempfile.TemporaryDirectory(prefix="gpuaas-lint-") as folder:
            file = Path(folder) / "dnsmasq.conf"
            # Other folders and files are those of the host, not of this machine.
            kept = re.sub(
                r"^\s*(conf-dir|conf-file|servers-file|resolv-file)\b.*$", "", text.content, flags=re.MULTILINE
            )
            file.write_text(kept, "utf-8")
            done = run([program, "--test", f"--conf-file={file}"], timeout=tools.TIMEOUT, check=False)
            return "" if done.returncode == 0 else done.stderr

    said = tools.remembered(NAME, Path(__file__), tools.version(program, "--version"), text.content, ask)
    for message, number in _SAID.findall(said):
        if int(number) not in told:
            yield text.finding("GS476", f"dnsmasq refuses it: {message}", int(number), 1)
