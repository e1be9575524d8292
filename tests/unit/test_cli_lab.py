"""gpuaas-gen lab: a stand-in that a newcomer can try the verbs with; and the questions of a verb on a terminal."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import gen, repository
from upload_support import prepare

import gpuaas_scripts
from gpuaas_scripts.lab.maas import ADMIN, StandIn
from gpuaas_scripts.lab.maas_site import PREFLIGHT, Trouble, machines_of

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(gpuaas_scripts.__file__).parent.parent
PROGRAM = (
    "import sys; from support import only_own_templates\n"
    "from gpuaas_scripts.cli.main import main\n"
    "with only_own_templates(): main(sys.argv[1:])\n"
)

pytestmark = pytest.mark.process


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "MAAS_API_KEY": ADMIN.key,
    }


def test_the_group_names_its_stand_ins() -> None:
    ran = gen("lab", "--help")
    assert ran.code == 0
    assert "maas" in ran.out
    assert "idrac" in ran.out
    ran = gen("lab", "mass")
    assert (ran.code, "no stand-in 'mass'; did you mean 'maas'?" in ran.err) == (2, True)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Path, str, subprocess.Popen[str]]]:
    """A stand-in for a site with one script, started as a newcomer does: the repository, its URL, the process."""
    repo = repository(tmp_path / "repository")
    repo.edit("site-configs/nodes/lab/n1.yaml", "profile: worker\n", "profile: worker\nmaas: {system_id: abc123}\n")
    assert gen("render", "--site", "lab", root=repo.root).code == 0
    command = [sys.executable, "-c", PROGRAM, "lab", "maas", "--site", "lab", "--port", "0", "--seconds", "0"]
    with subprocess.Popen(
        command, cwd=repo.root, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        first, second, third = (process.stdout.readline() for _ in range(3))
        assert "with the machines of site lab" in first
        assert second.strip() == f"export MAAS_API_KEY={ADMIN.key}"
        url = third.split("--url ")[1].split()[0]
        assert third.strip() == f"gpuaas-gen upload --site lab --url {url} --dry-run"
        yield repo.root, url, process
        process.terminate()


def test_a_newcomers_two_minutes(running: tuple[Path, str, subprocess.Popen[str]]) -> None:
    root, url, process = running
    env: dict[str, str | None] = {"MAAS_API_KEY": ADMIN.key}
    words = ("--site", "lab", "--url", url)
    ran = gen("upload", *words, "--dry-run", root=root, env=env)
    assert ran.code == 3
    assert "update     40-lab-inventory" in ran.out
    assert "may_reboot: true → false   (MAAS would keep it silently; a reset is sent)" in ran.out
    assert "leftover   50-gpuaas-old-inventory" in ran.out
    assert "gpuaas-profile-worker: n1 (abc123)" in ran.out
    assert gen("upload", *words, "--yes", "--prune", root=root, env=env).code == 0
    assert gen("drift", *words, root=root, env=env).code == 0
    assert gen("revert", *words, "40-lab-inventory", "--yes", root=root, env=env).code == 0
    assert gen("drift", *words, root=root, env=env).code == 3
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    repo = repository(tmp_path)
    with StandIn() as lab:
        port = lab.url.split(":")[2].split("/")[0]
        ran = gen("lab", "maas", "--site", "lab", "--port", port, root=repo.root)
    assert (ran.code, f"port {port} of 127.0.0.1: Address already in use" in ran.err) == (2, True)


def test_reports_are_made_from_what_was_approved() -> None:
    from gpuaas_scripts.config.site import load_site
    from gpuaas_scripts.evidence.parse import parse

    site = load_site("example", ROOT)
    machines = {machine.hostname: machine for machine in machines_of(site)}
    assert machines["ex-slice-1"].system_id == "ex0001"
    good, bad = (parse(machines[name].runs[PREFLIGHT].stdout) for name in ("ex-slice-1", "ex-slice-2"))
    for report in (good, bad):
        assert not report.defects
        assert report.summary is not None
    slots = {node.name: node.config.slots for node in site.nodes}
    seen = {line.detail for line in good.lines if line.check == "device"}
    assert {slot.nvme for slot in slots["ex-slice-1"]} <= seen
    seen = {line.detail for line in bad.lines if line.check == "device"}
    assert [slot.nvme in seen for slot in slots["ex-slice-2"]] == [True] * 7 + [False]
    assert Trouble.REPLACED_DISK in Trouble


# --- questions on a terminal --------------------------------------------------------------------------------


@pytest.mark.parametrize(("typed", "code", "uploaded"), [(b"y\n", 0, True), (b"\n", 0, False), (b"n\n", 0, False)])
def test_a_question_on_a_terminal(tmp_path: Path, typed: bytes, code: int, uploaded: bool) -> None:
    with StandIn() as lab:
        world = prepare(repository(tmp_path), lab)
        main, side = pty.openpty()
        try:
            words = ["upload", "--site", "lab", "--url", lab.url]
            with subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *words],
                cwd=world.repo.root,
                env=environment(tmp_path),
                stdin=side,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            ) as process:
                os.write(main, typed)
                out, err = process.communicate(timeout=60)
        finally:
            os.close(main)
            os.close(side)
        assert process.returncode == code, out + err
        assert "create 2 scripts, give or create 7 tags. Go on? [y/N]" in err
        assert bool(lab.faults.writes) is uploaded
