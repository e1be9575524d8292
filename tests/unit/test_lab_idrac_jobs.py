"""Life cycles of the stand-in iDRAC: staged values, jobs and how they end, resets and power, by curl over TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from idrac_support import ON_RESET, Client, standing

from gpuaas_scripts.lab.idrac_resources import (
    BIOS,
    CLEAR,
    DELL_JOBS,
    JOBS,
    LC_STATUS,
    RESET,
    ROOT,
    SETTINGS,
    SYSTEM,
    TASKS,
)

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process

WANTED = {"ProcVirtualization": "Enabled", "LogicalProc": "Enabled", "SriovGlobalEnable": "Enabled"}


def value(client: Client, name: str = "ProcVirtualization") -> str:
    return str(client.get(BIOS)["Attributes"][name])


def pending(client: Client) -> dict[str, Any]:
    return dict(client.get(SETTINGS)["Attributes"])


def job(client: Client, id_: str) -> tuple[str, str, int]:
    shown = client.get(f"{DELL_JOBS}/{id_}")
    return shown["JobState"], shown["MessageId"], shown["PercentComplete"]


def start(client: Client, **attributes: str) -> str:
    """A job by one PATCH, scheduled."""
    reply = client.patch(on_reset=True, **(attributes or WANTED))
    assert (reply.status, reply.headers["location"].rsplit("/", 1)[0]) == (202, TASKS)
    return reply.headers["location"].rsplit("/", 1)[-1]


def reset(client: Client, kind: str = "ForceRestart", status: int = 204) -> None:
    assert client.send("POST", RESET, {"ResetType": kind}).status == status


def test_a_job_from_new_to_completed(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        id_ = start(client)
        assert job(client, id_) == ("New", "JCP000", 0)
        client.direct(advance=3)
        assert job(client, id_) == ("Scheduled", "JCP001", 0)
        assert (value(client), pending(client)) == ("Disabled", WANTED)
        client.direct(advance=86400)
        assert job(client, id_)[0] == "Scheduled"  # nothing runs without a reset
        reset(client)
        assert job(client, id_)[:2] == ("Running", "PR20")
        assert (value(client), pending(client)) == ("Enabled", WANTED)  # early: the job has not ended
        client.direct(advance=59)
        assert job(client, id_)[0] == "Running"
        client.direct(advance=2)
        assert job(client, id_) == ("Completed", "PR19", 100)
        assert pending(client) == {}
        assert {name: value(client, name) for name in WANTED} == WANTED
        assert client.bmc.queue.made == 1


def test_values_appear_with_the_end_where_they_are_not_early(tmp_path: Path) -> None:
    with standing(tmp_path, early_values=False) as client:
        start(client)
        client.direct(advance=3)
        reset(client)
        assert value(client) == "Disabled"
        client.direct(advance=61)
        assert value(client) == "Enabled"


def test_boot_progress_and_readiness_follow_the_server(tmp_path: Path) -> None:
    with standing(tmp_path) as client:

        def told() -> tuple[str, str]:
            status = client.send("POST", LC_STATUS, {}).document
            return client.get(SYSTEM)["BootProgress"]["LastState"], status["ServerStatus"]

        start(client)
        client.direct(advance=3)
        assert told() == ("OSRunning", "OutOfPOST")
        reset(client)
        client.direct(advance=100)  # the job is done, POST goes on
        assert told() == ("SystemHardwareInitializationComplete", "InPOST")
        client.direct(advance=30)  # longer than a POST without a job
        assert told() == ("SystemHardwareInitializationComplete", "InPOST")
        client.direct(advance=51)
        assert told() == ("OSRunning", "OutOfPOST")
        client.direct(not_ready=True)
        assert client.send("POST", LC_STATUS, {}).document["LCStatus"] == "NotReady"


@pytest.mark.parametrize(
    ("ending", "state", "kept"),
    [
        ("with-errors", ("CompletedWithErrors", "PR31", 100), ["Enabled", "Disabled", "Disabled"]),
        ("failed", ("Failed", "PR21", 100), ["Disabled", "Disabled", "Disabled"]),
    ],
)
def test_early_values_are_taken_back_by_a_job_that_goes_wrong(
    tmp_path: Path, ending: str, state: tuple[str, str, int], kept: list[str]
) -> None:
    with standing(tmp_path) as client:
        client.direct(ending=ending)
        id_ = start(client)
        client.direct(advance=3)
        reset(client)
        assert value(client) == "Enabled"
        client.direct(advance=61)
        assert job(client, id_) == state
        assert [value(client, name) for name in WANTED] == kept
        assert pending(client) == {}


def test_the_two_views_of_a_job_use_their_own_words(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        client.direct(ending="with-errors")
        id_ = start(client)
        client.direct(advance=3)
        reset(client)
        client.direct(advance=61)
        shown = client.get(f"{ROOT}/JobService/Jobs/{id_}")
        assert (shown["JobState"], shown["JobStatus"]) == ("Exception", "Critical")
        assert shown["Messages"][0]["MessageId"] == "IDRAC.2.9.PR31"


def test_a_stuck_job_never_runs_and_can_be_deleted(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        client.direct(ending="stuck")
        id_ = start(client)
        client.direct(advance=3)
        assert job(client, id_) == ("Scheduled", "PR30", 1)
        reset(client)
        client.direct(advance=3600)
        assert job(client, id_) == ("Scheduled", "PR30", 1)
        assert value(client) == "Disabled"
        assert client.send("DELETE", f"{DELL_JOBS}/{id_}").status == 200
        assert client.get(DELL_JOBS)["Members"] == []


def test_stage_then_commit(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        assert client.patch(**WANTED).status == 200
        assert client.get(DELL_JOBS)["Members"] == []
        reset(client)
        client.direct(advance=1000)
        assert (value(client), pending(client)) == ("Disabled", WANTED)  # staged alone is never applied
        reply = client.send("POST", JOBS, {"TargetSettingsURI": SETTINGS})
        assert reply.status == 200
        id_ = reply.headers["location"].removeprefix(f"{JOBS}/")
        client.direct(advance=3)
        reset(client)
        client.direct(advance=61)
        assert job(client, id_)[1] == "PR19"
        assert value(client) == "Enabled"


def test_clear_pending_clears_what_is_not_committed(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        client.patch(**WANTED)
        assert client.send("POST", CLEAR, {}).status == 200
        assert pending(client) == {}


def test_deleting_a_job_drops_what_others_had_staged(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        client.patch(AssetTag="theirs")
        id_ = start(client)
        assert pending(client) == {"AssetTag": "theirs", **WANTED}
        client.direct(advance=3)
        assert client.send("DELETE", f"{JOBS}/{id_}").status == 200
        assert pending(client) == {}
        assert client.send("DELETE", f"{JOBS}/{id_}").status == 404


def test_a_running_job_cannot_be_deleted_and_a_second_reset_breaks_it(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        id_ = start(client)
        client.direct(advance=3)
        reset(client)
        assert client.send("DELETE", f"{DELL_JOBS}/{id_}").ids == ["IDRAC.2.9.RAC0679"]
        reset(client)
        assert job(client, id_)[:2] == ("Failed", "PR21")
        assert value(client) == "Disabled"
        client.direct(advance=1000)
        assert job(client, id_)[:2] == ("Failed", "PR21")


@pytest.mark.parametrize(("generation", "status"), [("16g", 200), ("15g", 202)])
def test_identical_pending_values_make_no_job_on_newer_firmware(tmp_path: Path, generation: str, status: int) -> None:
    with standing(tmp_path, generation) as client:
        client.patch(**WANTED)
        writes = client.bmc.seen.writes
        reply = client.patch(on_reset=True, **WANTED)
        assert (reply.status, "location" in reply.headers) == (status, status == 202)
        assert client.bmc.queue.made == (status == 202)
        assert client.bmc.seen.writes == writes + (status == 202)


def test_a_task_vanishes_soon_after_its_job(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        id_ = start(client)
        client.direct(advance=3)
        assert client.get(f"{TASKS}/{id_}")["TaskState"] == "Starting"
        reset(client)
        client.direct(advance=61)
        assert client.get(f"{TASKS}/{id_}")["TaskState"] == "Completed"
        client.direct(advance=10)
        assert client.send("GET", f"{TASKS}/{id_}").status == 404
        assert job(client, id_)[1] == "PR19"


def windowed(client: Client, when: str) -> str:
    window = {"MaintenanceWindowStartTime": "2026-01-01T01:00:00+00:00", "MaintenanceWindowDurationInSeconds": 600}
    body = {"@Redfish.SettingsApplyTime": {"ApplyTime": when, **window}, "Attributes": WANTED}
    reply = client.send("PATCH", SETTINGS, body)
    assert reply.status == 202, reply.body
    return reply.headers["location"].rsplit("/", 1)[-1]


def test_a_maintenance_window_starts_the_server_by_itself(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        id_ = windowed(client, "AtMaintenanceWindowStart")
        client.direct(advance=3599)
        assert job(client, id_)[0] == "Scheduled"
        client.direct(advance=2)
        assert job(client, id_)[0] == "Running"
        client.direct(advance=60)
        assert job(client, id_)[1] == "PR19"


def test_a_window_on_reset_waits_for_a_reset_inside_it(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        id_ = windowed(client, "InMaintenanceWindowOnReset")
        client.direct(advance=100)
        reset(client)  # too early
        client.direct(advance=3600)
        assert job(client, id_)[0] == "Scheduled"
        reset(client)
        client.direct(advance=61)
        assert job(client, id_)[1] == "PR19"


def test_a_window_that_closes_fails_the_job(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        id_ = windowed(client, "InMaintenanceWindowOnReset")
        client.direct(advance=4300)
        assert job(client, id_)[:2] == ("Failed", "JCP004")


def test_power(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        id_ = start(client)
        client.direct(advance=3)
        reset(client, "On", 409)
        reset(client, "GracefulShutdown")
        assert client.get(SYSTEM)["PowerState"] == "On"
        client.direct(advance=11)
        assert client.get(SYSTEM)["PowerState"] == "Off"
        reset(client, "ForceRestart", 409)
        assert job(client, id_)[0] == "Scheduled"
        reset(client, "On")
        client.direct(advance=61)
        assert (client.get(SYSTEM)["PowerState"], job(client, id_)[1]) == ("On", "PR19")


def test_a_reset_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        assert client.send("POST", RESET, {"ResetType": "Kick"}).ids == ["IDRAC.2.9.SYS426"]
        assert client.bmc.machine.resets == 0


def test_rules_force_values_when_a_job_applies(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        id_ = start(client, SysProfile="PerfOptimized")
        client.direct(advance=3)
        reset(client)
        client.direct(advance=61)
        assert job(client, id_)[1] == "PR19"
        assert [value(client, name) for name in ("ProcPwrPerf", "ProcCStates", "UncoreFrequency")] == [
            "MaxPerf",
            "Disabled",
            "MaxUFS",
        ]


def test_an_etag_that_the_get_gave_is_taken(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        tag = client.send("GET", SETTINGS).headers["etag"]
        body = {**ON_RESET, "Attributes": WANTED}
        assert client.send("PATCH", SETTINGS, body, (f"If-Match: {tag}",)).status == 202
        assert client.send("GET", SETTINGS).headers["etag"] != tag


def test_jobs_can_be_read_whole(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        id_ = start(client)
        assert [member["Id"] for member in client.get(f"{DELL_JOBS}?$expand=*($levels=1)")["Members"]] == [id_]
