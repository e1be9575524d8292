"""`make mutants`: which mutants are chosen, which are known to be equivalent, what a run's exit status says."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.bats import BatsFile
from gpuaas_scripts.lab.hunt import Fate
from gpuaas_scripts.lab.mutants import Function, Kind, Mutant
from gpuaas_scripts.lab.owners import Owner, Owners
from gpuaas_scripts.lab.suite import Suite

REPO = Path(__file__).parents[2]
sys.path.insert(0, str(REPO / "tests/mutants"))
import mutants as tool  # noqa: E402

KILLED = Fate("a.bats: one", (), 1)
SURVIVED = Fate("", ("a.bats: one",), 1)


def target(owner: str, name: str, was: str = "wipe it", line: int = 2) -> tool.Target:
    function = Function(name, f"{name}() {{\n  {was}\n}}\n", 0)
    mutant = Mutant(Kind.DROPPED, line, line + 5, ":", line, was)
    return tool.Target(Owner(owner, f"templates/{owner}.sh", 9), function, mutant, "mark")


REFUSAL = target("lib/disk", "disk_users")
OTHERS = [target("lib/step", "step_dry", f"command {number}", number) for number in range(19)]


def test_one_surviving_refusal_or_more_than_a_tenth_fails_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert tool.report([(REFUSAL, KILLED), *((one, KILLED) for one in OTHERS)]) == 0
    assert tool.report([(REFUSAL, SURVIVED), *((one, KILLED) for one in OTHERS)]) == 1
    two = [(one, SURVIVED if number < 2 else KILLED) for number, one in enumerate(OTHERS)]
    assert tool.report([(REFUSAL, KILLED), *two]) == 0
    capsys.readouterr()
    three = [
        (one, SURVIVED if number < 2 else Fate("", (), 0) if number == 2 else KILLED)
        for number, one in enumerate(OTHERS)
    ]
    assert tool.report([(REFUSAL, KILLED), *three]) == 1
    said = capsys.readouterr().out
    assert "templates/lib/step.sh:9 step_dry: dropped: command 0\n    a.bats: one\n" in said
    assert "templates/lib/step.sh:11 step_dry: dropped: command 2\n    reached by no test\n" in said
    assert "lib/disk: 1 mutants, 0 survived (0%)\nlib/step: 19 mutants, 3 survived (16%)\n" in said


def test_equivalent_mutants_are_left_out_and_each_line_must_fit_with_a_reason(tmp_path: Path) -> None:
    listed = tmp_path / "equivalent.txt"
    listed.write_text("# words\n\nlib/disk:disk_users | dropped | wipe it | nothing to see\n")
    assert tool.without_equivalent([REFUSAL, *OTHERS], listed) == OTHERS
    for wrong in ("lib/disk:disk_users | dropped | wipe | no such text", "lib/disk:disk_users | dropped | wipe it | "):
        listed.write_text(f"{wrong}\n")
        with pytest.raises(GpuaasError, match=r"equivalent\.txt:1: fits no mutant, or has no reason"):
            tool.without_equivalent([REFUSAL, *OTHERS], listed)


def test_a_sample_is_the_same_for_the_same_seed_and_holds_each_owner() -> None:
    owners = Owners(REPO)
    asked = {"scripts": [], "strict": False, "functions": "", "sample": 3, "percent": 0, "seed": 1}
    first = tool.choose(argparse.Namespace(**asked), [REFUSAL, *OTHERS], owners)
    assert len(first) == 4
    assert first == tool.choose(argparse.Namespace(**asked), [REFUSAL, *OTHERS], owners)
    strict = argparse.Namespace(**{**asked, "strict": True})
    assert tool.choose(strict, [REFUSAL, *OTHERS], owners) == [REFUSAL]
    some = argparse.Namespace(**{**asked, "sample": 0, "percent": 10})
    assert len(tool.choose(some, [REFUSAL, *OTHERS], owners)) == 2
    with pytest.raises(GpuaasError, match="no such script or fragment: lib/nothing"):
        tool.choose(argparse.Namespace(**{**asked, "scripts": ["lib/nothing"]}), [], owners)


def test_results_are_read_back_the_last_one_counts_and_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    assert tool.earlier(results) == {}
    lines = [
        {"key": "a", "killer": "", "survived": ["t"], "reached": 1},
        {"key": "a", "killer": "t", "survived": [], "reached": 1},
    ]
    results.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"key": "b", "kil')
    assert tool.earlier(results) == {"a": Fate("t", (), 1)}


def test_what_was_learnt_holds_while_the_bats_file_and_its_whole_host_stay(tmp_path: Path) -> None:
    """A host that stands on another one is what both hold."""
    suite = Suite(None, None, tmp_path / "bats", tmp_path / "hosts", tmp_path)  # type: ignore[arg-type]
    for place in ("bats", "hosts/below/root/etc", "hosts/above/root/etc"):
        (tmp_path / place).mkdir(parents=True)
    changes = {"bats/a.bats": "test", "hosts/above/root/etc/name": "above", "hosts/below/root/etc/model": "below"}
    for path, text in {**changes, "hosts/above/base": "below"}.items():
        (tmp_path / path).write_text(text)
    first = tool.digest_of(suite, BatsFile("a.bats", "above"))
    assert tool.digest_of(suite, BatsFile("a.bats", "above")) == first
    for path, text in changes.items():
        (tmp_path / path).write_text("other")
        assert tool.digest_of(suite, BatsFile("a.bats", "above")) != first, path
        (tmp_path / path).write_text(text)
    (tmp_path / "hosts/below/root/etc/link").symlink_to("model")
    linked = tool.digest_of(suite, BatsFile("a.bats", "above"))
    (tmp_path / "hosts/below/root/etc/link").unlink()
    (tmp_path / "hosts/below/root/etc/link").symlink_to("name")
    assert len({first, linked, tool.digest_of(suite, BatsFile("a.bats", "above"))}) == 3


def test_functions_are_found_in_the_templates_that_people_edit() -> None:
    owners = Owners(REPO)
    text = (REPO / "templates/lib/disk.sh").read_text()
    source = "disk_name() {" + text.partition("disk_name() {")[2].partition("\n}\n")[0] + "\n}"
    found = owners.of(Function("disk_name", source, 0))
    assert found is not None
    assert (found.name, found.path) == ("lib/disk", "templates/lib/disk.sh")
    assert text.splitlines()[found.line] == "disk_name() {"
    assert owners.of(Function("none", "none() { :; }", 0)) is None


def test_every_name_of_the_refusals_is_a_function() -> None:
    texts = {path.stem: path.read_text() for path in (REPO / "templates/lib").glob("*.sh")}
    body = (REPO / "templates/scripts/gpuaas-slice-storage-transition/body.sh").read_text()
    for strict in tool.STRICT:
        owner, _, glob = strict.partition(":")
        text = texts[owner.removeprefix("lib/")] if owner.startswith("lib/") else body
        names = [line.removesuffix("() {") for line in text.splitlines() if line.endswith("() {")]
        assert any(tool.fnmatchcase(name, glob) for name in names), strict
