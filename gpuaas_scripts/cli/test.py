"""`gpuaas-gen test`: run the shell tests of rendered scripts, in containers that boot."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ExitCode, GpuaasError
from .console import Console, complete_site, find_root, verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..lab.bats import BatsFile
    from ..lab.colours import Row
    from ..lab.suite import Ran, Suite

SHELLS = ("dash", "busybox", "bash")


@click.command("test")
@click.option("--script", "scripts", multiple=True, metavar="NAME", help="Only the tests of this script (repeatable).")
@click.option(
    "--site", shell_complete=complete_site, help="Only the tests of this site (default: all); without the table."
)
@click.option(
    "--shell", "shells", multiple=True, type=click.Choice(SHELLS), help="Only under this shell (repeatable; all)."
)
@click.option("--filter", "only", default="", metavar="REGEX", help="Only tests whose name fits; without the table.")
@click.option("--engine", type=click.Choice(("podman", "docker")), help="Container engine (default: what is there).")
@click.option("--base", metavar="IMAGE", help="Build the test image on this one, such as ubuntu:24.04.")
@click.option("--parallel", type=click.IntRange(1, 64), help="Containers at once (default: two a CPU).")
@click.option("--table", is_flag=True, help="Print which test saw each check right, and which saw it broken.")
@click.option("--json", "as_json", is_flag=True, help="Results as JSON.")
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    scripts: tuple[str, ...],
    site: str | None,
    shells: tuple[str, ...],
    only: str,
    engine: str | None,
    base: str | None,
    parallel: int | None,
    table: bool,
    as_json: bool,
) -> int:
    """Run the bats files of tests/bats on rendered scripts, each in a container of its own, under each shell.

    Every check that a script declares must have been seen right and broken: one that was not fails the run.
    Needs root and podman or docker; the image is made from Debian packages and kept.

    \b
    Examples:
      gpuaas-gen test
      gpuaas-gen test --script gpuaas-slice-network-baseline --shell dash
      gpuaas-gen test --base ubuntu:24.04
    """
    from ..lab.bats import Shell
    from ..lab.suite import run_suite

    root = find_root(console, explicit_root)
    files = _files(root, scripts, site)
    with tempfile.TemporaryDirectory(prefix="gpuaas-test-") as folder:
        suite = _suite(console, root, files, Path(folder), engine, base)
        started = time.monotonic()
        ran = run_suite(
            suite,
            files,
            [Shell(name) for name in shells or SHELLS],
            only=only,
            parallel=parallel or 2 * len(os.sched_getaffinity(0)),
            done=lambda one: _tell(console, one, as_json=as_json),
        )
        rows = [] if only or site else _rows(suite, files, scripts, ran)
    gaps = [row for row in rows if not row.complete]
    if as_json:
        console.data(json.dumps(_as_data(ran, rows), indent=2))
    elif table or gaps:
        from ..lab.colours import as_text

        console.data(as_text(rows if table else gaps))
    failed = [one for one in ran if not one.passed]
    seconds = time.monotonic() - started
    counts = [f"{len(ran) - len(failed)} of {len(ran)} runs passed"]
    counts += [f"{len(rows) - len(gaps)} of {len(rows)} checks seen right and broken"] if rows else []
    console.info(", ".join([*counts, f"{seconds:.0f} s"]))
    return ExitCode.FINDINGS if failed or gaps else ExitCode.OK


def _files(root: Path, scripts: Sequence[str], site: str | None) -> list[BatsFile]:
    from ..config.check import suggestion
    from ..lab.bats import discover

    folder = root / "tests" / "bats"
    if not folder.is_dir():
        raise GpuaasError(f"no tests/bats in {root}", hint="write tests as templates/README.md tells")
    found: dict[str, BatsFile] = {}
    for script in scripts or ("",):
        named = discover(folder, script)
        if not named:
            known = sorted({name for file in discover(folder) for name in file.scripts})
            hint = f"{suggestion(script, known)}; a bats file names its scripts in lines '# script: NAME'"
            raise GpuaasError(f"no file of tests/bats is about a script {script!r}", hint=hint)
        found |= {file.path: file for file in named}
    if site is not None and site not in {file.site for file in found.values()}:
        sites = sorted({file.site for file in discover(folder)})
        raise GpuaasError(
            f"no test in tests/bats is of site {site!r}", hint=f"those that have tests: {', '.join(sites)}"
        )
    return [file for file in found.values() if site in (None, file.site)]


def _suite(
    console: Console, root: Path, files: Sequence[BatsFile], generated: Path, engine: str | None, base: str | None
) -> Suite:
    """Engine, image, and the sites that the files are about, rendered into `generated`."""
    from ..cache import Cache
    from ..lab.engine import EngineName, find_engine
    from ..lab.image import ensure
    from ..lab.suite import Suite

    found = find_engine(EngineName(engine) if engine else None)
    generated.chmod(0o755)  # scripts are also tried as somebody who is not root
    for site in sorted({file.site for file in files}):
        render_for_tests(root, site, generated)
    image = ensure(found, base=base, progress=console.info)
    return Suite(found, image, root / "tests" / "bats", root / "tests" / "hosts", generated, Cache("test_times"))


def render_for_tests(root: Path, site: str, output: Path) -> None:
    """Render a site of the repository, or one that is for tests alone (tests/site), into `output`."""
    from ..sinks import tree
    from .render import tree_files
    from .rendering import rendering

    own = root / "tests" / "site"
    start = own if (own / "site-configs" / "sites" / f"{site}.yaml").is_file() else root
    withheld: dict[str, tuple[str, ...]] = {}
    with rendering(site, start, {}, 1) as made:
        tree.write(output / site, tree_files(made.items, withheld, site, output / site, frozenset()))


def scripts_of(generated: Path, sites: Sequence[str]) -> dict[str, str]:
    """The rendered scripts of the sites, file name to text; of one name, the first."""
    found: dict[str, str] = {}
    for site in sites:
        for path in sorted((generated / site).rglob("*")):
            if path.is_file() and path.name != "MANIFEST.json":
                text = path.read_text("utf-8")
                if text.startswith("#!/bin/sh"):
                    found.setdefault(path.name, text)
    return found


def _rows(suite: Suite, files: Sequence[BatsFile], scripts: Sequence[str], ran: Sequence[Ran]) -> list[Row]:
    from ..lab.colours import table

    known = scripts_of(suite.generated, sorted({file.site for file in files}))
    if scripts:
        known = {name: text for name, text in known.items() if name.removesuffix(".sh") in scripts}
    return table(known, (line for one in ran if one.result for line in one.result.evidence))


def _tell(console: Console, ran: Ran, *, as_json: bool) -> None:
    count = len(ran.result.tests) if ran.result else 0
    say = console.info if as_json else console.data
    cpu = f", {ran.result.cpu_seconds:.0f} s CPU" if ran.result else ""
    verdict = "passed" if ran.passed else "FAILED"
    say(f"{verdict}  {ran.file.path}  {ran.shell}  {count} tests  {ran.seconds:.0f} s{cpu}")
    if not ran.passed:
        say(ran.report())


def _as_data(ran: Sequence[Ran], rows: Sequence[Row]) -> dict[str, object]:
    return {
        "runs": [
            {
                "file": one.file.path,
                "site": one.file.site,
                "host": one.file.host,
                "shell": str(one.shell),
                "passed": one.passed,
                "seconds": round(one.seconds, 1),
                "cpu_seconds": round(one.result.cpu_seconds, 1) if one.result else 0,
                "problem": one.problem or (one.result.problem if one.result else ""),
                "tests": [
                    {"name": test.name, "outcome": str(test.outcome), "detail": test.detail}
                    for test in (one.result.tests if one.result else ())
                ],
            }
            for one in ran
        ],
        "checks": [
            {
                "script": row.script,
                "check": row.check,
                "right": row.right,
                "broken": row.broken,
                "silent": row.silent,
                "complete": row.complete,
            }
            for row in rows
        ],
    }
