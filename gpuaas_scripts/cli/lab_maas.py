"""`gpuaas-gen lab maas`: a stand-in MAAS with the machines of a site."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import click

from ..errors import GpuaasError
from .console import Console, complete_site, find_root, verb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ..config.site import Site
    from ..lab.maas import Region
    from ..maas.plan import Wanted

PORT = 15240


@click.command("maas")
@click.option(
    "--site",
    default="example",
    show_default=True,
    shell_complete=complete_site,
    help="Site whose machines and scripts it has.",
)
@click.option("--port", default=PORT, show_default=True, help="Port on 127.0.0.1; 0 is any free one.")
@click.option("--seconds", default=5.0, show_default=True, help="Seconds that a machine works at anything.")
@verb
def command(console: Console, explicit_root: Path | None, site: str, port: int, seconds: float) -> None:
    """Serve a MAAS on 127.0.0.1 until Ctrl-C, to try upload, drift, revert, commission and results without a MAAS.

    It answers like a MAAS 3.7, in memory. It has the machines of the site, commissioned with an earlier version of the
    site's scripts, and a script that the site no longer has. The second machine with slots has a replaced disk, the
    third a wrong BIOS.

    \b
    Examples:
      gpuaas-gen lab maas
      gpuaas-gen lab maas --site maas280 --port 0
    """
    from ..config.site import load_site
    from ..lab.maas import ADMIN, Region, StandIn
    from ..sinks.maas_login import API_PATH

    loaded = load_site(site, find_root(console, explicit_root))
    region = Region(seconds=seconds)
    fill(region, loaded)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        standin = StandIn(region, port=port)
    except OSError as error:
        raise GpuaasError(f"port {port} of 127.0.0.1: {error.strerror}", hint="give another one with --port") from None
    with standin:
        console.data(f"MAAS {region.version} (a stand-in) with the machines of site {site}. In another shell:")
        console.data(f"  export MAAS_API_KEY={ADMIN.key}")
        console.data(f"  gpuaas-gen upload --site {site} --url {standin.url.removesuffix(API_PATH)} --dry-run")
        console.info("Ctrl-C ends it")
        ended.wait()


def fill(region: Region, site: Site) -> None:
    """Give a region the site's machines, its rendered scripts in an earlier version, and results of these."""
    from ..lab.maas_site import commission, earlier, machines_of
    from ..maas.plan import Wanted

    folder = site.root / "generated" / site.name / "maas"
    scripts = {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.sh"))}
    wanted = [Wanted(name, earlier(content)) for name, content in scripts.items()]
    wanted.append(Wanted("50-gpuaas-old-inventory", _OLD))
    _upload(region, site.name, wanted)
    for machine in machines_of(site):
        region.add_machine(machine)
        commission(region, machine)


_OLD = """\
#!/bin/sh
# --- Start MAAS 1.0 script metadata ---
# name: 50-gpuaas-old-inventory
# script_type: commissioning
# --- End MAAS 1.0 script metadata ---
lspci
"""


def _upload(region: Region, site: str, wanted: Sequence[Wanted]) -> None:
    """Bring scripts to the region as an upload would."""
    from ..lab.maas import ADMIN
    from ..lab.maas_http import Request
    from ..maas.plan import plan

    for request in plan(site, "0123456789ab", wanted, {}).todo():
        form = {name: [value] for name, value in request.fields}
        answer = region.call(Request("POST", "/MAAS/api/2.0/scripts/", {}, form), ADMIN)
        if answer.status != 200:
            raise GpuaasError(f"the stand-in refuses a script: {answer.body.decode()}")
