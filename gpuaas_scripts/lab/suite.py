"""A run of bats files on rendered scripts: each file under each shell, in a container of its own or, where there are
fewer files than containers, in several that share its tests.
"""

from __future__ import annotations

import json
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.bats import (
    BatsFile,
    BatsResult,
    Shell,
    TestResult,
    bats_mounts,
    named_tests,
    only_tests,
    run_bats,
)
from gpuaas_scripts.lab.container import boot
from gpuaas_scripts.lab.hosts import load_host

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from gpuaas_scripts.cache import Cache
    from gpuaas_scripts.lab.engine import Engine
    from gpuaas_scripts.lab.image import ImageRef

_LEAST = 4.0
"""Seconds of tests for which a further container is worth its boot."""


@dataclass(frozen=True, slots=True)
class Suite:
    """Where the tests are: the engine and image, the folder of bats files, that of fixture hosts, the rendered tree.

    `generated` holds a folder for each site. `times` keeps how long tests took, from run to run.
    """

    engine: Engine
    image: ImageRef
    bats: Path
    hosts: Path
    generated: Path
    times: Cache | None = None

    def run(self, file: BatsFile, shell: Shell, *, only: str = "", abort: bool = False) -> BatsResult:
        """One file under one shell; `only` is a regular expression on test names, `abort` ends at the first failure.

        Raises GpuaasError when the container does not boot, or the fixture host does not exist.
        """
        host = load_host(self.hosts / file.host) if file.host else None
        mounts = bats_mounts(self.bats, self.generated)
        with boot(self.engine, self.image, host=host, mounts=mounts, name=shell.value) as container:
            [result] = run_bats(container, [file.path], shells=[shell], site=file.site, only=only, abort=abort)
            return replace(result, cpu_seconds=container.cpu_seconds())


@dataclass(frozen=True, slots=True)
class Ran:
    """A file and what its run under one shell gave; `problem` when it could not be run at all.

    `seconds` is the wall time, that of booting included.
    """

    file: BatsFile
    shell: Shell
    result: BatsResult | None
    seconds: float
    problem: str = ""

    @property
    def passed(self) -> bool:
        """True only when tests were run and none failed."""
        return self.result is not None and self.result.passed

    def report(self) -> str:
        """What a reader needs when it did not pass."""
        return self.result.report() if self.result is not None else self.problem


@dataclass(slots=True)
class _Piece:
    """Some tests of a file under one shell (no `names`: all that `only` chooses), and what they gave."""

    file: BatsFile
    shell: Shell
    names: tuple[str, ...]
    only: str
    seconds: float
    result: BatsResult | None = None
    problem: str = ""


@dataclass(slots=True)
class _Whole:
    """The pieces of one file under one shell, and the names of its tests in order."""

    names: tuple[str, ...]
    pieces: list[_Piece]
    started: float = 0.0
    left: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def run_suite(
    suite: Suite,
    files: Sequence[BatsFile],
    shells: Sequence[Shell],
    *,
    only: str = "",
    parallel: int = 2,
    done: Callable[[Ran], None] | None = None,
) -> list[Ran]:
    """Every file under every shell, `parallel` containers at once; `done` is told of each as it ends.

    Tests do not depend on each other, so that few long files are divided: no container gets more than its share of the
    time. With `only` no file is divided.
    """
    wholes = _divide(suite, files, shells, only, parallel)
    found: list[Ran | None] = [None] * len(wholes)

    def one(work: tuple[int, _Piece]) -> None:
        whole, piece = wholes[work[0]], work[1]
        whole.started = whole.started or time.monotonic()
        try:
            piece.result = suite.run(piece.file, piece.shell, only=piece.only)
        except GpuaasError as error:
            piece.problem = str(error)
        with whole.lock:
            whole.left -= 1
            last = not whole.left
        if last:
            found[work[0]] = ran = _joined(whole)
            _keep_times(suite.times, ran)
            if done is not None:
                done(ran)

    pieces = [(index, piece) for index, whole in enumerate(wholes) for piece in whole.pieces]
    # the long ones first, so that nothing waits for one that began last
    pieces.sort(key=lambda work: -work[1].seconds)
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        list(pool.map(one, pieces))
    return [ran for ran in found if ran is not None]


def _divide(suite: Suite, files: Sequence[BatsFile], shells: Sequence[Shell], only: str, parallel: int) -> list[_Whole]:
    """The work in pieces of about the same time, as earlier runs tell it; a second for a test that is not known."""
    names = {file.path: named_tests(suite.bats / file.path) for file in files}
    kept = {path: _kept_times(suite.times, path) for path in names}
    times = {path: {name: kept[path].get(name, 1.0) for name in own} for path, own in names.items()}
    share = max(_LEAST, sum(sum(own.values()) for own in times.values()) * len(shells) / parallel)
    wholes = []
    for file in files:
        own = times[file.path]
        count = 1 if only else max(1, min(len(own), math.ceil(sum(own.values()) / share)))
        for shell in shells:
            pieces = [
                _Piece(file, shell, part, only_tests(part) if count > 1 else only, sum(own[name] for name in part))
                for part in _parts(own, count)
            ]
            wholes.append(_Whole(names[file.path], pieces, left=len(pieces)))
    return wholes


def _parts(times: Mapping[str, float], count: int) -> list[tuple[str, ...]]:
    """The names in so many parts of about the same time, each in the order given."""
    parts: list[list[str]] = [[] for _ in range(count)]
    spent = [0.0] * count
    for name in sorted(times, key=lambda one: -times[one]):
        least = spent.index(min(spent))
        parts[least].append(name)
        spent[least] += times[name]
    order = {name: number for number, name in enumerate(times)}
    return [tuple(sorted(part, key=order.__getitem__)) for part in parts]


def _kept_times(times: Cache | None, path: str) -> dict[str, float]:
    """Seconds by test of a file, as an earlier run kept them."""
    kept = times.get(path.encode()) if times else None
    try:
        return {str(name): float(took) for name, took in json.loads(kept or b"{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _keep_times(times: Cache | None, ran: Ran) -> None:
    """Keep the seconds of the tests that were run."""
    if times and ran.result:
        took = {test.name: test.seconds for test in ran.result.tests if test.seconds}
        times.put(ran.file.path.encode(), json.dumps(_kept_times(times, ran.file.path) | took).encode())


def _joined(whole: _Whole) -> Ran:
    """What the pieces gave, in the order of the file. A test that no piece has run, or two have, is a problem."""
    first = whole.pieces[0]
    seconds = time.monotonic() - whole.started
    problem = "\n".join(piece.problem for piece in whole.pieces if piece.problem)
    results = [piece.result for piece in whole.pieces if piece.result is not None]
    if problem or len(whole.pieces) == 1:
        return Ran(first.file, first.shell, first.result if not problem else None, seconds, problem)
    told: dict[str, TestResult] = {test.name: test for result in results for test in result.tests}
    names = whole.names
    amiss = [result.problem for result in results if result.problem]
    if sorted(names) != sorted(test.name for result in results for test in result.tests):
        amiss.append(f"of {len(names)} tests of {first.file.path}, its pieces ran {len(told)}")
    joined = BatsResult(
        first.shell,
        tuple(told[name] for name in names if name in told),
        "\n".join(amiss),
        tuple(line for result in results for line in result.evidence),
        sum(result.cpu_seconds for result in results),
    )
    return Ran(first.file, first.shell, joined, seconds)
