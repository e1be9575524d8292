"""Lays out the shell templates of a repository with shfmt: `gpuaas-gen lint --fix`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..checks.shell_texts import beside
from ..checks.shfmt import formatted
from ..errors import GpuaasError
from ..templates import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator

_WHERE = ("lib/*.sh", "scripts/*/*.sh")


def format_templates(root: Path) -> Iterator[str]:
    """Write each fragment and body of the repository as it should be; yields the names of changed files.

    A file that cannot be parsed is left alone (lint says why), and so is a symbolic link. Raises
    GpuaasError when there is no templates/ or no shfmt.
    """
    folder = root / FOLDER
    if not folder.is_dir():
        raise GpuaasError(f"there is no {FOLDER}/ in {root}", hint="--fix lays out a repository's own templates only")
    if beside("shfmt") is None:
        raise GpuaasError("shfmt is not installed", hint="install the package shfmt-py")
    for file in sorted(path for pattern in _WHERE for path in folder.glob(pattern)):
        if file.is_symlink() or not file.is_file():
            continue
        try:
            text = file.read_bytes().decode()
        except UnicodeDecodeError:
            continue
        wanted = formatted(text)
        if wanted is not None and wanted != text:
            _replace(file, wanted)
            yield str(file.relative_to(root))


def _replace(file: Path, text: str) -> None:
    """Write the file whole or not at all, with the mode that it has."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    new = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode())
            stream.flush()
            os.fsync(handle)
        new.chmod(file.stat().st_mode & 0o7777)
        new.replace(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
