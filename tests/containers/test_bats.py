"""Every bats file under tests/bats, each in a container of its own on its fixture host: all tests under dash, and under
the other shells each fifth, or all of them.

The containers are started by a few threads as soon as the first test asks, and each test waits for its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from gpuaas_scripts.cli.test import scripts_of
from gpuaas_scripts.lab.bats import BatsFile, BatsResult, Shell, discover, named_tests, only_tests
from gpuaas_scripts.lab.colours import as_text, table
from gpuaas_scripts.lab.engine import Engine
from gpuaas_scripts.lab.image import ImageRef
from gpuaas_scripts.lab.suite import Suite

REPO = Path(__file__).parents[2]
FILES = discover(REPO / "tests/bats")
ALL = {(file.path, str(shell)) for file in FILES for shell in Shell}
SOME = 0 if os.environ.get("GPUAAS_TEST_SHELLS") == "all" else 5
"""Of the shells but dash, each so-manieth test is run; all of them with GPUAAS_TEST_SHELLS=all, as `make ci` has it."""

pytestmark = pytest.mark.container

Runs = dict[tuple[str, str], Future[BatsResult]]


@pytest.fixture(scope="module")
def runs(engine: Engine, image: ImageRef, generated: Path, request: pytest.FixtureRequest) -> Iterator[Runs]:
    """The runs that the chosen tests need, under way."""
    suite = Suite(engine, image, REPO / "tests/bats", REPO / "tests/hosts", generated)
    chosen = [item for item in request.session.items if getattr(item, "originalname", "") == "test_bats"]
    params = [item.callspec.params for item in chosen if isinstance(item, pytest.Function)]
    wanted: list[tuple[BatsFile, Shell]] = [(one["file"], one["shell"]) for one in params]
    # the long ones first: nothing should wait for one that began last
    wanted.sort(key=lambda one: -(suite.bats / one[0].path).stat().st_size)
    # one more than CPUs: containers wait half of their time, and those with loop devices for each other
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0)) + 1) as pool:
        yield {
            (file.path, str(shell)): pool.submit(suite.run, file, shell, only=_chosen(file, shell))
            for file, shell in wanted
        }
        pool.shutdown(cancel_futures=True)


def _chosen(file: BatsFile, shell: Shell) -> str:
    names = named_tests(REPO / "tests/bats" / file.path) if SOME and shell is not Shell.DASH else ()
    return only_tests(names[::SOME]) if names else ""


@pytest.mark.parametrize("shell", list(Shell))
@pytest.mark.parametrize("file", FILES, ids=[file.path for file in FILES])
def test_bats(runs: Runs, file: BatsFile, shell: Shell) -> None:
    result = runs[file.path, str(shell)].result()
    assert result.passed, result.report()


def test_every_check_has_been_seen_right_and_broken(runs: Runs, generated: Path) -> None:
    if set(runs) != ALL:
        pytest.skip("only some of the bats files were run")
    evidence = [line for run in runs.values() for line in run.result().evidence]
    rows = table(scripts_of(generated, sorted({file.site for file in FILES})), evidence)
    assert len(rows) > 30
    gaps = [row for row in rows if not row.complete]
    assert not gaps, f"not seen in both colours:\n{as_text(gaps)}"
