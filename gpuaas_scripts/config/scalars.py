"""The scalar types of the configuration: what a piece of text must look like to be an address, a disk, a unit.

Each type says in words what it wants, in its description, so that a finding and the JSON Schema use
the same sentence. Text types stay `str`; network types become `ipaddress` objects.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

TO_BE_APPROVED = "to-be-approved"
"""Stands where a value is still missing that nobody may invent (design: missing values)."""

REASONS: dict[str, Callable[[str], str]] = {}
"""Pattern to a function that tells, of a wrong value, why just that one is refused ('' if nothing special)."""

SECRET_PATTERNS: set[str] = set()
"""Patterns of types whose wrong values are likely secrets, so that they are never shown."""


def _text(
    pattern: str, says: str, example: str, *, reason: Callable[[str], str] | None = None, secret: bool = False
) -> Any:
    if secret:
        SECRET_PATTERNS.add(pattern)
    if reason is not None:
        REASONS[pattern] = reason
    return Annotated[str, msgspec.Meta(pattern=pattern, description=says, examples=[example])]


def _uppercase(value: str) -> str:
    return "write it in lower case" if value != value.lower() else ""


def _kernel_name(value: str) -> str:
    if re.match(r"/dev/(nvme|sd|vd|dm-|md)", value):
        return (
            "kernel names move between boots (on one host the OS disk went from nvme4n1 to nvme7n1), "
            "so a disk is named by its identity: ls -l /dev/disk/by-id"
        )
    if "-part" in value:
        return "a slice disk is a whole device, not a partition"
    return ""


if TYPE_CHECKING:
    Positive = int
    Count = int
    Mtu = int
    Port = int
    VfIndex = int
    NumaIndex = int
    Name = str
    Hostname = str
    MacAddress = str
    PciAddress = str
    PciId = str
    ByIdPath = str
    InterfaceName = str
    UnitName = str
    MaasName = str
    SystemId = str
    SecretRef = str
    Url = str
    HttpsUrl = str
    Sha256 = str
    Fingerprint = str
    FileMode = str
    AbsolutePath = str
    PackageName = str
    KernelArgument = str
    ModuleName = str
    SysctlKey = str
    Line = str
    BiosName = str
    Version = str
    Tag = str
else:
    Positive = Annotated[int, msgspec.Meta(ge=1)]
    Count = Annotated[int, msgspec.Meta(ge=0)]
    Mtu = Annotated[int, msgspec.Meta(ge=1280, le=65520)]
    Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
    VfIndex = Annotated[int, msgspec.Meta(ge=0, le=127)]
    NumaIndex = Annotated[int, msgspec.Meta(ge=0, le=63)]
    Name = _text(
        r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z",
        "a name of a-z, 0-9 and '-', at most 63",
        "slice-vm",
        reason=_uppercase,
    )
    Hostname = _text(
        r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z",
        "a host name of a-z, 0-9 and '-', at most 63",
        "j22u05",
        reason=_uppercase,
    )
    MacAddress = _text(r"^[0-9a-f]{2}(?::[0-9a-f]{2}){5}\Z", "a MAC address", "02:00:00:00:00:01", reason=_uppercase)
    PciAddress = _text(
        r"^[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]\Z",
        "a PCI address, domain:bus:device.function in lower-case hexadecimal",
        "0000:1b:00.0",
        reason=_uppercase,
    )
    PciId = _text(r"^[0-9a-f]{4}:[0-9a-f]{4}\Z", "a PCI vendor:device pair", "10de:2335", reason=_uppercase)
    ByIdPath = _text(
        r"^/dev/disk/by-id/(?:nvme-eui\.[0-9a-f]{16,32}|nvme-nqn\.[!-~]+|wwn-0x[0-9a-f]{16,32}|nvme-uuid\.[0-9a-f-]{36})\Z",
        "a stable disk identity below /dev/disk/by-id (nvme-eui.…, nvme-uuid.…, wwn-0x…)",
        "/dev/disk/by-id/nvme-eui.000000000000000100a075244a103331",
        reason=_kernel_name,
    )
    InterfaceName = _text(
        r"^(?!\.{1,2}$)[A-Za-z0-9_.][A-Za-z0-9_.-]{0,14}\Z",
        "a network interface name, at most 15 characters",
        "ovsbr0",
    )
    UnitName = _text(
        r"^[A-Za-z0-9:_.@\\-]{1,240}\.(?:service|timer|path|socket|target|mount|slice)\Z",
        "a systemd unit name",
        "a.service",
    )
    MaasName = _text(
        r"^(?![0-9]+$)(?!none$)(?!.*\.(?:out|err|yaml)$)[A-Za-z0-9@%+=:,._-]{1,255}\Z",
        "a MAAS script name (letters, digits and @%+=:,._-, not only digits, not 'none', no .out, .err or .yaml)",
        "50-gpuaas-slice-firmware-preflight",
    )
    SystemId = _text(r"^[a-z0-9]{6}\Z", "a MAAS system id of six characters", "a4mkx3", reason=_uppercase)
    SecretRef = _text(
        r"^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:/[^\x00-\x1f\x7f]+)\Z",
        "a reference to a secret, never the secret: env:NAME or file:/absolute/path",
        "env:MAAS_API_KEY",
        secret=True,
    )
    Url = _text(
        r"^https?://[^\s/?#@]+(?:[/?#][!-~]*)?\Z", "an http(s) URL without credentials", "http://10.0.0.2:5240/MAAS/"
    )
    HttpsUrl = _text(
        r"^https://[^\s/?#@]+(?:[/?#][!-~]*)?\Z", "an https URL without credentials", "https://example.com/key.asc"
    )
    Sha256 = _text(
        r"^[0-9a-f]{64}\Z", "a SHA-256 digest, 64 lower-case hexadecimal digits", "0" * 64, reason=_uppercase
    )
    Fingerprint = _text(r"^[0-9A-F]{40}\Z", "an OpenPGP fingerprint, 40 upper-case hexadecimal digits", "A" * 40)
    FileMode = _text(r"^0[0-7]{3}\Z", "a file mode in quotes, four octal digits", "0644")
    AbsolutePath = _text(
        r"^(?:/(?!\.{1,2}(?:/|$))[^/\x00-\x20\x7f]+)+\Z",
        "an absolute path without blanks, '.' or '..' parts",
        "/etc/gpuaas/node.env",
    )
    PackageName = _text(r"^[a-z0-9][a-z0-9+._:-]{0,127}\Z", "a package name", "openvswitch-switch", reason=_uppercase)
    KernelArgument = _text(
        r"^[A-Za-z0-9_.:-]+(?:=[A-Za-z0-9_.,:/@%+=-]*)?\Z", "one kernel argument without blanks or quotes", "iommu=pt"
    )
    ModuleName = _text(r"^[A-Za-z0-9_-]{1,63}\Z", "a kernel module name", "vfio_pci")
    SysctlKey = _text(r"^[a-z0-9_]+(?:[./][A-Za-z0-9_-]+)+\Z", "a sysctl key", "net.ipv4.ip_forward")
    Line = _text(r"^[^\x00-\x1f\x7f]+\Z", "text of one line", "text")
    BiosName = _text(r"^[A-Za-z][A-Za-z0-9_]{0,63}\Z", "a BIOS attribute name", "ProcVirtualization")
    Version = _text(r"^[0-9]+(?:\.[0-9A-Za-z]+)*\Z", "a version, in quotes", "24.04")
    Tag = _text(r"^[A-Za-z0-9_-]{1,255}\Z", "a MAAS tag (letters, digits, '_' and '-')", "gpuaas-profile-slice-vm")


def _interface(value: str) -> IPv4Interface:
    if not _PREFIX.search(value):
        raise ValueError("the prefix length is missing")
    return IPv4Interface(value)


def _strict_network(value: str) -> IPv4Network:
    if not _PREFIX.search(value):
        raise ValueError("the prefix length is missing")
    return IPv4Network(value)  # raises for host bits


_PREFIX = re.compile(r"/[0-9]{1,2}\Z")  # ipaddress takes netmasks and host masks too
_SIZE = re.compile(r"([1-9][0-9]*)(MiB|GiB|TiB)\Z")
_DURATION = re.compile(r"([1-9][0-9]*)(s|m|h|d)\Z")
_MIB = {"MiB": 1, "GiB": 1024, "TiB": 1024 * 1024}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Size:
    """A size such as `64GiB`; `mib` is the same in MiB (a power of two)."""

    __slots__ = ("mib", "text")

    def __init__(self, text: str) -> None:
        match = _SIZE.match(text)
        if match is None:
            raise ValueError(text)
        self.text = text
        self.mib = int(match[1]) * _MIB[match[2]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text


class Duration:
    """A time span such as `20m`; `seconds` is the same in seconds."""

    __slots__ = ("seconds", "text")

    def __init__(self, text: str) -> None:
        match = _DURATION.match(text)
        if match is None:
            raise ValueError(text)
        self.text = text
        self.seconds = int(match[1]) * _SECONDS[match[2]]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text


class Kind(NamedTuple):
    """How a non-text scalar is read from text, and what it wants in words."""

    parse: Callable[[str], object]
    says: str
    example: str
    reason: Callable[[str], str] = lambda _: ""


def _network_reason(value: str) -> str:
    try:
        network = IPv4Network(value, strict=False)
    except ValueError:
        return ""
    return f"host bits are set: the network is {network}" if "/" in value else "the prefix length is missing"


def _interface_reason(value: str) -> str:
    return "the prefix length is missing" if "/" not in value else ""


KINDS: dict[type, Kind] = {
    IPv4Address: Kind(IPv4Address, "an IPv4 address", "10.100.0.10"),
    IPv4Interface: Kind(_interface, "an IPv4 address with prefix length", "10.100.0.1/24", _interface_reason),
    IPv4Network: Kind(_strict_network, "an IPv4 network", "10.100.0.0/24", _network_reason),
    Size: Kind(Size, "a size in MiB, GiB or TiB", "64GiB"),
    Duration: Kind(Duration, "a duration in s, m, h or d", "20m"),
}


def decode(kind: type, value: object) -> object:
    """msgspec's hook for the types of KINDS; raises ValueError with what would be valid."""
    wanted = KINDS[kind]
    if not isinstance(value, str):
        raise ValueError(f"must be {wanted.says}, such as {wanted.example}")
    try:
        return wanted.parse(value)
    except ValueError:
        raise ValueError(f"must be {wanted.says}, such as {wanted.example}") from None


def schema(kind: type) -> dict[str, Any]:
    """msgspec's hook for the JSON Schema of the types of KINDS."""
    wanted = KINDS[kind]
    return {"type": "string", "description": wanted.says, "examples": [wanted.example]}
