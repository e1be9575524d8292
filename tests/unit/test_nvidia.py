"""What is known of driver packages, GPUs and CUDA: names are read right, and the facts agree with each other."""

from __future__ import annotations

import re

import pytest

from gpuaas_scripts.config import check
from gpuaas_scripts.config.model import Hardware
from gpuaas_scripts.config.model.workload import Distribution, KernelModules
from gpuaas_scripts.config.rules import nvidia

OPEN, PROPRIETARY = KernelModules.OPEN, KernelModules.PROPRIETARY
UBUNTU, DEBIAN, ARCH, ROCKY = Distribution.UBUNTU, Distribution.DEBIAN, Distribution.ARCH, Distribution.ROCKY


@pytest.mark.parametrize(
    ("name", "distribution", "release", "branch", "modules"),
    [
        ("nvidia-driver-570-server", UBUNTU, "24.04", 570, PROPRIETARY),
        ("nvidia-driver-570-server-open", UBUNTU, "24.04", 570, OPEN),
        ("nvidia-headless-580-open", UBUNTU, None, 580, OPEN),
        ("nvidia-open-570", UBUNTU, "24.04", 570, OPEN),
        ("cuda-drivers-560", DEBIAN, "12", 560, PROPRIETARY),
        ("nvidia-driver", DEBIAN, "12", 535, PROPRIETARY),
        ("nvidia-driver", DEBIAN, "12.11", 535, PROPRIETARY),
        ("nvidia-driver", DEBIAN, "13", 550, PROPRIETARY),
        ("nvidia-driver", DEBIAN, "14", None, None),
        ("nvidia-driver", DEBIAN, None, None, None),
        ("nvidia-open-kernel-dkms", DEBIAN, "13", 550, OPEN),
        ("nvidia-tesla-470-driver", DEBIAN, "12", 470, PROPRIETARY),
        ("nvidia-open-dkms", ARCH, None, 590, OPEN),
        ("nvidia-580xx-dkms", ARCH, None, 580, PROPRIETARY),
        ("cuda-drivers-580", ROCKY, "9", 580, PROPRIETARY),
    ],
)
def test_package(
    name: str, distribution: Distribution, release: str | None, branch: int | None, modules: KernelModules | None
) -> None:
    """Branch and kernel modules, from the name or from the release."""
    assert nvidia.package(name, distribution, release) == nvidia.Package(name, branch, modules)


@pytest.mark.parametrize(
    ("name", "distribution"),
    [
        ("nvidia-driver-560", DEBIAN),
        ("nvidia-driver", UBUNTU),
        ("nvidia-580xx-dkms", UBUNTU),
        ("nvidia-driver-570-server-extra", UBUNTU),
        ("nvidia-driver-57", UBUNTU),
        ("nvidia-driver-570", None),
    ],
)
def test_unknown_package(name: str, distribution: Distribution | None) -> None:
    """Names of other distributions, and names that only look alike, are not known."""
    assert nvidia.package(name, distribution, None) is None


@pytest.mark.parametrize(
    ("version", "lowest", "highest", "branch"),
    [
        ("11.8", (3, 5), (9, 0), 450),
        ("12.0", (5, 0), (9, 0), 525),
        ("12", (5, 0), (9, 0), 525),
        ("12.6", (5, 0), (9, 0), 525),
        ("12.6.2", (5, 0), (9, 0), 525),
        ("12.8", (5, 0), (12, 0), 525),
        ("12.9.1", (5, 0), (12, 1), 525),
        ("13.1", (7, 5), (12, 1), 580),
    ],
)
def test_toolkit(version: str, lowest: tuple[int, int], highest: tuple[int, int], branch: int) -> None:
    """The newest entry of the major version that is not later."""
    assert nvidia.toolkit(version) == nvidia.Toolkit(lowest, highest, branch)


@pytest.mark.parametrize("version", ["11.4", "10.2", "14.0"])
def test_unknown_toolkit(version: str) -> None:
    """Nothing is said of versions without facts."""
    assert nvidia.toolkit(version) is None


def test_gpus_of_a_class() -> None:
    """The known GPUs with their index; others are passed over."""
    facts = check.convert({"gpus": [{"id": "1002:74a1"}, {"id": "10de:2335"}, {"count": 2}]}, Hardware)
    assert [(index, gpu.name) for index, gpu in nvidia.gpus_of(facts)] == [(1, "H200")]


@pytest.mark.parametrize("pci_id", nvidia.GPUS)
def test_facts_of_a_gpu_agree(pci_id: str) -> None:
    """Open modules from Turing (7.5) on, and alone from Blackwell (10.0) on; 580 is the last branch before Turing."""
    gpu = nvidia.GPUS[pci_id]
    assert re.fullmatch(r"10de:[0-9a-f]{4}", pci_id)
    assert (OPEN in gpu.modules) == (gpu.capability >= (7, 5))
    assert (PROPRIETARY in gpu.modules) == (gpu.capability < (10, 0))
    assert gpu.last_branch == (580 if gpu.capability < (7, 5) else None)
    assert gpu.first_branch < (gpu.last_branch or 590)


def test_an_h200_needs_a_later_driver_than_an_h100() -> None:
    """The two share an architecture; the rule is by device."""
    assert nvidia.GPUS["10de:2335"].capability == nvidia.GPUS["10de:2330"].capability
    assert nvidia.GPUS["10de:2335"].first_branch > nvidia.GPUS["10de:2330"].first_branch


def test_known_packages() -> None:
    """Each distribution has some; each shown name with a branch in N's place is one that is read."""
    for distribution in Distribution:
        names = nvidia.known_packages(distribution)
        assert names == sorted(set(names))
        for name in names:
            plain = re.sub(r"\[.*", "", name).replace("-N", "-570").replace("N", "570")
            assert nvidia.package(plain, distribution, None) is not None, name
