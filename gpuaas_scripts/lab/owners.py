"""Where a function of a rendered script stands in templates/: the place that a person changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from gpuaas_scripts.lab.mutants import Function


@dataclass(frozen=True, slots=True)
class Owner:
    """A fragment ("lib/disk") or script, its file in the repository, and the line before the function's first."""

    name: str
    path: str
    line: int


class Owners:
    """The shell sources of a repository."""

    def __init__(self, root: Path) -> None:
        fragments = sorted((root / "templates/lib").glob("*.sh"))
        bodies = sorted((root / "templates/scripts").glob("*/*.sh"))
        named = [(f"lib/{path.stem}", path) for path in fragments] + [(path.parent.name, path) for path in bodies]
        self._texts = [(name, str(path.relative_to(root)), path.read_text("utf-8")) for name, path in named]

    def names(self) -> list[str]:
        """All fragments and scripts."""
        return [name for name, _, _ in self._texts]

    def of(self, function: Function) -> Owner | None:
        """The owner of a function; None for one that no template holds as it is."""
        for name, path, text in self._texts:
            place = f"\n{text}".find(f"\n{function.source}\n")
            if place >= 0:
                return Owner(name, path, text.count("\n", 0, place))
        return None
