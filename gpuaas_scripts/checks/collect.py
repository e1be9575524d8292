"""Gathers the texts that checks look at: of a rendered site, or of files and folders."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ..artifacts import ArtifactKind
from ..errors import Finding, GpuaasError, Location, Severity
from ..renderers import render
from ..templates import Scope
from .base import Skip, Text, TextKind, Tree
from .detect import kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..artifacts import Plan
    from ..renderers import Rendered

_KINDS = {
    ArtifactKind.MAAS_SCRIPT: TextKind.MAAS_SCRIPT,
    ArtifactKind.SCRIPT: TextKind.SHELL,
    ArtifactKind.UNIT: TextKind.UNIT,
    ArtifactKind.NODE_ENV: TextKind.NODE_ENV,
    ArtifactKind.USER_DATA_PART: TextKind.CLOUD_CONFIG,
    ArtifactKind.USER_DATA: TextKind.USER_DATA,
}
"""Kinds that need no look at the content; that of other files is told by it and by their path."""
_LARGEST = 8 * 1024 * 1024
"""Bytes above which a file is nothing that this program checks."""
_READ = "reading"


def tree_of_plan(plan: Plan, early: Callable[[Tree], object] | None = None) -> Tree:
    """The texts of a planned site, rendered in memory; raises FindingsError as rendering does.

    `early` is called with what the nodes share as soon as that is rendered.
    """
    prefix = f"generated/{plan.site.name}"
    texts: list[Text] = []
    for rendered in render(plan):
        if early is not None and rendered.artifact.scope is Scope.NODE:
            early(Tree(tuple(texts), plan.site, plan))
            early = None
        texts.append(_text_of(rendered, prefix))
    return Tree(tuple(texts), plan.site, plan)


def _text_of(rendered: Rendered, prefix: str) -> Text:
    artifact = rendered.artifact
    content = rendered.content.decode()
    kind = _KINDS.get(artifact.kind)
    if kind is None:
        kind = kind_of(artifact.path, content)[0]
    path = f"{prefix}/{artifact.path}"
    return Text(path, content, kind, artifact.target, artifact.mode, artifact, rendered.composed)


def tree_of_paths(paths: Iterable[Path], shown_from: Path) -> tuple[Tree, list[Finding | Skip]]:
    """The texts of files and of all files below folders, and what could not be read.

    Names are shown relative to `shown_from` where they are below it. Symbolic links to folders are not
    followed. Raises GpuaasError for a path that does not exist.
    """
    texts: dict[Path, Text] = {}
    problems: list[Finding | Skip] = []
    for path in paths:
        if not path.exists():
            raise GpuaasError(f"{path}: no such file or folder")
        for file in _files(path, problems, shown_from):
            where = Path(os.path.abspath(file))  # noqa: PTH100 - resolve() would follow a link's name away
            if where not in texts:
                answer = _read(where, _shown(where, shown_from))
                if isinstance(answer, Text):
                    texts[where] = answer
                elif answer is not None and answer not in problems:
                    problems.append(answer)
    return Tree(tuple(texts.values())), problems


def _files(path: Path, problems: list[Finding | Skip], shown_from: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return

    def unreadable(error: OSError) -> None:
        problems.append(_unreadable(_shown(Path(error.filename), shown_from), error.strerror or str(error)))

    for folder, folders, names in os.walk(path, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__pycache__")))
        for name in sorted(names):
            yield Path(folder, name)


def _read(file: Path, shown: str) -> Text | Finding | Skip | None:
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            return Skip(_READ, f"{shown}: not a regular file")
        if status.st_size > _LARGEST:
            return Skip(_READ, f"{shown}: larger than {_LARGEST >> 20} MiB")
        content = file.read_bytes()
    except OSError as error:
        return _unreadable(shown, error.strerror or str(error))
    kind, target = kind_of(shown)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        if b"\0" in content and kind is TextKind.OTHER:
            return Skip(_READ, f"{shown}: not a text")
        line = content.count(b"\n", 0, error.start) + 1
        return Finding(
            "GS405", Severity.ERROR, "not UTF-8", Location(shown, line, 1), "write it in UTF-8, or leave it out"
        )
    if _is_part_of_template(file):
        return Skip(_READ, f"{shown}: part of a template; it is looked at composed, with --site")
    kind, target = kind_of(shown, text)
    return Text(shown, text, kind, target, f"{status.st_mode & 0o7777:04o}" if target else "")


def _is_part_of_template(file: Path) -> bool:
    """Whether the file is shell that only makes sense composed, or Jinja."""
    up = file.parents
    if file.suffix == ".j2":
        return True
    lib = file.suffix == ".sh" and file.parent.name == "lib" and (up[1] / "scripts").is_dir()
    return lib or (file.suffix == ".sh" and (file.parent / "script.yaml").is_file())


def _unreadable(shown: str, reason: str) -> Finding:
    return Finding("GS404", Severity.ERROR, f"cannot be read: {reason}", Location(shown), "give yourself access to it")


def _shown(path: Path, start: Path) -> str:
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - as above
    return str(absolute.relative_to(start)) if absolute.is_relative_to(start) else str(absolute)
