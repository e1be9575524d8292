"""What all checks of `gpuaas-gen lint` share: the texts they look at, and what they answer.

A check is a function from a `Tree` to findings and skips. It looks at the rendered text; where a
text was composed (scripts), `Text.origin` leads from its lines to the file that a person edits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ..errors import Finding, Location, Severity

if TYPE_CHECKING:
    from ..artifacts import Artifact, Plan
    from ..config.site import Site
    from ..renderers.script import Composed


class TextKind(StrEnum):
    """The format of a text: decides which checks look at it."""

    MAAS_SCRIPT = "maas-script"
    SHELL = "shell"
    USER_DATA = "user-data"  # assembled, multi-part MIME
    CLOUD_CONFIG = "cloud-config"
    UNIT = "unit"  # systemd units and their drop-ins
    NETPLAN = "netplan"
    DNSMASQ = "dnsmasq"
    GRUB = "grub"
    SYSCTL = "sysctl"
    MODULES_LOAD = "modules-load"
    MODPROBE = "modprobe"
    UDEV = "udev"
    NODE_ENV = "node-env"
    JSON = "json"
    TOML = "toml"
    YAML = "yaml"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Text:
    """One text to be checked.

    `path` is its name as shown; `target` and `mode` are its place and mode on the host ('' where
    it is no file there or that is not known). `artifact` and `composed` are there for texts of a
    site, None for files that were given by path.
    """

    path: str
    content: str
    kind: TextKind
    target: str = ""
    mode: str = ""
    artifact: Artifact | None = None
    composed: Composed | None = None

    def origin(self, line: int, column: int = 1, length: int = 1) -> Location:
        """The place to point at for a line of the text: in its source where it was composed, else in itself."""
        source = self.composed.origin(line) if self.composed is not None else None
        if source is not None:
            return Location(source[0], source[1], column, length)
        return Location(self.path, line, column, length)

    def finding(
        self,
        code: str,
        message: str,
        line: int,
        column: int = 1,
        *,
        hint: str = "",
        length: int = 1,
        severity: Severity = Severity.ERROR,
        secret: bool = False,
    ) -> Finding:
        """A finding about a place of this text."""
        return Finding(code, severity, message, self.origin(line, column, length), hint, secret=secret)


@dataclass(frozen=True, slots=True)
class Skip:
    """Something that could not be looked at: which check, why, and the package that would let it."""

    check: str
    reason: str
    package: str = ""


@dataclass(frozen=True, slots=True)
class Tree:
    """All texts of one run. `site` and `plan` are None when files were given by path."""

    texts: tuple[Text, ...]
    site: Site | None = None
    plan: Plan | None = None

    def of(self, *kinds: TextKind) -> tuple[Text, ...]:
        """The texts of these kinds."""
        return tuple(text for text in self.texts if text.kind in kinds)


Check = Callable[[Tree], Iterable[Finding | Skip]]
"""A check. It never raises for what a text holds; it raises GpuaasError when a tool breaks."""
