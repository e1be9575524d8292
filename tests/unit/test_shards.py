"""Work in several processes gives what one process gives, or says what went wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import Repository, repository

from gpuaas_scripts.cli import rendering
from gpuaas_scripts.errors import Finding, FindingsError, GpuaasError, Location, Severity
from gpuaas_scripts.shards import ShardError, Shards, count_for

pytestmark = pytest.mark.process


def numbers(number: int, count: int) -> Iterator[object]:
    yield (number, count, os.getpid())
    yield from range(number, 10, count)


def test_shares_are_worked_through_in_processes_of_their_own() -> None:
    with Shards(numbers, 3) as streams:
        answers = [list(stream) for stream in streams]
    assert sorted(item for answer in answers for item in answer[1:]) == list(range(10))
    assert [answer[0][:2] for answer in answers] == [(0, 3), (1, 3), (2, 3)]
    assert answers[0][0][2] == os.getpid()
    assert len({answer[0][2] for answer in answers}) == 3


def test_an_error_of_a_share_is_raised_here_whole() -> None:
    finding = Finding("GS001", Severity.ERROR, "broken", Location("file", 1, 2))

    def work(number: int, _: int) -> Iterator[object]:
        yield number
        if number:
            raise FindingsError("one error", [finding])

    with Shards(work, 2) as streams:
        assert list(streams[0]) == [0]
        assert next(streams[1]) == 1
        with pytest.raises(FindingsError, match="one error") as caught:
            next(streams[1])
    assert caught.value.findings == (finding,)

    def refuse(number: int, _: int) -> Iterator[object]:
        raise GpuaasError("no", hint="do that")
        yield

    with Shards(refuse, 2) as streams, pytest.raises(GpuaasError, match="no") as refused:
        next(streams[1])
    assert refused.value.hint == "do that"


def test_a_share_that_is_killed_is_never_taken_for_done() -> None:
    def work(number: int, _: int) -> Iterator[object]:
        yield number
        if number:
            os.kill(os.getpid(), signal.SIGKILL)

    with Shards(work, 2) as streams, pytest.raises(ShardError):
        list(streams[1])


def test_a_share_does_not_wait_until_somebody_reads() -> None:
    def work(number: int, _: int) -> Iterator[object]:
        yield from ("x" * 1000 for _ in range(5000))

    with Shards(work, 2) as streams:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)  # until its process has ended
        assert len([*streams[1]]) == 5000


def test_a_full_disk_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.TemporaryFile", lambda: open("/dev/full", "r+b", buffering=0))  # noqa: PTH123, SIM115

    with Shards(numbers, 2) as streams, pytest.raises(GpuaasError, match="No space left on device") as caught:
        list(streams[1])
    assert caught.value.hint == "free space there, or set TMPDIR to another folder"


def test_leaving_early_leaves_no_process_behind() -> None:
    def long(number: int, _: int) -> Iterator[object]:
        for _ in range(5000):
            yield "x" * 1000

    with Shards(long, 2) as streams:
        next(streams[1])
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_small_sites_stay_in_one_process() -> None:
    assert count_for(10) == 1


def many(tmp_path: Path, count: int) -> Repository:
    repo = repository(tmp_path)
    for number in range(3, count + 3):
        fabric = f"network: {{fabric: {{address: 10.9.0.{number}/16}}}}"
        (repo.root / f"site-configs/nodes/lab/n{number}.yaml").write_text(f"profile: worker\n{fabric}\n")
    return repo


def items(root: Path, processes: int) -> dict[str, tuple[object, ...]]:
    with rendering.rendering("lab", root, {}, processes) as made:
        found = {item.lines.path: (item.lines, item.content, item.executable, item.missing) for item in made.items}
        return {**found, "nodes": made.nodes}


def test_a_site_renders_the_same_in_any_number_of_processes(tmp_path: Path) -> None:
    root = many(tmp_path, 9).root
    one = items(root, 1)
    assert len(one["nodes"]) > 9
    assert items(root, 2) == one
    assert items(root, 4) == one


def test_findings_are_the_same_in_any_number_of_processes(tmp_path: Path) -> None:
    repo = many(tmp_path, 4)
    (repo.root / "site-configs/nodes/lab/n5.yaml").write_text("profile: worker\nhostname: same\n")
    (repo.root / "site-configs/nodes/lab/n6.yaml").write_text("profile: worker\nhostname: same\nbmc: {adress: x}\n")
    told = []
    for processes in (1, 2, 3):
        with pytest.raises(FindingsError) as caught, rendering.rendering("lab", repo.root, {}, processes) as made:
            list(made.items)
        told.append({(finding.code, str(finding.location)) for finding in caught.value.findings})
    assert told[0]
    assert told[0] == told[1] == told[2]


def test_one_value_of_two_shares_is_still_a_finding(tmp_path: Path) -> None:
    repo = many(tmp_path, 4)
    for name in ("n5", "n6"):  # neighbours: with two processes they are in two shares
        (repo.root / f"site-configs/nodes/lab/{name}.yaml").write_text("profile: bare\nhostname: same\n")
    with pytest.raises(FindingsError) as caught, rendering.rendering("lab", repo.root, {}, 2) as made:
        list(made.items)
    assert [finding.code for finding in caught.value.findings] == ["GS234"]
