"""Fixture hosts: machines that exist as raw inputs only (sysfs, /proc files, command outputs).

The layout is described in tests/hosts/README.md. This module turns a folder into the plan that
`entry.py` carries out in the container before systemd starts.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gpuaas_scripts.errors import GpuaasError

# Folders of the kernel that keep what this machine shows and get the fixture's entries on top.
# Any other folder below /sys is replaced as a whole by the first fixture folder met from above.
MERGED = frozenset(
    PurePosixPath(path)
    for path in (
        *("/sys", "/sys/bus", "/sys/class", "/sys/class/net", "/sys/class/block", "/sys/block"),
        *("/sys/dev", "/sys/dev/block", "/sys/devices", "/sys/devices/system", "/sys/devices/virtual"),
        *("/sys/devices/virtual/net", "/sys/firmware", "/sys/fs", "/sys/kernel", "/sys/kernel/mm"),
    )
)
_VOLATILE = ("dev", "run", "tmp")
_NODE = re.compile(r"(/dev/[^ ]+) ([bc]) (\d+) (\d+)")


@dataclass(frozen=True, slots=True, weakref_slot=True)
class FixtureHost:
    """A fixture host: its name, its folder, and the steps for `entry.py`, one a line, in order.

    `folder` of a host with a base is a temporary one that holds the whole host; it goes with this object.
    """

    name: str
    folder: Path
    steps: tuple[str, ...]


def load_host(folder: Path) -> FixtureHost:
    """Read the fixture host in `folder`, on top of the one that its file `base` names.

    Raises GpuaasError when it is none, holds what cannot be mounted, or differs from its base in what is not there.
    """
    if not (folder / "base").exists():
        return FixtureHost(folder.name, folder, _steps(folder))
    whole = Path(tempfile.mkdtemp(prefix=f"gpuaas-{folder.name}-"))
    try:
        _lay_out(folder, whole)
        host = FixtureHost(folder.name, whole, _steps(whole))
    except BaseException:
        shutil.rmtree(whole)
        raise
    weakref.finalize(host, shutil.rmtree, whole, ignore_errors=True)
    return host


def _lay_out(folder: Path, whole: Path, above: tuple[str, ...] = ()) -> None:
    """Copy the base of `folder` without what it takes away, then its own files; `above` are hosts that stand on it."""
    lines = _lines(folder / "base")
    base = folder.parent / (lines[0] if lines else "")
    if not lines or not base.is_dir() or base.name in (*above, folder.name):
        raise GpuaasError(f"{folder}/base: must begin with the name of another fixture host that does not stand on it")
    if (base / "base").exists():
        _lay_out(base, whole, (*above, folder.name))
    else:
        shutil.copytree(base, whole, symlinks=True, dirs_exist_ok=True)
    for line in lines[1:]:
        path = whole / line.removeprefix("- ")
        inside = path != whole and path.parent.resolve().is_relative_to(whole.resolve())
        if not line.startswith("- ") or not inside or not os.path.lexists(path):
            raise GpuaasError(f"{folder}/base: {line}: must be '- ' and a path that {base.name} has")
        if _is_folder(path):
            shutil.rmtree(path)
        else:
            path.unlink()
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            source = Path(parent, name)
            inner = source.relative_to(folder)
            _put(source, whole / inner, f"{folder}/base: {base.name} has {inner} in another kind: add '- {inner}'")
    (whole / "base").unlink()


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _put(source: Path, target: Path, refusal: str) -> None:
    if os.path.lexists(target):
        if _is_folder(source) != _is_folder(target):
            raise GpuaasError(refusal)
        if _is_folder(source):
            return
        target.unlink()
    if _is_folder(source):
        target.mkdir()
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _steps(folder: Path) -> tuple[str, ...]:
    root = folder / "root"
    if not root.is_dir() and not (folder / "commands").is_dir():
        raise GpuaasError(f"{folder}: no fixture host: neither root/ nor commands/ is there")
    _refuse_blanks(folder)
    replaced, optional = _mounts_file(folder)
    kernel = [*_kernel_steps(root, replaced, optional), *(f"dir {path}" for path in replaced)]
    # A parent before its children, whatever asked for it.
    kernel.sort(key=lambda step: (step.count("/"), step))
    return (*kernel, *_disk_steps(root), *_node_steps(folder), *_commands(folder))


def _refuse_blanks(folder: Path) -> None:
    for parent, folders, files in os.walk(folder):
        if Path(parent).is_relative_to(folder / "commands"):
            continue
        for name in (*folders, *files):
            if re.search(r"\s", name):
                raise GpuaasError(f"{parent}/{name}: names in a fixture host hold no blanks")


def _mounts_file(folder: Path) -> tuple[list[PurePosixPath], set[PurePosixPath]]:
    """Folders to replace as a whole (empty where the fixture has none), and `?` files that a kernel may lack."""
    replaced: list[PurePosixPath] = []
    optional: set[PurePosixPath] = set()
    for line in _lines(folder / "mounts"):
        path = PurePosixPath(line.removeprefix("?"))
        if path.parts[:2] not in (("/", "sys"), ("/", "proc")) or len(path.parts) < 3 or ".." in path.parts:
            raise GpuaasError(f"{folder}/mounts: {line}: must be an absolute path below /sys or /proc")
        if line.startswith("?"):
            optional.add(path)
        else:
            replaced.append(path)
    return replaced, optional


def _lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _kernel_steps(root: Path, replaced: list[PurePosixPath], optional: set[PurePosixPath]) -> list[str]:
    steps: list[str] = []
    pending = [root / top for top in ("proc", "sys") if (root / top).is_dir()]
    while pending:
        for entry in sorted(pending.pop().iterdir()):
            path = PurePosixPath("/", *entry.relative_to(root).parts)
            if path in replaced:
                continue
            if entry.is_symlink():
                raise GpuaasError(f"{entry}: a symlink cannot be mounted: name its folder {path.parent} in mounts")
            if not entry.is_dir():
                steps.append(f"{'maybe' if path in optional else 'file'} {path}")
            elif path in MERGED or path.parts[1] == "proc":
                pending.append(entry)
            else:
                steps.append(f"dir {path}")
    return steps


def _disk_steps(root: Path) -> list[str]:
    """Everything outside the kernel's file systems is copied, so that a script under test can change it."""
    if not root.is_dir():
        return []
    tops = sorted(entry.name for entry in root.iterdir() if entry.name not in ("proc", "sys"))
    for top in tops:
        if not (root / top).is_dir():
            raise GpuaasError(f"{root / top}: only folders stand directly below root/")
    return [f"{'volatile' if top in _VOLATILE else 'copy'} /{top}" for top in tops]


def _node_steps(folder: Path) -> list[str]:
    lines = _lines(folder / "nodes")
    for line in lines:
        if not _NODE.fullmatch(line):
            raise GpuaasError(f"{folder}/nodes: {line}: must be like '/dev/kvm c 10 232'")
    return [f"node {line}" for line in lines]


def _commands(folder: Path) -> list[str]:
    commands = folder / "commands"
    return [f"command {entry.name}" for entry in sorted(commands.iterdir())] if commands.is_dir() else []
