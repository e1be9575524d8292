"""Writing to `Bios/Settings` of the stand-in: every check that the firmware makes, in its order.

Which of several ids of one meaning comes when is the stand-in's choice (facts give ids by meaning):
SYS410 read-only for good · SYS444 with SYS410 read-only by a rule · SYS443 locked by the same request ·
SYS024 against a value that a rule forces. The 14g firmware answers with the older BIOS ids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .idrac_errors import Refusal
from .idrac_jobs import Job, Queue, When, window_of
from .idrac_machine import Machine
from .idrac_registry import Spec, Value


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did: the job it made, if any."""

    job: Job | None = None


def write_settings(machine: Machine, queue: Queue, body: object) -> Written:
    """PATCH of the settings object. Raises Refusal; then nothing is changed."""
    old = machine.options.generation.old_messages
    attributes = body.get("Attributes") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(attributes, dict):
        raise Refusal("SYS405")
    if machine.lockdown:
        raise Refusal("BIOS031" if old else "SYS406")
    first = next(iter(attributes), "")
    if queue.bios_job():
        raise Refusal("BIOS006" if old else "SYS011", args=(first,), attribute=first)
    when, window = _apply_time(body, machine)
    if when is not None and queue.other_job():
        raise Refusal("LC063")
    wanted = {name: _checked(machine, name, value, old) for name, value in attributes.items()}
    _check_rules(machine, wanted)
    if machine.options.generation.silent_identical and _nothing_new(machine, wanted):
        return Written()
    machine.pending |= wanted
    machine.revision += 1
    return Written(queue.commit(when, window) if when is not None else None)


def _nothing_new(machine: Machine, wanted: dict[str, Value]) -> bool:
    """Whether all of it is staged already, or in force with nothing else staged for it."""
    return all(machine.pending.get(name, machine.current.get(name)) == value for name, value in wanted.items())


def _apply_time(body: dict[str, object], machine: Machine) -> tuple[When | None, tuple[float, float] | None]:
    asked = body.get("@Redfish.SettingsApplyTime")
    if asked is None:
        return None, None
    if not isinstance(asked, dict):
        raise Refusal("SYS405")
    try:
        when = When(str(asked.get("ApplyTime")))
    except ValueError:
        raise Refusal("SYS426", args=(str(asked.get("ApplyTime")), "ApplyTime")) from None
    return when, window_of(asked, when, machine.now)


def _checked(machine: Machine, name: str, value: object, old: bool) -> Value:
    """The value if the attribute takes it; raises Refusal."""
    spec = machine.firmware.specs.get(name)
    if spec is None:
        raise Refusal("BIOS013", args=(name,)) if old else Refusal("SYS429", args=(name,), attribute=name)
    refusal = _wrong(spec, value)
    if refusal:
        if old:
            raise Refusal("BIOS014", args=(name,))
        raise Refusal(refusal, args=(str(value), name), attribute=name)
    assert isinstance(value, str | int)  # noqa: S101 - what _wrong has looked at
    return value


def _wrong(spec: Spec, value: object) -> str:
    """The id of what is wrong with a value, or nothing."""
    number = isinstance(value, int) and not isinstance(value, bool)
    if spec.kind == "Integer":
        if not number:
            return "SYS424"
        return "" if isinstance(value, int) and spec.low <= value <= spec.high else "SYS409"
    if not isinstance(value, str):
        return "SYS424"
    if spec.kind == "Enumeration":
        return "" if value in spec.values else "SYS426"
    fits = spec.low <= len(value) <= spec.high and (not spec.pattern or re.search(spec.pattern, value))
    return "" if fits else "SYS409"


def _check_rules(machine: Machine, wanted: dict[str, Value]) -> None:
    """The rules, over the values as they would be: a prerequisite in the same request counts, and what it forces."""
    after = {**machine.current, **machine.pending, **wanted}
    forced = machine.firmware.forced(after)
    before = machine.firmware.read_only({**machine.current, **machine.pending})
    locked = machine.firmware.read_only({**after, **forced})
    for name, value in wanted.items():
        if machine.firmware.specs[name].fixed:
            raise Refusal("SYS410", args=(name,), attribute=name)
        if name in locked and machine.current.get(name) != value:
            raise Refusal(*(("SYS444", "SYS410") if name in before else ("SYS443",)), args=(name,), attribute=name)
    for name, value in wanted.items():
        if forced.get(name, value) != value:
            raise Refusal("SYS024", args=(name,), attribute=name)


def commit(machine: Machine, queue: Queue, body: object) -> Job:
    """POST to the job collection: make the job for what is staged. Raises Refusal."""
    old = machine.options.generation.old_messages
    target = body.get("TargetSettingsURI") if isinstance(body, dict) else None
    if not isinstance(target, str):
        raise Refusal("SYS428", args=("TargetSettingsURI",))
    if not target.endswith("/Bios/Settings"):
        raise Refusal("SYS425", args=(target, "TargetSettingsURI"))
    if machine.lockdown:
        raise Refusal("SYS291")
    running = queue.bios_job()
    if running:
        raise Refusal("RAC0679" if running.state == "Running" else "BIOS007" if old else "SYS011")
    if queue.other_job():
        raise Refusal("LC063")
    if not machine.pending:
        raise Refusal("BIOS008")
    return queue.commit()


def clear(machine: Machine, queue: Queue) -> None:
    """The action ClearPending: drop what is staged and not committed. Raises Refusal."""
    old = machine.options.generation.old_messages
    if machine.lockdown:
        raise Refusal("RAC1201")
    if queue.bios_job():
        raise Refusal("BIOS011" if old else "SYS011")
    if not machine.pending:
        raise Refusal("BIOS012" if old else "SYS023")
    machine.pending.clear()
    machine.revision += 1
