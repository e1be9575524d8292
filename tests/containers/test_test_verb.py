"""`gpuaas-gen test` on a small repository: passed, failed, gaps of the table, and what is asked for and not there."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from gpuaas_scripts.lab.engine import Engine
from gpuaas_scripts.lab.image import ImageRef

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from support import Ran, Repository, gen, repository

pytestmark = pytest.mark.container

HELPERS = Path(__file__).parents[1] / "bats" / "helpers.bash"
FILES = {
    "templates/lib/evidence.sh": """\
evidence_begin() {
  :
}
evidence_pass() {
  printf 'GPUAAS_%s status=PASS check=%s detail=seen\\n' "$1" "$2"
}
evidence_fail() {
  printf 'GPUAAS_%s status=FAIL check=%s detail=%s remediation=%s\\n' "$1" "$2" "$3" "$4"
}
""",
    "templates/scripts/lab-hello/script.yaml": """\
description: Looks for a file
scope: profile
install: {path: /usr/local/sbin/lab-hello, mode: "0755"}
fragments: [evidence]
settings:
  BRIDGE_NAME: {from: network.bridge.name, description: name of the bridge}
""",
    "templates/scripts/lab-hello/body.sh": """\
main() {
  evidence_begin file
  if [ -e "/run/$BRIDGE_NAME" ]; then
    evidence_pass LAB file seen
  else
    evidence_fail LAB file absent make-it
  fi
}
""",
    "tests/bats/hello.bats": """\
# script: lab-hello
load helpers
@test "seen" {
    touch /run/br-lab
    run_script lab-hello
    assert_evidence file PASS
}
@test "absent" {
    rm -f /run/br-lab
    run_script lab-hello
    assert_evidence file FAIL
}
""",
}


@pytest.fixture
def repo(tmp_path: Path, engine: Engine, image: ImageRef) -> Repository:
    assert engine
    assert image.tag  # the verb finds both by itself
    made = repository(tmp_path / "repository", **FILES)
    shutil.rmtree(made.root / "templates/scripts/40-lab-inventory")
    (made.root / "templates/lib/hello.sh").unlink()
    made.edit("site-configs/sites/lab.yaml", "scripts: [40-lab-inventory]\n", "")
    shutil.copy(HELPERS, made.root / "tests/bats/helpers.bash")
    tmp_path.chmod(0o755)
    return made


def run(repo: Repository, *words: str) -> Ran:
    return gen("test", "--shell", "dash", *words, root=repo.root)


def test_passed_with_both_colours(repo: Repository) -> None:
    ran = run(repo, "--table")
    assert (ran.code, ran.out.splitlines()[0][:30]) == (0, "passed  hello.bats  dash  2 te"), ran.both
    assert "lab-hello  file   seen        absent" in ran.out
    assert "1 of 1 runs passed, 1 of 1 checks seen right and broken" in ran.err


def test_a_check_that_was_seen_in_one_colour_fails_the_run(repo: Repository) -> None:
    repo.write("tests/bats/hello.bats", FILES["tests/bats/hello.bats"].split('@test "absent"')[0])
    ran = run(repo, "--json")
    assert ran.code == 1
    data = json.loads(ran.out)
    assert [one["passed"] for one in data["runs"]] == [True]
    [row] = data["checks"]
    assert (row["right"], row["broken"], row["complete"]) == ("seen", "", False)
    assert run(repo, "--filter", "seen").code == 0  # a part of the tests is not judged by the table


def test_a_failure_is_told_with_its_test_and_place(repo: Repository) -> None:
    repo.edit(
        "templates/scripts/lab-hello/body.sh", "evidence_fail LAB file absent make-it", "evidence_pass LAB file seen"
    )
    ran = run(repo, "--script", "lab-hello")
    assert ran.code == 1
    assert "FAILED  hello.bats  dash" in ran.out
    assert "check file: FAIL was expected" in ran.out


def test_tests_with_odd_names_are_divided_and_each_is_run_once(repo: Repository) -> None:
    names = ["a host's (odd) [x]", "^a|b{2}*+?.", "a.b", "a-b", "x # not a comment; y", "it is 100% / 3 = &"]
    more = "".join(f'@test "{name}" {{\n    true\n}}\n' for name in names)
    repo.write("tests/bats/hello.bats", FILES["tests/bats/hello.bats"] + more)
    ran = run(repo, "--json", "--parallel", "2")
    assert ran.code == 0, ran.both
    [told] = json.loads(ran.out)["runs"]
    assert [test["name"] for test in told["tests"]] == ["seen", "absent", *names]
    assert told["cpu_seconds"] > 0.2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--script", "lab-helo"], "no file of tests/bats is about a script 'lab-helo'"),
        (["--site", "other"], "no test in tests/bats is of site 'other'"),
    ],
)
def test_what_is_not_there_is_told(repo: Repository, words: list[str], message: str) -> None:
    ran = run(repo, *words)
    assert ran.code == 2
    assert message in ran.err
