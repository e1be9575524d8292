"""Our Redfish backend against a stand-in iDRAC: targets with short limits, plans, and whole changes."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gpuaas_scripts.bios.planning import make_plan
from gpuaas_scripts.lab.idrac import Clock, Farm, Options, running
from gpuaas_scripts.lab.idrac_bmc import Bmc as StandIn
from gpuaas_scripts.lab.idrac_control import direct
from gpuaas_scripts.lab.idrac_registry import GENERATIONS
from gpuaas_scripts.secrets import Secret
from gpuaas_scripts.sinks.bios_apply import apply, resume
from gpuaas_scripts.sinks.bios_journal import Journal, ResetWish, Wishes, read
from gpuaas_scripts.sinks.bios_record import Record
from gpuaas_scripts.sinks.bios_run import Pace, Progress, Result
from gpuaas_scripts.sinks.bmc import Limits, Target, Tls
from gpuaas_scripts.sinks.redfish_bmc import RedfishBmc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gpuaas_scripts.bios.plan import Plan
    from gpuaas_scripts.bios.registry import Value
    from gpuaas_scripts.sinks.bmc import Reading

PASSWORD = Options().password
WANTED: dict[str, Value] = {"vt": "on", "sriov": "on"}
NAMES = ("ProcVirtualization", "SriovGlobalEnable")
LIMITS = Limits(connect=20, answer=30, patience=0.5, attempts=3, pause=0.02, logout=20)
PACE = Pace(poll=0.02, scheduled=30, forced=3, graceful=3, job=60, settle=5, boot=30)
QUICK = {"schedule_seconds": 0.05, "post_seconds": 0.1, "job_seconds": 0.1, "grace_seconds": 0.05}


@dataclass
class Lab:
    """One stand-in of a farm, and what we do to it."""

    farm: Farm
    folder: Path
    index: int = 0
    limits: Limits = LIMITS
    user: str = "root"
    password: str = PASSWORD
    told: list[Progress] = field(default_factory=list)

    @property
    def standin(self) -> StandIn:
        return self.farm.bmcs[self.index]

    @property
    def journals(self) -> Path:
        return self.folder / f"journals-{self.index}"

    def target(self, **changes: object) -> Target:
        url, tls = self.farm.urls[self.index], Tls(ca_file=self.farm.certificate.certificate)
        made = Target("host-1", url, self.user, Secret(self.password), tls, self.limits)
        return replace(made, **changes)  # type: ignore[arg-type]

    def direct(self, **wishes: object) -> None:
        """What the lab wants of the stand-in."""
        self.farm.call(lambda: direct(self.standin, wishes))

    async def read(self, *names: str) -> Reading:
        async with RedfishBmc(self.target()) as bmc:
            return await bmc.read(names or tuple(WANTED))

    async def plan(self, wanted: Mapping[str, Value] | None = None) -> Plan:
        asked = wanted or WANTED
        reading = await self.read(*asked)
        return make_plan("host-1", asked, reading.registry, reading.state)

    async def apply(self, plan: Plan | None = None, pace: Pace = PACE, **wishes: object) -> Result:
        """Plan unless there is one, and apply; forces a restart unless told otherwise."""
        made = plan or await self.plan()
        asked = Wishes(**{"reset": ResetWish.FORCE, **wishes})  # type: ignore[arg-type]
        with Journal.create(self.journals, made, asked, self.farm.urls[self.index]) as journal:
            async with RedfishBmc(self.target(), journal.watch) as bmc:
                return await apply(journal, bmc, pace, self.told.append)

    async def resume(self, pace: Pace = PACE, reset: ResetWish | None = None) -> Result:
        with Journal.reopen(self.journal) as journal:
            async with RedfishBmc(self.target(), journal.watch) as bmc:
                return await resume(journal, bmc, pace, self.told.append, reset=reset)

    @property
    def journal(self) -> Path:
        """The last journal."""
        return sorted(self.journals.iterdir())[-1]

    @property
    def record(self) -> Record:
        return Record(tuple(read(self.journal)))

    def in_force(self, **values: Value) -> bool:
        wanted = values or dict.fromkeys(NAMES, "Enabled")
        return all(self.standin.machine.current[name] == value for name, value in wanted.items())

    @property
    def open_sessions(self) -> int:
        return self.farm.call(lambda: (self.standin.access.expire(), len(self.standin.access.sessions))[1])


@contextmanager
def lab(folder: Path, generation: str = "16g", *, rate: float = 1, count: int = 1, **options: object) -> Iterator[Lab]:
    """A farm of stand-ins that boot within a fraction of a second; no mistake of them goes unseen."""
    made = Options(generation=GENERATIONS[generation], **{**QUICK, **options})  # type: ignore[arg-type]
    with running([made] * count, folder / "tls", Clock(rate)) as farm:
        yield Lab(farm, folder)
        assert not farm.defects, farm.defects[0]


def go(work: object) -> object:
    """Run a coroutine in a loop of its own."""
    return asyncio.run(work)  # type: ignore[arg-type]
