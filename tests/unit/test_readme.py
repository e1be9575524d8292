"""README.md is true: its commands are run in a copy of the repository, and print what it shows."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gpuaas_scripts.cli import lab_maas

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```console\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
ELISION = "..."


def commands(block: str) -> list[tuple[str, list[str], int]]:
    """Each command of a block with the lines it shows and its exit code."""
    found: list[tuple[str, list[str], int]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], [], 0))
        elif match := re.fullmatch(r"\[exit ([0-9]+)\]", line):
            command, shown, _ = found[-1]
            found[-1] = (command, shown, int(match[1]))
        else:
            found[-1][1].append(line)
    return found


def on_a_free_port(block: str) -> str:
    """The block with another port for the MAAS it starts: somebody may be using the one that the README names."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return block.replace("lab maas ", f"lab maas --port {port} ").replace(str(lab_maas.PORT), str(port))


def matches(shown: list[str], printed: list[str]) -> bool:
    """Whether the printed lines are those shown: a line of dots is any lines, dots in a line are any text."""
    if not shown:
        return not printed
    if shown[0] == ELISION:
        return any(matches(shown[1:], printed[start:]) for start in range(len(printed) + 1))
    if not printed:
        return False
    pattern = ".*".join(re.escape(part) for part in shown[0].split(ELISION))
    return re.fullmatch(pattern, printed[0]) is not None and matches(shown[1:], printed[1:])


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme") / "repository"
    folder.mkdir()
    for name in ("site-configs", "templates", "generated"):
        shutil.copytree(ROOT / name, folder / name)
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


@pytest.mark.process
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_tour_prints_what_it_shows(copy: Path, number: int) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "200"}
    subprocess.run(["git", "checkout", "-q", "."], cwd=copy, check=True)
    for command, shown, status in commands(on_a_free_port(BLOCKS[number])):
        if exported := re.fullmatch(r"export (\w+)=(\S+)", command):
            environment[exported[1]] = exported[2]
            continue
        done = subprocess.run(
            ["bash", "-c", f"{command} 2>&1"], cwd=copy, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == status, f"{command}: exit {done.returncode}\n{done.stdout}"
        assert matches(shown, done.stdout.splitlines()), f"{command} prints:\n{done.stdout}"


def test_the_comparison_sees_a_difference() -> None:
    assert matches(["a", "...", "c"], ["a", "b1", "b2", "c"])
    assert matches(["a", "b..."], ["a", "bcd"])
    assert not matches(["a", "...", "c"], ["a", "b"])
    assert not matches(["a"], ["b"])
    assert not matches(["a"], ["a", "b"])


@pytest.mark.process
def test_the_program_of_the_readme_runs(copy: Path) -> None:
    subprocess.run(["git", "checkout", "-q", "."], cwd=copy, check=True)
    [program] = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    done = subprocess.run([sys.executable, "-c", program], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "node nodes/ex-slice-1/root/etc/netplan/60-ipoib.yaml" in done.stdout


def test_the_two_commands_and_all_verbs_are_there() -> None:
    from gpuaas_scripts.cli.main import VERBS

    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|^    )make ([a-z-]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for verb in VERBS:
        assert re.search(rf"^\| `{verb}\b", README, re.MULTILINE), verb
