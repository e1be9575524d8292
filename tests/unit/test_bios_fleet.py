"""The same work on many hosts: failures hold up nobody, batches limit restarts, private files are whole."""

from __future__ import annotations

import asyncio
import stat
from typing import TYPE_CHECKING

import pytest

from gpuaas_scripts.errors import ExitCode, GpuaasError
from gpuaas_scripts.sinks.bios_fleet import Batch, HeldBackError, Result, on_each
from gpuaas_scripts.sinks.private_file import write_private

if TYPE_CHECKING:
    from pathlib import Path


def run(hosts: dict[str, object], parallel: int = 32) -> tuple[list[Result[str]], list[str], int]:
    """Results, the order of their ends, and the most that were at work at once. A number is seconds of work."""
    order: list[str] = []
    busy = most = 0

    async def work(what: object) -> str:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        try:
            if isinstance(what, BaseException):
                raise what
            await asyncio.sleep(float(str(what)))
            return f"after {what}"
        finally:
            busy -= 1

    def done(result: Result[str]) -> None:
        order.append(result.host)

    async def main() -> list[Result[str]]:
        return await on_each(list(hosts.items()), work, parallel, done)

    return asyncio.run(main()), order, most


def test_results_are_in_the_order_of_the_hosts() -> None:
    results, order, _ = run({"slow": 0.05, "dead": GpuaasError("dead"), "quick": 0})
    assert [result.host for result in results] == ["slow", "dead", "quick"]
    assert [result.value for result in results] == ["after 0.05", None, "after 0"]
    assert order == ["dead", "quick", "slow"]
    assert results[1].failed


def test_no_more_than_asked_for_at_once() -> None:
    _, order, most = run({str(number): 0.005 for number in range(20)}, parallel=4)
    assert (len(order), most) == (20, 4)


def test_a_defect_is_kept_for_the_end() -> None:
    results, order, _ = run({"broken": KeyError("secret"), "fine": 0.01})
    assert order == ["broken", "fine"]
    assert isinstance(results[0].defect, KeyError)
    assert str(results[0].error) == "broken: a defect of this program: KeyError"
    assert results[0].error is not None
    assert results[0].error.exit_code is ExitCode.REMOTE


def test_no_hosts() -> None:
    assert run({})[0] == []


def test_cancelling_ends_all_work() -> None:
    ended = []

    async def work(name: str) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(name)

    async def main() -> None:
        task = asyncio.ensure_future(on_each([(n, n) for n in "abc"], work, 2, lambda _: None))
        await asyncio.sleep(0.05)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert sorted(ended) == ["a", "b"], "c was never begun"


def batch(size: int, max_failures: int | None, fail: set[str]) -> tuple[list[str], int]:
    """The hosts that had their turn, of a to f, and the most at once."""
    turned: list[str] = []
    busy = most = 0

    async def one(made: Batch, name: str) -> None:
        nonlocal busy, most
        async with made.turn(name):
            turned.append(name)
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(0.002)
            busy -= 1
            if name in fail:
                raise GpuaasError(name)

    async def main() -> None:
        made = Batch(size, max_failures)
        results = await asyncio.gather(*(one(made, name) for name in "abcdef"), return_exceptions=True)
        held = [result for result in results if isinstance(result, HeldBackError)]
        assert len(held) == 6 - len(turned)
        assert made.failures == len(fail & set(turned)), "who is held back has not failed"

    asyncio.run(main())
    return turned, most


def test_batches() -> None:
    assert batch(2, None, set()) == (list("abcdef"), 2)
    assert batch(10, None, {"a", "b"})[0] == list("abcdef")
    assert batch(1, 1, {"b"})[0] == ["a", "b"]
    assert batch(1, 2, {"a", "c"})[0] == ["a", "b", "c"]
    assert batch(2, 1, {"a"})[0] == ["a", "b"], "the one at work goes on, and nobody after it"


def test_a_private_file(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old")
    path.chmod(0o666)
    write_private(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]
    (tmp_path / "folder").mkdir()
    with pytest.raises(GpuaasError, match="no file"):
        write_private(tmp_path / "folder", b"")
    with pytest.raises(GpuaasError, match="No such file"):
        write_private(tmp_path / "no" / "plan.json", b"")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["folder", "plan.json"]


def test_a_file_that_is_cut_off_is_never_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "plan.json"
    path.write_text("old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(GpuaasError, match="No space left"):
        write_private(path, b"new")
    assert (path.read_text(), list(tmp_path.iterdir())) == ("old", [path])
