"""Fixtures of the container tests: the engine, the image, and a way to boot."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from gpuaas_scripts.cli.main import run
from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.container import Container, boot
from gpuaas_scripts.lab.engine import Engine, EngineName, find_engine, host_facts
from gpuaas_scripts.lab.image import ImageRef, ensure

REPO = Path(__file__).parents[2]
Boot = Callable[..., AbstractContextManager[Container]]


def absent(why: str) -> None:
    """Skip, or fail where containers are required: GPUAAS_REQUIRE_CONTAINERS=1."""
    if os.environ.get("GPUAAS_REQUIRE_CONTAINERS") == "1":
        pytest.fail(f"GPUAAS_REQUIRE_CONTAINERS=1, but {why}", pytrace=False)
    pytest.skip(why)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine of this machine, or the one named by GPUAAS_ENGINE."""
    try:
        named = os.environ.get("GPUAAS_ENGINE")
        return find_engine(EngineName(named) if named else None)
    except GpuaasError as error:
        absent(str(error))
        raise


@pytest.fixture(scope="session")
def image(engine: Engine, pytestconfig: pytest.Config) -> ImageRef:
    """The image, built when it is not there (GPUAAS_BASE names another base)."""
    base = os.environ.get("GPUAAS_BASE") or None
    if not base and "mmdebstrap" not in host_facts().programs:
        absent("mmdebstrap is not installed")
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        return ensure(engine, base=base, progress=lambda line: print(f"\n{line}", file=sys.stderr, flush=True))


@pytest.fixture(scope="session")
def lab(engine: Engine, image: ImageRef) -> Boot:
    """`lab(host=…, seed=…)` boots a container: `with lab() as container:`."""
    return partial(boot, engine, image)


@pytest.fixture(scope="module")
def machine(lab: Boot) -> Iterator[Container]:
    """One container for the tests of a module that leave nothing behind for each other."""
    with lab(name="shared") as container:
        yield container


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of rendered sites: `lab`, made for these containers (tests/site), and the committed ones."""
    folder = tmp_path_factory.mktemp("generated")
    folder.chmod(0o755)  # scripts are also tried as somebody who is not root
    for site, root in (("lab", REPO / "tests/site"), ("example", REPO), ("maas280", REPO)):
        assert run(["render", "--quiet", "--site", site, "--root", str(root), "--output", str(folder)]) == 0
    return folder
