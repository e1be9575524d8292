"""A machine as MAAS answers it: its state, tags, disks and how they are laid out.

Source of the numbers: MAAS 3.7 `maasserver.enum.NODE_STATUS`; of the fields: answers of a running region and
`maasserver.api.machines`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from .state import StateError
from .tags import PREFIX

_UNUSED = "Unused"


class MachineStatus(IntEnum):
    """States that a verb acts on or waits for. Others stay plain numbers."""

    NEW = 0
    COMMISSIONING = 1
    FAILED_COMMISSIONING = 2
    READY = 4
    DEPLOYED = 6
    DEPLOYING = 9
    ALLOCATED = 10
    FAILED_DEPLOYMENT = 11
    TESTING = 21
    FAILED_TESTING = 22


@dataclass(frozen=True, slots=True)
class Disk:
    """A physical disk. `id_path` is below /dev/disk/by-id where MAAS knows it; `used` says whether the storage layout
    puts anything on it, `mounts` are the mount points on it directly or in its partitions.
    """

    name: str
    serial: str
    model: str
    id_path: str
    used: bool
    mounts: tuple[str, ...] = ()

    def __str__(self) -> str:
        about = ", ".join(part for part in (f"serial {self.serial}" if self.serial else "", self.model) if part)
        return f"{self.name} ({about or 'no serial'})"


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine. `status` is a MachineStatus or a number that is not known here, `status_name` MAAS's word for it.

    `virtual_mounts` are mount points on devices made of others (LVM, RAID, bcache).
    """

    system_id: str
    hostname: str
    status: int
    status_name: str
    tags: frozenset[str] = frozenset()
    owner: str = ""
    locked: bool = False
    ephemeral: bool = False
    hardware_sync: bool = False
    osystem: str = ""
    series: str = ""
    message: str = ""
    disks: tuple[Disk, ...] = ()
    boot_disk: Disk | None = None
    virtual_mounts: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    commissioning: int | None = None
    """MAAS's id of the current commissioning's set of results."""

    @property
    def state(self) -> str:
        """The state in words: MAAS's own, but that Deployed only means that cloud-init asked for its user data."""
        if self.status == MachineStatus.DEPLOYED:
            return f"{self.status_name} (handed over, unproven)"
        return self.status_name

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles whose tags the machine carries, sorted."""
        return tuple(sorted(tag.removeprefix(PREFIX) for tag in self.tags if tag.startswith(PREFIX)))


def parse_machine(answer: object) -> Machine:
    """The machine of an answer. Raises StateError."""
    if not isinstance(answer, Mapping):
        raise StateError("MAAS's answer is no machine")
    try:
        return _machine(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        name = answer.get("system_id")
        raise StateError(f"MAAS's answer about machine {name!r} cannot be read: {error!r}") from error


def parse_machines(answer: object) -> dict[str, Machine]:
    """All machines of a list answer by system id. Raises StateError."""
    if not isinstance(answer, Sequence) or isinstance(answer, str | bytes):
        raise StateError("MAAS's list of machines is no list")
    machines = [parse_machine(item) for item in answer]
    return {machine.system_id: machine for machine in machines}


def _machine(answer: Mapping[str, object]) -> Machine:
    disks = tuple(_disk(item) for item in _list(answer["physicalblockdevice_set"]))
    boot = answer.get("boot_disk")
    virtual = [mount for item in _list(answer.get("virtualblockdevice_set")) for mount in _mounts(item)]
    number = int(str(answer["status"]))
    current = answer.get("current_commissioning_result_id")
    return Machine(
        system_id=str(answer["system_id"]),
        hostname=str(answer["hostname"]),
        status=MachineStatus(number) if number in list(MachineStatus) else number,
        status_name=str(answer["status_name"]),
        tags=frozenset(map(str, answer["tag_names"] or [])),  # type: ignore[call-overload]
        owner=str(answer.get("owner") or ""),
        locked=bool(answer.get("locked")),
        ephemeral=bool(answer.get("ephemeral_deploy")),
        hardware_sync=bool(answer.get("enable_hw_sync")),
        osystem=str(answer.get("osystem") or ""),
        series=str(answer.get("distro_series") or ""),
        message=str(answer.get("status_message") or ""),
        disks=disks,
        boot_disk=_disk(boot) if isinstance(boot, Mapping) else None,
        virtual_mounts=tuple(virtual),
        interfaces=tuple(str(item["name"]) for item in _list(answer.get("interface_set"))),
        commissioning=None if current is None else int(str(current)),
        addresses=tuple(str(item) for item in answer.get("ip_addresses") or ()),  # type: ignore[attr-defined]
    )


def _list(value: object) -> list[Mapping[str, object]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _disk(item: Mapping[str, object]) -> Disk:
    mounts = tuple(_mounts(item))
    used_for = str(item.get("used_for") or _UNUSED)
    used = used_for != _UNUSED or bool(item.get("partitions")) or bool(item.get("filesystem"))
    return Disk(
        name=str(item["name"]),
        serial=str(item.get("serial") or "").strip(),
        model=str(item.get("model") or "").strip(),
        id_path=str(item.get("id_path") or ""),
        used=used,
        mounts=mounts,
    )


def _mounts(item: Mapping[str, object]) -> Iterator[str]:
    """Mount points of a device and of its partitions."""
    for part in (item, *_list(item.get("partitions"))):
        filesystem = part.get("filesystem")
        mount = filesystem.get("mount_point") if isinstance(filesystem, Mapping) else None
        if mount:
            yield str(mount)
