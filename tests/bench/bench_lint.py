"""Benchmarks of `gpuaas-gen lint`; `bench_lint` is run by bench.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from itertools import combinations
from pathlib import Path

SCRIPTS = 200
SHELL = ("shellcheck", "shells", "shfmt", "contract")
"""The checks of shell."""


def many_scripts(place: Path, count: int) -> list[Path]:
    """Unique scripts, each of three library fragments and a main that calls one function of each."""
    from bench import ROOT

    fragments = sorted((ROOT / "templates" / "lib").glob("*.sh"))
    folder = place / "profiles" / "many" / "root" / "usr" / "local" / "sbin"
    folder.mkdir(parents=True)
    made = []
    for number, chosen in zip(range(count), _cycle(fragments), strict=False):
        texts = [fragment.read_text() for fragment in chosen]
        calls = "".join(f"  : {fragment.stem} {number}\n" for fragment in chosen)
        script = folder / f"tool-{number:03d}"
        script.write_text(
            "#!/bin/sh\n# shellcheck shell=dash\nset -eu\n\n"
            + "\n".join(texts)
            + f'\nmain() {{\n{calls}}}\n\nmain "$@"\n'
        )
        made.append(script)
    return made


def _cycle(fragments: list[Path]):  # noqa: ANN202
    while True:
        yield from combinations(fragments, 3)


def run(command: list[str], cache: Path) -> float:
    """Wall time of a command that may find something (exit status 0 or 1; xargs: 123)."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    started = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment, check=False)
    if done.returncode not in (0, 1, 123) or b"Traceback" in done.stderr:
        raise RuntimeError(done.stderr.decode())
    return time.perf_counter() - started


def bench_shell(place: Path) -> None:
    """The shell part, cold and warm, against shellcheck alone on all cores."""
    from bench import GEN, best_pair, tell

    from gpuaas_scripts.checks.shellcheck import OPTIONAL

    scripts = many_scripts(place, SCRIPTS)
    assert len({script.read_text() for script in scripts}) == SCRIPTS
    cache = place / "cache"
    listed = place / "list"
    listed.write_bytes(b"\0".join(bytes(script) for script in scripts))
    shellcheck = str(Path(GEN).with_name("shellcheck"))
    checks = [word for name in SHELL for word in ("--only", name)]
    lint = [GEN, "lint", "-q", str(place / "profiles"), *checks]
    options = ["--norc", "--shell=dash", f"--enable={','.join(OPTIONAL)}"]
    plain = ["xargs", "-0", "-a", str(listed), "-n1", f"-P{os.cpu_count()}", shellcheck, *options]

    def cold() -> float:
        shutil.rmtree(cache, ignore_errors=True)
        return run(lint, cache)

    tell(
        f"lint of {SCRIPTS} scripts, shell part, cold",
        *best_pair(cold, lambda: run(plain, cache)),
        1.1,
        "xargs shellcheck",
    )
    one = cold()
    tell(f"lint of {SCRIPTS} scripts, shell part, warm", min(run(lint, cache) for _ in range(5)), one, 0.05, "cold")


def bench_nodes(place: Path) -> None:
    """A thousand nodes against one, cold and warm."""
    from bench import GEN, best_pair, many_nodes, tell

    roots = {count: many_nodes(place, count) for count in (1, 1000)}
    caches = {count: place / f"cache-{count}" for count in roots}

    def lint(count: int) -> float:
        return run([GEN, "lint", "-q", "--site", "big", "--root", str(roots[count])], caches[count])

    def cold(count: int) -> float:
        shutil.rmtree(caches[count], ignore_errors=True)
        return lint(count)

    tell("lint of 1,000 nodes, cold", *best_pair(lambda: cold(1000), lambda: cold(1)), 1.5, "one node")
    tell("lint of 1,000 nodes, warm", *best_pair(lambda: lint(1000), lambda: lint(1)), 1.5, "one node")


def bench_lint(place: Path) -> None:
    """All benchmarks of lint."""
    bench_shell(place / "shell")
    bench_nodes(place / "nodes")


if __name__ == "__main__":
    from bench import workplace

    with workplace() as folder:
        bench_lint(folder)
