"""The documents that the stand-in iDRAC shows. Shapes follow an iDRAC9; values are the stand-in's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .idrac_attributes import PLANTED
from .idrac_jobs import MESSAGES, Job, When
from .idrac_machine import Machine, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = "/redfish/v1"
SESSIONS = f"{ROOT}/SessionService/Sessions"
SYSTEM = f"{ROOT}/Systems/System.Embedded.1"
BIOS = f"{SYSTEM}/Bios"
SETTINGS = f"{BIOS}/Settings"
REGISTRY = f"{BIOS}/BiosRegistry"
CLEAR = f"{SETTINGS}/Actions/Oem/DellManager.ClearPending"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
MANAGER = f"{ROOT}/Managers/iDRAC.Embedded.1"
JOBS = f"{MANAGER}/Jobs"
DELL_JOBS = f"{MANAGER}/Oem/Dell/Jobs"
LC_SERVICE = f"{MANAGER}/Oem/Dell/DellLCService"
LC_STATUS = f"{LC_SERVICE}/Actions/DellLCService.GetRemoteServicesAPIStatus"
DELL_ATTRIBUTES = f"{MANAGER}/Oem/Dell/DellAttributes/iDRAC.Embedded.1"
TASKS = f"{ROOT}/TaskService/Tasks"

Document = dict[str, object]


def link(path: str) -> Document:
    """A reference to a resource."""
    return {"@odata.id": path}


def collection(path: str, members: Iterable[Document]) -> Document:
    """A collection of links or of whole members."""
    listed = list(members)
    return {"@odata.id": path, "Name": path.rsplit("/", 1)[-1], "Members": listed, "Members@odata.count": len(listed)}


def service_root(machine: Machine) -> Document:
    """The service root: where everything is found from."""
    return {
        "@odata.id": ROOT,
        "@odata.type": "#ServiceRoot.v1_10_0.ServiceRoot",
        "Id": "RootService",
        "Name": "Root Service",
        "Product": "Integrated Dell Remote Access Controller",
        "RedfishVersion": "1.13.1",
        "Vendor": "Dell",
        "Links": {"Sessions": link(SESSIONS)},
        "Systems": link(f"{ROOT}/Systems"),
        "Managers": link(f"{ROOT}/Managers"),
        "SessionService": link(f"{ROOT}/SessionService"),
        "JobService": link(f"{ROOT}/JobService"),
        "Registries": link(f"{ROOT}/Registries"),
        "Tasks": link(f"{ROOT}/TaskService"),
        "Oem": {"Dell": {"ServiceTag": machine.options.service_tag}},
    }


def session_service(machine: Machine) -> Document:
    """The session service with its timeout in seconds."""
    return {
        "@odata.id": f"{ROOT}/SessionService",
        "Id": "SessionService",
        "Name": "Session Service",
        "ServiceEnabled": True,
        "SessionTimeout": int(machine.options.session_timeout),
        "Sessions": link(SESSIONS),
    }


def system(machine: Machine) -> Document:
    """The computer system: power, reset types, and BootProgress where the generation offers it."""
    document: Document = {
        "@odata.id": SYSTEM,
        "@odata.type": "#ComputerSystem.v1_16_0.ComputerSystem",
        "Id": "System.Embedded.1",
        "Name": "System",
        "Manufacturer": "Dell Inc.",
        "Model": machine.options.generation.model,
        "SKU": machine.options.service_tag,
        "BiosVersion": machine.options.generation.bios_version,
        "PowerState": str(machine.power),
        "Bios": link(BIOS),
        "Links": {"ManagedBy": [link(MANAGER)]},
        "Actions": {
            "#ComputerSystem.Reset": {
                "target": RESET,
                "ResetType@Redfish.AllowableValues": machine.allowed_resets(),
            }
        },
    }
    if machine.options.generation.boot_progress:
        on = machine.power == "On"
        last = "None" if not on else "SystemHardwareInitializationComplete" if machine.in_post else "OSRunning"
        document["BootProgress"] = {"LastState": last}
    return document


def bios(machine: Machine) -> Document:
    """The BIOS as it is; secrets are planted in it as firmware does."""
    return {
        "@odata.id": BIOS,
        "@odata.type": "#Bios.v1_2_0.Bios",
        "Id": "Bios",
        "Name": "BIOS Configuration Current Settings",
        # Not the id of the registry collection's member: iDRAC has the two apart as well.
        "AttributeRegistry": "BiosAttributeRegistry.v1_0_3",
        "Attributes": machine.current,
        "@Redfish.Settings": {
            "@odata.type": "#Settings.v1_3_3.Settings",
            "SettingsObject": link(SETTINGS),
            "SupportedApplyTimes": [str(when) for when in When],
        },
    }


def settings(machine: Machine) -> Document:
    """The pending values only."""
    return {
        "@odata.id": SETTINGS,
        "@odata.type": "#Bios.v1_2_0.Bios",
        "Id": "Settings",
        "Name": "BIOS Configuration Pending Settings",
        "AttributeRegistry": "BiosAttributeRegistry.v1_0_3",
        "Attributes": machine.pending,
        "Actions": {"Oem": {"DellManager.v1_0_0#DellManager.ClearPending": {"target": CLEAR}}},
        "Oem": {"Dell": {"Jobs": link(DELL_JOBS)}},
    }


def registry_file() -> Document:
    """The member of the registry collection."""
    path = f"{ROOT}/Registries/BiosAttributeRegistry.v1_0_0"
    return {
        "@odata.id": path,
        "Id": "BiosAttributeRegistry.v1_0_0",
        "Languages": ["en"],
        "Location": [{"Language": "en", "Uri": REGISTRY}],
        "Registry": "BiosAttributeRegistry1.0",
    }


def manager(machine: Machine) -> Document:
    """The iDRAC."""
    return {
        "@odata.id": MANAGER,
        "@odata.type": "#Manager.v1_14_0.Manager",
        "Id": "iDRAC.Embedded.1",
        "Name": "Manager",
        "ManagerType": "BMC",
        "Model": machine.options.generation.name.upper() + " Monolithic",
        "FirmwareVersion": machine.options.generation.firmware,
        "DateTime": stamp(machine.now) + "+00:00",
        "PowerState": "On",
        "Links": {
            "ManagerForServers": [link(SYSTEM)],
            "Oem": {
                "Dell": {
                    "DellAttributes": [link(DELL_ATTRIBUTES)],
                    "DellLCService": link(LC_SERVICE),
                    "Jobs": link(DELL_JOBS),
                }
            },
        },
    }


def lc_service() -> Document:
    """The Lifecycle Controller's service with the readiness action."""
    target = {"target": LC_STATUS}
    return {
        "@odata.id": LC_SERVICE,
        "Id": "DellLCService",
        "Actions": {"#DellLCService.GetRemoteServicesAPIStatus": target},
    }


def remote_services(machine: Machine) -> Document:
    """Answer of GetRemoteServicesAPIStatus."""
    ready = "NotReady" if machine.not_ready else "Ready"
    server = "PoweredOff" if machine.power == "Off" else "InPOST" if machine.in_post else "OutOfPOST"
    return {"LCStatus": ready, "RTStatus": ready, "ServerStatus": server, "Status": ready}


def dell_attributes(machine: Machine) -> Document:
    """The iDRAC's own attributes: the lockdown flag, and beside it what must never be logged."""
    flag = "Enabled" if machine.lockdown else "Disabled"
    secrets: Document = {
        f"Users.2.{name}": f"{PLANTED}-{name}"
        for name in ("SHA256Password", "SHA256PasswordSalt", "MD5v3Key", "SHA1v3Key", "IPMIKey")
    }
    return {
        "@odata.id": DELL_ATTRIBUTES,
        "Id": "iDRAC.Embedded.1",
        "Attributes": {"Lockdown.1.SystemLockdown": flag, "Users.2.UserName": machine.options.user, **secrets},
    }


def dell_job(job: Job) -> Document:
    """A job as Dell's queue shows it."""
    return {
        "@odata.id": f"{DELL_JOBS}/{job.id}",
        "@odata.type": "#DellJob.v1_5_0.DellJob",
        "ActualRunningStartTime": stamp(job.started) if job.started is not None else 0,
        "ActualRunningStopTime": stamp(job.ended) if job.ended is not None else 0,
        "CompletionTime": stamp(job.ended) if job.ended is not None else None,
        "EndTime": stamp(job.window[1]) if job.window else "TIME_NA",
        "Id": job.id,
        "JobState": job.state,
        "JobType": job.kind,
        "Message": MESSAGES[job.message_id],
        "MessageArgs": [],
        "MessageId": job.message_id,
        "Name": job.name,
        "PercentComplete": job.percent,
        "StartTime": stamp(job.window[0] if job.window else job.created),
        "TargetSettingsURI": None,
    }


def service_job(job: Job, prefix: str) -> Document:
    """The same job as the JobService shows it: other words for its state."""
    state = {"CompletedWithErrors": "Exception", "Failed": "Exception", "Scheduled": "Pending"}.get(
        job.state, job.state
    )
    return {
        "@odata.id": f"{ROOT}/JobService/Jobs/{job.id}",
        "@odata.type": "#Job.v1_0_7.Job",
        "Id": job.id,
        "JobState": state,
        "JobStatus": "Critical" if state == "Exception" else "OK",
        "Messages": [{"Message": MESSAGES[job.message_id], "MessageId": f"{prefix}.{job.message_id}"}],
        "Name": "ConfigBIOS:BIOS.Setup.1-1",
        "PercentComplete": job.percent,
    }


def task(job: Job, prefix: str) -> Document:
    """The task behind the Location of a write; gone soon after the job has ended."""
    return {
        "@odata.id": f"{TASKS}/{job.id}",
        "Id": job.id,
        "TaskState": "Completed" if not job.open else "Running" if job.state == "Running" else "Starting",
        "Messages": [{"Message": MESSAGES[job.message_id], "MessageId": f"{prefix}.{job.message_id}"}],
    }
