"""gpuaas-gen upload and drift: after an upload MAAS holds what the repository says, and nothing else was touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support import only_own_templates, repository
from upload_support import BODY, OTHER, SCRIPT, YAML, prepare, results_of

from gpuaas_scripts.cli.console import Console
from gpuaas_scripts.lab.maas import PLAIN, StandIn
from gpuaas_scripts.maas.stamp import marker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from upload_support import World

pytestmark = pytest.mark.process

TAGS = {"gpuaas-profile-worker", "gpuaas-profile-bare", "rack-a"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("gpuaas_scripts.sinks.maas_session._MAX_WAIT_S", 0.01)
    with StandIn() as lab:
        yield prepare(repository(tmp_path), lab)


def machine_tags(world: World, system_id: str) -> set[str]:
    return world.lab.region.machines.machines[system_id].tags


def test_a_dry_run_changes_nothing_and_exits_3(world: World) -> None:
    ran = world.gen("upload", "--dry-run")
    assert ran.code == 3
    assert f"create     {SCRIPT}  (generated/lab/maas/{SCRIPT}.sh: " in ran.out
    assert f"create     {OTHER}" in ran.out
    assert world.lab.faults.writes == 0
    world.upload()
    ran = world.gen("upload", "--dry-run")
    assert (ran.code, ran.out) == (0, "no id      n3: no maas.system_id, so no tags are given\nunchanged  2 scripts\n")
    assert "nothing to do" in ran.err


def test_an_upload_brings_scripts_and_tags_and_is_read_back(world: World) -> None:
    ran = world.upload()
    for name in (SCRIPT, OTHER):
        script = world.held(name)
        assert script.content == world.content(name)
        assert marker("lab") in script.fields.tags
        assert f"created {name} (revision {script.head.id}), read back" in ran.out
    assert set(world.lab.region.tags.tags) >= TAGS
    assert machine_tags(world, "lab001") == {"gpuaas-profile-worker", "rack-a"}
    assert machine_tags(world, "lab002") == {"gpuaas-profile-worker", "rack-a"}
    assert machine_tags(world, "lab003") == set()
    assert world.verdicts() == {SCRIPT: "unchanged", OTHER: "unchanged"}


def test_a_second_upload_writes_nothing(world: World) -> None:
    world.upload()
    world.lab.faults.clear()
    data = world.upload_json()
    assert (world.lab.faults.writes, world.lab.faults.total) == (0, 4)
    assert [item["verdict"] for item in data["scripts"]] == ["unchanged", "unchanged"]
    assert data["applied"] is None


def test_the_comment_says_where_it_comes_from(world: World) -> None:
    world.upload()
    stamp = world.held().head.stamp
    assert stamp is not None
    assert (stamp.site, stamp.commit) == ("lab", "unknown")  # no git repository


def test_a_tree_that_is_not_rendered_is_not_sent(world: World) -> None:
    world.repo.edit(BODY, "hello_say", "hello_say  ")
    ran = world.gen("upload", "--yes")
    assert ran.code == 2
    assert "generated/lab is not what the sources give (2 changes)" in ran.err
    assert "gpuaas-gen render --site lab" in ran.err
    assert world.lab.faults.total == 0
    world.render()
    world.repo.write(f"generated/lab/maas/{SCRIPT}.sh", "#!/bin/sh\n")
    assert world.gen("upload", "--yes").code == 2
    assert world.lab.faults.total == 0


# --- the quirks, each as a user meets it -------------------------------------------------------------------


def change(world: World, path: str, old: str, new: str) -> None:
    world.repo.edit(path, old, new)
    world.render()


def test_a_removed_key_is_set_back_and_was_said(world: World) -> None:
    change(world, YAML, "  title: Lab inventory\n", "  title: Lab inventory\n  may_reboot: true\n")
    world.upload()
    assert world.held().fields.may_reboot
    change(world, YAML, "  may_reboot: true\n", "")
    ran = world.upload()
    assert "may_reboot: true → false   (MAAS would keep it silently; a reset is sent)" in ran.out
    assert not world.held().fields.may_reboot


def test_changed_tags_and_timeout_reach_maas(world: World) -> None:
    world.upload()
    change(world, YAML, 'timeout: "00:05:00"', 'timeout: "00:07:00"\n  tags: [new]')
    ran = world.upload()
    assert "timeout: 300 → 420   (MAAS ignores it in the script; sent as a field)" in ran.out
    assert world.held().fields.timeout.total_seconds() == 420
    assert world.held().fields.tags == {"new", marker("lab")}
    assert '+# timeout: "00:07:00"' in ran.out


def rename(world: World) -> str:
    new = "42-lab-renamed"
    folder = world.repo.root / "templates" / "scripts"
    (folder / OTHER).rename(folder / new)
    change(world, "site-configs/sites/lab.yaml", OTHER, new)
    return new


def test_a_renamed_script_is_kept_under_its_old_name_until_it_is_pruned(world: World) -> None:
    world.upload()
    new = rename(world)
    ran = world.upload()
    assert (
        f"leftover   {OTHER}\n    no longer in the site; --prune deletes it, and all its results go with it" in ran.out
    )
    assert world.held(OTHER).content
    assert world.held(new).content == world.content(new)
    assert world.gen("drift").code == 3
    ran = world.upload("--prune")
    assert f"deleted {OTHER}, read back" in ran.out
    assert world.verdicts() == {SCRIPT: "unchanged", new: "unchanged"}
    with pytest.raises(KeyError):
        world.held(OTHER)
    assert world.gen("drift").code == 0


def test_windows_line_ends_in_maas_are_no_change(world: World) -> None:
    world.upload()
    world.ask("PUT", f"scripts/{SCRIPT}", content=world.content().replace("\n", "\r\n"))
    assert world.gen("drift").code == 0
    assert len(world.held().revisions) == 1


def test_a_foreign_script_of_the_same_name_is_left_alone_until_it_is_adopted(world: World) -> None:
    theirs = world.content().replace("hello_say", "echo theirs")
    world.ask("POST", "scripts/", content=theirs)
    ran = world.upload("--prune", "--force", code=1)
    assert f"foreign    {SCRIPT}" in ran.out
    assert "not from gpuaas-gen; --adopt takes it over" in ran.out
    assert world.held().content == theirs
    assert world.held(OTHER).content == world.content(OTHER)  # the rest is done
    world.upload("--adopt")
    assert (world.held().content, len(world.held().revisions)) == (world.content(), 2)
    assert world.gen("drift").code == 0


def test_a_default_scripts_name_is_refused(world: World) -> None:
    folder = world.repo.root / "templates" / "scripts"
    (folder / OTHER).rename(folder / "smartctl-validate")
    change(world, "site-configs/sites/lab.yaml", OTHER, "smartctl-validate")
    before = world.held("smartctl-validate")
    ran = world.upload("--force", "--adopt", "--prune", code=1)
    assert "builtin    smartctl-validate\n    MAAS has a script of its own by this name" in ran.out
    assert world.held("smartctl-validate") == before


def test_text_beyond_ascii_arrives(world: World) -> None:
    change(world, YAML, "title: Lab inventory", "title: Größe ✓ 火")
    change(world, BODY, "main() {", "# naïve ✓\nmain() {")
    world.upload()
    assert world.held().fields.title == "Größe ✓ 火"
    assert world.held().content == world.content()
    assert world.gen("drift").code == 0


def test_another_sites_script_is_a_conflict(world: World) -> None:
    world.ask("POST", "scripts/", content=world.content())
    world.ask("POST", f"scripts/{SCRIPT}?op=add_tag", tag=marker("other"))
    before = world.held()
    ran = world.upload("--force", "--adopt", "--prune", code=1)
    assert f"conflict   {SCRIPT}\n    marked as a script of site other" in ran.out
    assert world.held() == before


EDITS: dict[str, Callable[[World], object]] = {
    "content": lambda world: world.ask("PUT", f"scripts/{SCRIPT}", content=world.content().replace("hello", "bye")),
    "timeout": lambda world: world.ask("PUT", f"scripts/{SCRIPT}", timeout="7"),
    "tag": lambda world: world.ask("POST", f"scripts/{SCRIPT}?op=add_tag", tag="mine"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_change_by_hand_is_drift_and_needs_force(world: World, edit: str) -> None:
    world.upload()
    EDITS[edit](world)
    before = world.held()
    ran = world.upload(code=3)
    assert f"drift      {SCRIPT}\n    changed in MAAS since the last upload; --force overwrites it" in ran.out
    assert world.held() == before
    assert world.gen("drift").code == 3
    world.upload("--force")
    assert world.gen("drift").code == 0
    assert len(world.held().revisions) >= len(before.revisions)


def test_results_and_history_stay(world: World) -> None:
    world.upload()
    world.ask("POST", "machines/lab001/?op=commission", testing_scripts="none")
    world.ask("GET", "machines/lab001/")
    assert SCRIPT in results_of(world)
    change(world, BODY, "hello_say", "hello_say 1")
    world.upload()
    assert SCRIPT in results_of(world)
    assert len(world.held().revisions) == 2


# --- pruning -----------------------------------------------------------------------------------------------


def test_a_withheld_script_is_neither_sent_nor_pruned(world: World) -> None:
    world.repo.edit(YAML, "settings:\n", "settings:\n  REGION: {from: site.maas.url, description: x}\n")
    change(world, BODY, 'hello_say "', 'hello_say "$REGION" "')
    world.upload()
    change(world, "site-configs/sites/lab.yaml", 'url: "http://192.0.2.2:5240/MAAS/"', "url: to-be-approved")
    ran = world.upload("--prune")
    assert f"withheld   {SCRIPT}\n    waits for approved values: site.maas.url" in ran.out
    assert world.held().content
    assert world.gen("upload", "--yes", "--script", SCRIPT).code == 2


def test_prune_takes_a_script_that_was_edited_only_by_force(world: World) -> None:
    world.upload()
    world.ask("PUT", f"scripts/{OTHER}", content=world.content(OTHER).replace("hello_say second", "hello_say"))
    change(world, "site-configs/sites/lab.yaml", f", {OTHER}", "")
    ran = world.upload("--prune")
    assert "changed by hand since our last upload; --prune --force deletes it" in ran.out
    assert world.held(OTHER).content
    world.upload("--prune", "--force")
    with pytest.raises(KeyError):
        world.held(OTHER)


def test_prune_touches_only_what_carries_the_sites_marker(world: World) -> None:
    world.ask("POST", "scripts/", content=world.content(OTHER).replace(OTHER, "50-theirs"))
    world.ask("POST", "scripts/", content=world.content(OTHER).replace(OTHER, "50-others"))
    world.ask("POST", "scripts/50-others?op=add_tag", tag=marker("lab-2"))
    world.ask("POST", "scripts/maas-lshw?op=add_tag", tag=marker("lab"))
    world.upload("--prune", "--force")
    assert world.held("50-theirs").content
    assert world.held("50-others").content
    assert world.held("maas-lshw").content


# --- one script --------------------------------------------------------------------------------------------


def test_one_script_only(world: World) -> None:
    world.upload("--script", OTHER)
    assert world.held(OTHER).content
    with pytest.raises(KeyError):
        world.held(SCRIPT)
    assert "gpuaas-profile-worker" not in world.lab.region.tags.tags
    ran = world.gen("upload", "--yes", "--script", "41-lab-secon")
    assert ran.code == 2
    assert f"no script '41-lab-secon'\n  hint: did you mean '{OTHER}'?" in ran.err


def test_one_script_does_not_make_the_others_leftovers(world: World) -> None:
    world.upload()
    world.upload("--script", OTHER, "--prune", "--force")
    assert world.held(SCRIPT).content
    new = rename(world)
    world.upload("--script", new, "--prune", "--force")
    assert world.held(OTHER).content  # a leftover that was not named
    world.upload("--script", OTHER, "--prune", "--force")
    with pytest.raises(KeyError):
        world.held(OTHER)


# --- tags --------------------------------------------------------------------------------------------------


def test_a_conflicting_profile_tag_is_a_problem_and_stays(world: World) -> None:
    machine_tags(world, "lab001").add("gpuaas-profile-bare")
    ran = world.upload(code=1)
    assert "n1 (lab001) carries gpuaas-profile-bare in MAAS, but its profile here is worker" in ran.out
    assert machine_tags(world, "lab001") == {"gpuaas-profile-bare"}
    assert "gpuaas-profile-worker" in machine_tags(world, "lab002")
    assert world.gen("drift").code == 3


def test_a_system_id_of_another_machine_is_a_problem(world: World) -> None:
    world.lab.region.machines.machines["lab001"].hostname = "somebody"
    ran = world.upload(code=1)
    assert "the system id lab001 of n1 is that of somebody in MAAS, not of n1" in ran.out
    assert machine_tags(world, "lab001") == set()


def test_a_system_id_that_maas_does_not_know_is_a_problem(world: World) -> None:
    del world.lab.region.machines.machines["lab002"]
    ran = world.upload(code=1)
    assert "site-configs/nodes/lab/n2.yaml: MAAS has no machine with the system id lab002 of n2" in ran.out


def test_kernel_options_and_definitions_of_profile_tags_are_problems(world: World) -> None:
    world.upload()
    world.ask("PUT", "tags/gpuaas-profile-worker/", kernel_opts="intel_iommu=on")
    world.ask("PUT", "tags/gpuaas-profile-bare/", definition="//node")
    ran = world.upload(code=1)
    assert "its kernel options 'intel_iommu=on' reach every boot" in ran.out
    assert "MAAS gives it by the definition '//node'" in ran.out


def test_a_tag_that_maas_gives_by_itself_is_not_given(world: World) -> None:
    world.upload()
    world.ask("PUT", "tags/gpuaas-profile-worker/", definition="//node")
    machine_tags(world, "lab001").discard("gpuaas-profile-worker")
    world.lab.faults.clear()
    world.upload(code=1)
    assert world.lab.faults.writes == 0


def test_a_file_that_changes_while_it_is_read_is_not_sent(world: World) -> None:
    from gpuaas_scripts.cli.tree_state import require_rendered
    from gpuaas_scripts.errors import GpuaasError

    console = Console(world.repo.root)
    with only_own_templates():
        tree = require_rendered(console, "lab", world.repo.root)
    entry = next(entry for entry in tree.manifest["artifacts"] if entry["path"] == f"maas/{SCRIPT}.sh")
    assert tree.content(entry).decode() == world.content()
    world.repo.write(f"generated/lab/maas/{SCRIPT}.sh", "#!/bin/sh\n")
    with pytest.raises(GpuaasError, match="changed while it was read"):
        tree.content(entry)


# --- asking ------------------------------------------------------------------------------------------------


def test_nobody_is_asked_where_there_is_no_terminal(world: World) -> None:
    ran = world.gen("upload")
    assert ran.code == 2
    assert "give --yes" in ran.err
    assert world.lab.faults.writes == 0
    ran = world.gen("upload", "--json")
    assert ran.code == 2
    assert "--json needs --yes or --dry-run" in ran.err


def answering(monkeypatch: pytest.MonkeyPatch, *answers: bool, meanwhile: Callable[[], object] = int) -> list[str]:
    """Answer the questions; the list gets them."""
    asked: list[str] = []

    def agreed(_console: Console, question: str, *, yes: bool) -> bool:
        assert not yes
        asked.append(question)
        meanwhile()
        return answers[len(asked) - 1]

    monkeypatch.setattr(Console, "agreed", agreed)
    return asked


def test_a_refusal_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, False)
    ran = world.gen("upload")
    assert (ran.code, world.lab.faults.writes) == (0, 0)
    assert "nothing was changed" in ran.err
    assert asked == ["create 2 scripts, give or create 7 tags. Go on?"]


def test_an_agreement_is_carried_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, True)
    assert world.gen("upload").code == 0
    assert world.gen("drift").code == 0


@pytest.mark.parametrize("second", [True, False])
def test_a_deletion_is_asked_for_by_itself(world: World, monkeypatch: pytest.MonkeyPatch, second: bool) -> None:
    world.upload()
    new = rename(world)
    asked = answering(monkeypatch, True, second)
    assert world.gen("upload", "--prune").code == 0
    assert asked == [
        "create 1 script. Go on?",
        f"delete {OTHER} from MAAS, with all results that machines ever gave for it. Go on?",
    ]
    assert world.held(new).content
    names = {item["name"] for item in world.ask("GET", "scripts/")}
    assert (OTHER in names) is not second


def test_what_moved_while_it_was_asked_is_not_overwritten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.upload()
    change(world, BODY, "hello_say", "hello_say 1")
    answering(monkeypatch, True, meanwhile=lambda: EDITS["timeout"](world))
    ran = world.gen("upload")
    assert ran.code == 3
    assert "MAAS changed since the plan was shown; nothing was done" in ran.err
    assert world.held().fields.timeout.total_seconds() == 7


def test_who_may_not_write_is_told_before_being_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch)
    ran = world.gen("upload", key=PLAIN.key)
    assert (ran.code, asked) == (4, [])
    assert "user 'plain' is no administrator of MAAS" in ran.err
    assert world.gen("upload", "--dry-run", key=PLAIN.key).code == 3
    assert world.gen("drift", key=PLAIN.key).code == 3


# --- JSON --------------------------------------------------------------------------------------------------


def test_json_tells_the_plan_and_what_was_done(world: World) -> None:
    world.upload()
    change(world, YAML, 'timeout: "00:05:00"', 'timeout: "00:07:00"')
    data = world.upload_json()
    first = next(item for item in data["scripts"] if item["name"] == SCRIPT)
    assert first["verdict"] == "update"
    assert first["fields"] == [{"name": "timeout", "held": "300", "wanted": "420", "kept_by_maas": True}]
    assert first["diff"].startswith("--- maas/")
    assert data["applied"]["ok"] is True
    assert [item["name"] for item in data["applied"]["scripts"]] == [SCRIPT]
    assert data["applied"]["scripts"][0]["revision"] == world.held().head.id
    ran = world.gen("upload", "--dry-run", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["maas"] == {"url": world.lab.url.rstrip("/"), "version": "3.7.3"}


def test_drift_says_what_is_not_uploaded_yet(world: World) -> None:
    ran = world.gen("drift")
    assert ran.code == 3
    assert "to mend: gpuaas-gen upload --site lab" in ran.err
    assert world.lab.faults.writes == 0
    assert json.loads(world.gen("drift", "--json").out)["drift"] is True
    world.upload()
    ran = world.gen("drift")
    assert (ran.code, "no drift" in ran.err) == (0, True)
