"""A script as the stand-in MAAS stores it, and as MAAS answers it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from ..maas import fields as kinds

API = "/MAAS/api/2.0"

_TYPE_NAMES = {0: "Commissioning script", 2: "Testing script", 3: "Release script"}
_HARDWARE_NAMES = ("Node", "CPU", "Memory", "Storage", "Network", "GPU")
_PARALLEL_NAMES = ("Disabled", "Run along other instances of this script", "Run along any other script.")


@dataclass(slots=True)
class Revision:
    """One stored content."""

    id: int
    comment: str | None
    created: str
    data: str


@dataclass(slots=True)
class Script:
    """A stored script; `history` is newest first."""

    id: int = 0
    name: str = ""
    title: str = ""
    description: str = ""
    tags: list[str] = field(default_factory=list)
    script_type: int = 2
    hardware_type: int = 0
    parallel: int = 0
    results: Any = field(default_factory=dict)
    parameters: Any = field(default_factory=dict)
    packages: Any = field(default_factory=dict)
    timeout: timedelta = timedelta()
    destructive: bool = False
    default: bool = False
    for_hardware: list[str] = field(default_factory=list)
    may_reboot: bool = False
    recommission: bool = False
    apply_configured_networking: bool = False
    history: list[Revision] = field(default_factory=list)

    def save_tags(self) -> None:
        """Set the tags that MAAS sets by itself, and take away those that do not fit."""
        wanted = ["destructive"] if self.destructive else []
        wanted.append(kinds.HardwareType(self.hardware_type).name.lower())
        self.tags = [tag for tag in self.tags if tag not in kinds.AUTOMATIC_TAGS or tag in wanted]
        self.tags += [tag for tag in wanted if tag not in self.tags]


@lru_cache(maxsize=4096)
def _in_base64(data: str) -> str:
    return base64.b64encode(data.encode("utf-8", "surrogatepass")).decode()


def as_json(script: Script, *, contents: bool = False) -> dict[str, Any]:
    """A script as MAAS answers it; with `contents` each revision's text in base64."""
    same = (
        "id name title description tags hardware_type parallel results parameters packages destructive default"
        " for_hardware may_reboot recommission apply_configured_networking"
    )
    history = []
    for revision in script.history:
        entry: dict[str, Any] = {"id": revision.id, "comment": revision.comment, "created": revision.created}
        if contents:
            entry["data"] = _in_base64(revision.data)
        history.append(entry)
    return {
        **{name: getattr(script, name) for name in same.split()},
        "timeout": str(script.timeout),
        "type": script.script_type,
        "history": history,
        "type_name": _TYPE_NAMES[script.script_type],
        "hardware_type_name": _HARDWARE_NAMES[script.hardware_type],
        "parallel_name": _PARALLEL_NAMES[script.parallel],
        "resource_uri": f"{API}/scripts/{quote(script.name, safe='/@:+,=')}",
    }
