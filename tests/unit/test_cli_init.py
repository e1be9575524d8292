"""gpuaas-gen init: starters that validate, in an empty folder and in a repository."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator
from support import gen, gen_packaged, repository
from tree_support import snapshot

from gpuaas_scripts.config import source
from gpuaas_scripts.json_schema import schema

if TYPE_CHECKING:
    from pathlib import Path

    from support import Repository

pytestmark = pytest.mark.process

SEQUENCE = (
    ("init", "site", "first"),
    ("init", "hardware", "box"),
    ("init", "profile", "worker"),
    ("init", "script", "first-hello"),
    ("init", "node", "n1", "--site", "first", "--profile", "worker", "--hardware-class", "box"),
    ("init", "node", "n2"),
)
WRITTEN = {
    "site-configs/sites/first.yaml": "site",
    "site-configs/hardware/box.yaml": "hardware",
    "site-configs/profiles/worker.yaml": "profile",
    "site-configs/nodes/first/n1.yaml": "node",
    "site-configs/nodes/first/n2.yaml": "node",
    "templates/scripts/first-hello/script.yaml": "script",
    "templates/scripts/first-hello/body.sh": "",
}


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return repository(tmp_path)


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """A folder that was empty, after a starter of every kind."""
    for arguments in SEQUENCE:
        ran = gen_packaged(*arguments, root=tmp_path)
        assert ran.code == 0, ran.err
    return tmp_path


def test_every_starter_from_an_empty_folder(started: Path) -> None:
    files = {path.relative_to(started).as_posix() for path in started.rglob("*") if path.is_file()}
    assert files == set(WRITTEN)


def test_starters_validate_and_render(started: Path) -> None:
    ran = gen_packaged("validate", "--all", root=started)
    assert ran.code == 0, ran.out
    assert "0 errors" in ran.err
    assert gen_packaged("render", "--site", "first", root=started).code == 0
    assert (started / "generated/first/nodes/n1/root/etc/gpuaas/node.env").is_file()


def test_a_starter_script_runs(started: Path) -> None:
    profile = started / "site-configs/profiles/worker.yaml"
    profile.write_text(profile.read_text().replace("scripts: []", "scripts: [first-hello]"))
    ran = gen_packaged("render", "--site", "first", root=started)
    assert ran.code == 0, ran.err
    script = started / "generated/first/profiles/worker/root/usr/local/sbin/first-hello"
    done = subprocess.run(["/bin/sh", str(script)], capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 0
    assert "this machine belongs to site first" in done.stderr


@pytest.mark.parametrize(("path", "kind"), [entry for entry in WRITTEN.items() if entry[1]])
def test_starters_are_valid_by_their_schema_and_explain_themselves(started: Path, path: str, kind: str) -> None:
    text = (started / path).read_text()
    document = source.parse(text, path)
    assert document.findings == ()
    assert list(Draft202012Validator(schema(kind)).iter_errors(document.data)) == []
    assert sum(line.lstrip().startswith("#") for line in text.splitlines()) >= 2


@pytest.mark.parametrize(("path", "kind"), [entry for entry in WRITTEN.items() if entry[1]])
def test_what_stands_in_the_comments_of_a_starter_is_valid_too(started: Path, path: str, kind: str) -> None:
    """With the comments that are YAML taken in, the file still is one of its kind."""
    lines = (started / path).read_text().splitlines()
    starts = ("# maas:", "# scripts:", "# defaults:", "# profiles:", "# bmc:", "# network:", "# slots:", "# hostname:")
    taken: list[str] = []
    active = False
    for line in lines:
        active = line.startswith(starts) or (active and line.startswith("#   "))
        taken.append(line[2:] if active else line)
    document = source.parse("\n".join(taken) + "\n", path)
    assert document.findings == ()
    assert list(Draft202012Validator(schema(kind)).iter_errors(document.data)) == []
    if kind in ("site", "node", "hardware", "profile"):
        assert active or taken != lines


@pytest.mark.parametrize("arguments", SEQUENCE)
def test_nothing_is_ever_overwritten(started: Path, arguments: tuple[str, ...]) -> None:
    before = snapshot(started)
    ran = gen_packaged(*arguments, root=started)
    assert (ran.code, ran.out) == (2, "")
    assert "is there already" in ran.err
    assert snapshot(started) == before


def test_a_link_that_leads_nowhere_is_not_written_through(repo: Repository) -> None:
    (repo.root / "site-configs/profiles/new.yaml").symlink_to(repo.root / "elsewhere")
    ran = gen("init", "profile", "new", root=repo.root)
    assert ran.code == 2
    assert not (repo.root / "elsewhere").exists()


def test_half_a_script_is_not_overwritten(repo: Repository) -> None:
    repo.write("templates/scripts/new/body.sh", "mine\n")
    assert gen("init", "script", "new", root=repo.root).code == 2
    assert repo.read("templates/scripts/new/body.sh") == "mine\n"
    assert not (repo.root / "templates/scripts/new/script.yaml").exists()


def test_it_names_the_files_on_stdout_and_what_to_do_next_on_stderr(repo: Repository) -> None:
    ran = gen("init", "script", "new", root=repo.root)
    assert ran.out == "templates/scripts/new/script.yaml\ntemplates/scripts/new/body.sh\n"
    assert "next: write templates/scripts/new/body.sh" in ran.err


@pytest.mark.parametrize("name", ["../x", "a/b", "Upper", "", "-x", ".x", "a" * 64, "a b", "a\n"])
@pytest.mark.parametrize("kind", ["site", "node", "hardware", "profile", "script"])
def test_a_name_is_no_path(repo: Repository, kind: str, name: str) -> None:
    before = snapshot(repo.root)
    ran = gen("init", kind, "--", name, root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert "is not a name" in ran.err
    assert snapshot(repo.root) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--profile", "wurker"), "did you mean 'worker'?"),
        (("--profile", "worker", "--site", "lob"), "did you mean 'lab'?"),
        (("--profile", "worker", "--hardware-class", "bix"), "did you mean 'box'?"),
        ((), "which profile? give --profile"),
    ],
)
def test_a_node_needs_what_exists(repo: Repository, arguments: tuple[str, ...], says: str) -> None:
    ran = gen("init", "node", "n9", *arguments, root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err
    assert not (repo.root / "site-configs/nodes/lab/n9.yaml").exists()


def test_a_node_without_any_profile_says_how_to_get_one(tmp_path: Path) -> None:
    gen("init", "site", "lab", root=tmp_path)
    ran = gen("init", "node", "n1", root=tmp_path)
    assert ran.code == 2
    assert "gpuaas-gen init profile NAME" in ran.err


def test_options_of_nodes_are_not_for_others(repo: Repository) -> None:
    ran = gen("init", "profile", "new", "--site", "lab", root=repo.root)
    assert ran.code == 2
    assert not (repo.root / "site-configs/profiles/new.yaml").exists()


@pytest.mark.parametrize("kind", ["hardware", "profile", "script", "node"])
def test_only_a_site_starts_a_repository(tmp_path: Path, kind: str) -> None:
    ran = gen("init", kind, "new", root=tmp_path)
    assert ran.code == 2
    assert "gpuaas-gen init site NAME" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_root_may_be_elsewhere(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert gen("init", "site", "lab", "--root", str(elsewhere), root=tmp_path).code == 0
    assert (elsewhere / "site-configs/sites/lab.yaml").is_file()
    assert list(tmp_path.iterdir()) == []
    assert gen("init", "site", "lab", "--root", str(elsewhere / "none"), root=tmp_path).code == 2


def test_a_file_in_a_folders_place_is_told(repo: Repository) -> None:
    repo.write("templates/scripts/new", "mine\n")
    ran = gen("init", "script", "new", root=repo.root)
    assert ran.code == 2
    assert repo.read("templates/scripts/new") == "mine\n"


def test_an_error_of_the_file_system_is_told(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    import pathlib

    def refuse(*_arguments: object, **_named: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(pathlib.Path, "open", refuse)
    ran = gen("init", "profile", "new", root=repo.root)
    assert ran.code == 2
    assert "site-configs/profiles/new.yaml: cannot be written: Read-only file system" in ran.err


def test_the_editors_line_only_where_the_schema_is(repo: Repository) -> None:
    ran = gen("init", "profile", "one", root=repo.root)
    assert "yaml-language-server" not in repo.read("site-configs/profiles/one.yaml")
    assert "gpuaas-gen schema profile > .schemas/profile.json" in ran.err
    assert "# yaml-language-server: $schema=../../.schemas/profile.json" in ran.err
    for kind, arguments, path in (
        ("profile", ("two",), "site-configs/profiles/two.yaml"),
        ("node", ("n9", "--profile", "bare"), "site-configs/nodes/lab/n9.yaml"),
        ("script", ("two",), "templates/scripts/two/script.yaml"),
    ):
        repo.write(f".schemas/{kind}.json", gen("schema", kind).out)
        ran = gen("init", kind, *arguments, root=repo.root)
        assert "yaml-language-server" not in ran.err
        first = repo.read(path).splitlines()[0]
        prefix = "# yaml-language-server: $schema="
        assert first.startswith(prefix)
        target = (repo.root / path).parent / first.removeprefix(prefix)
        assert target.resolve() == repo.root / ".schemas" / f"{kind}.json"
    assert "yaml-language-server" not in repo.read("templates/scripts/two/body.sh")
    assert gen_packaged("validate", "--all", root=repo.root).code == 0


def test_replacing_a_packaged_script_is_said(repo: Repository) -> None:
    ran = gen_packaged("init", "script", "gpuaas-slice-network-baseline", root=repo.root)
    assert "replaces the script gpuaas-slice-network-baseline that comes with the program" in ran.err
    assert "replaces" not in gen_packaged("init", "script", "lab-other", root=repo.root).err
