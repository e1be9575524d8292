"""A stand-in `racadm` for a folder of PATH, with its state in a file: Dell's outputs without a Dell.

The state file is JSON: `groups` (group → object → value, values, read_only, write_only, pending, unsupported),
`jobs`, `lockdown`, `power`, `ending` (PR19, PR31, PR21 or PR30: how jobs end), `fault` (garbage, hang, library,
login, unreachable, no-local), `prompts` (what `-i` prints to ask for the login),
`trusted` (whether remote racadm trusts the certificate), `refusal_status` and `success_status` (exit
statuses, which Dell does not document), `calls` (every argument list), `given` (with `-i`: whether
user and password came by stdin).
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .idrac_attributes import PLANTED
from .idrac_registry import GENERATIONS, Generation, Spec, Value, firmware


@dataclass(frozen=True, slots=True)
class Racadm:
    """An installed stand-in: the program, and the file with its state."""

    program: Path
    state: Path

    def read(self) -> dict[str, Any]:
        """The state as it is."""
        state: dict[str, Any] = json.loads(self.state.read_text(encoding="utf-8"))
        return state

    def change(self, **keys: Any) -> None:  # noqa: ANN401
        """Set keys of the state; not while the program runs."""
        self.state.write_text(json.dumps({**self.read(), **keys}), encoding="utf-8")

    def object(self, group: str, name: str) -> dict[str, Any]:
        """One object of a group as it is."""
        found: dict[str, Any] = self.read()["groups"][group][name]
        return found


def install(folder: Path, generation: Generation | None = None, *, interpreter: str = sys.executable) -> Racadm:
    """Put `racadm` and its state into `folder` (made if need be).

    `generation` decides the groups and values (default: the XE9680L's). `interpreter` is the Python
    of the machine that runs it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state, program = folder / "racadm.json", folder / "racadm"
    state.write_text(json.dumps(initial(generation or GENERATIONS["16g"])), encoding="utf-8")
    source = Path(__file__).with_name("racadm_program.py").read_text(encoding="utf-8")
    placed = source.replace('\nSTATE = ""\n', f"\nSTATE = {str(state)!r}\n", 1)
    program.write_text(f"#!{interpreter}\n{placed}", encoding="utf-8")
    program.chmod(0o755)
    return Racadm(program, state)


def initial(generation: Generation) -> dict[str, Any]:
    """The state of a new stand-in."""
    made = firmware(generation)
    values: dict[str, Value | None] = {name: spec.default for name, spec in made.specs.items()}
    read_only = made.read_only(values)
    groups: dict[str, dict[str, Any]] = {}
    for spec in made.specs.values():
        last = spec.path.rsplit("/", 1)[-1]
        group = "BiosBootSettings" if last == "BootSettingsRef" else last.removesuffix("Ref")
        groups.setdefault(group, {})[spec.name] = _object(spec, spec.name in read_only)
    groups["Lockdown"] = {"SystemLockdown": {"value": "Disabled"}}
    return {
        "groups": groups,
        "jobs": {},
        "made": 0,
        "lockdown": False,
        "power": "ON",
        "prompts": "",
        "ending": "PR19",
        "fault": "",
        "trusted": False,
        "refusal_status": 1,
        "success_status": 0,
        "calls": [],
        "given": [],
    }


def _object(spec: Spec, read_only: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"value": "" if spec.default is None else str(spec.default), "read_only": read_only}
    if spec.values:
        entry["values"] = list(spec.values)
    if spec.kind == "Password":
        entry |= {"write_only": True, "value": f"{PLANTED}-password"}
    return entry
