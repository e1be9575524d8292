"""The plan for a BlueField in DPU mode: the commands that its owner runs on the DPU, in order.

The host makes virtual functions only; their representors, and the switch that these stand in, are the DPU's
(NVIDIA, BlueField DPU modes of operation; function representors are named `pf<port>vf<function>`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .quote import QuoteError, comment, posix

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..config.keys import Value

_HEAD = """\
#!/bin/sh
# A plan for the owner of the BlueField: to be read, then run on the DPU (the Arm side of the card), as root. Nothing
# runs it by itself, and what stands on the DPU is not proven from the host: no check there says PASS of it.
# Before: gpuaas-slice-fabric-vfs has made the virtual functions on the host, or there are no representors.
# The physical ports (p0, p1) and the host's own functions stay in the bridges where their owner has put them.
"""
_RUN = "# Each command is shown; the first that fails ends it.\nset -eux\n"


@dataclass(frozen=True, slots=True)
class _Vnic:
    """The virtual function of a slot: its port (PCI address), its number there, and whose it is."""

    slot: int
    port: str
    function: int
    mac: str
    gpu: str

    @property
    def card(self) -> str:
        """PCI address of the card, without the function."""
        return self.port.rpartition(".")[0]

    @property
    def representor(self) -> str:
        """The interface that stands for it on the DPU."""
        return f"pf{self.port.rpartition('.')[2]}vf{self.function}"


def dpu_plan(values: Mapping[str, Value]) -> str:
    """The plan as a shell text that stops at the first command that fails and reads back what it set.

    Takes BRIDGE (name of the OVS bridge), PORTS (PCI addresses), VFS (virtual functions a port), SLOTS (rows of vf, mac
    and gpu), and where set QOS_MBIT (Mbit/s of each vNIC) and PEER (the DPU's address as the host reaches it). Raises
    QuoteError for a virtual function that no port has.
    """
    vnics = tuple(_vnics(values))
    cards = sorted({vnic.card for vnic in vnics})
    text = _HEAD + "".join(_how(cards, values.get("PEER"))) + _RUN
    if not vnics:
        return text + "\n# No slot has a virtual function: nothing is to be done.\n"
    if len(cards) == 1:
        return text + "\n" + "\n".join(_commands(vnics, values)) + "\n"
    sections = []
    for card in cards:
        lines = "\n".join(_commands([vnic for vnic in vnics if vnic.card == card], values))
        sections.append(f"{posix(card)})\n{lines}\n;;\n")
    refusal = f"*) printf '%s\\n' {posix('give the card: ' + ' or '.join(cards))} >&2 && exit 2 ;;\n"
    return text + '\ncase "${1:-}" in\n' + "".join(sections) + refusal + "esac\n"


def _vnics(values: Mapping[str, Value]) -> Iterator[_Vnic]:
    ports, each, slots = values.get("PORTS") or (), values.get("VFS"), values.get("SLOTS") or ()
    assert isinstance(ports, tuple) and isinstance(slots, tuple)  # noqa: S101, PT018 - as file.yaml declares them
    for slot, (vf, mac, gpu) in enumerate(slots):
        if vf == "-":
            continue
        number, count = int(vf), each if isinstance(each, int) else 0
        if not count or number >= count * len(ports):
            raise QuoteError(
                f"slot {slot} has virtual function {number}, but bf3.ports and bf3.vfs give {count * len(ports)}"
            )
        yield _Vnic(slot, str(ports[number // count]), number % count, mac, gpu)


def _how(cards: Sequence[str], peer: Value) -> Iterator[str]:
    """How it is run from the host, whose tmfifo interface leads to the DPU."""
    if len(cards) > 1:
        yield f"# Its argument is the PCI address that this DPU's card has on the host: {comment(' or '.join(cards))}\n"
    elif peer:
        yield f"# From the host: ssh USER@{comment(str(peer))} sudo sh -s </etc/gpuaas/dpu-plan.sh\n"


def _commands(vnics: Sequence[_Vnic], values: Mapping[str, Value]) -> Iterator[str]:
    """The lines for one card."""
    bridge, mbit = posix(str(values["BRIDGE"])), values.get("QOS_MBIT")
    rate = mbit * 1000 if isinstance(mbit, int) else 0
    yield "# 1. the guests' bridge"
    yield f"ovs-vsctl --may-exist add-br {bridge}"
    yield "# 2. the representor of each slot's virtual function"
    yield f"# each guest may send {mbit} Mbit/s" if rate else "# bf3.qos_mbit is not set: no rate limit"
    for vnic in vnics:
        name = posix(vnic.representor)
        yield comment(
            f"# slot {vnic.slot}: vNIC {vnic.mac}, GPU {vnic.gpu}, virtual function {vnic.function} of port {vnic.port}"
        )
        yield f"ip link set dev {name} up"
        yield f"ovs-vsctl --may-exist add-port {bridge} {name}"
        if rate:
            yield f"ovs-vsctl set interface {name} ingress_policing_rate={rate} ingress_policing_burst={rate // 10}"
    yield "# 3. look again"
    for vnic in vnics:
        name = posix(vnic.representor)
        yield f'[ "$(ovs-vsctl port-to-br {name})" = {bridge} ]'
        if rate:
            yield f'[ "$(ovs-vsctl get interface {name} ingress_policing_rate)" = {rate} ]'
