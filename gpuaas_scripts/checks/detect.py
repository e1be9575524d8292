"""Tells the format of a file, and its place on the host, from its path and content.

Paths are those of a generated tree (`maas/NAME.sh`, `profiles/P/root/…`, `nodes/N/root/…`,
`nodes/N/user-data.yaml`), of a host (`/etc/netplan/60-x.yaml`) or anything else, of which the
folders and the suffix are known from hosts.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from .base import TextKind

METADATA_START = "# --- Start MAAS 1.0 script metadata ---"
"""The line that makes a file a MAAS script (MAAS, `maas_script_metadata` 1.0)."""

_UNIT_SUFFIXES = {".service", ".socket", ".mount", ".automount", ".swap", ".target", ".path", ".timer", ".slice"}
_SUFFIXES = {".json": TextKind.JSON, ".toml": TextKind.TOML, ".yaml": TextKind.YAML, ".yml": TextKind.YAML}
_SHELL_SUFFIXES = {".sh", ".bash", ".dash", ".ksh"}
_HOST_FOLDERS = ("/etc/", "/usr/", "/lib/", "/run/", "/opt/", "/boot/")
_FOLDERS: tuple[tuple[re.Pattern[str], TextKind], ...] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"(^|/)etc/gpuaas/node\.env$", TextKind.NODE_ENV),
        (r"(^|/)netplan/[^/]+\.ya?ml$", TextKind.NETPLAN),
        (r"(^|/)dnsmasq(\.d/[^/]+|\.conf)$", TextKind.DNSMASQ),
        (r"(^|/)default/grub(\.d/[^/]+\.cfg)?$", TextKind.GRUB),
        (r"(^|/)sysctl(\.d/[^/]+\.conf|\.conf)$", TextKind.SYSCTL),
        (r"(^|/)(modules-load\.d/[^/]+\.conf|etc/modules)$", TextKind.MODULES_LOAD),
        (r"(^|/)modprobe\.d/[^/]+\.conf$", TextKind.MODPROBE),
        (r"(^|/)dracut\.conf(\.d/[^/]+\.conf)?$", TextKind.SHELL),
        (r"(^|/)udev/rules\.d/[^/]+\.rules$", TextKind.UDEV),
        (r"(^|/)systemd/(system|user)/.+\.d/[^/]+\.conf$", TextKind.UNIT),
    )
)
_SHEBANG = re.compile(r"#!\s*(?:/usr/bin/env\s+(?:-S\s+)?)?(?:\S*/)?(sh|dash|ash|bash|ksh|mksh|yash|busybox)(?:\s|$)")
_NETPLAN = re.compile(
    r"^network:[ \t]*\n(?:[ \t].*\n)*?[ \t]+(?:version|renderer|ethernets|bonds|bridges):", re.MULTILINE
)


def kind_of(path: str, content: str = "") -> tuple[TextKind, str]:
    """The kind of a text, and its absolute path on the host ('' where it is no file there, or not known)."""
    pure = PurePosixPath(path)
    target = _target(pure)
    return _kind(pure, target, content), target


def _target(path: PurePosixPath) -> str:
    """The part below `profiles/P/root` or `nodes/N/root`; else an absolute path of a host's folders as it is."""
    parts = path.parts
    for index in range(len(parts) - 3):
        if parts[index] in ("profiles", "nodes") and parts[index + 2] == "root":
            return "/" + "/".join(parts[index + 3 :])
    return str(path) if str(path).startswith(_HOST_FOLDERS) else ""


def _kind(path: PurePosixPath, target: str, content: str) -> TextKind:
    by_content = _by_content(content)
    if by_content is not None and (not target or by_content is TextKind.MAAS_SCRIPT):
        return by_content
    if not target:
        if path.name == "user-data" or path.name.endswith(".mime"):
            return TextKind.USER_DATA
        if path.name in ("user-data.yaml", "user-data.yml"):
            return TextKind.CLOUD_CONFIG
        if path.suffix == ".sh" and path.parent.name == "maas":
            return TextKind.MAAS_SCRIPT
        if path.name == "node.env":
            return TextKind.NODE_ENV
    place = target or str(path)
    for pattern, kind in _FOLDERS:
        if pattern.search(place):
            return kind
    if path.suffix in _UNIT_SUFFIXES:
        return TextKind.UNIT
    if path.suffix == ".rules":
        return TextKind.UDEV
    if by_content is not None:
        return by_content
    if path.suffix in _SHELL_SUFFIXES or _SHEBANG.match(content):
        return TextKind.SHELL
    kind = _SUFFIXES.get(path.suffix, TextKind.OTHER)
    if kind is TextKind.YAML and _NETPLAN.search(content):
        return TextKind.NETPLAN
    return kind


def _by_content(content: str) -> TextKind | None:
    """What the first lines say, whatever the path."""
    first = content.split("\n", 1)[0].rstrip()
    if first.startswith("#!") and f"\n{METADATA_START}\n" in content:
        return TextKind.MAAS_SCRIPT
    if first == "#cloud-config":
        return TextKind.CLOUD_CONFIG
    head = content.split("\n\n", 1)[0].lower()
    if re.match(r"(mime-version|content-type):", head) and "multipart/" in head:
        return TextKind.USER_DATA
    return None
