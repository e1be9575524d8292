"""Netplan files, built as data.

Sources: netplan's YAML reference (`infiniband-mode` since 0.105; `optional` keeps the boot from
waiting). The file is mode 0600, as netplan asks for.
"""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv4Network
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..config.keys import Value


def ipoib(values: Mapping[str, Value]) -> dict[str, Any]:
    """The host's IPoIB interface.

    Takes INTERFACE, ADDRESS (with prefix), MODE, and where set MTU (bytes), NETWORK (routed over the
    fabric; no route of its own where it is the address's network) and GATEWAY (next hop to it;
    without one the network is on the link).
    """
    interface: dict[str, Any] = {
        "optional": True,
        "dhcp4": False,
        "dhcp6": False,
        "link-local": [],
        "addresses": [values["ADDRESS"]],
        "infiniband-mode": values["MODE"],
    }
    if values.get("MTU"):
        interface["mtu"] = values["MTU"]
    if values.get("NETWORK") and IPv4Interface(str(values["ADDRESS"])).network != IPv4Network(str(values["NETWORK"])):
        route: dict[str, Any] = {"to": values["NETWORK"]}
        route |= {"via": values["GATEWAY"]} if values.get("GATEWAY") else {"scope": "link"}
        interface["routes"] = [route]
    return {"network": {"version": 2, "renderer": "networkd", "ethernets": {str(values["INTERFACE"]): interface}}}
