"""Imports python-libmaas' `maas.client.bones` without what it needs only for logins by macaroon.

`macaroonbakery` takes a third of the time of a run that changes nothing, and is never used with an API key.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

BONES = "maas.client.bones"
_HEAVY = "macaroonbakery"


def bones() -> Any:  # noqa: ANN401 - python-libmaas has no types
    """The module. Raises ImportError when python-libmaas is not installed."""
    if BONES in sys.modules or _HEAVY in sys.modules:
        return import_module(BONES)
    stand_in = ModuleType(_HEAVY)
    stand_in.httpbakery = ModuleType(f"{_HEAVY}.httpbakery")  # type: ignore[attr-defined]
    sys.modules[_HEAVY] = stand_in
    try:
        return import_module(BONES)
    finally:
        del sys.modules[_HEAVY]
