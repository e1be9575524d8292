"""Self-signed certificates for the stand-ins, as an iDRAC has one."""

from __future__ import annotations

import hashlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..run import run

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its key, as PEM files. `fingerprint` is SHA-256 over the DER form, small hex digits."""

    certificate: Path
    key: Path
    fingerprint: str

    def context(self) -> ssl.SSLContext:
        """A context for the server side, TLS 1.2 and newer."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_certificate(folder: Path, name: str = "idrac") -> Certificate:
    """A new certificate for 127.0.0.1 in `folder`, valid for a year; needs openssl. Raises CommandError."""
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    words += ["-days", "365", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    run([*words, "-keyout", str(key), "-out", str(certificate)], timeout=30)
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text(encoding="ascii"))
    return Certificate(certificate, key, hashlib.sha256(der).hexdigest())
