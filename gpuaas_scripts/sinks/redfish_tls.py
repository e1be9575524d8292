"""Verification of a BMC's certificate, for aiohttp; contexts are shared, since one costs a megabyte and 20 ms."""

from __future__ import annotations

import re
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING

from .bmc import BmcError, Tls, Trouble

if TYPE_CHECKING:
    import aiohttp

_HEX = re.compile(r"[0-9a-f]{64}")


def verification(tls: Tls, label: str) -> aiohttp.Fingerprint | ssl.SSLContext | bool:
    """What aiohttp takes as `ssl`; `label` names the BMC. Raises BmcError for a fingerprint or CA file that is none."""
    import aiohttp

    if tls.fingerprint:
        digits = re.sub(r"[:\s-]", "", tls.fingerprint.casefold().removeprefix("sha256"))
        if not _HEX.fullmatch(digits):
            raise BmcError(
                Trouble.TLS,
                f"{label}: the pinned fingerprint is not that of SHA-256: 64 hex digits",
                hint="openssl s_client -connect HOST:443 </dev/null | openssl x509 -noout -fingerprint -sha256",
            )
        return aiohttp.Fingerprint(bytes.fromhex(digits))
    if tls.insecure:
        return False
    if not tls.ca_file:
        return _context("")
    try:
        return _context(tls.ca_file.read_text(encoding="ascii"))
    except (OSError, ValueError, ssl.SSLError) as error:
        reason = getattr(error, "strerror", "") or "is no PEM file with certificates"
        raise BmcError(Trouble.TLS, f"{label}: CA certificates {tls.ca_file}: {reason}") from None


@lru_cache(maxsize=16)
def _context(authorities: str) -> ssl.SSLContext:
    """A context that trusts the system's authorities and these (PEM). Raises SSLError, ValueError."""
    context = ssl.create_default_context()
    if authorities:
        context.load_verify_locations(cadata=authorities)
    return context


def tls_error(label: str, cause: BaseException) -> BmcError:
    """The error for a certificate that was refused; names the one that was seen where that is known."""
    import aiohttp

    if isinstance(cause, aiohttp.ServerFingerprintMismatch):
        return BmcError(
            Trouble.TLS,
            f"{label}: the certificate is not the pinned one: its SHA-256 fingerprint is {cause.got.hex()}",
            hint="was the BMC reset or replaced? Check at its console before you pin the new fingerprint",
        )
    inner = getattr(cause, "certificate_error", None) or cause.__cause__ or cause
    reason = getattr(inner, "verify_message", "") or getattr(inner, "reason", "") or type(inner).__name__
    if not isinstance(cause, aiohttp.ClientConnectorCertificateError):
        hint = "is there a BMC with TLS 1.2 or newer at this address?"
        return BmcError(Trouble.TLS, f"{label}: no TLS connection: {reason}", hint=hint)
    return BmcError(
        Trouble.TLS,
        f"{label}: the certificate is refused: {reason}",
        hint="name the authority (--cacert), or pin the BMC's own certificate (bmc.certificate_sha256)",
    )
