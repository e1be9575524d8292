"""The approved topology against what a machine reports: each approved thing is seen there, and seen missing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evidence_support import DISKS, GPUS, OS_DISK, disk, gpu, inventory, line

from gpuaas_scripts.evidence.parse import Status, parse
from gpuaas_scripts.evidence.topology import ApprovedSlot, Seen, Topology, compare, serial_of

FABRIC = ("0000:1a:00.0", "0000:3c:00.0")
PORTS = ("0000:bc:00.0", "0000:bc:00.1")
SLOTS = tuple(
    ApprovedSlot(gpu_, disk_, fabric, number)
    for number, (gpu_, disk_, fabric) in enumerate(zip(GPUS, DISKS, FABRIC, strict=True))
)
APPROVED = Topology("box", SLOTS, PORTS, OS_DISK, "OS-SERIAL-1", "Boss")


def machine(**parts: object) -> str:
    fabric = parts.pop("fabric", FABRIC)
    ports = parts.pop("ports", PORTS)
    text = inventory(**parts)  # type: ignore[arg-type]
    text += "".join(line("INFO", "fabric", address, "SLICE_FABRIC") for address in fabric)  # type: ignore[attr-defined]
    return text + "".join(line("INFO", "bf3", address, "SLICE_BF3") for address in ports)  # type: ignore[attr-defined]


def seen(text: str, approved: Topology = APPROVED) -> dict[str, Seen]:
    found = compare(approved, parse(text, needs_summary=False))
    assert len({one.check for one in found}) == len(found)
    return {one.check: one for one in found}


def loud(found: dict[str, Seen]) -> dict[str, Status]:
    return {name: one.status for name, one in found.items() if one.status in (Status.FAIL, Status.WARN)}


def test_everything_in_its_place_is_pass() -> None:
    found = seen(machine())
    assert {one.status for one in found.values()} == {Status.PASS}
    assert set(found) == {
        *("hardware_class", "slot_1_gpu", "slot_1_numa", "slot_1_nvme", "slot_1_fabric"),
        *("slot_2_gpu", "slot_2_numa", "slot_2_nvme", "slot_2_fabric", "bf3_port_1", "bf3_port_2"),
        *("approved_os_disk", "unapproved_gpus", "unapproved_disks"),
    }


def test_a_missing_gpu() -> None:
    found = seen(machine(gpus=GPUS[:1]))
    assert loud(found) == {"slot_2_gpu": Status.FAIL}
    assert f"{GPUS[1]} is missing; the machine has 1" in found["slot_2_gpu"].detail
    assert found["slot_2_numa"].status is Status.SKIP
    assert "slot_2_gpu" in found["slot_2_numa"].detail


def test_a_moved_address_names_where_it_may_be_now() -> None:
    found = seen(machine(gpus=(GPUS[0], "0000:44:00.0")))
    assert loud(found) == {"slot_2_gpu": Status.FAIL, "unapproved_gpus": Status.WARN}
    assert "moved" in found["slot_2_gpu"].detail
    assert "0000:44:00.0" in found["slot_2_gpu"].detail


def test_a_replaced_disk_is_named_with_its_serial() -> None:
    found = seen(machine(disks=(DISKS[0],)) + disk("/dev/disk/by-id/nvme-eui.ffff", "NEW-1", "nvme3n1"))
    assert loud(found) == {"slot_2_nvme": Status.FAIL, "unapproved_disks": Status.WARN}
    assert "replaced" in found["slot_2_nvme"].detail
    assert "serial NEW-1" in found["slot_2_nvme"].detail


def test_no_device_of_a_kind_at_all() -> None:
    found = seen(machine(gpus=()))
    assert loud(found) == {"slot_1_gpu": Status.FAIL, "slot_2_gpu": Status.FAIL}
    assert "seen at all" in found["slot_1_gpu"].detail


def test_another_numa_node() -> None:
    swapped = machine().replace(gpu(GPUS[0], "0"), gpu(GPUS[0], "1"))
    assert loud(seen(swapped)) == {"slot_1_numa": Status.FAIL}


def test_a_missing_fabric_device_and_port() -> None:
    assert loud(seen(machine(fabric=FABRIC[:1]))) == {"slot_2_fabric": Status.FAIL}
    assert loud(seen(machine(ports=PORTS[1:]))) == {"bf3_port_1": Status.FAIL}


@pytest.mark.parametrize(
    ("approved", "says"),
    [
        (replace(APPROVED, os_disk_serial="OTHER"), "its serial is OS-SERIAL-1, approved is OTHER"),
        (replace(APPROVED, os_disk_model="Other"), "its model is Boss, approved is Other"),
        (replace(APPROVED, os_disk="/dev/disk/by-id/nvme-eui.eeee"), "nvme-eui.eeee is missing"),
    ],
)
def test_another_os_disk(approved: Topology, says: str) -> None:
    found = seen(machine(), approved)
    assert found["approved_os_disk"].status is Status.FAIL
    assert says in found["approved_os_disk"].detail


def test_an_os_disk_that_the_inventory_cannot_hold_is_skip() -> None:
    found = seen(machine(), replace(APPROVED, os_disk="/dev/disk/by-id/wwn-0x5000000000000001"))
    assert found["approved_os_disk"].status is Status.SKIP


def test_a_disk_without_identity_is_no_approved_one() -> None:
    found = seen(machine() + disk("none", "", "nvme9n1"))
    assert loud(found) == {"unapproved_disks": Status.WARN}
    assert "nvme9n1" in found["unapproved_disks"].detail


def test_another_class_makes_everything_else_skip() -> None:
    found = seen(machine().replace("detail=box", "detail=crate"))
    assert loud(found) == {"hardware_class": Status.FAIL}
    assert found["slots"].status is Status.SKIP


def test_nothing_approved_is_skip_and_quiet_about_devices() -> None:
    found = seen(machine(), Topology())
    assert {one.status for one in found.values()} == {Status.SKIP}
    assert set(found) == {"hardware_class", "slots", "approved_os_disk"}
    half = replace(APPROVED, slots=(ApprovedSlot(GPUS[0]), ApprovedSlot(GPUS[1])), bf3_ports=())
    assert seen(machine(), half)["slot_1_nvme"].status is Status.SKIP


def test_serials_are_looked_up_by_path() -> None:
    report = parse(machine(), needs_summary=False)
    assert serial_of(report, OS_DISK) == "OS-SERIAL-1"
    assert serial_of(report, "/dev/disk/by-id/nvme-eui.eeee") == ""


def test_a_fabric_device_that_only_some_slots_have_is_skip_for_the_others() -> None:
    slots = (SLOTS[0], replace(SLOTS[1], fabric=""))
    found = seen(machine(fabric=FABRIC[:1]), replace(APPROVED, slots=slots))
    assert (found["slot_1_fabric"].status, found["slot_2_fabric"].status) == (Status.PASS, Status.SKIP)
    none = tuple(replace(slot, fabric="") for slot in SLOTS)
    assert "slot_1_fabric" not in seen(machine(), replace(APPROVED, slots=none))


def test_what_a_machine_does_not_say_is_unknown() -> None:
    text = machine().replace(gpu(GPUS[0], "0"), line("INFO", "gpu", GPUS[0]))
    assert "NUMA node unknown, approved for 0" in seen(text)["slot_1_numa"].detail
    text = machine().replace(disk(OS_DISK, "OS-SERIAL-1", "nvme7n1", "Boss"), line("INFO", "device", OS_DISK))
    assert "its serial is unknown" in seen(text)["approved_os_disk"].detail
    unnamed = replace(APPROVED, os_disk_serial="", os_disk_model="")
    assert seen(text, unnamed)["approved_os_disk"].status is Status.PASS


def test_another_disk_under_the_approved_path() -> None:
    slots = (replace(SLOTS[0], nvme_serial="S0"), replace(SLOTS[1], nvme_serial="OTHER"))
    found = seen(machine(), replace(APPROVED, slots=slots))
    assert loud(found) == {"slot_2_nvme": Status.FAIL}
    assert "its serial is S1, approved is OTHER" in found["slot_2_nvme"].detail
    gone = seen(machine(disks=DISKS[:1]), replace(APPROVED, slots=slots))
    assert "missing" in gone["slot_2_nvme"].detail
