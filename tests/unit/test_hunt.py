"""The hunt: a mutant reached by no test, one that is killed, one that survives; failures that prove nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.bats import BatsFile
from gpuaas_scripts.lab.hunt import Fate, Hunter, Kills, Prey, reaching
from gpuaas_scripts.lab.station import Answer, Said, Station, Test

FILE = BatsFile("a.bats")
ONE = Test(FILE, "one", 1.0, frozenset({"f:1.1", "f:1.2"}))
TWO = Test(FILE, "two", 1.0, frozenset({"f:1.1"}))
TESTS = [ONE, TWO]


class FakeStation:
    """Judges by `fails(script text, test name, whether the container is dirty)`; a mutant named `dirt` leaves dirt."""

    def __init__(self, fails: Callable[[str, str, bool], bool]) -> None:
        self._fails = fails
        self._text, self._dirty, self._new = "", False, True
        self.runs: list[tuple[str, str]] = []

    def put(self, texts: Mapping[Path, str]) -> None:
        self._text = texts.get(Path("s"), "")

    def run(self, file: BatsFile, tests: Sequence[Test]) -> Answer:
        self._new = False
        for test in tests:
            self.runs.append((self._text, test.name))
            failed = self._fails(self._text, test.name, self._dirty)
            self._dirty = self._dirty or "dirt" in self._text
            if failed:
                return Answer(Said.FAILED, test)
        return Answer(Said.PASSED)

    def fresh(self, file: BatsFile) -> bool:
        return self._new

    def discard(self, file: BatsFile) -> None:
        self._dirty, self._new = False, True


def run(station: FakeStation, work: Sequence[tuple[str, Sequence[Test]]]) -> dict[str, Fate | GpuaasError]:
    hunter, fates = Hunter(cast(Station, station), 20), {}

    def told(text: str) -> Callable[[Fate | GpuaasError], None]:
        return lambda fate: fates.__setitem__(text, fate)

    for text, tests in work:
        hunter.hunt(Prey({Path("s"): text}, tests, lambda test: None, told(text)))
    hunter.settle()
    return fates


def alive(fate: Fate | GpuaasError) -> bool:
    assert isinstance(fate, Fate)
    return fate.alive


def test_unreached_killed_and_surviving_mutants_are_told_apart() -> None:
    station = FakeStation(lambda text, test, dirty: (text, test) == ("killed", "two"))
    fates = run(station, [("unreached", []), ("killed", TESTS), ("survives", TESTS)])
    assert fates["unreached"] == Fate("", (), 0)
    assert fates["killed"] == Fate("a.bats: two", (), 2)
    assert fates["survives"] == Fate("", ("a.bats: one", "a.bats: two"), 2)
    assert ("", "two") in station.runs  # the proof


def test_a_failure_that_an_earlier_mutant_causes_kills_nothing() -> None:
    station = FakeStation(lambda text, test, dirty: dirty and test == "one")
    fates = run(station, [("dirt", TESTS), ("survives", TESTS)])
    assert alive(fates["dirt"])
    assert alive(fates["survives"])


def test_a_mutant_that_spoils_the_container_is_still_killed_and_the_next_is_not() -> None:
    station = FakeStation(lambda text, test, dirty: dirty or text == "dirt")
    fates = run(station, [("dirt", TESTS), ("survives", TESTS)])
    assert fates["dirt"] == Fate("a.bats: one", (), 2)
    assert alive(fates["survives"])


def test_failures_of_one_test_share_a_proof() -> None:
    station = FakeStation(lambda text, test, dirty: text.startswith("killed"))
    fates = run(station, [(f"killed {number}", [ONE]) for number in range(4)])
    assert [alive(fate) for fate in fates.values()] == [False] * 4
    assert station.runs.count(("", "one")) == 1


def test_a_test_that_fails_on_the_scripts_as_they_are_proves_nothing() -> None:
    fates = run(FakeStation(lambda text, test, dirty: True), [("mutant", [ONE])])
    assert isinstance(fates["mutant"], GpuaasError)
    assert "as they are: one" in str(fates["mutant"])


def test_tests_that_reach_and_their_order() -> None:
    assert reaching("f:1.2", TESTS) == [ONE]
    assert reaching("f:1", TESTS) == TESTS
    assert reaching("g:1", TESTS) == []
    kills = Kills()
    assert kills.order("f:1.1", TESTS) == [TWO, ONE]  # the one that reaches less comes first
    kills.note("f:1.2", ONE)
    assert kills.order("f:1.1", TESTS) == [ONE, TWO]  # it killed a neighbour
