"""Slices: the shape of a guest, the approved slots of a host, and the devices behind them."""

from enum import StrEnum
from typing import Annotated

from ..scalars import ByIdPath, Line, MacAddress, NumaIndex, PackageName, PciAddress, Positive, Size, VfIndex
from .base import Model, doc


class Bf3Mode(StrEnum):
    """Operation mode of a BlueField-3; the two exclude each other."""

    DPU = "dpu"
    NIC = "nic"


class NvswitchMode(StrEnum):
    """How NVSwitches of an HGX board are used on a slice host."""

    ISOLATED = "isolated"
    SHARED = "shared-nvswitch"


class FabricShared(StrEnum):
    """How a fabric device that stands in several slots may be used."""

    EXCLUSIVE = "exclusive"


class Bf3(Model, frozen=True):
    """BlueField-3 of the host."""

    mode: Annotated[
        Bf3Mode | None, doc("'dpu' (Arm cores run, representors live on the DPU) or 'nic' (host switchdev)")
    ] = None
    host_switchdev: Annotated[
        bool | None, doc("whether the host puts its ports in switchdev mode; only in NIC mode")
    ] = None
    vfs: Annotated[VfIndex | None, doc("virtual functions a port")] = None
    ports: Annotated[tuple[PciAddress, ...], doc("PCI addresses of the ports whose virtual functions are used")] = ()
    qos_mbit: Annotated[Positive | None, doc("rate limit of each vNIC in Mbit/s")] = None


class Nvswitch(Model, frozen=True):
    """NVSwitch and Fabric Manager."""

    mode: Annotated[
        NvswitchMode | None,
        doc("'isolated' (one GPU a guest, NVLink off) or 'shared-nvswitch' (Fabric Manager partitions)"),
    ] = None


class Slot(Model, frozen=True):
    """One approved slot: the devices that a slice takes."""

    gpu: Annotated[PciAddress | None, doc("PCI address of the GPU")] = None
    nvme: Annotated[ByIdPath | None, doc("whole NVMe device by identity")] = None
    nvme_serial: Annotated[Line | None, doc("serial number that this NVMe device must report")] = None
    fabric: Annotated[PciAddress | None, doc("PCI address of the fabric device")] = None
    vf: Annotated[VfIndex | None, doc("index of the BlueField virtual function")] = None
    mac: Annotated[MacAddress | None, doc("MAC address of the guest's vNIC")] = None
    numa: Annotated[NumaIndex | None, doc("NUMA node of the GPU")] = None


class Guest(Model, frozen=True):
    """What runs inside a slice."""

    driver_package: Annotated[PackageName | None, doc("NVIDIA driver package in the guest")] = None
    image: Annotated[Line | None, doc("guest image")] = None


class Slice(Model, frozen=True):
    """Shape of one slice."""

    vcpus: Annotated[Positive | None, doc("virtual CPUs of a one-GPU slice")] = None
    memory: Annotated[Size | None, doc("memory of a one-GPU slice")] = None
    fabric_shared: Annotated[
        FabricShared | None,
        doc("'exclusive': a fabric device may stand in several slots, and one slice at a time uses it"),
    ] = None
    guest: Annotated[Guest, doc("what runs inside")] = Guest()
