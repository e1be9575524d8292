"""What verbs share: where text goes, colours, the options every verb has, and loading a site."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ..errors import Finding

F = TypeVar("F", bound="Callable[..., Any]")
T = TypeVar("T")
_BAR = 30
_LONG = 200
"""Below so many steps there is no bar."""
_FEW = 4
"""Below so many hosts there is none either."""
_REFRESH_S = 0.1
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

    def raw(self, content: bytes) -> None:
        """Write bytes as they are, and nothing else, to stdout."""
        click.echo(content, nl=False)

    def info(self, text: str) -> None:
        """Say what happens, unless --quiet."""
        if not self.quiet:
            click.echo(text, err=True, color=None if self.colour else False)

    def detail(self, text: str) -> None:
        """Say more, with --verbose."""
        if self.verbose:
            click.echo(text, err=True, color=None if self.colour else False)

    def warning(self, text: str) -> None:
        """Say what must not be overlooked, also with --quiet."""
        click.echo(
            f"{click.style('warning', fg='yellow', bold=True)}: {text}", err=True, color=None if self.colour else False
        )

    def error(self, text: str, hint: str = "") -> None:
        """Say what went wrong and how to go on."""
        click.echo(
            f"{click.style('error', fg='red', bold=True)}: {text}", err=True, color=None if self.colour else False
        )
        if hint:
            click.echo(f"  hint: {hint}", err=True)

    def agreed(self, question: str, *, yes: bool) -> bool:
        """Whether the user agrees to `question` (asked on a terminal, no is the default); with `yes` nothing is asked.

        Raises GpuaasError (exit code 2) where nobody can be asked.
        """
        from ..errors import GpuaasError

        if yes:
            return True
        if not sys.stdin.isatty():
            raise GpuaasError("nobody can be asked here; nothing was done", hint="give --yes to go on without asking")
        return click.confirm(question, default=False, err=True)

    def progress(self, items: Iterable[T], count: int, noun: str) -> Iterator[T]:
        """The items, with a bar on stderr while they are worked through; only on a terminal and without --quiet."""
        if self.quiet or count < _LONG or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            yield from items
            return
        shown = 0.0
        try:
            for number, item in enumerate(items):
                now = time.monotonic()
                if now - shown > _REFRESH_S:
                    shown = now
                    filled = "#" * (_BAR * number // count)
                    click.echo(f"\r[{filled:<{_BAR}}] {number} of {count} {noun}", err=True, nl=False)
                yield item
        finally:
            if shown:
                click.echo("\r\033[K", err=True, nl=False)

    def tick(self, number: int, count: int, noun: str) -> None:
        """A bar for work that comes to its end in any order, on a terminal and without --quiet; gone at the end."""
        if self.quiet or count < _FEW or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            return
        filled = "#" * (_BAR * number // count)
        bar = f"\r[{filled:<{_BAR}}] {number} of {count} {noun}" if number < count else "\r\033[K"
        click.echo(bar, err=True, nl=False)

    def findings(self, findings: Iterable[Finding], *, to_stdout: bool = False) -> None:
        """Print findings with their source lines, sorted by place."""
        from ..config import report
        from ..templates import place_of

        for finding in report.sort(findings):
            text = report.text(finding, lambda shown: place_of(shown, self.root), self._paint)
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
        _current[:] = [console]
        return function(console, explicit_root=root, **options)

    return wrapped  # type: ignore[return-value]


def find_root(console: Console, explicit: Path | None) -> Path:
    """The repository; findings are shown relative to it from now on."""
    from ..errors import GpuaasError
    from ..folders import find_root as find

    if explicit is not None and not (explicit / "site-configs").is_dir():
        raise GpuaasError(f"--root {explicit} holds no site-configs/")
    console.root = explicit or find(Path.cwd())
    return console.root


def _completion_root(context: click.Context) -> Path | None:
    from ..errors import GpuaasError
    from ..folders import find_root as find

    explicit = context.params.get("root")
    try:
        return explicit if isinstance(explicit, Path) else find(Path.cwd())
    except (GpuaasError, OSError):
        return None


def _names_in(folder: Path, incomplete: str) -> list[str]:
    return sorted({path.stem for path in folder.glob("*.yaml") if path.name.startswith(incomplete)})


def complete_site(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Site names for shell completion."""
    root = _completion_root(context)
    return _names_in(root / "site-configs" / "sites", incomplete) if root else []


def complete_profile(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Profile names for shell completion."""
    root = _completion_root(context)
    return _names_in(root / "site-configs" / "profiles", incomplete) if root else []


def complete_hardware(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Hardware class names for shell completion."""
    root = _completion_root(context)
    return _names_in(root / "site-configs" / "hardware", incomplete) if root else []


def complete_node(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Node names, of the site when it is given before, for shell completion."""
    root = _completion_root(context)
    nodes = root / "site-configs" / "nodes" if root else None
    if nodes is None or not nodes.is_dir():
        return []
    site = context.params.get("site")
    folders = [nodes / site] if site else [folder for folder in nodes.iterdir() if folder.is_dir()]
    return sorted({name for folder in folders for name in _names_in(folder, incomplete)})


def complete_key(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    """Keys of the configuration, down to the next dot, for shell completion."""
    from ..config.query import children

    return [key for key in children(incomplete.rpartition(".")[0]) if key.startswith(incomplete)]


site_option = click.option(
    "--site", required=True, shell_complete=complete_site, help="Site: a file of site-configs/sites/."
)
