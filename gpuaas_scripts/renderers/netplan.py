"""Netplan files, built as data.

Sources: netplan's YAML reference (`infiniband-mode` since 0.105; `optional` keeps the boot from
waiting). The file is mode 0600, as netplan asks for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..config.keys import Value


def ipoib(values: Mapping[str, Value]) -> dict[str, Any]:
    """The host's IPoIB interface.

    Takes INTERFACE, ADDRESS (with prefix), ON_LINK (the network of that address), MODE, and where set
    MTU (bytes), NETWORK (routed over the fabric; no route of its own where it is on the link) and
    GATEWAY (next hop to it; without one the network is reached directly).
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
    if values.get("NETWORK") and values["NETWORK"] != values["ON_LINK"]:
        route: dict[str, Any] = {"to": values["NETWORK"]}
        route |= {"via": values["GATEWAY"]} if values.get("GATEWAY") else {"scope": "link"}
        interface["routes"] = [route]
    return {"network": {"version": 2, "renderer": "networkd", "ethernets": {str(values["INTERFACE"]): interface}}}
