"""The stand-in MAAS keeps to the table of what MAAS does."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from maas_support import block

from gpuaas_scripts.lab.maas import ADMIN, PLAIN, Region, example_machines
from gpuaas_scripts.lab.maas_http import Request, Response

TABLE = Path(__file__).parents[1] / "lab" / "maas_contract.yaml"
ROWS: list[dict[str, Any]] = yaml.safe_load(TABLE.read_text("utf-8"))


def test_the_table_has_rows_and_each_is_another_case() -> None:
    assert len({row["case"] for row in ROWS}) == len(ROWS) > 80


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["case"])
def test_stand_in(row: dict[str, Any]) -> None:
    region = Region()
    for machine in example_machines():
        region.add_machine(machine)
    for given in row.get("given", []):
        answer = send(region, given)
        assert answer.status in (200, 204), answer.body
    answer = send(region, row["request"])
    assert answer.status == row["status"], answer.body
    if "text" in row:
        assert answer.body.decode() == row["text"]
    if "json" in row:
        assert within(row["json"], answer.json()) == "", answer.json()
    unknown = row.keys() - {"case", "given", "request", "status", "text", "json"}
    assert not unknown


def send(region: Region, row: dict[str, Any]) -> Response:
    method = next(key for key in row if key.isupper())
    url = urlsplit(row[method])
    fields = {
        name: value if isinstance(value, list) else [_text(value)] for name, value in row.get("fields", {}).items()
    }
    files = {}
    if "metadata" in row or "script" in row:
        files = {row.get("part", "script"): block(*row["metadata"]) if "metadata" in row else row["script"]}
    user = {"admin": ADMIN, "plain": PLAIN, "nobody": None}[row.get("as", "admin")]
    query = parse_qs(url.query, keep_blank_values=True)
    # The state of time-bound work is settled by `handle`; requests of a row come one after the other.
    region.machines.settle()
    return region.call(Request(method, f"/MAAS/api/2.0/{url.path}", query, fields, files), user)


def _text(value: str) -> str:
    letter, _, times = value.partition("*")
    return letter * int(times) if times.isdigit() else value


def within(wanted: object, found: object) -> str:
    """Where `found` lacks something of `wanted`; in lists every item counts."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        if not wanted and found:
            return f"{found!r} instead of nothing"
        problems = [
            f"{key}: {within(value, found.get(key))}" for key, value in wanted.items() if within(value, found.get(key))
        ]
        return "; ".join(problems)
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return "; ".join(filter(None, map(within, wanted, found)))
    return "" if wanted == found else f"{found!r} instead of {wanted!r}"
