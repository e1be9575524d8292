"""`gpuaas-gen lab idrac`: stand-in BMCs of Dell servers, over TLS on 127.0.0.1."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import GpuaasError
from .console import Console, verb

if TYPE_CHECKING:
    from ..lab.idrac import Farm

PORT = 18443


@click.command("idrac")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default="lab-idrac",
    show_default=True,
    help="Folder for the certificate, a site `lab` with a node for each stand-in, and a stand-in racadm.",
)
@click.option("--count", type=click.IntRange(1, 2000), default=1, show_default=True, help="Number of BMCs.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="First port; 0 is any.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds of the lab in one real second: a restart takes three minutes of the lab.",
)
@click.option(
    "--latency", type=click.FloatRange(min=0), default=0.0, show_default=True, help="Milliseconds before each answer."
)
@click.option("--lockdown", is_flag=True, help="With System Lockdown Mode on.")
@verb
def command(
    console: Console,
    explicit_root: Path | None,
    folder: Path,
    count: int,
    port: int,
    speed: float,
    latency: float,
    lockdown: bool,
) -> None:
    """Serve iDRACs on 127.0.0.1 until Ctrl-C, to try the bios verbs without hardware.

    Each has a PowerEdge XE9680L behind it with VT, SMT and SR-IOV off, in memory: sessions, pending values, jobs and
    restarts go as on an iDRAC 9, sixty times as fast. POST an object to /lab to change what it does (see
    gpuaas_scripts/lab/idrac_control.py): {"lockdown": true}, {"faults": [{"kind": "drop-after", "method": "PATCH"}]}.

    \b
    Examples:
      gpuaas-gen lab idrac
      gpuaas-gen lab idrac --count 20 --latency 50
    """
    from ..lab.idrac import Clock, Options, serve

    options = [
        Options(service_tag=f"LAB{n:04d}", lockdown=lockdown, latency=latency / 1000) for n in range(1, count + 1)
    ]

    def ready(farm: Farm) -> None:
        _introduce(console, farm, folder, options[0].user, options[0].password)

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        farm = serve(options, folder / "tls", ready, Clock(speed), port)
    except OSError as error:
        if error.filename is not None:
            raise
        raise GpuaasError(
            f"port {port} of 127.0.0.1: {error.strerror or error}", hint="give another one with --port, or 0"
        ) from None
    still = sum(len(bmc.access.sessions) for bmc in farm.bmcs)
    if still:
        console.warning(f"{still} session(s) were still open")
    if farm.defects:
        console.error(f"the stand-in had {len(farm.defects)} defect(s); the first one: {farm.defects[0]}")


def _introduce(console: Console, farm: Farm, folder: Path, user: str, password: str) -> None:
    from ..lab.idrac_site import SITE, write_site
    from ..lab.racadm import install

    ports = [int(url.rsplit(":", 1)[1]) for url in farm.urls]
    write_site(folder, ports, user, password, farm.certificate.fingerprint)
    install(folder / "bin")
    where = f" to :{ports[-1]}" if len(ports) > 1 else ""
    console.data(
        f"{len(ports)} stand-in iDRAC{'s' if len(ports) > 1 else ''} at {farm.urls[0]}{where}. In another shell:"
    )
    console.data(f"  gpuaas-gen bios plan --root {folder} --site {SITE}")
    console.data("or, without a site's files:")
    console.data(f"  export IDRAC_HOST=127.0.0.1:{ports[0]} IDRAC_USER={user} IDRAC_PASSWORD={password}")
    console.data(f"  gpuaas-gen bios plan --cacert {farm.certificate.certificate} --attr vt=Enabled")
    console.data("or with a stand-in racadm:")
    console.data(
        f"  PATH={folder / 'bin'}:$PATH gpuaas-gen bios plan --backend racadm --racadm-via local --attr vt=Enabled"
    )
    console.info("Ctrl-C ends it")
