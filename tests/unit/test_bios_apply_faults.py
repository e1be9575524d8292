"""Answers that get lost, and processes that die, at every single request of a change."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redfish_support import NAMES, PASSWORD, Lab, lab

from gpuaas_scripts.bios.plan import to_json
from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.idrac_faults import Fault, FaultKind
from gpuaas_scripts.sinks.bios_apply import status
from gpuaas_scripts.sinks.bios_journal import ResetWish
from gpuaas_scripts.sinks.bios_record import Phase
from gpuaas_scripts.sinks.bios_run import End
from gpuaas_scripts.sinks.redfish_bmc import RedfishBmc

if TYPE_CHECKING:
    from gpuaas_scripts.bios.plan import Plan

HANDS = 12
"""Changes that go on at the same time."""

PROCESSES = 4
LEAST = 25
"""Requests of a change that hardly ever waits; on a busy machine there are few looks between its steps."""
DRIVER = Path(__file__).with_name("redfish_driver.py")


@dataclass(frozen=True)
class Case:
    """A kind of change: on which firmware, how the restart is asked for, and what it comes to.

    `staged`: the values are staged before, so that the job is made by itself.
    """

    generation: str = "16g"
    wish: ResetWish = ResetWish.FORCE
    staged: bool = False
    resets: int = 1

    @property
    def writes(self) -> int:
        """Values, the job where it is one by itself, and restarts."""
        return 1 + self.staged + self.resets


CASES = {
    "forced": Case(),
    "graceful": Case(wish=ResetWish.GRACEFUL),
    "job by itself": Case(staged=True),
    "off and on": Case("14g", ResetWish.GRACEFUL, resets=2),
}


async def phase_of(one: Lab) -> Phase:
    async with RedfishBmc(one.target()) as bmc:
        return (await status(one.record, bmc)).stand.phase


def truth(one: Lab) -> set[Phase]:
    """Where the change stands, as the stand-in knows it; a moment later it may have gone on."""
    machine, queue = one.standin.machine, one.standin.queue
    if not queue.made:
        return {Phase.STAGED} if machine.pending else {Phase.NOT_STAGED}
    state = next(iter(queue.jobs.values())).state
    rest = [Phase.COMMITTED, Phase.RUNNING, Phase.APPLIED]
    at = {"New": 0, "Scheduled": 0, "Running": 1, "Completed": 2}[state]
    return set(rest[at:])


def check_end(one: Lab, case: Case) -> None:
    """One job, one write of values, one restart; nothing left over but sessions that cannot be known."""
    made = one.standin
    assert one.in_force()
    assert made.queue.made == 1
    assert [job.state for job in made.queue.jobs.values()] == ["Completed"]
    assert not made.machine.pending
    assert (made.machine.resets, made.seen.writes) == (case.resets, case.writes), list(made.seen.log)
    unknown = [session for session in one.record.open_sessions(time.time()) if not session.location]
    assert one.open_sessions <= len(unknown)
    one.direct(advance=1801)
    assert one.open_sessions == 0


async def prepare(one: Lab, case: Case) -> None:
    """Stage the values beforehand where the case is about that."""
    if case.staged:
        async with RedfishBmc(one.target()) as bmc:
            await bmc.stage(dict.fromkeys(NAMES, "Enabled"), None, "")


async def change(one: Lab, case: Case, plan: Plan, fault: Fault) -> str:
    """Apply under a fault; when it ends in an error, ask for the status, and resume without the fault."""
    await prepare(one, case)
    one.direct(faults=[{"kind": fault.kind, "skip": fault.skip}])
    try:
        result = await one.apply(plan, reset=case.wish)
    except GpuaasError as error:
        said = f"{error} {error.hint}"
    else:
        assert result.end is End.DONE
        return "by itself"
    one.direct(clear_faults=True)
    assert PASSWORD not in said
    assert one.record.end is None, f"ended by {said}"
    await go_on(one)
    return "resumed"


async def go_on(one: Lab) -> None:
    """The status after an interruption is what the stand-in knows; a resume completes."""
    before = truth(one)
    assert await phase_of(one) in before | truth(one)
    assert (await one.resume()).end is End.DONE


async def all_faults(first: Lab, case: Case, kind: FaultKind, requests: int, plan: Plan) -> Counter[str]:
    room = asyncio.Semaphore(HANDS)

    async def one(number: int) -> str:
        async with room:
            try:
                return await change(replace(first, index=number, told=[]), case, plan, Fault(kind, skip=number))
            except Exception as error:
                error.add_note(f"{kind} at request {number}: {list(first.farm.bmcs[number].seen.log)}")
                raise

    return Counter(await asyncio.gather(*(one(number) for number in range(requests))))


def requests_of_a_change(first: Lab, case: Case) -> tuple[int, Plan]:
    """How many requests an undisturbed change takes, with some more for waits that take longer; and its plan."""
    asyncio.run(prepare(first, case))
    plan = asyncio.run(first.plan())
    before = len(first.standin.seen.log)
    asyncio.run(first.apply(plan, reset=case.wish))
    check_end(first, case)
    return len(first.standin.seen.log) - before + 5, plan


def strike_everywhere(folder: Path, case: Case, kind: FaultKind) -> None:
    with lab(folder / "one", case.generation) as first:
        requests, plan = requests_of_a_change(first, case)
    assert requests > LEAST
    with lab(folder / "all", case.generation, count=requests) as farm:
        how = asyncio.run(all_faults(farm, case, kind, requests, plan))
        struck = 0
        for number in range(requests):
            one = replace(farm, index=number)
            struck += any(fault.struck for fault in one.standin.faults) or not one.standin.faults
            check_end(one, case)
    assert struck > LEAST, "the faults did not strike"
    assert how["by itself"] > LEAST / 2, how


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        *(FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.DROP_MIDDLE),
        *(FaultKind.GARBAGE, FaultKind.TRUNCATED, FaultKind.UNAVAILABLE, FaultKind.NOT_READY, FaultKind.UNAUTHORIZED),
    ],
)
def test_every_single_answer_may_go_wrong(tmp_path: Path, kind: FaultKind) -> None:
    strike_everywhere(tmp_path, CASES["forced"], kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER])
@pytest.mark.parametrize("name", ["graceful", "job by itself", "off and on"])
def test_every_single_answer_of_other_changes_may_get_lost(tmp_path: Path, kind: FaultKind, name: str) -> None:
    strike_everywhere(tmp_path, CASES[name], kind)


async def driven(one: Lab, plan: Path, mode: str, number: int) -> int:
    """Start a change in a process of its own that kills itself; its exit status."""
    words = [one.farm.urls[one.index], str(one.farm.certificate.certificate), str(one.journals), str(plan)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(DRIVER), *words, mode, str(number)),
        env={**os.environ, "GPUAAS_TEST_PASSWORD": PASSWORD},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said = b"".join(await process.communicate())
    assert PASSWORD.encode() not in said
    assert process.returncode in {0, -9}, said.decode()
    return process.returncode or 0


async def all_kills(first: Lab, plan: Path, mode: str) -> int:
    """A kill at each request, as long as there are requests; how many there were."""
    room, numbers = asyncio.Semaphore(PROCESSES), iter(range(len(first.farm.bmcs)))
    killed: list[Lab] = []

    async def hand() -> None:
        for number in numbers:
            one = replace(first, index=number, told=[])
            async with room:
                status = await driven(one, plan, mode, number)
            if status == 0:
                return  # it had come to its end before
            killed.append(one)
            if one.record.end is None:
                await go_on(one)
            elif left := one.record.open_sessions(time.time()):
                assert (await one.resume()).end is End.DONE, left

    await asyncio.gather(*(hand() for _ in range(PROCESSES)))
    for one in killed:
        check_end(one, CASES["forced"])  # moves the clock of all
    return len(killed)


@pytest.mark.slow
@pytest.mark.process
@pytest.mark.parametrize(("mode", "least", "most"), [("after", LEAST, 150), ("before", 4, 8)])
def test_the_process_may_die_at_every_single_request(tmp_path: Path, mode: str, least: int, most: int) -> None:
    with lab(tmp_path, count=most) as first:
        made = asyncio.run(first.plan())
        plan = tmp_path / "plan.json"
        plan.write_bytes(to_json(made))
        assert least <= asyncio.run(all_kills(first, plan, mode)) < most
