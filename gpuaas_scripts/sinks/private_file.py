"""Writes a file that only its owner may read: whole or not at all, mode 0600 from its first byte on."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ..errors import GpuaasError


def write_private(path: Path, data: bytes) -> None:
    """Put `data` at `path`, in the place of what is there. Raises GpuaasError; then nothing has changed."""
    try:
        if path.is_dir() or (path.exists() and not path.is_file()):
            raise GpuaasError(f"{path}: is there, and is no file")
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600 (mkstemp(3))
        new = Path(name)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(handle)
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise GpuaasError(f"{path}: {error.strerror or error}", hint="choose another place with -o") from None
