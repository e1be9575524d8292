"""The topology that was approved for a node, against the inventory that a machine reported.

The inventory is that of the slice firmware preflight: INFO lines `gpu`, `fabric`, `bf3` (detail: PCI address),
`device` (detail: path below /dev/disk/by-id) and `hardware_class`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .parse import Line, Report, Status

AREA = "TOPOLOGY"
_NONE = "none"


@dataclass(frozen=True, slots=True)
class ApprovedSlot:
    """One slot: PCI addresses as `0000:1b:00.0`, the disk's path below /dev/disk/by-id and serial, the GPU's NUMA node.

    '' and None where nothing is approved yet.
    """

    gpu: str = ""
    nvme: str = ""
    fabric: str = ""
    numa: int | None = None
    nvme_serial: str = ""


@dataclass(frozen=True, slots=True)
class Topology:
    """What was approved for a node. `numbers` of slots in checks count from 1, as in the node's file.

    `os_disk_model` is that of the hardware class, as the firmware of the disk says it.
    """

    hardware_class: str = ""
    slots: tuple[ApprovedSlot, ...] = ()
    bf3_ports: tuple[str, ...] = ()
    os_disk: str = ""
    os_disk_serial: str = ""
    os_disk_model: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One comparison: status PASS, FAIL, WARN or SKIP."""

    check: str
    status: Status
    detail: str
    remediation: str = ""


def has_inventory(report: Report) -> bool:
    """Whether a report is one that the approved topology can be compared with: it names the hardware class."""
    return bool(report.facts("hardware_class"))


def compare(approved: Topology, report: Report) -> tuple[Seen, ...]:
    """Every approved thing against the inventory, and what is there without having been approved."""
    found = list(_class(approved, report))
    if any(seen.status is Status.FAIL for seen in found):
        return (*found, Seen("slots", Status.SKIP, "stands on hardware_class, which is FAIL"))
    inventory = _Inventory(report)
    found += _slots(approved, inventory)
    found += _ports(approved, inventory)
    found += _os_disk(approved, inventory)
    found += _surplus(approved, inventory)
    return tuple(found)


def serial_of(report: Report, by_id: str) -> str:
    """The serial that a machine reported for the disk of this path below /dev/disk/by-id, '' when it saw none."""
    return next((line.get("serial") for line in report.facts("device") if line.detail == by_id), "")


class _Inventory:
    """INFO lines by what they are about."""

    def __init__(self, report: Report) -> None:
        self.gpus = _by_detail(report, "gpu")
        self.fabric = {**_by_detail(report, "bf3"), **_by_detail(report, "fabric")}
        self.bf3 = _by_detail(report, "bf3")
        self.disks = _by_detail(report, "device")
        self.nameless = [line for line in report.facts("device") if line.detail == _NONE]


def _by_detail(report: Report, check: str) -> dict[str, Line]:
    return {line.detail: line for line in report.facts(check) if line.detail != _NONE}


def _class(approved: Topology, report: Report) -> Iterator[Seen]:
    said = report.facts("hardware_class")[0].detail
    if not approved.hardware_class:
        yield Seen("hardware_class", Status.SKIP, f"the node's file names no hardware class; the machine: {said}")
        return
    if said == approved.hardware_class:
        yield Seen("hardware_class", Status.PASS, said)
        return
    detail = f"the node's file says {approved.hardware_class}, the machine: {said}"
    remediation = "is it the right machine (maas.system_id)? else correct hardware_class, or the class's DMI names"
    yield Seen("hardware_class", Status.FAIL, detail, remediation)


def _slots(approved: Topology, inventory: _Inventory) -> Iterator[Seen]:
    if not approved.slots:
        yield Seen("slots", Status.SKIP, "no slots are approved for the node")
    for number, slot in enumerate(approved.slots, start=1):
        name = f"slot_{number}"
        free = _free(inventory.gpus, [other.gpu for other in approved.slots])
        yield _device(f"{name}_gpu", "GPU", slot.gpu, inventory.gpus, free)
        if slot.numa is not None:
            yield _numa(f"{name}_numa", slot, inventory)
        free = _free(inventory.disks, [approved.os_disk, *(other.nvme for other in approved.slots)])
        seen = _device(f"{name}_nvme", "disk", slot.nvme, inventory.disks, free)
        yield _compared(seen, inventory.disks.get(slot.nvme), {"serial": slot.nvme_serial})
        if slot.fabric or any(other.fabric for other in approved.slots):
            free = _free(inventory.fabric, [*(other.fabric for other in approved.slots), *approved.bf3_ports])
            yield _device(f"{name}_fabric", "fabric device", slot.fabric, inventory.fabric, free)


def _device(check: str, noun: str, wanted: str, there: dict[str, Line], free: list[str]) -> Seen:
    """One approved device: there, moved or replaced (others that nobody approved are there), or missing."""
    if not wanted:
        return Seen(check, Status.SKIP, f"no {noun} is approved")
    if wanted in there:
        return Seen(check, Status.PASS, _named(there[wanted]))
    if not there:
        detail = f"{wanted} is not there: no {noun} was seen at all"
        return Seen(check, Status.FAIL, detail, "look in the BMC hardware log; is its driver there?")
    if not free:
        detail = f"{wanted} is missing; the machine has {len(there)}, all of them approved for something else"
        return Seen(check, Status.FAIL, detail, "look in the BMC hardware log; reseat or replace it")
    what = "replaced" if noun == "disk" else "moved"
    detail = f"{wanted} is missing; it was {what}, or lost: not approved and there: {'; '.join(free)}"
    remediation = "look at what was changed in the machine, then approve what is there in the node's file"
    return Seen(check, Status.FAIL, detail, remediation)


def _numa(check: str, slot: ApprovedSlot, inventory: _Inventory) -> Seen:
    line = inventory.gpus.get(slot.gpu)
    if line is None:
        return Seen(check, Status.SKIP, f"stands on {check.replace('_numa', '_gpu')}, which is not PASS")
    said = line.get("numa")
    if said == str(slot.numa):
        return Seen(check, Status.PASS, f"{slot.gpu} is on NUMA node {said}")
    detail = f"{slot.gpu} is on NUMA node {said or 'unknown'}, approved for {slot.numa}"
    return Seen(check, Status.FAIL, detail, "look at the NUMA settings of the BIOS, or approve the node that is there")


def _ports(approved: Topology, inventory: _Inventory) -> Iterator[Seen]:
    for number, port in enumerate(approved.bf3_ports, start=1):
        free = _free(inventory.bf3, approved.bf3_ports)
        yield _device(f"bf3_port_{number}", "BlueField port", port, inventory.bf3, free)


def _os_disk(approved: Topology, inventory: _Inventory) -> Iterator[Seen]:
    if not approved.os_disk:
        yield Seen("approved_os_disk", Status.SKIP, "no OS disk is approved")
        return
    if not approved.os_disk.startswith("/dev/disk/by-id/nvme-"):
        yield Seen("approved_os_disk", Status.SKIP, f"{approved.os_disk} is no NVMe device: not in the inventory")
        return
    free = _free(inventory.disks, [approved.os_disk, *(slot.nvme for slot in approved.slots)])
    seen = _device("approved_os_disk", "disk", approved.os_disk, inventory.disks, free)
    wanted = {"serial": approved.os_disk_serial, "model": approved.os_disk_model}
    yield _compared(seen, inventory.disks.get(approved.os_disk), wanted)


def _compared(seen: Seen, line: Line | None, wanted: Mapping[str, str]) -> Seen:
    """A disk that was seen, unless it is another one than was approved under this path."""
    if line is None:
        return seen
    wrong = [
        f"its {key} is {line.get(key) or 'unknown'}, approved is {value}"
        for key, value in wanted.items()
        if value and line.get(key).strip() != value.strip()
    ]
    if not wrong:
        return seen
    remediation = "find out which disk it is before anything is written to it, then correct the node's file"
    return Seen(seen.check, Status.FAIL, f"{line.detail}: {'; '.join(wrong)}", remediation)


def _surplus(approved: Topology, inventory: _Inventory) -> Iterator[Seen]:
    """Devices nobody approved; told only where slots are approved, so that a machine before approval is quiet."""
    if not approved.slots:
        return
    gpus = _free(inventory.gpus, [slot.gpu for slot in approved.slots])
    disks = _free(inventory.disks, [approved.os_disk, *(slot.nvme for slot in approved.slots)])
    disks += [f"{line.get('kernel_name')} without a by-id path" for line in inventory.nameless]
    for check, noun, free in (("unapproved_gpus", "GPUs", gpus), ("unapproved_disks", "disks", disks)):
        if free:
            detail = f"{len(free)} {noun} that no slot names: {'; '.join(free)}"
            yield Seen(check, Status.WARN, detail, "approve them in the node's file, or take them out")
        else:
            yield Seen(check, Status.PASS, f"every one of the {noun} is approved")


def _free(there: dict[str, Line], taken: list[str] | tuple[str, ...]) -> list[str]:
    return [_named(line) for name, line in there.items() if name not in taken]


def _named(line: Line) -> str:
    """A device with what tells it from others."""
    about = [f"{key} {line.get(key)}" for key in ("serial", "kernel_name", "pci", "numa", "id") if line.get(key)]
    return f"{line.detail} ({', '.join(about)})" if about else line.detail
