"""Names of MAAS scripts: what MAAS takes, what it keeps for itself, and names of several scripts together.

Source: MAAS 3.7 `maasserver.forms.script` and `metadataserver.builtin_scripts`, and a running region.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ..errors import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..errors import Finding
    from .maas_rules_block import Script

_LONGEST = 255
_CHARACTERS = re.compile(r"[A-Za-z0-9@%+=:,._-]+", re.ASCII)
_OUTPUTS = (".out", ".err", ".yaml")
_OF_MAAS = re.compile(r"(\d\d-)?maas-")
_BUILT_IN = {
    *("7z", "badblocks", "badblocks-destructive", "fio", "gateway-connectivity", "internet-connectivity", "memtester"),
    *("ntp", "rack-controller-connectivity", "smartctl-conveyance", "smartctl-long", "smartctl-short"),
    *("smartctl-validate", "stress-ng-cpu-long", "stress-ng-cpu-short", "stress-ng-memory-long"),
    *("base-connectivity", "stress-ng-memory-short", "wipe-disks"),
}
_HINT = "letters, digits and @%+=:,._- as in 50-site-check"


def check_name(script: Script) -> Iterator[Finding]:
    """The name of one script."""
    if "name" not in script.data:
        yield script.tell(
            "GS428",
            "the metadata has no name: MAAS refuses an upload that does not give one beside the file",
            (),
            "add `name:`",
            severity=Severity.WARNING,
        )
        return
    name = script.data["name"]
    problem = _problem(name)
    if problem:
        yield script.tell("GS428", problem, ("name",), _HINT)
        return
    yield from _reserved(script, name)
    path = PurePosixPath(script.text.path)
    if script.text.artifact is None and path.parent.name == "maas" and path.suffix == ".sh" and path.stem != name:
        yield script.tell(
            "GS447",
            f"the file is called {path.name}, the script {name}: an upload by the file's name is refused, "
            "or renames the script that MAAS has",
            ("name",),
            f"call the file {name}.sh, or the script {path.stem}",
            severity=Severity.WARNING,
        )


def _problem(name: object) -> str:
    if not isinstance(name, str):
        return f"the name {name!r} is no text: MAAS answers with an internal error (500)"
    if not name:
        return "the name is empty: MAAS refuses the script"
    if name.isdigit():
        return f"the name {name} is all digits: MAAS refuses it, since it selects scripts by number too"
    if name.lower() == "none":
        return "the name `none` is MAAS's word for no scripts at all: MAAS refuses it"
    if len(name) > _LONGEST:
        return f"the name has {len(name)} characters, MAAS takes {_LONGEST}"
    if "/" in name:
        return f"the name {name!r} holds a slash: MAAS takes it, and then no request can reach the script again"
    if name in (".", ".."):
        return f"the name {name!r} is a folder: MAAS takes it, and then no request can reach the script again"
    if not _CHARACTERS.fullmatch(name):
        bad = sorted({character for character in name if not _CHARACTERS.fullmatch(character)})
        return f"the name {name!r} holds {' '.join(map(repr, bad))}: MAAS refuses the script"
    return ""


def _reserved(script: Script, name: str) -> Iterator[Finding]:
    suffix = next((one for one in _OUTPUTS if name.endswith(one)), None)
    if suffix is not None:
        message = f"the name ends in {suffix}: MAAS keeps a script's output under such names and mixes the two up"
        yield script.tell("GS429", message, ("name",), f"drop {suffix}")
    elif name in _BUILT_IN:
        message = f"MAAS has a script {name} of its own: it refuses the upload"
        yield script.tell("GS429", message, ("name",), "take another name")
    elif _OF_MAAS.match(name):
        message = "names like this are those of MAAS's own scripts; an update of MAAS may bring one of this name"
        yield script.tell("GS429", message, ("name",), "take another name, such as 50-site-check")


def check_names(scripts: Sequence[Script]) -> Iterator[Finding]:
    """Names of scripts that go to one region together: each its own, none within another."""
    named = [script for script in scripts if script.name]
    for script in named:
        for other in named:
            if other is script:
                continue
            if other.name == script.name and scripts.index(other) < scripts.index(script):
                message = f"the name {script.name} is also that of {other.text.path}: one replaces the other in MAAS"
                yield script.tell("GS427", message, ("name",), "give each script its own name")
            elif other.name != script.name and other.name in script.name:
                message = (
                    f"the name {script.name} contains {other.name}, another script's: MAAS takes parameters for "
                    "the one as parameters for the other"
                )
                yield script.tell("GS430", message, ("name",), "rename one, so that none contains the other")
