"""A host looked at over real ssh: cloud-init, systemd and the parity check say what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from gpuaas_scripts.evidence.handover import Handover, Stage
from gpuaas_scripts.lab.container import Container
from gpuaas_scripts.sinks.host import Host

Boot = Callable[..., AbstractContextManager[Container]]

pytestmark = pytest.mark.container

PARITY = "/usr/local/sbin/gpuaas-lab-parity-check"
SCRIPT = """\
#!/bin/sh
[ "$(id -u)" -eq 0 ] || exit 9
echo 'to stderr' >&2
echo 'GPUAAS_SLICE_PARITY status=STATUS check=ovs_bridge detail=seen'
echo 'GPUAAS_SLICE_PARITY status=STATUS check=summary detail=all skipped=0 failures=COUNT warnings=0'
"""
USER = """\
useradd --create-home --shell /bin/bash ubuntu
echo 'ubuntu ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/ubuntu
install -d -m 0700 -o ubuntu /home/ubuntu/.ssh /root/.ssh
rm -f /root/.ssh/lab
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/lab
install -m 0600 -o ubuntu /root/.ssh/lab.pub /home/ubuntu/.ssh/authorized_keys
systemctl start ssh
"""
SSH = ("ssh", "-i", "/root/.ssh/lab", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=accept-new")


@pytest.fixture(scope="module")
def machine(lab: Boot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    seed = tmp_path_factory.mktemp("seed")
    (seed / "meta-data").write_text("instance-id: handover\nlocal-hostname: handover\n")
    (seed / "user-data").write_text("#cloud-config\n{}\n")
    with lab(seed=seed, name="handover") as container:
        container.exec(["cloud-init", "status", "--wait"], check=False, timeout=120)
        container.sh(USER)
        yield container


def host(machine: Container, user: str = "ubuntu") -> Host:
    """The container by its own ssh server; the client runs in it, too, since it is cut off from this machine."""
    return Host((*machine.engine.argv("exec", machine.name), *SSH), f"{user}@127.0.0.1", PARITY)


def parity(machine: Container, status: str, count: int) -> None:
    machine.write(PARITY, SCRIPT.replace("STATUS", status).replace("COUNT", str(count)), mode="0755")


def test_a_host_that_is_right_is_proven(machine: Container) -> None:
    parity(machine, "PASS", 0)
    look = host(machine).look()
    assert look.problem == ""
    assert look.boot == machine.read("/proc/sys/kernel/random/boot_id").strip()
    assert (look.hostname, look.cloud, look.cloud_errors) == ("handover", "done", ())
    assert look.system in ("running", "degraded")
    step = Handover("handover").take(look)
    assert (step.stage, step.text) == (Stage.PROVEN, "parity: failures=0 warnings=0")


def test_a_host_whose_parity_fails_is_not(machine: Container) -> None:
    parity(machine, "FAIL", 1)
    step = Handover("handover").take(host(machine).look())
    assert (step.stage, step.text) == (Stage.WAITING, "parity: failures=1 warnings=0: ovs_bridge")


def test_a_host_without_the_check_is_not(machine: Container) -> None:
    machine.exec(["rm", "-f", PARITY])
    step = Handover("handover").take(host(machine).look())
    assert step.stage is Stage.WAITING
    assert "no report that can be relied on" in step.text


def test_a_user_that_may_not_log_in_is_said(machine: Container) -> None:
    look = host(machine, "nobody").look()
    assert look.problem.startswith("ssh: ")
    assert "Permission denied" in look.problem


def test_a_host_that_is_away_is_said(machine: Container) -> None:
    machine.exec(["systemctl", "stop", "ssh.socket", "ssh.service"], check=False)
    try:
        look = host(machine).look()
        assert look.problem.startswith("ssh: ")
        assert Handover("handover").take(look).stage is Stage.WAITING
    finally:
        machine.exec(["systemctl", "start", "ssh"])


def test_the_real_parity_check_is_read_and_a_bare_machine_is_not_proven(machine: Container, generated: Path) -> None:
    path = "/usr/local/sbin/gpuaas-slice-parity-check"
    machine.copy_in(generated / f"lab/profiles/slice-vm/root{path}", path)
    machine.exec(["chmod", "0755", path])
    missing = Handover("handover").take(replace(host(machine), parity=path).look())
    assert "/etc/gpuaas/node.env is missing" in missing.text  # why there is no report
    node_env = (generated / "lab/nodes/lab-slice-1/root/etc/gpuaas/node.env").read_text()
    machine.write("/etc/gpuaas/node.env", node_env, mode="0600")
    look = replace(host(machine), parity=path).look()
    assert look.parity is not None
    assert not look.parity.severe, (look.parity.defects, look.parity_said)
    assert look.parity.summary is not None
    assert int(look.parity.summary.get("failures")) > 0
    step = Handover("handover").take(look)
    assert step.stage is Stage.WAITING
    assert step.text.startswith("parity: failures=")
