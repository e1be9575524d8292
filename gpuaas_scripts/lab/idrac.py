"""Stand-in iDRACs: stateful, over TLS, one per port of 127.0.0.1, any number of them in one process.

    with running([Options(), Options(service_tag="LAB0002")], folder) as farm:
        farm.urls            # https://127.0.0.1:PORT of each
        farm.certificate     # to verify with

Everything about one stand-in is in its `Bmc`; from outside of the process it is directed at `/lab`
(`idrac_control`). Standard library only, but for `openssl` that makes the certificate.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import threading
from typing import TYPE_CHECKING, TypeVar

from .idrac_bmc import Bmc
from .idrac_http import HOST, Listener
from .idrac_machine import Clock, Options
from .idrac_tls import Certificate, make_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Sequence
    from pathlib import Path

T = TypeVar("T")

__all__ = ["Clock", "Farm", "Options", "running", "serve"]

_SPARE_FILES = 256
_START_SECONDS = 60.0


class Farm:
    """A number of stand-ins with one clock and one certificate. Its loop owns them: touch them through `call`."""

    def __init__(self, options: Sequence[Options], folder: Path, clock: Clock | None = None, port: int = 0) -> None:
        self.clock = clock or Clock()
        self.bmcs = [Bmc(option, self.clock) for option in options]
        self.certificate: Certificate = make_certificate(folder)
        self.defects: list[str] = []
        self._folder = folder
        self._changes = 0
        context = self.certificate.context()
        self._listeners = [Listener(bmc, context, self.defects) for bmc in self.bmcs]
        for number, listener in enumerate(self._listeners if port else []):
            listener.port = port + number
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def urls(self) -> list[str]:
        """Address of each stand-in, in the order of the options."""
        return [f"https://{HOST}:{listener.port}" for listener in self._listeners]

    async def start(self) -> None:
        """Listen with all of them. Raises OSError when there are not enough ports or files."""
        _room_for(len(self._listeners))
        self._loop = asyncio.get_running_loop()
        for listener in self._listeners:
            await listener.start()

    async def stop(self) -> None:
        """Close all ports and connections."""
        for listener in self._listeners:
            await listener.stop()

    def call(self, action: Callable[[], T]) -> T:
        """Do `action` in the farm's own thread, and return what it returns; for tests."""

        async def do() -> T:
            return action()

        return self._wait(do())

    def change_certificate(self, index: int) -> Certificate:
        """Give a stand-in another certificate, as after a reset to defaults; its connections break."""
        self._changes += 1
        fresh = make_certificate(self._folder, f"changed-{self._changes}")
        self._wait(self._listeners[index].change(fresh.context()))
        return fresh

    def _wait(self, work: Coroutine[None, None, T]) -> T:
        if self._loop is None:
            raise RuntimeError("the farm is not started")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_SECONDS)


def _room_for(count: int) -> None:
    """Raise the limit of open files: a port and a few connections for each stand-in."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count * 4 + _SPARE_FILES
    if soft < wanted:
        top = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, top), hard))


@contextlib.contextmanager
def running(options: Sequence[Options], folder: Path, clock: Clock | None = None) -> Iterator[Farm]:
    """A farm in a thread of its own, as long as the block lasts. `folder` gets the certificate."""
    farm = Farm(options, folder, clock)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="stand-in iDRACs", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(farm.start(), loop).result(_START_SECONDS)
        yield farm
    finally:
        asyncio.run_coroutine_threadsafe(_wind_up(farm), loop).result(_START_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_START_SECONDS)
        loop.close()


async def _wind_up(farm: Farm) -> None:
    """Stop the farm and let its connections end."""
    await farm.stop()
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def serve(
    options: Sequence[Options], folder: Path, ready: Callable[[Farm], None], clock: Clock | None = None, port: int = 0
) -> Farm:
    """Run a farm in this thread until SIGINT or SIGTERM; `ready` is called when all listen. Returns it, stopped.

    `port` is that of the first, the others follow; 0: any free ones. Raises OSError when one is in use.
    """
    farm = Farm(options, folder, clock, port)

    async def main() -> None:
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, done.set)
        await farm.start()
        ready(farm)
        await done.wait()
        await _wind_up(farm)

    asyncio.run(main())
    return farm
