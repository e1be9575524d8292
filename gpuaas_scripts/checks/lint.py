"""Runs the checks over trees of texts and collects what they say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import Finding, Location, Severity
from . import suppress
from .base import Skip
from .registry import CHECKS, Told, check_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from .base import Check, Tree

_SUPPRESSIONS = "suppressions"
_READING = "reading"


@dataclass(frozen=True, slots=True)
class Report:
    """What a run says: findings by check, what could not be looked at, and how much was.

    `checks` are those that ran; `withheld` counts artifacts that wait for approved values and so were
    not looked at; `suppressed` counts the findings that are switched off in line.
    """

    told: tuple[Told, ...] = ()
    skips: tuple[Skip, ...] = ()
    checks: tuple[str, ...] = ()
    texts: int = 0
    withheld: int = 0
    suppressed: int = 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings alone."""
        return tuple(one.finding for one in self.told)

    def count(self, severity: Severity) -> int:
        """How many findings of a severity there are."""
        return sum(one.finding.severity is severity for one in self.told)


def lint(
    trees: Sequence[Tree],
    *,
    only: Collection[str] = (),
    problems: Iterable[Finding | Skip] = (),
    find: Callable[[str], Check] = check_of,
) -> Report:
    """Run the checks named in `only` (default: all) over the trees; a finding about a shared file is told once.

    `problems` are what was found when the texts were gathered. Raises GpuaasError when a tool breaks.
    """
    names = tuple(name for name in CHECKS if not only or name in only)
    told: dict[Told, None] = {}
    skips: dict[Skip, None] = {}
    for name, answers in [(_READING, problems), *_asked(names, trees, find)]:
        for answer in answers:
            if isinstance(answer, Skip):
                skips[answer] = None
            else:
                told[Told(name, answer)] = None
    told = _with_sources(told, trees)
    looked = set(names) - {skip.check for skip in skips}
    outcome = suppress.apply(told, trees, looked)
    everything = [*outcome.told, *(Told(_SUPPRESSIONS, finding) for finding in outcome.own)]
    texts = sum(len(tree.texts) for tree in trees)
    return Report(_sorted(everything), tuple(skips), names, texts, _withheld(trees), outcome.suppressed)


def _asked(
    names: Sequence[str], trees: Sequence[Tree], find: Callable[[str], Check]
) -> list[tuple[str, list[Finding | Skip]]]:
    """What each check says, in the order of `names`.

    Three run at once: most wait for their processes, shellcheck longest, while the others have their turn.
    """

    def ask(name: str) -> list[Finding | Skip]:
        check = find(name)
        return [answer for tree in trees for answer in check(tree)]

    with ThreadPoolExecutor(max_workers=3) as pool:
        return list(zip(names, pool.map(ask, names), strict=True))


def _with_sources(told: Iterable[Told], trees: Iterable[Tree]) -> dict[Told, None]:
    """Findings in a rendered file name the template that it comes from, which is what a person edits."""
    sources = {
        text.path: Location((text.artifact.template.body or text.artifact.template.document).file)
        for tree in trees
        for text in tree.texts
        if text.artifact is not None and text.artifact.template is not None
    }
    found: dict[Told, None] = {}
    for one in told:
        source = sources.get(one.finding.location.file)
        if source is not None and not one.finding.also:
            one = Told(one.check, replace(one.finding, also=(source,)))
        found[one] = None
    return found


def _sorted(told: Iterable[Told]) -> tuple[Told, ...]:
    return tuple(sorted(told, key=lambda one: (one.finding.location, one.finding.code, one.finding.message)))


def _withheld(trees: Iterable[Tree]) -> int:
    plans = [tree.plan for tree in trees if tree.plan is not None]
    return sum(bool(artifact.missing) for plan in plans for artifact in plan.artifacts())
