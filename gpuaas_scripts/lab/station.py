"""Stations at which mutants are tried: rendered trees with containers that see them; what tests reach."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.bats import BATS_AT, TESTS_AT, BatsFile, Outcome, TestResult, bats_mounts, only_tests, parse_tap
from gpuaas_scripts.lab.container import Container, boot
from gpuaas_scripts.lab.hosts import load_host
from gpuaas_scripts.lab.mutants import Function, Mutant, functions
from gpuaas_scripts.lab.reach import HELPERS, LOG, Marked, looking, mark, read_log, with_mark
from gpuaas_scripts.run import CommandError, Completed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gpuaas_scripts.lab.suite import Suite

_KEPT = 3
"""Containers that a station keeps running."""
_SETUP_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Test:
    """A test of a bats file: its name, its usual seconds, the marks that it reaches."""

    __test__ = False  # not a class for pytest to collect

    file: BatsFile
    name: str
    seconds: float
    marks: frozenset[str]


@dataclass(frozen=True, slots=True)
class Scripts:
    """The rendered scripts, by path below the rendered tree, and the functions in each."""

    texts: Mapping[Path, str]
    functions: Mapping[Path, list[Function]]

    @classmethod
    def read(cls, generated: Path) -> Scripts:
        """All shell scripts of a rendered tree."""
        texts = {}
        for path in sorted(generated.rglob("*")):
            if path.is_file() and path.name != "MANIFEST.json":
                text = path.read_text("utf-8")
                if text.startswith("#!/bin/sh"):
                    texts[path.relative_to(generated)] = text
        by_text = {text: functions(text) for text in set(texts.values())}
        return cls(texts, {path: by_text[text] for path, text in texts.items()})

    def distinct(self) -> list[Function]:
        """Each function once, however many scripts have it."""
        found: dict[tuple[str, str], Function] = {}
        for listed in self.functions.values():
            for function in listed:
                found.setdefault((function.name, function.source), function)
        return list(found.values())

    def marked(self, marked: dict[tuple[str, str], Marked]) -> dict[Path, str]:
        """All scripts with marks."""
        return {
            path: with_mark(text, self.functions[path], marked) if self.functions[path] else text
            for path, text in self.texts.items()
        }

    def mutated(self, function: Function, mutant: Mutant) -> dict[Path, str]:
        """The scripts that have the function, with the mutant in each."""
        new, changed = mutant.apply(function.source).encode(), {}
        for path, listed in self.functions.items():
            for one in listed:
                if (one.name, one.source) == (function.name, function.source):
                    raw = self.texts[path].encode()
                    end = one.start + len(one.source.encode())
                    changed[path] = (raw[: one.start] + new + raw[end:]).decode()
        return changed


class Said(StrEnum):
    """What a run of some tests said."""

    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of some tests: the one that failed, or what else was wrong; `late`: after so long that it may hang."""

    said: Said
    test: Test | None = None
    problem: str = ""
    late: bool = False


class Station:
    """A place where mutants are tried: a rendered tree of its own, and containers that see it."""

    def __init__(self, suite: Suite, scripts: Scripts) -> None:
        self._suite = suite
        self._scripts = scripts
        self._folder = Path(tempfile.mkdtemp(prefix="station-", dir=suite.generated.parent))
        self._folder.chmod(0o755)
        shutil.copytree(suite.generated, self._folder, dirs_exist_ok=True)
        self._running: dict[str, tuple[Container, ExitStack]] = {}

    def put(self, texts: Mapping[Path, str]) -> None:
        """Put these scripts in place of the rendered ones; the others are as rendered."""
        for path, text in self._scripts.texts.items():
            new, place = texts.get(path, text), self._folder / path
            if place.read_text("utf-8") != new:
                place.write_text(new, "utf-8")  # the same inode: what is mounted sees it

    def run(self, file: BatsFile, tests: Sequence[Test]) -> Answer:
        """Run tests of one file until one fails, in the container of that file."""
        limit = _SETUP_SECONDS + sum(3 * test.seconds + 5 for test in tests)
        patience = int(5 + 3 * max(test.seconds for test in tests))
        env = {"GPUAAS_SCRIPT_TIMEOUT": str(patience)}
        container, started = self._container(file), time.monotonic()
        try:
            done = bats(container, file, [test.name for test in tests], env, limit)
        except CommandError as error:
            return Answer(Said.FAILED, tests[0], f"no end after {limit:.0f} s: {error}", late=True)
        late = time.monotonic() - started > patience + sum(test.seconds for test in tests[1:])
        results, problem = parse_tap(done)
        named = {test.name: test for test in tests}
        for result in results:
            if result.outcome is Outcome.FAILED:
                return Answer(Said.FAILED, named.get(result.name), result.detail, late)
        passed = {result.name for result in results if result.outcome is Outcome.PASSED}
        if problem or passed != set(named):
            return Answer(Said.FAILED, tests[0], problem or f"passed: {sorted(passed)}, asked: {sorted(named)}", late)
        return Answer(Said.PASSED)

    def fresh(self, file: BatsFile) -> bool:
        """Whether the next run of the file is the first in its container."""
        return file.path not in self._running

    def discard(self, file: BatsFile) -> None:
        """Throw the file's container away."""
        if file.path in self._running:
            self._running.pop(file.path)[1].close()

    def close(self) -> None:
        """Throw all containers away."""
        for _, stack in self._running.values():
            stack.close()
        self._running.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _container(self, file: BatsFile) -> Container:
        if file.path in self._running:
            self._running[file.path] = self._running.pop(file.path)  # the last one used comes last
            return self._running[file.path][0]
        while len(self._running) >= _KEPT:
            self._running.pop(next(iter(self._running)))[1].close()
        stack = ExitStack()
        container = stack.enter_context(opened(self._suite, self._folder, file))
        self._running[file.path] = container, stack
        return container


def opened(suite: Suite, generated: Path, file: BatsFile) -> AbstractContextManager[Container]:
    """A container for a bats file on a rendered tree."""
    host = load_host(suite.hosts / file.host) if file.host else None
    return boot(suite.engine, suite.image, host=host, mounts=bats_mounts(suite.bats, generated), name="mutants")


def bats(
    container: Container, file: BatsFile, names: Sequence[str], env: Mapping[str, str], timeout: float
) -> Completed:
    """Run the tests of these names (none: all), under dash, until the first failure when they are named."""
    words = ["bash", f"{BATS_AT}/bin/bats", "--formatter", "tap"]
    words += ["--abort", "--filter", only_tests(names)] if names else ["--timing"]
    given = {"GPUAAS_TEST_SHELL": "dash", "GPUAAS_SITE": file.site, "BATS_LIB_PATH": TESTS_AT, "LC_ALL": "C.UTF-8"}
    argv = [*words, f"{TESTS_AT}/{file.path}"]
    return container.exec(argv, env={**given, "HOME": "/root", **env}, timeout=timeout, check=False)


def learn(suite: Suite, scripts: Scripts, file: BatsFile, marked: dict[tuple[str, str], Marked]) -> list[Test]:
    """The tests of a file that pass on the scripts with marks, and what each reaches."""
    with tempfile.TemporaryDirectory(prefix="marked-", dir=suite.generated.parent) as folder:
        generated, tests = Path(folder, "generated"), Path(folder, "bats")
        shutil.copytree(suite.generated, generated)
        shutil.copytree(suite.bats, tests)
        for place in (Path(folder), generated, tests):
            place.chmod(0o755)
        for path, text in scripts.marked(marked).items():
            (generated / path).write_text(text, "utf-8")
        helpers = tests / "helpers.bash"
        helpers.write_text(helpers.read_text("utf-8") + HELPERS, "utf-8")
        host = load_host(suite.hosts / file.host) if file.host else None
        mounts = bats_mounts(tests, generated)
        with boot(suite.engine, suite.image, host=host, mounts=mounts, name="reach") as container:
            container.sh(f"mount -o remount,size=1g {Path(LOG).parent}; : >{LOG}; chmod 666 {LOG}")
            done = bats(container, file, [], {}, 1800)
            once = f"awk '/^@/ {{ split(\"\", seen); print; next }} !seen[$0]++' {LOG}"
            said = container.sh(once).stdout
    results, problem = parse_tap(done)
    reached = read_log(said)
    if len(reached) != len(results) or problem:
        raise GpuaasError(f"{file.path}: {len(results)} tests, {len(reached)} in the log; {problem}")
    return [one for result, (_, marks) in zip(results, reached, strict=True) for one in _test(file, result, marks)]


def _test(file: BatsFile, result: TestResult, marks: frozenset[str]) -> Iterable[Test]:
    if result.outcome is Outcome.PASSED:
        yield Test(file, result.name, result.seconds, marks)


def all_marked(scripts: Scripts) -> dict[tuple[str, str], Marked]:
    """Each distinct function with marks; a mark begins with its name and a digest of its text."""
    apart = looking(scripts.distinct())
    return {(one.name, one.source): mark(one, place_of(one), apart) for one in scripts.distinct()}


def place_of(function: Function) -> str:
    """The name of a function's text, the same from run to run as long as it stays."""
    return f"{function.name}:{hashlib.sha256(function.source.encode()).hexdigest()[:10]}"
