"""Rules for NVIDIA drivers: does the chosen package drive the GPUs of the class, and CUDA with it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import Severity
from ..model.workload import Distribution, KernelModules
from .base import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..model.workload import GpuDriver
    from ..site import Node
    from ..source import KeyPath
    from .nvidia import Gpu, Package

_PACKAGE: KeyPath = ("gpu_driver", "package")
_MODULES: KeyPath = ("gpu_driver", "modules")
_CUDA: KeyPath = ("gpu_driver", "cuda")
_GUEST: KeyPath = ("slice", "guest", "driver_package")


def check_drivers(node: Node) -> Iterator[Problem]:
    """GS250 to GS255: driver package, kernel modules and CUDA of the host, driver of the guests."""
    driver, guest = node.config.gpu_driver, node.config.slice.guest.driver_package
    services = node.config.services
    if driver.package is None and driver.cuda is None and driver.modules is None and guest is None and not services:
        return
    from . import nvidia  # the tables are read only where a driver is chosen

    gpus = [] if node.hardware is None else nvidia.gpus_of(node.hardware.facts)
    package = None
    if driver.package is not None:
        package = nvidia.package(driver.package, node.config.os.distribution, node.config.os.release)
        if package is None and node.config.os.distribution is not None:
            yield _unknown_package(driver.package, node.config.os.distribution)
    if package is not None:
        yield from _branch(package, gpus, _PACKAGE)
    yield from _modules(driver, package, gpus)
    yield from _cuda(driver, package, gpus)
    if guest is not None:
        inside = nvidia.package(guest, Distribution.UBUNTU, None)
        if inside is not None:
            yield from _branch(inside, gpus, _GUEST)
            yield from _flavour(inside.modules, gpus, _GUEST)
    yield from _services(node, gpus)


def _unknown_package(name: str, distribution: Distribution) -> Problem:
    from . import nvidia

    return Problem(
        "GS254",
        f"{name} is no driver package of {distribution} that is known here: its branch is not checked",
        _PACKAGE,
        f"known: {', '.join(nvidia.known_packages(distribution)) or 'none'}",
        also=(("os", "distribution"),),
        severity=Severity.WARNING,
    )


def _branch(package: Package, gpus: list[tuple[int, Gpu]], path: KeyPath) -> Iterator[Problem]:
    for index, gpu in gpus:
        what = f"{package.name} is driver branch {package.branch}"
        facts: tuple[KeyPath, ...] = (("gpus", index, "id"),)
        if package.branch is not None and package.branch < gpu.first_branch:
            hint = f"take branch {gpu.first_branch} or later"
            yield Problem("GS250", f"{what}, which does not know the {gpu.name} yet", path, hint, facts=facts)
        elif package.branch is not None and gpu.last_branch is not None and package.branch > gpu.last_branch:
            hint = f"take branch {gpu.last_branch} or earlier"
            yield Problem("GS250", f"{what}, which has dropped the {gpu.name}", path, hint, facts=facts)


def _modules(driver: GpuDriver, package: Package | None, gpus: list[tuple[int, Gpu]]) -> Iterator[Problem]:
    if package is not None and package.modules is not None:
        if driver.modules is not None and driver.modules is not package.modules:
            yield Problem(
                "GS251",
                f"{package.name} brings the {package.modules} kernel modules, but {driver.modules} ones are asked for",
                _MODULES,
                "make the two agree",
                also=(_PACKAGE,),
            )
            return
        yield from _flavour(package.modules, gpus, _PACKAGE)
    elif driver.modules is not None:
        yield from _flavour(driver.modules, gpus, _MODULES)


def _flavour(modules: KernelModules | None, gpus: list[tuple[int, Gpu]], path: KeyPath) -> Iterator[Problem]:
    for index, gpu in gpus:
        if modules is not None and modules not in gpu.modules:
            other = ", ".join(gpu.modules)
            yield Problem(
                "GS251",
                f"the {modules} kernel modules do not drive the {gpu.name}",
                path,
                f"take a package with the {other} modules",
                facts=(("gpus", index, "id"),),
            )


def _cuda(driver: GpuDriver, package: Package | None, gpus: list[tuple[int, Gpu]]) -> Iterator[Problem]:
    if driver.cuda is None:
        return
    from . import nvidia

    toolkit = nvidia.toolkit(driver.cuda)
    if toolkit is None:
        return
    for index, gpu in gpus:
        if not toolkit.lowest <= gpu.capability <= toolkit.highest:
            low, high = _shown(toolkit.lowest), _shown(toolkit.highest)
            yield Problem(
                "GS252",
                f"CUDA {driver.cuda} builds for compute capability {low} to {high}, "
                f"but the {gpu.name} has {_shown(gpu.capability)}",
                _CUDA,
                "take another CUDA version",
                facts=(("gpus", index, "id"),),
            )
    if package is not None and package.branch is not None and package.branch < toolkit.first_branch:
        yield Problem(
            "GS253",
            f"CUDA {driver.cuda} needs driver branch {toolkit.first_branch} or later, "
            f"but {package.name} is {package.branch}",
            _CUDA,
            "take a later driver, or an earlier CUDA",
            also=(_PACKAGE,),
        )


def _services(node: Node, gpus: list[tuple[int, Gpu]]) -> Iterator[Problem]:
    from . import nvidia

    for name in node.config.services:
        lowest = nvidia.SERVICE_CAPABILITY.get(name)
        if lowest is None or not gpus or any(gpu.capability >= lowest for _, gpu in gpus):
            continue
        best = max(gpus, key=lambda item: item[1].capability)
        yield Problem(
            "GS255",
            f"{name} needs compute capability {_shown(lowest)} or higher, "
            f"but the best GPU of the class, the {best[1].name}, has {_shown(best[1].capability)}",
            ("services", name),
            "run another inference server on these GPUs",
            facts=(("gpus", best[0], "id"),),
        )


def _shown(capability: tuple[int, int]) -> str:
    return f"{capability[0]}.{capability[1]}"
