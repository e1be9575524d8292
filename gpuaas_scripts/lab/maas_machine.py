"""A machine of the stand-in MAAS, and how MAAS answers it.

Source of names and numbers: MAAS 3.7 `maasserver.enum.NODE_STATUS`, `metadataserver.enum.SCRIPT_STATUS`.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from .maas_script import API


class Status(IntEnum):
    """A machine's state, as far as the stand-in has it."""

    NEW = 0
    COMMISSIONING = 1
    FAILED_COMMISSIONING = 2
    READY = 4
    DEPLOYED = 6
    DEPLOYING = 9
    ALLOCATED = 10
    FAILED_DEPLOYMENT = 11
    RELEASING = 12
    TESTING = 21
    FAILED_TESTING = 22

    @property
    def label(self) -> str:
        """As MAAS writes it."""
        return self.name.replace("_", " ").capitalize()


BUSY = (Status.COMMISSIONING, Status.DEPLOYING, Status.RELEASING, Status.TESTING)


class Outcome(IntEnum):
    """A script's state on a machine."""

    PENDING = 0
    RUNNING = 1
    PASSED = 2
    FAILED = 3
    TIMEDOUT = 4
    ABORTED = 5
    DEGRADED = 6
    SKIPPED = 9

    @property
    def label(self) -> str:
        """As MAAS writes it."""
        return "Timed out" if self is Outcome.TIMEDOUT else self.name.capitalize()


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk: kernel name, serial, size in bytes. `mounts` are the file systems that the storage layout puts on it,
    `id_path` its path below /dev/disk/by-id where MAAS knows that.
    """

    name: str
    serial: str
    size: int = 480_000_000_000
    model: str = ""
    mounts: tuple[str, ...] = ()
    id_path: str = ""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a script does when the machine runs it."""

    exit_status: int = 0
    stdout: str = ""
    stderr: str = ""
    result: str = ""


@dataclass(slots=True)
class Machine:
    """A machine. `runs` says what scripts do on it (by script name), `hardware` what for_hardware finds on it.

    `until` is when the present work ends (seconds since 1970), `before` the state that an abort returns to.
    """

    system_id: str
    hostname: str
    status: Status = Status.NEW
    disks: tuple[Disk, ...] = ()
    macs: tuple[str, ...] = ()
    hardware: frozenset[str] = frozenset()
    hardware_info: Mapping[str, str] = field(default_factory=dict)
    architecture: str = "amd64/generic"
    power_type: str = "manual"
    tags: set[str] = field(default_factory=set)
    runs: dict[str, Ran] = field(default_factory=dict)
    owner: str | None = None
    message: str | None = None
    until: float = 0.0
    before: Status = Status.NEW
    osystem: str = ""
    series: str = ""
    user_data: bytes | None = None
    ephemeral: bool = False
    hardware_sync: bool = False
    sets: dict[str, int] = field(default_factory=dict)
    """The current set of results by kind: commissioning, testing, installation."""


def decoded(user_data: str) -> bytes:
    """User data as MAAS takes it: base64 where it is base64, else as it is."""
    try:
        return base64.b64decode(user_data, validate=True)
    except (binascii.Error, ValueError):
        return user_data.encode()


def as_json(machine: Machine, outcomes: Mapping[str, Outcome | None]) -> dict[str, Any]:
    """A machine as MAAS answers it; `outcomes` are those of its current sets of results by kind."""
    disks = [_disk(machine, index, disk) for index, disk in enumerate(machine.disks, start=1)]
    links = [_interface(machine, index, mac) for index, mac in enumerate(machine.macs, start=1)]
    shown: dict[str, Any] = {}
    for kind in ("commissioning", "testing"):
        outcome = outcomes.get(kind)
        shown[f"{kind}_status"] = -1 if outcome is None else outcome
        shown[f"{kind}_status_name"] = "Unknown" if outcome is None else outcome.label
    info = dict.fromkeys(("system_vendor", "system_product", "system_serial", "mainboard_vendor"), "Unknown")
    return {
        **shown,
        **{f"current_{kind}_result_id": machine.sets.get(kind) for kind in outcomes},
        "system_id": machine.system_id,
        "hostname": machine.hostname,
        "fqdn": f"{machine.hostname}.maas",
        "description": "",
        "node_type": 0,
        "node_type_name": "Machine",
        "status": machine.status,
        "status_name": machine.status.label,
        "status_message": machine.message,
        "status_action": None if machine.message is None else "",
        "error_description": "",
        "tag_names": sorted(machine.tags),
        "architecture": machine.architecture,
        "power_type": machine.power_type,
        "power_state": "unknown",
        "osystem": machine.osystem,
        "distro_series": machine.series,
        "ephemeral_deploy": machine.ephemeral,
        "enable_hw_sync": machine.hardware_sync,
        "netboot": machine.status is not Status.DEPLOYED,
        "owner": machine.owner,
        "owner_data": {},
        "locked": False,
        "hardware_info": {**info, **machine.hardware_info},
        "storage": sum(disk.size for disk in machine.disks) / 1_000_000,
        "physicalblockdevice_set": disks,
        "blockdevice_set": disks,
        "boot_disk": disks[0] if disks else None,
        "interface_set": links,
        "boot_interface": links[0] if links else None,
        "resource_uri": f"{API}/machines/{machine.system_id}/",
    }


def _disk(machine: Machine, number: int, disk: Disk) -> dict[str, Any]:
    return {
        "id": number,
        "system_id": machine.system_id,
        "type": "physical",
        "name": disk.name,
        "serial": disk.serial,
        "model": disk.model,
        "size": disk.size,
        "id_path": disk.id_path or f"/dev/{disk.name}",
        "path": f"/dev/disk/by-dname/{disk.name}",
        "tags": ["ssd"],
        "partitions": [_partition(mount) for mount in disk.mounts],
        "filesystem": None,
        "used_for": f"GPT partitioned with {len(disk.mounts)} partitions" if disk.mounts else "Unused",
        "resource_uri": f"{API}/nodes/{machine.system_id}/blockdevices/{number}/",
    }


def _partition(mount: str) -> dict[str, Any]:
    fstype = "fat32" if mount == "/boot/efi" else "ext4"
    return {"type": "partition", "filesystem": {"fstype": fstype, "mount_point": mount}}


def _interface(machine: Machine, number: int, mac: str) -> dict[str, Any]:
    return {
        "id": number,
        "system_id": machine.system_id,
        "type": "physical",
        "name": f"eth{number - 1}",
        "mac_address": mac,
        "links": [],
        "enabled": True,
        "link_connected": True,
        "resource_uri": f"{API}/nodes/{machine.system_id}/interfaces/{number}/",
    }
