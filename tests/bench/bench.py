"""`make bench`: how long things take, as ratios to something that was measured in the same run.

Nothing here is asserted: the figures are for people. Works on tmpfs where there is one, takes the
two sides of a ratio in turn, and tells the best of several runs.
"""

from __future__ import annotations

import argparse
import compileall
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
GEN = str(Path(sys.executable).with_name("gpuaas-gen"))
RUNS = 5


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder on tmpfs where possible."""
    base = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
    place = Path(tempfile.mkdtemp(prefix="gpuaas-bench-", dir=base))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def many_nodes(place: Path, count: int) -> Path:
    """A repository with a site `big`: the complete slice-vm profile of `example` on `count` nodes."""
    root = place / f"repository-{count}"
    shutil.copytree(ROOT / "site-configs", root / "site-configs")
    configs = root / "site-configs"
    site = (configs / "sites" / "example.yaml").read_text()
    (configs / "sites" / "example.yaml").unlink()
    (configs / "sites" / "big.yaml").write_text(site.replace("198.51.100.1", "172.20.255.1"))
    template = (configs / "nodes" / "example" / "ex-slice-1.yaml").read_text()
    shutil.rmtree(configs / "nodes")
    nodes = configs / "nodes" / "big"
    nodes.mkdir(parents=True)
    for number in range(count):
        high, low = divmod(number, 250)
        text = (
            template.replace("system_id: ex0001", f"system_id: n{number:05d}")
            .replace("address: 203.0.113.11", f"address: 172.16.{high}.{low + 1}")
            .replace("address: 198.51.100.11/24", f"address: 172.20.{high}.{low + 1}/16")
            .replace("address: 10.178.0.11/16", f"address: 10.178.{high}.{low + 1}/16")
            .replace("e8000001", f"{0xE0000000 + number:08x}")
        )
        (nodes / f"n{number:05d}.yaml").write_text(text)
    return root


def seconds(command: list[str], **options: object) -> float:
    """Wall time of a command that must succeed."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    return time.perf_counter() - started


def best_pair(one: Callable[[], float], other: Callable[[], float]) -> tuple[float, float]:
    """The two sides in turn; the best of each."""
    pairs = [(one(), other()) for _ in range(RUNS)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)


def tell(what: str, ours: float, theirs: float, limit: float | None, than: str) -> None:
    """One line: the ratio, its limit where it has one, and both times."""
    bound = f"limit {limit:g}; " if limit is not None else ""
    print(f"{what:<46} {ours / theirs:6.2f} x {than:<24} ({bound}{ours * 1000:.0f} ms / {theirs * 1000:.0f} ms)")


def render(root: Path, output: Path, cache: Path) -> float:
    """One `gpuaas-gen render` of the site `big`."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    return seconds(
        [GEN, "render", "--site", "big", "--root", str(root), "--output", str(output), "-q"], env=environment
    )


def copy(tree: Path, target: Path) -> float:
    """`cp -r` of a rendered tree to a place that does not exist yet."""
    shutil.rmtree(target, ignore_errors=True)
    return seconds(["cp", "-r", str(tree), str(target)])


def bench_render(place: Path) -> None:
    """A thousand nodes, new and unchanged, against cp -r; and what the caches are worth."""
    root, out, cache = many_nodes(place, 1000), place / "out", place / "cache"

    def new(caches: Path) -> float:
        shutil.rmtree(out, ignore_errors=True)
        return render(root, out, caches)

    def anew() -> float:
        shutil.rmtree(cache / "gpuaas-gen" / "nodes", ignore_errors=True)
        return new(cache)

    def cold() -> float:
        shutil.rmtree(cache, ignore_errors=True)
        return new(cache)

    def copied() -> float:
        return copy(out, place / "copy")

    cold()
    files = sum(len(names) for _, _, names in os.walk(out))
    print(f"site of 1,000 nodes: {files} files")
    tell("render, new tree, every node rendered", *best_pair(anew, copied), 4, "cp -r")
    tell("render, new tree, results of nodes kept", *best_pair(lambda: new(cache), copied), None, "cp -r")
    tell("render, new tree, empty cache", *best_pair(cold, copied), None, "cp -r")
    tell("render, nothing changed", *best_pair(lambda: render(root, out, cache), copied), 2, "cp -r")
    one = root / "site-configs" / "nodes" / "big" / "n00500.yaml"
    text = one.read_text()

    def changed() -> float:
        one.write_text(text.replace("10.178.2.1/16", f"10.178.9.{changed.count % 200 + 1}/16"))  # type: ignore[attr-defined]
        changed.count += 1  # type: ignore[attr-defined]
        return render(root, out, cache)

    changed.count = 0  # type: ignore[attr-defined]
    tell("render, one node changed", *best_pair(changed, copied), None, "cp -r")


def cpu(root: Path, out: Path, cache: Path) -> tuple[float, int]:
    """CPU seconds and peak memory (KiB) of one cold render in a process of its own."""
    shutil.rmtree(out, ignore_errors=True)
    shutil.rmtree(cache, ignore_errors=True)
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)\n"
        "u = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(u.ru_utime + u.ru_stime, u.ru_maxrss)\n"
    )
    command = [GEN, "render", "--site", "big", "--root", str(root), "--output", str(out), "-q"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run([PYTHON, "-c", code, *command], check=True, capture_output=True, text=True, env=environment)
    used, peak = done.stdout.split()
    return float(used), int(peak)


def bench_scale(place: Path) -> None:
    """Ten times the nodes: CPU time and memory."""
    small, large = many_nodes(place, 1000), many_nodes(place, 10000)
    pairs = [(cpu(small, place / "s", place / "c"), cpu(large, place / "l", place / "c")) for _ in range(2)]
    one = min(pair[0][0] for pair in pairs)
    ten = min(pair[1][0] for pair in pairs)
    peak = max(pair[1][1] for pair in pairs)
    tell("render, 10,000 nodes, CPU time", ten, one, 11, "1,000 nodes")
    print(f"{'render, 10,000 nodes, peak memory':<46} {peak / 1024:6.0f} MiB {'':<22} (limit 350 MB)")


def bench_start(place: Path) -> None:
    """Start-up and validation against a bare interpreter."""
    bare = [PYTHON, "-c", "pass"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(place / "cache")}
    tell(
        "gpuaas-gen --help", *best_pair(lambda: seconds([GEN, "--help"]), lambda: seconds(bare)), 5.5, "python -c pass"
    )
    validate = [GEN, "validate", "--site", "maas280", "--root", str(ROOT)]
    seconds(validate, env=environment)
    tell(
        "validate --site maas280",
        *best_pair(lambda: seconds(validate, env=environment), lambda: seconds(bare)),
        20,
        "python -c pass",
    )


def main() -> None:
    """Run all benchmarks, or those named."""
    from bench_bios import bench_bios
    from bench_lint import bench_lint  # it uses this module
    from bench_maas import bench_maas  # so does it

    benches = {"start": bench_start, "render": bench_render, "scale": bench_scale, "lint": bench_lint}
    benches |= {"maas": bench_maas, "bios": bench_bios}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*benches, []], help="which (default: all)")
    chosen = parser.parse_args().names or list(benches)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    compileall.compile_dir(ROOT / "gpuaas_scripts", quiet=2)  # as pip does; an editable install may lack it
    for name in chosen:
        with workplace() as place:
            benches[name](place)


if __name__ == "__main__":
    main()
