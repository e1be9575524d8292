"""Forms as MAAS takes them: multipart/form-data, values as they are (RFC 7578).

python-libmaas builds the same with the `email` package and base64, which takes longer than the request.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

_BOUNDARY = os.urandom(16).hex()  # nobody who wrote a value knows it


def multipart(values: Iterable[tuple[str, str]]) -> tuple[str, bytes]:
    """The content type and the body of a form; a name may come several times."""
    parts = [
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{_quoted(name)}"\r\n\r\n{value}\r\n'
        for name, value in values
    ]
    return f"multipart/form-data; boundary={_BOUNDARY}", f"{''.join(parts)}--{_BOUNDARY}--\r\n".encode()


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
