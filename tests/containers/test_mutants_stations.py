"""Mutants tried for real: killed, surviving, reached by no test, reached in a hardened unit, hanging."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpuaas_scripts.errors import GpuaasError
from gpuaas_scripts.lab.bats import BatsFile, discover
from gpuaas_scripts.lab.engine import Engine
from gpuaas_scripts.lab.hunt import Fate, Hunter, Prey, reaching
from gpuaas_scripts.lab.image import ImageRef
from gpuaas_scripts.lab.mutants import mutants
from gpuaas_scripts.lab.station import Scripts, Station, Test, all_marked, learn
from gpuaas_scripts.lab.suite import Suite

pytestmark = pytest.mark.container

HELPERS = Path(__file__).parents[1] / "bats" / "helpers.bash"
PROBE = """\
#!/bin/sh
trap 'exit 70' EXIT
set -eu
guard() {
  [ "$1" != bad ] || return 4
}
loose() {
  touch /run/probe
}
unused() {
  [ -d / ] || return 6
}
in_unit() {
  return 7
}
main() {
  case $1 in
    unit) in_unit ;;
    unused) unused ;;
    *) guard "$1" && loose ;;
  esac
}
{ trap - EXIT; main "$@"; exit; }
"""
BATS = """\
# script: probe
load helpers

@test "good (and plain): 1.5 + 2" {
    run_script probe good
    [ "$status" -eq 0 ]
}

@test "bad is refused" {
    run_script probe bad
    [ "$status" -eq 4 ]
}

@test "the probe fails in a hardened unit" {
    run systemd-run --wait --quiet -p ProtectSystem=strict -p PrivateDevices=yes -p PrivateTmp=yes \\
        sh "$(script_path probe)" unit
    [ "$status" -eq 7 ]
}
"""
Work = tuple[Suite, Scripts, list[Test]]


@pytest.fixture(scope="module")
def work(engine: Engine, image: ImageRef, tmp_path_factory: pytest.TempPathFactory) -> Work:
    folder = tmp_path_factory.mktemp("mutants")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    suite = Suite(engine, image, folder / "bats", folder / "hosts", folder / "generated")
    for place in (suite.bats, suite.hosts, suite.generated / "lab"):
        place.mkdir(parents=True)
    (suite.generated / "lab/probe").write_text(PROBE)
    (suite.bats / "probe.bats").write_text(BATS)
    shutil.copy(HELPERS, suite.bats)
    scripts = Scripts.read(suite.generated)
    [file] = discover(suite.bats)
    return suite, scripts, learn(suite, scripts, file, all_marked(scripts))


@pytest.fixture
def station(work: Work) -> Iterator[Station]:
    opened = Station(work[0], work[1])
    yield opened
    opened.close()


def test_each_test_is_known_by_what_it_reaches(work: Work) -> None:
    reached = {test.name: {mark.partition(":")[0] for mark in test.marks} for test in work[2]}
    assert reached == {
        "good (and plain): 1.5 + 2": {"main", "guard", "loose"},
        "bad is refused": {"main", "guard"},
        "the probe fails in a hardened unit": {"main", "in_unit"},
    }


def test_killed_surviving_and_unreached_mutants(work: Work, station: Station) -> None:
    _, scripts, tests = work
    marked = all_marked(scripts)
    hunter = Hunter(station, 20)
    fates: dict[tuple[str, str], Fate | GpuaasError] = {}
    for function in scripts.distinct():
        for mutant in mutants(function):
            if mutant.was not in ("4", "touch /run/probe", "6", "7"):
                continue
            own = reaching(marked[function.name, function.source].of(mutant), tests)
            fates[function.name, mutant.was] = hunt(hunter, scripts.mutated(function, mutant), own)
    bad, unit = "probe.bats: bad is refused", "probe.bats: the probe fails in a hardened unit"
    assert fates == {
        ("guard", "4"): Fate(bad, (), 1),
        ("loose", "touch /run/probe"): Fate("", ("probe.bats: good (and plain): 1.5 + 2",), 1),
        ("unused", "6"): Fate("", (), 0),
        ("in_unit", "7"): Fate(unit, (), 1),
    }


def hunt(hunter: Hunter, texts: dict[Path, str], tests: list[Test]) -> Fate | GpuaasError:
    told: list[Fate | GpuaasError] = []
    hunter.hunt(Prey(texts, tests, lambda test: None, told.append))
    hunter.settle()
    [fate] = told
    return fate


def test_a_script_that_hangs_is_killed_soon(work: Work, station: Station) -> None:
    _, scripts, tests = work
    [path] = scripts.texts
    hangs = {path: scripts.texts[path].replace("return 4", "sleep 1000")}
    [test] = [test for test in tests if test.name == "bad is refused"]
    assert hunt(Hunter(station, 20), hangs, [test]) == Fate("probe.bats: bad is refused", (), 1)
    assert isinstance(test.file, BatsFile)
