"""What every verb of gpuaas-gen has in common: help, options, exit codes, and no traceback for bad input."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from support import gen, repository

from gpuaas_scripts import __version__
from gpuaas_scripts.cli.console import Console
from gpuaas_scripts.cli.main import VERBS

if TYPE_CHECKING:
    from pathlib import Path

    from support import Repository

pytestmark = pytest.mark.process  # shfmt reads the scripts' syntax

SITE_VERBS = {
    "render": [],
    "validate": [],
    "explain": ["profile"],
    "show": [],
    "user-data": ["--node", "n1"],
}
"""Verbs that take --site, with what else they need."""

BASE = ["render", "--site", "lab"]


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return repository(tmp_path)


def test_help_lists_every_verb_and_the_exit_codes() -> None:
    ran = gen("--help")
    assert ran.code == 0
    for verb, text in VERBS.items():
        assert verb in ran.out
        assert text in ran.out
    assert "3 drift" in ran.out


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_with_an_example(verb: str) -> None:
    ran = gen(verb, "--help")
    assert ran.code == 0
    assert ran.err == ""
    examples = ran.out.partition("Examples:")[2].partition("Options:")[0]
    assert f"gpuaas-gen {verb} " in examples


@pytest.mark.parametrize("verb", VERBS)
def test_no_option_of_a_verb_is_without_help(verb: str) -> None:
    from gpuaas_scripts.cli.main import group

    command = group.get_command(click.Context(group), verb)
    assert command is not None
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_version() -> None:
    assert gen("--version").out == f"gpuaas-gen, version {__version__}\n"


def test_help_imports_no_verb() -> None:
    code = "import sys; from gpuaas_scripts.cli.main import run; run(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = done.stdout.splitlines()[-1]
    assert "'click'" in loaded
    for heavy in ("msgspec", "yaml", "jinja2", "gpuaas_scripts.cli.render", "gpuaas_scripts.planner"):
        assert f"'{heavy}'" not in loaded


def test_an_unknown_verb_is_wrong_usage_with_a_suggestion() -> None:
    ran = gen("rendr")
    assert (ran.code, ran.out) == (2, "")
    assert "did you mean 'render'?" in ran.err


@pytest.mark.parametrize("verb", SITE_VERBS)
def test_an_unknown_site_is_wrong_usage_with_a_suggestion(repo: Repository, verb: str) -> None:
    ran = gen(verb, *SITE_VERBS[verb], "--site", "lob", root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert "did you mean 'lab'?" in ran.err


@pytest.mark.parametrize("verb", ["render", "explain", "show", "user-data"])
def test_an_unknown_node_is_wrong_usage_with_a_suggestion(repo: Repository, verb: str) -> None:
    key = ["profile"] if verb == "explain" else []
    ran = gen(verb, *key, "--site", "lab", "--node", "n11", root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert "did you mean 'n1'?" in ran.err


@pytest.mark.parametrize("verb", SITE_VERBS)
@pytest.mark.parametrize("name", ["../nodes/lab/n1", "sub/lab", ".hidden"])
def test_a_site_is_a_name_and_no_path(repo: Repository, verb: str, name: str) -> None:
    repo.write("site-configs/sites/sub/lab.yaml", "description: hidden away\n")
    repo.write("site-configs/sites/.hidden.yaml", "description: hidden away\n")
    ran = gen(verb, *SITE_VERBS[verb], "--site", name, root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert "is not a name of a site" in ran.err
    assert not (repo.root / "generated").exists()


def test_without_site_configs_it_says_how_to_start(tmp_path: Path) -> None:
    ran = gen("validate", "--all", root=tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "gpuaas-gen init site NAME" in ran.err


def test_the_repository_is_found_from_a_folder_below(repo: Repository) -> None:
    assert gen("validate", "--site", "lab", root=repo.root / "site-configs" / "nodes").code == 0


def test_root_names_the_repository_from_elsewhere(repo: Repository, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert gen("validate", "--site", "lab", "--root", str(repo.root), root=elsewhere).code == 0
    ran = gen("validate", "--site", "lab", "--root", str(elsewhere), root=repo.root)
    assert ran.code == 2
    assert "holds no site-configs/" in ran.err


def test_quiet_says_nothing_beside_results(repo: Repository) -> None:
    assert gen(*BASE, root=repo.root).err != ""
    for arguments in (BASE, ["validate", "--site", "lab"], ["explain", "hostname", "--site", "lab"]):
        assert gen(*arguments, "--quiet", root=repo.root).err == ""


def test_quiet_still_tells_errors(repo: Repository) -> None:
    assert "error" in gen("render", "--site", "nowhere", "--quiet", root=repo.root).err


def test_colours_only_where_they_are_wanted(repo: Repository) -> None:
    repo.edit("site-configs/nodes/lab/n1.yaml", "worker", "wurker")
    for arguments, stream in (([*BASE], "err"), (["validate", "--site", "lab"], "out")):
        terminal = getattr(gen(*arguments, root=repo.root, color=True), stream)
        assert "\x1b[31m" in terminal
        assert "\x1b" not in gen(*arguments, root=repo.root).both
        assert "\x1b" not in gen(*arguments, "--no-color", root=repo.root, color=True).both
        assert "\x1b" not in gen(*arguments, root=repo.root, env={"NO_COLOR": "1"}, color=True).both
        assert "\x1b[31m" in getattr(gen(*arguments, root=repo.root, env={"NO_COLOR": ""}, color=True), stream)


SPOILERS: dict[str, tuple[str, str | bytes]] = {
    "broken YAML in the site": ("site-configs/sites/lab.yaml", "defaults: [\n"),
    "broken YAML in a node": ("site-configs/nodes/lab/n1.yaml", "profile: {\n"),
    "not UTF-8": ("site-configs/nodes/lab/n1.yaml", b"profile: \xff\n"),
    "empty node": ("site-configs/nodes/lab/n1.yaml", ""),
    "a list": ("site-configs/profiles/worker.yaml", "- 1\n- 2\n"),
    "an alias": ("site-configs/sites/lab.yaml", "a: &a [*a]\n"),
    "wrong types": ("site-configs/sites/lab.yaml", "defaults: 3\nprofiles: [1]\nscripts: {}\n"),
    "a broken template": ("templates/scripts/lab-hello/script.yaml", "description: [\n"),
    "a script that is no shell": ("templates/scripts/lab-hello/body.sh", "main() { if\n"),
    "a broken Jinja template": ("templates/files/lab-motd/content.j2", "{% if %}\n"),
    "a body that is a folder": ("templates/scripts/lab-hello/body.sh/x", ""),
    "a node that is a folder": ("site-configs/nodes/lab/n1.yaml/x", ""),
    "a profile that is a folder": ("site-configs/profiles/worker.yaml/x", ""),
    "no nodes folder but a file": ("site-configs/nodes", ""),
    "no hardware folder but a file": ("site-configs/hardware", ""),
}


@pytest.mark.parametrize("verb", SITE_VERBS)
@pytest.mark.parametrize("spoiler", SPOILERS)
def test_bad_files_never_end_in_a_traceback(repo: Repository, spoiler: str, verb: str) -> None:
    path, content = SPOILERS[spoiler]
    _spoil(repo.root, path, content)
    ran = gen(verb, *SITE_VERBS[verb], "--site", "lab", root=repo.root)  # raises what is not a GpuaasError
    assert "Traceback" not in ran.both
    if verb in ("render", "show", "user-data"):
        assert ran.code == 2
        assert "error" in ran.err
        assert not (repo.root / "generated").exists()
    else:
        assert ran.code in (0, 1, 2)


@pytest.mark.parametrize("spoiler", SPOILERS)
def test_bad_files_are_never_valid(repo: Repository, spoiler: str) -> None:
    path, content = SPOILERS[spoiler]
    _spoil(repo.root, path, content)
    ran = gen("validate", "--site", "lab", root=repo.root)
    assert ran.code in (1, 2)
    assert "error" in ran.both


def _spoil(root: Path, path: str, content: str | bytes) -> None:
    """Put `content` at `path`, whatever is in the way."""
    import shutil

    place = root / path
    for blocking in (place, *place.parents):
        if blocking == root:
            break
        if blocking.is_file():
            blocking.unlink()
    if place.is_dir():
        shutil.rmtree(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_a_file_that_cannot_be_read_is_told_with_its_name(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    opened = os.open

    def refuse(path: object, *rest: object, **named: object) -> int:
        if str(path).endswith("n1.yaml"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    ran = gen(*BASE, root=repo.root)
    assert ran.code == 2
    assert "site-configs/nodes/lab/n1.yaml" in ran.err
    assert "Permission denied" in ran.err


def test_an_error_of_a_file_elsewhere_is_told_with_its_name(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_named: object) -> None:
        raise PermissionError(13, "Permission denied", "/some/file")

    monkeypatch.setattr("gpuaas_scripts.cli.loading.load", refuse)
    ran = gen(*BASE, root=repo.root)
    assert (ran.code, ran.out) == (2, "")
    assert "/some/file: Permission denied" in ran.err


def test_a_defect_keeps_its_traceback(repo: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("gpuaas_scripts.cli.loading.load", fail)
    with pytest.raises(ZeroDivisionError):
        gen(*BASE, root=repo.root)


class _Terminal:
    def __init__(self, *, terminal: bool) -> None:
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(
    ("terminal", "quiet", "count", "bar"),
    [(True, False, 1000, True), (False, False, 1000, False), (True, True, 1000, False), (True, False, 5, False)],
)
def test_a_progress_bar_only_for_long_work_on_a_terminal(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terminal: bool,
    quiet: bool,
    count: int,
    bar: bool,
) -> None:
    monkeypatch.setattr("gpuaas_scripts.cli.console._REFRESH_S", -1.0)
    monkeypatch.setattr(sys.stderr, "isatty", _Terminal(terminal=terminal).isatty, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    console = Console(tmp_path, quiet=quiet)
    assert list(console.progress(iter(range(count)), count, "artifacts")) == list(range(count))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ("of 1000 artifacts" in captured.err) is bar
    if not bar:
        assert captured.err == ""


def test_a_reader_that_goes_away_is_no_error(repo: Repository) -> None:
    command = [sys.executable, "-m", "gpuaas_scripts", "show", "--site", "lab", "--json", "--root", str(repo.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
        process.wait(timeout=60)


def test_a_terminal_without_the_characters_is_no_error(repo: Repository) -> None:
    repo.edit("site-configs/sites/lab.yaml", "a made-up site", "ein Ort für Übungen →")
    command = [sys.executable, "-m", "gpuaas_scripts", "explain", "site.description", "--site", "lab"]
    done = subprocess.run(
        [*command, "--root", str(repo.root)],
        capture_output=True,
        check=False,
        timeout=60,
        env={"PYTHONIOENCODING": "latin-1:strict", "PATH": "/usr/bin:/bin", "HOME": str(repo.root)},
    )
    assert b"Traceback" not in done.stderr
    assert done.returncode == 0
    assert b"\\u2192" in done.stdout
