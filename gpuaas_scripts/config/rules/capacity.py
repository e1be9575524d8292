"""Rules for what a host can hold: huge pages, slice memory and slice vCPUs. Sizes are in MiB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import Severity
from ..model.workload import HugepageSize
from .base import Problem, is_slice_host

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..site import Node
    from ..source import KeyPath

_PAGE_MIB = {HugepageSize.M2: 2, HugepageSize.G1: 1024}
_COUNT: KeyPath = ("kernel", "hugepages", "count")
_MEMORY: KeyPath = ("slice", "memory")


def check_capacity(node: Node) -> Iterator[Problem]:
    """GS220 to GS223: memory and processors."""
    pages = node.config.kernel.hugepages
    reserved = pages.count * _PAGE_MIB[pages.size] if pages.count is not None else None
    if reserved is not None:
        yield from _hugepages(node, reserved)
    if is_slice_host(node) and node.config.slots:
        yield from _slices(node, reserved)


def _hugepages(node: Node, reserved: int) -> Iterator[Problem]:
    memory = node.hardware.facts.memory if node.hardware else None
    reserve = node.config.kernel.hugepages.reserve
    if memory is None or node.hardware is None:
        return
    if reserved > memory.mib:
        yield Problem(
            "GS220",
            f"huge pages take {_shown(reserved)}, but hardware class {node.hardware.name} has {memory}",
            _COUNT,
            f"reserve fewer than {_shown(memory.mib)}, and leave the host its own memory",
            facts=(("memory",),),
        )
    elif reserve is not None and reserved + reserve.mib > memory.mib:
        yield Problem(
            "GS220",
            f"huge pages take {_shown(reserved)} of {memory}, which does not leave the host its {reserve}",
            _COUNT,
            f"reserve at most {_shown(max(memory.mib - reserve.mib, 0))}",
            also=(("kernel", "hugepages", "reserve"),),
            facts=(("memory",),),
        )


def _slices(node: Node, reserved: int | None) -> Iterator[Problem]:
    shape, slots = node.config.slice, len(node.config.slots)
    facts = node.hardware.facts if node.hardware else None
    if shape.memory is not None:
        wanted = slots * shape.memory.mib
        text = f"{slots} slots of {shape.memory} need {_shown(wanted)}"
        if facts is not None and facts.memory is not None and wanted > facts.memory.mib:
            hint = "take slots out, or make slices smaller"
            yield Problem("GS221", f"{text}, but the host has {facts.memory}", _MEMORY, hint, facts=(("memory",),))
        elif reserved is not None and reserved < wanted:
            yield Problem(
                "GS223",
                f"{text}, but huge pages hold {_shown(reserved)}: not all slices can run at once",
                _COUNT,
                "reserve more huge pages, or none",
                also=(_MEMORY,),
                severity=Severity.WARNING,
            )
    if shape.vcpus is not None and facts is not None and facts.cpu.threads is not None:
        wanted = slots * shape.vcpus
        if wanted > facts.cpu.threads:
            yield Problem(
                "GS222",
                f"{slots} slots of {shape.vcpus} vCPUs need {wanted}, but the host has {facts.cpu.threads} threads",
                ("slice", "vcpus"),
                "take slots out, or make slices smaller",
                facts=(("cpu", "threads"),),
            )


def _shown(mib: int) -> str:
    return f"{mib // 1024}GiB" if mib % 1024 == 0 else f"{mib}MiB"
