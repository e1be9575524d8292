"""Parameters of a script's run, checked here, since MAAS checks them late or not at all.

Source: MAAS 3.7 `maasserver.forms.parameters`, `metadataserver.models.scriptset`, the node's `parse_parameters`, and a
running region: values reach the script as arguments split at blanks, passwords among them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from .machine import Machine
from .state import HeldScript
from .storage import Problem

TYPES = ("boolean", "choice", "interface", "password", "runtime", "storage", "string", "url")

_FILLED_IN = ("runtime", "storage", "interface")
"""Types for which MAAS has a value where none is given."""

_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#]+\S*", re.IGNORECASE)


def declared(script: HeldScript) -> dict[str, dict[str, Any]]:
    """The parameters that a script declares in MAAS; what is no declaration is left out (`declaration_problems`)."""
    found = json.loads(script.fields.parameters)
    if not isinstance(found, dict):
        return {}
    return {name: about for name, about in found.items() if isinstance(about, dict)}


def declaration_problems(script: HeldScript) -> Iterator[Problem]:
    """Declarations for which MAAS refuses to commission every machine that would run the script."""
    found = json.loads(script.fields.parameters)
    hint = f"mend the metadata of {script.name} and upload it: MAAS does not look at this before"
    if not isinstance(found, dict):
        yield Problem(f"{script.name}: its parameters are no mapping; MAAS fails on every commissioning", hint)
        return
    for name, about in found.items():
        place = f"{script.name}.{name}"
        if not isinstance(about, dict):
            yield Problem(f"{place}: the declaration is no mapping; MAAS fails on every commissioning", hint)
        elif about.get("type") not in TYPES:
            yield Problem(f"{place}: the type {about.get('type')!r} must be one of {', '.join(TYPES)}", hint)
        elif about.get("default") is not None and not isinstance(about["default"], str):
            yield Problem(f"{place}: the default {about['default']!r} must be text", hint)
        elif about["type"] == "runtime" and about.get("default") is not None:
            yield Problem(f"{place}: a runtime can have no default", hint)


def check(script: HeldScript, given: Mapping[str, str], machine: Machine) -> Iterator[Problem]:
    """What is wrong with the values that a script would be given, those left out among them."""
    about = declared(script)
    for name, value in given.items():
        if name not in about:
            known = f"it has {', '.join(about)}" if about else "it has none"
            yield Problem(f"{script.name} has no parameter {name!r}; {known}", close(name, about))
        else:
            yield from _value(f"{script.name}.{name}", about[name], value, machine)
    for name, spec in about.items():
        needed = spec.get("required") is True and spec.get("default") is None and spec.get("type") not in _FILLED_IN
        if needed and name not in given:
            yield Problem(f"{script.name}.{name} is required", f"--param {script.name}.{name}=VALUE")


def close(name: str, known: Mapping[str, object] | Sequence[str]) -> str:
    """A hint that names what was perhaps meant."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {found[0]!r}?" if found else ""


def is_secret(script: HeldScript, name: str) -> bool:
    """Whether a value must not be shown, and is given by reference."""
    return declared(script).get(name, {}).get("type") == "password"


def check_secret(script: HeldScript, name: str, text: str) -> Iterator[Problem]:
    """What is wrong with a password that a reference led to; the problems do not show it."""
    place, spec = f"{script.name}.{name}", declared(script)[name]
    if text.split() != [text]:
        yield Problem(f"{place}: the password holds blanks, at which the arguments are split", "use one without")
    yield from _length(place, spec, text, "the password")


def _value(place: str, spec: Mapping[str, Any], value: str, machine: Machine) -> Iterator[Problem]:
    kind = spec.get("type")
    if not value:
        yield Problem(f"{place}: empty", "leave it out to use the default")
    elif kind == "password":
        if not _REFERENCE.fullmatch(value):
            yield Problem(f"{place}: a password is given by reference, env:NAME or file:/path, never as it is")
    elif value.split() != [value]:
        yield Problem(f"{place}: {value!r} holds blanks, at which the arguments are split", "give a value without")
    elif kind == "boolean" and value not in ("true", "false"):
        yield Problem(f"{place}: {value!r} must be true or false")
    elif kind == "choice" and value not in (choices := _choices(spec)):
        yield Problem(f"{place}: {value!r} must be one of {', '.join(choices)}", close(value, choices))
    elif kind == "runtime":
        yield from _runtime(place, spec, value)
    elif kind == "string":
        yield from _length(place, spec, value, repr(value))
    elif kind == "url":
        urls = value.split(",") if spec.get("allow_list") else [value]
        for url in urls:
            if not _URL.fullmatch(url):
                yield Problem(f"{place}: {url!r} is no URL such as https://example.com/")
    elif kind in ("storage", "interface"):
        yield from _devices(place, kind, value, machine)


def _choices(spec: Mapping[str, Any]) -> list[str]:
    return [str(item[0]) if isinstance(item, list) else str(item) for item in spec.get("choices") or []]


def _runtime(place: str, spec: Mapping[str, Any], value: str) -> Iterator[Problem]:
    low, high = spec.get("min", 0), spec.get("max")
    most = f" and at most {high}" if high is not None else ""
    if not re.fullmatch(r"[0-9]+", value) or int(value) < low or (high is not None and int(value) > high):
        yield Problem(f"{place}: {value!r} must be a whole number of seconds, at least {low}{most}")


def _length(place: str, spec: Mapping[str, Any], value: str, shown: str) -> Iterator[Problem]:
    low, high = spec.get("min"), spec.get("max")
    if low is not None and len(value) < low:
        yield Problem(f"{place}: {shown} must have at least {low} characters")
    if high is not None and len(value) > high:
        yield Problem(f"{place}: {shown} must have at most {high} characters")


def _devices(place: str, kind: str, value: str, machine: Machine) -> Iterator[Problem]:
    if kind == "storage":
        known = {name for disk in machine.disks for name in (disk.name, disk.serial) if name}
    else:
        known = set(machine.interfaces)
    for name in value.split(","):
        if name != "all" and name not in known:
            listed = ", ".join(sorted(known)) or "none that MAAS knows"
            yield Problem(f"{place}: {name!r} must be 'all', or of the machine: {listed}", close(name, sorted(known)))
