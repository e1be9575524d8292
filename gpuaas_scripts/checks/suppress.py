"""Suppressions: comments that switch a finding off at one place, and only with a reason.

    # gpuaas: disable=GS410,GS411 reason: why it is right here

stands at the end of the line it is for (where the format has such comments), or on a line of its own
above it. shellcheck has its own, `# shellcheck disable=SC2016 # why it is right here`; those need a
reason too, in the same comment or in the one above.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..codes import CODES
from ..errors import Finding, Location, Severity
from .base import Text, TextKind
from .comments import Comment, comments, rough_comments, yaml_comments
from .directives import directives
from .registry import owners

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ..templates import Template
    from .base import Tree
    from .registry import Told

_SIGN = "gpuaas:"
_MARK = re.compile(r"gpuaas:(?<!\wgpuaas:)\s*disable\b(.*)")
"""Begins with a fixed text, and no \\b before that: so is found fifty times as fast."""
_BODY = re.compile(r"\s*=\s*([A-Za-z]+[0-9]+(?:\s*,\s*[A-Za-z]+[0-9]+)*)(?:\s+reason:(.*))?\s*")
_DIRECTIVE = re.compile(r"\s*shellcheck\s+(?:\S+\s+)*?disable=(\S+)([^#]*)(?:#(.*))?")
_OF_WHOLE = {"SC2034", "SC2154", "SC2317", "SC2329"}
"""What shellcheck says of a fragment or body by itself, and lint does not, since it looks at whole scripts."""
_NOT_FOLLOWED = {"SC1090", "SC1091"}
"""What lint never says of sourced files, and shellcheck by itself does."""
_OWN = range(400, 410)
"""What this module and the collecting of texts say: not to be switched off."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """One well-formed suppression: its codes, its place, and the lines of its source that it covers.

    `embedded` ones stand in a text within a text (a script in user data): they work, and what is wrong
    with them is said where they come from.
    """

    codes: tuple[str, ...]
    place: Location
    lines: range
    embedded: bool = False

    def covers(self, finding: Finding) -> bool:
        """Whether it is for this finding."""
        at = finding.location
        return finding.code in self.codes and at.file == self.place.file and at.line in self.lines


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is left of the findings, what is wrong with the suppressions themselves, and how many worked."""

    told: tuple[Told, ...]
    own: tuple[Finding, ...]
    suppressed: int


def apply(told: Iterable[Told], trees: Iterable[Tree], looked: Collection[str]) -> Outcome:
    """Take out what is suppressed; `looked` are the checks that ran and could look at everything."""
    told = tuple(told)
    files = {item.finding.location.file for item in told}
    own: dict[Finding, None] = {}
    known: dict[Suppression, None] = {}
    for tree in trees:
        for text in tree.texts:
            # What user data holds is all embedded: good for a finding in the same file, and for nothing else.
            if text.kind is not TextKind.USER_DATA or text.path in files:
                _read(text, own, known)
        for template in _templates(tree):
            _read_document(template, own, known)
    by_file: dict[str, list[Suppression]] = {}
    for one in known:
        by_file.setdefault(one.place.file, []).append(one)
    used: set[tuple[Location, str]] = set()
    left = []
    count = 0
    for item in told:
        hits = [one for one in by_file.get(item.finding.location.file, ()) if one.covers(item.finding)]
        used |= {(one.place, item.finding.code) for one in hits}
        count += bool(hits)
        if not hits:
            left.append(item)
    own |= dict.fromkeys(_unused(known, used, looked))
    return Outcome(tuple(left), tuple(own), count)


def _read(text: Text, own: dict[Finding, None], known: dict[Suppression, None]) -> None:
    content = text.content
    if _MARK.search(content):
        lines = content.split("\n")
        for comment in comments(text, _SIGN):
            _one(comment, lines, text, own, known)
    # Parsing is slow, and nearly all directives have their reason: first a look without it.
    if text.kind in (TextKind.SHELL, TextKind.MAAS_SCRIPT):
        if any(_directives(rough_comments(content), text)):
            own |= dict.fromkeys(_directives(comments(text), text))
        for one in directives(content):
            place, first = text.origin(one.line, one.column, 1), text.origin(one.first).line
            covered = range(first, first + one.last - one.first + 1)
            quiet = {code for code in one.codes if code in _NOT_FOLLOWED or (text.composed and code in _OF_WHOLE)}
            judged = tuple(code for code in one.codes if code not in quiet)
            known[Suppression(judged, place, covered)] = None
            known[Suppression(tuple(sorted(quiet)), place, covered, embedded=True)] = None


def _one(
    comment: Comment, lines: list[str], text: Text, own: dict[Finding, None], known: dict[Suppression, None]
) -> None:
    match = _MARK.search(comment.text)
    if match is None:
        return
    place = text.origin(comment.line, comment.column, len(comment.text))
    codes, problems = _parsed(match[1], place)
    if not comment.embedded:
        own |= dict.fromkeys(problems)
    if codes:
        last = comment.line if not comment.alone else _next_code(lines, comment.line)
        start = text.origin(comment.line).line
        known[Suppression(codes, place, range(start, start + last - comment.line + 1), comment.embedded)] = None


def _parsed(rest: str, place: Location) -> tuple[tuple[str, ...], list[Finding]]:
    """The codes that a comment switches off, and what is wrong with it."""
    body = _BODY.fullmatch(rest)
    form = "write # gpuaas: disable=CODE reason: why it is right here"
    if body is None:
        return (), [Finding("GS406", Severity.ERROR, "a suppression that cannot be read", place, form)]
    if not (body[2] or "").strip():
        return (), [Finding("GS400", Severity.ERROR, "a suppression without a reason", place, form)]
    codes, problems = [], []
    for code in dict.fromkeys(re.split(r"\s*,\s*", body[1])):
        hint = _why_not(code)
        if hint:
            problems.append(Finding("GS401", Severity.ERROR, f"{code} cannot be switched off here", place, hint))
        else:
            codes.append(code)
    return tuple(codes), problems


def _why_not(code: str) -> str:
    """Why a code cannot be switched off in line; '' where it can."""
    if code.startswith("SC"):
        return f"for shellcheck's codes write # shellcheck disable={code} # why it is right here"
    if code not in CODES:
        return "no such code; gpuaas-gen lint --explain CODE tells what a code means"
    if int(code.removeprefix("GS")) in _OWN or not owners(code):
        return "it is none of the codes that a check of a text gives"
    return ""


def _next_code(lines: list[str], line: int) -> int:
    """The first line after `line` (both from 1) that is neither empty nor a comment; `line` itself at the end."""
    for number in range(line + 1, len(lines) + 1):
        stripped = lines[number - 1].strip()
        if stripped and not stripped.startswith(("#", ";", "//")):
            return number
    return line


def _unused(
    known: Iterable[Suppression], used: Collection[tuple[Location, str]], looked: Collection[str]
) -> Iterator[Finding]:
    for one in known:
        for code in one.codes:
            if (one.place, code) in used or one.embedded or not owners(code) <= set(looked):
                continue
            message = f"nothing to switch off: no {code} here"
            yield Finding("GS402", Severity.WARNING, message, one.place, "remove it, or mend the code")


def _directives(found: list[Comment], text: Text) -> Iterator[Finding]:
    """shellcheck's own suppressions that do not say why."""
    if "shellcheck" not in text.content:
        return
    above = {comment.line: comment for comment in found if comment.alone}
    for comment in found:
        match = _DIRECTIVE.match(comment.text.removeprefix("#"))
        if match is None or (match[3] or "").strip():
            continue
        before = above.get(comment.line - 1)
        if before is not None and before.text.strip("# \t") and not _DIRECTIVE.match(before.text.removeprefix("#")):
            continue
        place = text.origin(comment.line, comment.column, len(comment.text))
        hint = f"write # shellcheck disable={match[1]} # why it is right here"
        yield Finding("GS403", Severity.ERROR, f"{match[1]} is switched off without a reason", place, hint)


def _templates(tree: Tree) -> Iterable[Template]:
    """The templates of a site, each once."""
    found: dict[str, Template] = {}
    for text in tree.texts:
        if text.artifact is not None and text.artifact.template is not None:
            found[text.artifact.template.reference] = text.artifact.template
    return found.values()


def _read_document(template: Template, own: dict[Finding, None], known: dict[Suppression, None]) -> None:
    """Suppressions in a template's description file."""
    document = template.document
    if not _MARK.search(document.text):
        return
    text = Text(document.file, document.text, TextKind.YAML)
    lines = document.text.split("\n")
    for comment in yaml_comments(document.text, _SIGN):
        _one(comment, lines, text, own, known)
