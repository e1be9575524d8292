"""gpuaas-gen upload when the network fails: the same command again does the rest, and nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import repository
from upload_support import BODY, OTHER, SCRIPT, YAML, prepare, results_of

import gpuaas_scripts
from gpuaas_scripts.lab.maas import ADMIN, StandIn
from gpuaas_scripts.lab.maas_faults import Fault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from upload_support import World

pytestmark = pytest.mark.process

NEW = "42-lab-new"
WORK = ("upload", "--yes", "--prune")
REQUESTS = 13
"""How many requests the upload of `changed` takes: version, 3 lists, 3 scripts, 3 about tags, 3 lists again."""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("gpuaas_scripts.sinks.maas_session._MAX_WAIT_S", 0.01)
    with StandIn() as lab:
        yield changed(prepare(repository(tmp_path), lab))


def changed(world: World) -> World:
    """Two scripts uploaded and run; then one is to be updated, one created, one deleted, and a node gets its id."""
    world.upload()
    world.ask("POST", "machines/lab001/?op=commission", testing_scripts=OTHER)
    world.ask("GET", "machines/lab001/")
    assert SCRIPT in results_of(world)
    for name in ("script.yaml", "body.sh"):
        world.repo.write(f"templates/scripts/{NEW}/{name}", world.repo.read(f"templates/scripts/{OTHER}/{name}"))
    world.repo.edit("site-configs/sites/lab.yaml", OTHER, NEW)
    world.repo.edit(BODY, "hello_say", "hello_say again")
    world.repo.edit(YAML, 'timeout: "00:05:00"', 'timeout: "00:07:00"')
    world.repo.edit(
        "site-configs/nodes/lab/n3.yaml", "profile: bare\n", "profile: bare\nmaas: {system_id: lab003, tags: [b]}\n"
    )
    world.render()
    world.lab.faults.clear()
    return world


def test_a_clean_run_takes_so_many_requests(world: World) -> None:
    ran = world.gen(*WORK)
    assert ran.code == 0, ran.both
    assert world.lab.faults.total == REQUESTS
    settled(world)


def settled(world: World) -> None:
    """MAAS holds what the repository says, nothing twice, and no result and no revision was lost."""
    assert world.gen("drift").code == 0
    names = [item["name"] for item in world.ask("GET", "scripts/")]
    assert len(names) == len(set(names))
    assert not {OTHER} & set(names)
    assert [len(world.held(name).revisions) for name in (SCRIPT, NEW)] == [2, 1]
    assert world.held().content == world.content()
    assert world.lab.region.machines.machines["lab003"].tags == {"gpuaas-profile-bare", "b"}
    assert SCRIPT in results_of(world)


@pytest.mark.parametrize("number", range(REQUESTS))
@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER])
def test_each_request_is_lost_in_turn(world: World, kind: FaultKind, number: int) -> None:
    world.lab.faults.add(Fault(kind, skip=number, times=1))
    ran = world.gen(*WORK)
    assert ran.code in (0, 4), ran.both
    if ran.code == 0:
        settled(world)
    assert "Traceback" not in ran.both
    again = world.gen(*WORK)
    assert again.code == 0, again.both
    settled(world)


@pytest.mark.parametrize("number", range(1, REQUESTS))
def test_maas_goes_away_and_comes_back(world: World, number: int) -> None:
    """From one request on nothing is answered any more; what is said done then is what was read back."""
    world.lab.faults.add(Fault(FaultKind.DROP_BEFORE, skip=number, times=10_000))
    ran = world.gen(*WORK)
    assert ran.code == 4, ran.both
    assert "read back" not in ran.out
    assert "error: " in ran.err
    world.lab.faults.clear()
    again = world.gen(*WORK)
    assert again.code == 0, again.both
    settled(world)


def test_what_was_not_done_is_said_with_the_reason_and_a_deletion_waits(world: World) -> None:
    world.lab.faults.add(Fault(FaultKind.BAD_GATEWAY, "PUT", times=100))
    ran = world.gen(*WORK)
    assert ran.code == 4
    assert f"created {NEW}" in ran.out
    assert f"not done: {SCRIPT}: MAAS at {world.lab.url}: PUT scripts/{SCRIPT}: 502 Bad Gateway" in ran.err
    assert f"not done: {OTHER}: kept, since not everything else was done" in ran.err
    assert "1 of 3 scripts done; the same command again does the rest" in ran.err
    assert world.held(OTHER).content
    world.lab.faults.clear()
    assert world.gen(*WORK).code == 0
    settled(world)


def test_a_lost_answer_of_a_creation_that_was_done_counts_as_done_when_it_is_seen(world: World) -> None:
    world.lab.faults.add(Fault(FaultKind.DROP_AFTER, "POST", "scripts/$"))
    ran = world.gen("upload", "--yes")
    assert ran.code == 0, ran.both
    assert f"created {NEW} (revision {world.held(NEW).head.id}), read back" in ran.out


def test_somebody_who_writes_meanwhile_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from gpuaas_scripts.sinks import maas_upload

    real = maas_upload.give_tags

    async def giving(session: object, plan: object) -> tuple[str, ...]:
        world.ask("PUT", f"scripts/{SCRIPT}", timeout="3")
        return await real(session, plan)  # type: ignore[arg-type]

    monkeypatch.setattr(maas_upload, "give_tags", giving)
    ran = world.gen("upload", "--yes")
    assert ran.code == 4
    assert f"not done: {SCRIPT}: {SCRIPT}: timeout is '3' in MAAS, wanted '420'" in ran.err


def test_a_script_that_was_right_and_is_changed_meanwhile_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gpuaas_scripts.sinks import maas_upload

    world.upload("--script", SCRIPT)
    real = maas_upload.give_tags

    async def giving(session: object, plan: object) -> tuple[str, ...]:
        world.ask("PUT", f"scripts/{SCRIPT}", timeout="3")
        return await real(session, plan)  # type: ignore[arg-type]

    monkeypatch.setattr(maas_upload, "give_tags", giving)
    ran = world.gen("upload", "--yes")
    assert ran.code == 3
    assert f"{SCRIPT}: somebody changed it in MAAS meanwhile; it is drift now" in ran.err


def test_stopped_with_control_c_says_what_was_done_and_goes_on_later(world: World) -> None:
    world.lab.faults.add(Fault(FaultKind.SLOW, "PUT", seconds=30))
    program = Path(gpuaas_scripts.__file__).parent.parent
    command = [sys.executable, "-m", "gpuaas_scripts", *WORK, "--site", "lab", "--url", world.lab.url]
    code = (
        "import sys; from unittest.mock import patch; from support import only_own_templates\n"
        "from gpuaas_scripts.cli.main import main\n"
        "with only_own_templates(): main(sys.argv[1:])\n"
    )
    command = [sys.executable, "-c", code, *command[3:]]
    environment = {**os.environ, "MAAS_API_KEY": ADMIN.key, "PYTHONPATH": f"{program}:{Path(__file__).parent}"}
    with subprocess.Popen(
        command, cwd=world.repo.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while world.lab.faults.writes < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(2)  # for the answer to the creation to arrive
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2, err
    assert f"stopped: 1 of 3 scripts were answered as done: {NEW}" in err
    assert "Traceback" not in err
    world.lab.faults.clear()
    assert world.gen(*WORK).code == 0
    settled(world)
