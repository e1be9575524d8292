"""Benchmarks of `gpuaas-gen upload` against a stand-in in a process of its own; `bench_maas` is run by bench.py."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRIPTS = 100
LATENCY_S = 0.02
CONCURRENCY = 4
"""That of `sinks.maas_login.Connection`."""
EXTRA_S = 0.15


def many_scripts(place: Path) -> Path:
    """A repository with the site `big`: one node, and a hundred MAAS scripts."""
    from bench import many_nodes

    root = many_nodes(place, 1)
    names = [f"50-bench-{number:03d}" for number in range(SCRIPTS)]
    for name in names:
        folder = root / "templates" / "scripts" / name
        folder.mkdir(parents=True)
        (folder / "script.yaml").write_text(
            f"description: Benchmark {name}\nscope: site\n"
            f"maas: {{title: Benchmark {name}, script_type: testing, tags: [bench], timeout: '00:05:00'}}\n"
            "fragments: [log, evidence, file, result]\n"
        )
    site = root / "site-configs" / "sites" / "big.yaml"
    text = site.read_text().replace(
        "  - 50-gpuaas-slice-firmware-preflight\n", "".join(f"  - {name}\n" for name in names)
    )
    site.write_text(text)
    write_bodies(root, "one")
    return root


def write_bodies(root: Path, word: str) -> None:
    """Every script prints the word."""
    for folder in (root / "templates" / "scripts").iterdir():
        (folder / "body.sh").write_text(
            "main() {\n  evidence_begin bench\n"
            f"  evidence_pass BENCH bench '{word}'\n"
            '  evidence_summary BENCH bench\n  result_write "$RESULT_PATH" passed\n  log_info done\n}\n'
        )


@contextmanager
def standin() -> Iterator[tuple[str, str]]:
    """URL and key of a stand-in whose answers take LATENCY_S."""
    command = [sys.executable, "-m", "gpuaas_scripts.lab.maas", "--latency", str(LATENCY_S)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.stdout.readline().strip()
        finally:
            process.terminate()


def requests(url: str) -> dict[str, int]:
    """How often each call was made since the last time."""
    base = url.removesuffix("MAAS/")
    with urllib.request.urlopen(f"{base}lab/counts") as answer:  # noqa: S310 - our own stand-in
        counts: dict[str, int] = json.load(answer)
    urllib.request.urlopen(f"{base}lab/clear").close()  # noqa: S310 - our own stand-in
    return {key: count for key, count in counts.items() if "/lab/" not in key}


def tell(what: str, took: float, allowed: float, than: str) -> None:
    """One line: the ratio to what is allowed, and both times."""
    print(f"{what:<46} {took / allowed:6.2f} x {than:<24} (limit 1; {took * 1000:.0f} ms / {allowed * 1000:.0f} ms)")


def bench_maas(place: Path) -> None:
    """An unchanged site of a hundred scripts, and a hundred changed scripts."""
    from bench import GEN, RUNS, seconds

    root = many_scripts(place)
    environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}

    def gen(*words: str) -> float:
        return seconds([GEN, *words, "--site", "big", "--root", str(root), "-q"], env=environment)

    with standin() as (url, key):
        environment["MAAS_API_KEY"] = key

        def upload() -> float:
            started = time.perf_counter()
            words = ["upload", "--site", "big", "--root", str(root), "-q", "--yes", "--url", url]
            done = subprocess.run([GEN, *words], env=environment, capture_output=True, text=True, check=False)
            took = time.perf_counter() - started
            if done.returncode not in (0, 1) or "Traceback" in done.stderr:  # 1: the stand-in lacks the node's machine
                raise RuntimeError(done.stderr)
            return took

        gen("render")
        upload()
        upload()
        requests(url)
        pairs = [(seconds([GEN, "--help"]), upload()) for _ in range(RUNS)]
        start, took = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
        counts = requests(url)
        assert not [key for key in counts if not key.startswith("GET")], counts
        allowed = 2 * LATENCY_S + EXTRA_S
        tell(f"upload, {SCRIPTS} unchanged scripts, over --help", took - start, allowed, "2 requests + 150 ms")
        times = []
        for number in range(RUNS):
            write_bodies(root, f"number {number}")
            gen("render")
            requests(url)
            times.append(upload())
        counts = requests(url)
        assert sum(count for key, count in counts.items() if key.startswith("PUT")) == SCRIPTS, counts
        waiting = (SCRIPTS + 1) * LATENCY_S / CONCURRENCY
        tell(f"upload, {SCRIPTS} changed scripts, over --help", min(times) - start, 1.5 * waiting, "1.5 x latency")
    shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    from bench import workplace

    with workplace() as folder:
        bench_maas(folder)
