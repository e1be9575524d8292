"""The assembled user data, on a machine that boots with it: cloud-init itself merges and installs."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import yaml

from gpuaas_scripts import load_site, plan, user_data
from gpuaas_scripts.lab import container as lab_container
from gpuaas_scripts.lab.container import Container
from gpuaas_scripts.renderers.cloud_init import with_secrets
from gpuaas_scripts.secret_files import NODE_AGENT_SECRET
from gpuaas_scripts.secrets import Secret

Boot = Callable[..., AbstractContextManager[Container]]

pytestmark = pytest.mark.container

ROOT = Path(__file__).parents[1] / "site"
NODE = "lab-slice-1"
BOOTSTRAP = "gpuaas-slice-host-bootstrap.service"
SECRET = 'it\'s "a" $secret: \\ é\n two lines'


def seed(folder: Path, content: bytes) -> Path:
    """A NoCloud seed folder."""
    folder.mkdir()
    (folder / "meta-data").write_text(f"instance-id: {NODE}\nlocal-hostname: {NODE}\n")
    (folder / "user-data").write_bytes(content)
    return folder


def status(machine: Container) -> dict[str, object]:
    done = machine.exec(["cloud-init", "status", "--wait", "--format", "json"], check=False, timeout=300)
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def test_a_node_boots_with_its_user_data(
    lab: Boot, generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lab_container, "BOOT_TIMEOUT", 300.0)  # the bootstrap, which installs packages, is a part of it
    planned = plan(load_site("lab", ROOT))
    content = with_secrets(user_data(planned, NODE), [(NODE_AGENT_SECRET, Secret(SECRET))])
    # degraded: this container is no slice host, and the bootstrap says so
    with lab(seed=seed(tmp_path / "seed", content), name="user-data", allow_degraded=True) as machine:
        answer = status(machine)
        assert (answer["status"], answer["errors"]) == ("done", []), machine.read("/var/log/cloud-init-output.log")
        merged = yaml.safe_load(machine.read("/var/lib/cloud/instance/cloud-config.txt"))
        expected = [artifact for artifact in planned.of_node(NODE) if artifact.target]
        targets = [artifact.target for artifact in expected]
        assert [entry["path"] for entry in merged["write_files"]] == [*targets, NODE_AGENT_SECRET]
        assert machine.read(NODE_AGENT_SECRET) == SECRET
        assert machine.exec(["stat", "-c", "%a %U:%G", NODE_AGENT_SECRET]).stdout.strip() == "600 root:root"
        for artifact in expected:  # each file, byte for byte, with its mode and owner
            assert machine.read(artifact.target) == (generated / "lab" / artifact.path).read_text()
            mode = machine.exec(["stat", "-c", "%a %U:%G", artifact.target]).stdout.strip()
            assert mode == f"{int(artifact.mode, 8):o} {artifact.file_owner}"
        # the work is the bootstrap's: cloud-init installs nothing and starts nothing else
        assert "packages" not in merged
        assert merged["runcmd"][1:] == [
            ["systemctl", "enable", BOOTSTRAP],
            ["systemctl", "start", "--no-block", BOOTSTRAP],
        ]
        machine.exec(["systemctl", "is-enabled", BOOTSTRAP])


def test_a_broken_part_is_seen(lab: Boot, tmp_path: Path) -> None:
    """The other colour: a part that is no cloud-config leaves an error behind, and the files of the rest."""
    content = user_data(plan(load_site("lab", ROOT)), NODE)
    broken = content.replace(b"#cloud-config\n", b"#cloud-config\nwrite_files: {\n", 1)
    assert broken != content
    with lab(seed=seed(tmp_path / "seed", broken), name="user-data-broken") as machine:
        answer = status(machine)
        assert answer["errors"] or answer["recoverable_errors"] or answer["status"] == "error"
