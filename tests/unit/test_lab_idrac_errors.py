"""The stand-in iDRAC gives every error of the facts' table, provoked with curl over TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from idrac_support import Client, Reply, standing

from gpuaas_scripts.bios.messages import Meaning, judge
from gpuaas_scripts.lab.idrac_registry import GENERATIONS
from gpuaas_scripts.lab.idrac_resources import BIOS, CLEAR, DELL_ATTRIBUTES, DELL_JOBS, JOBS, RESET, SETTINGS, SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.process

COMMIT = {"TargetSettingsURI": SETTINGS}
VT = {"ProcVirtualization": "Enabled"}


def staged(client: Client) -> Reply:
    reply = client.patch(**VT)
    assert reply.status == 200
    assert "location" not in reply.headers
    return reply


def committed(client: Client) -> str:
    reply = client.patch(on_reset=True, **VT)
    assert reply.status == 202
    client.direct(advance=10)
    return reply.headers["location"].rsplit("/", 1)[-1]


def running(client: Client) -> str:
    job = committed(client)
    assert client.send("POST", RESET, {"ResetType": "ForceRestart"}).status == 204
    return job


def locked(client: Client) -> None:
    client.direct(lockdown=True)


def full(client: Client) -> Reply:
    for _ in range(8):
        assert client.login().status == 201
    return client.login()


def viewer(client: Client) -> Client:
    return Client(client.farm, client.folder, user="viewer")


def after(setup: Callable[[Client], object], act: Callable[[Client], Reply]) -> Callable[[Client], Reply]:
    def both(client: Client) -> Reply:
        setup(client)
        return act(client)

    return both


def clear(client: Client) -> Reply:
    return client.send("POST", CLEAR, {})


def commit(client: Client) -> Reply:
    return client.send("POST", JOBS, COMMIT)


def other_job(client: Client) -> None:
    client.direct(other_job=True)


ROWS: list[tuple[str, list[str], int, Meaning, Callable[[Client], Reply]]] = [
    # read-only or dependency
    ("16g", ["SYS444", "SYS410"], 400, Meaning.READ_ONLY, lambda c: c.patch(ProcTurboMode="Disabled")),
    ("16g", ["SYS410"], 400, Meaning.READ_ONLY, lambda c: c.patch(SystemServiceTag="OTHER")),
    ("16g", ["SYS443"], 400, Meaning.READ_ONLY, lambda c: c.patch(NodeInterleave="Enabled", SubNumaCluster="2-Way")),
    ("16g", ["SYS024"], 400, Meaning.READ_ONLY, lambda c: forced_otherwise(c)),
    # bad value or name
    ("16g", ["SYS409"], 400, Meaning.BAD_VALUE, lambda c: c.patch(Slot1="Enabled", PxeDev1VlanId=5000)),
    ("16g", ["SYS424"], 400, Meaning.BAD_VALUE, lambda c: c.patch(ProcVirtualization=1)),
    ("16g", ["SYS426"], 400, Meaning.BAD_VALUE, lambda c: c.patch(ProcVirtualization="On")),
    ("16g", ["SYS429"], 400, Meaning.BAD_VALUE, lambda c: c.patch(ProcVirtualisation="Enabled")),
    ("14g", ["BIOS013"], 400, Meaning.BAD_VALUE, lambda c: c.patch(ProcVirtualisation="Enabled")),
    ("14g", ["BIOS014"], 400, Meaning.BAD_VALUE, lambda c: c.patch(ProcVirtualization="On")),
    # lockdown
    ("16g", ["SYS406"], 403, Meaning.LOCKDOWN, after(locked, lambda c: c.patch(**VT))),
    ("16g", ["SYS291"], 403, Meaning.LOCKDOWN, after(lambda c: (staged(c), locked(c)), commit)),
    ("14g", ["BIOS031"], 403, Meaning.LOCKDOWN, after(locked, lambda c: c.patch(**VT))),
    ("16g", ["RAC1201"], 403, Meaning.LOCKDOWN, after(lambda c: (staged(c), locked(c)), clear)),
    # login
    ("16g", ["SYS415"], 401, Meaning.LOGIN, lambda c: c.login(password="wrong")),
    ("16g", ["SYS416"], 401, Meaning.LOGIN, lambda c: c.login(password="")),
    ("16g", ["SYS416"], 401, Meaning.LOGIN, lambda c: c.send("GET", BIOS, anonymous=True)),
    # privilege
    ("16g", ["SYS012"], 403, Meaning.PRIVILEGE, lambda c: viewer(c).patch(**VT)),
    ("16g", ["RAC0506"], 403, Meaning.PRIVILEGE, after(staged, lambda c: clear(viewer(c)))),
    # job exists or runs
    ("16g", ["SYS011"], 400, Meaning.JOB_EXISTS, after(committed, lambda c: c.patch(LogicalProc="Enabled"))),
    ("16g", ["SYS011"], 400, Meaning.JOB_EXISTS, after(committed, commit)),
    ("16g", ["SYS011"], 400, Meaning.JOB_EXISTS, after(committed, clear)),
    ("14g", ["BIOS006"], 400, Meaning.JOB_EXISTS, after(committed, lambda c: c.patch(LogicalProc="Enabled"))),
    ("14g", ["BIOS007"], 400, Meaning.JOB_EXISTS, after(committed, commit)),
    ("16g", ["RAC0679"], 400, Meaning.JOB_EXISTS, after(running, commit)),
    ("16g", ["LC063"], 400, Meaning.JOB_EXISTS, after(other_job, lambda c: c.patch(on_reset=True, **VT))),
    # nothing pending
    ("16g", ["BIOS008"], 400, Meaning.NOTHING_PENDING, commit),
    ("16g", ["SYS023"], 400, Meaning.NOTHING_PENDING, clear),
    # sessions and readiness
    ("16g", ["RAC0218"], 503, Meaning.SESSION_LIMIT, full),
    ("16g", ["SWC0700"], 400, Meaning.NOT_READY, after(lambda c: c.direct(not_ready=True), lambda c: c.patch(**VT))),
    # the rest of what a client meets
    ("16g", ["SYS403"], 404, Meaning.NOT_FOUND, lambda c: c.send("GET", f"{DELL_JOBS}/JID_1")),
    ("16g", ["SYS405"], 400, Meaning.BAD_VALUE, lambda c: c.send("PATCH", SETTINGS, "{")),
    ("16g", ["SYS447"], 400, Meaning.BAD_VALUE, lambda c: in_window(c, "2020-01-01T00:00:00", 60)),
    ("16g", ["SYS448"], 400, Meaning.BAD_VALUE, lambda c: in_window(c, "2026-01-01T01:00:00", 0)),
    (
        "16g",
        ["SYS404"],
        412,
        Meaning.MOVED,
        lambda c: c.send("PATCH", SETTINGS, {"Attributes": VT}, ('If-Match: "x"',)),
    ),
    (
        "15g",
        ["SYS404"],
        412,
        Meaning.MOVED,
        lambda c: c.send("PATCH", SETTINGS, {"Attributes": VT}, ('If-Match: "x"',)),
    ),
    ("16g", ["SYS404"], 412, Meaning.MOVED, after(staged, lambda c: c.send("POST", CLEAR, {}, ("If-Match: *",)))),
]


def forced_otherwise(client: Client) -> Reply:
    """TPM off forces TXT off: a request for both TPM off and TXT on is against the rule, and TXT is in force as On."""
    client.direct(current={"ProcVirtualization": "Enabled", "IntelTxt": "On"})
    return client.patch(TpmSecurity="Off", IntelTxt="On")


def in_window(client: Client, start: str, seconds: int) -> Reply:
    window = {"MaintenanceWindowStartTime": start, "MaintenanceWindowDurationInSeconds": seconds}
    apply = {"@Redfish.SettingsApplyTime": {"ApplyTime": "AtMaintenanceWindowStart", **window}}
    return client.send("PATCH", SETTINGS, {**apply, "Attributes": VT})


@pytest.mark.parametrize(
    ("generation", "ids", "status", "meaning", "provoke"),
    ROWS,
    ids=[f"{row[0]}-{row[1][0]}-{n}" for n, row in enumerate(ROWS)],
)
def test_every_row_of_the_error_table(
    tmp_path: Path,
    generation: str,
    ids: list[str],
    status: int,
    meaning: Meaning,
    provoke: Callable[[Client], Reply],
) -> None:
    with standing(tmp_path, generation) as client:
        reply = provoke(client)
        prefix = GENERATIONS[generation].prefix
        assert (reply.status, reply.ids) == (status, [f"{prefix}.{id_}" for id_ in ids])
        info = reply.document["error"]["@Message.ExtendedInfo"][0]
        assert {"Message", "MessageArgs", "RelatedProperties", "Resolution", "Severity"} <= info.keys()
        assert judge(reply.status, reply.body).meaning is meaning


def test_a_refused_write_changes_nothing(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        assert client.patch(ProcVirtualization="Enabled", LogicalProc="Perhaps").status == 400
        assert client.get(SETTINGS)["Attributes"] == {}
        assert client.bmc.seen.writes == 0


def test_a_prerequisite_in_the_same_request_makes_an_attribute_writable(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        assert client.patch(ProcTurboMode="Disabled").status == 400
        assert client.patch(SysProfile="Custom", ProcTurboMode="Disabled").status == 200
        assert client.get(SETTINGS)["Attributes"] == {"SysProfile": "Custom", "ProcTurboMode": "Disabled"}


def test_a_value_that_is_forced_by_the_same_request_unlocks_as_well(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        assert client.patch(ControlledTurbo="Enabled").status == 400
        assert client.patch(SysProfile="PerfOptimized", ControlledTurbo="Enabled").status == 200


def test_lockdown_turns_most_attributes_read_only_and_back(tmp_path: Path) -> None:
    with standing(tmp_path) as client:

        def read_only() -> set[str]:
            entries = client.get(f"{BIOS}/BiosRegistry")["RegistryEntries"]["Attributes"]
            return {entry["AttributeName"] for entry in entries if entry["ReadOnly"]}

        before = read_only()
        flag = {"Attributes": {"Lockdown.1.SystemLockdown": "Enabled"}}
        assert client.send("PATCH", DELL_ATTRIBUTES, flag).status == 200
        assert client.get(DELL_ATTRIBUTES)["Attributes"]["Lockdown.1.SystemLockdown"] == "Enabled"
        locked_down = read_only()
        assert "ProcVirtualization" in locked_down - before
        assert len(before) < 330 < 500 < len(locked_down) < 630
        flag["Attributes"]["Lockdown.1.SystemLockdown"] = "Disabled"
        assert client.send("PATCH", DELL_ATTRIBUTES, flag).status == 200
        assert read_only() == before


def test_lockdown_on_a_scheduled_job_makes_it_fail(tmp_path: Path) -> None:
    """JCP041, the last id of the lockdown row, comes with the job and not with an answer."""
    with standing(tmp_path) as client:
        job = committed(client)
        client.direct(lockdown=True)
        client.send("POST", RESET, {"ResetType": "ForceRestart"})
        shown = client.get(f"{DELL_JOBS}/{job}")
        assert (shown["JobState"], shown["MessageId"]) == ("Failed", "JCP041")
        assert client.get(BIOS)["Attributes"]["ProcVirtualization"] == "Disabled"


def test_the_registry_is_of_realistic_size_and_without_current_values(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        reply = client.send("GET", f"{BIOS}/BiosRegistry")
        entries = reply.document["RegistryEntries"]
        assert len(reply.body) > 1_000_000
        assert len(entries["Attributes"]) > 600
        assert len(entries["Dependencies"]) > 500
        assert all(entry["CurrentValue"] is None for entry in entries["Attributes"])
        assert {entry["AttributeName"] for entry in entries["Attributes"]} == client.get(BIOS)["Attributes"].keys()


def test_everything_is_found_by_links_from_the_service_root(tmp_path: Path) -> None:
    with standing(tmp_path) as client:
        root = client.get("/redfish/v1")
        assert client.send("GET", root["Links"]["Sessions"]["@odata.id"]).status == 200
        system = client.get(client.get(root["Systems"]["@odata.id"])["Members"][0]["@odata.id"])
        bios = client.get(system["Bios"]["@odata.id"])
        settings = client.get(bios["@Redfish.Settings"]["SettingsObject"]["@odata.id"])
        assert settings["Attributes"] == {}
        manager = client.get(system["Links"]["ManagedBy"][0]["@odata.id"])
        assert client.get(manager["Links"]["Oem"]["Dell"]["Jobs"]["@odata.id"])["Members"] == []
        files = client.get(root["Registries"]["@odata.id"])["Members"]
        assert [link["@odata.id"].rsplit("/", 1)[-1] for link in files] != [bios["AttributeRegistry"]]
        assert client.send("GET", client.get(files[0]["@odata.id"])["Location"][0]["Uri"]).status == 200


@pytest.mark.parametrize(("generation", "offered"), [("14g", False), ("16g", True)])
def test_what_a_generation_does_not_offer(tmp_path: Path, generation: str, offered: bool) -> None:
    with standing(tmp_path, generation) as client:
        system = client.get(SYSTEM)
        types = system["Actions"]["#ComputerSystem.Reset"]["ResetType@Redfish.AllowableValues"]
        assert ("GracefulRestart" in types) is offered
        assert ("BootProgress" in system) is offered
        assert ("etag" in client.send("GET", SETTINGS).headers) is offered
        assert (client.send("POST", RESET, {"ResetType": "GracefulRestart"}).status == 204) is offered
