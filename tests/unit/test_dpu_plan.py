"""The plan for a BlueField in DPU mode: what it says, when it is rendered, and that shells read it as meant."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gpuaas_scripts import load_site, plan, render
from gpuaas_scripts.cli.main import run
from gpuaas_scripts.renderers.dpu_plan import dpu_plan
from gpuaas_scripts.renderers.quote import QuoteError

if TYPE_CHECKING:
    from gpuaas_scripts.config.keys import Value

SITE = Path(__file__).parents[1] / "site"
PORTS = ("0000:bc:00.0", "0000:bc:00.1")
SLOTS = (
    ("0", "02:00:00:00:00:10", "0000:1b:00.0"),
    ("-", "-", "0000:3b:00.0"),
    ("5", "02:00:00:00:00:12", "0000:4c:00.0"),
)


def text(**changed: Value) -> str:
    values: dict[str, Value] = {
        "BRIDGE": "ovsbr0",
        "PORTS": PORTS,
        "VFS": 4,
        "SLOTS": SLOTS,
        "QOS_MBIT": None,
        "PEER": None,
    }
    return dpu_plan(values | changed)


def commands(plan_text: str) -> list[str]:
    return [line for line in plan_text.splitlines() if line and not line.startswith("#")]


def test_the_commands_in_order() -> None:
    assert commands(text(QOS_MBIT=25000)) == [
        "set -eux",
        "ovs-vsctl --may-exist add-br 'ovsbr0'",
        "ip link set dev 'pf0vf0' up",
        "ovs-vsctl --may-exist add-port 'ovsbr0' 'pf0vf0'",
        "ovs-vsctl set interface 'pf0vf0' ingress_policing_rate=25000000 ingress_policing_burst=2500000",
        "ip link set dev 'pf1vf1' up",
        "ovs-vsctl --may-exist add-port 'ovsbr0' 'pf1vf1'",
        "ovs-vsctl set interface 'pf1vf1' ingress_policing_rate=25000000 ingress_policing_burst=2500000",
        "[ \"$(ovs-vsctl port-to-br 'pf0vf0')\" = 'ovsbr0' ]",
        "[ \"$(ovs-vsctl get interface 'pf0vf0' ingress_policing_rate)\" = 25000000 ]",
        "[ \"$(ovs-vsctl port-to-br 'pf1vf1')\" = 'ovsbr0' ]",
        "[ \"$(ovs-vsctl get interface 'pf1vf1' ingress_policing_rate)\" = 25000000 ]",
    ]
    assert "policing" not in text()


def test_the_comments_map_slots_to_vnics() -> None:
    shown = text(PEER="192.168.100.2")
    assert "# slot 2: vNIC 02:00:00:00:00:12, GPU 0000:4c:00.0, virtual function 1 of port 0000:bc:00.1\n" in shown
    assert "slot 1" not in shown
    assert "not proven from the host" in shown
    assert "ssh USER@192.168.100.2 " in shown
    assert "ssh" not in text()


@pytest.mark.parametrize(
    "changed", [{"SLOTS": ()}, {"SLOTS": (("-", "-", "-"),)}, {"SLOTS": (), "PORTS": (), "VFS": None}]
)
def test_no_virtual_functions_nothing_to_do(changed: dict[str, Value]) -> None:
    assert commands(text(**changed)) == ["set -eux"]
    assert "nothing is to be done" in text(**changed)


@pytest.mark.parametrize("changed", [{"VFS": 2}, {"PORTS": PORTS[:1]}, {"PORTS": ()}, {"VFS": None}])
def test_a_function_that_no_port_has_is_refused(changed: dict[str, Value]) -> None:
    with pytest.raises(QuoteError, match=r"slot \d has virtual function \d, but bf3.ports and bf3.vfs give \d"):
        text(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"PEER": "192.168.100.2\nreboot"},
        {"SLOTS": (("0", "02:00:00:00:00:10\nreboot", "0000:1b:00.0"),)},
        {"SLOTS": (("0", "02:00:00:00:00:10", "0000:1b:00.0\nreboot"),)},
    ],
)
def test_a_comment_cannot_be_left(changed: dict[str, Value]) -> None:
    with pytest.raises(QuoteError, match="a comment cannot hold the control character"):
        text(**changed)


STANDIN = """\
#!/bin/sh
printf "%s|" "${0##*/}" "$@" >>"$LOG"
echo >>"$LOG"
case "$*" in port-to-br*) printf "%s\\n" "$BRIDGE" ;; esac
"""


@pytest.mark.process
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox ash"])
def test_shells_read_the_values_as_they_are(shell: str, tmp_path: Path) -> None:
    words = shell.split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    bridge = "br '$(reboot)\" `x` \\ *"
    shown = text(PORTS=("0000:bc:00.0", "0000:dc:00.0"), BRIDGE=bridge)
    for name in ("ovs-vsctl", "ip"):
        (tmp_path / name).write_text(STANDIN)
        (tmp_path / name).chmod(0o755)
    log = tmp_path / "log"
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "LOG": str(log), "BRIDGE": bridge}
    for arguments, status, wanted in (
        (["0000:dc:00"], 0, "pf0vf1"),
        (["0000:bc:00"], 0, "pf0vf0"),
        ([], 2, ""),
        (["0000:ff:00"], 2, ""),
    ):
        log.write_text("")
        done = subprocess.run(
            [*words, "-s", *arguments], input=shown, text=True, env=environment, capture_output=True, check=False
        )
        assert done.returncode == status, done.stderr
        if status:
            assert "give the card: 0000:bc:00 or 0000:dc:00" in done.stderr
            assert log.read_text() == ""
            continue
        assert log.read_text().splitlines() == [
            f"ovs-vsctl|--may-exist|add-br|{bridge}|",
            f"ip|link|set|dev|{wanted}|up|",
            f"ovs-vsctl|--may-exist|add-port|{bridge}|{wanted}|",
            f"ovs-vsctl|port-to-br|{wanted}|",
        ]


def rendered(root: Path) -> dict[str, bytes]:
    return {item.artifact.path: item.content for item in render(plan(load_site("lab", root)))}


def test_rendered_in_dpu_mode_and_delivered_with_the_node() -> None:
    files = rendered(SITE)
    found = {path for path in files if "dpu-plan" in path}
    assert found == {f"nodes/{node}/root/etc/gpuaas/dpu-plan.sh" for node in ("lab-amd-1", "lab-slice-1")}
    shown = files["nodes/lab-slice-1/root/etc/gpuaas/dpu-plan.sh"].decode()
    assert shown.startswith("#!/bin/sh\n# Generated by gpuaas-gen for site lab, node lab-slice-1.")
    assert "'pf1vf3'" in shown
    assert "/etc/gpuaas/dpu-plan.sh" in files["nodes/lab-slice-1/user-data.yaml"].decode()


def test_nothing_is_rendered_in_nic_mode(tmp_path: Path) -> None:
    shutil.copytree(SITE / "site-configs", tmp_path / "site-configs")
    path = tmp_path / "site-configs/sites/lab.yaml"
    lines = path.read_text()
    for old, new in (("mode: dpu", "mode: nic"), (", peer: 192.168.100.2", "")):
        assert lines.count(old) == 1
        lines = lines.replace(old, new)
    path.write_text(lines)
    files = rendered(tmp_path)
    assert not [path for path in files if "dpu-plan" in path]
    assert "dpu-plan" not in files["nodes/lab-slice-1/user-data.yaml"].decode()


def test_explain_names_what_decides(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "bf3.mode", "--root", str(SITE), "--site", "lab", "--node", "lab-slice-1"]) == 0
    assert "files/dpu-plan  when\n      nodes/lab-slice-1/root/etc/gpuaas/dpu-plan.sh\n" in capsys.readouterr().out
