"""`make mutants`: change each check and guard of the scripts, one at a time, and list what no test notices.

Takes hours for all scripts: name some, or let --sample choose. A mutant is killed when a test of its script fails, or
when nothing can be believed any more (no end, no plan). Exit status 1 when more survive than allowed.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from gpuaas_scripts.cli.test import render_for_tests
from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.bats import BatsFile, Shell, discover
from gpuaas_scripts.lab.engine import find_engine
from gpuaas_scripts.lab.image import ensure
from gpuaas_scripts.lab.mutants import Mutant, mutants
from gpuaas_scripts.lab.suite import Suite

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = 0.10
STRICT = {"gpuaas-slice-storage-transition": ("disk_", "refuse", "guard", "check_")}
"""Scripts in whose functions of these prefixes nothing may survive."""


def copies(generated: Path, script: str) -> list[Path]:
    """Where the script stands in the rendered tree."""
    return [path for path in generated.rglob("*") if path.name in (script, f"{script}.sh")]


def survives(suite: Suite, place: Path, script: str, mutant: Mutant, files: list[BatsFile]) -> bool:
    """Whether every test of the script passes on the mutant. `place` is a folder of this run's own."""
    generated = Path(tempfile.mkdtemp(dir=place))
    generated.chmod(0o755)
    try:
        shutil.copytree(suite.generated, generated, dirs_exist_ok=True)
        for path in copies(generated, script):
            path.write_text(mutant.text, "utf-8")
        own = replace(suite, generated=generated)
        return all(_passes(own, file) for file in files)
    finally:
        shutil.rmtree(generated, ignore_errors=True)


def _passes(suite: Suite, file: BatsFile) -> bool:
    try:
        return suite.run(file, Shell.DASH, abort=True).passed
    except GpuaasError:  # the container did not come up, or the tests never ended: noticed
        return False


def run_script(suite: Suite, place: Path, script: str, sample: int, seed: int, only: str) -> tuple[int, list[Mutant]]:
    """How many mutants of the script were tried, and those that survived."""
    places = copies(suite.generated, script)
    if not places:
        raise GpuaasError(f"{script}: the site lab does not render it")
    text = places[0].read_text("utf-8")
    files = discover(suite.bats, script)
    chosen = [one for one in mutants(text) if one.function.startswith(tuple(only.split(",")) if only else "")]
    if sample and sample < len(chosen):
        picked = set(random.Random(seed).sample(range(len(chosen)), sample))  # noqa: S311
        chosen = [one for number, one in enumerate(chosen) if number in picked]
    if not all(_passes(suite, file) for file in files):
        raise GpuaasError(f"{script}: its tests fail as it is", hint=f"gpuaas-gen test --script {script} --shell dash")
    started, left = time.monotonic(), []
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        answers = pool.map(lambda one: survives(suite, place, script, one, files), chosen)
        for mutant, alive in zip(chosen, answers, strict=True):
            if alive:
                left.append(mutant)
                print(f"survived  {script}:{mutant.line} {mutant.function}: {mutant.kind}: {mutant.was}", flush=True)
    share = len(left) / len(chosen) if chosen else 0
    seconds = time.monotonic() - started
    print(f"{script}: {len(chosen)} mutants, {len(left)} survived ({share:.0%}), {seconds:.0f} s", flush=True)
    return len(chosen), left


def main() -> int:
    """Run the mutants of the scripts named, or of all that have tests."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = sorted({name for file in discover(ROOT / "tests/bats") for name in file.scripts})
    parser.add_argument("scripts", nargs="*", default=known, help=f"which (default: all): {', '.join(known)}")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="so many mutants of each script, by chance")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--functions", default="", metavar="PREFIX,…", help="only functions whose name begins so")
    asked = parser.parse_args()
    engine = find_engine()
    tried, left = 0, {}
    with tempfile.TemporaryDirectory(prefix="gpuaas-mutants-") as folder:
        generated = Path(folder, "generated")
        generated.mkdir()
        for path in (Path(folder), generated):
            path.chmod(0o755)
        render_for_tests(ROOT, "lab", generated)
        suite = Suite(engine, ensure(engine), ROOT / "tests/bats", ROOT / "tests/hosts", generated)
        for script in asked.scripts:
            if script not in known:
                parser.error(f"{script}: no bats file is about it; known: {', '.join(known)}")
            count, left[script] = run_script(suite, Path(folder), script, asked.sample, asked.seed, asked.functions)
            tried += count
    survivors = sum(map(len, left.values()))
    print(f"{tried} mutants, {survivors} survived ({survivors / tried if tried else 0:.1%}; limit {ALLOWED:.0%})")
    strict = [one for script, ones in left.items() for one in ones if one.function.startswith(STRICT.get(script, "\0"))]
    return 1 if survivors > ALLOWED * tried or strict else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GpuaasError as error:
        sys.exit(f"error: {error}")
