"""`gpuaas-gen init`: commented starter files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import GpuaasError
from .console import Console, complete_hardware, complete_profile, complete_site, find_root, verb

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")
_SCHEMAS = ".schemas"


@click.command("init")
@click.argument("kind", type=click.Choice(("site", "node", "hardware", "profile", "script")))
@click.argument("name")
@click.option("--site", shell_complete=complete_site, help="Site of a new node (default: the only one there is).")
@click.option("--profile", shell_complete=complete_profile, help="Profile of a new node (default: the only one).")
@click.option("--hardware-class", shell_complete=complete_hardware, help="Hardware class of a new node.")
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    kind: str,
    name: str,
    site: str | None,
    profile: str | None,
    hardware_class: str | None,
) -> None:
    """Write a commented starter that validates. A file that is there is never overwritten.

    In an empty folder, start with a site: that makes site-configs/. A script gets a folder of its own,
    templates/scripts/NAME, with script.yaml and body.sh.

    \b
    Examples:
      gpuaas-gen init site lab
      gpuaas-gen init hardware box
      gpuaas-gen init profile worker
      gpuaas-gen init node n1 --site lab --profile worker --hardware-class box
      gpuaas-gen init script lab-hello
    """
    from ..templates import packaged_folder

    if not _NAME.match(name):
        raise GpuaasError(f"{name!r} is not a name", hint="use a-z, 0-9 and '-', at most 63 characters")
    if kind != "node" and (site or profile or hardware_class):
        raise click.UsageError("--site, --profile and --hardware-class are for `init node`")
    root = _root(console, explicit_root, kind)
    if kind == "node":
        files, after = _node(root, name, site, profile, hardware_class)
    else:
        files, after = _shared(kind, name)
    _write(root, {path: _editor_line(root, path, kind) + text for path, text in files.items()})
    for path in files:
        console.data(path)
    if kind == "script" and (packaged_folder() / "scripts" / name).is_dir():
        console.info(f"this replaces the script {name} that comes with the program")
    console.info(f"next: {after}")
    if not (root / _SCHEMAS / f"{kind}.json").is_file():
        console.info(
            f"for an editor that checks while you type: mkdir -p {_SCHEMAS} && "
            f"gpuaas-gen schema {kind} > {_SCHEMAS}/{kind}.json, then begin the file with\n  "
            + _schema_line(next(iter(files)), kind)
        )


def _root(console: Console, explicit: Path | None, kind: str) -> Path:
    """The repository; for a site, one that is still to be made."""
    try:
        return find_root(console, explicit)
    except GpuaasError:
        if kind != "site":
            raise
    root = explicit or Path.cwd()
    if not root.is_dir():
        raise GpuaasError(f"there is no folder {root}", hint="make it first")
    return root


def _shared(kind: str, name: str) -> tuple[dict[str, str], str]:
    """The files of a site, class, profile or script by path, and what to do next."""
    from ..config import starters

    if kind == "site":
        after = f"fill it in; add a profile (gpuaas-gen init profile NAME), then nodes (init node NAME --site {name})"
        return {f"site-configs/sites/{name}.yaml": starters.site(name)}, after
    if kind == "hardware":
        after = f"write what a machine of the class says; name it in nodes: hardware_class: {name}"
        return {f"site-configs/hardware/{name}.yaml": starters.hardware(name)}, after
    if kind == "profile":
        after = f"list its artifacts; give nodes the profile: gpuaas-gen init node NAME --profile {name}"
        return {f"site-configs/profiles/{name}.yaml": starters.profile(name)}, after
    folder = f"templates/scripts/{name}"
    after = f"write {folder}/body.sh; list {name} in a profile under artifacts: scripts:"
    return {f"{folder}/script.yaml": starters.script(name), f"{folder}/body.sh": starters.body()}, after


def _node(
    root: Path, name: str, site: str | None, profile: str | None, hardware_class: str | None
) -> tuple[dict[str, str], str]:
    """The file of a node by path, and what to do next."""
    from ..config import starters

    folder = root / "site-configs"
    chosen_site = _one_of(folder / "sites", "site", site)
    chosen_profile = _one_of(folder / "profiles", "profile", profile)
    chosen_class = _one_of(folder / "hardware", "hardware class", hardware_class) if hardware_class else ""
    path = f"site-configs/nodes/{chosen_site}/{name}.yaml"
    after = f"fill it in; then gpuaas-gen validate --site {chosen_site}, gpuaas-gen render --site {chosen_site}"
    return {path: starters.node(name, chosen_site, chosen_profile, chosen_class)}, after


def _one_of(folder: Path, noun: str, name: str | None) -> str:
    """The name of a file of `folder`: the one asked for, or the only one."""
    from ..config.check import suggestion

    known = sorted(path.stem for path in folder.glob("*.yaml"))
    option = f"--{noun.replace(' ', '-')}"
    if name is None:
        if len(known) == 1:
            return known[0]
        if not known:
            raise GpuaasError(f"there is no {noun} yet", hint=f"gpuaas-gen init {noun.split()[0]} NAME")
        raise GpuaasError(f"which {noun}? give {option}", hint=f"known: {', '.join(known)}")
    if name not in known:
        raise GpuaasError(f"{noun} {name!r} does not exist", hint=suggestion(name, known))
    return name


def _schema_line(path: str, kind: str) -> str:
    return f"# yaml-language-server: $schema={'../' * path.count('/')}{_SCHEMAS}/{kind}.json"


def _editor_line(root: Path, path: str, kind: str) -> str:
    """The line by which an editor finds the schema; only where the schema is there."""
    if not path.endswith(".yaml") or not (root / _SCHEMAS / f"{kind}.json").is_file():
        return ""
    return _schema_line(path, kind) + "\n"


def _write(root: Path, files: Mapping[str, str]) -> None:
    """Create all of the files or, where one is there already, none."""
    taken = [path for path in files if os.path.lexists(root / path)]
    if taken:
        raise GpuaasError(f"{taken[0]} is there already; nothing was written", hint="choose another name, or edit it")
    for path, text in files.items():
        place = root / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise GpuaasError(f"{path}: cannot be written: {error.strerror or error}") from None
