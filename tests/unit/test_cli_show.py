"""gpuaas-gen show and user-data."""

from __future__ import annotations

import email
import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from support import gen, only_own_templates, repository

from gpuaas_scripts.cli import show as module
from gpuaas_scripts.cli.console import Console
from gpuaas_scripts.cli.loading import planned
from gpuaas_scripts.cli.show import size_text
from gpuaas_scripts.config.site import load_site
from gpuaas_scripts.planner import plan
from gpuaas_scripts.renderers.cloud_init import MAX_USER_DATA
from gpuaas_scripts.renderers.site import user_data

if TYPE_CHECKING:
    from pathlib import Path

    from support import Repository

pytestmark = pytest.mark.process  # shfmt reads the scripts' syntax

SCRIPT = "profiles/worker/root/usr/local/sbin/lab-hello"
MARKER = "site-configs/nodes/lab/n2.yaml:4:21"


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return repository(tmp_path)


def show(repo: Repository, *arguments: str) -> dict[str, dict[str, Any]]:
    """The JSON by path."""
    ran = gen("show", "--site", "lab", "--json", *arguments, root=repo.root)
    assert ran.code == 0, ran.err
    return {entry["path"]: entry for entry in json.loads(ran.out)}


def test_json_has_every_artifact_in_full(repo: Repository) -> None:
    shown = show(repo)
    gen("render", "--site", "lab", root=repo.root)
    tree = repo.root / "generated/lab"
    files = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if path.is_file()} - {"MANIFEST.json"}
    assert {path for path, entry in shown.items() if entry["written"]} == files
    for path in files:
        content = (tree / path).read_bytes()
        assert shown[path]["size"] == len(content)
        assert shown[path]["sha256"] == hashlib.sha256(content).hexdigest()
    assert shown[SCRIPT] == {
        "kind": "script",
        "name": "lab-hello",
        "scope": "profile",
        "owner": "worker",
        "path": SCRIPT,
        "written": True,
        "target": "/usr/local/sbin/lab-hello",
        "mode": "0755",
        "file_owner": "root:root",
        "size": shown[SCRIPT]["size"],
        "sha256": shown[SCRIPT]["sha256"],
        "purpose": "Greets the bridge",
        "source": "scripts/lab-hello",
        "sources": [
            "templates/lib/hello.sh",
            "templates/scripts/lab-hello/body.sh",
            "templates/scripts/lab-hello/script.yaml",
        ],
        "embeds": [],
        "missing": [],
        "missing_at": [],
    }


def test_json_of_what_is_withheld_names_key_and_place(repo: Repository) -> None:
    shown = show(repo)
    place = {"key": "network.fabric.address", "file": "site-configs/nodes/lab/n2.yaml", "line": 4, "column": 21}
    for path in ("nodes/n2/root/etc/lab/fabric", "nodes/n2/user-data.yaml", "nodes/n2/user-data"):
        assert shown[path]["written"] is False
        assert shown[path]["size"] is None
        assert shown[path]["missing"] == ["network.fabric.address"]
        assert shown[path]["missing_at"] == [place]


def test_user_data_has_its_size_and_limit(repo: Repository) -> None:
    entry = show(repo, "--node", "n1")["nodes/n1/user-data"]
    sent = gen("user-data", "--site", "lab", "--node", "n1", root=repo.root).bytes_out
    assert (entry["size"], entry["size_limit"]) == (len(sent), MAX_USER_DATA)
    assert entry["sha256"] == hashlib.sha256(sent).hexdigest()
    out = gen("show", "--site", "lab", "--node", "n1", root=repo.root).out
    assert f"    n1: {size_text(len(sent))} of at most 1.0 MiB" in out.splitlines()


def test_node_limits_to_what_the_node_gets(repo: Repository) -> None:
    shown = show(repo, "--node", "n1")
    assert SCRIPT in shown
    assert "maas/40-lab-inventory.sh" in shown
    assert not any(path.startswith(("nodes/n2", "nodes/n3", "profiles/bare")) for path in shown)


def test_the_table(repo: Repository) -> None:
    ran = gen("show", "--site", "lab", root=repo.root)
    lines = ran.out.splitlines()
    digest, size = (show(repo)[SCRIPT][key] for key in ("sha256", "size"))
    assert lines[0].split() == ["KIND", "SCOPE", "MODE", "SIZE", "SHA-256", "WHAT", "FOR"]
    place = lines.index(f"    {SCRIPT}")
    assert lines[place - 1].split() == [
        "script",
        "profile",
        "0755",
        str(size),
        "B",
        digest[:10],
        "Greets",
        "the",
        "bridge",
    ]
    assert lines[place + 1] == "      → /usr/local/sbin/lab-hello"
    assert f"    missing: network.fabric.address ({MARKER})" in lines
    assert "withheld: file, node: Address on the fabric" in lines


def test_the_table_fits_the_terminal(repo: Repository) -> None:
    with only_own_templates():
        made = planned("lab", repo.root).plan
    shown = module._shown(Console(repo.root), made, None)
    wide = list(module._lines(made, shown, None))
    narrow = list(module._lines(made, shown, 50))
    assert max(map(len, wide)) > 80
    assert all(len(line) <= 50 for line in narrow if not line.startswith("    missing:"))
    cut = next(line for line in narrow if "profiles" in line and "…" in line)
    assert cut.startswith("    profiles/worker/")
    assert cut.endswith("ab-hello.service")


def test_a_marker_of_the_site_or_profile_or_class_is_found(repo: Repository) -> None:
    repo.edit("site-configs/sites/lab.yaml", "name: br-lab", "name: to-be-approved")
    repo.edit("templates/files/lab-fabric/file.yaml", "from: network.fabric.address", "from: hardware.memory")
    repo.edit("site-configs/hardware/box.yaml", "512GiB", "to-be-approved")
    repo.edit("templates/scripts/40-lab-inventory/script.yaml", "settings:", "settings:\n  URL: {from: site.maas.url}")
    repo.edit("templates/scripts/40-lab-inventory/body.sh", '"$HARDWARE_CLASSES"', '"$HARDWARE_CLASSES$URL"')
    repo.edit("site-configs/sites/lab.yaml", '"http://192.0.2.2:5240/MAAS/"', "to-be-approved")
    shown = show(repo)
    for path, key, place in (
        (SCRIPT, "network.bridge.name", ("site-configs/sites/lab.yaml", 12, 30)),
        ("nodes/n1/root/etc/lab/fabric", "hardware.memory", ("site-configs/hardware/box.yaml", 3, 11)),
        ("maas/40-lab-inventory.sh", "site.maas.url", ("site-configs/sites/lab.yaml", 2, 13)),
    ):
        assert shown[path]["missing"] == [key]
        assert [(at["key"], (at["file"], at["line"], at["column"])) for at in shown[path]["missing_at"]] == [
            (key, place)
        ]
    places = [at["key"] for at in shown["nodes/n1/user-data"]["missing_at"]]
    assert sorted(places) == ["hardware.memory", "network.bridge.name"]


@pytest.mark.parametrize("verb", ["show", "user-data"])
def test_errors_keep_the_verb_from_going_on(repo: Repository, verb: str) -> None:
    repo.edit("site-configs/nodes/lab/n3.yaml", "bare", "bear")
    ran = gen(verb, "--site", "lab", "--node", "n1", root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert "GS111" in ran.err


def test_user_data_is_exactly_what_is_sent(repo: Repository) -> None:
    with only_own_templates():
        expected = user_data(plan(load_site("lab", repo.root)), "n1")
    ran = gen("user-data", "--site", "lab", "--node", "n1", root=repo.root)
    assert (ran.code, ran.err) == (0, "")
    assert ran.bytes_out == expected
    assert len(list(email.message_from_bytes(ran.bytes_out).get_payload())) == 2


@pytest.mark.parametrize(("part", "path"), [("profile", "profiles/worker"), ("node", "nodes/n1")])
def test_user_data_parts_are_the_files_of_the_tree(repo: Repository, part: str, path: str) -> None:
    gen("render", "--site", "lab", root=repo.root)
    ran = gen("user-data", "--site", "lab", "--node", "n1", "--part", part, root=repo.root)
    assert ran.bytes_out == (repo.root / "generated/lab" / path / "user-data.yaml").read_bytes()


@pytest.mark.parametrize("part", [(), ("--part", "node")])
def test_user_data_that_is_withheld(repo: Repository, part: tuple[str, ...]) -> None:
    ran = gen("user-data", "--site", "lab", "--node", "n2", *part, root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert f"{MARKER}: error[GS202]: network.fabric.address is to be approved" in ran.err
    assert "missing: network.fabric.address" in ran.err


def test_a_part_that_is_complete_is_printed(repo: Repository) -> None:
    ran = gen("user-data", "--site", "lab", "--node", "n2", "--part", "profile", root=repo.root)
    assert ran.code == 0
    assert ran.out.startswith("#cloud-config\n")


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (1 << 20, "1.0 MiB")]
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert size_text(size) == text
