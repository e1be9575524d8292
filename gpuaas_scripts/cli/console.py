"""What verbs share: where text goes, colours, the options every verb has, and loading a site."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..errors import Finding

F = TypeVar("F", bound="Callable[..., Any]")
_COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow"}


@dataclass(slots=True)
class Console:
    """Text for people. `info` goes to stderr, `data` to stdout."""

    root: Path
    quiet: bool = False
    verbose: bool = False
    colour: bool = True

    @classmethod
    def current(cls) -> Console:
        """The running verb's console, or a plain one before a verb runs."""
        return _current[-1] if _current else cls(Path.cwd())

    def data(self, text: str) -> None:
        """Print a result."""
        click.echo(text, color=None if self.colour else False)

    def info(self, text: str) -> None:
        """Say what happens, unless --quiet."""
        if not self.quiet:
            click.echo(text, err=True, color=None if self.colour else False)

    def detail(self, text: str) -> None:
        """Say more, with --verbose."""
        if self.verbose:
            click.echo(text, err=True, color=None if self.colour else False)

    def error(self, text: str, hint: str = "") -> None:
        """Say what went wrong and how to go on."""
        click.echo(
            f"{click.style('error', fg='red', bold=True)}: {text}", err=True, color=None if self.colour else False
        )
        if hint:
            click.echo(f"  hint: {hint}", err=True)

    def findings(self, findings: Iterable[Finding], *, to_stdout: bool = False) -> None:
        """Print findings with their source lines, sorted by place."""
        from ..config import report

        for finding in report.sort(findings):
            text = report.text(finding, self.root, self._paint)
            click.echo(text, err=not to_stdout, color=None if self.colour else False)

    @staticmethod
    def _paint(text: str, severity: Severity) -> str:
        return click.style(text, fg=_COLOURS[severity], bold=True)


_current: list[Console] = []


def verb(function: F) -> F:
    """Give a command the options that every verb has; it is called with `console` first."""

    @click.option(
        "--root", type=click.Path(path_type=Path), help="Folder that holds site-configs/ (default: found upwards)."
    )
    @click.option("-q", "--quiet", is_flag=True, help="Print results and errors only.")
    @click.option("-v", "--verbose", is_flag=True, help="Say more of what happens.")
    @click.option("--no-color", is_flag=True, help="Plain text, also on a terminal (as with NO_COLOR).")
    @wraps(function)
    def wrapped(root: Path | None, quiet: bool, verbose: bool, no_color: bool, **options: Any) -> Any:  # noqa: ANN401
        colour = not no_color and not os.environ.get("NO_COLOR")
        console = Console(root or Path.cwd(), quiet, verbose, colour)
        _current.append(console)
        return function(console, explicit_root=root, **options)

    return wrapped  # type: ignore[return-value]


def find_root(console: Console, explicit: Path | None) -> Path:
    """The repository; findings are shown relative to it from now on."""
    from ..config.site import find_root as find
    from ..errors import GpuaasError

    if explicit is not None and not (explicit / "site-configs").is_dir():
        raise GpuaasError(f"--root {explicit} holds no site-configs/")
    console.root = explicit or find(Path.cwd())
    return console.root


def complete_site(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Site names for shell completion."""
    from ..config.site import find_root as find
    from ..config.site import site_names
    from ..errors import GpuaasError

    try:
        return [name for name in site_names(find(Path.cwd())) if name.startswith(incomplete)]
    except GpuaasError:
        return []


def complete_node(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Node names of the site given before, for shell completion."""
    from ..config.site import CONFIG_FOLDER
    from ..config.site import find_root as find
    from ..errors import GpuaasError

    try:
        folder = find(Path.cwd()) / CONFIG_FOLDER / "nodes"
    except GpuaasError:
        return []
    site = context.params.get("site") or "*"
    return sorted({path.stem for path in folder.glob(f"{site}/*.yaml") if path.stem.startswith(incomplete)})


site_option = click.option(
    "--site", required=True, shell_complete=complete_site, help="Site: a file of site-configs/sites/."
)
