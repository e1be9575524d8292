"""The hunt for mutants that live: for each, the tests that reach its statement, until one fails.

A test runs in a container that was used before. So a failure counts only when the same test passes in the same
container afterwards, on the unchanged scripts or on another mutant; else the container is thrown away, and the mutants
tried anew, each with a proof of its own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.station import Said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from gpuaas_scripts.lab.station import Station, Test

_CHUNK = 6
"""Tests of one file that are asked for together."""
_PENDING = 4
"""Failures of one test, one after the other, that share a proof."""


@dataclass(slots=True)
class Kills:
    """Which tests have killed mutants, by the function and the mark they were at; they are tried first."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def note(self, place: str, test: Test) -> None:
        """The test killed a mutant at this mark."""
        for where in (place, place.partition(".")[0]):
            self.counts[where, test.name] += 1

    def order(self, place: str, tests: Iterable[Test]) -> list[Test]:
        """The tests in the order in which they are tried: killers of neighbours, then the most specific."""
        function = place.partition(".")[0]
        return sorted(
            tests,
            key=lambda one: (
                -self.counts[place, one.name],
                -self.counts[function, one.name],
                len(one.marks) * (1 + one.seconds),
                one.name,
            ),
        )


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a mutant: the test that killed it, or those that it survived, of `reached` that reach it."""

    killer: str = ""
    survived: tuple[str, ...] = ()
    reached: int = 0

    @property
    def alive(self) -> bool:
        """No test noticed it."""
        return not self.killer


def reaching(place: str, tests: Iterable[Test]) -> list[Test]:
    """The tests that reach a mark, or any mark of a function when the place has no number."""
    if "." in place:
        return [test for test in tests if place in test.marks]
    return [test for test in tests if any(mark.startswith(place + ".") for mark in test.marks)]


@dataclass(frozen=True, slots=True)
class Prey:
    """A mutant to try: the changed scripts, the tests in their order, and who is told.

    `noted` is told of a test that failed, `done` of the fate, or why it is not known.
    """

    texts: Mapping[Path, str]
    tests: Sequence[Test]
    noted: Callable[[Test], None]
    done: Callable[[Fate | GpuaasError], None]

    def killed(self, killer: Test) -> None:
        """It is sure that this test notices the mutant."""
        self.done(Fate(f"{killer.file.path}: {killer.name}", (), len(self.tests)))


class Hunter:
    """Tries mutants at one station, `most` tests on each: the first one alone, the others by file."""

    def __init__(self, station: Station, most: int) -> None:
        self._station, self._most = station, most
        self._pending: list[Prey] = []
        self._killer: Test | None = None

    def hunt(self, prey: Prey) -> None:
        """Try one; its fate may be told later, by another call or by `settle`."""
        try:
            self._hunt(prey)
        except GpuaasError as error:
            prey.done(error)

    def settle(self) -> None:
        """Prove what has not been proven, so that all fates are told."""
        killer, pending = self._killer, self._pending
        self._killer, self._pending = None, []
        if killer is None:
            return
        try:
            sane = self._passes([killer], {})
        except GpuaasError:
            sane = False
        if sane:
            for prey in pending:
                prey.killed(killer)
        else:
            self._station.discard(killer.file)
            self._again(pending)

    def _rounds(self, prey: Prey) -> list[list[Test]]:
        chosen = list(prey.tests[: self._most])
        return [chosen[:1], *_chunks(chosen[1:])] if chosen else []

    def _hunt(self, prey: Prey) -> None:
        for tests in self._rounds(prey):
            same = self._killer is not None and tests == [self._killer]
            if not same:
                self.settle()
            self._station.put(prey.texts)
            answer = self._station.run(tests[0].file, tests)
            if answer.said is Said.PASSED:
                self._proven()
                continue
            if answer.late:  # by the mutant, or because the machine was busy: only a second failure counts
                self._station.discard(tests[0].file)
                pending, self._pending, self._killer = self._pending, [], None
                self._again([*pending, prey])
                return
            self._killer = answer.test or tests[0]
            self._pending.append(prey)
            prey.noted(self._killer)
            if len(self._pending) >= _PENDING:
                self.settle()
            return
        prey.done(
            Fate("", tuple(f"{test.file.path}: {test.name}" for test in prey.tests[: self._most]), len(prey.tests))
        )

    def _proven(self) -> None:
        """The test that killed those pending has passed, in the same container."""
        killer, pending = self._killer, self._pending
        self._killer, self._pending = None, []
        for prey in pending:
            if killer is not None:
                prey.killed(killer)

    def _again(self, preys: Sequence[Prey]) -> None:
        for prey in preys:
            try:
                self._surely(prey)
            except GpuaasError as error:
                prey.done(error)

    def _surely(self, prey: Prey) -> None:
        """Try a mutant with a proof of its own."""
        for tests in self._rounds(prey):
            killer = self._killed(prey, tests)
            if killer is not None:
                prey.noted(killer)
                prey.killed(killer)
                return
        prey.done(
            Fate("", tuple(f"{test.file.path}: {test.name}" for test in prey.tests[: self._most]), len(prey.tests))
        )

    def _killed(self, prey: Prey, tests: Sequence[Test]) -> Test | None:
        file = tests[0].file
        killer = tests[0]
        for _ in range(3):
            fresh = self._station.fresh(file)
            self._station.put(prey.texts)
            answer = self._station.run(file, tests)
            if answer.said is Said.PASSED:
                return None
            killer = answer.test or tests[0]
            if answer.late:
                self._station.discard(file)
            if self._passes([killer], {}):
                return killer
            self._station.discard(file)
            if fresh and not answer.late and self._passes([killer], {}):  # the mutant had spoilt a fresh container
                return killer
            self._station.discard(file)
        raise GpuaasError(f"{file.path}: fails on the scripts as they are: {killer.name}")

    def _passes(self, tests: Sequence[Test], texts: Mapping[Path, str]) -> bool:
        self._station.put(texts)
        return self._station.run(tests[0].file, tests).said is Said.PASSED


def _chunks(tests: Sequence[Test]) -> list[list[Test]]:
    files = [test.file.path for test in tests]
    by_file = sorted(tests, key=lambda one: files.index(one.file.path))
    found = []
    for _, group in groupby(by_file, key=lambda one: one.file.path):
        listed = list(group)
        found += [listed[at : at + _CHUNK] for at in range(0, len(listed), _CHUNK)]
    return found
