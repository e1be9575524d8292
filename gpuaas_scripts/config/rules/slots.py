"""Rules for the approved slots of a host: each device once, and none that the host itself needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ...errors import Severity
from ..model.slices import FabricShared
from .base import Problem, is_slice_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..model.network import FabricNetwork, Uplink
    from ..site import Node
    from ..source import KeyPath

_PREDICTABLE = re.compile(r"(?:en|ib)(?:P(\d+))?p(\d+)s(\d+)(?:f(\d+))?(?:np?\w+|d\d+)?\Z")
"""Interface names that say where the adapter stands; those of virtual functions (`v0`) are other devices."""
_SOLE = (("gpu", "GPU"), ("nvme", "NVMe device"), ("nvme_serial", "NVMe serial"), ("mac", "MAC address"))


def check_slots(node: Node) -> Iterator[Problem]:
    """GS212 to GS217: the node's slots."""
    if not node.config.slots:
        return
    yield from _sole_devices(node)
    yield from _fabric_devices(node)
    yield from _disks(node)
    yield from _class_bounds(node)
    if is_slice_host(node):
        yield from _host_devices(node)


def _sole_devices(node: Node) -> Iterator[Problem]:
    for key, what in _SOLE:
        first: dict[str, int] = {}
        for index, slot in enumerate(node.config.slots):
            value: str | None = getattr(slot, key)
            if value is None:
                continue
            if value in first:
                yield Problem(
                    "GS212",
                    f"{what} {value} stands in slots {first[value]} and {index}",
                    ("slots", index, key),
                    "give each slot its own: two slices cannot share it",
                    also=(("slots", first[value], key),),
                )
            else:
                first[value] = index


def _fabric_devices(node: Node) -> Iterator[Problem]:
    exclusive = node.config.slice.fabric_shared is FabricShared.EXCLUSIVE
    first: dict[str, int] = {}
    users: dict[str, list[int]] = {}
    for index, slot in enumerate(node.config.slots):
        if slot.fabric is not None:
            first.setdefault(slot.fabric, index)
            users.setdefault(slot.fabric, []).append(index)
    for device, indexes in users.items():
        if len(indexes) < 2:
            continue
        paths: list[KeyPath] = [("slots", index, "fabric") for index in indexes]
        listed = ", ".join(map(str, indexes))
        if exclusive:
            yield Problem(
                "GS213",
                f"fabric device {device} stands in slots {listed}: only one slice at a time can use them",
                paths[1],
                "give each slot its own fabric device to run the slices at once",
                also=(paths[0], *paths[2:]),
                severity=Severity.WARNING,
            )
        else:
            yield Problem(
                "GS213",
                f"fabric device {device} stands in slots {listed}",
                paths[1],
                "give each slot its own, or set `slice.fabric_shared: exclusive` where one slice at a time may use it",
                also=(paths[0], *paths[2:]),
            )


def _pci_of(interface: str) -> str | None:
    """The PCI address that a predictable interface name tells, None for any other name.

    Source: systemd.net-naming-scheme(7): domain, bus and slot in decimal, the function where there are several.
    """
    found = _PREDICTABLE.match(interface)
    if found is None:
        return None
    domain, bus, slot, function = (int(part or 0) for part in found.groups())
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function}"


def _host_devices(node: Node) -> Iterator[Problem]:
    """Passing a device through takes it from the host, and with it the host's address on it."""
    network = node.config.network
    own: dict[str, tuple[str, KeyPath]] = {}
    for name in ("uplink", "fabric"):
        adapter: Uplink | FabricNetwork = getattr(network, name)
        device = adapter.pci or _pci_of(adapter.interface or "")
        if device is not None:
            own[device] = (name, ("network", name, "pci" if adapter.pci else "interface"))
    for index, slot in enumerate(node.config.slots):
        for key in ("gpu", "fabric"):
            device = getattr(slot, key)
            if device in own:
                name, path = own[device]
                yield Problem(
                    "GS214",
                    f"slot {index} passes {device} through, which carries the host's own {name} address",
                    ("slots", index, key),
                    "pass another device (or a virtual function) through, or move the host's address",
                    also=(path,),
                )


def _disks(node: Node) -> Iterator[Problem]:
    storage = node.config.storage
    own: dict[str, tuple[str, KeyPath]] = {}
    if is_slice_host(node):
        for number, share in enumerate(storage.shares):
            if share.disk is not None:
                own[share.disk] = (f"the disk of share {share.mount or number}", ("storage", "shares", number, "disk"))
    if storage.os_disk is not None:
        own[storage.os_disk] = ("the OS disk", ("storage", "os_disk"))
    for index, slot in enumerate(node.config.slots):
        if slot.nvme in own:
            name, path = own[slot.nvme]
            yield Problem(
                "GS215",
                f"slot {index} names {name} as a slice disk: it would be wiped",
                ("slots", index, "nvme"),
                "take another disk for the slot; read the identities with: ls -l /dev/disk/by-id",
                also=(path,),
            )


def _class_bounds(node: Node) -> Iterator[Problem]:
    if node.hardware is None:
        return
    facts = node.hardware.facts
    counts = [device.count for device in facts.gpus]
    known = [count for count in counts if count is not None]
    slots = node.config.slots
    if known and len(known) == len(counts) and len(slots) > sum(known):
        yield Problem(
            "GS216",
            f"{len(slots)} slots, but hardware class {node.hardware.name} has {sum(known)} GPUs",
            ("slots",),
            "take slots out, or mend the class",
            facts=(("gpus",),),
        )
    for index, slot in enumerate(slots):
        if facts.numa_nodes is not None and slot.numa is not None and slot.numa >= facts.numa_nodes:
            yield Problem(
                "GS217",
                f"slot {index} is on NUMA node {slot.numa}, but hardware class {node.hardware.name} has "
                f"NUMA nodes 0 to {facts.numa_nodes - 1}",
                ("slots", index, "numa"),
                "read it with: cat /sys/bus/pci/devices/ADDRESS/numa_node",
                facts=(("numa_nodes",),),
            )
