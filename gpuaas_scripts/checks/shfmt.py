"""The layout of shell: shfmt's, with two blanks, for the files of templates; their own for other people's files.

A site's scripts are judged where they are edited: body and fragments. A file that was given by path
and that no render made keeps its style (tabs, four blanks, `then` on its own line); only lines that
are indented unlike the rest of it are told.
"""

from __future__ import annotations

from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ..cache import Cache
from ..errors import Finding, Location, Severity
from ..run import run
from .base import Skip
from .shell_texts import Dialect, batches, beside, identity, is_generated, on_all_cores, scripts, written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..templates import SourceText
    from .base import Tree

STYLE = ("-ln", "posix", "-i", "2")
"""How templates are laid out; `gpuaas-gen lint --fix` writes it."""

_TIMEOUT_S = 120.0
_LANGUAGES = {Dialect.POSIX: "posix", Dialect.BASH: "bash", Dialect.KSH: "mksh"}
_SLIPS = 0.2
"""Of the indented lines; with more that differ, a file is of another style, not careless."""
_GOES_ON = ("\\", "|", "&&", "||", "(", "`")
"""Ends of lines after which people align the next one as they like."""


class Slip(msgspec.Struct, frozen=True):
    """A line that is laid out otherwise: line and column from 1, the line as it should be."""

    line: int
    column: int
    wanted: str


def check(tree: Tree) -> Iterator[Finding | Skip]:
    """The first line of each file that is laid out otherwise."""
    sources = _sources(tree)
    foreign = [
        (language, text) for (language, _), texts in scripts(tree).items() for text in texts if not is_generated(text)
    ]
    if not sources and not foreign:
        return
    program = beside("shfmt")
    if program is None:
        yield Skip("shfmt", "shfmt is not installed", "shfmt-py")
        return
    for source, slip in zip(sources, _of_sources(program, [source.text for source in sources]), strict=True):
        if slip is not None:
            place = Location(source.file, slip.line, slip.column)
            hint = "gpuaas-gen lint --fix writes the file as it should be"
            yield Finding("GS411", Severity.WARNING, _told(slip), place, hint)
    slips = on_all_cores(lambda one: _of_foreign(program, one[0], one[1].content), foreign)
    for (_, text), slip in zip(foreign, slips, strict=True):
        if slip is not None:
            message = f"{_told(slip)}, as the rest of the file is laid out"
            hint = "indent it like the rest"
            yield text.finding("GS412", message, slip.line, slip.column, hint=hint, severity=Severity.WARNING)


def formatted(text: str) -> str | None:
    """A template's text as it should be laid out; None when it cannot be parsed or shfmt is not installed."""
    program = beside("shfmt")
    return None if program is None else _formatted(program, text, STYLE)


def _told(slip: Slip) -> str:
    return f"should be {slip.wanted!r}" if slip.wanted.strip() else "a line too many, or blanks at its end"


def _sources(tree: Tree) -> list[SourceText]:
    """The shell files that a site's scripts are composed of, each once."""
    found: dict[str, SourceText] = {}
    for text in tree.texts:
        template = text.artifact.template if text.artifact is not None else None
        if text.composed is not None and template is not None:
            for source in (*template.bodies, *template.fragments):
                found[source.file] = source
    return [found[file] for file in sorted(found)]


def _of_sources(program: str, texts: list[str]) -> list[Slip | None]:
    """The first slip of each text against the style of templates."""
    cache = Cache("shfmt", Path(__file__))
    keys = ["\0".join((identity(program), *STYLE, text)).encode("utf-8", "surrogateescape") for text in texts]
    found: dict[int, Slip | None] = {}
    for index, key in enumerate(keys):
        kept = cache.get(key)
        if kept is not None:
            try:
                found[index] = msgspec.json.decode(kept, type=Slip | None)
            except msgspec.DecodeError:
                continue  # a damaged entry is as good as none
    missing = [index for index in range(len(texts)) if index not in found]
    work = [[missing[number] for number in members] for members in batches([texts[index] for index in missing])]
    for members, slips in zip(
        work, on_all_cores(lambda group: _differing(program, [texts[i] for i in group]), work), strict=True
    ):
        for index, slip in zip(members, slips, strict=True):
            found[index] = slip
            cache.put(keys[index], msgspec.json.encode(slip))
    return [found[index] for index in range(len(texts))]


def _differing(program: str, texts: list[str]) -> list[Slip | None]:
    """One process says which texts differ; those, few, are then formatted one by one."""
    with written(texts) as paths:
        done = run([program, *STYLE, "-l", *paths], timeout=_TIMEOUT_S, check=False)
    listed = set(done.stdout.split("\n"))
    return [_slip(program, text) if path in listed else None for path, text in zip(paths, texts, strict=True)]


def _slip(program: str, text: str) -> Slip | None:
    wanted = _formatted(program, text, STYLE)
    return None if wanted is None else first_difference(text, wanted)


def first_difference(text: str, wanted: str) -> Slip | None:
    """Where two texts begin to differ."""
    ours, theirs = text.split("\n"), wanted.split("\n")
    for number, line in enumerate(ours):
        other = theirs[number] if number < len(theirs) else ""
        if line != other or number >= len(theirs):
            same = next((i for i, (a, b) in enumerate(zip(line, other, strict=False)) if a != b), None)
            return Slip(number + 1, (min(len(line), len(other)) if same is None else same) + 1, other)
    return None if len(ours) == len(theirs) else Slip(len(ours), len(ours[-1]) + 1, theirs[len(ours)])


def _formatted(program: str, text: str, style: tuple[str, ...]) -> str | None:
    done = run([program, *style], stdin=text, timeout=_TIMEOUT_S, check=False)
    return done.stdout if done.returncode == 0 else None


class _Style(NamedTuple):
    """A way to lay out: blanks of one step (0: a tab), and whether the branches of `case` are indented."""

    step: int
    case: bool

    def options(self, language: Dialect) -> tuple[str, ...]:
        return ("-ln", _LANGUAGES[language], "-i", str(self.step), *(("-ci",) if self.case else ()))


def _of_foreign(program: str, language: Dialect, text: str) -> Slip | None:
    """The first slip of a file against the style that most of its lines have."""
    cache = Cache("shfmt-own", Path(__file__))
    key = "\0".join((identity(program), language, text)).encode("utf-8", "surrogateescape")
    kept = cache.get(key)
    if kept is not None:
        try:
            return msgspec.json.decode(kept, type=Slip | None)
        except msgspec.DecodeError:
            pass  # a damaged entry is as good as none
    step = own_step(text)
    found: list[list[Slip]] = []
    for style in (_Style(step, False), _Style(step, True)):
        wanted = _formatted(program, text, style.options(language))
        if wanted is not None:
            found.append(slips(text, wanted))
            if not found[-1]:
                break
    best = min(found, key=len, default=[])
    indented = sum(line[:1] in (" ", "\t") for line in text.split("\n"))
    answer = best[0] if best and len(best) <= max(1, _SLIPS * indented) else None
    cache.put(key, msgspec.json.encode(answer))
    return answer


def own_step(text: str) -> int:
    """The blanks by which most lines of a file are indented further than the line before; 0 for tabs."""
    steps: Counter[int] = Counter()
    depth = 0
    for line in text.split("\n"):
        if line.strip() and not line.lstrip().startswith("#"):
            if line.startswith("\t"):
                steps[0] += 1
            now = len(line) - len(line.lstrip(" "))
            if now > depth:
                steps[now - depth] += 1
            depth = now
    return steps.most_common(1)[0][0] if steps else 2


def slips(text: str, wanted: str) -> list[Slip]:
    """Lines of `text` that `wanted` has with another indentation, or without the blanks at their end.

    Left out: comments, lines that go on with the one before, and everything that is not the same line.
    """
    ours, theirs = text.split("\n"), wanted.split("\n")
    matcher = SequenceMatcher(None, [line.strip() for line in ours], [line.strip() for line in theirs], autojunk=False)
    found = []
    for mine, other, size in matcher.get_matching_blocks():
        for offset in range(size):
            line, should = ours[mine + offset], theirs[other + offset]
            before = ours[mine + offset - 1].rstrip() if mine + offset else ""
            if line == should or not line.strip() or line.lstrip().startswith("#"):
                continue
            if line.lstrip() != should.lstrip() or not before.endswith(_GOES_ON):
                same = next((i for i, (a, b) in enumerate(zip(line, should, strict=False)) if a != b), len(should))
                found.append(Slip(mine + offset + 1, same + 1, should))
    return found
