"""The verbs on machines as a user runs them: programs of their own, against a stand-in MAAS that is one, too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from evidence_support import SCRIPT, site

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.process


class Shell:
    """Runs `gpuaas-gen` in the repository, for the stand-in."""

    def __init__(self, root: Path, url: str, key: str) -> None:
        self.root, self.url, self.key = root, url, key
        self.said = ""

    def run(self, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "MAAS_API_KEY": self.key, "LAB_MAAS_KEY": self.key, "XDG_CACHE_HOME": f"{self.root}/cache"}
        command = [sys.executable, "-m", "gpuaas_scripts", verb, "--site", "lab", "--url", self.url, *words]
        done = subprocess.run(command, cwd=self.root, env=env, capture_output=True, text=True, check=False, timeout=120)
        self.said += done.stdout + done.stderr
        return done


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    repo = site(tmp_path)
    repo.edit("site-configs/nodes/lab/n1.yaml", "profile: worker\n", "profile: worker\nhostname: lab-node-1\n")
    command = [sys.executable, "-m", "gpuaas_scripts.lab.maas", "--seconds", "0.2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as standin:
        assert standin.stdout is not None
        try:
            url, key = (standin.stdout.readline().strip() for _ in range(2))
            made = Shell(repo.root, url, key)
            yield made
            assert "Traceback" not in made.said
            for part in key.split(":"):
                assert part not in made.said
        finally:
            standin.terminate()


def test_from_upload_to_deploy(shell: Shell) -> None:
    never = shell.run("results")
    assert never.returncode == 1
    assert "never ran" in never.stdout
    render = [sys.executable, "-m", "gpuaas_scripts", "render", "--site", "lab"]
    subprocess.run(render, cwd=shell.root, capture_output=True, check=True)
    uploaded = shell.run("upload", "--yes")
    assert uploaded.returncode == 0, uploaded.stderr
    commissioned = shell.run("commission", "--node", "n1", "--watch", "--interval", "0.1")
    assert commissioned.returncode == 1  # the stand-in's machine prints nothing: nobody saw anything
    assert f"FAIL n1 {SCRIPT}" in commissioned.stdout
    assert "the summary line is missing" in commissioned.stdout
    refused = shell.run("deploy", "--node", "n1", "--yes", "--series", "noble")
    assert refused.returncode == 1
    assert "nothing says whether MAAS's boot disk sda (serial LAB-OS-0001)" in refused.stderr
    asked = shell.run("deploy", "--node", "n1", "--series", "noble")
    assert asked.returncode == 1
    tried = shell.run("doctor", "--json")
    assert tried.returncode == 0, tried.stdout
    assert "lab001 is lab-node-1, Ready" in tried.stdout
