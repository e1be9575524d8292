"""The state of a host as read: jobs and what became of them, capabilities, neutral shapes of other vendors."""

from __future__ import annotations

import pytest
from bios_support import CURRENT, SECRET, registry, state

from gpuaas_scripts.bios.names import Vendor
from gpuaas_scripts.bios.registry import BiosError
from gpuaas_scripts.bios.state import ApplyTime, Documents, Job, Outcome, capabilities, parse_job, read_state


@pytest.mark.parametrize(
    ("job_state", "message", "outcome", "is_open"),
    [
        ("New", "JCP000", Outcome.WAITING, True),
        ("Scheduled", "JCP001", Outcome.WAITING, True),
        ("Scheduled", "PR30", Outcome.STUCK, True),
        ("Running", "PR20", Outcome.RUNNING, True),
        ("Completed", "PR19", Outcome.SUCCESS, False),
        ("Completed", "", Outcome.UNKNOWN, False),
        ("Completed", "PR99", Outcome.UNKNOWN, False),
        ("CompletedWithErrors", "PR31", Outcome.WITH_ERRORS, False),
        ("Exception", "PR31", Outcome.WITH_ERRORS, False),
        ("Completed", "PR31", Outcome.WITH_ERRORS, False),
        ("Failed", "PR21", Outcome.FAILED, False),
        ("Failed", "JCP041", Outcome.FAILED, False),
        ("RebootFailed", "", Outcome.FAILED, False),
        ("UserIntervention", "", Outcome.WAITING, True),
        ("Dreaming", "PR19", Outcome.UNKNOWN, True),
    ],
)
def test_what_became_of_a_job(job_state: str, message: str, outcome: Outcome, is_open: bool) -> None:
    job = Job("JID_1", job_state, message, percent=100)
    assert (job.outcome, job.open) == (outcome, is_open)


def test_both_views_of_a_job_are_read() -> None:
    dell = {
        "Id": "JID_1",
        "JobState": "Completed",
        "MessageId": "PR19",
        "JobType": "BIOSConfiguration",
        "PercentComplete": 100,
    }
    service = {
        "Id": "JID_1",
        "JobState": "Completed",
        "Name": "ConfigBIOS:BIOS.Setup.1-1",
        "Messages": [{"MessageId": "IDRAC.2.9.PR19", "Message": "done"}],
    }
    for document in (dell, service):
        job = parse_job(document)
        assert (job.outcome, job.of_bios, job.message_id) == (Outcome.SUCCESS, True, "PR19")
    assert not parse_job({"Id": "JID_2", "JobState": "Running", "JobType": "FirmwareUpdate"}).of_bios


@pytest.mark.parametrize("document", [None, [], {}, {"Id": 3}])
def test_what_is_no_job_is_refused(document: object) -> None:
    with pytest.raises(BiosError):
        parse_job(document)


def test_values_that_are_kept_and_those_that_are_not() -> None:
    read = state(("AssetTag", "SHA256SetupPassword"), {"SHA256SetupPassword": SECRET, "Delay": 300})
    assert read.current["AssetTag"] == "rack-7"
    assert "SerialNumber" not in read.current
    assert "SHA256SetupPassword" not in {**read.current, **read.pending}
    assert read.hidden_pending == ("SHA256SetupPassword",)
    assert read.effective["Delay"] == 300
    assert "SetupPassword" in read.present
    assert SECRET not in repr(read)


def test_a_host_without_attributes_is_an_error() -> None:
    with pytest.raises(BiosError, match="lists no BIOS attributes"):
        read_state(Documents({}, {}), registry(), ())


def test_a_full_set_of_settings_is_pending_only_where_it_differs() -> None:
    """HPE, Lenovo and NVIDIA list all attributes in the settings object."""
    staged = {**CURRENT, "ProcVirtualization": "Enabled"}
    read = read_state(Documents({"Attributes": CURRENT}, {"Attributes": staged}, vendor="HPE"), registry(), ())
    assert dict(read.pending) == {"ProcVirtualization": "Enabled"}
    assert read.capabilities.full_set
    assert read.vendor is Vendor.HPE
    assert read.hidden_pending == ()


def test_capabilities_are_read_from_the_documents() -> None:
    redfish = {"SupportedApplyTimes": ["OnReset", "Someday", "AtMaintenanceWindowStart"]}
    bios = {"Attributes": CURRENT, "@Redfish.Settings": redfish}
    clear = {"Actions": {"Oem": {"DellManager.v1_0_0#DellManager.ClearPending": {"target": "/x"}}}, "Attributes": {}}
    able = capabilities(bios, clear, jobs=True)
    assert able.apply_times == (ApplyTime.ON_RESET, ApplyTime.MAINTENANCE_START)
    assert (able.clear, able.full_set, able.jobs) == (True, False, True)
    bare = capabilities({"Attributes": CURRENT}, {"Attributes": CURRENT}, jobs=False)
    assert (bare.clear, bare.full_set, bare.jobs, bare.apply_times) == (False, True, False, ())
