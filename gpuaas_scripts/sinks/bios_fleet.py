"""The same work on many hosts at once: a failed one holds up no other, and every one has a result."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from ..errors import ExitCode, GpuaasError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

H = TypeVar("H")
T = TypeVar("T")

PARALLEL = 32
RESET_BATCH = 10


class HeldBackError(GpuaasError):
    """A host whose turn did not come, since too many others had failed. Nothing was done to it at that step."""


@dataclass(frozen=True, slots=True)
class Result(Generic[T]):
    """What came of one host: a value, or the error. `defect` is an exception of this program; `seconds` wall time."""

    host: str
    value: T | None = None
    error: GpuaasError | None = None
    seconds: float = 0.0
    defect: BaseException | None = field(default=None, repr=False)

    @property
    def failed(self) -> bool:
        """Whether there is no value."""
        return self.error is not None


async def on_each(
    hosts: Sequence[tuple[str, H]],
    work: Callable[[H], Awaitable[T]],
    parallel: int,
    done: Callable[[Result[T]], None],
) -> list[Result[T]]:
    """Do `work` on every host, at most `parallel` at a time; `done` is told of each as it ends.

    Results come in the order of `hosts`. When cancelled, all work is cancelled, and waited for.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max_workers=parallel))
    results: dict[int, Result[T]] = {}
    waiting = iter(enumerate(hosts))

    async def worker() -> None:
        for number, (name, host) in waiting:
            results[number] = await _one(name, host, work)
            done(results[number])

    async with asyncio.TaskGroup() as group:
        for _ in range(min(parallel, len(hosts))):
            group.create_task(worker())
    return [results[number] for number in range(len(hosts))]


async def _one(name: str, host: H, work: Callable[[H], Awaitable[T]]) -> Result[T]:
    started = time.monotonic()
    try:
        value = await work(host)
    except GpuaasError as error:
        return Result(name, error=error, seconds=time.monotonic() - started)
    except Exception as defect:
        # The others go on; whoever prints the results raises it afterwards.
        told = GpuaasError(f"{name}: a defect of this program: {type(defect).__name__}", exit_code=ExitCode.REMOTE)
        return Result(name, error=told, seconds=time.monotonic() - started, defect=defect)
    return Result(name, value, seconds=time.monotonic() - started)


class Batch:
    """At most `size` hosts are being reset at a time, and no new one once `max_failures` of them have failed."""

    def __init__(self, size: int = RESET_BATCH, max_failures: int | None = None) -> None:
        self._slots = asyncio.Semaphore(size)
        self._max = max_failures
        self.failures = 0

    @property
    def closed(self) -> bool:
        """Whether no further host may be reset."""
        return self._max is not None and self.failures >= self._max

    @asynccontextmanager
    async def turn(self, node: str) -> AsyncIterator[None]:
        """Wait for a turn, and count a failure inside. Raises HeldBackError when there have been too many."""
        async with self._slots:
            if self.closed:
                raise HeldBackError(
                    f"{node}: held back: {self.failures} host(s) have failed (--max-failures {self._max})",
                    hint="look at those that failed first, then run the same command again",
                    exit_code=ExitCode.REMOTE,
                )
            try:
                yield
            except Exception:
                self.failures += 1
                raise
