"""`make mutants`: change each check and guard of the scripts, one at a time, and list what no test notices.

A function is changed in all scripts that have it, so one of a fragment is changed once. Only the tests that reach the
changed statement are run: which these are is learnt by running all tests once on scripts with marks, and kept. Names
are those of scripts and of fragments (lib/disk). Results are added to a file as they come. Exit status 1 when more
survive than allowed, or one where none may.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from trials import Run, Target, say

from gpuaas_scripts.cli.test import render_for_tests
from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab import reach
from gpuaas_scripts.lab.bats import BatsFile, discover
from gpuaas_scripts.lab.engine import find_engine
from gpuaas_scripts.lab.hosts import load_host
from gpuaas_scripts.lab.hunt import Fate, reaching
from gpuaas_scripts.lab.image import cache_folder, ensure
from gpuaas_scripts.lab.mutants import mutants
from gpuaas_scripts.lab.owners import Owners
from gpuaas_scripts.lab.reach import Marked
from gpuaas_scripts.lab.station import Scripts, Test, all_marked, learn, place_of
from gpuaas_scripts.lab.suite import Suite

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENT = Path(__file__).with_name("equivalent.txt")
ALLOWED = 0.10
STRICT = (
    "gpuaas-slice-storage-transition:*_check",
    "gpuaas-slice-storage-transition:check_all",
    "gpuaas-slice-storage-transition:needs",
    "gpuaas-slice-storage-transition:judge",
    "gpuaas-slice-storage-transition:approved_row",
    "gpuaas-slice-storage-transition:shares",
    "gpuaas-slice-storage-transition:of_shares",
    "gpuaas-slice-storage-transition:earlier_steps",
    "lib/disk:*",
    "lib/libvirt:*",
)
"""OWNER:FUNCTION, of the storage transition's refusals: nothing there may survive."""


def targets(scripts: Scripts, owners: Owners, marked: dict[tuple[str, str], Marked]) -> list[Target]:
    """All mutants of functions that templates hold, each once, but those known to be equivalent."""
    found, names = [], []
    for function in scripts.distinct():
        owner = owners.of(function)
        if owner is not None:
            names.append(f"{owner.name}:{function.name}")
            own = marked[function.name, function.source]
            found += [Target(owner, function, one, own.of(one)) for one in mutants(function)]
    missed = [strict for strict in STRICT if not any(fnmatchcase(name, strict) for name in names)]
    if missed:
        raise GpuaasError(f"no function fits: {', '.join(missed)}", hint="correct STRICT in tests/mutants/mutants.py")
    return without_equivalent(found, EQUIVALENT)


def without_equivalent(found: list[Target], listed: Path) -> list[Target]:
    """The targets without those of the list: lines `OWNER:FUNCTION | KIND | TEXT | REASON`, each of which must fit."""
    fits: set[str] = set()
    for number, line in enumerate(listed.read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = [word.strip() for word in line.split(" | ")]
        same = {one.key for one in found if [one.name, one.mutant.kind, one.mutant.was] == words[:3]}
        if len(words) != 4 or not words[3] or not same:
            raise GpuaasError(
                f"{listed.name}:{number}: fits no mutant, or has no reason: {line}", hint="remove the line"
            )
        fits |= same
    return [one for one in found if one.key not in fits]


def files_for(chosen: list[Target], scripts: Scripts, owners: Owners, suite: Suite) -> list[BatsFile]:
    """The bats files about the scripts that have these functions, and those that are about no script."""
    wanted = {(one.function.name, one.function.source) for one in chosen}
    names = set()
    for listed in scripts.functions.values():
        if any((one.name, one.source) in wanted for one in listed):
            names |= {owner.name for one in listed if (owner := owners.of(one)) is not None}
    everything = [file for file in discover(suite.bats) if file.path != "harness.bats"]
    return [file for file in everything if not file.scripts or names & set(file.scripts)]


def learnt(suite: Suite, scripts: Scripts, marked: dict[tuple[str, str], Marked], files: list[BatsFile]) -> list[Test]:
    """The tests of these files, from what was learnt earlier where that still holds."""
    folder = cache_folder() / "mutants"
    folder.mkdir(parents=True, exist_ok=True)
    known = {place_of(one) for one in scripts.distinct()}

    def one(file: BatsFile) -> list[Test]:
        kept = folder / f"{digest_of(suite, file)}.json"
        if kept.exists():
            read = [
                Test(file, name, seconds, frozenset(marks)) for name, seconds, marks in json.loads(kept.read_text())
            ]
            if all(mark.rpartition(".")[0] in known for test in read for mark in test.marks):
                return read
        started = time.monotonic()
        tests = learn(suite, scripts, file, marked)
        kept.write_text(json.dumps([[test.name, test.seconds, sorted(test.marks)] for test in tests]), "utf-8")
        say(f"learnt    {file.path}: {len(tests)} tests, {time.monotonic() - started:.0f} s")
        return tests

    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as pool:
        return [test for tests in pool.map(one, files) for test in tests]


def digest_of(suite: Suite, file: BatsFile) -> str:
    """A digest of a bats file, its fixture host, and how marks are made.

    Of what else its run depends on, a change can make a mutant survive that is killed now, never the other way.
    """
    digest = hashlib.sha256(Path(reach.__file__).read_bytes())
    digest.update((suite.bats / file.path).read_bytes())
    if file.host:
        host = load_host(suite.hosts / file.host)  # on top of its base
        for path in sorted(host.folder.rglob("*")):
            digest.update(str(path.relative_to(host.folder)).encode())
            if path.is_symlink():
                digest.update(str(path.readlink()).encode())
            elif path.is_file():
                digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


def earlier(results: Path) -> dict[str, Fate]:
    """What is in the file of results, by key; the last one counts."""
    found = {}
    for line in results.read_text("utf-8").splitlines() if results.exists() else ():
        with contextlib.suppress(json.JSONDecodeError):  # cut off when the run was
            one = json.loads(line)
            found[one["key"]] = Fate(one["killer"], tuple(one["survived"]), one["reached"])
    return found


def report(fates: list[tuple[Target, Fate]]) -> int:
    """Print the survivors with the tests that reach them, and the counts; the exit status."""
    for target, fate in sorted(fates, key=lambda one: (one[0].owner.path, one[0].owner.line + one[0].mutant.line)):
        if fate.alive:
            print(target.text())
            shown = fate.survived or ("reached by no test",)
            print("".join(f"    {name}\n" for name in shown[:5]), end="")
            more = fate.reached - len(shown[:5])
            print(f"    and {more} more\n" if more > 0 else "", end="")
    tried, left = (
        Counter(one.owner.name for one, _ in fates),
        Counter(one.owner.name for one, fate in fates if fate.alive),
    )
    for name in sorted(tried):
        print(f"{name}: {tried[name]} mutants, {left[name]} survived ({left[name] / tried[name]:.0%})")
    strict = [one for one, fate in fates if fate.alive and any(fnmatchcase(one.name, strict) for strict in STRICT)]
    share = left.total() / len(fates) if fates else 0
    print(f"{len(fates)} mutants, {left.total()} survived ({share:.1%}; limit {ALLOWED:.0%})")
    print(f"{len(strict)} survived where none may: the storage transition's refusals")
    return 1 if share > ALLOWED or strict else 0


def choose(asked: argparse.Namespace, found: list[Target], owners: Owners) -> list[Target]:
    """The targets that the arguments ask for."""
    unknown = [name for name in asked.scripts if name not in owners.names()]
    if unknown:
        raise GpuaasError(
            f"no such script or fragment: {', '.join(unknown)}", hint=f"known: {', '.join(owners.names())}"
        )
    chosen = [one for one in found if not asked.scripts or one.owner.name in asked.scripts]
    if asked.strict:
        chosen = [one for one in chosen if any(fnmatchcase(one.name, strict) for strict in STRICT)]
    if asked.functions:
        globs = asked.functions.split(",")
        chosen = [one for one in chosen if any(fnmatchcase(one.function.name, glob) for glob in globs)]
    chance = random.Random(asked.seed)  # noqa: S311
    if asked.percent:
        chosen = chance.sample(chosen, -(-len(chosen) * asked.percent // 100))
    if asked.sample:
        names = sorted({one.owner.name for one in chosen})
        each = [[one for one in chosen if one.owner.name == name] for name in names]
        chosen = [one for group in each for one in chance.sample(group, min(asked.sample, len(group)))]
    return chosen


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scripts", nargs="*", help="which scripts and fragments (default: all)")
    parser.add_argument("--strict", action="store_true", help="only where none may survive")
    parser.add_argument("--functions", default="", metavar="GLOB,…", help="only functions of these names")
    parser.add_argument("--files", default="*", metavar="GLOB", help="only tests of these bats files (sooner learnt)")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="so many of each script, by chance")
    parser.add_argument("--percent", type=int, default=0, metavar="P", help="so many of all, by chance")
    parser.add_argument("--seed", type=int, default=1, help="of the chance")
    parser.add_argument(
        "--tests", type=int, default=20, metavar="N", help="most tests to try on a mutant (default: 20)"
    )
    cpus = len(os.sched_getaffinity(0))
    parser.add_argument("--parallel", type=int, default=cpus, metavar="N", help="stations at once (default: one a CPU)")
    default = cache_folder() / "mutants/results.jsonl"
    parser.add_argument("--results", type=Path, default=default, help=f"added to (default: {default})")
    parser.add_argument("--continue", dest="go_on", action="store_true", help="not those that the results have")
    parser.add_argument("--survivors", action="store_true", help="only those that survived in the results")
    parser.add_argument("--list", action="store_true", help="say which would be tried, and by how many tests")
    return parser.parse_args()


def main() -> int:
    """Run what was asked for."""
    asked = arguments()
    engine = find_engine()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="gpuaas-mutants-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        suite = snapshot(
            Suite(engine, ensure(engine), ROOT / "tests/bats", ROOT / "tests/hosts", folder / "generated"), folder
        )
        scripts, owners = Scripts.read(suite.generated), Owners(ROOT)
        marked = all_marked(scripts)
        chosen = choose(asked, targets(scripts, owners, marked), owners)
        files = [file for file in files_for(chosen, scripts, owners, suite) if fnmatchcase(file.path, asked.files)]
        tests = learnt(suite, scripts, marked, files)
        known = earlier(asked.results)
        old = [(one, known[one.key]) for one in chosen if asked.go_on and one.key in known]
        if asked.survivors:
            chosen = [one for one in chosen if one.key in known and known[one.key].alive]
        wanted = [one for one in chosen if not (asked.go_on and one.key in known)]
        say(f"{len(wanted)} mutants to try, {len(old)} known, {len(tests)} tests")
        if asked.list:
            print("".join(f"{len(reaching(one.mark, tests)):4} tests  {one.text()}\n" for one in wanted), end="")
            return 0
        asked.results.parent.mkdir(parents=True, exist_ok=True)
        run = Run(suite, scripts, tests, asked.results, asked.tests)
        try:
            run.all(wanted, asked.parallel)
        finally:
            status = report([*old, *run.fates])
    return 1 if run.untried else status


def snapshot(suite: Suite, folder: Path) -> Suite:
    """The suite on copies, so that edits do not change what runs; with all sites that tests are about rendered."""
    shutil.copytree(suite.bats, folder / "bats")
    shutil.copytree(suite.hosts, folder / "hosts", symlinks=True)
    suite.generated.mkdir()
    for place in (folder / "bats", folder / "hosts", suite.generated):
        place.chmod(0o755)
    for site in sorted({file.site for file in discover(suite.bats)}):
        render_for_tests(ROOT, site, suite.generated)
    return replace(suite, bats=folder / "bats", hosts=folder / "hosts")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GpuaasError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; --continue goes on")
