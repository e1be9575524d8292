"""`deploy` against the stand-in region: conditions, what is sent, and what --watch proves over ssh."""

from __future__ import annotations

import base64
import shlex
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest
from evidence_support import OS_SERIAL, SCRIPT, Lab, commission, inventory, line, machine, ran, summary
from support import gen

from gpuaas_scripts.lab.maas_faults import Fault, FaultKind
from gpuaas_scripts.lab.maas_machine import Disk, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Ran

pytestmark = pytest.mark.process

SSH = """\
#!/bin/sh
# the target, then the command; answers are files of the folder that holds this script
here=${0%/*}
printf '%s\\n' "$*" >>"$here/asked"
[ ! -e "$here/down" ] || { cat "$here/down" >&2; exit 255; }
case $2 in
cat*boot_id*) name=boot ;;
cloud-init*) name=cloud ;;
systemctl*) name=system ;;
*parity-check) name=parity ;;
*) exit 99 ;;
esac
# the first line of NAME.next, if there is one, is the answer from the next question on
[ ! -s "$here/$name" ] || cat "$here/$name"
code=$(cat "$here/$name.exit" 2>/dev/null) || code=0
if [ -e "$here/$name.next" ]; then mv "$here/$name.next" "$here/$name"; fi
exit "$code"
"""
ROOT = Disk("nvme7n1", OS_SERIAL, mounts=("/",))
PARITY = line("PASS", "ovs", "d", "SLICE_PARITY") + summary()
FAILING = line("FAIL", "ovs", "no bridge", "SLICE_PARITY", remediation="run it") + summary("FAIL", failures=1)


class Host:
    """A host behind a stand-in for ssh."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.set(
            ssh=SSH,
            boot="boot-1\nn1.maas\n",
            cloud='{"status": "done", "errors": []}\n',
            system="running\n",
            parity=PARITY,
        )

    def set(self, **answers: str) -> None:
        for name, text in answers.items():
            (self.folder / name.replace("_", ".")).write_text(text)

    @property
    def options(self) -> tuple[str, ...]:
        command = f"sh {shlex.quote(str(self.folder / 'ssh'))}"
        return ("--watch", "--interval", "0", "--host", "192.0.2.9", "--ssh", command)

    @property
    def asked(self) -> list[str]:
        return (self.folder / "asked").read_text().splitlines()


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "host")


def ready(lab: Lab) -> None:
    """Commissioned, rendered, and with a parity check."""
    for name, text in (
        (
            "script.yaml",
            "description: Parity\nscope: profile\nfragments: [hello]\n"
            "install: {path: /usr/local/sbin/gpuaas-lab-parity-check}\n",
        ),
        ("body.sh", "main() {\n  hello_say parity\n}\n"),
    ):
        lab.repo.write(f"templates/scripts/gpuaas-lab-parity-check/{name}", text)
    lab.repo.edit("site-configs/profiles/worker.yaml", "[lab-hello]", "[lab-hello, gpuaas-lab-parity-check]")
    commission(lab.region)
    lab.render()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path / "site") as made:
        ready(made)
        yield made


def deploy(lab: Lab, *more: str) -> Ran:
    return lab.gen("deploy", "--node", "n1", *more)


def test_the_node_s_very_user_data_is_sent(lab: Lab) -> None:
    done = deploy(lab, "--yes")
    assert done.code == 0, done.err
    wanted = gen("user-data", "--site", "lab", "--node", "n1", root=lab.repo.root).bytes_out
    assert lab.machine.user_data == wanted
    assert lab.machine.series == "ubuntu/24.04"
    assert "handed over, unproven" in done.err
    assert "nothing proven yet" in done.err
    assert f"serial {OS_SERIAL} (seen by 40-lab-inventory" in done.out


def test_a_dry_run_sends_nothing_and_is_exit_3(lab: Lab) -> None:
    writes = lab.standin.faults.writes
    assert deploy(lab, "--dry-run").code == 3
    assert lab.standin.faults.writes == writes
    assert lab.machine.status is Status.READY


def test_nobody_to_ask_needs_yes(lab: Lab) -> None:
    done = deploy(lab)
    assert done.code == 2
    assert "--yes" in done.err
    assert lab.machine.status is Status.READY


@pytest.mark.parametrize(("answer", "status"), [(True, Status.DEPLOYED), (False, Status.READY)])
def test_a_terminal_is_asked(lab: Lab, answer: bool, status: Status) -> None:
    with patch("gpuaas_scripts.cli.console.Console.agreed", return_value=answer) as asked:
        done = deploy(lab)
    question = asked.call_args.args[0] if asked.call_args.args else ""
    assert f"All data on nvme7n1 (serial {OS_SERIAL}, Boss) is lost" in question
    lab.region.machines.settle()
    assert lab.machine.status is status
    assert done.code == (0 if answer else 2)


def test_a_custom_image(lab: Lab) -> None:
    assert deploy(lab, "--yes", "--image", "golden").code == 0
    assert lab.machine.series == "custom/golden"
    assert deploy(lab, "--yes", "--image", "a", "--series", "b").code == 2


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"status": Status.DEPLOYED}, "in state Deployed, not Ready"),
        ({"status": Status.ALLOCATED, "owner": "bob"}, "allocated to bob"),
        ({"tags": set()}, "lacks the tag gpuaas-profile-worker"),
        ({"tags": {"gpuaas-profile-worker", "gpuaas-profile-bare"}}, "carries the tag gpuaas-profile-bare"),
        ({"hardware_sync": True}, "hardware sync is on"),
        ({"ephemeral": True}, "ephemeral deployment is on"),
        ({"disks": (Disk("nvme0n1", "S0", mounts=("/",)),)}, "MAAS would install to nvme0n1 (serial S0)"),
        (
            {"disks": (Disk("nvme7n1", OS_SERIAL, mounts=("/",)), Disk("nvme0n1", "S0", mounts=("/srv",)))},
            "also uses nvme0n1",
        ),
        ({"disks": (Disk("nvme7n1", OS_SERIAL),)}, "leaves the boot disk"),
        ({"disks": ()}, "knows no boot disk"),
    ],
)
def test_each_condition_of_the_machine(lab: Lab, more: dict[str, object], says: str) -> None:
    for name, value in more.items():
        setattr(lab.machine, name, value)
    done = deploy(lab, "--yes")
    assert done.code == 1
    assert "one problem" in done.err
    assert says in done.err
    assert lab.machine.user_data is None


def test_a_tree_that_is_not_up_to_date(lab: Lab) -> None:
    lab.repo.edit("site-configs/profiles/worker.yaml", "br-profile", "br-other")
    lab.repo.edit("site-configs/sites/lab.yaml", "br-lab", "br-other")
    done = deploy(lab, "--yes")
    assert (done.code, lab.machine.user_data) == (1, None)
    assert "generated/lab is not what the sources give" in done.err


def test_a_withheld_value_is_named_with_its_place(lab: Lab) -> None:
    lab.repo.edit("site-configs/nodes/lab/n1.yaml", "10.30.0.1/16", "to-be-approved")
    lab.render()
    done = deploy(lab, "--yes")
    assert (done.code, lab.machine.user_data) == (1, None)
    assert "withheld for want of network.fabric.address (site-configs/nodes/lab/n1.yaml:4:21)" in done.err


def test_all_problems_at_once(lab: Lab) -> None:
    lab.machine.tags.clear()
    lab.machine.hardware_sync = True
    lab.repo.edit("site-configs/nodes/lab/n1.yaml", "10.30.0.1/16", "to-be-approved")
    done = deploy(lab, "--yes")
    assert "4 problems" in done.err, done.err


def test_an_os_disk_that_nobody_has_seen(lab: Lab) -> None:
    lab.region.results.sets.clear()
    done = deploy(lab, "--yes")
    assert done.code == 1
    assert "nothing says whether MAAS's boot disk" in done.err
    lab.repo.edit("site-configs/nodes/lab/n1.yaml", "storage: {", f"storage: {{os_disk_serial: {OS_SERIAL}, ")
    lab.render()
    assert deploy(lab, "--yes").code == 0


def test_a_serial_of_the_file_that_the_machine_contradicts(lab: Lab) -> None:
    lab.repo.edit("site-configs/nodes/lab/n1.yaml", "storage: {", "storage: {os_disk_serial: OTHER, ")
    lab.render()
    done = deploy(lab, "--yes")
    assert done.code == 1
    assert "more than one serial: OTHER" in done.err


@pytest.mark.parametrize(("erases", "says"), [(True, "erases all of its disks"), (None, "did not say whether")])
def test_what_releasing_will_do_is_told_before(lab: Lab, erases: bool | None, says: str) -> None:
    lab.region.settings.clear()
    if erases is not None:
        lab.region.settings["enable_disk_erasing_on_release"] = erases
    assert says in deploy(lab, "--dry-run", "--quiet").err


def test_a_machine_that_changed_meanwhile_is_left_alone(lab: Lab) -> None:
    def moves(_console: object, _question: str, *, yes: bool) -> bool:
        lab.machine.tags.add("somebody-was-here")
        return yes

    with patch("gpuaas_scripts.cli.console.Console.agreed", moves):
        done = deploy(lab, "--yes")
    assert (done.code, lab.machine.user_data) == (1, None)
    assert "changed in MAAS since it was looked at" in done.err


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.BAD_GATEWAY_AFTER])
def test_a_lost_request_is_not_sent_twice(lab: Lab, kind: FaultKind) -> None:
    lab.region.machines.seconds = 60
    lab.standin.faults.add(Fault(kind, "POST", "machines/"))
    done = deploy(lab, "--yes")
    assert done.code == 4
    assert f"now: {'Ready' if kind is FaultKind.DROP_BEFORE else 'Deploying'}" in done.err
    assert lab.count("POST", "machines/lab001") == 1


def test_watch_proves_the_host(lab: Lab, host: Host) -> None:
    done = deploy(lab, "--yes", *host.options)
    assert done.code == 0, done.err
    assert "n1: Deployed (handed over, unproven)" in done.err
    assert done.out.endswith("n1: proven: cloud-init done, parity: failures=0 warnings=0\n")
    assert host.asked[-1] == "ubuntu@192.0.2.9 sudo -n /usr/local/sbin/gpuaas-lab-parity-check"


def test_watch_sees_the_one_reboot(lab: Lab, host: Host) -> None:
    host.set(boot_next="boot-2\nn1\n", system="starting\n", system_next="running\n")
    done = deploy(lab, "--yes", *host.options)
    assert done.code == 0, done.err
    assert "reboots seen: 1" in done.out


def test_watch_waits_for_cloud_init_and_parity(lab: Lab, host: Host) -> None:
    host.set(cloud='{"status": "running"}\n', cloud_next='{"status": "done"}\n', parity=FAILING, parity_next=PARITY)
    host.set(parity_exit="0")
    done = deploy(lab, "--yes", *host.options)
    assert done.code == 0, done.err
    assert "n1: cloud-init: running" in done.err
    assert "n1: parity: failures=1 warnings=0: ovs" in done.err


@pytest.mark.parametrize(
    ("answers", "code", "says"),
    [
        ({"parity": FAILING, "parity_exit": "1"}, 1, "FAIL ovs: no bridge\n    run it"),
        ({"parity": ""}, 1, "the summary line is missing"),
        ({"parity": PARITY, "parity_exit": "3"}, 1, "exit status 3"),
        ({"parity": PARITY + "GPUAAS_\n"}, 1, "no report that can be relied on"),
        ({"cloud": "status: done\n"}, 1, "cloud-init: no answer"),
        ({"system": "starting\n"}, 1, "system: starting"),
        ({"down": "Permission denied (publickey).\n"}, 4, "ssh: Permission denied (publickey)."),
    ],
)
def test_a_host_that_lacks_one_thing_is_unproven(
    lab: Lab, host: Host, answers: dict[str, str], code: int, says: str
) -> None:
    host.set(**answers)
    done = deploy(lab, "--yes", *host.options, "--patience", "0.3")
    assert done.code == code
    assert "handed over, unproven" in done.err
    assert says in done.err
    assert "proven:" not in done.out


def test_a_failed_cloud_init_ends_the_wait(lab: Lab, host: Host) -> None:
    host.set(cloud='{"status": "error", "errors": ["(runcmd, exit 1)"]}\n', cloud_exit="1")
    done = deploy(lab, "--yes", *host.options)
    assert (done.code, "cloud-init failed: (runcmd, exit 1)" in done.err) == (1, True)


def test_a_failed_deployment_is_exit_4(lab: Lab, host: Host) -> None:
    with patch.object(lab.region.machines, "finish", lambda one: setattr(one, "status", Status.FAILED_DEPLOYMENT)):
        done = deploy(lab, "--yes", *host.options)
    assert (done.code, "n1: Failed deployment" in done.err) == (4, True)
    assert not (host.folder / "asked").exists()


def test_a_watch_can_be_taken_up_again(lab: Lab, host: Host) -> None:
    assert deploy(lab, "--yes").code == 0
    writes = lab.standin.faults.writes
    done = deploy(lab, "--only-watch", *host.options)
    assert (done.code, lab.standin.faults.writes) == (0, writes)
    assert "Deployed (handed over, unproven)" in done.err
    assert "proven: " in done.out


def test_watch_is_refused_where_nothing_could_be_proven(tmp_path: Path) -> None:
    with Lab(tmp_path / "site") as lab:
        commission(lab.region)
        lab.render()
        done = deploy(lab, "--yes", "--watch")
        assert (done.code, lab.machine.user_data) == (2, None)
        assert "has no parity check" in done.err


def test_watch_needs_an_address(lab: Lab) -> None:
    done = deploy(lab, "--yes", "--watch")
    assert (done.code, lab.machine.user_data) == (2, None)
    assert "network.uplink.address is not set" in done.err


def test_a_machine_of_another_name_is_refused(tmp_path: Path) -> None:
    with Lab(tmp_path / "site", machine(hostname="n7")) as lab:
        done = deploy(lab, "--yes")
        assert done.code == 2
        assert "is that of n7 in MAAS, not of n1" in done.err


def test_user_data_is_sent_as_base64(lab: Lab) -> None:
    assert deploy(lab, "--yes").code == 0
    assert base64.b64decode(base64.b64encode(lab.machine.user_data or b"")).startswith(b"MIME-Version")


def test_results_that_failed_are_told_before(lab: Lab) -> None:
    assert "warning" not in deploy(lab, "--dry-run").err
    failing = line("FAIL", "gpu_count", "1 of 2", remediation="look") + summary("FAIL", failures=1)
    lab.machine.runs[SCRIPT] = ran(inventory() + failing, "degraded", "FAIL")
    commission(lab.region)
    done = deploy(lab, "--dry-run", "--quiet")
    assert (done.code, "results of the machine are FAIL: SLICE_GPU.gpu_count" in done.err) == (3, True)


@pytest.mark.parametrize("command", ["", " ", "'"])
def test_an_ssh_command_that_is_none(lab: Lab, command: str) -> None:
    done = deploy(lab, "--yes", "--watch", "--host", "192.0.2.9", "--ssh", command)
    assert (done.code, lab.machine.user_data) == (2, None)
    assert "--ssh is" in done.err


@pytest.mark.parametrize(
    ("command", "says"), [("false", "ssh: exit status 1"), ("no-such-ssh", "cannot start no-such")]
)
def test_an_ssh_that_does_not_work_is_said(lab: Lab, command: str, says: str) -> None:
    options = ("--watch", "--interval", "0", "--patience", "0", "--host", "192.0.2.9", "--ssh", command)
    done = deploy(lab, "--yes", *options)
    assert (done.code, says in done.err) == (4, True)


def test_an_address_is_never_an_option(lab: Lab, host: Host) -> None:
    done = deploy(lab, "--yes", *host.options, "--host", "-oProxyCommand=x")
    assert (done.code, lab.machine.user_data) == (2, None)


def test_another_host_at_the_address_is_no_proof(lab: Lab, host: Host) -> None:
    host.set(boot="boot-1\nn2\n")
    done = deploy(lab, "--yes", *host.options)
    assert (done.code, "n1: this is n2, not n1" in done.err) == (1, True)
