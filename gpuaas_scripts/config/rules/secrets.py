"""Rules for secrets: none stands in a file, also where any text is allowed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..source import SECRET_KEY
from .base import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..site import Node

_REFERENCE = re.compile(r"env:|file:/")


def check_environment(node: Node) -> Iterator[Problem]:
    """GS260: an environment variable that is named like a secret and holds a literal."""
    for name, value in node.config.environment.items():
        if SECRET_KEY.search(name) and not _REFERENCE.match(value):
            yield Problem(
                "GS260",
                f"{name} is named like a secret and holds a literal",
                ("environment", name),
                "write a reference, env:NAME or file:/absolute/path, and change the secret",
                secret=True,
            )
