"""The neutral path: BMCs without jobs and apply times, whose settings hold every attribute."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from redfish_support import PACE
from redfish_vendors import SHAPES, Vendor, vendor

from gpuaas_scripts.bios.plan import Plan, Verdict
from gpuaas_scripts.bios.planning import make_plan
from gpuaas_scripts.bios.state import ApplyTime
from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.idrac_faults import Fault, FaultKind
from gpuaas_scripts.sinks.bios_apply import apply, resume, status
from gpuaas_scripts.sinks.bios_journal import Journal, ResetWish, Wishes, read
from gpuaas_scripts.sinks.bios_record import Phase, Record
from gpuaas_scripts.sinks.bios_run import End, Result
from gpuaas_scripts.sinks.bmc import BmcError, Schedule, Trouble
from gpuaas_scripts.sinks.redfish_bmc import RedfishBmc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gpuaas_scripts.sinks.bmc import Reading


@pytest.fixture(params=sorted(SHAPES))
def one(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Vendor]:
    with vendor(tmp_path, request.param) as made:
        yield made


async def look(one: Vendor) -> Reading:
    async with RedfishBmc(one.target) as bmc:
        return await bmc.read(("sriov",))


async def plan_of(one: Vendor) -> Plan:
    reading = await look(one)
    return make_plan("host-1", {"sriov": "on"}, reading.registry, reading.state)


async def change(one: Vendor, folder: Path, wish: ResetWish = ResetWish.FORCE) -> Result:
    with Journal.create(folder, await plan_of(one), Wishes(reset=wish), one.target.address) as journal:
        async with RedfishBmc(one.target, journal.watch) as bmc:
            return await apply(journal, bmc, PACE)


def test_a_reading(one: Vendor) -> None:
    reading = asyncio.run(look(one))
    shape = one.bmc.shape
    assert reading.state.vendor == shape.vendor.lower()
    assert reading.state.current[shape.attribute] == shape.off
    assert dict(reading.state.pending) == {}
    able = reading.state.capabilities
    assert (able.jobs, able.apply_times, able.full_set, able.clear) == (False, (), True, False)
    assert bool(reading.etag) == shape.etag
    assert not one.bmc.sessions


def test_pending_is_what_differs(one: Vendor) -> None:
    shape = one.bmc.shape
    one.bmc.settings[shape.attribute] = shape.on
    plan = asyncio.run(plan_of(one))
    assert [item.verdict for item in plan.items] == [Verdict.PENDING]


def test_a_change(one: Vendor, tmp_path: Path) -> None:
    result = asyncio.run(change(one, tmp_path / "journals"))
    shape = one.bmc.shape
    assert result.end is End.DONE
    assert one.bmc.current[shape.attribute] == shape.on
    assert one.bmc.made == {"sessions": 2, "patch": 1, "reset ForceRestart": 1}
    assert not one.bmc.sessions


def test_a_restart_left_to_others_and_verified_later(one: Vendor, tmp_path: Path) -> None:
    result = asyncio.run(change(one, tmp_path / "journals", ResetWish.NONE))
    assert (result.end, result.exit_code) == (End.WAITING, 3)
    assert one.bmc.current[one.bmc.shape.attribute] == one.bmc.shape.off
    one.bmc.current = dict(one.bmc.settings)

    async def later() -> Result:
        with Journal.reopen(result.record) as journal:
            async with RedfishBmc(one.target, journal.watch) as bmc:
                return await resume(journal, bmc, PACE)

    assert asyncio.run(later()).end is End.DONE
    assert one.bmc.made == {"sessions": 3, "patch": 1}


def test_a_graceful_restart(one: Vendor, tmp_path: Path) -> None:
    if one.bmc.shape.graceful:
        assert asyncio.run(change(one, tmp_path / "journals", ResetWish.GRACEFUL)).end is End.DONE
        assert one.bmc.made["reset GracefulRestart"] == 1
    else:
        with pytest.raises(
            GpuaasError, match="the BMC offers no graceful restart; it offers: forced restart, power on"
        ):
            asyncio.run(change(one, tmp_path / "journals", ResetWish.GRACEFUL))
        assert one.bmc.made["patch"] == 1


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER])
@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_a_lost_answer_changes_nothing_twice(one: Vendor, tmp_path: Path, kind: FaultKind, method: str) -> None:
    path = "/SD|/Pending|/settings" if method == "PATCH" else "Reset$"
    one.bmc.faults.append(Fault(kind, method, path))
    assert asyncio.run(change(one, tmp_path / "journals")).end is End.DONE
    assert one.bmc.made == {"sessions": 2, "patch": 1, "reset ForceRestart": 1}


@pytest.mark.parametrize("one", [name for name in SHAPES if SHAPES[name].etag], indirect=True)
def test_settings_that_changed_in_between(one: Vendor) -> None:
    async def work() -> BmcError:
        async with RedfishBmc(one.target) as bmc:
            etag = (await bmc.read(("sriov",))).etag
            one.bmc.settings["Other01"] = "Disabled"
            return (await bmc.stage({one.bmc.shape.attribute: one.bmc.shape.on}, None, etag)).error()

    assert asyncio.run(work()).trouble is Trouble.MOVED


def test_what_it_does_not_offer(one: Vendor) -> None:
    async def work() -> None:
        async with RedfishBmc(one.target) as bmc:
            await bmc.read(("sriov",))
            with pytest.raises(BmcError, match="it cannot drop staged values"):
                await bmc.clear_pending()
            with pytest.raises(BmcError, match="it has no job queue"):
                await bmc.create_job()
            assert await bmc.jobs() == ()
            assert await bmc.job("JID_1") is None
            window = Schedule(ApplyTime.MAINTENANCE_START, "2030-01-01T00:00:00+00:00", 600)
            with pytest.raises(BmcError, match="offers no AtMaintenanceWindowStart; it has none"):
                await bmc.stage({one.bmc.shape.attribute: one.bmc.shape.on}, window, "")

    asyncio.run(work())
    assert not one.bmc.made["patch"]


def test_a_status(one: Vendor, tmp_path: Path) -> None:
    asyncio.run(change(one, tmp_path / "journals", ResetWish.NONE))

    async def work() -> Phase:
        async with RedfishBmc(one.target) as bmc:
            path = next((tmp_path / "journals").iterdir())
            return (await status(Record(tuple(read(path))), bmc)).stand.phase

    assert asyncio.run(work()) is Phase.COMMITTED
    one.bmc.current = dict(one.bmc.settings)
    assert asyncio.run(work()) is Phase.APPLIED


def test_a_link_to_another_host_is_not_followed(tmp_path: Path) -> None:
    with vendor(tmp_path, "hpe") as one:
        one.bmc.shape = replace(one.bmc.shape, settings="bios/settings")
        root = one.bmc.root
        one.bmc.root = lambda: {**root(), "Systems": {"@odata.id": "https://elsewhere.example/redfish/v1/Systems"}}  # type: ignore[method-assign]
        with pytest.raises(BmcError, match="leads to another host"):
            asyncio.run(look(one))
