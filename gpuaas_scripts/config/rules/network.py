"""Rules for a node's networks: DHCP range and reservations, overlaps, next hops."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from .base import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Address, IPv4Network

    from ..model.network import NodeNetwork
    from ..site import Node
    from ..source import KeyPath

_BRIDGE: KeyPath = ("network", "bridge", "address")
_DHCP: KeyPath = ("network", "bridge", "dhcp")


def check_networks(node: Node) -> Iterator[Problem]:
    """GS230 to GS233: the node's networks."""
    network = node.config.network
    yield from _dhcp_range(network)
    if network.bridge.dhcp.reservations:
        yield from _reservations(network)
    yield from _overlaps(network)
    yield from _next_hops(network)


def _dhcp_range(network: NodeNetwork) -> Iterator[Problem]:
    address, start, end = network.bridge.address, network.bridge.dhcp.start, network.bridge.dhcp.end
    if start is not None and end is not None and start > end:
        hint = "swap the two"
        yield Problem("GS230", f"the DHCP range starts at {start}, after its end {end}", (*_DHCP, "start"), hint)
        return
    if address is None:
        return
    hosts = f"the bridge's network {address.network}"
    outside = False
    for key, value in (("start", start), ("end", end)):
        if value is not None and not _is_host(value, address.network):
            outside = True
            yield Problem(
                "GS230",
                f"the DHCP range's {key} {value} is not a host address of {hosts}",
                (*_DHCP, key),
                f"take one from {address.network.network_address + 1} to {address.network.broadcast_address - 1}",
                also=(_BRIDGE,),
            )
    if not outside and start is not None and end is not None and start <= address.ip <= end:
        yield Problem(
            "GS230",
            f"the DHCP range {start} to {end} holds the bridge's own address {address.ip}",
            (*_DHCP, "start" if address.ip == start else "end"),
            "leave the bridge's address out of the range",
            also=(_BRIDGE,),
        )


def _reservations(network: NodeNetwork) -> Iterator[Problem]:
    address, dhcp = network.bridge.address, network.bridge.dhcp
    seen: dict[tuple[str, str], int] = {}
    for index, entry in enumerate(dhcp.reservations):
        base: KeyPath = (*_DHCP, "reservations", index)
        for key in ("address", "mac", "name"):
            value = getattr(entry, key)
            if value is None:
                continue
            first = seen.setdefault((key, str(value)), index)
            if first != index:
                yield Problem(
                    "GS231",
                    f"{key} {value} is reserved twice",
                    (*base, key),
                    "keep one of the two",
                    also=((*_DHCP, "reservations", first, key),),
                )
        if entry.address is None or address is None:
            continue
        path: KeyPath = (*base, "address")
        if entry.address == address.ip or not _is_host(entry.address, address.network):
            yield Problem(
                "GS231",
                f"reserved address {entry.address} is not a guest's address of {address.network}",
                path,
                f"take a host address of that network other than the bridge's own {address.ip}",
                also=(_BRIDGE,),
            )
        elif dhcp.start is not None and dhcp.end is not None and dhcp.start <= entry.address <= dhcp.end:
            yield Problem(
                "GS231",
                f"reserved address {entry.address} is inside the DHCP range {dhcp.start} to {dhcp.end}",
                path,
                "move the reservation or the range, so that no other guest gets the address",
                also=((*_DHCP, "start"), (*_DHCP, "end")),
            )


def _networks(network: NodeNetwork) -> Iterator[tuple[str, IPv4Network, KeyPath]]:
    for name in ("bridge", "tmfifo", "fabric", "uplink"):
        address = getattr(network, name).address
        if address is not None:
            yield name, address.network, ("network", name, "address")
    for index, card in enumerate(network.tmfifo.more):
        if card.address is not None:
            name = f"tmfifo of {card.interface or f'card {index + 2}'}"
            yield name, card.address.network, ("network", "tmfifo", "more", index, "address")
    if network.fabric.network is not None:
        yield "fabric", network.fabric.network, ("network", "fabric", "network")
    if network.management.network is not None:
        yield "management", network.management.network, ("network", "management", "network")


def _overlaps(network: NodeNetwork) -> Iterator[Problem]:
    """Two different networks that share addresses; the fabric's own and its routed network may."""
    found = [(_bounds(one), name, one, path) for name, one, path in _networks(network)]
    for ((start, end), name, first, path), ((other_start, other_end), other, second, other_path) in combinations(
        found, 2
    ):
        if start <= other_end and other_start <= end and name != other:
            yield Problem(
                "GS232",
                f"the {other} network {second} overlaps the {name} network {first}",
                other_path,
                "packets for one would be sent into the other: give each its own range",
                also=(path,),
            )


def _bounds(network: IPv4Network) -> tuple[int, int]:
    """First and last address as numbers: comparing these is many times quicker than `IPv4Network.overlaps`."""
    return int(network.network_address), int(network.broadcast_address)


def _next_hops(network: NodeNetwork) -> Iterator[Problem]:
    for name, key, value in (
        ("tmfifo", "peer", network.tmfifo.peer),
        ("uplink", "gateway", network.uplink.gateway),
        ("fabric", "gateway", network.fabric.gateway),
    ):
        address = getattr(network, name).address
        if value is None or address is None:
            continue
        if value == address.ip or not _is_host(value, address.network):
            yield Problem(
                "GS233",
                f"the {name} {key} {value} is not another host of {address.network}",
                ("network", name, key),
                f"it must be reachable directly from {address}",
                also=(("network", name, "address"),),
            )


def _is_host(address: IPv4Address, network: IPv4Network) -> bool:
    """Whether `address` is one a host of `network` can have (in a /31 and /32 all are; RFC 3021)."""
    if address not in network:
        return False
    return network.prefixlen >= 31 or network.network_address < address < network.broadcast_address
