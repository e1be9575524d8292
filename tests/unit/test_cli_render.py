"""gpuaas-gen render and validate: what they write, print and return."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from support import gen, repository
from tree_support import snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from support import Repository

pytestmark = pytest.mark.process  # shfmt reads the scripts' syntax

BASE = ("render", "--site", "lab")
TREE = "generated/lab"


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return repository(tmp_path)


@pytest.fixture
def rendered(repo: Repository) -> Repository:
    assert gen(*BASE, root=repo.root).code == 0
    return repo


def test_render_writes_every_artifact_that_is_not_withheld(repo: Repository) -> None:
    ran = gen(*BASE, root=repo.root)
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("generated/lab: ")
    assert "3 withheld" in ran.err
    files = {path for path, what in snapshot(repo.root / TREE).items() if what != ("folder", 0o755)}
    assert files == {
        "MANIFEST.json",
        "maas/40-lab-inventory.sh",
        "profiles/bare/user-data.yaml",
        "profiles/worker/root/etc/motd.d/lab",
        "profiles/worker/root/etc/systemd/system/lab-hello.service",
        "profiles/worker/root/usr/local/sbin/lab-hello",
        "profiles/worker/user-data.yaml",
        "nodes/n1/root/etc/gpuaas/node.env",
        "nodes/n1/root/etc/lab/fabric",
        "nodes/n1/user-data.yaml",
        "nodes/n2/root/etc/gpuaas/node.env",
        "nodes/n3/root/etc/gpuaas/node.env",
        "nodes/n3/user-data.yaml",
    }
    assert "readonly BRIDGE_NAME='br-lab'" in repo.read(f"{TREE}/profiles/worker/root/usr/local/sbin/lab-hello")


def test_a_second_render_has_nothing_to_do(rendered: Repository) -> None:
    before = snapshot(rendered.root / TREE)
    ran = gen(*BASE, root=rendered.root)
    assert ran.code == 0
    assert "nothing to do" in ran.err
    assert snapshot(rendered.root / TREE) == before


def test_verbose_lists_the_changes(repo: Repository) -> None:
    ran = gen(*BASE, "--verbose", root=repo.root)
    assert "missing: generated/lab/maas/40-lab-inventory.sh" in ran.out.splitlines()


def test_nothing_is_written_when_anything_is_wrong(repo: Repository) -> None:
    repo.edit("site-configs/nodes/lab/n3.yaml", "bare", "bear")
    ran = gen(*BASE, root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert "site-configs/nodes/lab/n3.yaml:1:10: error[GS111]" in ran.err
    assert "nothing was done" in ran.err
    assert not (repo.root / "generated").exists()


def test_a_value_that_a_template_cannot_take_keeps_the_tree_as_it_was(rendered: Repository) -> None:
    before = snapshot(rendered.root / TREE)
    rendered.edit("templates/files/lab-motd/content.j2", "a lab machine", "{{ NOWHERE }}")
    rendered.edit("site-configs/sites/lab.yaml", "br-lab", "br-other")
    ran = gen(*BASE, root=rendered.root)
    assert ran.code == 2
    assert "templates/files/lab-motd/content.j2" in ran.err
    assert snapshot(rendered.root / TREE) == before


def test_check_of_an_equal_tree(rendered: Repository) -> None:
    ran = gen(*BASE, "--check", root=rendered.root)
    assert (ran.code, ran.out) == (0, "")
    assert "up to date" in ran.err


def test_check_names_what_differs_and_changes_nothing(rendered: Repository) -> None:
    tree = rendered.root / TREE
    (tree / "nodes/n1/user-data.yaml").unlink()
    rendered.write(f"{TREE}/nodes/gone/root/etc/gpuaas/node.env", "stale\n")
    rendered.write(f"{TREE}/maas/40-lab-inventory.sh", "edited\n")
    (tree / "profiles/worker/root/etc/motd.d/lab").chmod(0o755)
    before = snapshot(tree)
    ran = gen(*BASE, "--check", root=rendered.root)
    assert ran.code == 3
    assert [line.partition(" (")[0] for line in ran.out.splitlines()] == [
        f"content: {TREE}/maas/40-lab-inventory.sh",
        f"extra: {TREE}/nodes/gone/root/etc/gpuaas/node.env",
        f"missing: {TREE}/nodes/n1/user-data.yaml",
        f"mode: {TREE}/profiles/worker/root/etc/motd.d/lab",
    ]
    assert "to mend: gpuaas-gen render --site lab" in ran.err
    assert snapshot(tree) == before


def test_check_of_a_tree_that_is_not_there(repo: Repository) -> None:
    assert gen(*BASE, "--check", root=repo.root).code == 3
    assert not (repo.root / "generated").exists()


def test_diff_shows_an_edit_as_a_unified_diff(rendered: Repository) -> None:
    before = snapshot(rendered.root / TREE)
    rendered.edit("site-configs/sites/lab.yaml", "br-lab", "br-new")
    ran = gen(*BASE, "--diff", root=rendered.root)
    assert ran.code == 3
    lines = ran.out.splitlines()
    script = f"{TREE}/profiles/worker/root/usr/local/sbin/lab-hello"
    start = lines.index(f"--- a/{script}")
    assert lines[start + 1] == f"+++ b/{script}"
    assert "-readonly BRIDGE_NAME='br-lab'" in lines[start:]
    assert "+readonly BRIDGE_NAME='br-new'" in lines[start:]
    assert snapshot(rendered.root / TREE) == before


def test_diff_of_an_equal_tree_is_empty(rendered: Repository) -> None:
    ran = gen(*BASE, "--diff", root=rendered.root)
    assert (ran.code, ran.out) == (0, "")


def test_diff_shows_what_many_nodes_share_once(repo: Repository) -> None:
    for number in range(4, 24):
        repo.write(f"site-configs/nodes/lab/n{number:02}.yaml", "profile: bare\n")
    note = "".join(f"line {number}\n" for number in range(9))
    repo.write("templates/files/lab-note/file.yaml", "description: A note\nscope: node\npath: /etc/lab/note\n")
    repo.write("templates/files/lab-note/content.j2", note)
    repo.edit("site-configs/profiles/bare.yaml", "role:", "artifacts: {files: [lab-note]}\nrole:")
    assert gen(*BASE, root=repo.root).code == 0
    repo.edit("templates/files/lab-note/content.j2", "line 6", "a shared line")
    ran = gen(*BASE, "--diff", root=repo.root)
    assert ran.code == 3
    lines = ran.out.splitlines()
    assert lines.count("+a shared line") == 1, "in the file itself"
    assert len([line for line in lines if re.fullmatch(r"\+ +a shared line", line)]) == 1, "in the user-data parts"
    names = ", ".join([*(f"n{number:02}" for number in range(4, 24)), "n3"])
    assert lines.count(f"# the same on 21 nodes: {names}") == 2
    assert f"+++ b/{TREE}/nodes/*/root/etc/lab/note" in lines
    assert f"+++ b/{TREE}/nodes/*/user-data.yaml" in lines


def test_a_file_that_the_kernel_runs_begins_with_its_interpreter(repo: Repository) -> None:
    repo.write("templates/files/lab-motd/content.j2", "#!/bin/sh\necho a lab machine\n")
    assert gen("render", "--site", "lab", root=repo.root).code == 0
    first, second, *_, last = repo.read("generated/lab/profiles/worker/root/etc/motd.d/lab").splitlines()
    assert (first, last) == ("#!/bin/sh", "echo a lab machine")
    assert second.startswith("# Generated by gpuaas-gen")


def test_diff_names_created_and_removed_files(rendered: Repository) -> None:
    (rendered.root / "site-configs/nodes/lab/n3.yaml").unlink()
    rendered.write("site-configs/nodes/lab/n4.yaml", "profile: worker\nnetwork: {fabric: {address: 10.30.0.4/16}}\n")
    lines = gen(*BASE, "--diff", root=rendered.root).out.splitlines()
    removed = lines.index(f"--- a/{TREE}/nodes/n3/root/etc/gpuaas/node.env")
    assert lines[removed + 1] == "+++ /dev/null"
    created = lines.index(f"+++ b/{TREE}/nodes/n4/root/etc/gpuaas/node.env")
    assert lines[created - 1] == "--- /dev/null"


def test_diff_tells_a_change_that_has_no_lines(rendered: Repository) -> None:
    path = f"{TREE}/profiles/worker/root/etc/motd.d/lab"
    rendered.write(path, rendered.read(path).rstrip("\n"))
    (rendered.root / TREE / "maas/40-lab-inventory.sh").chmod(0o644)
    ran = gen(*BASE, "--diff", root=rendered.root)
    assert ran.code == 3
    assert f"content: {path} (empty, or only line ends differ)" in ran.out.splitlines()
    assert f"mode: {TREE}/maas/40-lab-inventory.sh" in ran.out


def test_node_replaces_only_that_nodes_files(rendered: Repository) -> None:
    rendered.edit("site-configs/sites/lab.yaml", "br-lab", "br-new")
    rendered.edit("site-configs/nodes/lab/n1.yaml", "10.30.0.1", "10.30.0.9")
    rendered.edit("site-configs/nodes/lab/n2.yaml", "to-be-approved", "10.30.0.2/16")
    before = snapshot(rendered.root / TREE)
    assert gen(*BASE, "--node", "n1", root=rendered.root).code == 0
    after = snapshot(rendered.root / TREE)
    changed = {path for path in before | after if before.get(path) != after.get(path)}
    assert changed == {"MANIFEST.json", "nodes/n1/root/etc/lab/fabric", "nodes/n1/user-data.yaml"}
    manifest = json.loads(rendered.read(f"{TREE}/MANIFEST.json"))
    files = {path for path, what in after.items() if what != ("folder", 0o755)} - {"MANIFEST.json"}
    listed = {entry["path"] for entry in manifest["artifacts"] if entry["kind"] != "user-data"}
    assert listed == files
    assert gen(*BASE, "--check", root=rendered.root).code == 3
    assert gen(*BASE, "--check", "--node", "n1", root=rendered.root).code == 0
    assert gen(*BASE, "--check", "--node", "n2", "--node", "n1", root=rendered.root).code == 3


def test_all_nodes_one_by_one_make_the_whole_tree(rendered: Repository) -> None:
    before = snapshot(rendered.root / TREE)
    rendered.edit("site-configs/nodes/lab/n1.yaml", "10.30.0.1", "10.30.0.9")
    gen(*BASE, root=rendered.root)
    whole = snapshot(rendered.root / TREE)
    rendered.edit("site-configs/nodes/lab/n1.yaml", "10.30.0.9", "10.30.0.1")
    for node in ("n1", "n2", "n3"):
        gen(*BASE, "--node", node, root=rendered.root)
    assert before != whole
    assert snapshot(rendered.root / TREE) == before


@pytest.mark.parametrize(
    "content", ['{"generator": "gpuaas-gen 0"}', '{"generator": "gpuaas-gen 0", "artifacts": [1], "withheld": []}']
)
def test_a_damaged_manifest_is_told(rendered: Repository, content: str) -> None:
    rendered.write(f"{TREE}/MANIFEST.json", content)
    ran = gen(*BASE, "--node", "n1", root=rendered.root)
    assert ran.code == 2
    assert "MANIFEST.json is damaged" in ran.err
    assert gen(*BASE, root=rendered.root).code == 0


def test_output_writes_elsewhere(repo: Repository, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("out")
    assert gen(*BASE, "--output", str(elsewhere), root=repo.root).code == 0
    assert (elsewhere / "lab/MANIFEST.json").is_file()
    assert not (repo.root / "generated").exists()
    assert gen(*BASE, "--output", str(elsewhere), "--check", root=repo.root).code == 0


def test_assume_profile_renders_the_switch_elsewhere(
    rendered: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("out")
    ran = gen(*BASE, "--assume-profile", "n1=bare", "--output", str(elsewhere), root=rendered.root)
    assert ran.code == 0
    assert "GPUAAS_PROFILE='bare'" in (elsewhere / "lab/nodes/n1/root/etc/gpuaas/node.env").read_text()
    assert not (elsewhere / "lab/nodes/n1/root/etc/lab").exists()
    shown = gen(*BASE, "--assume-profile", "n1=bare", "--diff", root=rendered.root)
    assert shown.code == 3
    assert "+GPUAAS_PROFILE='bare'" in shown.out.splitlines()
    assert "GPUAAS_PROFILE='worker'" in rendered.read(f"{TREE}/nodes/n1/root/etc/gpuaas/node.env")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("n1=bare", "needs --output"),
        ("n1", "takes NODE=PROFILE"),
        ("=bare", "takes NODE=PROFILE"),
        ("n1=bear", "did you mean 'bare'?"),
        ("n11=bare", "did you mean 'n1'?"),
    ],
)
def test_a_wrong_assumption_is_wrong_usage(repo: Repository, value: str, says: str) -> None:
    more = () if says == "needs --output" else ("--check",)
    ran = gen(*BASE, "--assume-profile", value, *more, root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


@pytest.mark.parametrize("place", ["generated", "generated/lab"])
@pytest.mark.parametrize("mode", [(), ("--check",), ("--diff",)])
def test_a_file_where_the_tree_should_be_is_left_alone(repo: Repository, place: str, mode: tuple[str, ...]) -> None:
    repo.write(place, "mine\n")
    ran = gen(*BASE, *mode, root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert "error" in ran.err
    assert repo.read(place) == "mine\n"


def test_a_folder_that_is_not_ours_is_left_alone(repo: Repository) -> None:
    repo.write("precious/lab/data.txt", "mine\n")
    ran = gen(*BASE, "--output", "precious", root=repo.root)
    assert ran.code == 2
    assert repo.read("precious/lab/data.txt") == "mine\n"


def test_an_output_that_cannot_be_written_is_told(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    def refuse(path: object, *_rest: object, **_named: object) -> None:
        raise OSError(30, "Read-only file system", str(path))

    monkeypatch.setattr(os, "mkdir", refuse)
    ran = gen(*BASE, root=repo.root)
    assert ran.code == 2
    assert "Read-only file system" in ran.err


@pytest.mark.parametrize("mode", [(), ("--check",), ("--diff",)])
def test_json_is_alone_on_stdout(repo: Repository, mode: tuple[str, ...]) -> None:
    ran = gen(*BASE, "--json", *mode, root=repo.root)
    assert ran.code == (3 if mode else 0)
    data = json.loads(ran.out)
    assert data["site"] == "lab"
    assert data["output"] == TREE
    assert data["written"] is (mode == ())
    assert {"path": "maas/40-lab-inventory.sh", "kind": "missing", "detail": ""} in data["changes"]
    assert {"path": "nodes/n2/root/etc/lab/fabric", "missing": ["network.fabric.address"]} in data["withheld"]


def test_validate_of_a_good_site_has_warnings_only(repo: Repository) -> None:
    ran = gen("validate", "--site", "lab", root=repo.root)
    assert ran.code == 0
    assert "n2.yaml:4:21: warning[GS210]: network.fabric.address is to be approved" in ran.out
    assert ran.err == "lab: 3 nodes, 0 errors, 1 warning\n"


def test_validate_tells_all_problems_at_once_with_place_and_caret(repo: Repository) -> None:
    repo.edit("site-configs/nodes/lab/n1.yaml", "network:", "netwrk:")
    repo.edit("site-configs/nodes/lab/n3.yaml", "bare", "bear")
    repo.edit("site-configs/hardware/box.yaml", "512GiB", "512GB")
    repo.edit("templates/scripts/lab-hello/script.yaml", "scope: profile", "scope: profil")
    ran = gen("validate", "--site", "lab", root=repo.root)
    assert ran.code == 1
    for says in (
        "site-configs/nodes/lab/n1.yaml:2:1: error[GS101]: unknown key 'netwrk'",
        "did you mean 'network'?",
        "  2 | netwrk:\n    | ^^^^^^",
        "site-configs/nodes/lab/n3.yaml:1:10: error[GS111]: profile 'bear' does not exist",
        "did you mean 'bare'?",
        "site-configs/hardware/box.yaml:3:11: error[GS104]",
        "templates/scripts/lab-hello/script.yaml:2:8: error[GS104]",
    ):
        assert says in ran.out


def test_validate_json_is_alone_on_stdout(repo: Repository) -> None:
    repo.edit("site-configs/nodes/lab/n3.yaml", "bare", "bear")
    ran = gen("validate", "--site", "lab", "--json", root=repo.root)
    assert ran.code == 1
    found = json.loads(ran.out)
    assert {(one["code"], one["file"], one["line"], one["column"]) for one in found} == {
        ("GS111", "site-configs/nodes/lab/n3.yaml", 1, 10),
        ("GS210", "site-configs/nodes/lab/n2.yaml", 4, 21),
    }


def test_validate_all_tells_a_problem_of_a_shared_file_once(repo: Repository) -> None:
    repo.write("site-configs/sites/other.yaml", "description: another site\n")
    repo.write("site-configs/nodes/other/m1.yaml", "profile: bare\n")
    repo.edit("site-configs/profiles/bare.yaml", "bare-metal", "bare-mettle")
    ran = gen("validate", "--all", root=repo.root)
    assert ran.code == 1
    assert ran.out.count("GS104") == 1
    assert "lab, other:" in ran.err


def test_validate_all_looks_between_sites(repo: Repository) -> None:
    maas = 'maas: {url: "http://192.0.2.2:5240/MAAS/"}\nscripts: [40-lab-inventory]\n'
    repo.write("site-configs/sites/other.yaml", f"description: another site\n{maas}")
    assert gen("validate", "--site", "lab", root=repo.root).code == 0
    assert gen("validate", "--site", "other", root=repo.root).code == 0
    ran = gen("validate", "--all", root=repo.root)
    assert ran.code == 1
    assert "site-configs/sites/other.yaml" in ran.out


@pytest.mark.parametrize("arguments", [(), ("--site", "lab", "--all")])
def test_validate_takes_a_site_or_all(repo: Repository, arguments: tuple[str, ...]) -> None:
    ran = gen("validate", *arguments, root=repo.root)
    assert ran.code == 2
    assert "either --site NAME or --all" in ran.err


def test_validate_all_without_a_site_says_how_to_start(tmp_path: Path) -> None:
    (tmp_path / "site-configs").mkdir()
    ran = gen("validate", "--all", root=tmp_path)
    assert ran.code == 2
    assert "gpuaas-gen init site NAME" in ran.err
