"""Runs one piece of work in several processes at once, each on its share, and reads what they say.

For sites of many nodes: each process loads, checks, plans and renders its share of the nodes. The
work is a generator; what a forked process yields is pickled and yielded here: its first item at once, the
others in batches. These are put into a file without a name, and a pipe tells their sizes, so that a process
never waits until somebody reads.
"""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Any

from .errors import GpuaasError

Work = Callable[[int, int], Iterator[Any]]
"""Called with the number of its share and the count of shares."""

_ENOUGH = 400
"""Nodes below which a second process costs more than it saves."""
_BATCH = 200
"""Items that are handed over at once."""


class ShardError(RuntimeError):
    """A process ended without saying why; its traceback is on stderr."""


def count_for(nodes: int) -> int:
    """In how many processes `nodes` nodes are best worked through on this machine."""
    return max(1, min(len(os.sched_getaffinity(0)), nodes // (_ENOUGH // 2)))


class Shards:
    """Work in `count` processes: the first share in this one, each other in a fork of it.

    Forks are ended with the `with` block, however it is left.
    """

    def __init__(self, work: Work, count: int) -> None:
        self.work = work
        self.count = count
        self.children: list[tuple[int, IO[bytes], IO[bytes]]] = []

    def __enter__(self) -> list[Iterator[Any]]:
        streams = [self._fork(number) for number in range(1, self.count)]
        return [self.work(0, self.count), *streams]

    def __exit__(self, *_: object) -> None:
        for process, told, store in self.children:
            told.close()  # a child that still writes gets SIGPIPE's error and ends
            store.close()
            os.waitpid(process, 0)

    def _fork(self, number: int) -> Iterator[Any]:
        read, write = os.pipe()
        store = tempfile.TemporaryFile()  # noqa: SIM115 - closed at the end of the `with` block
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process == 0:
            os.close(read)
            self._child(number, os.fdopen(write, "wb", buffering=0), store)
        os.close(write)
        told = os.fdopen(read, "rb")
        self.children.append((process, told, store))
        return _items(told, store)

    def _child(self, number: int, pipe: IO[bytes], store: IO[bytes]) -> None:
        def tell(what: int | GpuaasError | _End) -> None:
            pipe.write(pickle.dumps(what))

        status = 1
        try:
            try:
                items = self.work(number, self.count)
                tell(_put(store, [*islice(items, 1)]))  # what is asked for first
                while batch := [*islice(items, _BATCH)]:
                    tell(_put(store, batch))
            except GpuaasError as error:
                tell(error)
            else:
                tell(_End())
            status = 0
        except (BrokenPipeError, KeyboardInterrupt):
            pass  # the reader has lost interest, or is stopped as well
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)


class _End:
    """The last word of a stream: without it, the process was cut off."""


def _put(store: IO[bytes], batch: list[Any]) -> int:
    """Append the batch; return how many bytes it takes."""
    data = pickle.dumps(batch, protocol=pickle.HIGHEST_PROTOCOL)
    try:
        store.write(data)
        store.flush()
    except OSError as error:
        place = tempfile.gettempdir()
        raise GpuaasError(
            f"{place}: {error.strerror}", hint="free space there, or set TMPDIR to another folder"
        ) from None
    return len(data)


def _items(told: IO[bytes], store: IO[bytes]) -> Iterator[Any]:
    start = 0
    while True:
        try:
            said = pickle.load(told)  # noqa: S301 - written by our own fork
        except EOFError:
            raise ShardError("a process of a sharded render ended early") from None
        if isinstance(said, _End):
            return
        if isinstance(said, GpuaasError):
            raise said
        yield from pickle.loads(os.pread(store.fileno(), said, start))  # noqa: S301 - see above
        start += said
