"""A site of stand-in iDRACs, and gpuaas-gen run against it as a user would."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support import Environment, Ran, gen_packaged

from gpuaas_scripts.lab.idrac import Clock, Farm, Options, running
from gpuaas_scripts.lab.idrac_bmc import Bmc
from gpuaas_scripts.lab.idrac_control import direct
from gpuaas_scripts.lab.idrac_site import write_site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLL = ("--poll", "0.05")
PASSWORD = Options().password


@dataclass
class Lab:
    """A farm with its site `lab` in `root`; records go to `records`."""

    farm: Farm
    root: Path
    nodes: list[str]

    @property
    def records(self) -> Path:
        return self.root / "records"

    def bmc(self, index: int = 0) -> Bmc:
        """A stand-in; only look at it while nothing is asked."""
        return self.farm.bmcs[index]

    def direct(self, index: int = 0, **wishes: object) -> None:
        """What shall happen to a stand-in."""
        self.farm.call(lambda: direct(self.bmc(index), wishes))

    def gen(self, *words: str, env: Environment | None = None, site: bool = True) -> Ran:
        """`gpuaas-gen bios …` with the site."""
        verb, *rest = words
        chosen = ["--root", str(self.root)]
        if site:
            chosen += ["--site", "lab"]
        if verb in {"apply", "resume", "rollback", "status"}:
            chosen += ["--records", str(self.records)]
        no: Environment = {"IDRAC_HOST": None, "IDRAC_USER": None, "IDRAC_PASSWORD": None}
        return gen_packaged("bios", verb, *rest, *chosen, env={**no, **(env or {})})

    def data(self, *words: str) -> dict[str, Any]:
        """The same with --format json, parsed."""
        document: dict[str, Any] = json.loads(self.gen(*words, "--format", "json").out)
        return document

    def one_host(self, index: int = 0) -> Environment:
        """The environment for the one host of IDRAC_HOST."""
        host = self.farm.urls[index].removeprefix("https://")
        return {"IDRAC_HOST": host, "IDRAC_USER": "root", "IDRAC_PASSWORD": PASSWORD}

    def no_session_is_open(self) -> bool:
        """Whether every session has been closed."""
        return not any(bmc.access.sessions for bmc in self.farm.bmcs)


@contextmanager
def lab(folder: Path, count: int = 1, rate: float = 200, **options: Any) -> Iterator[Lab]:  # noqa: ANN401
    """So many stand-ins with a fast clock; no mistake of theirs goes unseen, and no session is left open."""
    made = [Options(service_tag=f"LAB{number:04d}", **options) for number in range(count)]
    with running(made, folder / "tls", Clock(rate)) as farm:
        ports = [int(url.rsplit(":", 1)[1]) for url in farm.urls]
        names = write_site(folder, ports, made[0].user, PASSWORD, farm.certificate.fingerprint)
        here = Lab(farm, folder, names)
        yield here
        assert not farm.defects, farm.defects[0]
        assert here.no_session_is_open()
