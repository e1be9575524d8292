"""`gpuaas-gen bench`: benchmark captures side by side."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import ExitCode, GpuaasError
from .console import Console, verb

if TYPE_CHECKING:
    from ..benchmark import Capture, Comparison, Metric


@click.group("bench")
def command() -> None:
    """Compare what gpuaas-benchmark-capture measured.

    \b
    Examples:
      gpuaas-gen bench compare baremetal-j22u15.json slice-vm-j22u15-s01.json
      gpuaas-gen bench compare hugepages-off.json hugepages-on.json
    """


@command.command("compare")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="BASE.json OTHER.json...")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option(
    "--different-methods", is_flag=True, help="Compare although the methods differ; what differs is told in the result."
)
@verb
def compare_command(
    console: Console, explicit_root: Path | None, files: tuple[Path, ...], as_json: bool, different_methods: bool
) -> int:
    """Print the deltas of captures against the first one, and everything else that differs between them.

    The first file is the base: bare metal for a slice guest, off for on. With more than two, each has its column, as
    for the matrix of what is turned on and off: huge pages, network tuning, IPoIB queues, guest driver, vCPUs. What
    differs in how the machines are set up stands above the numbers: a delta with two reasons explains nothing.

    Captures made by different methods are refused, unless --different-methods is given.

    \b
    Examples:
      gpuaas-gen bench compare baremetal-j22u15.json slice-vm-j22u15-s01.json
      gpuaas-gen bench compare off.json hugepages.json hugepages-and-sysctl.json --json
    """
    from ..benchmark import compare, method_differences

    if len(files) < 2:
        raise click.UsageError("give two captures or more")
    captures = tuple(_read(path) for path in files)
    methods = method_differences(captures)
    if methods and not different_methods:
        told = "\n".join(f"  {one.name}: {' | '.join(one.texts)}" for one in methods)
        raise GpuaasError(
            f"the captures were made by different methods, so their numbers do not compare:\n{told}",
            hint="capture anew with one version of the script and the same --seconds, or give --different-methods",
        )
    comparison = compare(captures)
    if as_json:
        console.data(json.dumps(asdict(comparison), indent=2))
    else:
        console.data("\n".join(_lines(comparison)))
    return ExitCode.OK


def _read(path: Path) -> Capture:
    from ..benchmark import parse

    try:
        return parse(path.read_bytes(), str(path))
    except OSError as error:
        raise GpuaasError(f"{path}: {error.strerror}", hint="give files that gpuaas-benchmark-capture wrote") from None


def _lines(comparison: Comparison) -> list[str]:
    from .explain_text import table

    lines = []
    if comparison.methods:
        lines += ["DIFFERENT METHODS: these numbers do not compare"]
        lines += table([("", *comparison.labels), *((one.name, *one.texts) for one in comparison.methods)])
    lines += table([("", *comparison.labels), ("captured", *comparison.captured_at)])
    if comparison.setup:
        lines += ["set up differently"]
        lines += table([(one.name, *(_short(text) for text in one.texts)) for one in comparison.setup])
    if comparison.metrics:
        lines += ["measured, and the change against the first"]
        lines += table([_row(metric) for metric in comparison.metrics])
    if comparison.unmeasured:
        lines += ["not measured"]
        lines += table([(one.name, *one.texts) for one in comparison.unmeasured])
    return lines


def _row(metric: Metric) -> tuple[str, ...]:
    cells = []
    for number, (value, delta, reason) in enumerate(zip(metric.values, metric.deltas, metric.reasons, strict=True)):
        if value is None:
            cells.append(f"({reason})")
        elif number == 0:
            cells.append(f"{value:g}")
        elif delta is None:
            cells.append(f"{value:g} (no base)")
        else:
            cells.append(f"{value:g} {delta:+.1f}%{_judged(metric, delta)}")
    return (f"{metric.name} [{metric.unit}]", *cells)


def _judged(metric: Metric, delta: float) -> str:
    """Which way the change goes, in a word; changes below 0.05 % are none."""
    if abs(delta) < 0.05:
        return ""
    return " better" if (delta > 0) == (metric.better == "higher") else " worse"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
