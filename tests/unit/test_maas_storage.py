"""Where MAAS would install, against the node's OS disk: right, and with each thing wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpuaas_scripts.maas.machine import Disk, Machine, MachineStatus, parse_machine, parse_machines
from gpuaas_scripts.maas.state import StateError
from gpuaas_scripts.maas.storage import OsDisk, check

PATH = "/dev/disk/by-id/nvme-eui.0001"
OS = Disk("nvme7n1", "OS-1", "Boss", "/dev/disk/by-id/nvme-Boss_OS-1", used=True, mounts=("/boot/efi", "/"))
DATA = Disk("nvme0n1", "D-0", "Data", "/dev/disk/by-id/nvme-eui.d000", used=False)
MACHINE = Machine("lab001", "n1", MachineStatus.READY, "Ready", disks=(OS, DATA), boot_disk=OS)
WANTED = OsDisk(PATH, (("OS-1", "commissioning"),))


def problems(machine: Machine = MACHINE, wanted: OsDisk = WANTED) -> list[str]:
    found = check(machine, wanted)
    assert all(one.hint for one in found)
    return [one.message for one in found]


def swapped(old: Disk, new: Disk) -> Machine:
    disks = tuple(new if disk == old else disk for disk in MACHINE.disks)
    return replace(MACHINE, disks=disks, boot_disk=new if old == MACHINE.boot_disk else MACHINE.boot_disk)


def test_the_os_disk_and_nothing_else_is_right() -> None:
    assert problems() == []
    assert problems(wanted=OsDisk(PATH, (("OS-1", "file"), ("OS-1", "commissioning")))) == []


def test_the_same_path_is_the_same_disk_where_no_serial_is_known() -> None:
    machine = swapped(OS, replace(OS, id_path=PATH))
    assert problems(machine, OsDisk(PATH)) == []
    assert "nothing says whether" in problems(MACHINE, OsDisk(PATH))[0]


@pytest.mark.parametrize(
    ("machine", "wanted", "says"),
    [
        (MACHINE, OsDisk(), "is not approved"),
        (replace(MACHINE, boot_disk=None), WANTED, "knows no boot disk"),
        (MACHINE, OsDisk(PATH, (("OS-2", "file"),)), "MAAS would install to nvme7n1 (serial OS-1, Boss)"),
        (swapped(OS, replace(OS, serial="")), WANTED, "MAAS would install to nvme7n1 (Boss)"),
        (swapped(OS, replace(OS, serial="", id_path=PATH)), WANTED, "MAAS would install to"),
        (MACHINE, OsDisk(PATH, (("OS-1", "file"), ("OS-2", "commissioning"))), "more than one serial"),
        (swapped(DATA, replace(DATA, used=True)), WANTED, "also uses nvme0n1 (serial D-0, Data)"),
        (swapped(OS, replace(OS, used=False, mounts=())), WANTED, "leaves the boot disk"),
        (swapped(OS, replace(OS, mounts=("/boot",))), WANTED, "no root file system"),
    ],
)
def test_each_thing_that_is_wrong_is_told(machine: Machine, wanted: OsDisk, says: str) -> None:
    found = problems(machine, wanted)
    assert len(found) == 1
    assert says in found[0]


def test_all_is_told_at_once() -> None:
    machine = replace(MACHINE, boot_disk=DATA, disks=(OS, DATA))
    assert len(problems(machine)) == 3  # another disk, one beside it, and nothing on it


def test_a_root_on_a_volume_of_the_os_disk_is_right() -> None:
    machine = replace(swapped(OS, replace(OS, mounts=())), virtual_mounts=("/",))
    assert problems(machine) == []


def answer(**more: object) -> dict[str, object]:
    """A machine as MAAS answers it, as far as it is read."""
    disk = {"name": "sda", "serial": " S1 ", "model": None, "id_path": None, "used_for": "GPT partitioned"}
    parts = [{"filesystem": {"mount_point": "/"}}, {"filesystem": None}]
    full = {**disk, "partitions": parts, "filesystem": None}
    base: dict[str, object] = {
        "system_id": "abc123",
        "hostname": "n1",
        "status": 4,
        "status_name": "Ready",
        "owner": None,
        "tag_names": ["gpuaas-profile-b", "x", "gpuaas-profile-a"],
        "boot_disk": full,
        "physicalblockdevice_set": [full, {**disk, "name": "sdb", "used_for": "Unused", "partitions": []}],
        "virtualblockdevice_set": [{"filesystem": {"mount_point": "/srv"}}],
        "interface_set": [{"name": "eth0"}],
        "locked": False,
        "ephemeral_deploy": True,
        "enable_hw_sync": False,
        "ip_addresses": ["10.0.0.1"],
    }
    return {**base, **more}


def test_a_machine_is_read() -> None:
    machine = parse_machine(answer())
    assert machine.profiles == ("a", "b")
    assert machine.status is MachineStatus.READY
    assert machine.boot_disk == machine.disks[0]
    assert (machine.disks[0].serial, machine.disks[0].used, machine.disks[0].mounts) == ("S1", True, ("/",))
    assert not machine.disks[1].used
    assert (machine.virtual_mounts, machine.interfaces, machine.addresses) == (("/srv",), ("eth0",), ("10.0.0.1",))
    assert (machine.ephemeral, machine.owner) == (True, "")
    assert parse_machine(answer(status=77)).status == 77
    assert parse_machine(answer(status=6, status_name="Deployed")).state == "Deployed (handed over, unproven)"
    assert set(parse_machines([answer()])) == {"abc123"}


@pytest.mark.parametrize("broken", [None, [], "x", {}, answer(status="x"), answer(physicalblockdevice_set={})])
def test_what_is_no_machine_is_refused(broken: object) -> None:
    with pytest.raises(StateError):
        parse_machine(broken)


def test_what_maas_leaves_open_is_empty() -> None:
    bare = {"name": "sda", "serial": None, "model": None, "id_path": None, "used_for": None, "partitions": None}
    fields: dict[str, object] = {
        "physicalblockdevice_set": [bare],
        "boot_disk": None,
        "tag_names": None,
        "ip_addresses": None,
        "virtualblockdevice_set": None,
    }
    assert parse_machine(answer(**fields)) == Machine(
        *("abc123", "n1", MachineStatus.READY, "Ready"),
        ephemeral=True,
        disks=(Disk("sda", "", "", "", used=False),),
        interfaces=("eth0",),
    )
    said = parse_machine(answer(owner="bob", osystem="ubuntu", distro_series="noble", status_message="Working"))
    assert (said.owner, said.osystem, said.series, said.message) == ("bob", "ubuntu", "noble", "Working")
    assert str(Disk("sda", "", "", "", used=False)) == "sda (no serial)"


@pytest.mark.parametrize(
    "more",
    [
        {"used_for": "LVM volume"},
        {"partitions": [{"filesystem": None}]},
        {"filesystem": {"fstype": "ext4", "mount_point": None}},
    ],
)
def test_a_disk_is_used_by_any_of_three_signs(more: dict[str, object]) -> None:
    bare = {"name": "sda", "serial": "S", "model": "M", "id_path": "/dev/x", "used_for": "Unused"}
    [disk] = parse_machine(answer(physicalblockdevice_set=[{**bare, **more}])).disks
    assert disk == Disk("sda", "S", "M", "/dev/x", used=True)
    [unused] = parse_machine(answer(physicalblockdevice_set=[bare])).disks
    assert not unused.used


@pytest.mark.parametrize("broken", [None, "x", {}, [None]])
def test_what_is_no_list_of_machines_is_refused(broken: object) -> None:
    with pytest.raises(StateError):
        parse_machines(broken)
