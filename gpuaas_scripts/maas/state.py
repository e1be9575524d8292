"""The scripts that MAAS holds, as typed objects, from the answer to `GET scripts/?include_script=true`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import TypeVar

from ..errors import ExitCode, GpuaasError
from . import fields as kinds
from . import stamp
from .fields import Fields, HardwareType, Parallel, ScriptType
from .stamp import Stamp

_Kind = TypeVar("_Kind", bound=IntEnum)


_KEPT = 4096
"""Contents that are decoded once however often they are asked for."""


class StateError(GpuaasError):
    """An answer that is none of MAAS's."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=ExitCode.REMOTE)


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision of a script: MAAS's id, the comment, MAAS's own text of the time, the content in base64.

    `data` is None when the answer came without contents.
    """

    id: int
    comment: str
    created: str
    data: str | None

    @property
    def content(self) -> str | None:
        """The content as text, None when the answer came without contents. Raises StateError."""
        if self.data is None:
            return None
        try:
            return _decoded(self.data)
        except binascii.Error as error:
            raise StateError(f"the content of revision {self.id} in MAAS's answer is no base64: {error}") from error

    @property
    def stamp(self) -> Stamp | None:
        """Our stamp in the comment, None when somebody else wrote the revision."""
        return stamp.read_comment(self.comment)


@dataclass(frozen=True, slots=True)
class HeldScript:
    """A script in MAAS; `revisions` are newest first and never empty, `default` is True for MAAS's own scripts."""

    id: int
    name: str
    default: bool
    fields: Fields
    revisions: tuple[Revision, ...]

    @property
    def head(self) -> Revision:
        """The current revision."""
        return self.revisions[0]

    @property
    def content(self) -> str:
        """The current content. Raises StateError when the answer came without contents."""
        content = self.head.content
        if content is None:
            raise StateError(f"MAAS's answer about script {self.name} has no content")
        return content

    @property
    def sites(self) -> frozenset[str]:
        """The sites whose marker tags the script carries."""
        return stamp.sites(self.fields.tags)


@lru_cache(maxsize=_KEPT)
def _decoded(data: str) -> str:
    return base64.b64decode(data, validate=True).decode("utf-8", "replace")


def parse_list(answer: object) -> dict[str, HeldScript]:
    """All scripts of a list answer by name. Raises StateError."""
    if not isinstance(answer, Sequence) or isinstance(answer, str | bytes):
        raise StateError("MAAS's list of scripts is no list")
    scripts = [parse_one(item) for item in answer]
    return {script.name: script for script in scripts}


def parse_one(answer: object) -> HeldScript:
    """The script of one answer. Raises StateError."""
    if not isinstance(answer, Mapping):
        raise StateError("MAAS's answer is no script")
    try:
        revisions = tuple(_revision(item) for item in answer["history"])
        script = HeldScript(int(answer["id"]), str(answer["name"]), bool(answer["default"]), _fields(answer), revisions)
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"MAAS's answer about script {answer.get('name')!r} cannot be read: {error!r}") from error
    if not revisions:
        raise StateError(f"script {script.name} has no revision")
    return script


def _revision(item: Mapping[str, object]) -> Revision:
    data = item.get("data")
    content = None if data is None else str(data)
    return Revision(int(str(item["id"])), str(item["comment"] or ""), str(item["created"]), content)


def _fields(answer: Mapping[str, object]) -> Fields:
    tags = answer["tags"] or []
    hardware = answer["for_hardware"] or []
    if not isinstance(tags, list) or not isinstance(hardware, list):
        raise ValueError("tags and for_hardware must be lists")
    return Fields(
        title=str(answer["title"] or "").strip(),
        description=str(answer["description"] or "").strip(),
        tags=kinds.own_tags(map(str, tags)),
        script_type=_kind(ScriptType, answer["type"]),
        hardware_type=_kind(HardwareType, answer["hardware_type"]),
        parallel=_kind(Parallel, answer["parallel"]),
        timeout=kinds.duration(str(answer["timeout"])),
        packages=kinds.canonical(answer["packages"]),
        for_hardware=tuple(map(str, hardware)),
        results=kinds.canonical(answer["results"]),
        parameters=kinds.canonical(answer["parameters"]),
        destructive=bool(answer["destructive"]),
        may_reboot=bool(answer["may_reboot"]),
        recommission=bool(answer["recommission"]),
        apply_configured_networking=bool(answer["apply_configured_networking"]),
    )


def _kind(kind: type[_Kind], value: object) -> _Kind | int:
    """A number that a newer MAAS may have added stays a number: somebody else's script must not stop us."""
    number = int(str(value))
    return kind(number) if number in list(kind) else number
