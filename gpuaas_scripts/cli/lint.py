"""`gpuaas-gen lint`: every check over what is rendered, or over files, in one report."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..checks.registry import CHECKS, check_of
from ..errors import ExitCode, GpuaasError, Severity
from .console import Console, complete_site, find_root, verb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..checks.base import Check, Skip, Tree
    from ..checks.lint import Report
    from ..errors import Finding
    from ..templates import Library

_MANY = 100
"""Nodes from which on rendering takes long enough to do something else meanwhile."""

FORMATS = ("text", "json", "sarif", "junit", "github")


@click.command("lint")
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@click.option("--site", "sites", multiple=True, shell_complete=complete_site, help="Site to render in memory and lint.")
@click.option("--fix", is_flag=True, help="First lay out the repository's shell templates with shfmt.")
@click.option("--strict", is_flag=True, help="Warnings and skips are failures, too.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="Form of the report."
)
@click.option("--only", "only", multiple=True, type=click.Choice(list(CHECKS)), help="Run this check only.")
@click.option("--explain", "code", metavar="CODE", help="Say what a finding's code means, and nothing else.")
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    paths: tuple[Path, ...],
    sites: tuple[str, ...],
    fix: bool,
    strict: bool,
    form: str,
    only: tuple[str, ...],
    code: str | None,
) -> int:
    """Check rendered scripts, user data, units and other files: PATHs, a site, or all sites.

    A site is rendered in memory, so what is in generated/ does not matter; findings in scripts point at the
    template to edit. Folders are gone through, hidden ones left out.

    Exit code 1 for errors; warnings and skipped checks are told, and fail with --strict.

    \b
    Examples:
      gpuaas-gen lint
      gpuaas-gen lint --site maas280 --format sarif > lint.sarif
      gpuaas-gen lint generated/maas280 other/50-script.sh
      gpuaas-gen lint --explain GS402
    """
    if code is not None:
        return _explain(console, code)
    if paths and (sites or fix):
        raise click.UsageError("PATHs go without --site and --fix: a site is rendered from its sources")
    early = _Early(only)
    trees, problems, root = _gathered(console, explicit_root, paths, sites, early, fix=fix)
    from ..checks.lint import lint

    report = lint(trees, only=only, problems=problems, find=early.check_of)
    _print(console, report, trees, root, form)
    console.info(summary(report))
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    return ExitCode.FINDINGS if errors or (strict and (warnings or report.skips)) else ExitCode.OK


def _gathered(
    console: Console,
    explicit_root: Path | None,
    paths: tuple[Path, ...],
    sites: tuple[str, ...],
    early: _Early,
    *,
    fix: bool,
) -> tuple[list[Tree], list[Finding | Skip], Path]:
    """The trees to look at, what could not be read, and the folder that names are shown from."""
    from ..checks.collect import tree_of_paths

    if paths:
        start = explicit_root or Path.cwd()
        tree, problems = tree_of_paths(paths, start.absolute())
        return [tree], problems, start
    root = find_root(console, explicit_root)
    if fix:
        from .formatting import format_templates

        for changed in format_templates(root):
            console.data(f"formatted: {changed}")
    return [_site(name, root, early) for name in _names(root, sites)], [], root


def _names(root: Path, sites: Sequence[str]) -> list[str]:
    from ..config.site import site_names

    names = list(dict.fromkeys(sites)) or site_names(root)
    if not names:
        raise GpuaasError("there is no site in site-configs/sites/", hint="start one: gpuaas-gen init site NAME")
    return names


def _site(name: str, root: Path, early: _Early) -> Tree:
    """A site rendered in memory; raises FindingsError with what `validate` says of it."""
    from ..checks.collect import tree_of_plan
    from ..config.rules import check_site
    from ..config.site import load, node_count
    from ..planner import make_plan
    from ..templates import Library
    from .loading import refuse

    many = node_count(root, name) >= _MANY
    library = Library.for_root(root)
    if many:
        early.begin_templates(library)
    loaded = load(name, root)
    plan = make_plan(loaded.site, library)
    refuse(name, [*loaded.findings, *check_site(loaded.site), *plan.findings])
    return tree_of_plan(plan, early.begin_shellcheck if many else None)


class _Early:
    """Lets slow checks of what nodes share begin while many nodes are read and rendered.

    What they say here is thrown away: the checks themselves find it in the cache.
    """

    def __init__(self, only: Sequence[str]) -> None:
        self.only = only
        self.pool = ThreadPoolExecutor(max_workers=2)
        self.begun: dict[str, list[Future[None]]] = {"contract": [], "shellcheck": []}

    def begin_templates(self, library: Library) -> None:
        """Parse the script templates."""
        if not self.only or "contract" in self.only:
            self.begun["contract"].append(self.pool.submit(self._parse, library))

    def begin_shellcheck(self, tree: Tree) -> None:
        """Let shellcheck look at the scripts."""
        if not self.only or "shellcheck" in self.only:
            self.begun["shellcheck"].append(self.pool.submit(self._ask, tree))

    def check_of(self, name: str) -> Check:
        """The function of a check; of one that was begun early, when that has ended, well or not."""
        wait(self.begun.get(name, ()))
        return check_of(name)

    @staticmethod
    def _parse(library: Library) -> None:
        from ..checks.shell_contract import check_library

        check_library(library)

    @staticmethod
    def _ask(tree: Tree) -> None:
        for _ in check_of("shellcheck")(tree):
            pass


def _print(console: Console, report: Report, trees: Sequence[Tree], root: Path, form: str) -> None:
    from ..checks.reports import data, github, junit, sarif, text
    from ..templates import place_of

    if form == "text":
        where = text.places(trees, lambda shown: place_of(shown, root))
        for entry in text.entries(report, where, console._paint):
            console.data(entry)
        return
    render = {"json": data.render, "sarif": sarif.render, "junit": junit.render, "github": github.render}[form]
    console.raw(render(report).encode("utf-8", "backslashreplace"))


def _explain(console: Console, code: str) -> int:
    from ..checks.reports.rules import meaning
    from ..codes import CODES
    from ..config.check import suggestion

    known = meaning(code.upper())
    if known is None:
        raise GpuaasError(f"no code {code!r}", hint=suggestion(code.upper(), CODES))
    console.data(f"{code.upper()}: {known.title}\n\n{known.explanation}")
    return ExitCode.OK


def summary(report: Report) -> str:
    """Counts, in one line."""
    counts = [
        _count(report.texts, "text"),
        _count(report.count(Severity.ERROR), "error"),
        _count(report.count(Severity.WARNING), "warning"),
        _count(len(report.skips), "skip"),
    ]
    if report.suppressed:
        counts.append(f"{report.suppressed} suppressed")
    if report.withheld:
        counts.append(f"{_count(report.withheld, 'artifact')} withheld and so not looked at")
    return f"{_count(len(report.checks), 'check')}: {', '.join(counts)}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
