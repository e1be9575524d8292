"""The stand-in MAAS against answers recorded from a running one, when `GPUAAS_MAAS_EXCHANGES` names their folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from maas_replay import Replay, arrange

from gpuaas_scripts.lab.maas_http import Response

VARIABLE = "GPUAAS_MAAS_EXCHANGES"

MACHINE_KEYS = (
    *("hostname", "fqdn", "status", "status_name", "tag_names", "power_type", "architecture", "owner"),
    *("commissioning_status", "commissioning_status_name", "testing_status", "netboot", "ephemeral_deploy", "locked"),
    *("distro_series", "osystem", "enable_hw_sync", "node_type_name", "power_state", "status_action"),
)
RESULT_KEYS = ("name", "status", "status_name", "exit_status", "suppressed")
OUTPUT_KEYS = {"output", "stdout", "stderr", "result"}
VOLATILE = {"id", "created", "updated", "email", "capabilities"}

NOT_THERE = {
    "360": "the stand-in packs no tar of results",
    "361": "the stand-in has no op=download of results",
    "363": "the stand-in answers no BSON",
    "506": "the stand-in checks PLAINTEXT signatures only, and the recording lacks the header",
    **dict.fromkeys(
        ("376", "378", "385"), "the stand-in makes no results for each disk (tests with a storage parameter)"
    ),
}
"""Exchanges that are not replayed, and why."""


def load(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    return [(path.name[:3], json.loads(path.read_text("utf-8"))) for path in sorted(folder.glob("[0-9]*.json"))]


def key_fields(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """What of an answer is compared."""
    if isinstance(value, list):
        items = [key_fields(item) for item in value]
        named = all(isinstance(item, dict) for item in items)
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if named and items else items
    if not isinstance(value, dict):
        return value
    if "node_type_name" in value:
        return {key: value[key] for key in MACHINE_KEYS}
    if "script_revision_id" in value:
        same = {key: value[key] for key in RESULT_KEYS}
        return {**same, "ran": bool(value["script_revision_id"]), "output": sorted(value.keys() & OUTPUT_KEYS)}
    if "last_ping" in value:
        return {key: key_fields(value[key]) for key in ("type", "type_name", "status", "status_name", "results")}
    if "history" in value:
        history = [{key: item.get(key) for key in ("comment", "data")} for item in value["history"]]
        same = {key: item for key, item in value.items() if key not in VOLATILE}
        return {**same, "tags": sorted(value["tags"]), "history": history}
    return {key: key_fields(item) for key, item in value.items() if key not in VOLATILE}


def disagreement(exchange: dict[str, Any], ours: Response) -> str:
    """Empty when the stand-in answered as MAAS did."""
    recorded = exchange["response"]
    if recorded["status"] != ours.status:
        return f"status {ours.status} for {recorded['status']}: {ours.body[:200]!r}"
    if recorded["json"] is None:
        text = ours.body.decode("utf-8", "replace")
        return "" if text == (recorded["text"] or "") else f"text {text!r} for {recorded['text']!r}"
    if "json" not in ours.content_type:
        return f"no JSON: {ours.body[:200]!r}"
    if recorded["json"] in ({}, []) or not isinstance(recorded["json"], dict | list):
        return "" if ours.json() == recorded["json"] else f"{ours.json()!r} for {recorded['json']!r}"
    left, right = key_fields(recorded["json"]), key_fields(ours.json())
    if left == right:
        return ""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = [key for key in {**left, **right} if left.get(key) != right.get(key)]
        return "; ".join(f"{key} {right.get(key)!r} for {left.get(key)!r}" for key in keys)[:600]
    return f"{right!r} for {left!r}"[:600]


def test_the_stand_in_answers_as_the_recorded_maas() -> None:
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} does not name a folder of recorded exchanges")
    exchanges = load(Path(folder))
    assert exchanges, f"no exchanges in {folder}"
    replay = Replay()
    wrong = {}
    for number, exchange in exchanges:
        arrange(replay, number)
        if number in NOT_THERE:
            continue
        ours = replay.replay(exchange)
        if "json" in ours.content_type:
            replay.learn(exchange["response"]["json"], ours.json())
        if problem := disagreement(exchange, ours):
            wrong[number] = f"{exchange['case']}: {problem}"
    replayed = len(exchanges) - sum(number in NOT_THERE for number, _ in exchanges)
    report = "\n".join(f"{number} {text}" for number, text in wrong.items())
    print(f"{replayed - len(wrong)} of {replayed} replayed exchanges agree, {len(exchanges)} recorded\n{report}")
    assert set(wrong) <= set(DIFFERENT), report


DIFFERENT: dict[str, str] = {}
"""Exchanges that are answered otherwise, and why."""
