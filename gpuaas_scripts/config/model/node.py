"""The resolved configuration of one node, which is also the form of every layer's defaults."""

from enum import StrEnum
from ipaddress import IPv4Address
from typing import Annotated

from ..scalars import Hostname, Line, MacAddress, Name, PackageName, Port, SecretRef
from .base import Model, doc
from .network import NodeNetwork
from .slices import Bf3, Nvswitch, Slice, Slot
from .workload import (
    Containers,
    GpuDriver,
    Kernel,
    Kubernetes,
    Maas,
    NodeAgent,
    OperatingSystem,
    Repository,
    Runner,
    Service,
    Storage,
)


class Login(Model, frozen=True):
    """A login of the BMC; the password is a reference."""

    username: Annotated[Line | None, doc("user name, or a reference to it")] = None
    password: Annotated[SecretRef | None, doc("password, by reference")] = None


class Bmc(Model, frozen=True):
    """Management controller of the node."""

    address: Annotated[IPv4Address | None, doc("address")] = None
    mac: Annotated[MacAddress | None, doc("MAC address")] = None
    port: Annotated[Port | None, doc("TCP port of Redfish; 443 where unset")] = None
    ipmi: Annotated[Login, doc("IPMI login")] = Login()
    redfish: Annotated[Login, doc("Redfish login; often another one than IPMI's")] = Login()
    certificate_sha256: Annotated[Line | None, doc("SHA-256 fingerprint of the BMC's own certificate, to pin it")] = (
        None
    )


class NodeConfig(Model, frozen=True):
    """Everything that can be set for a node, in any layer."""

    description: Annotated[Line | None, doc("what the node is, for people")] = None
    hostname: Annotated[Hostname | None, doc("host name; the file's name where unset")] = None
    hardware_class: Annotated[Name | None, doc("hardware class: a file of hardware/")] = None
    profile: Annotated[Name | None, doc("profile: a file of profiles/; in MAAS the tag gpuaas-profile-<name>")] = None
    os: Annotated[OperatingSystem, doc("operating system of the deployed host")] = OperatingSystem()
    maas: Annotated[Maas, doc("the node in MAAS")] = Maas()
    bmc: Annotated[Bmc, doc("management controller")] = Bmc()
    kernel: Annotated[Kernel, doc("kernel of the deployed host")] = Kernel()
    network: Annotated[NodeNetwork, doc("networks")] = NodeNetwork()
    storage: Annotated[Storage, doc("disks of the host")] = Storage()
    bf3: Annotated[Bf3, doc("BlueField-3")] = Bf3()
    nvswitch: Annotated[Nvswitch, doc("NVSwitches")] = Nvswitch()
    slice: Annotated[Slice, doc("shape of a slice")] = Slice()
    slots: Annotated[
        tuple[Slot, ...], doc("approved slice slots; kept on record also while the node has another profile")
    ] = ()
    gpu_driver: Annotated[GpuDriver, doc("NVIDIA driver and CUDA on the host")] = GpuDriver()
    containers: Annotated[Containers, doc("container engine")] = Containers()
    kubernetes: Annotated[Kubernetes, doc("cluster membership")] = Kubernetes()
    runner: Annotated[Runner, doc("CI runner")] = Runner()
    services: Annotated[dict[Name, Service], doc("services of the host, by name")] = {}
    node_agent: Annotated[NodeAgent, doc("the control plane's agent")] = NodeAgent()
    repositories: Annotated[dict[Name, Repository], doc("apt repositories beyond the distribution's, by name")] = {}
    packages: Annotated[tuple[PackageName, ...], doc("packages of the distribution the profile needs on the host")] = ()
    environment: Annotated[dict[Line, Line], doc("environment variables of the host, such as CUDA_HOME")] = {}


class Role(StrEnum):
    """What nodes of a profile are; decides which rules across fields apply."""

    SLICE_HOST = "slice-host"
    BARE_METAL = "bare-metal"
    SLICE_GUEST = "slice-guest"
    CUDA_HOST = "cuda-host"
    GATEWAY = "gateway"
    K3S_WORKER = "k3s-worker"
    CI_RUNNER = "ci-runner"
