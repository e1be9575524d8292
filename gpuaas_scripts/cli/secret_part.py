"""The secrets of user data: tried before anything is sent, and added at the moment it is."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import GpuaasError
from ..maas.storage import Problem
from ..renderers.cloud_init import with_secrets
from ..renderers.quote import QuoteError
from ..secrets import SecretError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..secrets import Secret, SecretFile


@dataclass(frozen=True, slots=True)
class Sent:
    """User data as it is sent, and the texts in it that no error may show. Neither is ever printed."""

    user_data: bytes
    hidden: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Sent({len(self.user_data)} bytes)"


def try_out(user_data: bytes | None, files: Sequence[SecretFile]) -> tuple[Problem, ...]:
    """Every reference that leads to no secret, and user data that the secrets make too large. Keeps no secret."""
    problems: list[Problem] = []
    found: list[tuple[str, Secret]] = []
    for file in files:
        if file.reference is None:
            continue
        try:
            found.append((file.target, file.resolve()))
        except SecretError as error:
            problems.append(Problem(str(error), error.hint))
    if user_data is not None and not problems:
        try:
            with_secrets(user_data, found)
        except QuoteError as error:
            problems.append(Problem(f"with its secrets: {error}", "is the reference that of the secret?"))
    return tuple(problems)


def added(user_data: bytes, files: Sequence[SecretFile]) -> Sent:
    """The user data with its secrets, resolved now. Raises SecretError, and GpuaasError when it becomes too large."""
    found = [(file.target, file.resolve()) for file in files if file.reference]
    try:
        whole = with_secrets(user_data, found)
    except QuoteError as error:
        raise GpuaasError(f"with its secrets: {error}; nothing was sent") from None
    texts = [secret.reveal() for _, secret in found]
    return Sent(whole, (*texts, *(base64.b64encode(text.encode()).decode() for text in texts)))
