"""Whether MAAS would install to the right disk: its boot disk and storage layout against the node's OS disk."""

from __future__ import annotations

from dataclasses import dataclass

from .machine import Disk, Machine


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that keeps a machine from being commissioned or deployed, and how to go on."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class OsDisk:
    """The disk that a node's operating system belongs on: its path below /dev/disk/by-id, and serials that are known
    to be its own, each with where that is known from.
    """

    path: str = ""
    serials: tuple[tuple[str, str], ...] = ()


def check(machine: Machine, wanted: OsDisk) -> tuple[Problem, ...]:
    """Everything that is wrong with where MAAS would install; empty when it is the OS disk and nothing else."""
    if not wanted.path:
        return (Problem("the node's OS disk is not approved", "set storage.os_disk in the node's file"),)
    found = list(_contradictions(wanted))
    if machine.boot_disk is None:
        hint = "commission it, or choose the boot disk in MAAS; without a disk MAAS deploys into memory"
        return (*found, Problem("MAAS knows no boot disk of the machine", hint))
    if found:
        return tuple(found)
    problem = _identity(machine.boot_disk, wanted)
    if problem is not None:
        found.append(problem)
    others = [disk for disk in machine.disks if disk.used and disk.name != machine.boot_disk.name]
    if others:
        named = ", ".join(str(disk) for disk in others)
        hint = "give the machine the flat layout on its boot disk: maas PROFILE machine set-storage-layout"
        found.append(Problem(f"MAAS's storage layout also uses {named}", hint))
    if not machine.boot_disk.used:
        found.append(Problem(f"MAAS's storage layout leaves the boot disk {machine.boot_disk} empty", "set a layout"))
    elif "/" not in (*machine.boot_disk.mounts, *machine.virtual_mounts):
        found.append(Problem("MAAS's storage layout has no root file system on the boot disk", "set a layout"))
    return tuple(found)


def _contradictions(wanted: OsDisk) -> list[Problem]:
    """Sources that know different serials of the one disk."""
    if len({serial for serial, _ in wanted.serials}) < 2:
        return []
    said = "; ".join(f"{serial} ({source})" for serial, source in wanted.serials)
    return [Problem(f"the OS disk has more than one serial: {said}", "find out which disk it is before deploying")]


def _identity(boot: Disk, wanted: OsDisk) -> Problem | None:
    """Whether the boot disk is the OS disk: by serial, else by the very same path."""
    if wanted.serials:
        serial, source = wanted.serials[0]
        if boot.serial == serial:
            return None
        message = f"MAAS would install to {boot}, but the OS disk {wanted.path} has serial {serial} ({source})"
        return Problem(message, "choose the right boot disk in MAAS; nothing was changed")
    if boot.id_path == wanted.path:
        return None
    message = f"nothing says whether MAAS's boot disk {boot} is the OS disk {wanted.path}"
    return Problem(message, "commission the machine with our scripts, or set storage.os_disk_serial in the node's file")
