"""Every bats file under tests/bats, under every shell, each in a container of its own on its fixture host."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from gpuaas_scripts.lab.bats import BatsFile, Shell, bats_mounts, discover, run_bats
from gpuaas_scripts.lab.container import Container
from gpuaas_scripts.lab.hosts import load_host

REPO = Path(__file__).parents[2]
FILES = discover(REPO / "tests/bats")

Boot = Callable[..., AbstractContextManager[Container]]

pytestmark = pytest.mark.container


@pytest.mark.parametrize("shell", list(Shell))
@pytest.mark.parametrize("file", FILES, ids=[file.path for file in FILES])
def test_bats(lab: Boot, generated: Path, file: BatsFile, shell: Shell) -> None:
    host = load_host(REPO / "tests/hosts" / file.host) if file.host else None
    mounts = bats_mounts(REPO / "tests/bats", generated)
    with lab(host=host, mounts=mounts, name=shell.value) as container:
        [result] = run_bats(container, [file.path], shells=[shell], site="lab")
    assert result.passed, result.report()
