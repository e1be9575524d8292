"""modprobe.d and modules-load.d: commands, module names, and modules that are both loaded and kept out.

Facts: modprobe.d(5) of kmod 33, modules-load.d(5).
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from ..errors import Severity
from .base import TextKind
from .cloud_commands import Hosts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..errors import Finding
    from .base import Skip, Text, Tree

_COMMANDS = ("alias", "blacklist", "install", "options", "remove", "softdep", "weakdep")
_MODULE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*\Z")
_TRICK = re.compile(r"\|\|?|&&?|;|`|\$\(|>|<")
_NOTHING = ("/bin/true", "/bin/false", "/usr/bin/true", "/usr/bin/false", "true", "false")


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """Findings of all files about kernel modules."""
    hosts = Hosts(tree)
    kept_out: dict[str, dict[str, str]] = {}
    for text in tree.of(TextKind.MODPROBE):
        yield from _modprobe(text, kept_out.setdefault(hosts.key(text), {}))
    for text in tree.of(TextKind.MODULES_LOAD):
        yield from _modules_load(text, kept_out.get(hosts.key(text), {}))


def _lines(content: str) -> Iterator[tuple[int, int, str]]:
    """Number, column and text of each line that says something; continued ones are joined."""
    lines = content.split("\n")
    number = 0
    while number < len(lines):
        line, start = lines[number], number + 1
        number += 1
        while line.endswith("\\") and number < len(lines):
            line = f"{line[:-1]} {lines[number].strip()}"
            number += 1
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield start, line.index(stripped[0]) + 1, stripped


def _module(name: str) -> tuple[str, str] | None:
    if re.search(r"\.ko(\.[a-z]+)?$", name):
        return f"{name!r} is a file's name: no module is called so", f"write {name.split('.ko')[0]}"
    if not _MODULE.match(name):
        return f"{name!r} is no name of a module", "letters, digits, _ and -"
    return None


def _canonical(name: str) -> str:
    return name.replace("-", "_")


def _modprobe(text: Text, kept_out: dict[str, str]) -> Iterator[Finding]:
    set_before: dict[tuple[str, str], int] = {}
    for number, column, line in _lines(text.content):
        words = line.split()
        command = words[0]

        def tell(
            message: str,
            hint: str = "",
            word: str = "",
            severity: Severity = Severity.ERROR,
            *,
            n: int = number,
            c: int = column,
            of: str = line,
        ) -> Finding:
            at = c + of.index(word) if word else c
            return text.finding("GS479", message, n, at, hint=hint, length=max(len(word), 1), severity=severity)

        if command not in _COMMANDS:
            close = difflib.get_close_matches(command, _COMMANDS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"one of {', '.join(_COMMANDS)}"
            yield tell(f"no command {command!r}: modprobe ignores the line", hint, command)
            continue
        if len(words) < 2:
            yield tell(f"{command} names no module", "", command)
            continue
        if command != "alias":
            problem = _module(words[1])
            if problem:
                yield tell(problem[0], problem[1], words[1])
                continue
        if command == "blacklist":
            kept_out[_canonical(words[1])] = f"{text.path}:{number}"
            if len(words) > 2:
                yield tell(
                    f"blacklist takes one module: {words[2]!r} is ignored", "give it a line of its own", words[2]
                )
        elif command == "alias" and len(words) != 3:
            yield tell("alias takes a name and a module", "alias NAME MODULE", command)
        elif command == "options":
            for finding in _options(words[2:], set_before, words[1], number):
                yield tell(*finding)
        elif command in ("softdep", "weakdep"):
            yield from (tell(*finding) for finding in _softdep(command, words[2:]))
        elif command in ("install", "remove"):
            yield from (tell(*finding) for finding in _install(command, words, line))


def _options(
    words: list[str], set_before: dict[tuple[str, str], int], module: str, number: int
) -> Iterator[tuple[str, str, str]]:
    if not words:
        yield f"options for {module} without any", "write name=value", "options"
    for word in words:
        name, equals, _ = word.partition("=")
        if word == "=" or (equals and not name):
            yield "blanks around `=`: modprobe hands the pieces over as options of their own", "write name=value", word
            return
        if word.endswith(","):
            yield f"{word!r} ends in a comma: options are parted by blanks", "remove it", word
        key = (_canonical(module), name)
        if equals and key in set_before:
            yield f"{name} of {module} is set twice (first in line {set_before[key]})", "keep one", word
        if equals:
            set_before.setdefault(key, number)


def _softdep(command: str, words: list[str]) -> Iterator[tuple[str, str, str]]:
    marks = ("pre:", "post:") if command == "softdep" else ()
    if marks and not any(word in marks for word in words):
        wrong = words[0] if words else command
        yield "softdep without `pre:` or `post:`: kmod ignores what it names", "softdep MODULE pre: OTHER", wrong
        return
    for word in words:
        if word not in marks:
            problem = _module(word)
            if problem:
                yield problem[0], "write `pre: a b post: c`", word


def _install(command: str, words: list[str], line: str) -> Iterator[tuple[str, str, str, Severity]]:
    rest = line.split(None, 2)[2] if len(words) > 2 else ""
    if not rest:
        yield f"{command} {words[1]} without a command", "such as /bin/false", command, Severity.ERROR
        return
    if rest.split()[0] in _NOTHING and len(rest.split()) == 1:
        return
    trick = _TRICK.search(rest)
    if trick and rest.split()[0] in ("/bin/true", "/bin/false"):
        trick = None
    if re.search(rf"\bmodprobe\b(?!.*(?:--ignore-(?:install|remove)|\s-i\b)).*\b{re.escape(words[1])}\b", rest):
        yield (
            f"modprobe {words[1]} from its own install command runs in a circle",
            "add --ignore-install",
            "modprobe",
            Severity.ERROR,
        )
    elif trick:
        message = f"shell text with {trick[0]!r} runs as root whenever {words[1]} is asked for"
        yield message, "use softdep or options; for shell, a unit", rest.split()[0], Severity.WARNING


def _modules_load(text: Text, kept_out: dict[str, str]) -> Iterator[Finding]:
    is_list = text.target == "/etc/modules"
    seen: dict[str, int] = {}
    for number, line in enumerate(text.content.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        column = line.index(stripped[0]) + 1
        words = stripped.split()
        problem = _module(words[0])
        if problem is None and len(words) > 1 and not is_list:
            if words[1].startswith("#"):
                problem = (
                    "a comment needs a line of its own: the whole line is taken for a module's name",
                    "move it above",
                )
            elif "=" in stripped:
                problem = (
                    "options do not belong here: the whole line is taken for a module's name",
                    f"write `options {stripped}` into modprobe.d",
                )
            else:
                problem = (
                    f"one module for each line: {stripped!r} is taken for one name",
                    "give each a line of its own",
                )
        if problem is not None:
            yield text.finding("GS479", problem[0], number, column, hint=problem[1], length=len(stripped))
            continue
        name = _canonical(words[0])
        if name in seen:
            message = f"{words[0]} stands twice (first in line {seen[name]})"
            yield text.finding(
                "GS479", message, number, column, hint="keep one", length=len(words[0]), severity=Severity.WARNING
            )
        if name in kept_out:
            message = f"{words[0]} is blacklisted in {kept_out[name]}: systemd-modules-load does not load it"
            yield text.finding("GS479", message, number, column, hint="take one of the two out", length=len(words[0]))
        seen.setdefault(name, number)
