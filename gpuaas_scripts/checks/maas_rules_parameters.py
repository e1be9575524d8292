"""Parameters of a MAAS script: what MAAS checks only when somebody runs it, and how the script gets them.

Source: MAAS 3.7 `maasserver.forms.parameters` (not asked at upload) and the node's `parse_parameters`
in `maas-run-remote-scripts`, and a running region.
"""

from __future__ import annotations

from difflib import get_close_matches
from string import Formatter
from typing import TYPE_CHECKING, Any

from ..errors import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..errors import Finding
    from .maas_rules_block import Script
    from .places import Path

TYPES = ("boolean", "choice", "interface", "password", "runtime", "storage", "string", "url")
"""What MAAS 3.7 knows (string, password and choice since 2.9, boolean since 3.5)."""

_FIELDS: dict[str, tuple[type, str]] = {
    "type": (str, "text"),
    "min": (int, "a whole number"),
    "max": (int, "a whole number"),
    "title": (str, "text"),
    "description": (str, "text"),
    "required": (bool, "true or false"),
    "allow_list": (bool, "true or false"),
    "choices": (list, "a list"),
}
_CHECKED_ELSEWHERE = ("default", "argument_format")
_WITHOUT_RANGE = ("storage", "interface", "url", "choice")
_ACCEPTED = {
    "storage": ("input", "name", "path", "model", "serial"),
    "interface": ("input", "name", "vendor", "product"),
}
"""One of these must be in the format, or MAAS refuses the run ({mac} too for interfaces, which the runner lacks)."""

_GIVEN = {
    "storage": ("input", "name", "path", "model", "serial", "id_path"),
    "interface": ("input", "name", "mac_address", "vendor", "product"),
}
"""What the runner puts in."""

_WITH_BLANKS = {"storage": ("model",), "interface": ("vendor", "product")}


def check_parameters(script: Script) -> Iterator[Finding]:
    """All parameters of a script."""
    if "parameters" not in script.data:
        return
    value = script.data["parameters"]
    if not isinstance(value, dict):
        message = "parameters is no mapping: MAAS takes it, and then every commission call answers 500, for any machine"
        yield script.tell("GS440", message, ("parameters",), "write `parameters: {name: {type: …}}`, or leave it out")
        return
    for name, about in value.items():
        path: Path = ("parameters", str(name))
        if not isinstance(about, dict):
            message = f"the parameter {name!r} is no mapping: every commission call answers 500, for any machine"
            yield script.tell("GS440", message, path, "write `name: {type: …}`", key=True)
            continue
        if not isinstance(name, str):
            message = f"the parameter's name {name!r} is no text: {script.victims}"
            yield script.tell("GS441", message, path, "put it in quotes", key=True)
        yield from _fields(script, path, about)
        yield from _default(script, path, about)
        yield from _format(script, path, about)
        yield from _passing(script, path, name, about)


def _fields(script: Script, path: Path, about: Mapping[Any, Any]) -> Iterator[Finding]:
    kind = about.get("type")
    if kind not in TYPES:
        close = get_close_matches(str(kind).lower(), TYPES, n=1, cutoff=0.6)
        hint = f"did you mean {close[0]}? " if close else ""
        what = f"the type {kind!r} is unknown" if "type" in about else "a parameter without a type"
        message = f"{what}: MAAS takes the script, and {script.victims}"
        yield script.tell("GS441", message, (*path, "type"), f"{hint}must be one of {', '.join(TYPES)}")
    for key, value in about.items():
        if key in _CHECKED_ELSEWHERE or value is None or (key == "type" and kind not in TYPES):
            continue
        if key not in _FIELDS:
            close = get_close_matches(str(key).lower(), [*_FIELDS, *_CHECKED_ELSEWHERE], n=1, cutoff=0.6)
            hint = f"did you mean {close[0]}?" if close else f"known: {', '.join([*_FIELDS, *_CHECKED_ELSEWHERE])}"
            message = f"MAAS ignores {key!r} of a parameter without a word"
            yield script.tell("GS441", message, (*path, str(key)), hint, key=True)
            continue
        wanted, said = _FIELDS[key]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            message = f"{key} {value!r} is not {said}: MAAS takes the script, and {script.victims}"
            yield script.tell("GS441", message, (*path, key), f"must be {said}")
    for key, problem in _misplaced(about).items():
        yield script.tell(
            "GS441", f"{problem}: MAAS takes the script, and {script.victims}", (*path, key), "correct it"
        )


def _misplaced(about: Mapping[Any, Any]) -> dict[str, str]:
    """Fields that do not go with the type, or with each other: what is wrong with each."""
    kind, low, high, choices = about.get("type"), about.get("min"), about.get("max"), about.get("choices")
    found: dict[str, str] = {}
    if kind in _WITHOUT_RANGE:
        found |= {key: f"the type {kind} has no {key}" for key in ("min", "max") if about.get(key) is not None}
    elif isinstance(low, int) and isinstance(high, int) and low > high:
        found["min"] = f"min {low} is above max {high}"
    elif kind == "runtime" and isinstance(low, int) and low < 0:
        found["min"] = "a runtime cannot be negative"
    if kind != "url" and about.get("allow_list") is not None:
        found["allow_list"] = "allow_list is for the type url only"
    if kind != "choice" and choices is not None:
        found["choices"] = "choices are for the type choice only"
    if kind == "choice" and not choices:
        found["choices" if "choices" in about else "type"] = "the type choice needs choices"
    elif kind == "choice" and isinstance(choices, list) and not all(_is_choice(one) for one in choices):
        found["choices"] = "a choice is a text, or a pair of value and title"
    return found


def _is_choice(one: object) -> bool:
    pair = isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one)
    return isinstance(one, str) or pair


def _choices(about: Mapping[Any, Any]) -> list[str]:
    choices = about.get("choices")
    listed = choices if isinstance(choices, list) else []
    return [one if isinstance(one, str) else one[0] for one in listed if _is_choice(one)]


def _default(script: Script, path: Path, about: Mapping[Any, Any]) -> Iterator[Finding]:
    kind, default = about.get("type"), about.get("default")
    place = (*path, "default")
    if default is None:
        plain = kind in ("string", "password", "choice", "boolean", "url")
        if about.get("required") is True and plain and script.runs_by_itself:
            message = "required and without a default, in a script that runs by itself: nobody gives the value, and "
            hint = "give it a default, or tag the script noauto"
            yield script.tell("GS442", message + script.victims, path, hint, key=True)
        return
    if kind == "runtime":
        message = f"a runtime cannot have a default, neither number nor text: {script.victims}"
        yield script.tell("GS442", message, place, "leave it out: the script's timeout is the default")
    elif not isinstance(default, str):
        message = f"the default {default!r} is no text: MAAS takes the script, and {script.victims}"
        text = str(default).lower() if isinstance(default, bool) else str(default)
        yield script.tell("GS442", message, place, f'write "{text}"')
    elif kind == "choice" and _choices(about) and default not in _choices(about):
        message = f"the default {default!r} is none of the choices: {script.victims}"
        yield script.tell("GS442", message, place, f"must be one of {', '.join(_choices(about))}")
    elif kind == "boolean" and default.lower() not in ("true", "false"):
        message = f"the default {default!r} is no boolean: the script gets it as it is"
        yield script.tell("GS442", message, place, 'write "true" or "false"')


def _format(script: Script, path: Path, about: Mapping[Any, Any]) -> Iterator[Finding]:
    """The argument format: what MAAS accepts, and what the runner can fill in."""
    kind, form = str(about.get("type")), about.get("argument_format")
    if form is None:
        return
    place = (*path, "argument_format")
    given = _GIVEN.get(kind, ("input",))
    known = " ".join(f"{{{name}}}" for name in given)
    if not isinstance(form, str):
        message = f"argument_format {form!r} is no text: MAAS takes the script, and {script.victims}"
        yield script.tell("GS443", message, place, "put it in quotes")
        return
    try:
        names = [name for _, name, _, _ in Formatter().parse(form) if name is not None]
    except ValueError as error:
        message = f"argument_format {form!r} cannot be filled in ({error}): the script is not run"
        yield script.tell("GS443", message, place, f"known: {known}")
        return
    unknown = [name for name in names if name not in given]
    accepted = _ACCEPTED.get(kind, ("input",))
    if unknown:
        message = f"the runner does not know {{{unknown[0]}}}: it does not run the script, which fails with status 2"
        close = "{mac_address}" if unknown[0] == "mac" else ""
        yield script.tell(
            "GS443", message, place, f"did you mean {close}? known: {known}" if close else f"known: {known}"
        )
    elif kind != "boolean" and not any(f"{{{name}}}" in form for name in accepted):
        needed = " or ".join(f"{{{name}}}" for name in accepted)
        message = f"argument_format lacks {needed}: MAAS takes the script, and {script.victims}"
        yield script.tell("GS443", message, place, f"add one of {needed}")
    elif "'" in form or '"' in form:
        message = (
            "quotes in argument_format reach the script as characters: the runner splits at blanks, and is no shell"
        )
        yield script.tell("GS443", message, place, "leave the quotes out")


def _passing(script: Script, path: Path, name: object, about: Mapping[Any, Any]) -> Iterator[Finding]:
    """What reaches the script: one word, or several; visible to all; under which name."""
    kind, form, default = about.get("type"), about.get("argument_format"), about.get("default")
    blanks = [one for one in (default, *_choices(about)) if isinstance(one, str) and len(one.split()) > 1]
    if blanks and kind not in ("storage", "interface", "runtime"):
        field = "default" if blanks[0] == default else "choices"
        message = f"the runner splits {blanks[0]!r} at its blanks: the script gets {len(blanks[0].split())} arguments"
        yield script.tell("GS444", message, (*path, field), "use values without blanks")
    wide = [one for one in _WITH_BLANKS.get(str(kind), ()) if isinstance(form, str) and f"{{{one}}}" in form]
    if wide:
        message = f"{{{wide[0]}}} often holds blanks, at which the runner splits: the script gets several arguments"
        hint = "take {path} or {name}, and look the rest up in the script"
        yield script.tell("GS444", message, (*path, "argument_format"), hint, severity=Severity.WARNING)
    if kind == "boolean" and isinstance(form, str) and "={input}" not in form:
        message = f"a boolean is passed even when it is false: the script gets {form.replace('{input}', 'false')!r}"
        hint = f"write --{name}={{input}}, and look at the value in the script"
        yield script.tell("GS445", message, (*path, "argument_format"), hint, severity=Severity.WARNING)
    if kind == "password":
        message = (
            "a password is an argument of the script: every process of the machine can read it, and so can its logs"
        )
        hint = "let the script fetch the secret, and pass only where from"
        yield script.tell("GS446", message, path, hint, key=True, severity=Severity.WARNING)
    by_type = kind in ("string", "choice", "boolean", "password") and form is None
    if by_type and kind != name and f"--{kind}" not in script.text.content:
        message = f"without argument_format the script gets --{kind}=…, named by the type, not --{name}=…"
        yield script.tell("GS443", message, path, f"add `argument_format: --{name}={{input}}`", key=True)
