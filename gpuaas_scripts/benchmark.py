"""Benchmark captures, and what one differs in from another. Pure: texts in, values out.

A capture is what the script gpuaas-benchmark-capture writes: facts, tuning, tools, PCIe settings, GPUs, and
probes with values that carry their unit and whether more is better. Two captures can be compared only where
they were made by the same method; what was measured on (target, peer, device) is no part of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import msgspec

from .errors import GpuaasError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Plain = str | int | float | bool | None


class Status(StrEnum):
    """How a probe ended."""

    MEASURED = "measured"
    ABSENT = "absent"
    NOT_ASKED = "not-asked"
    FAILED = "failed"


class Better(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured number, in `unit`."""

    value: float
    unit: str
    better: Better


class Probe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One probe: `detail` says why there are no values."""

    status: Status
    detail: str | None
    values: dict[str, Value]


class Method(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How it was measured: version of the script's method, seconds a probe, command line of each probe."""

    version: str
    seconds: int
    probes: dict[str, str]


class Capture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One capture. `pcie` has a mapping for each GPU and adapter, `gpus` one for each GPU (None: no answer)."""

    format: Literal["gpuaas-benchmark"]
    label: str
    captured_at: str
    method: Method
    facts: dict[str, Plain]
    tuning: dict[str, Plain]
    tools: dict[str, Plain]
    pcie: tuple[dict[str, Plain], ...]
    gpus: tuple[dict[str, Plain], ...] | None
    probes: dict[str, Probe]
    complete: Literal[True]


def parse(content: bytes, name: str) -> Capture:
    """The capture in a file. `name` is shown in errors. Raises GpuaasError for anything but a whole capture."""
    try:
        return msgspec.json.decode(content, type=Capture)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise GpuaasError(
            f"{name}: no whole benchmark capture: {error}",
            hint="capture it anew: gpuaas-benchmark-capture --label NAME --output FILE",
        ) from None


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not the same in all captures: `texts` in their order."""

    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a probe in all captures; None where it was not measured.

    `deltas` are the changes against the first in percent, None where either is missing or the first is 0; `reasons`
    say why a value is missing, '' where it is there.
    """

    name: str
    unit: str
    better: Better
    values: tuple[float | None, ...]
    deltas: tuple[float | None, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Captures side by side, the first as the base."""

    labels: tuple[str, ...]
    captured_at: tuple[str, ...]
    methods: tuple[Difference, ...]
    setup: tuple[Difference, ...]
    metrics: tuple[Metric, ...]
    unmeasured: tuple[Difference, ...]


def method_differences(captures: tuple[Capture, ...]) -> tuple[Difference, ...]:
    """What the captures measured differently."""
    flat: list[dict[str, Plain]] = [
        {"version": one.method.version, "seconds": one.method.seconds, **one.method.probes} for one in captures
    ]
    return _differences(flat)


def compare(captures: tuple[Capture, ...]) -> Comparison:
    """Put captures side by side. Whether their methods may differ is the caller's to decide."""
    return Comparison(
        labels=tuple(one.label for one in captures),
        captured_at=tuple(one.captured_at for one in captures),
        methods=method_differences(captures),
        setup=_differences([_setup(one) for one in captures]),
        metrics=tuple(_metrics(captures)),
        unmeasured=tuple(
            Difference(name, tuple(_reason(one, name) for one in captures))
            for name in _names(one.probes for one in captures)
            if all(name not in one.probes or not one.probes[name].values for one in captures)
        ),
    )


def _names(mappings: Iterable[Mapping[str, object]]) -> list[str]:
    """All keys, in the order of their first appearance."""
    return list(dict.fromkeys(name for mapping in mappings for name in mapping))


def _differences(mappings: list[dict[str, Plain]]) -> tuple[Difference, ...]:
    found = []
    for name in _names(mappings):
        texts = tuple(_text(mapping.get(name)) for mapping in mappings)
        if len(set(texts)) > 1:
            found.append(Difference(name, texts))
    return tuple(found)


def _text(value: Plain) -> str:
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _setup(capture: Capture) -> dict[str, Plain]:
    """Everything that can explain a delta, by name; devices are summed up, since their addresses differ in a guest."""
    flat: dict[str, Plain] = dict(capture.facts)
    flat |= {f"tuning.{name}": value for name, value in capture.tuning.items()}
    flat |= {f"tool.{name}": value for name, value in capture.tools.items()}
    for name in ("link_speed", "link_width", "ats", "acs", "max_read_request", "max_payload"):
        for kind in sorted({_text(device.get("id")) for device in capture.pcie}):
            seen = [_text(device.get(name)) for device in capture.pcie if _text(device.get("id")) == kind]
            flat[f"pcie.{kind}.{name}"] = _summed_up(seen)
    for name in _names(capture.gpus or ()):
        if name not in ("index", "uuid", "pci.bus_id", "temperature.gpu", "clocks.sm", "clocks.mem"):
            flat[f"gpu.{name}"] = _summed_up([_text(gpu.get(name)) for gpu in capture.gpus or ()])
    return flat


def _summed_up(texts: list[str]) -> str:
    """`+` for all, `7 x +, 1 x -` where they are not the same. The number of devices is told by the GPUs and slots."""
    counted = Counter(texts).most_common()
    if len(counted) == 1:
        return counted[0][0]
    return ", ".join(f"{count} x {text}" for text, count in counted)


def _metrics(captures: tuple[Capture, ...]) -> list[Metric]:
    found = []
    for probe in _names(one.probes for one in captures):
        held = [one.probes[probe].values if probe in one.probes else {} for one in captures]
        for name in _names(held):
            known = [values[name] for values in held if name in values]
            if len({(one.unit, one.better) for one in known}) > 1:
                raise GpuaasError(f"{probe}.{name} has several units: {', '.join(sorted({one.unit for one in known}))}")
            values = tuple(one[name].value if name in one else None for one in held)
            base = values[0]
            deltas = tuple(None if not base or value is None else (value - base) / base * 100 for value in values)
            reasons = tuple(
                "" if value is not None else _reason(one, probe) for one, value in zip(captures, values, strict=True)
            )
            found.append(Metric(f"{probe}.{name}", known[0].unit, known[0].better, values, deltas, reasons))
    return found


def _reason(capture: Capture, probe: str) -> str:
    """Why a probe of a capture has no values."""
    held = capture.probes.get(probe)
    if held is None:
        return "not in the capture"
    return f"{held.status}: {held.detail}" if held.detail else str(held.status)
