"""gpuaas-gen revert: an earlier content comes back as a new revision, and no revision and no result is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import repository
from upload_support import BODY, OTHER, SCRIPT, YAML, prepare, results_of

from gpuaas_scripts.cli.console import Console
from gpuaas_scripts.lab.maas import PLAIN, StandIn
from gpuaas_scripts.lab.maas_faults import Fault, FaultKind
from gpuaas_scripts.maas.stamp import marker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from upload_support import World

pytestmark = pytest.mark.process


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Two uploads: the second with another body, another timeout and a key less."""
    monkeypatch.setattr("gpuaas_scripts.sinks.maas_session._MAX_WAIT_S", 0.01)
    with StandIn() as lab:
        world = prepare(repository(tmp_path), lab)
        world.repo.edit(YAML, "  title: Lab inventory\n", "  title: Lab inventory\n  may_reboot: true\n")
        world.render()
        world.upload()
        world.repo.edit(YAML, "  may_reboot: true\n", "")
        world.repo.edit(YAML, "00:05:00", "00:07:00")
        world.repo.edit(BODY, "hello_say", "hello_say again")
        world.render()
        world.upload()
        yield world


def test_the_content_before_comes_back_with_its_fields_as_a_new_revision(world: World) -> None:
    world.ask("POST", "machines/lab001/?op=commission", testing_scripts="none")
    world.ask("GET", "machines/lab001/")
    before = world.held()
    ran = world.gen("revert", SCRIPT, "--yes")
    assert ran.code == 0, ran.both
    after = world.held()
    assert after.content == before.revisions[1].content
    assert [revision.id for revision in after.revisions[1:]] == [revision.id for revision in before.revisions]
    assert (after.fields.may_reboot, after.fields.timeout.total_seconds()) == (True, 300)
    assert SCRIPT in results_of(world)
    assert f"content of revision {before.revisions[1].id} is back, as revision {after.head.id}; read back" in ran.out
    assert '-  hello_say again "$HARDWARE_CLASSES"' in ran.out
    assert "timeout: 420 → 300" in ran.out
    assert "the next `gpuaas-gen upload --site lab` brings the repository's content again" in ran.err


def test_the_next_upload_is_an_update_and_no_drift(world: World) -> None:
    world.gen("revert", SCRIPT, "--yes")
    assert world.verdicts()[SCRIPT] == "update"
    world.upload()
    assert world.held().content == world.content()
    assert len(world.held().revisions) == 4
    assert world.gen("drift").code == 0


def test_a_revision_by_its_number(world: World) -> None:
    first, second = world.held().revisions[1].id, world.held().head.id
    world.gen("revert", SCRIPT, "--yes")
    ran = world.gen("revert", SCRIPT, "--to", str(second), "--yes")
    assert ran.code == 0, ran.both
    assert world.held().content == world.content()
    ran = world.gen("revert", SCRIPT, "--to", str(second), "--yes")
    assert "nothing to do" in ran.err
    ran = world.gen("revert", SCRIPT, "--to", "1", "--yes")
    assert ran.code == 2
    assert f"has no revision 1; there are: {world.held().head.id}, " in ran.err
    listed = world.gen("revert", SCRIPT, "--list").out.splitlines()
    assert len(listed) == 4
    assert "(current)" in listed[0]
    assert [int(line.split()[0]) for line in listed[2:]] == [second, first]


def test_a_revision_by_hand_is_undone(world: World) -> None:
    mine = world.held().content
    world.ask("PUT", f"scripts/{SCRIPT}", content=mine.replace("hello_say", "echo"), comment="try")
    assert world.verdicts()[SCRIPT] == "drift"
    assert world.gen("revert", SCRIPT, "--yes").code == 0
    assert world.held().content == mine
    assert world.gen("drift").code == 0


def test_it_asks_and_a_refusal_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = world.held()
    assert world.gen("revert", SCRIPT).code == 2  # nobody can be asked
    monkeypatch.setattr(Console, "agreed", lambda *_words, **_more: False)
    ran = world.gen("revert", SCRIPT)
    assert (ran.code, "nothing was changed" in ran.err) == (0, True)
    assert world.held() == before


def test_what_moved_while_it_was_asked_is_not_overwritten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def agreed(*_words: object, **_more: object) -> bool:
        world.ask("PUT", f"scripts/{SCRIPT}", timeout="9")
        return True

    monkeypatch.setattr(Console, "agreed", agreed)
    ran = world.gen("revert", SCRIPT)
    assert (ran.code, "MAAS changed since the diff was shown" in ran.err) == (3, True)
    assert len(world.held().revisions) == 2


def test_scripts_that_are_not_the_sites_are_left_alone(world: World) -> None:
    for name in ("50-theirs", "50-others"):
        world.ask("POST", "scripts/", content=world.content().replace(SCRIPT, name))
        world.ask("PUT", f"scripts/{name}", content=world.content().replace(SCRIPT, name) + "# more\n")
    world.ask("POST", "scripts/50-others?op=add_tag", tag=marker("other"))
    for name, why in (
        ("50-theirs", "is not from gpuaas-gen"),
        ("50-others", "is marked as a script of site other"),
        ("maas-lshw", "is MAAS's own"),
    ):
        before = world.held(name)
        ran = world.gen("revert", name, "--yes")
        assert (ran.code, f"script {name} {why}; nothing was done" in ran.err) == (1, True), ran.both
        assert world.held(name) == before


def test_nothing_to_go_back_to(world: World) -> None:
    ran = world.gen("revert", OTHER, "--yes")
    assert (ran.code, f"script {OTHER} has no earlier content in MAAS" in ran.err) == (2, True)
    ran = world.gen("revert", "40-lab-inventor", "--yes")
    assert (ran.code, f"did you mean '{SCRIPT}'" in ran.err) == (2, True)


def test_content_that_cannot_be_put_back(world: World) -> None:
    first = world.held().content
    world.ask("PUT", f"scripts/{SCRIPT}", content="")
    empty = world.held().head.id
    world.ask("PUT", f"scripts/{SCRIPT}", content=first)
    ran = world.gen("revert", SCRIPT, "--to", str(empty), "--yes")
    assert (ran.code, "the script is empty" in ran.err) == (2, True)
    assert world.held().content == first


@pytest.mark.parametrize("kind", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.BAD_GATEWAY_AFTER])
@pytest.mark.parametrize("number", range(7))
def test_each_request_is_lost_in_turn(world: World, kind: FaultKind, number: int) -> None:
    wanted = world.held().revisions[1]
    world.lab.faults.clear()
    world.lab.faults.add(Fault(kind, skip=number, times=1))
    ran = world.gen("revert", SCRIPT, "--to", str(wanted.id), "--yes")
    assert ran.code == 0, ran.both  # all are safe to repeat
    assert world.held().content == wanted.content
    assert len(world.held().revisions) == 3


def test_who_may_not_write(world: World) -> None:
    before = world.held()
    ran = world.gen("revert", SCRIPT, "--yes", key=PLAIN.key)
    assert (ran.code, "403 Forbidden" in ran.err) == (4, True)
    assert world.held() == before


def test_a_revert_that_does_not_arrive_is_no_success(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from gpuaas_scripts.sinks.maas_session import MaasSession

    async def nothing(_session: MaasSession, _request: object) -> None:
        return

    monkeypatch.setattr(MaasSession, "send", nothing)
    ran = world.gen("revert", SCRIPT, "--yes")
    assert (ran.code, "MAAS holds another content" in ran.err) == (4, True)
