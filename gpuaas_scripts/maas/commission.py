"""What a commissioning would run, and the request for it. Pure.

Naming scripts replaces the set that MAAS runs by itself (its own always run), so that ours of that set are named,
too. Source: MAAS 3.7 `metadataserver.models.scriptset`, and a running region.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from . import parameters
from .fields import ScriptType
from .machine import Machine, MachineStatus
from .state import HeldScript
from .storage import Problem

NOAUTO = "noauto"
"""The tag that keeps a script out of the automatic set."""

POSSIBLE = (
    *(MachineStatus.NEW, MachineStatus.READY, MachineStatus.FAILED_COMMISSIONING),
    *(MachineStatus.FAILED_TESTING, 8),  # 8: broken
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value for a script's run. A password's `value` is a reference to it."""

    script: str
    name: str
    value: str
    secret: bool = False


@dataclass(frozen=True, slots=True)
class CommissionPlan:
    """A commissioning: scripts by name, why each runs, and everything that keeps it from being asked for.

    `asked` were named, `added` are ours of the automatic set that naming would have left out, `automatic` run by
    themselves since nothing was named, `left_out` are others' scripts of the automatic set that do not run now.
    `selection` is what MAAS is sent (names and tags), empty for the automatic set.
    """

    asked: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    automatic: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    selection: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def runs(self) -> tuple[str, ...]:
        """All scripts that run besides MAAS's own, as far as the machine has the hardware that they are for."""
        return tuple(sorted({*self.asked, *self.added, *self.automatic}))


def plan(
    site: str, held: Mapping[str, HeldScript], machine: Machine, asked: Sequence[str], given: Sequence[str]
) -> CommissionPlan:
    """Plan a commissioning of `machine` with the scripts `asked` for (none: the automatic set).

    `held` are all scripts in MAAS, `given` parameters as SCRIPT.NAME=VALUE.
    """
    problems = list(_about_machine(machine))
    wanted = []
    for name in dict.fromkeys(asked):
        problem = _about_script(name, held)
        if problem is None:
            wanted.append(name)
        else:
            problems.append(problem)
    by_itself = sorted(name for name, script in held.items() if runs_by_itself(script))
    ours = [name for name in by_itself if site in held[name].sites]
    others = [name for name in by_itself if name not in ours]
    added = [name for name in ours if name not in wanted] if asked else []
    runs = {*wanted, *added} if asked else set(by_itself)
    selection, unclear = _selection([*wanted, *added], held)
    problems += unclear
    for name in sorted(runs):
        problems += parameters.declaration_problems(held[name])
    values, wrong = _parameters(given, runs, held, machine)
    return CommissionPlan(
        asked=tuple(wanted),
        added=tuple(added),
        automatic=() if asked else tuple(by_itself),
        left_out=tuple(name for name in others if name not in wanted) if asked else (),
        selection=selection,
        parameters=values,
        problems=(*problems, *wrong),
    )


def _about_machine(machine: Machine) -> Iterator[Problem]:
    if machine.locked:
        yield Problem(f"machine {machine.hostname} is locked in MAAS", "unlock it there")
    if machine.status not in POSSIBLE:
        hint = "release it first" if machine.status == MachineStatus.DEPLOYED else "wait for it, or abort it in MAAS"
        yield Problem(
            f"machine {machine.hostname} is in state {machine.status_name}: MAAS does not commission it", hint
        )


def _about_script(name: str, held: Mapping[str, HeldScript]) -> Problem | None:
    script = held.get(name)
    if script is None:
        hint = parameters.close(name, held) or "upload it: gpuaas-gen upload"
        return Problem(f"MAAS has no script {name!r}", hint)
    if script.default:
        return Problem(f"{name} is MAAS's own script", "it always runs: leave it out")
    if script.fields.script_type != ScriptType.COMMISSIONING:
        kind = script.fields.script_type
        said = kind.name.lower() if isinstance(kind, ScriptType) else str(kind)
        return Problem(f"{name} is a {said} script, no commissioning script", "its type is in its metadata")
    return None


def runs_by_itself(script: HeldScript) -> bool:
    """Whether MAAS runs the script on every commissioning for which nothing is named."""
    fields = script.fields
    mine = not script.default and fields.script_type == ScriptType.COMMISSIONING
    return mine and NOAUTO not in fields.tags and not fields.for_hardware


def _selection(names: Sequence[str], held: Mapping[str, HeldScript]) -> tuple[tuple[str, ...], list[Problem]]:
    """How to name the scripts: one for certain hardware is selected by a tag of its own only."""
    words, problems = [], []
    for name in names:
        script = held[name]
        if not script.fields.for_hardware:
            words.append(name)
            continue
        taken = {tag for other, one in held.items() if other != name for tag in one.fields.tags}
        own = sorted(script.fields.tags - taken - {NOAUTO})
        if own:
            words.append(own[0])
        else:
            message = f"{name} is for certain hardware: MAAS selects it by a tag only, and all of its tags are shared"
            problems.append(Problem(message, "give it a tag of its own in its metadata, and upload it"))
    return tuple(words), problems


def _parameters(
    given: Sequence[str], runs: set[str], held: Mapping[str, HeldScript], machine: Machine
) -> tuple[tuple[Parameter, ...], list[Problem]]:
    values: dict[str, dict[str, str]] = {name: {} for name in runs}
    problems = []
    for text in given:
        left, equals, value = text.partition("=")
        # A script's name may hold dots, a parameter's after it, too: the longest name that runs counts.
        script = max((name for name in runs if left.startswith(f"{name}.")), key=len, default="")
        if not equals or not script:
            listed = ", ".join(sorted(runs)) or "none"
            shown = left if equals else "a text without '='"
            problems.append(Problem(f"--param {shown}: must be SCRIPT.NAME=VALUE, for a script that runs: {listed}"))
            continue
        name = left[len(script) + 1 :]
        if name in values[script]:
            problems.append(Problem(f"{left} is given twice"))
        values[script][name] = value
    for script in sorted(runs):
        problems += parameters.check(held[script], values[script], machine)
        if values[script]:
            problems += _mixed_up(script, runs, held)
    found = tuple(
        Parameter(script, name, value, parameters.is_secret(held[script], name))
        for script, pairs in sorted(values.items())
        for name, value in pairs.items()
    )
    return found, problems


def _mixed_up(script: str, runs: set[str], held: Mapping[str, HeldScript]) -> Iterator[Problem]:
    """MAAS finds the script of a parameter by looking for names within it."""
    for other in sorted(runs - {script}):
        if (other in script or script in other) and parameters.declared(held[other]):
            message = f"the names {script} and {other} hold each other: MAAS would mix up their parameters"
            yield Problem(message, "rename one of the two, or commission without it")


def fields(
    made: CommissionPlan, secrets: Mapping[tuple[str, str], str], *, keep_networking: bool, keep_storage: bool
) -> tuple[tuple[str, str], ...]:
    """The form to send; `secrets` are the resolved passwords by script and parameter."""
    form = [("commissioning_scripts", ",".join(made.selection))] if made.selection else []
    for one in made.parameters:
        form.append((f"{one.script}_{one.name}", secrets[one.script, one.name] if one.secret else one.value))
    form += [("skip_networking", "1")] if keep_networking else []
    form += [("skip_storage", "1")] if keep_storage else []
    return tuple(form)
