"""Rules between nodes and between sites: what must be one machine's, or one site's, alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ...errors import Finding
    from ..model import NodeConfig
    from ..site import Node, Site
    from ..source import KeyPath


def _fabric_address(config: NodeConfig) -> object:
    address = config.network.fabric.address
    return address.ip if address is not None else None


def _uplink_address(config: NodeConfig) -> object:
    address = config.network.uplink.address
    return address.ip if address is not None else None


def _bmc_address(config: NodeConfig) -> object:
    """With its port where one is set: BMCs behind one forwarding address differ by it."""
    address, port = config.bmc.address, config.bmc.port
    return f"{address}:{port}" if address is not None and port is not None else address


_OWN: tuple[tuple[str, KeyPath, Callable[[NodeConfig], object]], ...] = (
    ("host name", ("hostname",), lambda config: config.hostname),
    ("MAAS system id", ("maas", "system_id"), lambda config: config.maas.system_id),
    ("BMC address", ("bmc", "address"), _bmc_address),
    ("fabric address", ("network", "fabric", "address"), _fabric_address),
    ("uplink address", ("network", "uplink", "address"), _uplink_address),
)

_SHOWN = 5
"""So many nodes of one value are named, and their places given; one shared by a thousand is told by number."""


def own_values(node: Node) -> Iterator[tuple[str, str]]:
    """What must be one machine's alone: kind and value."""
    for what, _, read in _OWN:
        value = read(node.config)
        if value is not None:
            yield what, str(value)


def check_identities(site: Site) -> Iterator[Finding]:
    """GS234: a value that is one machine's, at two nodes."""
    for what, path, read in _OWN:
        users: dict[object, list[Node]] = {}
        for node in site.nodes:
            value = read(node.config)
            if value is not None:
                users.setdefault(value, []).append(node)
        for value, nodes in users.items():
            if len(nodes) > 1:
                places = list(dict.fromkeys(node.locate(path) for node in nodes[:_SHOWN]))
                place = places.pop(min(1, len(places) - 1))  # the second node's, or the shared one
                names = ", ".join(node.name for node in nodes[:_SHOWN])
                names += f" and {len(nodes) - _SHOWN} more" if len(nodes) > _SHOWN else ""
                hint = f"give each node its own {what}"
                yield finding("GS234", f"{what} {value} is that of several nodes: {names}", place, hint, places)


def check_maas_regions(sites: list[Site]) -> list[Finding]:
    """GS235: two sites that would overwrite each other's script in one MAAS region."""
    claims: dict[tuple[str, str], tuple[Site, int]] = {}
    found = []
    for site in sites:
        if site.file.maas.url is None:
            continue
        region = site.file.maas.url.rstrip("/").lower()
        for index, name in enumerate(site.file.scripts):
            other, other_index = claims.setdefault((region, name), (site, index))
            if other.name != site.name:
                found.append(
                    finding(
                        "GS235",
                        f"site {other.name} already claims the script {name} in the MAAS region {region}",
                        site.source.locate(("scripts", index)),
                        "scripts are global to a region: make the two one site, or name the script in one of them",
                        [other.source.locate(("scripts", other_index)), site.source.locate(("maas", "url"))],
                    )
                )
    return found
