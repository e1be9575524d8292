"""Runs one piece of work in several processes at once, each on its share, and reads what they say.

For sites of many nodes: each process loads, checks, plans and renders its share of the nodes. The
work is a generator; what a forked process yields is pickled through a pipe and yielded here: its first
item at once, the others when all of them are made.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from .errors import GpuaasError

Work = Callable[[int, int], Iterator[Any]]
"""Called with the number of its share and the count of shares."""

_ENOUGH = 400
"""Nodes below which a second process costs more than it saves."""


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
        self.children: list[tuple[int, Any]] = []

    def __enter__(self) -> list[Iterator[Any]]:
        streams = [self._fork(number) for number in range(1, self.count)]
        return [self.work(0, self.count), *streams]

    def __exit__(self, *_: object) -> None:
        for process, reader in self.children:
            reader.close()  # a child that still writes gets SIGPIPE's error and ends
            os.waitpid(process, 0)

    def _fork(self, number: int) -> Iterator[Any]:
        read, write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process == 0:
            os.close(read)
            self._child(number, write)
        os.close(write)
        reader = os.fdopen(read, "rb")
        self.children.append((process, reader))
        return _items(reader)

    def _child(self, number: int, write: int) -> None:
        status = 1
        try:
            with os.fdopen(write, "wb", buffering=1 << 16) as writer:
                dump = pickle.Pickler(writer, protocol=pickle.HIGHEST_PROTOCOL)
                try:
                    items = self.work(number, self.count)
                    dump.dump([*islice(items, 1)])
                    writer.flush()  # what is asked for first; the rest is made while nobody reads yet
                    dump.dump([*items])
                except GpuaasError as error:
                    dump.dump(error)
                else:
                    dump.dump(_End())
            status = 0
        except (BrokenPipeError, KeyboardInterrupt):
            pass  # the reader has lost interest, or is stopped as well
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)


class _End:
    """The last item of a stream: without it, the process was cut off."""


def _items(reader: Any) -> Iterator[Any]:  # noqa: ANN401 - a buffered reader
    load = pickle.Unpickler(reader).load  # noqa: S301 - written by our own fork
    while True:
        try:
            item = load()
        except EOFError:
            raise ShardError("a process of a sharded render ended early") from None
        if isinstance(item, _End):
            return
        if isinstance(item, GpuaasError):
            raise item
        yield from item
