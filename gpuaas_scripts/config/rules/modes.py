"""Rules for modes that somebody must choose: BlueField-3 and NVSwitch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import Location
from ..model.slices import Bf3Mode
from .base import Problem, finding, is_awaited, is_slice_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ...errors import Finding
    from ..model import Hardware
    from ..model.hardware import Device
    from ..site import Node, Site
    from ..source import KeyPath


def check_bf3(node: Node) -> Iterator[Problem]:
    """GS241: the mode, against what is asked of the host."""
    bf3 = node.config.bf3
    if bf3.mode is Bf3Mode.DPU and bf3.host_switchdev:
        yield Problem(
            "GS241",
            "a BlueField-3 in DPU mode does not let the host put its ports in switchdev mode",
            ("bf3", "host_switchdev"),
            "representors live on the DPU then: set bf3.host_switchdev to false, or bf3.mode to nic",
            also=(("bf3", "mode"),),
        )
    if bf3.mode is Bf3Mode.NIC and node.config.network.tmfifo.peer is not None:
        yield Problem(
            "GS241",
            "a BlueField-3 in NIC mode has its Arm cores off: the tmfifo peer does not answer",
            ("network", "tmfifo", "peer"),
            "set network.tmfifo.peer to null, or bf3.mode to dpu",
            also=(("bf3", "mode"),),
        )


def check_unchosen_modes(site: Site) -> list[Finding]:
    """GS240 and GS242: modes that a slice host needs and nobody chose."""
    return [
        *_unchosen(
            site,
            "GS240",
            ("bf3", "mode"),
            lambda node: node.config.bf3.mode is None,
            lambda facts: facts.dpus,
            "has DPUs",
            "choose `dpu` (Arm cores run, the tmfifo peer answers) or `nic` (the host can use switchdev mode)",
        ),
        *_unchosen(
            site,
            "GS242",
            ("nvswitch", "mode"),
            lambda node: node.config.nvswitch.mode is None,
            lambda facts: facts.nvswitches,
            "has NVSwitches",
            "choose `isolated` (one GPU a guest, NVLink off) or `shared-nvswitch` (Fabric Manager on the host)",
        ),
    ]


def _unchosen(
    site: Site,
    code: str,
    path: KeyPath,
    missing: Callable[[Node], bool],
    devices: Callable[[Hardware], tuple[Device, ...]],
    has: str,
    hint: str,
) -> Iterator[Finding]:
    """One finding at the profile when all its nodes of a class lack the mode, else one at each node."""
    groups: dict[tuple[str, str], list[Node]] = {}
    for node in site.nodes:
        if node.hardware is not None and is_slice_host(node) and _present(devices(node.hardware.facts)):
            groups.setdefault((node.profile.name, node.hardware.name), []).append(node)
    key = ".".join(map(str, path))
    for nodes in groups.values():
        lacking = [node for node in nodes if missing(node) and not is_awaited(node, path)]
        for node in lacking:
            assert node.hardware is not None  # noqa: S101 - grouped by it
            shared = len(lacking) == len(nodes)
            place = node.profile.source.locate(("role",)) if shared else Location(node.source.shown_as, 1, 1)
            message = f"{key} is not chosen for a slice host, and hardware class {node.hardware.name} {has}"
            yield finding(code, message, place, hint, [])
            if shared:
                break


def _present(devices: tuple[Device, ...]) -> bool:
    return any(device.count != 0 for device in devices)
