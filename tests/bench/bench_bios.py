"""Benchmark of `gpuaas-gen bios plan` on a fleet; `bench_bios` is run by bench.py.

The stand-ins are a process of their own, with 50 ms before each answer. The bound is what no client can be
faster than: answers in sequence per BMC x latency x BMCs / parallel.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

BMCS = 500
LATENCY_S = 0.05
PARALLEL = 32
LIMIT = 1.5
MEMORY_MIB = 200
GEN = str(Path(sys.executable).with_name("gpuaas-gen"))


@contextmanager
def stand_ins(folder: Path, count: int) -> Iterator[list[int]]:
    """So many stand-ins with a site `lab` in `folder`; yields their ports."""
    words = [GEN, "lab", "idrac", "--folder", str(folder), "--port", "0", "--count", str(count)]
    words += ["--latency", str(LATENCY_S * 1000), "--quiet"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(str(count)), "the stand-ins did not start"
        nodes = sorted((folder / "site-configs" / "nodes" / "lab").glob("*.yaml"))
        yield [int(node.read_text().rsplit("port: ", 1)[1].rstrip("}\n")) for node in nodes]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def counters(folder: Path, ports: list[int]) -> list[dict[str, object]]:
    """What each stand-in says it was asked."""
    context = ssl.create_default_context(cafile=str(folder / "tls" / "idrac.pem"))

    def one(port: int) -> dict[str, object]:
        with urlopen(f"https://127.0.0.1:{port}/lab", context=context) as answer:
            return json.load(answer)

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(one, ports))


def plan(folder: Path) -> tuple[float, float]:
    """Wall time in seconds and peak memory in MiB of a plan for all."""
    words = [GEN, "bios", "plan", "--root", str(folder), "--site", "lab", "--parallel", str(PARALLEL)]
    before = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    _, status, used = os.wait4(process.pid, 0)
    taken = time.perf_counter() - before
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.stderr is not None
    told = process.stderr.read()
    assert process.returncode == 3, told
    assert len(lines) == BMCS, told
    return taken, used.ru_maxrss / 1024


def bench_bios(place: Path) -> None:
    """A plan for the whole fleet."""
    folder = place / "idrac"
    folder.mkdir(parents=True)
    with stand_ins(folder, BMCS) as ports:
        taken, memory = min(plan(folder) for _ in range(3))
        seen = counters(folder, ports)
        answers = max(sum(one["requests"]["by_method"].values()) for one in seen) / 3  # type: ignore[index]
        still = sum(one["sessions"]["open"] for one in seen)  # type: ignore[index]
    shutil.rmtree(folder)
    bound = answers * LATENCY_S * BMCS / PARALLEL
    print(
        f"{f'bios plan of {BMCS} BMCs, {answers:g} answers each':<46} {taken / bound:6.2f} x {'the bound':<24} "
        f"(limit {LIMIT:g}; {taken * 1000:.0f} ms / {bound * 1000:.0f} ms)"
    )
    print(f"{'  its peak memory':<46} {memory:6.0f} MiB (limit {MEMORY_MIB}); sessions left open: {still}")


if __name__ == "__main__":
    from bench import workplace

    with workplace() as folder:
        bench_bios(folder)
