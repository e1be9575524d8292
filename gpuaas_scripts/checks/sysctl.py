"""sysctl.d files: names, values and repetitions. Keys need not exist on this machine.

Facts: sysctl.d(5), the kernel's Documentation/admin-guide/sysctl/ and networking/ip-sysctl.
"""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from .base import TextKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .base import Skip, Text, Tree

_ROOTS = ("abi", "crypto", "debug", "dev", "fs", "kernel", "net", "sunrpc", "user", "vm", "xen")
_NET = (
    "bridge",
    "core",
    "ipv4",
    "ipv6",
    "mptcp",
    "netfilter",
    "sctp",
    "smc",
    "unix",
    "vsock",
    "dccp",
    "rds",
    "mpls",
    "nf_conntrack_max",
)
_NAME = re.compile(r"[A-Za-z0-9_@*?:./\[\]+-]+\Z")
_NUMBER = re.compile(r"-?(?:0x[0-9A-Fa-f]+|[0-9]+)\Z")
_UNIT = re.compile(r"[0-9.]+ ?(?:[kKmMgGtT]i?[bB]?|[bB])\Z")

_DATA = json.loads((Path(__file__).parent / "data" / "sysctl.json").read_text("utf-8"))
_NUMERIC: dict[str, int] = _DATA["numbers"]
"""Keys whose values are whole numbers, and how many (0: any number)."""

_WELL_KNOWN = [*_NUMERIC, *_DATA["words"]]


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """Findings of all sysctl files."""
    for text in tree.of(TextKind.SYSCTL):
        yield from _file(text)


def _file(text: Text) -> Iterator[Finding]:
    seen: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(text.content.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        start = line.index(stripped[0]) + 1
        name, equals, value = stripped.partition("=")
        name, value = name.strip(), value.strip()
        if not equals:
            if stripped.startswith("-"):  # `-key` alone: keep a pattern from setting it (sysctl.d(5))
                continue
            yield text.finding(
                "GS478",
                f"no `=` in {stripped.split()[0]!r}: the line is ignored",
                number,
                start,
                hint="write key = value",
            )
            continue
        prefix = len(name) - len(name.lstrip("-"))
        key = name.lstrip("-").strip()
        start += prefix
        problem = _name_problem(key)
        if problem:
            yield text.finding("GS478", problem[0], number, start, hint=problem[1], length=max(len(key), 1))
            continue
        dotted = _dotted(key)
        at = line.index("=") + 2
        at += len(line[at - 1 :]) - len(line[at - 1 :].lstrip())
        told = _value_problem(dotted, value)
        if told:
            yield text.finding("GS478", told[0], number, at, hint=told[1], length=max(len(value), 1))
        if dotted in seen:
            first, before = seen[dotted]
            other = f"{before!r} in line {first}" if before != value else f"as in line {first}"
            yield text.finding(
                "GS478",
                f"{key} stands twice ({other}): the last one counts",
                number,
                start,
                hint="keep one",
                length=len(key),
            )
        seen[dotted] = (number, value)


def _dotted(key: str) -> str:
    """The key with its first separator as `.`: with `/` first, dots are part of names (sysctl.d(5))."""
    slash, dot = key.find("/"), key.find(".")
    if slash >= 0 and (dot < 0 or slash < dot):
        return key.translate(str.maketrans("/.", "./"))
    return key


def _name_problem(key: str) -> tuple[str, str] | None:
    if not key or not _NAME.match(key):
        return f"{key!r} is no name of a setting", "such as net.ipv4.ip_forward"
    if any(sign in key for sign in "*?["):
        return None
    dotted = _dotted(key)
    parts = dotted.split(".")
    close = difflib.get_close_matches(dotted, _WELL_KNOWN, n=1, cutoff=0.93)
    meant = f"did you mean {close[0]}?" if close and close[0] != dotted else ""
    if len(parts) < 2 or "" in parts:
        return f"{key!r} is no path below /proc/sys", meant or "such as net.ipv4.ip_forward"
    if parts[0] not in _ROOTS:
        near = difflib.get_close_matches(parts[0], _ROOTS, n=1)
        return f"{key}: there is no {parts[0]!r} in /proc/sys", meant or (
            f"did you mean {near[0]}?" if near else f"one of {', '.join(_ROOTS)}"
        )
    if parts[0] == "net" and parts[1] not in _NET:
        return f"{key}: there is no {parts[1]!r} in /proc/sys/net", meant or f"one of {', '.join(_NET)}"
    if parts[:2] in (["net", "ipv4"], ["net", "ipv6"]) and len(parts) > 5 and parts[2] in ("conf", "neigh"):
        slashed = f"{'/'.join(parts[:3])}/{'.'.join(parts[3:-1])}/{parts[-1]}"
        return f"{key}: the dot in the interface's name is read as a separator", f"write {slashed}"
    if (
        meant
        and not (parts[-1][-1:].isdigit() and close[0][-1:].isdigit())
        and "conf." not in dotted
        and "neigh." not in dotted
    ):
        return f"{key}: the kernel has no such setting", meant
    return None


def _value_problem(key: str, value: str) -> tuple[str, str] | None:
    wanted = _NUMERIC.get(key)
    if wanted is None and re.match(r"net\.ipv[46]\.(conf|neigh)\.[^.]+\.", key):
        leaf = key.rsplit(".", 1)[-1]
        wanted = (
            1 if any(one.endswith(f".{leaf}") for one in _NUMERIC if ".conf.all." in one or ".neigh." in one) else None
        )
    if not value:
        return f"{key} has no value", "write one, or remove the line"
    if re.search(r"\s[#;]", value):
        return "a comment needs a line of its own: this one becomes part of the value", "move it above the line"
    if value[0] in "\"'" and value[-1] == value[0]:
        return "quotes become part of the value", f"write {value[1:-1]}"
    words = value.split()
    if wanted is None:
        if _UNIT.fullmatch(value) and not key.startswith("kernel."):
            return f"the kernel reads no units: {value!r} is refused or cut", "write the number alone"
        return None
    bad = next((word for word in words if not _NUMBER.match(word)), None)
    if bad is not None:
        why = "the kernel reads no units" if _UNIT.fullmatch(bad) else "not a whole number"
        return f"{key} = {bad}: {why}", "write a whole number"
    if wanted and len(words) != wanted:
        return f"{key} takes {wanted} number{'s' * (wanted > 1)}, not {len(words)}", ""
    return None
