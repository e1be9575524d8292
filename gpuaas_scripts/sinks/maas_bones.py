"""Imports python-libmaas' `maas.client.bones` without what it needs only to send requests and to log in.

It describes calls and signs them here; aiohttp (to send them) and macaroonbakery (logins by macaroon, never used with
an API key) would take half of the time of a run that changes nothing.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

BONES = "maas.client.bones"
_UNUSED = ("aiohttp", "macaroonbakery", "macaroonbakery.httpbakery")


def bones() -> Any:  # noqa: ANN401 - python-libmaas has no types
    """The module. Raises ImportError when python-libmaas is not installed."""
    if BONES in sys.modules:
        return sys.modules[BONES]
    stand_ins = {name: ModuleType(name) for name in _UNUSED if name not in sys.modules}
    if "macaroonbakery" in stand_ins:
        stand_ins["macaroonbakery"].httpbakery = stand_ins["macaroonbakery.httpbakery"]  # type: ignore[attr-defined]
    sys.modules.update(stand_ins)
    try:
        return import_module(BONES)
    finally:
        for name in stand_ins:
            del sys.modules[name]
