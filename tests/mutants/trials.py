"""Mutants to try, and a run of them: who tries which, and the file of results."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.hunt import Fate, Hunter, Kills, Prey, reaching
from gpuaas_scripts.lab.mutants import Function, Mutant
from gpuaas_scripts.lab.owners import Owner
from gpuaas_scripts.lab.station import Scripts, Station, Test, place_of
from gpuaas_scripts.lab.suite import Suite


@dataclass(frozen=True, slots=True)
class Target:
    """A mutant, the function and its owner, and the mark of the statement."""

    owner: Owner
    function: Function
    mutant: Mutant
    mark: str

    @property
    def key(self) -> str:
        """The same from run to run, as long as the function's text stays."""
        one = self.mutant
        return f"{self.owner.name}:{place_of(self.function)}:{one.start}:{one.end}:{one.kind}"

    @property
    def name(self) -> str:
        """OWNER:FUNCTION."""
        return f"{self.owner.name}:{self.function.name}"

    def text(self) -> str:
        """One line for people."""
        line = self.owner.line + self.mutant.line
        return f"{self.owner.path}:{line} {self.function.name}: {self.mutant.kind}: {self.mutant.was}"


def say(text: str) -> None:
    """Progress, for people."""
    print(text, file=sys.stderr, flush=True)


class Run:
    """The mutants to try and the file of results.

    They are in the order of the files whose tests reach them: the first station takes from the one end, the others from
    the other, so that each has to do with few containers.
    """

    def __init__(self, suite: Suite, scripts: Scripts, tests: list[Test], results: Path, most: int) -> None:
        self._suite, self._scripts, self._tests, self._most = suite, scripts, tests, most
        self._results = results
        self._lock = threading.Lock()
        self._kills = Kills()
        self.fates: list[tuple[Target, Fate]] = []
        self.untried: list[str] = []

    def all(self, chosen: list[Target], parallel: int) -> None:
        """Try all, at so many stations."""
        self._waiting = sorted(chosen, key=self._place)
        self._total, self._started = len(chosen), time.monotonic()
        with ThreadPoolExecutor(max_workers=parallel) as pool:
            try:
                for done in [pool.submit(self._work, -1 if number else 0) for number in range(parallel)]:
                    done.result()
            finally:
                self._waiting.clear()  # interrupted: the stations end what they are at, and remove their containers

    def _place(self, target: Target) -> tuple[str, str, int]:
        file = Counter(test.file.path for test in reaching(target.mark, self._tests)).most_common(1)
        return file[0][0] if file else "", target.owner.path, target.owner.line

    def _work(self, end: int) -> None:
        station = Station(self._suite, self._scripts)
        hunter = Hunter(station, self._most)
        try:
            while True:
                with self._lock:
                    if not self._waiting:
                        break
                    target = self._waiting.pop(end)
                    ordered = self._kills.order(target.mark, reaching(target.mark, self._tests))
                hunter.hunt(self._prey(target, ordered))
            hunter.settle()
        finally:
            station.close()

    def _prey(self, target: Target, ordered: list[Test]) -> Prey:
        texts = self._scripts.mutated(target.function, target.mutant)
        return Prey(
            texts, ordered, lambda test: self._kills.note(target.mark, test), lambda fate: self._told(target, fate)
        )

    def _told(self, target: Target, fate: Fate | GpuaasError) -> None:
        with self._lock:
            if isinstance(fate, GpuaasError):
                self.untried.append(target.text())
                say(f"untried    {target.text()}: {fate}")
                return
            self.fates.append((target, fate))
            note = {"key": target.key, "text": target.text(), "killer": fate.killer, "survived": fate.survived}
            with self._results.open("a", encoding="utf-8") as file:
                file.write(json.dumps({**note, "reached": fate.reached, "owner": target.owner.name}) + "\n")
            done, spent = len(self.fates), time.monotonic() - self._started
            left = spent / done * (self._total - done) / 60
            word = "survived" if fate.alive else "killed"
            say(f"{word:9} {done}/{self._total}, {spent / done:.1f} s each, {left:.0f} min left  {target.text()}")
