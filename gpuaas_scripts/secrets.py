"""Secrets by reference: resolved at the last moment, and never printed.

A reference is `env:NAME` or `file:/absolute/path` (`config.scalars.SecretRef`). What it leads to is a
`Secret`, which prints as `***`; its text is asked for with `reveal`, where it is sent.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import GpuaasError
from .run import MASK


class SecretError(GpuaasError):
    """A reference that leads to no secret; the text names the reference and never holds any secret."""


class Secret:
    """A secret text, which prints as `***`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return MASK

    def reveal(self) -> str:
        """The text, for whoever sends it."""
        return self._text


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file on a host that holds exactly one secret, brought there when the node is deployed.

    `target` is its path there, `key` the configuration's key for the reference and `place` where that key is set, or
    would be. `reference` is None while it is not set; `pending` says that it is to be approved.
    """

    target: str
    key: str
    place: str
    reference: str | None = None
    pending: bool = False

    def __str__(self) -> str:
        return f"{self.target} from {self.reference}"

    def resolve(self) -> Secret:
        """The secret of the file. Raises SecretError, which says where the reference stands."""
        return resolve(self.reference or "", f"{self.place}: {self.key}")


def resolve(reference: str, what: str) -> Secret:
    """The secret that `reference` leads to; `what` names it in errors ("the API key of site lab").

    One line end (LF or CRLF) at the end of a file is no part of the secret; all else is, and in a variable everything.
    Raises SecretError.
    """
    kind, _, place = reference.partition(":")
    if kind == "env":
        text = os.environ.get(place, "")
        if not text:
            state = "empty" if place in os.environ else "not set"
            raise SecretError(f"{what}: the environment variable {place} is {state}", hint=f"export {place}=…")
        if any("\ud800" <= character <= "\udfff" for character in text):  # how Python keeps bytes that are no UTF-8
            raise SecretError(f"{what}: the environment variable {place} is no text in UTF-8")
        return Secret(text)
    if kind != "file" or not place.startswith("/"):
        raise SecretError(f"{what}: the reference is neither env:NAME nor file:/absolute/path")
    return Secret(_content(Path(place), what))


def _content(path: Path, what: str) -> str:
    try:
        text = path.read_bytes().decode("utf-8")  # as bytes: line ends within stay as they are
    except UnicodeDecodeError:
        raise SecretError(f"{what}: {path} is no text in UTF-8") from None
    except OSError as error:
        raise SecretError(f"{what}: {path}: {error.strerror}") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise SecretError(f"{what}: {path} is empty")
    return text
