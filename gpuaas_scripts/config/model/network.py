"""Networks of a node: bridge, uplink, tmfifo, fabric, management, and tuning."""

from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Annotated

from ..scalars import (
    Duration,
    Hostname,
    InterfaceName,
    Line,
    MacAddress,
    Mtu,
    PciAddress,
    SysctlKey,
)
from .base import Model, doc


class SliceNetworkMode(StrEnum):
    """How slice guests reach the world."""

    PRIVATE_NAT = "private-nat"


class Datapath(StrEnum):
    """OVS datapath: the kernel's, or the userspace one (containers and tests)."""

    SYSTEM = "system"
    NETDEV = "netdev"


class IpoibMode(StrEnum):
    """IPoIB transport mode."""

    DATAGRAM = "datagram"
    CONNECTED = "connected"


class Reservation(Model, frozen=True):
    """A fixed DHCP lease."""

    name: Annotated[Hostname | None, doc("host name handed out")] = None
    mac: Annotated[MacAddress | None, doc("MAC address of the guest")] = None
    address: Annotated[IPv4Address | None, doc("address it always gets")] = None


class Dhcp(Model, frozen=True):
    """DHCP range served on the bridge."""

    start: Annotated[IPv4Address | None, doc("first address of the range")] = None
    end: Annotated[IPv4Address | None, doc("last address of the range")] = None
    lease: Annotated[Duration | None, doc("lease time")] = None
    reservations: Annotated[tuple[Reservation, ...], doc("fixed leases")] = ()


class Bridge(Model, frozen=True):
    """The OVS bridge that slice guests attach to."""

    name: Annotated[InterfaceName, doc("name of the bridge")] = "ovsbr0"
    datapath: Annotated[Datapath, doc("OVS datapath type")] = Datapath.SYSTEM
    address: Annotated[IPv4Interface | None, doc("the host's address on the bridge; its network is the guests'")] = None
    nat: Annotated[bool, doc("masquerade traffic of the guests' network")] = True
    dhcp: Annotated[Dhcp, doc("DHCP on the bridge")] = Dhcp()


class Uplink(Model, frozen=True):
    """The host's way out."""

    interface: Annotated[InterfaceName | None, doc("interface name")] = None
    address: Annotated[IPv4Interface | None, doc("address with prefix")] = None
    gateway: Annotated[IPv4Address | None, doc("default gateway")] = None
    mac: Annotated[MacAddress | None, doc("MAC address")] = None
    pci: Annotated[PciAddress | None, doc("PCI address of the adapter")] = None
    probe: Annotated[
        IPv4Address | None, doc("address beyond the gateway that answers a ping; the parity check pings it as a guest")
    ] = None


class TmfifoCard(Model, frozen=True):
    """RShim network of one more BlueField: each card needs an address and a MAC address of its own."""

    interface: Annotated[InterfaceName | None, doc("interface name, such as tmfifo_net1")] = None
    address: Annotated[IPv4Interface | None, doc("the host's address towards this card")] = None
    peer: Annotated[IPv4Address | None, doc("this DPU's address; it answers only in DPU mode")] = None
    mac: Annotated[MacAddress | None, doc("MAC address of the host's interface")] = None


class Tmfifo(Model, frozen=True):
    """RShim network to the BlueField's Arm cores; the first card, and `more` for others."""

    interface: Annotated[InterfaceName, doc("interface name")] = "tmfifo_net0"
    address: Annotated[IPv4Interface | None, doc("the host's address")] = None
    peer: Annotated[IPv4Address | None, doc("the DPU's address; it answers only in DPU mode")] = None
    mac: Annotated[MacAddress | None, doc("MAC address of the host's interface; unset: as the driver sets it")] = None
    more: Annotated[tuple[TmfifoCard, ...], doc("further BlueField cards of the host")] = ()


class FabricNetwork(Model, frozen=True):
    """IPoIB on the host."""

    interface: Annotated[InterfaceName | None, doc("interface name, such as ibp26s0")] = None
    address: Annotated[IPv4Interface | None, doc("the host's fabric address")] = None
    network: Annotated[IPv4Network | None, doc("network routed over the fabric")] = None
    gateway: Annotated[IPv4Address | None, doc("next hop to that network, where it is not directly connected")] = None
    mode: Annotated[IpoibMode, doc("IPoIB mode")] = IpoibMode.DATAGRAM
    mtu: Annotated[Mtu | None, doc("MTU in bytes")] = None
    pci: Annotated[PciAddress | None, doc("PCI address of the adapter that carries the host's fabric address")] = None


class Management(Model, frozen=True):
    """Network of the BMCs and of operators; tenants must not reach it."""

    network: Annotated[IPv4Network | None, doc("network")] = None


class Isolation(Model, frozen=True):
    """What slice guests may reach. Always: DHCP and DNS of the host, and the internet. Never: the host's other ports,
    the management network, the RShim networks, other guests.
    """

    deny: Annotated[tuple[IPv4Network, ...], doc("further networks that guests must not reach")] = ()
    allow: Annotated[
        tuple[IPv4Network, ...], doc("networks of private addresses, or of the host's routes, that guests may reach")
    ] = ()


class Tuning(Model, frozen=True):
    """A named set of kernel network settings; opt-in, since it changes the whole host."""

    name: Annotated[Line | None, doc("name of the tuning profile, as reported in benchmarks; unset: no tuning")] = None
    sysctl: Annotated[dict[SysctlKey, Line], doc("sysctl key to value")] = {}


class NodeNetwork(Model, frozen=True):
    """All networks of a node."""

    mode: Annotated[SliceNetworkMode, doc("how slice guests reach the world")] = SliceNetworkMode.PRIVATE_NAT
    bridge: Annotated[Bridge, doc("OVS bridge of the slice guests")] = Bridge()
    uplink: Annotated[Uplink, doc("way out of the host")] = Uplink()
    tmfifo: Annotated[Tmfifo, doc("RShim network")] = Tmfifo()
    fabric: Annotated[FabricNetwork, doc("IPoIB")] = FabricNetwork()
    management: Annotated[Management, doc("management network")] = Management()
    isolation: Annotated[Isolation, doc("what slice guests may reach")] = Isolation()
    tuning: Annotated[Tuning, doc("kernel network tuning")] = Tuning()
    dns: Annotated[tuple[IPv4Address, ...], doc("name servers")] = ()
