"""Options that the verbs of `bios` share: which hosts, which attributes, how they are reached, how results are told."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from .console import complete_node, complete_site

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

FORMATS = ("text", "json", "junit")
PARALLEL = 32


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says of the hosts. `attributes` are those of --attr, in their order."""

    site: str | None = None
    nodes: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    backend: str = "redfish"
    via: str = "remote"
    ca_file: Path | None = None
    insecure: bool = False
    parallel: int = PARALLEL
    timeout_s: float = 60.0
    wait_s: float = 120.0


def _attributes(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in values:
        name, equals, value = text.partition("=")
        if not name or not equals or not value:
            shown = name or "…"
            raise click.BadParameter(f"{shown}: must be NAME=VALUE, such as vt=Enabled")
        if found.setdefault(name, value) != value:
            raise click.BadParameter(f"{name} is given two values")
    return found


_HOSTS = (
    click.option("--site", shell_complete=complete_site, help="Site: a file of site-configs/sites/."),
    click.option(
        "--node", "nodes", multiple=True, shell_complete=complete_node, help="Node; several times for several."
    ),
)
_ATTR = click.option(
    "--attr",
    "attributes",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_attributes,
    help="A wanted value besides those of the hardware class, or instead of one; no secrets.",
)
_WAY = (
    click.option(
        "--backend",
        type=click.Choice(("redfish", "racadm")),
        default="redfish",
        show_default=True,
        help="How BMCs are spoken to.",
    ),
    click.option(
        "--racadm-via",
        "via",
        type=click.Choice(("remote", "ssh", "local")),
        default="remote",
        show_default=True,
        help="Where racadm runs: here towards the BMC, on the node over ssh, or here for this very machine.",
    ),
    click.option(
        "--cacert",
        "ca_file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Authority (PEM) that has signed the BMCs' certificates.",
    ),
    click.option("--insecure", is_flag=True, help="Do not verify certificates; says so on every run."),
    click.option(
        "--parallel", type=click.IntRange(1, 1000), default=PARALLEL, show_default=True, help="Hosts at the same time."
    ),
    click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(min=0, min_open=True),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="Longest time for one answer of a BMC.",
    ),
    click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(min=0),
        default=120.0,
        show_default=True,
        metavar="SECONDS",
        help="Longest wait for a BMC that is not ready, or has no session free.",
    ),
)

format_option = click.option(
    "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True, help="Form of the results."
)


def host_options(function: F) -> F:
    """Options that choose hosts, what is wanted, and how to reach them; the command is called with `choice`."""
    return _with_choice(function, (*_HOSTS, _ATTR, *_WAY))


def way_options(function: F) -> F:
    """As `host_options`, for verbs that know what is wanted."""
    return _with_choice(function, (*_HOSTS, *_WAY))


def _with_choice(function: F, options: tuple[Callable[..., Any], ...]) -> F:
    @wraps(function)
    def wrapped(*args: Any, **given: Any) -> Any:  # noqa: ANN401
        known = [field.name for field in fields(Choice) if field.name in given]
        choice = Choice(**{name: given.pop(name) for name in known})
        return function(*args, choice=choice, **given)

    chosen: Any = wrapped
    for option in reversed(options):
        chosen = option(chosen)
    return chosen  # type: ignore[no-any-return]
