"""Benchmark captures: what is read, refused, and told of the differences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gpuaas_scripts.benchmark import compare, parse
from gpuaas_scripts.cli.main import run
from gpuaas_scripts.errors import GpuaasError

GPU = {"address": "0000:1b:00.0", "id": "10de:2335", "ats": "-", "acs": None, "max_read_request": "512"}


def value(number: float, unit: str = "Gflop/s", better: str = "higher") -> dict[str, Any]:
    return {"value": number, "unit": unit, "better": better}


def capture(label: str = "metal", **more: Any) -> dict[str, Any]:  # noqa: ANN401
    measured = {"status": "measured", "detail": None, "values": {"fp64": value(100.0)}}
    base = {
        "format": "gpuaas-benchmark",
        "label": label,
        "captured_at": "2026-04-26T10:00:00Z",
        "method": {"version": "1", "seconds": 30, "probes": {"gpu_fp64": "dcgmproftester -d 30"}},
        "facts": {"kernel": "6.8.0", "root": True},
        "tuning": {"hugepages-1048576kB": "512"},
        "tools": {"fio": None},
        "pcie": [GPU, {**GPU, "address": "0000:3b:00.0"}],
        "gpus": [{"index": "0", "name": "NVIDIA H200"}],
        "probes": {"gpu_fp64": measured},
        "complete": True,
    }
    return {**base, **more}


def read(*captures: dict[str, Any]) -> Any:  # noqa: ANN401
    return compare(tuple(parse(json.dumps(one).encode(), "x.json") for one in captures))


def with_probes(label: str, **probes: Any) -> dict[str, Any]:  # noqa: ANN401
    return capture(label, probes=probes)


def test_the_change_is_told_in_percent_of_the_first() -> None:
    slow = with_probes("vm", gpu_fp64={"status": "measured", "detail": None, "values": {"fp64": value(57.0)}})
    [metric] = read(capture(), slow).metrics
    assert (metric.name, metric.unit, metric.values) == ("gpu_fp64.fp64", "Gflop/s", (100.0, 57.0))
    assert metric.deltas == (0.0, pytest.approx(-43.0))
    assert metric.reasons == ("", "")


def test_a_value_that_is_missing_has_a_reason_and_no_delta() -> None:
    absent = with_probes("vm", gpu_fp64={"status": "absent", "detail": "no tool", "values": {}})
    for pair in ((capture(), absent), (absent, capture())):
        [metric] = read(*pair).metrics
        assert metric.deltas.count(None) >= 1
        assert "absent: no tool" in metric.reasons
    [metric] = read(capture(), with_probes("vm")).metrics
    assert metric.reasons == ("", "not in the capture")


def test_a_base_of_zero_gives_no_delta() -> None:
    zero = with_probes("zero", gpu_fp64={"status": "measured", "detail": None, "values": {"fp64": value(0.0)}})
    [metric] = read(zero, capture()).metrics
    assert metric.deltas == (None, None)


def test_what_nobody_measured_is_told() -> None:
    absent = {"status": "not-asked", "detail": "no --rdma-peer", "values": {}}
    compared = read(with_probes("a", rdma=absent), with_probes("b", rdma=absent))
    assert compared.metrics == ()
    [one] = compared.unmeasured
    assert (one.name, one.texts) == ("rdma", ("not-asked: no --rdma-peer",) * 2)


def test_several_units_are_refused() -> None:
    other = with_probes("vm", gpu_fp64={"status": "measured", "detail": None, "values": {"fp64": value(1, "Tflop/s")}})
    with pytest.raises(GpuaasError, match=r"gpu_fp64\.fp64 has several units: Gflop/s, Tflop/s"):
        read(capture(), other)


def test_what_is_set_up_differently_is_told_and_what_is_the_same_is_not() -> None:
    other = capture(
        "vm",
        facts={"kernel": "6.11.0", "root": False},
        tuning={"hugepages-1048576kB": "0"},
        tools={"fio": "fio-3.36"},
        pcie=[{**GPU, "address": "0000:06:00.0", "ats": "+"}, GPU],
        gpus=[{"index": "7", "name": "NVIDIA H200"}],
    )
    assert {one.name: one.texts for one in read(capture(), other).setup} == {
        "kernel": ("6.8.0", "6.11.0"),
        "root": ("true", "false"),
        "tuning.hugepages-1048576kB": ("512", "0"),
        "tool.fio": ("-", "fio-3.36"),
        "pcie.10de:2335.ats": ("-", "1 x +, 1 x -"),
    }
    assert read(capture(), capture("again")).setup == ()


def test_no_gpus_against_some() -> None:
    [one] = read(capture(), capture("vm", gpus=None)).setup
    assert (one.name, one.texts) == ("gpu.name", ("NVIDIA H200", "-"))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "truncated"),
        (b"\xff", "utf-8|malformed|invalid"),
        (json.dumps({**capture(), "complete": False}).encode(), "complete"),
        (json.dumps({**capture(), "format": "other"}).encode(), "format"),
        (json.dumps({**capture(), "more": 1}).encode(), "more"),
        (json.dumps({k: v for k, v in capture().items() if k != "probes"}).encode(), "probes"),
        (json.dumps(capture()).encode()[:-3], "truncated|malformed"),
    ],
)
def test_anything_but_a_whole_capture_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(GpuaasError, match=f"(?i)a.json: no whole benchmark capture: .*({says})") as error:
        parse(content, "a.json")
    assert error.value.hint


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    slow = with_probes("vm", gpu_fp64={"status": "measured", "detail": None, "values": {"fp64": value(57.0)}})
    other = capture("five", method={"version": "1", "seconds": 5, "probes": {"gpu_fp64": "dcgmproftester -d 5"}})
    paths = []
    for number, one in enumerate((capture(), slow, other)):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(one))
        paths.append(str(path))
    return paths


def test_text(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "compare", *files[:2]]) == 0
    said = capsys.readouterr().out
    assert "metal" in said.splitlines()[0]
    assert "gpu_fp64.fp64 [Gflop/s]  100" in said
    assert "57 -43.0% worse" in said
    assert "METHODS" not in said


def test_lower_can_be_better(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, number in (("a", 10.0), ("b", 8.0), ("c", 10.001)):
        values = {"latency": value(number, "us", "lower")}
        probes = {"storage": {"status": "measured", "detail": None, "values": values}}
        (tmp_path / name).write_text(json.dumps(capture(name, probes=probes)))
    assert run(["bench", "compare", *(str(tmp_path / name) for name in "abc")]) == 0
    said = capsys.readouterr().out
    assert "8 -20.0% better" in said
    assert "10.001 +0.0%\n" in said


def test_json_is_the_same(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "compare", "--json", *files[:2]]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["labels"] == ["metal", "vm"]
    assert said["metrics"][0]["deltas"] == [0.0, pytest.approx(-43.0)]
    assert said["methods"] == []


def test_different_methods_are_refused_and_named(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "compare", *files]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "seconds: 30 | 30 | 5" in said.err
    assert "--different-methods" in said.err


def test_different_methods_on_demand_stand_first(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "compare", "--different-methods", *files]) == 0
    assert capsys.readouterr().out.startswith("DIFFERENT METHODS")
    assert run(["bench", "compare", "--different-methods", "--json", *files]) == 0
    assert json.loads(capsys.readouterr().out)["methods"][0] == {"name": "seconds", "texts": ["30", "30", "5"]}


def test_one_capture_or_a_file_that_is_not_there(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bench", "compare", files[0]]) == 2
    assert run(["bench", "compare", files[0], "nowhere.json"]) == 2
    assert "nowhere.json: No such file" in capsys.readouterr().err
