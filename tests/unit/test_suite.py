"""Bats files divided over containers: every test runs once, and what was not run is told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gpuaas_scripts.cache import Cache
from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.bats import BatsFile, BatsResult, Outcome, Shell, TestResult, named_tests, only_tests
from gpuaas_scripts.lab.engine import Engine, EngineName
from gpuaas_scripts.lab.image import ImageRef
from gpuaas_scripts.lab.suite import Ran, Suite, run_suite

ENGINE = Engine(EngineName.PODMAN)


def bats_file(folder: Path, *names: str) -> Path:
    file = folder / "a.bats"
    file.write_text("".join(f'@test "{name}" {{\n    true\n}}\n' for name in names))
    return file


def test_tests_are_chosen_by_their_names(tmp_path: Path) -> None:
    names = ("one", "two.", "the host's (odd) [x] ^a|b{2}*+?", "five: a/b")
    assert named_tests(bats_file(tmp_path, *names)) == names
    chosen = only_tests(names[1:3])
    assert chosen == r"^(two\.|the host's \(odd\) \[x\] \^a\|b\{2\}\*\+\?)$"
    assert [name for name in names if re.search(chosen, name)] == list(names[1:3])


@pytest.mark.parametrize("odd", ["$x", 'a \\"b\\"', "`date`"])
def test_a_file_with_a_name_that_the_shell_makes_is_not_divided(tmp_path: Path, odd: str) -> None:
    assert named_tests(bats_file(tmp_path, "one", odd)) == ()
    (tmp_path / "b.bats").write_text("@test one {\n}\n")
    assert named_tests(tmp_path / "b.bats") == ()


class Bats:
    """Plays containers that run bats: notes what each was asked, and answers with the tests that `only` chooses."""

    def __init__(self, folder: Path, files: dict[str, tuple[str, ...]]) -> None:
        self.asked: list[tuple[str, str]] = []
        self.lost = ""
        for path, names in files.items():
            bats_file(folder, *names).rename(folder / path)
        self.files = files
        self.suite = Suite(ENGINE, ImageRef("none", "none"), folder, folder, folder, Cache("test_times"))

    def run(self, _: Suite, file: BatsFile, shell: Shell, *, only: str = "", abort: bool = False) -> BatsResult:
        self.asked.append((file.path, only))
        if file.path == self.lost:
            raise GpuaasError("does not boot")
        chosen = [name for name in self.files[file.path] if re.search(only, name) and name != self.lost]
        tests = tuple(
            TestResult(name, Outcome.FAILED if name == "bad" else Outcome.PASSED, seconds=20 if name == "t07" else 0.5)
            for name in chosen
        )
        return BatsResult(shell, tests, "", tuple(f"x\t{shell}\t{name}" for name in chosen), 1.5)


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bats:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    names = (*tuple(f"t{number:02}" for number in range(15)), "bad")
    made = Bats(tmp_path, {"long.bats": names, "short.bats": ("one", "two")})
    monkeypatch.setattr(Suite, "run", lambda suite, *words, **more: made.run(suite, *words, **more))
    return made


def test_few_files_are_divided_and_told_as_one(played: Bats) -> None:
    told: list[Ran] = []
    files = [BatsFile("long.bats"), BatsFile("short.bats")]
    long, short = run_suite(played.suite, files, [Shell.DASH], parallel=4, done=told.append)
    assert sorted(path for path, _ in played.asked) == ["long.bats"] * 4 + ["short.bats"]
    assert long.result is not None
    assert short.result is not None
    assert [test.name for test in long.result.tests] == list(played.files["long.bats"])
    assert not long.passed
    assert short.passed
    assert "failed: bad" in long.report()
    assert len(long.result.evidence) == 16
    assert long.result.cpu_seconds == 6
    assert sorted(one.file.path for one in told) == ["long.bats", "short.bats"]


def test_what_a_piece_did_not_run_is_told(played: Bats) -> None:
    played.lost = "t03"
    [long] = run_suite(played.suite, [BatsFile("long.bats")], [Shell.DASH], parallel=2)
    assert long.result is not None
    assert "of 16 tests of long.bats, its pieces ran 15" in long.report()
    played.lost = "long.bats"
    [long] = run_suite(played.suite, [BatsFile("long.bats")], [Shell.DASH], parallel=2)
    assert not long.passed
    assert long.report() == "does not boot\ndoes not boot"


def test_what_is_chosen_by_hand_is_not_divided(played: Bats) -> None:
    run_suite(played.suite, [BatsFile("long.bats")], [Shell.DASH], parallel=4, only="t0")
    assert played.asked == [("long.bats", "t0")]


def test_pieces_take_about_the_same_time_as_far_as_it_is_known(played: Bats) -> None:
    run_suite(played.suite, [BatsFile("long.bats")], [Shell.DASH], parallel=2)
    assert sorted(only.count("|") + 1 for _, only in played.asked) == [8, 8]
    played.asked.clear()
    [long] = run_suite(played.suite, [BatsFile("long.bats")], [Shell.DASH], parallel=2)
    assert played.asked[0][1] == "^(t07)$"  # the longest piece first
    assert long.result is not None
    assert [test.name for test in long.result.tests] == list(played.files["long.bats"])


@pytest.mark.parametrize("damaged", ["{", "[]", "1", '{"t01": "x"}', '{"t01": null}'])
def test_times_that_cannot_be_read_are_not_known(played: Bats, damaged: str) -> None:
    times = played.suite.times
    assert times is not None
    times.put(b"long.bats", damaged.encode())
    [long] = run_suite(played.suite, [BatsFile("long.bats")], [Shell.DASH], parallel=2)
    assert long.result is not None
    assert len(long.result.tests) == 16
    assert json.loads(times.get(b"long.bats") or b"")["t07"] == 20
