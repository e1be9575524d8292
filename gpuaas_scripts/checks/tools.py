"""Other programs that checks ask: where they are, which version, and their answers by content."""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from typing import TYPE_CHECKING

from ..cache import Cache
from ..run import CommandError, base_env, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIMEOUT = 60.0
"""Seconds that a program gets for one text."""


def find(name: str) -> str | None:
    """The program's path, also from the folders of the system's administrator; None when it is not installed."""
    return shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")


@lru_cache(maxsize=32)
def version(program: str, *arguments: str) -> str:
    """The first line that the program says to `arguments`, as part of a cache key; its path where it says nothing."""
    try:
        done = run([program, *arguments], timeout=TIMEOUT, env=base_env(), check=False)
    except CommandError:
        return program
    said = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return said[0] if said else program


def remembered(check: str, source: Path, tool: str, content: str, ask: Callable[[], str]) -> str:
    """`ask()`, or its answer to the same content, program version and source of the check."""
    cache = Cache(check, source)
    key = f"{tool}\0{content}".encode()
    kept = cache.get(key)
    if kept is not None:
        return kept.decode("utf-8", "replace")
    answer = ask()
    cache.put(key, answer.encode())
    return answer
