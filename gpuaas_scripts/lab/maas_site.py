"""The machines of a site for the stand-in MAAS, with what the slice firmware preflight would have reported on them.

The reports are made up from the site's files: every device is where it was approved, but for the trouble that a
machine is given. They have the form of templates/scripts/50-gpuaas-slice-firmware-preflight.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from .maas_machine import Disk, Machine, Ran, Status

if TYPE_CHECKING:
    from ..config.site import Node, Site
    from .maas import Region

PREFLIGHT = "50-gpuaas-slice-firmware-preflight"
_AREAS = ("firmware", "kvm", "iommu", "gpu", "bf3", "fabric", "nvme")


class Trouble(StrEnum):
    """What is wrong with a machine."""

    NONE = "none"
    REPLACED_DISK = "replaced-disk"
    BIOS = "bios"


@dataclass(frozen=True, slots=True)
class _Line:
    area: str
    status: str
    check: str
    detail: str
    more: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        pairs = (("status", self.status), ("check", self.check), ("detail", self.detail), *self.more)
        return f"GPUAAS_SLICE_{self.area} " + " ".join(f"{key}={shlex.quote(value)}" for key, value in pairs)


def machines_of(site: Site) -> list[Machine]:
    """The machines of all nodes of the site, as found before commissioning.

    A node without a system id gets one. The second and third machines with slots have a trouble each.
    """
    troubles = iter((Trouble.NONE, Trouble.REPLACED_DISK, Trouble.BIOS))
    found = []
    for number, node in enumerate(site.nodes, start=1):
        trouble = next(troubles, Trouble.NONE) if node.config.slots else Trouble.NONE
        facts = node.hardware.facts if node.hardware else None
        info = {}
        if facts and facts.dmi.sys_vendor and facts.dmi.product_name:
            info = {"system_vendor": facts.dmi.sys_vendor, "system_product": facts.dmi.product_name}
        machine = Machine(
            node.config.maas.system_id or f"lab{number:03d}",
            node.config.hostname or node.name,
            disks=(Disk("nvme0n1", f"LAB-OS-{number:04d}", model=_os_model(node), mounts=("/boot/efi", "/")),),
            macs=(f"02:00:00:00:00:{number:02x}",),
            hardware_info=info,
        )
        machine.runs[PREFLIGHT] = preflight(node, trouble, number)
        found.append(machine)
    return found


def commission(region: Region, machine: Machine) -> None:
    """Commission a machine at once: all scripts that run by themselves have results afterwards."""
    from .maas_commission import selected

    region.results.begin(machine, "commissioning", selected(region.scripts.scripts, {}, machine, kind=0))
    machine.status = Status.COMMISSIONING
    region.machines.finish(machine)


def preflight(node: Node, trouble: Trouble, number: int = 1) -> Ran:
    """What the preflight says on the node's machine. `number` makes serials of its own."""
    if node.hardware is None:
        return Ran(stdout="GPUAAS_SLICE_SUMMARY status=INFO check=hardware_class detail='no hardware class'\n")
    lines = [_Line("FIRMWARE", "INFO", "hardware_class", node.hardware.name), *_firmware(trouble), *_devices(node)]
    lines += _disks(node, trouble, number)
    failed = [line for line in lines if line.status == "FAIL"]
    verdict = "FAIL" if failed else "PASS"
    counts = (("skipped", "0"), ("failures", str(len(failed))), ("warnings", "0"))
    lines.append(_Line("SUMMARY", verdict, "summary", f"hardware class {node.hardware.name}", counts))
    return Ran(stdout="".join(f"{line.text()}\n" for line in lines), result=_yaml(lines, verdict, node.hardware.name))


def _firmware(trouble: Trouble) -> Iterator[_Line]:
    yield _Line("FIRMWARE", "PASS", "cpu_vendor", "as the class says")
    if trouble is Trouble.BIOS:
        mend = ("remediation", "set them with gpuaas-gen bios and power-cycle")
        yield _Line("FIRMWARE", "FAIL", "bios_settings", "wrong: ProcVirtualization=Disabled", (mend,))
        mend = ("remediation", "enable virtualization in the BIOS and power-cycle")
        yield _Line("KVM", "FAIL", "cpu_virtualization", "no vmx flag", (mend,))
        return
    yield _Line("FIRMWARE", "PASS", "bios_settings", "as the class says")
    yield _Line("KVM", "PASS", "cpu_virtualization", "vmx")
    yield _Line("IOMMU", "PASS", "iommu_table", "firmware gives the ACPI table DMAR")


def _devices(node: Node) -> Iterator[_Line]:
    for slot in node.config.slots:
        if slot.gpu:
            yield _Line("GPU", "INFO", "gpu", slot.gpu, (("numa", "0" if slot.numa is None else str(slot.numa)),))
        if slot.fabric:
            yield _Line("FABRIC", "INFO", "fabric", slot.fabric)
    for port in node.config.bf3.ports:
        yield _Line("BF3", "INFO", "bf3", port)
    yield _Line("GPU", "PASS", "gpu_count", f"GPUs: {len(node.config.slots)}")


def _disks(node: Node, trouble: Trouble, number: int) -> Iterator[_Line]:
    by_ids = [node.config.storage.os_disk, *(slot.nvme for slot in node.config.slots)]
    for index, by_id in enumerate(by_ids):
        if by_id is None:
            continue
        if trouble is Trouble.REPLACED_DISK and index == len(by_ids) - 1:
            by_id = f"{by_id[:-4]}beef"
        serial = f"LAB-OS-{number:04d}" if index == 0 else f"LAB-{number:02d}-{index:02d}"
        approved = "" if index == 0 else node.config.slots[index - 1].nvme_serial or ""
        model = _os_model(node) if index == 0 else "Lab NVMe"
        more = (("kernel_name", f"nvme{index}n1"), ("serial", approved or serial), ("model", model))
        yield _Line("NVME", "INFO", "device", by_id, more)
    yield _Line("NVME", "PASS", "nvme_count", f"{len(by_ids)} whole devices")


def _os_model(node: Node) -> str:
    return (node.hardware.facts.os_disk.model if node.hardware else None) or "Lab disk"


def _yaml(lines: Iterable[_Line], verdict: str, hardware_class: str) -> str:
    import yaml

    told = [line for line in lines if line.check != "summary"]
    worst = {
        area: "FAIL" if any(line.status == "FAIL" and line.area == area.upper() for line in told) else "PASS"
        for area in _AREAS
    }
    failures = sum(line.status == "FAIL" for line in told)
    values = {"verdict": verdict, "hardware_class": hardware_class, **worst}
    values |= {"failures": str(failures), "warnings": "0"}
    results = {**values, "evidence": [line.text() for line in lines]}
    status = "passed" if verdict == "PASS" else "degraded"
    return yaml.safe_dump({"status": status, "results": results}, sort_keys=False, width=10_000)


def earlier(content: str) -> str:
    """A script as it may have been before: another timeout, a field more, and a line that is no longer there."""
    end = "# --- End MAAS 1.0 script metadata ---"
    changed = re.sub(r"^# timeout: .*$", '# timeout: "00:05:00"', content, count=1, flags=re.MULTILINE)
    more = "" if "\n# may_reboot:" in content else "# may_reboot: true\n"
    return changed.replace(end, f"{more}{end}\n# an earlier version", 1)
