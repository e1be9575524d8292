"""Ctrl-C and SIGTERM in an asynchronous program: everything is cancelled once, and what must end well does.

asyncio.run only knows SIGINT, and raises KeyboardInterrupt through whatever runs at the second one.
"""

from __future__ import annotations

import asyncio
import signal
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import GpuaasError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


_ENDING: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()


class Interrupted(GpuaasError):  # noqa: N818 - not a mistake
    """Ended by a signal, with sessions closed. `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}", hint="what was begun can be asked for its status")
        self.number = number


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Let `work` come to its end even when cancelled meanwhile; the cancellation is raised afterwards.

    For what has its own limit in time: a request whose answer must be known, a logout. Waits inside of
    it that are of no use any more look at `ending`.
    """
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            cancelled = True
            _ENDING.add(task)
        except BaseException:  # noqa: S110 - asked for below
            pass
    if cancelled:
        if not task.cancelled():
            task.exception()  # looked at, so that nothing is logged about it
        raise asyncio.CancelledError
    return task.result()


def ending() -> bool:
    """Whether the work of this task is only awaited to be finished (see `finish`): it was cancelled meanwhile."""
    return asyncio.current_task() in _ENDING


def run_async(main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main()` in a loop of its own; a first signal cancels it, further ones change nothing.

    Raises Interrupted when a signal ended it. Must be called in the main thread.
    """

    async def guarded() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        got: list[int] = []

        def stop(number: int) -> None:
            got.append(number)
            if len(got) == 1 and task is not None:
                task.cancel()

        for number in SIGNALS:
            loop.add_signal_handler(number, stop, number)
        try:
            return await main()
        except asyncio.CancelledError:
            if got:
                raise Interrupted(got[0]) from None
            raise
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    return asyncio.run(guarded())
