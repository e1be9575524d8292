"""gpuaas-gen completion: the scripts, and what they complete."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support import gen, repository

if TYPE_CHECKING:
    from pathlib import Path

    from support import Repository

pytestmark = pytest.mark.process


@pytest.fixture
def repo(tmp_path: Path) -> Repository:
    return repository(tmp_path)


def completed(repo: Repository, line: str) -> list[str]:
    """What is offered for the last word of the line."""
    words = line.split(" ")
    environment = {
        "_GPUAAS_GEN_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    ran = gen(root=repo.root, env=dict(environment))
    assert ran.err == ""
    return [entry.partition(",")[2] for entry in ran.out.splitlines() if entry]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("gpuaas-gen ren", ["render"]),
        ("gpuaas-gen us", ["user-data"]),
        ("gpuaas-gen render --site l", ["lab"]),
        ("gpuaas-gen show --site lab --node n", ["n1", "n2", "n3"]),
        ("gpuaas-gen show --site other --node n", []),
        ("gpuaas-gen explain --profile ", ["bare", "worker"]),
        ("gpuaas-gen explain network.bridge.na", ["network.bridge.name", "network.bridge.nat"]),
        ("gpuaas-gen init node n9 --hardware-class b", ["box"]),
        ("gpuaas-gen schema h", ["hardware"]),
        ("gpuaas-gen rendr --site n", []),
        ("gpuaas-gen render --ch", ["--check"]),
    ],
)
def test_what_is_offered(repo: Repository, line: str, offered: list[str]) -> None:
    assert completed(repo, line) == offered


def test_every_verb_is_offered(repo: Repository) -> None:
    from gpuaas_scripts.cli.main import VERBS

    assert sorted(completed(repo, "gpuaas-gen ")) == sorted(VERBS)


def test_outside_of_a_repository_nothing_is_offered(tmp_path: Path) -> None:
    environment = {
        "_GPUAAS_GEN_COMPLETE": "bash_complete",
        "COMP_WORDS": "gpuaas-gen render --site ",
        "COMP_CWORD": "3",
    }
    ran = gen(root=tmp_path, env=dict(environment))
    assert ran.both.strip() == ""


def test_root_is_heeded(repo: Repository, tmp_path_factory: pytest.TempPathFactory) -> None:
    line = f"gpuaas-gen show --root {repo.root} --site l"
    environment = {"_GPUAAS_GEN_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": "5"}
    assert gen(root=tmp_path_factory.mktemp("elsewhere"), env=dict(environment)).out == "plain,lab\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_sound(shell: str) -> None:
    ran = gen("completion", shell)
    assert (ran.code, ran.err) == (0, "")
    assert f"_GPUAAS_GEN_COMPLETE={shell}_complete" in ran.out
    if shutil.which(shell):
        done = subprocess.run([shell, "-n"], input=ran.out, text=True, capture_output=True, check=False, timeout=20)
        assert (done.returncode, done.stderr) == (0, "")


def test_bash_itself_completes(repo: Repository, tmp_path_factory: pytest.TempPathFactory) -> None:
    if not shutil.which("bash"):
        pytest.skip("needs bash")
    tools = tmp_path_factory.mktemp("tools")
    program = tools / "gpuaas-gen"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m gpuaas_scripts "$@"\n')
    program.chmod(0o755)
    script = gen("completion", "bash").out + (
        "COMP_WORDS=(gpuaas-gen user-data --site lab --node n)\nCOMP_CWORD=5\n"
        '_gpuaas_gen_completion gpuaas-gen\nprintf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=repo.root,
        env={"PATH": f"{tools}:/usr/bin:/bin", "HOME": str(tools)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stdout.split(), done.stderr) == (["n1", "n2", "n3"], "")


def test_an_unknown_shell_is_wrong_usage() -> None:
    ran = gen("completion", "tcsh")
    assert (ran.code, ran.out) == (2, "")
    assert "bash" in ran.err
