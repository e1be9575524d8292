"""Outputs of RACADM: recorded formats, wrapped messages, certificate warnings; unknown text is never success."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpuaas_scripts.bios.messages import Meaning
from gpuaas_scripts.bios.racadm_text import (
    certificate_warned,
    parse_clear,
    parse_create,
    parse_get,
    parse_queue,
    parse_set,
    parse_view,
    unfold,
)
from gpuaas_scripts.bios.state import Outcome

WARNING = """Security Alert: Certificate is invalid - Certificate is not signed by Trusted Third Party
Continuing execution. Use -S option for racadm to stop execution on certificate-related errors.
"""
GET = """[Key=BIOS.Setup.1-1#ProcSettings]
ControlledTurbo=Disabled (Pending Value=Enabled)
ProcVirtualization=Enabled
#ProcCoreSpeed=1.90 GHz (base)
SetupPassword=******** (Write-Only)
!!Password=******** (Write-Only)
SetBootOrderEn=
"""
SET = """[Key=BIOS.Setup.1-1#ProcSettings]
RAC1017: Successfully modified the object value and the change is in
         pending state.
"""
CREATED = """RAC1024: Successfully scheduled a job.
Verify the job status using "racadm jobqueue view -i JID_xxxxx" command.
Commit JID = JID_782384188487
Reboot JID = RID_782384191517
"""
VIEW = """-------------------------JOB QUEUE------------------------
[Job ID=JID_782384188487]
Job Name=Configure: BIOS.Setup.1-1
Status=Scheduled
Start Time=[Now]
Expiration Time=[Not Applicable]
Message=[JCP001: Task successfully scheduled.]
Percent Complete=[0]
----------------------------------------------------------
"""
CLEARED = "RAC1036: Successfully cleared pending attribute(s) for the group\n         specified.\n"


@pytest.mark.parametrize("text", [GET, WARNING + GET, GET.replace("\n", "\r\n")])
def test_values_current_pending_read_only_and_write_only(text: str) -> None:
    read = parse_get(text, 0)
    assert read.judged.meaning is Meaning.SUCCESS
    assert read.key == "BIOS.Setup.1-1#ProcSettings"
    shown = {name: (one.value, one.pending, one.read_only) for name, one in read.values.items()}
    assert shown == {
        "ControlledTurbo": ("Disabled", "Enabled", False),
        "ProcVirtualization": ("Enabled", None, False),
        "ProcCoreSpeed": ("1.90 GHz (base)", None, True),
        "SetupPassword": (None, None, False),
        "Password": (None, None, False),
        "SetBootOrderEn": ("", None, False),
    }
    assert read.certificate_warning == text.startswith("Security")
    assert "Enabled" not in repr(read.values["ControlledTurbo"])


@pytest.mark.parametrize(
    ("text", "status", "meaning"),
    [
        (GET, 1, Meaning.UNKNOWN),
        ("", 0, Meaning.UNKNOWN),
        (WARNING, 0, Meaning.UNKNOWN),
        ("[Key=BIOS.Setup.1-1#ProcSettings]\n", 0, Meaning.UNKNOWN),
        (GET + "what is this\n", 0, Meaning.UNKNOWN),
        (GET + GET, 0, Meaning.UNKNOWN),
        ("ERROR: RAC1018 : The specified object or syntax\n         is invalid.\n", 0, Meaning.BAD_VALUE),
        ("RAC1019: The specified object is not supported.\n", 0, Meaning.BAD_VALUE),
        ("RAC1115: Unable to run the command.\n", 0, Meaning.PRIVILEGE),
        ("ERROR: RAC1170: Unable to find the SSL library\n", 0, Meaning.UNKNOWN),
    ],
)
def test_a_get_that_is_no_success_has_no_values(text: str, status: int, meaning: Meaning) -> None:
    read = parse_get(text, status)
    assert (read.judged.meaning, dict(read.values)) == (meaning, {})


@pytest.mark.parametrize(
    ("text", "status", "meaning"),
    [
        (SET, 0, Meaning.SUCCESS),
        (WARNING + SET, 0, Meaning.SUCCESS),
        ("[Key=iDRAC.X]\nObject value modified successfully\n", 0, Meaning.SUCCESS),
        (SET, 1, Meaning.UNKNOWN),
        ("Object value modified successfully\n", 2, Meaning.UNKNOWN),
        ("", 0, Meaning.UNKNOWN),
        ("Successfully modified\n", 0, Meaning.UNKNOWN),
        (SET + "RAC9999: Something new.\n", 0, Meaning.UNKNOWN),
        ("ERROR: RAC947: Invalid object value specified.\n", 0, Meaning.BAD_VALUE),
        (
            "RAC1025: The specified object is read-only and cannot be modified due to\n   an object dependency.\n",
            1,
            Meaning.READ_ONLY,
        ),
        ("RAC1201: Unable to complete the operation, lockdown.\n", 0, Meaning.LOCKDOWN),
        (SET + "RAC1201: lockdown.\n", 0, Meaning.LOCKDOWN),
    ],
)
def test_set(text: str, status: int, meaning: Meaning) -> None:
    assert parse_set(text, status).meaning is meaning


def test_a_wrapped_message_is_one_line_again() -> None:
    assert unfold(SET)[1] == "RAC1017: Successfully modified the object value and the change is in pending state."
    assert unfold("plain\n  indented\n") == ("plain", "  indented")


def test_create() -> None:
    made = parse_create(CREATED, 0)
    assert (made.judged.meaning, made.commit, made.reboot) == (Meaning.SUCCESS, "JID_782384188487", "RID_782384191517")
    without = parse_create(CREATED.replace("Reboot JID = RID_782384191517\n", ""), 0)
    assert (without.judged.meaning, without.reboot) == (Meaning.SUCCESS, "")


@pytest.mark.parametrize(
    ("text", "status", "meaning"),
    [
        (CREATED, 1, Meaning.UNKNOWN),
        (CREATED.replace("Commit JID = JID_782384188487\n", ""), 0, Meaning.UNKNOWN),
        (CREATED.replace("JID_782384188487", "none"), 0, Meaning.UNKNOWN),
        ("Commit JID = JID_782384188487\n", 0, Meaning.UNKNOWN),
        ("RAC1023: Unable to create the configuration job.\n", 1, Meaning.NOTHING_PENDING),
    ],
)
def test_create_that_is_no_success_has_no_ids(text: str, status: int, meaning: Meaning) -> None:
    made = parse_create(text, status)
    assert (made.judged.meaning, made.commit, made.reboot) == (meaning, "", "")


@pytest.mark.parametrize(
    ("state", "message", "percent", "outcome"),
    [
        ("Scheduled", "JCP001: Task successfully scheduled.", 0, Outcome.WAITING),
        ("Running", "PR20: Job in progress.", 50, Outcome.RUNNING),
        ("Completed", "PR19: Job completed successfully.", 100, Outcome.SUCCESS),
        ("Completed", "Job completed.", 100, Outcome.UNKNOWN),
        ("Completed with Errors", "PR31: Job completed with errors.", 100, Outcome.WITH_ERRORS),
        ("Failed", "PR21: Job failed.", 100, Outcome.FAILED),
        ("Scheduled", "PR30: Job processing initialization failure.", 1, Outcome.STUCK),
        ("Thinking", "PR19: Job completed successfully.", 100, Outcome.UNKNOWN),
    ],
)
def test_view(state: str, message: str, percent: int, outcome: Outcome) -> None:
    text = VIEW.replace("Scheduled", state).replace("JCP001: Task successfully scheduled.", message)
    text = text.replace("Complete=[0]", f"Complete=[{percent}]")
    viewed = parse_view(WARNING + text, 0)
    (job,) = viewed.jobs
    assert (viewed.judged.meaning, job.outcome, job.percent) == (Meaning.SUCCESS, outcome, percent)
    assert job.of_bios


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (VIEW, 1),
        ("", 0),
        (VIEW.replace("Status=Scheduled\n", ""), 0),
        (VIEW + "[Job ID=JID_2]\n", 0),
        (VIEW.split("[")[0], 0),
    ],
)
def test_a_view_that_cannot_be_read_whole_is_no_success(text: str, status: int) -> None:
    assert parse_view(text, status).judged.meaning is not Meaning.SUCCESS
    assert parse_view(text, status).jobs == ()


def test_a_view_may_hold_several_jobs() -> None:
    second = VIEW.replace("782384188487", "1").replace("Scheduled", "Completed")
    assert [job.id for job in parse_view(VIEW + second, 0).jobs] == ["JID_782384188487", "JID_1"]


@pytest.mark.parametrize(
    ("text", "status", "meaning"),
    [
        (CLEARED, 0, Meaning.SUCCESS),
        (CLEARED, 1, Meaning.UNKNOWN),
        ("RAC1035: There are no pending values to be cleared.\n", 1, Meaning.NOTHING_PENDING),
        ("RAC1038: Unable to clear pending values for the\n         specified component.\n", 1, Meaning.JOB_EXISTS),
        ("cleared\n", 0, Meaning.UNKNOWN),
    ],
)
def test_clear(text: str, status: int, meaning: Meaning) -> None:
    assert parse_clear(text, status).meaning is meaning


def test_the_certificate_warning() -> None:
    assert certificate_warned(WARNING + SET)
    assert not certificate_warned(SET)


@given(st.text(), st.integers(0, 255))
def test_no_text_is_taken_for_a_success_that_does_not_say_so(text: str, status: int) -> None:
    for parse in (parse_set, parse_clear):
        assert parse(text, status).meaning is not Meaning.SUCCESS
    assert parse_create(text, status).commit == ""
    assert parse_view(text, status).jobs == ()


@given(st.sampled_from([SET, CREATED, CLEARED, VIEW, GET]), st.integers(1, 255))
def test_no_text_is_a_success_without_status_0(text: str, status: int) -> None:
    answers = [parse_set(text, status), parse_clear(text, status), parse_create(text, status).judged]
    answers += [parse_view(text, status).judged, parse_get(text, status).judged]
    assert all(judged.meaning is not Meaning.SUCCESS for judged in answers)


HEADING = VIEW.split("[")[0]


@pytest.mark.parametrize("text", [HEADING, WARNING + HEADING, "ParseComplete  \n\n" + HEADING, HEADING + "-" * 58])
def test_a_queue_without_jobs(text: str) -> None:
    queue = parse_queue(text, 0)
    assert (queue.judged.meaning, queue.jobs) == (Meaning.SUCCESS, ())


@pytest.mark.parametrize(("text", "status"), [(HEADING, 1), ("", 0), (WARNING, 0), (HEADING + "Out of memory\n", 0)])
def test_what_is_no_queue(text: str, status: int) -> None:
    assert parse_queue(text, status).judged.meaning is not Meaning.SUCCESS


def test_a_queue_with_jobs_and_the_entry_that_is_none() -> None:
    clear = "[Job ID=JID_CLEARALL]\nJob Name=CLEARALL\nStatus=Pending\nMessage=[]\n"
    assert [job.id for job in parse_queue(VIEW + clear, 0).jobs] == ["JID_782384188487"]
