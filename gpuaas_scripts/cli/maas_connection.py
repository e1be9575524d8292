"""Which MAAS a verb talks to, and with which key: the options that all verbs with a MAAS share.

What is given on the command line goes before what the site's file says; a key is only ever taken from a
reference, from MAAS_API_KEY or from a login of the `maas` tool, never from an argument.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from ..errors import GpuaasError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..config.site import Site
    from ..sinks.maas_login import ApiKey, Connection
    from ..sinks.maas_session import MaasSession

F = TypeVar("F", bound="Callable[..., Any]")
T = TypeVar("T")

KEY_VARIABLE = "MAAS_API_KEY"  # the name of a variable, no key
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """What the command line says of the MAAS: a login of the `maas` tool, a URL, a CA file, seconds per attempt."""

    profile: str | None = None
    url: str | None = None
    ca_file: Path | None = None
    timeout_s: float = _TIMEOUT_S


def connection_options(function: F) -> F:
    """Give a command the options --profile, --url, --cacert and --timeout; it is called with `target` among them."""

    @click.option("--profile", metavar="NAME", help="Login of the maas command line tool to use.")
    @click.option(
        "--url", metavar="URL", help=f"URL of the MAAS (…/MAAS/); the key comes from {KEY_VARIABLE} or the site's file."
    )
    @click.option(
        "--cacert",
        type=click.Path(path_type=Path, dir_okay=False),
        help="CA certificates (PEM) to check the MAAS's certificate with (default: the system's, or the login's).",
    )
    @click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=_TIMEOUT_S,
        show_default=True,
        metavar="SECONDS",
        help="Longest time that one request may take.",
    )
    @wraps(function)
    def wrapped(
        *args: Any,  # noqa: ANN401
        profile: str | None,
        url: str | None,
        cacert: Path | None,
        timeout: float,
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if profile and url:
            raise click.UsageError("give either --profile NAME or --url URL: a login brings its own URL")
        return function(*args, target=Target(profile, url, cacert, timeout), **options)

    return wrapped  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Region:
    """What a site's file says of its MAAS. `file` is shown in errors; `pending` is the first key marked
    `to-be-approved` with its place, '' when there is none.
    """

    site: str
    file: str
    url: str | None = None
    cli_profile: str | None = None
    api_key: str | None = None
    ca_file: str | None = None
    pending: str = ""


def region_of(site: Site) -> Region:
    """The MAAS of a loaded site."""
    maas = site.file.maas
    marked = [path for path in site.approvals if path[:1] == ("maas",)]
    pending = f"{site.source.locate(marked[0])}: {'.'.join(map(str, marked[0]))}" if marked else ""
    return Region(site.name, site.source.shown_as, maas.url, maas.cli_profile, maas.api_key, maas.ca_file, pending)


def connection_for(site: Site, target: Target) -> Connection:
    """How to reach the MAAS of a loaded site; see `connection_of`."""
    return connection_of(region_of(site), target)


def connection_of(region: Region, target: Target) -> Connection:
    """How to reach the MAAS of a site.

    In this order: `--profile`; `--url` with MAAS_API_KEY or else the site's `maas.api_key`; the site's
    `maas.url` with `maas.api_key`; the site's `maas.cli_profile`; the site's `maas.url` with MAAS_API_KEY.
    Raises GpuaasError (exit code 2): nothing of these is there, a reference leads nowhere, or the login named by
    `maas.cli_profile` is for another MAAS than `maas.url`.
    """
    from ..sinks.maas_login import Connection

    if target.profile:
        found = _of_profile(target.profile)
    elif target.url:
        found = Connection(target.url, _of_environment() or _referenced(region) or _no_key(region))
    elif region.url and (key := _referenced(region)):
        found = Connection(region.url, key)
    elif region.cli_profile:
        found = _same_region(region, _of_profile(region.cli_profile))
    elif region.url:
        found = Connection(region.url, _of_environment() or _no_key(region))
    else:
        raise _nowhere(region)
    _ = found.base  # a wrong URL is said now
    ca_file = target.ca_file or (Path(region.ca_file) if region.ca_file and not target.profile else None)
    if ca_file:
        found = replace(found, ca_file=ca_file, ca_text="")
    return replace(found, timeout_s=target.timeout_s)


def with_session(connection: Connection, work: Callable[[MaasSession], Awaitable[T]]) -> T:
    """Open a session, do `work` with it, and close it: all in one event loop.

    Raises MaasError (exit code 4) when the MAAS cannot be used, and what `work` raises.
    """
    import asyncio

    from ..sinks.maas_session import connect

    results: list[T] = []

    async def inside() -> None:  # without a result: asyncio.run would write it out as text, and nobody would read that
        async with connect(connection) as session:
            results.append(await work(session))

    asyncio.run(inside())
    return results[0]


def shown_url(connection: Connection) -> str:
    """The MAAS's address as people know it: …/MAAS."""
    from ..sinks.maas_login import API_PATH

    return connection.base.removesuffix(API_PATH)


def _of_profile(name: str) -> Connection:
    from ..sinks.maas_login import read_profile

    return read_profile(name).connection()


def _of_environment() -> ApiKey | None:
    from ..sinks.maas_login import ApiKey

    text = os.environ.get(KEY_VARIABLE, "")
    return ApiKey(text) if text else None


def _referenced(region: Region) -> ApiKey | None:
    from ..secrets import resolve
    from ..sinks.maas_login import ApiKey

    if not region.api_key:
        return None
    return ApiKey(resolve(region.api_key, f"{region.file}: maas.api_key").reveal())


def _no_key(region: Region) -> NoReturn:
    raise GpuaasError(
        f"there is no API key for the MAAS of site {region.site}",
        hint=f"export {KEY_VARIABLE}=consumer:token:secret, give --profile NAME (a login of the maas tool),"
        f" or set maas.api_key in {region.file}",
    )


def _same_region(region: Region, found: Connection) -> Connection:
    """Refuses a login whose MAAS is not the one that the site's file names."""
    if region.url and replace(found, url=region.url).base != found.base:
        raise GpuaasError(
            f"{region.file}: maas.url is {region.url},"
            f" but the login {region.cli_profile} of the maas tool is for {found.url}",
            hint="mend either, or say which one is meant with --profile NAME or --url URL",
        )
    return found


def _nowhere(region: Region) -> GpuaasError:
    why = f"{region.pending} is to be approved" if region.pending else f"{region.file}: the site's file names no MAAS"
    return GpuaasError(
        why,
        hint="set maas.url and maas.api_key, or maas.cli_profile, there; or give --profile NAME,"
        f" or --url URL with {KEY_VARIABLE} set",
    )
