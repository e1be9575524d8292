"""What is known of NVIDIA's GPUs, driver packages and CUDA toolkits, each fact with its source.

Where a fact has no source it is left out, and the rules stay silent. Branches are the first number
of a driver version (570.211.01 is branch 570).

Sources of GPUs:
- which branch knows a device ID: the Modaliases that Ubuntu's driver packages carry (archive of
  22.04 and 24.04: 390, 418-server, 450-server, 470, 535.161.08, 545.29.06, 580, 595). The H200 is
  in none up to 545; the README of NVIDIA/open-gpu-kernel-modules 550 is the first that lists it.
- H100: data center driver release notes 525.85.12 (HGX) and AI Enterprise 2.3 (520.61.05, PCIe).
- B200: release notes of NVIDIA's GPU operator 25.3 (570.133.20 or later).
- last branch of Maxwell, Pascal and Volta: 580 (their IDs are in Ubuntu's 580 and not in its 595).
- kernel modules: NVIDIA Driver Installation Guide, "Kernel Modules": open from Turing on, required
  from Blackwell on; open modules exist from branch 515 on.
- compute capabilities: developer.nvidia.com/cuda-gpus.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..model.workload import Distribution, KernelModules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..model import Hardware

_PROPRIETARY = (KernelModules.PROPRIETARY,)
_OPEN = (KernelModules.OPEN,)
_BOTH = (KernelModules.OPEN, KernelModules.PROPRIETARY)


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU: name, compute capability, driver branches that know it, kernel modules that drive it.

    `last_branch` is None while newer branches keep it.
    """

    name: str
    capability: tuple[int, int]
    first_branch: int
    last_branch: int | None
    modules: Sequence[KernelModules]


GPUS: dict[str, Gpu] = {
    "10de:13c2": Gpu("GeForce GTX 970", (5, 2), 390, 580, _PROPRIETARY),
    "10de:13f1": Gpu("Quadro M4000", (5, 2), 390, 580, _PROPRIETARY),
    "10de:1b80": Gpu("GeForce GTX 1080", (6, 1), 390, 580, _PROPRIETARY),
    "10de:1db1": Gpu("Tesla V100-SXM2-16GB", (7, 0), 390, 580, _PROPRIETARY),
    "10de:1db5": Gpu("Tesla V100-SXM2-32GB", (7, 0), 390, 580, _PROPRIETARY),
    "10de:1eb8": Gpu("Tesla T4", (7, 5), 418, None, _BOTH),
    "10de:20b0": Gpu("A100-SXM4-40GB", (8, 0), 450, None, _BOTH),
    "10de:20b2": Gpu("A100-SXM4-80GB", (8, 0), 450, None, _BOTH),
    "10de:20b5": Gpu("A100 80GB PCIe", (8, 0), 470, None, _BOTH),
    "10de:20f1": Gpu("A100-PCIE-40GB", (8, 0), 450, None, _BOTH),
    "10de:26b9": Gpu("L40S", (8, 9), 535, None, _BOTH),
    "10de:2330": Gpu("H100 80GB HBM3", (9, 0), 525, None, _BOTH),
    "10de:2331": Gpu("H100 PCIe", (9, 0), 520, None, _BOTH),
    "10de:2335": Gpu("H200", (9, 0), 550, None, _BOTH),
    "10de:2901": Gpu("B200", (10, 0), 570, None, _OPEN),
}
"""By PCI vendor:device as the host sees it."""


@dataclass(frozen=True, slots=True)
class Package:
    """A driver package: its branch and the kernel modules it brings (None: not known by its name)."""

    name: str
    branch: int | None
    modules: KernelModules | None


_FIXED: dict[tuple[Distribution, str | None, str], tuple[int, KernelModules]] = {
    # packages.debian.org: source nvidia-graphics-drivers 470.223.02, 535.261.03 and 550.163.01, and
    # nvidia-open-gpu-kernel-modules 535.247.01 and 550.163.01
    (Distribution.DEBIAN, "11", "nvidia-driver"): (470, KernelModules.PROPRIETARY),
    (Distribution.DEBIAN, "12", "nvidia-driver"): (535, KernelModules.PROPRIETARY),
    (Distribution.DEBIAN, "13", "nvidia-driver"): (550, KernelModules.PROPRIETARY),
    (Distribution.DEBIAN, "12", "nvidia-open-kernel-dkms"): (535, KernelModules.OPEN),
    (Distribution.DEBIAN, "13", "nvidia-open-kernel-dkms"): (550, KernelModules.OPEN),
    # archlinux.org/news, 2025-12-20: with 590 the packages are the open modules; rolling, so 590 is the least
    (Distribution.ARCH, None, "nvidia-open"): (590, KernelModules.OPEN),
    (Distribution.ARCH, None, "nvidia-open-dkms"): (590, KernelModules.OPEN),
    (Distribution.ARCH, None, "nvidia-lts-open"): (590, KernelModules.OPEN),
}

_NAMED: dict[Distribution, tuple[tuple[str, str], ...]] = {
    # Ubuntu's archive; cuda-drivers-N and nvidia-open-N come from NVIDIA's own repositories
    Distribution.UBUNTU: (
        (r"nvidia-(?:driver|headless)-(\d{3})(?:-server)?(-open)?", "nvidia-driver-N[-server][-open]"),
        (r"cuda-drivers-(\d{3})", "cuda-drivers-N"),
        (r"nvidia-open-(\d{3})", "nvidia-open-N"),
    ),
    Distribution.DEBIAN: (
        (r"nvidia-tesla-(\d{3})-driver", "nvidia-tesla-N-driver"),
        (r"cuda-drivers-(\d{3})", "cuda-drivers-N"),
        (r"nvidia-open-(\d{3})", "nvidia-open-N"),
    ),
    Distribution.ARCH: ((r"nvidia-(\d{3})xx-dkms", "nvidia-Nxx-dkms"),),  # AUR
    Distribution.ROCKY: ((r"cuda-drivers-(\d{3})", "cuda-drivers-N"), (r"nvidia-open-(\d{3})", "nvidia-open-N")),
}
"""Names that carry the branch: pattern and how it is shown."""


@dataclass(frozen=True, slots=True)
class Toolkit:
    """A CUDA toolkit: the compute capabilities it builds for and the oldest driver branch it runs on."""

    lowest: tuple[int, int]
    highest: tuple[int, int]
    first_branch: int


_TOOLKITS: tuple[tuple[tuple[int, int], Toolkit], ...] = (
    # CUDA Toolkit release notes of each version; drivers: CUDA Compatibility, "Minor Version Compatibility"
    ((11, 8), Toolkit((3, 5), (9, 0), 450)),
    ((12, 0), Toolkit((5, 0), (9, 0), 525)),
    ((12, 8), Toolkit((5, 0), (12, 0), 525)),
    ((12, 9), Toolkit((5, 0), (12, 1), 525)),
    ((13, 0), Toolkit((7, 5), (12, 1), 580)),
)

SERVICE_CAPABILITY: dict[str, tuple[int, int]] = {"vllm": (7, 0)}
"""Lowest compute capability of a service, by its name (vLLM: its installation page, "Requirements")."""


def gpus_of(facts: Hardware) -> list[tuple[int, Gpu]]:
    """The GPUs of a class that are known here, each with its index in the class."""
    return [(index, GPUS[device.id]) for index, device in enumerate(facts.gpus) if device.id in GPUS]


def package(name: str, distribution: Distribution | None, release: str | None) -> Package | None:
    """What is known of a driver package of a distribution; None where nothing is."""
    if distribution is None:
        return None
    for wanted in (release.split(".")[0] if release else None, None):
        fixed = _FIXED.get((distribution, wanted, name))
        if fixed is not None:
            return Package(name, *fixed)
    if any(key[0] is distribution and key[2] == name for key in _FIXED):
        return Package(name, None, None)  # known, but not in this release
    for pattern, _ in _NAMED[distribution]:
        match = re.fullmatch(pattern, name)
        if match is not None:
            return Package(name, int(match[1]), KernelModules.OPEN if "-open" in name else KernelModules.PROPRIETARY)
    return None


def known_packages(distribution: Distribution) -> list[str]:
    """Names of driver packages of a distribution, N standing for the branch."""
    fixed = {key[2] for key in _FIXED if key[0] is distribution}
    return sorted({*fixed, *(shown for _, shown in _NAMED[distribution])})


def toolkit(version: str) -> Toolkit | None:
    """The CUDA toolkit of that version; None for one before 11.8 or of a later major version."""
    numbers = [int(part) for part in version.split(".") if part.isdigit()]
    wanted = (numbers[0], numbers[1] if len(numbers) > 1 else 0)
    found = [entry for known, entry in _TOOLKITS if known[0] == wanted[0] and known <= wanted]
    return found[-1] if found else None
