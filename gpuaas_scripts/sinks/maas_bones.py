"""Imports python-libmaas' `maas.client.bones` and aiohttp without what they need only for something else.

`macaroonbakery` (logins by macaroon, never used with an API key) and the system's CA certificates, which aiohttp
reads when it is imported even for a MAAS without TLS, take a third of the time of a run that changes nothing.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

BONES = "maas.client.bones"
_HEAVY = "macaroonbakery"


def bones() -> Any:  # noqa: ANN401 - python-libmaas has no types
    """The module. Raises ImportError when python-libmaas is not installed."""
    with _late_certificates():
        import_module("aiohttp")
    if BONES in sys.modules or _HEAVY in sys.modules:
        return import_module(BONES)
    stand_in = ModuleType(_HEAVY)
    stand_in.httpbakery = ModuleType(f"{_HEAVY}.httpbakery")  # type: ignore[attr-defined]
    sys.modules[_HEAVY] = stand_in
    try:
        return import_module(BONES)
    finally:
        del sys.modules[_HEAVY]


class _LateContext(ssl.SSLContext):
    """What `ssl.create_default_context` gives, but the system's CA certificates are read at the first connection."""

    _ready = False

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:  # noqa: ANN401 - handed on
        """As that of SSLContext, which is what asyncio calls."""
        if not self._ready:
            self._ready = True
            self.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return super().wrap_bio(*args, **options)


def _late_context(*_args: Any, **_options: Any) -> ssl.SSLContext:  # noqa: ANN401 - as the real one
    context = _LateContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificates and host names
    if sys.version_info >= (3, 13):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    return context


def _nothing(self: ssl.SSLContext) -> None:
    """Read no certificates."""


@contextmanager
def _late_certificates() -> Iterator[None]:
    """While aiohttp is imported, a default context reads no certificates yet."""
    real = ssl.create_default_context
    if "aiohttp" in sys.modules:
        yield
        return
    ssl.create_default_context = _late_context
    # aiohttp's other context checks no certificates, and reads them all the same
    ssl.SSLContext.set_default_verify_paths = _nothing  # type: ignore[method-assign]
    try:
        yield
    finally:
        ssl.create_default_context = real
        del ssl.SSLContext.set_default_verify_paths  # that of its base class is there again
