"""Commands of cloud-config (runcmd, bootcmd): are they run as they read, and is there what they call?

Facts: `util.shellify` of cloud-init 25.1: a list is one command, each word quoted; a text is a line of
/bin/sh. bootcmd runs on every boot, before write_files and packages; runcmd once, after both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from yaml.nodes import ScalarNode, SequenceNode

from ..artifacts import ArtifactKind
from ..errors import Severity
from ..templates import Scope
from . import programs
from .base import TextKind
from .shell_texts import Dialect
from .shell_uses import uses_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..artifacts import Artifact
    from ..errors import Finding
    from .base import Text, Tree
    from .places import Places

_SHELLS = {
    "sh",
    "bash",
    "dash",
    "ash",
    "/bin/sh",
    "/bin/bash",
    "/usr/bin/sh",
    "/usr/bin/bash",
    "/bin/dash",
    "/usr/bin/dash",
}
_OPERATORS = {"|", "||", "&&", ";", "&", ">", ">>", "<", "2>", "2>>", "2>&1", "&>", ">&2", "<<<"}
_EXPANSION = re.compile(r"\$\(|`|\$\{|\$[A-Za-z_]")
_TRICK = re.compile(r"\|\|?|&&?|;|>|<|`|\$\(")
_QUOTED = re.compile(r"'[^']*'|\\.|\"(?:[^\"\\$`]|\\.)*\"")
_APT = {"apt-get", "apt", "aptitude"}


@dataclass(slots=True)
class Hosts:
    """What the documents of one host install, by the profile they are for ('' for files given by path)."""

    tree: Tree
    packages: dict[str, set[str]] = field(default_factory=dict)
    files: dict[str, set[str]] = field(default_factory=dict)
    profile_of: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from .cloud_config import data_of, write_files

        if self.tree.site is not None:
            self.profile_of = {node.name: node.profile.name for node in self.tree.site.nodes}
        for text in self.tree.of(TextKind.CLOUD_CONFIG):
            if text.artifact is not None and text.artifact.scope is Scope.NODE:
                self.files.setdefault(self.key(text), set()).update(one.target for one in text.artifact.embeds)
                continue
            self.packages.setdefault(self.key(text), set()).update(packages_in(data_of(text)))
            self.files.setdefault(self.key(text), set()).update(entry["path"] for _, entry in write_files(text))
        self._withheld()
        for text in self.tree.texts:
            if text.target and text.artifact is None:
                self.files.setdefault("", set()).add(text.target)

    def _withheld(self) -> None:
        """What user data will install that still waits for approved values."""
        for artifact in self.tree.plan.artifacts() if self.tree.plan is not None else ():
            if artifact.missing and artifact.kind is ArtifactKind.USER_DATA_PART:
                key = self._key_of(artifact)
                self.files.setdefault(key, set()).update(one.target for one in artifact.embeds)
                packages = artifact.values.get("packages")
                names = [str(name) for name in packages] if isinstance(packages, tuple) else []
                self.packages.setdefault(key, set()).update(names)

    def key(self, text: Text) -> str:
        """Whose host the text is for."""
        return "" if text.artifact is None else self._key_of(text.artifact)

    def _key_of(self, artifact: Artifact) -> str:
        if artifact.kind is ArtifactKind.MAAS_SCRIPT:
            return ""
        return artifact.owner if artifact.scope is Scope.PROFILE else self.profile_of.get(artifact.owner, "")


def packages_in(data: dict[str, Any]) -> set[str]:
    """Names in `packages`, without version and release."""
    listed = data.get("packages")
    found: set[str] = set()
    for entry in listed if isinstance(listed, list) else []:
        one = entry[0] if isinstance(entry, list) and entry else entry
        if isinstance(one, dict):  # {apt: [...], snap: [...]}
            found |= packages_in({"packages": one.get("apt")})
        elif isinstance(one, str):
            found.add(re.split(r"[=/]", one, maxsplit=1)[0].removesuffix("+"))
    return found


def command_findings(text: Text, document: Places, data: dict[str, Any], hosts: Hosts) -> Iterator[Finding]:
    """Findings about the entries of runcmd and bootcmd."""
    key = hosts.key(text)
    installed = hosts.packages.get(key, set()) | packages_in(data)
    files = hosts.files.get(key, set()) | _own_files(data)
    for section in ("bootcmd", "runcmd"):
        entries = data.get(section)
        if not isinstance(entries, list):
            continue
        here = set() if section == "bootcmd" else set(installed)
        written = set() if section == "bootcmd" else files
        for index, entry in enumerate(entries):
            if isinstance(entry, str):
                yield from _text(text, document, section, index, entry)
                calls = _calls(entry)
            elif isinstance(entry, list) and entry and all(isinstance(word, str) for word in entry):
                yield from _words(text, document, section, index, entry)
                calls = (
                    _calls(entry[2])
                    if entry[0] in _SHELLS and entry[1:2] in (["-c"], ["-ec"], ["-xc"], ["-euc"]) and len(entry) > 2
                    else []
                )
                calls.insert(0, tuple(entry))
            else:
                continue
            yield from _missing(text, document, (section, index), calls, here, written)


def _own_files(data: dict[str, Any]) -> set[str]:
    entries = data.get("write_files")
    return (
        {entry["path"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("path"), str)}
        if isinstance(entries, list)
        else set()
    )


def _calls(line: str) -> list[tuple[str, ...]]:
    return [said.words for said in uses_of(line, Dialect.BASH).commands]


def _text(text: Text, document: Places, section: str, index: int, line: str) -> Iterator[Finding]:
    bare = _QUOTED.sub("q", line)
    bare = "\n".join(part for part in bare.split("\n") if not part.lstrip().startswith("#"))
    trick = _TRICK.search(bare)
    several = len([part for part in bare.strip().split("\n") if part.strip()]) > 1
    if trick is None and not several:
        return
    place = document.at((section, index))
    what = f"shell text with {trick[0]!r}" if trick else "several lines of shell"
    yield text.finding(
        "GS462",
        f"{section}[{index}] is {what}: a failure in the middle is lost, and no check of scripts looks at it",
        *(place.line, place.column),
        hint="put it into a script in write_files and call that, or write a list of words",
        length=place.length,
        severity=Severity.WARNING,
    )


def _words(text: Text, document: Places, section: str, index: int, words: list[str]) -> Iterator[Finding]:
    shell = words[0] in _SHELLS
    for number, word in enumerate(words):
        if number == 0 and " " in word.strip() and len(words) == 1:
            message = f"one word with blanks: the machine looks for a program named {word!r}"
            hint = "write each word as an entry of its own, or the whole as text"
        elif not shell and word in _OPERATORS:
            message = f"{word!r} in a list of words is an argument: no shell reads it"
            hint = "write the entry as text, or put the line into a script"
        elif (
            not shell and number and _EXPANSION.search(word) and words[0] not in ("awk", "sed", "grep", "printf", "tee")
        ):
            message = f"{word!r} in a list of words is not replaced: no shell reads it"
            hint = "write the value, or put the line into a script"
        else:
            continue
        place = document.at((section, index, number))
        yield text.finding("GS462", message, place.line, place.column, hint=hint, length=place.length)
        return


def _missing(
    text: Text,
    document: Places,
    path: tuple[str, int],
    calls: list[tuple[str, ...]],
    installed: set[str],
    files: set[str],
) -> Iterator[Finding]:
    """A finding for each program that is not there when the command runs; `apt-get install` adds to `installed`."""
    for words in calls:
        program = words[0]
        if not words or "\ufffc" in program:
            continue
        problem = _problem(program, path[0], installed, files)
        if problem is not None:
            place = _place(document, path, program)
            yield text.finding("GS463", problem[0], *place, hint=problem[1])
        name = program.rpartition("/")[2]
        if name in _APT and "install" in words:
            installed |= {
                word.split("=")[0] for word in words[words.index("install") + 1 :] if not word.startswith("-")
            }


def _problem(program: str, section: str, installed: set[str], files: set[str]) -> tuple[str, str] | None:
    name = program.rpartition("/")[2]
    if program in files or (
        "/" not in program
        and (programs.is_builtin(name) or any(one.rpartition("/")[2] == name and "/local/" in one for one in files))
    ):
        return None
    if "/" in program:
        place = programs.misplaced(program)
        if place is not None:
            return f"there is no {program}: the program is {place}", f"write {place}"
        if not programs.is_system(program):
            if program.startswith(("/usr/local/", "/opt/", "/etc/")):
                when = "bootcmd runs before write_files" if section == "bootcmd" else "no entry of write_files makes it"
                return f"{program} is not there: {when}", "write it with write_files, or call what is installed"
            return None
    if programs.in_image(name) or programs.brought_by(name, installed):
        return None
    packages = programs.packages_of(name)
    if packages:
        when = (
            "bootcmd runs before packages are installed" if section == "bootcmd" else "`packages` does not install it"
        )
        return f"{name} comes with {' or '.join(packages)}: {when}", f"add {packages[0].rstrip('*-')} to `packages`"
    meant = programs.resembling(name)
    return (f"no program {name!r} is known", f"did you mean {meant!r}?") if meant else None


def _place(document: Places, path: tuple[str, int], program: str) -> tuple[int, int]:
    """The line and column of the program's name in the entry, as far as it can be found."""
    node = document.node(path)
    first = document.at((*path, 0)) if isinstance(node, SequenceNode) else document.at(path)
    lines = document.text.split("\n")
    if isinstance(node, (ScalarNode, SequenceNode)):
        for number in range(node.start_mark.line, min(node.end_mark.line + 1, len(lines))):
            start = node.start_mark.column if number == node.start_mark.line else 0
            found = re.compile(rf"(?<![\w./-]){re.escape(program)}(?![\w./-])").search(lines[number], start)
            if found:
                return number + 1, found.start() + 1
    return first.line, first.column
