"""A hardware class: what a chassis is, told once for all nodes of its kind."""

from enum import StrEnum
from typing import Annotated

from ..scalars import BiosName, Count, Fingerprint, HttpsUrl, Line, PackageName, PciId, Positive, Size
from .base import Model, doc


class CpuVendor(StrEnum):
    """Maker of the processors; decides the IOMMU arguments."""

    INTEL = "intel"
    AMD = "amd"


class BmcKind(StrEnum):
    """What the management controller is."""

    IDRAC9 = "idrac9"
    IDRAC10 = "idrac10"
    REDFISH = "redfish"
    IPMI = "ipmi"
    NONE = "none"


class Dmi(Model, frozen=True):
    """What the firmware says of itself; scripts choose the class by these two at run time."""

    sys_vendor: Annotated[Line | None, doc("text of /sys/class/dmi/id/sys_vendor")] = None
    product_name: Annotated[Line | None, doc("text of /sys/class/dmi/id/product_name")] = None


class Cpu(Model, frozen=True):
    """Processors of the whole machine."""

    vendor: Annotated[CpuVendor | None, doc("maker of the processors")] = None
    model: Annotated[Line | None, doc("model name, for people")] = None
    sockets: Annotated[Positive | None, doc("number of sockets")] = None
    threads: Annotated[Positive | None, doc("logical processors of the machine, with SMT on")] = None


class Device(Model, frozen=True):
    """One kind of PCI device and how many functions of it the class has."""

    name: Annotated[Line | None, doc("name, for people")] = None
    id: Annotated[
        PciId | None, doc("PCI vendor:device as the host sees it (from inventory, not from a data sheet)")
    ] = None
    count: Annotated[Count | None, doc("number of functions with this ID")] = None


class Nvme(Model, frozen=True):
    """NVMe devices of the class."""

    count: Annotated[Count | None, doc("number of NVMe namespaces, the OS disk included")] = None


class OsDisk(Model, frozen=True):
    """What the OS disk of the class is."""

    model: Annotated[
        Line | None, doc("model text of the OS disk as in /sys/class/nvme/*/model, such as a Dell BOSS")
    ] = None


class Bios(Model, frozen=True):
    """Firmware settings that matter, by the vendor's names."""

    attributes: Annotated[dict[BiosName, Line], doc("attribute to the value that a slice host needs")] = {}
    groups: Annotated[
        dict[BiosName, BiosName], doc("attribute to its racadm group, such as ProcSettings, which Redfish names lack")
    ] = {}


class Racadm(Model, frozen=True):
    """Where Dell's racadm comes from when the commissioning image lacks it."""

    repository: Annotated[HttpsUrl | None, doc("base URL of the signed repository")] = None
    suite: Annotated[Line | None, doc("suite and its path, such as 'openmanage/11010/jammy jammy main'")] = None
    package: Annotated[PackageName | None, doc("package that brings racadm")] = None
    key_url: Annotated[HttpsUrl | None, doc("URL of the signing key")] = None
    key_fingerprint: Annotated[Fingerprint | None, doc("fingerprint that the fetched key must have")] = None


class Hardware(Model, frozen=True):
    """Facts of a hardware class. Devices are lists, since a machine may hold several kinds."""

    dmi: Annotated[Dmi, doc("how the machine names itself")] = Dmi()
    bmc_kind: Annotated[BmcKind | None, doc("kind of management controller")] = None
    cpu: Annotated[Cpu, doc("processors")] = Cpu()
    memory: Annotated[Size | None, doc("memory of the machine")] = None
    numa_nodes: Annotated[Positive | None, doc("number of NUMA nodes")] = None
    gpus: Annotated[tuple[Device, ...], doc("GPUs")] = ()
    nvswitches: Annotated[tuple[Device, ...], doc("NVSwitches; present on HGX boards")] = ()
    dpus: Annotated[tuple[Device, ...], doc("DPU network functions (BlueField)")] = ()
    fabric: Annotated[tuple[Device, ...], doc("fabric adapters (InfiniBand or Ethernet)")] = ()
    nvme: Annotated[Nvme, doc("NVMe devices")] = Nvme()
    os_disk: Annotated[OsDisk, doc("the OS disk")] = OsDisk()
    bios: Annotated[Bios, doc("firmware settings")] = Bios()
    racadm: Annotated[Racadm, doc("Dell's racadm")] = Racadm()
