"""Where things are: the folders of a repository, and the templates that come with the program.

Apart from what reads them, so that finding them imports nothing else.
"""

from __future__ import annotations

from pathlib import Path

from .errors import GpuaasError

CONFIG = "site-configs"
TEMPLATES = "templates"


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` that holds site-configs/. Raises GpuaasError."""
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_dir():
            return folder
    raise GpuaasError(
        f"no {CONFIG}/ in {start} or above",
        hint="go into the repository, give --root, or start one with: gpuaas-gen init site NAME",
    )


def packaged_templates() -> Path:
    """The templates that came with the program: in the wheel, or beside the package in a checkout."""
    inside = Path(__file__).parent / "_templates"
    return inside if inside.is_dir() else Path(__file__).parent.parent / TEMPLATES
