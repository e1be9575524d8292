"""The results of scripts on machines, from the answer to `GET nodes/ID/results/?include_output=1`.

Source of the numbers: MAAS 3.7 `metadataserver.enum.SCRIPT_STATUS`. The status is what the script's YAML says where it
has any, whatever the exit status was: both are kept.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..evidence.judge import Outcome, Run
from .state import StateError

COMMISSIONING, TESTING = 0, 2
"""Types of sets of results; installations and releases are not read."""

_OUTCOMES = {
    0: Outcome.PENDING,
    1: Outcome.RUNNING,
    2: Outcome.PASSED,
    3: Outcome.FAILED,
    4: Outcome.TIMED_OUT,
    5: Outcome.ABORTED,
    6: Outcome.DEGRADED,
    7: Outcome.RUNNING,  # installing its packages
    8: Outcome.FAILED,
    9: Outcome.SKIPPED,
    10: Outcome.RUNNING,  # applying its network configuration
    11: Outcome.FAILED,
}
_OUTPUTS = ("stdout", "stderr", "result")


@dataclass(frozen=True, slots=True)
class ResultSet:
    """One commissioning or test of a machine: MAAS's id of it (they grow) and the runs in it."""

    id: int
    runs: tuple[Run, ...]


def parse_results(answer: object) -> tuple[ResultSet, ...]:
    """The commissionings and tests of an answer, newest first.

    Output that cannot be decoded becomes the run's `problem`. Raises StateError for what is no list of sets of results.
    """
    if not isinstance(answer, Sequence) or isinstance(answer, str | bytes):
        raise StateError("MAAS's list of results is no list")
    found = []
    for item in answer:
        try:
            if int(item["type"]) in (COMMISSIONING, TESTING):
                found.append(ResultSet(int(item["id"]), tuple(_run(one) for one in item["results"])))
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(f"MAAS's answer about results cannot be read: {error!r}") from error
    return tuple(sorted(found, key=lambda one: one.id, reverse=True))


def newest(sets: Iterable[ResultSet], script: str) -> Run | None:
    """The newest run of a script; `sets` are newest first. None when it never was part of any."""
    return next((run for one in sets for run in one.runs if run.script == script), None)


def _run(item: Mapping[str, object]) -> Run:
    texts, problem = {}, ""
    for name in _OUTPUTS:
        try:
            texts[name] = base64.b64decode(str(item.get(name) or ""), validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError) as error:
            texts[name], problem = "", f"MAAS's answer holds a {name} that cannot be decoded ({error})"
    return Run(
        script=str(item["name"]),
        outcome=_OUTCOMES.get(int(str(item["status"])), Outcome.OTHER),
        exit_status=_number(item.get("exit_status")),
        revision=_number(item.get("script_revision_id")),
        ended=str(item.get("ended") or ""),
        problem=problem,
        **texts,
    )


def _number(value: object) -> int | None:
    return None if value is None else int(str(value))
