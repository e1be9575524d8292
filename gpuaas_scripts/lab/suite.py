"""A run of bats files on rendered scripts: each file under each shell, in a container of its own."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.bats import BatsFile, BatsResult, Shell, bats_mounts, run_bats
from gpuaas_scripts.lab.container import boot
from gpuaas_scripts.lab.hosts import load_host
from gpuaas_scripts.lab.image import cache_folder
from gpuaas_scripts.lab.loops import alone

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from gpuaas_scripts.lab.engine import Engine
    from gpuaas_scripts.lab.image import ImageRef


@dataclass(frozen=True, slots=True)
class Suite:
    """Where the tests are: the engine and image, the folder of bats files, that of fixture hosts, the rendered tree.

    `generated` holds a folder for each site.
    """

    engine: Engine
    image: ImageRef
    bats: Path
    hosts: Path
    generated: Path

    def run(self, file: BatsFile, shell: Shell, *, only: str = "", abort: bool = False) -> BatsResult:
        """One file under one shell; `only` is a regular expression on test names, `abort` ends at the first failure.

        A file that says `# alone:` waits for its turn, also behind other processes.

        Raises GpuaasError when the container does not boot, or the fixture host does not exist.
        """
        host = load_host(self.hosts / file.host) if file.host else None
        mounts = bats_mounts(self.bats, self.generated)
        waits = alone(cache_folder()) if file.alone else nullcontext()
        with waits, boot(self.engine, self.image, host=host, mounts=mounts, name=shell.value) as container:
            [result] = run_bats(container, [file.path], shells=[shell], site=file.site, only=only, abort=abort)
        return result


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


def run_suite(
    suite: Suite,
    files: Sequence[BatsFile],
    shells: Sequence[Shell],
    *,
    only: str = "",
    parallel: int = 2,
    done: Callable[[Ran], None] | None = None,
) -> list[Ran]:
    """Every file under every shell, `parallel` containers at once; `done` is told of each as it ends."""

    def one(work: tuple[BatsFile, Shell]) -> Ran:
        file, shell = work
        result, problem, started = None, "", time.monotonic()
        try:
            result = suite.run(file, shell, only=only)
        except GpuaasError as error:
            problem = str(error)
        ran = Ran(file, shell, result, time.monotonic() - started, problem)
        if done is not None:
            done(ran)
        return ran

    with ThreadPoolExecutor(max_workers=parallel) as pool:
        return list(pool.map(one, [(file, shell) for file in files for shell in shells]))
